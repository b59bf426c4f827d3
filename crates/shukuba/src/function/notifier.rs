//! The notifier as a function: the event says route, share and deadline; the answer is what it did.
//!
//! It works until the event's deadline, or until [`END_MARGIN`] before Lambda would kill it. Everything is settled or handed back
//! before it answers. Meanwhile it tells that it lives, so that the scaler knows whom to replace.
//!
//! The connections to receivers are made anew in each invocation: those of the last were frozen, and what is sent on one that the
//! receiver has closed meanwhile cannot be told from what arrived.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base::{Clock, SystemClock, Timestamp};
use delivery::config::Settings;
use delivery::notifier::Summary;
use delivery::port::StartEvent;
use delivery::result::{Salt, SentBy};
use delivery::results::ObjectResults;
use delivery::scaler::Reports;

use super::ground::Ground;
use super::met::Met;
use super::runtime::Invocation;
use super::variable;
use crate::app::usage;
use crate::lone::{self, Order, Ready};

/// How long before Lambda's deadline the life ends. Chosen: a life may be overrun by a second, and the answer must be out.
const END_MARGIN: Duration = Duration::from_secs(5);

/// What is in flight may take so long where the notifier ends because nobody hears of it: less than is left until another has its
/// share of the limits. Chosen.
const UNHEARD_GRACE: Duration = Duration::from_secs(10);

/// A notifier that waits for its event.
#[derive(Debug)]
pub(super) struct Notify {
    ground: Ground,
    settings: Settings,
    objects: ObjectResults,
    salt: Salt,
    function: String,
    /// Where it tells of itself; a deployment without believes in each notifier until its deadline.
    reports: Option<Reports>,
}

impl Notify {
    pub(super) async fn begin(ground: Ground) -> anyhow::Result<Self> {
        let settings = ground.config.delivery();
        let place = variable("SHUKUBA_RESULTS").or_else(|| settings.results.url.clone());
        let place = place.ok_or_else(|| {
            usage("nothing says where results go: set SHUKUBA_RESULTS to `s3://bucket/prefix`")
        })?;
        if let aws::Place::Folder(_) = aws::Place::parse(&place)? {
            return Err(usage(format!(
                "results in `{place}` would be lost with this environment: give `s3://bucket/prefix`"
            )));
        }
        let objects = aws::open_results(&ground.account, &place)?;
        let salt = Salt::in_store(&objects)
            .await
            .context("the results cannot be used")?;
        let function = variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "notifier".into());
        let reports = match variable("SHUKUBA_MEMORY") {
            Some(place) => Some(aws::reports_at(&ground.account, &place)?),
            None => None,
        };
        Ok(Self {
            ground,
            settings,
            objects,
            salt,
            function,
            reports,
        })
    }

    pub(super) async fn call(&self, invocation: &Invocation) -> anyhow::Result<serde_json::Value> {
        let event: StartEvent = serde_json::from_slice(&invocation.payload)
            .context("the event is none that the scaler sends")?;
        let answer = self.notify(&event, invocation).await;
        if let Some(reports) = &self.reports {
            reports.tell_end(&event).await;
        }
        answer
    }

    async fn notify(
        &self,
        event: &StartEvent,
        invocation: &Invocation,
    ) -> anyhow::Result<serde_json::Value> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let end = ends_at(event, invocation.deadline);
        let secrets = self.ground.secrets();
        let met = Arc::new(Met::default());
        let ground = lone::Ground {
            settings: &self.settings,
            account: &self.ground.account,
            objects: self.objects.clone(),
            salt: self.salt,
            secrets: &secrets,
            counts: met.clone(),
            clock: clock.clone(),
            sent_by: self.sent_by(event, invocation),
        };
        let order = Order {
            route: event.route.clone(),
            queue: None,
            results: None,
            life: None,
            metrics: None,
            share: event.share,
        };
        let ready = lone::prepare(&ground, &order).await?;
        let life = end.since(clock.now());
        tracing::info!(
            request_id = invocation.request_id,
            route = event.route,
            plan = event.plan,
            index = event.index,
            ?life,
            "notifying"
        );
        let summary = match life {
            Duration::ZERO => Summary::default(),
            life => self.work(ready, event, &met, life).await,
        };
        let answer = lone::json(&summary);
        tracing::info!(request_id = invocation.request_id, %answer, "notified");
        Ok(answer)
    }

    /// Works, and tells of it meanwhile. One that cannot tell any more ends: it is about to be taken for dead.
    async fn work(&self, ready: Ready, event: &StartEvent, met: &Met, life: Duration) -> Summary {
        let Some(reports) = &self.reports else {
            return ready.run(life).await;
        };
        let handle = ready.handle();
        let work = ready.run(life);
        tokio::pin!(work);
        tokio::select! {
            summary = &mut work => return summary,
            () = reports.keep_telling(event, || met.names()) => {}
        }
        tracing::warn!("ending: nobody hears that this notifier lives");
        handle.stop(UNHEARD_GRACE);
        work.await
    }

    fn sent_by(&self, event: &StartEvent, invocation: &Invocation) -> SentBy {
        SentBy {
            notifier: format!(
                "{}-{}-{}-{}",
                self.function, event.route, event.plan, event.index
            ),
            host: self.function.clone(),
            request_id: Some(invocation.request_id.clone()),
        }
    }
}

/// The event's deadline, or what Lambda leaves, whichever is first.
fn ends_at(event: &StartEvent, killed_at: Timestamp) -> Timestamp {
    Timestamp::from_millis(event.deadline_ms).min(killed_at.minus(END_MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use delivery::share::Share;

    #[test]
    fn it_ends_by_the_event_and_before_it_would_be_killed() {
        let event = |deadline: u64| StartEvent {
            route: "s2s".to_owned(),
            plan: 1,
            index: 0,
            count: 1,
            share: Share::WHOLE,
            deadline_ms: deadline * 1_000,
        };
        for (deadline, killed, end) in [(300, 330, 300), (300, 300, 295), (300, 100, 95)] {
            let found = ends_at(&event(deadline), Timestamp::from_secs(killed));
            assert_eq!(found, Timestamp::from_secs(end), "{deadline} {killed}");
        }
    }
}
