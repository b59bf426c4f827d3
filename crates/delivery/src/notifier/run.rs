//! The loop around the dispatcher: calls the ports, counts, ends in time.
//!
//! All sends and calls of a notifier run inside one task, so that nothing is shared between threads: to use more
//! cores, run more notifiers. Dropping the future gives everything up; leases bring the messages back.
//!
//! One that is told to stop ends as soon as all that it holds is settled or handed back. A long poll of a queue elsewhere that
//! has found nothing is then given up, not awaited. What such a queue took out for it in that very moment is leased to nobody: it counts
//! as received once, and comes again when that lease ends. A poll that may still be answered with what was there is awaited.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base::{Clock, MetricSink};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::action::{Action, Counts, Directives, JobKey, MessageKey, Moment, Send};
use super::beside;
use super::dispatcher::{Dispatcher, Setup};
use super::handle::{Handle, Orders};
use super::limits::Limits;
use super::load::Load;
use super::metrics::emit;
use super::quota::Quota;
use crate::allot::Waiting;
use crate::config;
use crate::destinations::Destinations;
use crate::format::Format;
use crate::port::{Attempt, Error, Lease, Outcome, Queue, Received, RetryWait, Sender};

/// How often counts go to the metrics, and the in-flight share of a queue elsewhere is asked for.
const COUNT_EVERY: Duration = Duration::from_secs(1);
const SHARE_EVERY: Duration = Duration::from_secs(5);

/// How often one that shares a rate tells what waits for it; chosen: half as long as until that is decided anew.
const WAITING_EVERY: Duration = Duration::from_millis(25);

/// A receive that has been under way for so long found nothing and waits: what was there is answered sooner. Chosen.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// The wait between two tries to settle: doubles from the first to the second.
const SETTLE_BACKOFF_MIN: Duration = Duration::from_millis(50);
const SETTLE_BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What a notifier is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The route's name, for metrics and logs.
    pub route: Arc<str>,
    /// Where messages come from and results go to.
    pub queue: Arc<dyn Queue>,
    /// How notifications are sent.
    pub sender: Arc<dyn Sender>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where counts go.
    pub metrics: Arc<dyn MetricSink>,
    /// How lines are read.
    pub format: Format,
    /// How long a notification is tried.
    pub retry_for: Duration,
    /// What one that failed does to its group on a FIFO queue.
    pub on_failure: config::OnFailure,
    /// How it works.
    pub notifier: config::Notifier,
    /// The rules for receivers.
    pub destinations: Arc<Destinations>,
    /// Decides the jitter; take it from [`base::id::random_bytes`].
    pub seed: u64,
}

/// What a notifier did in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages received.
    pub received: u64,
    /// What became of their notifications.
    pub counts: Counts,
    /// Messages whose results could not be stored: their leases end and they come again.
    pub unsettled: u64,
}

/// A notifier that has not begun.
#[derive(Debug)]
pub struct Notifier {
    parts: Parts,
    orders: watch::Receiver<Orders>,
    leaving: watch::Sender<bool>,
    limits: watch::Sender<Limits>,
    waiting: watch::Sender<Waiting>,
}

impl Notifier {
    /// A notifier, and the handle that directs it.
    #[must_use]
    pub fn new(parts: Parts, directives: Directives) -> (Self, Handle) {
        let (sender, orders) = watch::channel(Orders {
            directives,
            stop_within: None,
        });
        let (leaving, is_leaving) = watch::channel(false);
        let (limits, told) = watch::channel(Limits::default());
        let (waiting, waits) = watch::channel(Waiting::default());
        let handle = Handle {
            orders: Arc::new(sender),
            leaving: is_leaving,
            limits: told,
            waiting: waits,
            longest_send: parts.destinations.longest_attempt(),
        };
        let notifier = Self {
            parts,
            orders,
            leaving,
            limits,
            waiting,
        };
        (notifier, handle)
    }

    /// Works for `life` at most, or until it is stopped; then everything is settled or handed back.
    ///
    /// Must run inside a tokio runtime with its time enabled.
    pub async fn run(mut self, life: Duration) -> Summary {
        let sender = self.parts.sender.clone();
        let mut sends = FuturesUnordered::new();
        let mut shell = Shell::new(&self.parts, life, &self.limits);
        let orders = self.orders.borrow_and_update().clone();
        shell.obey(&orders);
        let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        let mut slept_until = None;
        let mut may_change = true;
        let mut restless = 0;
        loop {
            // Before all else: where work never rests, nobody would come to hear of orders below.
            if self.orders.has_changed().unwrap_or(false) {
                let orders = self.orders.borrow_and_update().clone();
                shell.obey(&orders);
            }
            let now = shell.now();
            let drops = shell.act(now, |send| sends.push(send_one(sender.clone(), send)));
            if drops {
                sends.clear();
            }
            shell.tell_waiting(now, &self.waiting);
            if shell.dispatcher.is_closing() {
                self.leaving
                    .send_if_modified(|is_leaving| !std::mem::replace(is_leaving, true));
            }
            if shell.is_done(now) {
                break;
            }
            let wake_at = shell.wake_at();
            if slept_until != Some(wake_at) {
                let wait = wake_at.saturating_sub(now.mono);
                sleep
                    .as_mut()
                    .reset(tokio::time::Instant::now() + wait.min(Duration::from_secs(3600)));
                slept_until = Some(wake_at);
            }
            // What is received without waiting must not keep the runtime from looking at the sockets.
            if restless >= shell.quota.rounds_max() {
                restless = 0;
                tokio::task::yield_now().await;
            }
            restless += 1;
            let wake = std::future::poll_fn(|cx| {
                let mut is_awake = shell.poll(cx, &mut sends);
                if sleep.as_mut().poll(cx).is_ready() {
                    slept_until = None;
                    is_awake = true;
                }
                if is_awake {
                    Poll::Ready(())
                } else {
                    restless = 0;
                    Poll::Pending
                }
            });
            tokio::select! {
                biased;
                () = wake => {}
                changed = self.orders.changed(), if may_change => {
                    // Without a handle nobody can give orders any more; the work goes on.
                    may_change = changed.is_ok();
                    let orders = self.orders.borrow_and_update().clone();
                    shell.obey(&orders);
                }
            }
        }
        shell.end()
    }
}

async fn send_one(sender: Arc<dyn Sender>, send: Send) -> (JobKey, Attempt) {
    let attempt = sender
        .send(&send.notification, &send.rules, send.budget)
        .await;
    (send.job, attempt)
}

/// The end of a call to the queue.
enum Event {
    Received(usize, Result<Vec<Received>, Error>),
    Extended(Vec<MessageKey>, Duration, Option<Vec<Lease>>),
    Settled(Vec<MessageKey>, bool),
    /// Of messages that were taken out of a settle, since copies were under way.
    SettledLate(Vec<MessageKey>, bool),
    Released,
    InFlightShare(Option<f64>),
}

/// The dispatcher with the calls that it asked for.
struct Shell<'a> {
    parts: &'a Parts,
    limits: &'a watch::Sender<Limits>,
    dispatcher: Dispatcher,
    calls: FuturesUnordered<BoxFuture<'static, Event>>,
    actions: Vec<Action>,
    deadline: Duration,
    /// Whether it was told to stop.
    must_stop: bool,
    /// When it last asked for messages.
    asked_at: Duration,
    /// Whether any receiver has a second URL.
    has_seconds: bool,
    count_at: Duration,
    share_at: Duration,
    waiting_at: Duration,
    /// Whether it was told that something waits.
    has_waiting: bool,
    load: Load,
    quota: Quota,
    summary: Summary,
}

impl fmt::Debug for Shell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell")
            .field("route", &self.parts.route)
            .finish_non_exhaustive()
    }
}

impl<'a> Shell<'a> {
    fn new(parts: &'a Parts, life: Duration, limits: &'a watch::Sender<Limits>) -> Self {
        let now = moment(parts.clock.as_ref());
        let deadline = now.mono.saturating_add(life);
        let setup = Setup {
            format: parts.format.clone(),
            retry_for: parts.retry_for,
            on_failure: parts.on_failure,
            notifier: parts.notifier.clone(),
            destinations: parts.destinations.clone(),
            traits: parts.queue.traits(),
            sender: parts.sender.clone(),
            seed: parts.seed,
            deadline,
        };
        Self {
            parts,
            limits,
            dispatcher: Dispatcher::new(setup, now),
            calls: FuturesUnordered::new(),
            actions: Vec::new(),
            deadline,
            must_stop: false,
            asked_at: Duration::ZERO,
            has_seconds: parts.destinations.has_seconds(),
            count_at: now.mono + COUNT_EVERY,
            share_at: now.mono,
            waiting_at: now.mono,
            has_waiting: false,
            load: Load::new(now.mono),
            quota: Quota::default(),
            summary: Summary::default(),
        }
    }

    fn now(&self) -> Moment {
        moment(self.parts.clock.as_ref())
    }

    fn wake_at(&self) -> Duration {
        let waiting_at = if self.has_waiting {
            self.waiting_at
        } else {
            Duration::MAX
        };
        self.dispatcher.wake_at().min(self.count_at).min(waiting_at)
    }

    /// Tells what waits for shared rates, now and then.
    fn tell_waiting(&mut self, now: Moment, told: &watch::Sender<Waiting>) {
        if now.mono < self.waiting_at {
            return;
        }
        self.waiting_at = now.mono + WAITING_EVERY;
        let new = self.dispatcher.waiting();
        self.has_waiting = !new.is_empty();
        told.send_if_modified(|known| {
            let is_new = *known != new;
            if is_new {
                *known = new;
            }
            is_new
        });
    }

    /// Does what is to be done; `true` when all sends in flight are to be dropped.
    fn act(&mut self, now: Moment, mut send: impl FnMut(Send)) -> bool {
        self.look_around(now);
        let mut actions = std::mem::take(&mut self.actions);
        self.dispatcher.act(now, &mut actions);
        let mut drops = false;
        for action in actions.drain(..) {
            match action {
                Action::Send(one) => send(one),
                Action::CancelSends => drops = true,
                other => self.call(now, other),
            }
        }
        self.actions = actions;
        drops
    }

    fn call(&mut self, now: Moment, action: Action) {
        let queue = self.parts.queue.clone();
        let call: BoxFuture<'static, Event> = match action {
            Action::Receive(ask) => {
                self.asked_at = now.mono;
                Box::pin(async move { Event::Received(ask.max, queue.receive(ask).await) })
            }
            Action::Extend { keys, leases, span } => Box::pin(async move {
                let lost = queue.extend(&leases, span).await;
                let lost = lost
                    .inspect_err(|error| warn!(%error, "leases not extended"))
                    .ok();
                Event::Extended(keys, now.mono, lost)
            }),
            Action::Release { leases, wait } => Box::pin(async move {
                if let Err(error) = queue.release(&leases, wait).await {
                    warn!(%error, count = leases.len(), "messages come back only when their leases end");
                }
                Event::Released
            }),
            Action::Settle { keys, outcomes } => {
                let (keys, outcomes) = match self.has_seconds {
                    false => (keys, outcomes),
                    true => self.settle_late((keys, outcomes)),
                };
                let (clock, deadline) = (self.parts.clock.clone(), self.deadline);
                Box::pin(async move {
                    let is_settled = settle(queue, clock, deadline, outcomes).await;
                    Event::Settled(keys, is_settled)
                })
            }
            Action::Send(_) | Action::CancelSends => return,
        };
        self.calls.push(call);
    }

    /// Settles what waits for copies once they have ended; gives the rest.
    fn settle_late(&mut self, batch: beside::Batch) -> beside::Batch {
        let (ready, (keys, mut outcomes)) = beside::split(batch);
        let (metrics, route) = (self.parts.metrics.clone(), self.parts.route.clone());
        beside::count(metrics.as_ref(), &route, &ready.1);
        if !keys.is_empty() {
            let (queue, clock) = (self.parts.queue.clone(), self.parts.clock.clone());
            let deadline = self.deadline;
            self.calls.push(Box::pin(async move {
                beside::ended(&mut outcomes).await;
                beside::count(metrics.as_ref(), &route, &outcomes);
                let is_settled = settle(queue, clock, deadline, outcomes).await;
                Event::SettledLate(keys, is_settled)
            }));
        }
        ready
    }

    /// Takes what has ended; `true` when something did.
    fn poll<F>(&mut self, cx: &mut Context<'_>, sends: &mut FuturesUnordered<F>) -> bool
    where
        F: Future<Output = (JobKey, Attempt)>,
    {
        let mut taken = 0;
        let mut now = None;
        let most = self.quota.round();
        while taken < most {
            let Poll::Ready(Some((job, attempt))) = sends.poll_next_unpin(cx) else {
                break;
            };
            let now = *now.get_or_insert_with(|| moment(self.parts.clock.as_ref()));
            self.dispatcher.finished(now, job, attempt);
            taken += 1;
        }
        self.quota.took(taken);
        while let Poll::Ready(Some(event)) = self.calls.poll_next_unpin(cx) {
            let now = *now.get_or_insert_with(|| moment(self.parts.clock.as_ref()));
            self.take(now, event);
            taken += 1;
        }
        taken > 0
    }

    fn take(&mut self, now: Moment, event: Event) {
        match event {
            Event::Received(asked, Ok(batch)) => {
                self.summary.received += u64::try_from(batch.len()).unwrap_or(u64::MAX);
                self.dispatcher.received(now, batch, asked);
            }
            Event::Received(asked, Err(error)) => {
                warn!(route = %self.parts.route, %error, "nothing received");
                self.dispatcher.receive_failed(now, asked);
            }
            Event::Extended(keys, asked_at, lost) => {
                self.dispatcher
                    .extended(now, keys, asked_at, lost.as_deref());
            }
            Event::Settled(keys, is_settled) => {
                self.count_unsettled(&keys, is_settled);
                self.dispatcher.settled(&keys);
            }
            Event::SettledLate(keys, is_settled) => {
                self.count_unsettled(&keys, is_settled);
                self.dispatcher.forget(&keys);
            }
            Event::InFlightShare(Some(share)) => self.dispatcher.set_in_flight_share(share),
            Event::InFlightShare(None) | Event::Released => {}
        }
    }

    fn count_unsettled(&mut self, keys: &[MessageKey], is_settled: bool) {
        if !is_settled {
            self.summary.unsettled += u64::try_from(keys.len()).unwrap_or(u64::MAX);
        }
    }

    fn obey(&mut self, orders: &Orders) {
        let now = self.now();
        self.quota.set(orders.directives.turn);
        self.dispatcher.direct(now, orders.directives.clone());
        if let Some(grace) = orders.stop_within {
            self.must_stop = true;
            self.deadline = self.deadline.min(now.mono + grace);
            self.dispatcher.drain(now, self.deadline);
        }
    }

    fn look_around(&mut self, now: Moment) {
        if let Some(share) = self.load.share(now.mono) {
            self.dispatcher.set_load(share);
        }
        if now.mono >= self.count_at {
            self.count_at = now.mono + COUNT_EVERY;
            self.count();
        }
        if now.mono >= self.share_at && self.parts.queue.traits().retry_wait == RetryWait::Resend {
            self.share_at = now.mono + SHARE_EVERY;
            let queue = self.parts.queue.clone();
            let share = async move { Event::InFlightShare(queue.in_flight_share().await.ok()) };
            self.calls.push(Box::pin(share));
        }
    }

    fn count(&mut self) {
        let (metrics, route) = (&self.parts.metrics, &self.parts.route);
        let summary = &mut self.summary;
        let limits = self.dispatcher.limits();
        self.limits.send_if_modified(|known| {
            let is_new = *known != limits;
            *known = limits;
            is_new
        });
        self.dispatcher.take_counts(|destination, counts| {
            summary.counts.add(counts);
            emit(metrics.as_ref(), route, destination, counts);
        });
    }

    fn is_done(&self, now: Moment) -> bool {
        let receives = self.dispatcher.receives() as usize;
        let may_drop_receives = receives == 0
            || self.parts.queue.traits().retry_wait == RetryWait::Native
            // A life that ends by itself has no poll that lasts beyond it.
            || (self.must_stop && now.mono >= self.asked_at + ANSWERED_WITHIN);
        let is_settled =
            self.dispatcher.is_done() && self.calls.len() <= receives && may_drop_receives;
        // A settle that does not come to its end must not hold the notifier beyond its life.
        is_settled || now.mono >= self.deadline.saturating_add(Duration::from_secs(1))
    }

    fn end(mut self) -> Summary {
        self.count();
        debug!(route = %self.parts.route, summary = ?self.summary, "notifier ended");
        self.summary
    }
}

/// Settles until it is done, or until the deadline or a refusal; whether it is done.
async fn settle(
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    outcomes: Vec<Outcome>,
) -> bool {
    let mut backoff = SETTLE_BACKOFF_MIN;
    if outcomes.is_empty() {
        return true;
    }
    loop {
        let Err(error) = queue.settle(&outcomes).await else {
            return true;
        };
        warn!(%error, count = outcomes.len(), "results not stored; their messages stay in the queue");
        if !error.is_passing() || clock.monotonic() + backoff >= deadline {
            return false;
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(SETTLE_BACKOFF_MAX);
    }
}

fn moment(clock: &dyn Clock) -> Moment {
    Moment {
        wall: clock.now(),
        mono: clock.monotonic(),
    }
}
