//! What drives one environment, from its first invocation to its end.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::pool::{Idle, Key};
use super::{Place, Seat};
use crate::function::Runnable;
use crate::port::Usage;
use crate::sandbox::{Call, Environment, Outcome};

/// How long a runtime may take after its answer to ask for the next call before the caller is told. Whoever calls again at once then
/// finds the environment waiting. Chosen.
const SETTLE: Duration = Duration::from_millis(20);

/// What a fleet is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It takes calls.
    Open,
    /// It takes no more calls, and lets those end that run.
    Draining,
    /// All environments end now.
    Killed,
}

/// Waits until all environments are to end.
pub(super) async fn killed(stage: &mut watch::Receiver<Stage>) {
    // Nobody who could say more is the end as well.
    let _ = stage.wait_for(|stage| *stage == Stage::Killed).await;
}

/// One call for an environment.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) call: Call,
    pub(super) seat: Seat,
    /// The environment itself, which waits in the pool again afterwards.
    pub(super) idle: Idle<mpsc::Sender<Work>>,
    /// The function as this caller named it.
    pub(super) runnable: Runnable,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// What is told of a call.
#[derive(Debug)]
pub(super) enum Reply {
    /// It has ended.
    Done(Box<Outcome>),
    /// It has not begun: the environment was dead.
    Again(Box<(Call, Seat)>),
}

/// Drives one environment.
pub(super) struct Keeper {
    place: Place,
    key: Key,
    orders: mpsc::Receiver<Work>,
    stage: watch::Receiver<Stage>,
}

impl Keeper {
    pub(super) const fn new(
        place: Place,
        key: Key,
        orders: mpsc::Receiver<Work>,
        stage: watch::Receiver<Stage>,
    ) -> Self {
        Self {
            place,
            key,
            orders,
            stage,
        }
    }

    /// Works until the environment is of no more use.
    pub(super) async fn run(mut self, mut environment: Environment) {
        while let Some(work) = self.next(&mut environment).await {
            if !self.work(&mut environment, work).await {
                break;
            }
        }
        self.refuse();
        let stage = *self.stage.borrow();
        match stage {
            // The fleet looks for strays of all environments at once.
            Stage::Killed => environment.discard().await,
            Stage::Open | Stage::Draining => environment.end().await,
        }
    }

    /// Waits for work; none when the environment is to end.
    async fn next(&mut self, environment: &mut Environment) -> Option<Work> {
        let idle = self.place.shared.config.idle;
        loop {
            tokio::select! {
                biased;
                () = killed(&mut self.stage) => return None,
                work = self.orders.recv() => return work,
                () = environment.died() => return None,
                () = tokio::time::sleep(idle) => {
                    // Whoever took it out meanwhile is about to send work.
                    if self.leave() {
                        return None;
                    }
                }
            }
        }
    }

    /// Takes it out of the pool. Whether it was there.
    fn leave(&self) -> bool {
        let mut state = self.place.shared.state.lock();
        state.pool.remove(&self.key, self.place.id)
    }

    /// Runs one call. Whether the environment is fit for another.
    async fn work(&mut self, environment: &mut Environment, work: Work) -> bool {
        if environment.has_died() {
            again(work);
            return false;
        }
        let Work {
            call,
            seat,
            idle,
            runnable,
            reply,
        } = work;
        environment.named(&runnable.invoked_arn);
        let outcome = tokio::select! {
            biased;
            () = killed(&mut self.stage) => return false,
            outcome = environment.invoke(&call) => outcome,
        };
        self.count(&runnable, &outcome);
        let is_ready = environment.settle(SETTLE).await;
        let mut idle = Some(idle);
        let mut is_kept = is_ready && self.rest(environment, idle.take());
        drop(seat);
        // Who asked may be gone.
        let _ = reply.send(Reply::Done(Box::new(outcome)));
        if !is_ready && environment.is_alive() {
            is_kept = self.settle_late(environment, &runnable).await
                && self.rest(environment, idle.take());
        }
        is_kept
    }

    /// Waits as long for the runtime as the function may take.
    async fn settle_late(&mut self, environment: &mut Environment, runnable: &Runnable) -> bool {
        let within = Duration::from_secs(runnable.settings.timeout_secs.into());
        tokio::select! {
            biased;
            () = killed(&mut self.stage) => false,
            is_ready = environment.settle(within) => is_ready,
        }
    }

    /// Lets it wait in the pool, frozen. Whether it is wanted there.
    fn rest(&self, environment: &Environment, idle: Option<Idle<mpsc::Sender<Work>>>) -> bool {
        environment.freeze();
        let Some(idle) = idle else {
            return false;
        };
        let mut state = self.place.shared.state.lock();
        state.pool.give_back(&self.key, idle)
    }

    fn count(&self, runnable: &Runnable, outcome: &Outcome) {
        let shared = &self.place.shared;
        shared.counts.ended(runnable, outcome);
        shared.ports.meter.used(&Usage {
            function: runnable.name.clone(),
            version: outcome.version.clone(),
            at: shared.ports.clock.now(),
            report: outcome.report,
            is_error: outcome.error.is_some(),
        });
    }

    /// Hands back what was sent to it too late.
    fn refuse(&mut self) {
        self.leave();
        self.orders.close();
        while let Ok(work) = self.orders.try_recv() {
            again(work);
        }
    }
}

/// Hands back a call that has not begun.
fn again(work: Work) {
    let unbegun = Box::new((work.call, work.seat));
    // Who asked may be gone.
    let _ = work.reply.send(Reply::Again(unbegun));
}
