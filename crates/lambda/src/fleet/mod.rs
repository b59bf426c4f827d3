//! All environments of this machine, and which of them runs an invocation.
//!
//! - `engine`: which invocation may run; pure
//! - `pool`: environments that wait
//! - `keep`: what drives one environment
//! - `count`: metrics
//!
//! An invocation takes an environment that waits, or a new one is started for it. Each environment has a task of its own, so that an
//! invocation goes on when who asked for it is gone.

mod count;
mod engine;
mod keep;
mod pool;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, MetricSink};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::warn;

use crate::function::{FunctionName, Runnable};
use crate::port::{Lines, Meter, Packages, Roles, Trouble};
use crate::sandbox::{Account, Call, Environment, Furniture, House, Outcome};
pub(crate) use count::Counts;
pub use count::NAMESPACE;
use engine::{Admission, Counted};
pub use engine::{CONCURRENCY, Throttle, UNRESERVED_MIN};
use keep::{Keeper, Reply, Stage, Work};
use pool::{Idle, Key, Pool};

/// Largest event of a call that is waited for. Source: Lambda quotas, "Invocation payload".
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Environments at once, unless said. Chosen: with 128 MB each they take at most 32 GiB.
pub const ENVIRONMENTS_MAX: usize = 256;
/// How long an environment waits for its next invocation, unless said. Chosen; AWS's is between 5 and 15 minutes.
pub const IDLE: Duration = Duration::from_secs(5 * 60);
/// How long a role's credentials must hold beyond the longest end of an invocation. Chosen.
const KEYS_MARGIN: Duration = Duration::from_secs(60);

/// What a fleet is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// A folder of its own for the folders of environments; what lies in it is removed.
    pub work: PathBuf,
    /// What functions find as `AWS_REGION`.
    pub region: String,
    /// What functions find as `AWS_ENDPOINT_URL`: our server as this machine reaches it.
    pub endpoint: String,
    /// The user that functions run as; the server's own where none is given, who can read all that the server can.
    pub account: Option<Account>,
    /// Whether memory and numbers of processes are bounded by control groups where this process is given them; it then moves itself
    /// into one beside those of the environments. Else memory is sampled.
    pub is_bounded_by_kernel: bool,
    /// How long the start of an environment may take; [`crate::sandbox::INIT_MAX`].
    pub init_max: Duration,
    /// Invocations at once; [`CONCURRENCY`].
    pub concurrency: u32,
    /// Environments at once; [`ENVIRONMENTS_MAX`].
    pub environments_max: usize,
    /// How long an environment waits for its next invocation; [`IDLE`].
    pub idle: Duration,
}

/// What a fleet needs of others.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Credentials.
    pub roles: Arc<dyn Roles>,
    /// Code.
    pub packages: Arc<dyn Packages>,
    /// A place for what functions print.
    pub lines: Arc<dyn Lines>,
    /// A place for counts.
    pub metrics: Arc<dyn MetricSink>,
    /// A place for what is billed.
    pub meter: Arc<dyn Meter>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// Why a call was not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It may run later; on the wire `TooManyRequestsException` with [`Throttle::reason`].
    #[error(transparent)]
    Throttled(#[from] Throttle),
    /// The function's role gives no credentials; on the wire `AccessDeniedException`, "The role defined for the function cannot be
    /// assumed by Lambda.".
    #[error("the function's role cannot be assumed")]
    Role(#[source] Trouble),
    /// The function's code is not there.
    #[error("the function's code cannot be had")]
    Package(#[source] Trouble),
    /// The server stops. The call may have begun, and was cut off.
    #[error("the server stops")]
    Stopping,
}

/// All environments. Dropped, it kills them; [`Fleet::stop`] does so in order.
#[derive(Debug)]
pub struct Fleet {
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
    stage: watch::Sender<Stage>,
}

struct Shared {
    house: Arc<House>,
    config: Config,
    ports: Ports,
    counts: Counts,
    state: Mutex<State>,
    /// Told when an invocation has ended.
    ended: Notify,
}

struct State {
    admission: Admission,
    pool: Pool<mpsc::Sender<Work>>,
    next_id: u64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The place of an invocation that runs; free again when it is dropped.
#[derive(Debug)]
struct Seat {
    shared: Arc<Shared>,
    counted: Counted,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.state.lock().admission.release(&self.counted);
        self.shared.ended.notify_waiters();
    }
}

impl Fleet {
    /// A fleet without environments, after those have been killed that an earlier process left in `config.work`.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub async fn start(config: Config, ports: Ports) -> std::io::Result<Self> {
        let furniture = Furniture {
            region: config.region.clone(),
            endpoint: config.endpoint.clone(),
            account: config.account,
            init_max: config.init_max,
            is_bounded_by_kernel: config.is_bounded_by_kernel,
            clock: Arc::clone(&ports.clock),
            lines: Arc::clone(&ports.lines),
        };
        let work = config.work.clone();
        let opening = tokio::task::spawn_blocking(move || House::open(work, furniture));
        let house = Arc::new(opening.await.map_err(std::io::Error::other)??);
        let mut tasks = JoinSet::new();
        let (stage, mut end) = watch::channel(Stage::Open);
        let watched = Arc::clone(&house);
        tasks.spawn(async move {
            tokio::select! {
                () = watched.watch() => {}
                () = keep::killed(&mut end) => {}
            }
        });
        let state = State {
            admission: Admission::new(config.concurrency),
            pool: Pool::new(),
            next_id: 0,
        };
        let shared = Shared {
            house,
            counts: Counts::new(Arc::clone(&ports.metrics)),
            config,
            ports,
            state: Mutex::new(state),
            ended: Notify::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            tasks: Mutex::new(tasks),
            stage,
        })
    }

    /// Runs `call` by `runnable` and waits for its end. It goes on when this is dropped once an environment has it.
    ///
    /// # Errors
    /// [`Refused`]; an error of the function is an outcome.
    pub async fn invoke(&self, runnable: &Runnable, call: Call) -> Result<Outcome, Refused> {
        let mut seat = self.admit(runnable)?;
        let mut call = call;
        loop {
            let idle = match self.idle(runnable) {
                Some(idle) => idle,
                None => self.begin(runnable).await?,
            };
            let (reply, answer) = oneshot::channel();
            let orders = idle.orders.clone();
            let work = Work {
                call,
                seat,
                idle,
                runnable: runnable.clone(),
                reply,
            };
            if let Err(mpsc::error::SendError(unsent)) = orders.send(work).await {
                (call, seat) = (unsent.call, unsent.seat);
                continue;
            }
            drop(orders);
            match answer.await {
                Ok(Reply::Done(outcome)) => return Ok(*outcome),
                // It had died where it waited.
                Ok(Reply::Again(again)) => (call, seat) = *again,
                Err(_) => return Err(Refused::Stopping),
            }
        }
    }

    /// Says what all functions together have reserved; others share the rest.
    pub fn set_reserved(&self, total: u32) {
        self.shared.state.lock().admission.set_reserved(total);
    }

    /// How many invocations of a function run.
    #[must_use]
    pub fn running(&self, name: &FunctionName) -> u32 {
        self.shared.state.lock().admission.running(name)
    }

    /// Ends the environments of a function that is gone.
    pub fn forget(&self, name: &FunctionName) {
        self.shared.state.lock().pool.forget(name);
    }

    /// Lets what runs end within `within`, then kills all environments. Nothing of them is left when this returns.
    pub async fn stop(&self, within: Duration) {
        self.stage.send_if_modified(|stage| {
            let is_open = *stage == Stage::Open;
            if is_open {
                *stage = Stage::Draining;
            }
            is_open
        });
        let _ = tokio::time::timeout(within, self.idled()).await;
        self.stage.send_replace(Stage::Killed);
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        while tasks.join_next().await.is_some() {}
        let house = Arc::clone(&self.shared.house);
        match tokio::task::spawn_blocking(move || house.sweep()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the folders of functions were not removed"),
            Err(error) => warn!(%error, "the folders of functions were not removed"),
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Waits until nothing runs.
    async fn idled(&self) {
        loop {
            let ended = self.shared.ended.notified();
            if self.shared.state.lock().admission.total() == 0 {
                return;
            }
            ended.await;
        }
    }

    fn admit(&self, runnable: &Runnable) -> Result<Seat, Refused> {
        if *self.stage.borrow() != Stage::Open {
            return Err(Refused::Stopping);
        }
        let mut state = self.shared.state.lock();
        let admission = &mut state.admission;
        let counted = match admission.admit(&runnable.name, runnable.reserved) {
            Ok(counted) => counted,
            Err(throttle) => {
                drop(state);
                return Err(self.throttled(runnable, throttle));
            }
        };
        let (own, all) = (admission.running(&runnable.name), admission.total());
        let unreserved = admission.shared();
        drop(state);
        self.shared.counts.began(runnable, own, all, unreserved);
        Ok(Seat {
            shared: Arc::clone(&self.shared),
            counted,
        })
    }

    fn throttled(&self, runnable: &Runnable, throttle: Throttle) -> Refused {
        self.shared.counts.throttled(runnable);
        Refused::Throttled(throttle)
    }

    /// An environment that waits, whose credentials outlast the longest invocation.
    fn idle(&self, runnable: &Runnable) -> Option<Idle<mpsc::Sender<Work>>> {
        let longest = Duration::from_secs(runnable.settings.timeout_secs.into()) + KEYS_MARGIN;
        let needed = self.shared.ports.clock.now().plus(longest);
        let mut state = self.shared.state.lock();
        state.pool.take(&Key::of(runnable), needed)
    }

    /// A new environment.
    async fn begin(&self, runnable: &Runnable) -> Result<Idle<mpsc::Sender<Work>>, Refused> {
        let place = self.place(runnable)?;
        let ports = &self.shared.ports;
        let role = &runnable.settings.role;
        let keys = ports
            .roles
            .assume(role, "lambda.amazonaws.com", runnable.name.as_str())
            .await
            .map_err(Refused::Role)?;
        let unpacked = ports.packages.unpacked(&runnable.code).await;
        let task = unpacked.map_err(Refused::Package)?;
        // Work goes in one at a time.
        let (orders, received) = mpsc::channel(1);
        let idle = Idle {
            id: place.id,
            orders,
            until: keys.until,
        };
        let house = Arc::clone(&self.shared.house);
        let environment = Environment::new(house, runnable.clone(), task, keys);
        let keeper = Keeper::new(place, Key::of(runnable), received, self.stage.subscribe());
        let mut tasks = self.tasks.lock();
        // Beyond this stage nobody would wait for it.
        if *self.stage.borrow() == Stage::Killed {
            return Err(Refused::Stopping);
        }
        while tasks.try_join_next().is_some() {}
        tasks.spawn(keeper.run(environment));
        Ok(idle)
    }

    /// Room for one more environment.
    fn place(&self, runnable: &Runnable) -> Result<Place, Refused> {
        let now = self.shared.ports.clock.monotonic();
        let most = self.shared.config.environments_max;
        let mut state = self.shared.state.lock();
        // The evicted one ends a moment later; until then there is one more.
        let has_room = state.pool.begin(most)
            || (state.pool.evict() && state.pool.begin(most.saturating_add(EVICTED_MAX)));
        let allowed = match has_room {
            true => state.admission.start(&runnable.name, now),
            false => Err(Throttle::Concurrency),
        };
        if let Err(throttle) = allowed {
            if has_room {
                state.pool.ended();
            }
            drop(state);
            return Err(self.throttled(runnable, throttle));
        }
        state.next_id += 1;
        let id = state.next_id;
        drop(state);
        Ok(Place {
            shared: Arc::clone(&self.shared),
            id,
        })
    }
}

/// Environments that may be on their way out beyond the most that there may be. Chosen.
const EVICTED_MAX: usize = 16;

/// The place of an environment; free again when it is dropped.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.state.lock().pool.ended();
    }
}
