//! What runs beside the calls: alarms are evaluated, hosts and checks looked after, notices sent, metrics kept.

use std::sync::Arc;
use std::time::Duration;

use ::watch::notice::router::Error as NoticeError;
use base::Timestamp;
use cloudwatch::metric::{Dimension, Identity, Unit};
use cloudwatch::series::Datum;
use ec2::InstanceId;
use ec2::engine::State;
use gateway::Registry;
use sqs::Queues;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Watching;
use super::actions::Actions;
use super::measured;
use super::own::{self, Own};
use super::telling::Telling;
use crate::serve::archiving::Archiving;
use crate::serve::functions::Workshop;
use crate::serve::live::Live;

/// How often alarms and notices are looked at: the grain of ten-second periods and of group waits.
const SECOND: Duration = Duration::from_secs(1);
/// How often hosts and checks are looked after. Chosen: a fraction of the shortest silence that counts.
const HOSTS_EVERY: Duration = Duration::from_secs(5);
/// How often hours of metrics are sealed and what is old is dropped. Chosen.
const UPKEEP_EVERY: Duration = Duration::from_secs(30);
/// Events of checks that are told at once. Chosen.
const EVENTS: usize = 100;

/// What the tasks need beside the watch.
#[derive(Clone)]
pub(in crate::serve) struct Around {
    pub(in crate::serve) live: Arc<Live>,
    pub(in crate::serve) queues: Arc<Queues>,
    pub(in crate::serve) registry: Arc<Registry>,
    /// What alarms start; without functions there is none.
    pub(in crate::serve) workshop: Option<Workshop>,
    /// How far the archive is; none without one.
    pub(in crate::serve) archiving: Option<Arc<Archiving>>,
    /// The page that notices lead to.
    pub(in crate::serve) url: String,
}

impl Watching {
    /// Starts what runs beside the calls.
    pub(in crate::serve) fn begin(
        &self,
        tasks: &mut JoinSet<()>,
        around: Around,
        stop: &watch::Receiver<bool>,
    ) {
        let watching = self.clone();
        tasks.spawn(every(SECOND, stop.clone(), move || {
            let watching = watching.clone();
            async move { watching.sync().await }
        }));
        let watching = self.clone();
        tasks.spawn(every(UPKEEP_EVERY, stop.clone(), move || {
            let watching = watching.clone();
            async move { watching.keep_up().await }
        }));
        tasks.spawn(self.logs.clone().keep(stop.clone()));
        tasks.spawn(self.clone().evaluate(around.workshop.clone(), stop.clone()));
        let watching = self.clone();
        tasks.spawn(every(HOSTS_EVERY, stop.clone(), move || {
            let watching = watching.clone();
            async move { watching.look_after_hosts().await }
        }));
        tasks.spawn(self.clone().follow_hosts(stop.clone()));
        let telling = Arc::new(Telling {
            router: self.router.clone(),
            queues: around.queues.clone(),
            account: self.place.account.clone(),
            region: self.place.region.to_string(),
            url: around.url.clone(),
        });
        tasks.spawn(
            self.clone()
                .tell(telling, around.live.clone(), stop.clone()),
        );
        tasks.spawn(self.clone().measure(around, stop.clone()));
    }

    /// Metrics that were put survive a power loss.
    async fn sync(&self) {
        let metrics = self.metrics.clone();
        beside("metrics are not synced", move || metrics.sync()).await;
    }

    async fn keep_up(&self) {
        let metrics = self.metrics.clone();
        beside("metrics are not kept up", move || {
            metrics.upkeep().map(|_| ())
        })
        .await;
    }

    /// Evaluates alarms each second, and runs what they ask for.
    async fn evaluate(self, workshop: Option<Workshop>, mut stop: watch::Receiver<bool>) {
        let actions = Actions {
            router: self.router.clone(),
            instances: self.instances.clone(),
            workshop,
        };
        let mut ticks = ticks(SECOND);
        while tick(&mut ticks, &mut stop).await {
            match self.alarms.evaluate_due(self.clock.now()).await {
                Ok(done) if done.unread > 0 => {
                    tracing::error!(alarms = done.unread, "alarms could not be evaluated");
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "alarms are not evaluated"),
            }
            if let Err(error) = self.alarms.run_actions(&actions).await {
                tracing::error!(%error, "actions of alarms are not run");
            }
        }
    }

    /// Notes silent hosts and missing results, and tells what has come of checks.
    async fn look_after_hosts(&self) {
        if let Err(error) = self.instances.tick().await {
            tracing::error!(%error, "hosts are not looked after");
        }
        match self.board.tick(self.clock.now()).await {
            Ok(reported) => self.put_measured(&reported.metrics).await,
            Err(error) => tracing::error!(%error, "missing results are not looked for"),
        }
    }

    /// Tells the board of checks which hosts are silent, back, or gone for good.
    async fn follow_hosts(self, mut stop: watch::Receiver<bool>) {
        let mut events = self.instances.events();
        if let Err(error) = self.board.resume(self.clock.now()).await {
            tracing::error!(%error, "the board of checks is not there");
        }
        for instance in self.instances.all() {
            self.follow(&instance.id).await;
        }
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                _ = stop.wait_for(|is_stopping| *is_stopping) => return,
            };
            match event {
                Ok(event) => self.follow(event.instance()).await,
                // Too many at once: all are looked at.
                Err(RecvError::Lagged(_)) => {
                    for instance in self.instances.all() {
                        self.follow(&instance.id).await;
                    }
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Tells the board how a host is now.
    async fn follow(&self, id: &InstanceId) {
        let (name, now) = (id.to_string(), self.clock.now());
        if !matches!(self.board.host(&name), Ok(Some(_))) {
            return;
        }
        let done = match self.instances.get(id) {
            Some(it) if it.state == State::Running => match it.silent_since {
                Some(since) => {
                    let text = format!("nothing is heard of the host since {since}");
                    self.board.on_host_gone(&name, &text, now).await
                }
                None => self.board.on_host_back(&name, now).await,
            },
            Some(it) if it.state == State::Pending => return,
            _ => self.board.on_host_left(&name, now).await,
        };
        if let Err(error) = done {
            tracing::error!(instance = %id, %error, "the board of checks is not told of a host");
        }
    }

    /// Hands the events of checks to the router, each once.
    pub(in crate::serve) async fn tell_checks(&self) -> anyhow::Result<()> {
        loop {
            let events = self.board.pending(EVENTS)?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events {
                let taken = match event.notice() {
                    Some(notice) => self.router.take(&notice).await,
                    None => Ok(()),
                };
                match taken {
                    Ok(()) => {}
                    Err(NoticeError::Refused(refused)) => {
                        tracing::error!(check = %event.check, host = %event.host, %refused, "a check is not told");
                    }
                    Err(error) => return Err(error.into()),
                }
                self.board.done(&event.id).await?;
            }
        }
    }

    /// Lets the router's time pass, and sends what it says.
    async fn tell(self, telling: Arc<Telling>, live: Arc<Live>, mut stop: watch::Receiver<bool>) {
        let mut ticks = ticks(SECOND);
        loop {
            tokio::select! {
                goes_on = tick(&mut ticks, &mut stop) => if !goes_on { return },
                () = self.router.handed() => {}
            }
            let settings = live.now().config.notices.clone();
            if let Err(error) = self.tell_checks().await {
                tracing::error!(error = format!("{error:#}"), "checks are not told");
            }
            if let Err(error) = self.router.tick().await {
                tracing::error!(%error, "notices are not looked after");
            }
            if let Err(error) = telling.drain(&settings).await {
                tracing::error!(error = format!("{error:#}"), "notices wait");
            }
        }
    }

    /// Puts the platform's own metrics, each at the end of its minute.
    async fn measure(self, around: Around, mut stop: watch::Receiver<bool>) {
        let mut own = Own::default();
        // What was counted before the first minute belongs to it.
        let mut last = self.clock.now().as_minutes();
        let mut ticks = ticks(SECOND);
        while tick(&mut ticks, &mut stop).await {
            let minute = self.clock.now().as_minutes();
            if minute == last {
                continue;
            }
            let at = Timestamp::from_secs(last * 60);
            last = minute;
            let mut data = own.data(&around.registry.readings(), at);
            data.extend(standing(&around.queues, self.clock.now(), at));
            data.extend(self.host_states(at));
            data.extend(
                around
                    .archiving
                    .iter()
                    .flat_map(|archiving| archiving.data(at)),
            );
            self.put(data).await;
        }
    }

    /// Whether each host that should be there is.
    fn host_states(&self, at: Timestamp) -> Vec<Datum> {
        let running = self.instances.all();
        let running = running.iter().filter(|it| it.state == State::Running);
        let states = running.flat_map(|instance| {
            let failed = f64::from(u8::from(instance.silent_since.is_some()));
            let names = [
                "StatusCheckFailed",
                "StatusCheckFailed_Instance",
                "StatusCheckFailed_System",
            ];
            let id = instance.id.to_string();
            names.map(|name| {
                let dimensions = vec![Dimension::new("InstanceId", &id)];
                let value = if name == "StatusCheckFailed_System" {
                    0.0
                } else {
                    failed
                };
                Datum::new(
                    Identity::new("AWS/EC2", name, dimensions),
                    Unit::Count,
                    at,
                    value,
                )
            })
        });
        states.collect()
    }

    /// Puts what checks say of themselves.
    pub(in crate::serve) async fn put_measured(&self, measured: &[::watch::Datum]) {
        self.put(measured::data(measured)).await;
    }

    /// Puts data of this process.
    pub(in crate::serve) async fn put(&self, data: Vec<Datum>) {
        if data.is_empty() {
            return;
        }
        let metrics = self.metrics.clone();
        beside("the platform's own metrics are not kept", move || {
            metrics.put(&data)
        })
        .await;
    }

    /// The last metrics survive a power loss too.
    pub(in crate::serve) async fn end(&self) {
        let metrics = self.metrics.clone();
        beside("metrics are not closed", move || metrics.close()).await;
    }
}

/// What waits in the queues.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of messages, far below 2^53"
)]
fn standing(queues: &Queues, now: Timestamp, at: Timestamp) -> Vec<Datum> {
    let mut data = Vec::new();
    let mut from: Option<String> = None;
    while let Ok(page) = queues.list("", 1000, from.as_deref()) {
        for queue in &page.queues {
            let Ok(counts) = queues.counts(queue) else {
                continue;
            };
            let age = counts
                .oldest
                .map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
            for (name, unit, value) in [
                (
                    "ApproximateNumberOfMessagesVisible",
                    Unit::Count,
                    counts.visible as f64,
                ),
                (
                    "ApproximateNumberOfMessagesNotVisible",
                    Unit::Count,
                    counts.in_flight as f64,
                ),
                (
                    "ApproximateNumberOfMessagesDelayed",
                    Unit::Count,
                    (counts.delayed + counts.retry) as f64,
                ),
                ("ApproximateAgeOfOldestMessage", Unit::Seconds, age.floor()),
            ] {
                let of_queue = Some(("QueueName", queue.name()));
                data.push(own::standing("AWS/SQS", name, of_queue, unit, at, value));
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    data
}

/// Does `work` where a thread may block; an error goes to the log as `what`.
async fn beside<E: std::error::Error + Send + Sync + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<(), E> + Send + 'static,
) {
    let error = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{:#}", anyhow::Error::new(error)),
        Err(error) => error.to_string(),
    };
    tracing::error!(error, "{what}");
}

fn ticks(span: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(span);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

/// Waits for the next tick; `false` when it is time to end.
async fn tick(ticks: &mut tokio::time::Interval, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = ticks.tick() => !*stop.borrow(),
        changed = stop.changed() => changed.is_ok() && !*stop.borrow(),
    }
}

/// Does `work` again and again until it is time to end.
async fn every<F: Future<Output = ()>>(
    span: Duration,
    mut stop: watch::Receiver<bool>,
    work: impl Fn() -> F,
) {
    let mut ticks = ticks(span);
    while tick(&mut ticks, &mut stop).await {
        work().await;
    }
}
