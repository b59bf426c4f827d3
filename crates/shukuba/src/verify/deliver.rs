//! A notifier of the trial, in this process, by way of AWS's services.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws::Account;
use base::{Clock, MetricSink};
use delivery::config::Settings;
use delivery::notifier::Summary;
use delivery::result::{Decision, Salt, SentBy, Stored};
use delivery::results::set::{Window, lines_of};
use delivery::results::{ObjectResults, Results};
use delivery::share::Share;

use super::ROUTE;
use crate::app::App;
use crate::config::Config;
use crate::data;
use crate::lone::{self, Order};

/// How often the notifier is looked at. Chosen.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What is in flight when all have ended may take so long. Chosen.
const GRACE: Duration = Duration::from_secs(5);
/// Longest time for one send. Chosen: an echo answers at once.
const SEND_TIME: &str = "10s";

/// What the notifier stands on.
pub(super) struct Place<'a> {
    pub(super) app: &'a App,
    pub(super) account: &'a Account,
    pub(super) queue: &'a str,
    pub(super) url: &'a str,
    pub(super) objects: ObjectResults,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether the receiver is on this machine.
    pub(super) is_local: bool,
}

/// The settings of the trial's route.
pub(super) fn settings(queue: &str, is_local: bool) -> anyhow::Result<Settings> {
    Ok(toml::from_str::<Config>(&text(queue, is_local))?.delivery())
}

/// The same as text.
pub(super) fn text(queue: &str, is_local: bool) -> String {
    let allowed = match is_local {
        true => "allow_cidrs = [\"127.0.0.0/8\", \"::1/128\"]",
        false => "",
    };
    format!(
        "[routes.{ROUTE}]\nqueue = \"{queue}\"\n[destinations.\"*\"]\ntimeout_total = \"{SEND_TIME}\"\n{allowed}\n"
    )
}

/// Works until `count` notifications have ended, or for `life`.
pub(super) async fn deliver(
    place: &Place<'_>,
    count: u64,
    life: Duration,
) -> anyhow::Result<Summary> {
    let settings = settings(place.queue, place.is_local)?;
    let ended = Arc::new(Ended::default());
    let ground = lone::Ground {
        settings: &settings,
        account: place.account,
        objects: place.objects.clone(),
        salt: Salt::in_store(&place.objects).await?,
        secrets: &place.app.secrets(),
        counts: ended.clone(),
        clock: place.clock.clone(),
        sent_by: SentBy {
            notifier: "verify-aws".to_owned(),
            host: data::host(),
            request_id: None,
        },
    };
    let order = Order {
        route: ROUTE.to_owned(),
        queue: Some(place.url.to_owned()),
        results: None,
        life: None,
        metrics: None,
        share: Share::WHOLE,
    };
    let ready = lone::prepare(&ground, &order).await?;
    let handle = ready.handle();
    let work = ready.run(life);
    tokio::pin!(work);
    loop {
        tokio::select! {
            summary = &mut work => return Ok(summary),
            () = tokio::time::sleep(LOOK_EVERY) => {
                if ended.0.load(Ordering::Relaxed) >= count {
                    handle.stop(GRACE);
                }
            }
        }
    }
}

/// The notifications that the stored results say are delivered.
pub(super) async fn delivered(results: &Results) -> anyhow::Result<BTreeSet<String>> {
    let mut delivered = BTreeSet::new();
    for entry in results.entries(&Window::default()).await? {
        let Some(index) = results.index(&entry).await? else {
            continue;
        };
        for frame in &index.frames {
            let lines = results.lines(&entry, frame).await?.unwrap_or_default();
            let stored = lines_of(&lines).filter_map(Stored::parse);
            let good = stored.filter(|result| result.verdict == Decision::Delivered);
            delivered.extend(good.map(|result| result.notification_id));
        }
    }
    Ok(delivered)
}

/// Counts what has ended.
#[derive(Debug, Default)]
struct Ended(AtomicU64);

impl MetricSink for Ended {
    fn add(&self, _: &'static str, name: &'static str, _: &[(&'static str, &str)], value: f64) {
        if matches!(
            name,
            "NotificationsDelivered" | "NotificationsDead" | "NotificationsExpired"
        ) {
            self.0.fetch_add(whole(value), Ordering::Relaxed);
        }
    }

    fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, not negative"
)]
fn whole(value: f64) -> u64 {
    value as u64
}
