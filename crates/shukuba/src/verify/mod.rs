//! A bounded trial of an account, with everything between a send and its result: makes what it needs, sends, delivers to an
//! echo, compares results and ledger, sets an alarm, and takes all of it away again.
//!
//! INVARIANT: whatever was made, or may have been, is taken away before this returns, however it ends: a step that fails, a
//! signal, the time or the price. What makes things is never cut off in the middle, so that nothing is made after that.
//!
//! - [`price`]: what it may call at most, and what that costs
//! - [`policy`]: the least that it needs
//! - `deliver`: the notifier; `functions`: scaler and notifier as functions
//! - `clean_up`: how it is taken away

mod clean_up;
mod deliver;
mod functions;
pub(crate) mod policy;
pub(crate) mod price;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use aws::Account;
use aws::counting::{Counts, Kind};
use aws::trial::{Message, Names, Trial};
use base::{Clock, SystemClock};
use delivery::ledger::elsewhere::{self, Sides};
use delivery::ledger::manifest::{self, ManifestBuilder};
use delivery::port::ResultStore as _;
use delivery::results::{ObjectResults, Results};
use delivery::travel;
use serde::Serialize;
use url::Url;

use crate::app::App;
use crate::data;
use crate::signal::Stop;
use crate::sink::{Sink, SinkOptions};
pub(crate) use functions::Package;
use price::{Bound, Tariff, Used};

/// Most notifications of a trial.
pub(crate) const COUNT_MAX: u64 = 1_000;
/// Longest time for a trial, without the clean-up.
pub(crate) const TIMEOUT_MAX: Duration = Duration::from_secs(3_600);
/// How often what was called is compared with its bound. Chosen: some calls more may go out meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a queue is asked whether it is empty: SQS counts late, "typically within a minute" (SQS Developer Guide,
/// "Confirming that a queue is empty").
const EMPTY_TRIES: u32 = 20;
const EMPTY_EVERY: Duration = Duration::from_secs(3);
/// The route's name.
const ROUTE: &str = "verify";

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) count: u64,
    /// The echo; none for one of this process.
    pub(crate) to: Option<Url>,
    pub(crate) timeout: Duration,
    pub(crate) keeps: bool,
    /// What is tried as functions too.
    pub(crate) functions: Option<Package>,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Ok,
    Failed,
    /// A step before it failed.
    Skipped,
}

/// A step.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) step: &'static str,
    pub(crate) state: State,
    pub(crate) detail: String,
    pub(crate) ms: u64,
}

/// How many requests there were.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Called {
    pub(crate) kind: &'static str,
    pub(crate) requests: u64,
}

/// What a trial came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) ok: bool,
    pub(crate) steps: Vec<Step>,
    /// Those of this process; what functions ask is in the dollars with its bound.
    pub(crate) requests: Vec<Called>,
    /// Invocations of the scaler, each of which may have started a notifier.
    pub(crate) plans: u64,
    /// Dollars of these.
    pub(crate) dollars: f64,
    /// Dollars at most.
    pub(crate) dollars_max: f64,
    pub(crate) prices: String,
    /// What is there still: kept because it was asked for, or since it could not be taken away.
    pub(crate) left: Vec<String>,
}

/// A trial in an account.
pub(crate) struct Check<'a> {
    app: &'a App,
    order: Order,
    account: Account,
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
    pub(crate) bound: Bound,
    pub(crate) tariff: Tariff,
    pub(crate) names: Names,
    id: String,
    trial: Trial,
    results: ObjectResults,
    url: String,
    /// Notifications that were sent so far.
    sent: u64,
    /// What was tried of functions.
    tried: functions::Tried,
}

/// What a trial consists of, in order. The last only cleans up.
const STEPS: &[What] = &[
    What::Queues,
    What::Bucket,
    What::Send,
    What::Deliver,
    What::Results,
    What::Ledger,
    What::Alarm,
];
/// What comes after these where functions are tried.
const FUNCTIONS: &[What] = &[
    What::Role,
    What::Functions,
    What::Plan,
    What::Work,
    What::AllResults,
    What::AllInLedger,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Queues,
    Bucket,
    Send,
    Deliver,
    Results,
    Ledger,
    Alarm,
    Role,
    Functions,
    Plan,
    Work,
    AllResults,
    AllInLedger,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Queues => "queues",
            Self::Bucket => "bucket",
            Self::Send => "send",
            Self::Deliver => "deliver",
            Self::Results => "results",
            Self::Ledger => "ledger",
            Self::Alarm => "alarm",
            Self::Role => "role",
            Self::Functions => "functions",
            Self::Plan => "scaler",
            Self::Work => "notifier",
            Self::AllResults => "all results",
            Self::AllInLedger => "all in ledger",
        }
    }

    /// What makes things is not cut off.
    const fn makes(self) -> bool {
        matches!(
            self,
            Self::Queues | Self::Bucket | Self::Alarm | Self::Role | Self::Functions
        )
    }
}

impl<'a> Check<'a> {
    /// A trial that has made nothing yet.
    pub(crate) fn new(app: &'a App, account: Account, order: Order) -> anyhow::Result<Self> {
        let counts = Arc::new(Counts::default());
        let account = account.counted(counts.clone());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let id = hex::encode(base::id::random_bytes::<6>());
        let names = Names::of(&id);
        let tags = BTreeMap::from([
            ("shukuba".to_owned(), "verify-aws".to_owned()),
            ("shukuba-trial".to_owned(), id.clone()),
        ]);
        let trial = Trial::new(&account, clock.clone(), names.clone(), tags)?;
        let place = format!("s3://{}/results", names.bucket);
        Ok(Self {
            app,
            bound: match &order.functions {
                None => Bound::of(order.count, order.timeout),
                Some(_) => Bound::of(order.count, order.timeout).with_functions(order.timeout),
            },
            tariff: Tariff::of(trial.region())?,
            results: aws::open_results(&account, &place)?,
            order,
            account,
            counts,
            clock,
            names,
            id,
            trial,
            url: String::new(),
            sent: 0,
            tried: functions::Tried::default(),
        })
    }

    /// Where it is.
    pub(crate) fn region(&self) -> &str {
        self.trial.region()
    }

    /// Does all of it.
    pub(crate) async fn run(mut self, mut stop: Stop) -> anyhow::Result<Report> {
        let echo = match &self.order.to {
            Some(_) => None,
            None => Some(Sink::bind(SinkOptions::default()).await?),
        };
        let to = match (&self.order.to, &echo) {
            (Some(to), _) => to.clone(),
            (None, Some(sink)) => Url::parse(&format!("http://{}/ok", sink.address))?,
            (None, None) => bail!("there is no receiver"),
        };
        let mut echoing = tokio::task::JoinSet::new();
        if let Some(sink) = echo {
            echoing.spawn(sink.serve(std::future::pending()));
        }
        let mut steps = self.go(&to, &mut stop).await;
        let left = self.clean_up(&mut steps, &mut stop).await;
        echoing.shutdown().await;
        let used = Used {
            notifications: self.sent,
            plans: self.tried.plans,
        };
        let requests = Kind::ALL.map(|kind| Called {
            kind: kind.name(),
            requests: self.counts.of(kind),
        });
        Ok(Report {
            ok: steps.iter().all(|step| step.state == State::Ok),
            steps,
            requests: requests.into(),
            plans: self.tried.plans,
            dollars: self.tariff.counted(&self.counts, used),
            dollars_max: self.bound.dollars(&self.tariff),
            prices: self.tariff.source,
            left,
        })
    }

    /// All steps, until one fails or something ends them.
    async fn go(&mut self, to: &Url, stop: &mut Stop) -> Vec<Step> {
        let mut steps = Vec::new();
        let ends_at = self.clock.monotonic() + self.order.timeout;
        let (counts, bound, clock) = (self.counts.clone(), self.bound, self.clock.clone());
        let mut ended = None;
        let more = self.order.functions.as_ref().map_or(&[][..], |_| FUNCTIONS);
        for what in STEPS.iter().chain(more).copied() {
            let begun = self.clock.monotonic();
            let outcome = match ended {
                Some(_) => None,
                None if what.makes() => Some(self.step(what, to, ends_at).await),
                None => Some(tokio::select! {
                    outcome = self.step(what, to, ends_at) => outcome,
                    why = end(stop, &counts, bound, &*clock, ends_at) => Err(why),
                }),
            };
            let (state, detail) = match outcome {
                None => (State::Skipped, String::new()),
                Some(Ok(detail)) => (State::Ok, detail),
                Some(Err(error)) => (State::Failed, format!("{error:#}")),
            };
            if state == State::Failed {
                ended = Some(what);
            }
            let took = self.clock.monotonic().saturating_sub(begun);
            steps.push(step(what.name(), state, detail, took));
        }
        steps
    }

    async fn step(&mut self, what: What, to: &Url, ends_at: Duration) -> anyhow::Result<String> {
        match what {
            What::Queues => {
                self.url = self.trial.make_queues().await?;
                let Names { queue, dead, .. } = &self.names;
                Ok(format!("`{queue}`, its dead letters in `{dead}`"))
            }
            What::Bucket => {
                self.trial.make_bucket().await?;
                Ok(format!("`{}`", self.names.bucket))
            }
            What::Send => self.send(to).await,
            What::Deliver => self.deliver(to, ends_at).await,
            What::Results => self.compare().await,
            What::Ledger => self.balance().await,
            What::Alarm => self.alarm().await,
            What::Role => self.make_role().await,
            What::Functions => self.make_functions(to, ends_at).await,
            What::Plan => self.plan(to, ends_at).await,
            What::Work => self.wait_for_notifiers().await,
            What::AllResults => self.compare().await,
            What::AllInLedger => self.balance().await,
        }
    }

    /// The base of the ids of message `n`'s lines.
    fn base(&self, n: u64) -> String {
        format!("verify-{}-{n}", self.id)
    }

    /// Sends as many as were asked for, and notes in a manifest what was taken, as `ship` does.
    async fn send(&mut self, to: &Url) -> anyhow::Result<String> {
        let numbers = self.sent..self.sent + self.order.count;
        let message = |n: u64| {
            let mut url = to.clone();
            url.query_pairs_mut()
                .append_pair("shukuba-trial", &self.id)
                .append_pair("n", &n.to_string());
            Message {
                body: url.to_string(),
                attributes: BTreeMap::from([(travel::ID.to_owned(), self.base(n))]),
            }
        };
        let messages: Vec<Message> = numbers.clone().map(message).collect();
        let now = self.clock.now();
        self.sent = numbers.end;
        self.trial.send(&self.url, &messages).await?;
        let mut manifest = ManifestBuilder::new(&self.names.queue, &data::host(), "verify-aws");
        for n in numbers.clone() {
            manifest.add(now, &travel::line_id(&self.base(n), 1));
        }
        let part = format!("{}-{}", self.id, numbers.start);
        let name = manifest::name(&self.names.queue, now, &part);
        self.results.put(&name, manifest.finish()?).await?;
        Ok(format!(
            "{} sent, their ids in a manifest",
            self.order.count
        ))
    }

    async fn deliver(&self, to: &Url, ends_at: Duration) -> anyhow::Result<String> {
        let place = deliver::Place {
            app: self.app,
            account: &self.account,
            queue: &self.names.queue,
            url: &self.url,
            objects: self.results.clone(),
            clock: self.clock.clone(),
            is_local: is_loopback(to),
        };
        let left = ends_at.saturating_sub(self.clock.monotonic());
        let summary = deliver::deliver(&place, self.order.count, left).await?;
        let counts = &summary.counts;
        if summary.received == 0 {
            bail!("nothing was received: the lines before say why, where it was refused");
        }
        if counts.delivered < self.order.count {
            bail!(
                "{} of {} delivered, {} to be tried again, {} dead: does `{to}` answer with 2xx?",
                counts.delivered,
                self.order.count,
                counts.retried,
                counts.dead
            );
        }
        Ok(format!(
            "{} delivered by {} attempts",
            counts.delivered, counts.attempts
        ))
    }

    /// Whether each has its result.
    async fn compare(&self) -> anyhow::Result<String> {
        let results = Results::new(Arc::new(self.results.clone()));
        let found = deliver::delivered(&results).await?;
        let wanted = (0..self.sent).map(|n| travel::line_id(&self.base(n), 1));
        let missing: Vec<_> = wanted.filter(|id| !found.contains(&**id)).collect();
        if let Some(first) = missing.first() {
            bail!("{} have no result, such as `{first}`", missing.len());
        }
        Ok(format!("{} results in the bucket", self.sent))
    }

    /// What the manifest says was accepted, against the results and the queue itself.
    async fn balance(&self) -> anyhow::Result<String> {
        let results = Results::new(Arc::new(self.results.clone()));
        let sides = Sides {
            manifests: &[&self.results],
            results: &results,
            queue: &self.names.queue,
            route: ROUTE,
            from: None,
            to: None,
            now: self.clock.now(),
        };
        let mut account = elsewhere::account(&sides).await?;
        let mut messages = 0;
        for _ in 0..EMPTY_TRIES {
            let live = self.account.counts(&self.url).await?;
            messages = live.messages();
            account.live = Some(live);
            if messages == 0 {
                break;
            }
            tokio::time::sleep(EMPTY_EVERY).await;
        }
        let total = &account.total;
        let drifts = account.drifts();
        if let Some(drift) = drifts.first() {
            bail!("{drift}");
        }
        let count = self.sent;
        if (total.accepted, total.delivered, total.open, messages) != (count, count, 0, 0) {
            bail!(
                "{} accepted, {} delivered, {} open, {messages} still in the queue; {count} were sent",
                total.accepted,
                total.delivered,
                total.open
            );
        }
        Ok(format!(
            "balanced: {count} accepted, {count} delivered, none open"
        ))
    }

    async fn alarm(&self) -> anyhow::Result<String> {
        self.trial.make_alarm().await?;
        for wanted in ["ALARM", "OK"] {
            self.trial.set_alarm(wanted).await?;
            let found = self.trial.alarm_state().await?;
            let found =
                found.context("CloudWatch does not know the alarm that it has just made")?;
            if found != wanted {
                bail!("its state is {found}, and was set to {wanted}");
            }
        }
        Ok(
            "to ALARM and back to OK, set by SetAlarmState: its evaluation is not waited for"
                .into(),
        )
    }
}

/// Why it ends before it is done.
async fn end(
    stop: &mut Stop,
    counts: &Counts,
    bound: Bound,
    clock: &dyn Clock,
    ends_at: Duration,
) -> anyhow::Error {
    loop {
        tokio::select! {
            () = stop.wait() => return anyhow::anyhow!("interrupted"),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if let Some(over) = bound.exceeded(counts) {
            return anyhow::anyhow!("the price limit is reached: {over}");
        }
        if clock.monotonic() >= ends_at {
            return anyhow::anyhow!("the time is over (--timeout)");
        }
    }
}

fn step(name: &'static str, state: State, detail: String, took: Duration) -> Step {
    Step {
        step: name,
        state,
        detail,
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_trial_are_settings() {
        for is_local in [false, true] {
            let settings = deliver::settings("shukuba-verify-1", is_local).unwrap();
            assert_eq!(settings.routes[ROUTE].queue, "shukuba-verify-1");
            let networks = &settings.destinations["*"].allow_cidrs;
            assert_eq!(networks.is_empty(), !is_local);
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for (url, is_local) in [
            ("http://127.0.0.1:5310", true),
            ("http://[::1]:5310", true),
            ("http://localhost/", true),
            ("https://echo.example/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), is_local, "{url}");
        }
    }
}
