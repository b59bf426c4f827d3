//! The port `MetricSource` over CloudWatch: what was sent to the queues of routes, and what waits there.
//!
//! SQS tells CloudWatch of whole minutes (`AWS/SQS`, `NumberOfMessagesSent`), and it does so minutes late. A minute of which
//! nothing is told yet is not one in which nothing was sent: it counts as the newest minute that is told of, for at most
//! [`LATE_MAX`]. Before the newest, nothing told is nothing sent: of a queue that is not active nothing is told.
//!
//! What waits in a route's retry queue waits for a notifier as well: it counts as backlog. What goes there was sent before, and
//! counts as sent no more.
//!
//! A message counts as one notification, since SQS knows of no lines in it. Figures of SQS are approximate.
//!
//! Source: SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS".

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
use aws_smithy_types::DateTime;
use base::Timestamp;
use delivery::port::{Error, Figure, Figures, MetricSource, Stretch};
use futures_util::future::BoxFuture;

use crate::account::{self, Account};
use crate::failure;
use crate::find::FindError;

/// How late figures come: "A delay of up to 15 minutes occurs in CloudWatch metrics when a queue is activated from an inactive
/// state."
pub const LATE_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest span that is asked for: with [`LATE_MAX`] before and behind it and the minutes at its ends within the 1,440
/// datapoints of one GetMetricStatistics. Plans are made at least every hour.
pub const SPAN_MAX: Duration = Duration::from_secs((1440 - 2 * 15 - 2) * 60);
/// What one datapoint stands for.
const MINUTE: Duration = Duration::from_secs(60);

/// Whether a route rests; SQS knows nothing of that.
pub type IsPaused = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What CloudWatch and SQS say of the queues of routes.
pub struct QueueMetrics {
    account: Account,
    routes: BTreeMap<String, Route>,
    is_paused: IsPaused,
    asks_oldest: bool,
}

struct Route {
    cloudwatch: Client,
    url: String,
    queue: String,
    /// The URL of the queue in which its retries wait, where that is another one.
    retry_url: Option<String>,
}

impl fmt::Debug for QueueMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes: BTreeMap<_, _> = self.routes.iter().map(|(k, v)| (k, &v.url)).collect();
        f.debug_struct("QueueMetrics")
            .field("routes", &routes)
            .finish_non_exhaustive()
    }
}

impl QueueMetrics {
    /// `routes`: the names of routes, each with the URL of its queue.
    ///
    /// # Errors
    /// [`account::Error::QueueUrl`] when one of them is none.
    pub fn new(
        account: &Account,
        routes: impl IntoIterator<Item = (String, String)>,
        is_paused: IsPaused,
    ) -> Result<Self, account::Error> {
        let route = |(name, url): (String, String)| {
            let queue = match url.trim_end_matches('/').rsplit_once('/') {
                Some((before, queue)) if !before.ends_with('/') => queue.to_owned(),
                _ => return Err(account::Error::QueueUrl { url }),
            };
            let cloudwatch = account.cloudwatch(&url)?;
            Ok((
                name,
                Route {
                    cloudwatch,
                    url,
                    queue,
                    retry_url: None,
                },
            ))
        };
        let routes = routes.into_iter().map(route);
        Ok(Self {
            account: account.clone(),
            routes: routes.collect::<Result<_, _>>()?,
            is_paused,
            asks_oldest: false,
        })
    }

    /// Asks for the age of the oldest message too, one call more for each plan of a route: for laws that go by it.
    #[must_use]
    pub fn with_oldest(mut self) -> Self {
        self.asks_oldest = true;
        self
    }

    /// The retries of `route` wait in the queue at `url`, and count as its backlog.
    #[must_use]
    pub fn with_retries(mut self, route: &str, url: &str) -> Self {
        if let Some(route) = self.routes.get_mut(route) {
            route.retry_url = Some(url.to_owned()).filter(|url| *url != route.url);
        }
        self
    }

    async fn visible(&self, url: &str) -> Result<u64, Error> {
        match self.account.counts(url).await {
            Ok(counts) => Ok(counts.visible),
            Err(FindError::Refused(error)) => Err(error),
            Err(error) => Err(Error::refused(&format!("queue `{url}`"), error.to_string())),
        }
    }

    fn route(&self, name: &str) -> Result<&Route, Error> {
        let found = self.routes.get(name);
        found.ok_or_else(|| Error::refused(&format!("route `{name}`"), "there is no such route"))
    }
}

impl MetricSource for QueueMetrics {
    fn sent_in<'a>(
        &'a self,
        route: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let route = self.route(route)?;
            if to <= from {
                return Ok(0);
            }
            if to.since(from) > SPAN_MAX {
                let what = format!("figures of queue `{}`", route.queue);
                let hours = SPAN_MAX.as_secs() / 3600;
                return Err(Error::refused(
                    &what,
                    format!("at most {hours} hours at once"),
                ));
            }
            // What is told of later shows which minutes are not late.
            let minutes = route.minutes(from.minus(LATE_MAX), to.plus(LATE_MAX));
            let minutes = minutes.await?;
            Ok(whole(sent(&minutes, from, to)))
        })
    }

    fn backlog<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let route = self.route(route)?;
            let retries = match &route.retry_url {
                Some(url) => self.visible(url).await?,
                None => 0,
            };
            Ok(self.visible(&route.url).await? + retries)
        })
    }

    /// What is told of as it is, with its time: nothing here stands for a minute that is late. Where CloudWatch does not answer
    /// now, what waits is told of alone.
    fn figures<'a>(
        &'a self,
        route: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, Error>> {
        Box::pin(async move {
            let value = self.backlog(route).await?;
            let route = self.route(route)?;
            let from = from.max(to.minus(SPAN_MAX));
            let minutes = route.minutes(from.min(to.minus(LATE_MAX)), to);
            let minutes = unless_away(minutes.await)?;
            let oldest = match self.asks_oldest {
                true => unless_away(route.oldest(to).await)?.flatten(),
                false => None,
            };
            Ok(Figures {
                sent: minutes.and_then(|minutes| newest(&minutes, from, to)),
                backlog: Some(Figure { value, at: to }),
                oldest,
                ..Figures::default()
            })
        })
    }

    fn is_paused(&self, route: &str) -> bool {
        (self.is_paused)(route)
    }
}

impl Route {
    /// What was sent in each minute that CloudWatch tells of, by the minute's start.
    async fn minutes(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<BTreeMap<Timestamp, f64>, Error> {
        let sum = (Statistic::Sum, "NumberOfMessagesSent");
        let points = self.points(sum, from, to).await?;
        let told = points
            .iter()
            .filter_map(|point| Some((timestamp(point.timestamp?)?, point.sum?)));
        // Where there are several units, each has a datapoint of its own.
        Ok(told.fold(BTreeMap::new(), |mut minutes, (start, sum)| {
            *minutes.entry(start).or_default() += sum;
            minutes
        }))
    }

    /// How old the oldest message was in the newest minute that is told of.
    async fn oldest(&self, to: Timestamp) -> Result<Option<Figure<Duration>>, Error> {
        let most = (Statistic::Maximum, "ApproximateAgeOfOldestMessage");
        let points = self.points(most, to.minus(LATE_MAX), to).await?;
        let told = points
            .iter()
            .filter_map(|point| Some((timestamp(point.timestamp?)?, point.maximum?)));
        let newest = told.max_by_key(|(start, _)| *start);
        Ok(newest.map(|(start, secs)| Figure {
            value: Duration::from_secs(whole(secs)),
            at: start.plus(MINUTE).min(to),
        }))
    }

    async fn points(
        &self,
        (statistic, metric): (Statistic, &str),
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Datapoint>, Error> {
        let name = Dimension::builder().name("QueueName").value(&self.queue);
        let asked = self
            .cloudwatch
            .get_metric_statistics()
            .namespace("AWS/SQS")
            .metric_name(metric)
            .dimensions(name.build())
            .statistics(statistic)
            .period(60)
            .start_time(moment(start_of_minute(from)))
            .end_time(moment(to))
            .send();
        let what = format!("figures of queue `{}`", self.queue);
        let answer = asked.await.map_err(|error| failure::of(&what, &error))?;
        Ok(answer.datapoints.unwrap_or_default())
    }
}

/// None where CloudWatch does not answer now: what the queue itself says is enough for a plan.
fn unless_away<T>(asked: Result<T, Error>) -> Result<Option<T>, Error> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_passing() => {
            tracing::warn!(%error, "what was sent is not known");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What was sent since `from` as far as minutes tell, else in the newest of them; none where none is told of.
fn newest(minutes: &BTreeMap<Timestamp, f64>, from: Timestamp, to: Timestamp) -> Option<Stretch> {
    let (newest, _) = minutes.last_key_value()?;
    let until = newest.plus(MINUTE).min(to);
    let from = match until > from {
        true => from,
        false => *newest,
    };
    (until > from).then(|| Stretch {
        count: whole(sent(minutes, from, until)),
        from,
        to: until,
    })
}

/// What was sent at or after `from` and before `to`, by minutes that are told of: of a minute that is not wholly within, its
/// part. The newest, where it has not ended at `to`, is spread over what has passed of it.
fn sent(minutes: &BTreeMap<Timestamp, f64>, from: Timestamp, to: Timestamp) -> f64 {
    let Some((newest, newest_sum)) = minutes.last_key_value() else {
        return 0.0;
    };
    let before = minutes.range(..newest);
    let before = before.map(|(start, sum)| sum * share(*start, start.plus(MINUTE), from, to));
    let end = newest.plus(MINUTE);
    let goes_on = (*newest..end).contains(&to);
    let of_newest = match share(*newest, end, *newest, to) {
        passed if goes_on && passed > 0.0 => share(*newest, end, from, to) / passed,
        _ => share(*newest, end, from, to),
    };
    let late = share(end, end.plus(LATE_MAX), from, to);
    before.sum::<f64>() + newest_sum * (of_newest + late)
}

/// How many minutes of those from `start` to `end` are within `from` and `to`.
fn share(start: Timestamp, end: Timestamp, from: Timestamp, to: Timestamp) -> f64 {
    let within = end.min(to).since(start.max(from));
    within.as_secs_f64() / MINUTE.as_secs_f64()
}

fn start_of_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_minutes() * 60)
}

fn moment(at: Timestamp) -> DateTime {
    DateTime::from(SystemTime::UNIX_EPOCH + Duration::from_millis(at.as_millis()))
}

fn timestamp(at: DateTime) -> Option<Timestamp> {
    u64::try_from(at.to_millis().ok()?)
        .ok()
        .map(Timestamp::from_millis)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are no less than 0, and saturate"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minute 100 and on, as told: `None` is a minute of which nothing is told.
    fn check(told: &[Option<u32>], from_secs: u64, to_secs: u64, expected: f64) {
        let start = |minute: u64| Timestamp::from_secs((100 + minute) * 60);
        let minutes = (0..).zip(told);
        let minutes = minutes.filter_map(|(minute, sum)| Some((start(minute), f64::from((*sum)?))));
        let at = |secs| Timestamp::from_secs(100 * 60 + secs);
        let found = sent(&minutes.collect(), at(from_secs), at(to_secs));
        assert!(
            (found - expected).abs() < 1e-9,
            "{told:?} from {from_secs} to {to_secs}: {found}, not {expected}"
        );
    }

    #[test]
    fn minutes_that_are_told_of_are_summed() {
        check(&[Some(6), Some(12), Some(3)], 0, 180, 21.0);
        check(&[Some(6), Some(12), Some(3)], 60, 120, 12.0);
        check(&[Some(6), Some(12), Some(3)], 30, 90, 9.0);
        check(&[Some(6), Some(12), Some(3)], 70, 80, 2.0);
    }

    #[test]
    fn before_the_newest_nothing_told_is_nothing_sent() {
        check(&[Some(6), None, Some(3)], 0, 180, 9.0);
        check(&[None, None, Some(3)], 0, 120, 0.0);
    }

    #[test]
    fn a_minute_that_is_late_counts_as_the_newest() {
        check(&[Some(60), None, None], 60, 120, 60.0);
        check(&[Some(60), None, None], 60, 180, 120.0);
        check(&[Some(60), None, None], 150, 165, 15.0);
        check(&[Some(60), Some(0), None], 120, 180, 0.0);
    }

    #[test]
    fn a_minute_that_goes_on_is_spread_over_what_has_passed() {
        check(&[Some(60), Some(8)], 60, 90, 8.0);
        check(&[Some(60), Some(8)], 75, 90, 4.0);
        check(&[Some(60), Some(8)], 30, 90, 38.0);
        check(&[Some(60), Some(8)], 30, 60, 30.0);
        check(&[Some(60), Some(8)], 60, 120, 8.0);
    }

    #[test]
    fn what_is_told_of_later_shows_that_a_minute_is_not_late() {
        check(&[Some(6), None, None, Some(5)], 60, 120, 0.0);
        check(&[Some(6), Some(12), None, Some(5)], 60, 90, 6.0);
    }

    #[test]
    fn what_is_later_than_the_latest_is_none() {
        let late = LATE_MAX.as_secs();
        check(&[Some(60)], 60, 60 + late, 900.0);
        check(&[Some(60)], 60 + late, 120 + late, 0.0);
        check(&[Some(60)], 0, 6000, 960.0);
        check(&[], 0, 60, 0.0);
    }

    #[test]
    fn what_is_told_of_is_a_stretch_with_its_time() {
        let start = |minute: u64| Timestamp::from_secs((100 + minute) * 60);
        let told = |sums: &[u32]| {
            let sums = (0..).map(start).zip(sums);
            sums.map(|(start, sum)| (start, f64::from(*sum))).collect()
        };
        for (sums, from, to, expected) in [
            // All that was sent since the last plan is told of.
            (&[6, 12][..], start(0), start(2), Some((18, 0, 120))),
            // The newest minute goes on.
            (
                &[6, 12],
                start(1),
                start(1).plus(Duration::from_secs(30)),
                Some((12, 60, 90)),
            ),
            // The last minute is late: what came before it stands for itself, with its time.
            (&[6, 12], start(1), start(3), Some((12, 60, 120))),
            // Nothing new is told of since.
            (&[6, 12], start(3), start(4), Some((12, 60, 120))),
            (&[6, 0], start(3), start(4), Some((0, 60, 120))),
            (&[], start(0), start(4), None),
        ] {
            let found = newest(&told(sums), from, to);
            let expected = expected.map(|(count, from, to)| Stretch {
                count,
                from: start(0).plus(Duration::from_secs(from)),
                to: start(0).plus(Duration::from_secs(to)),
            });
            assert_eq!(found, expected, "{sums:?}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_queue_is_refused() {
        let account = Account::with_key("id", "secret", "eu-west-1").unwrap();
        let of = |url: &str| {
            let routes = [("r".to_owned(), url.to_owned())];
            QueueMetrics::new(&account, routes, Arc::new(|_: &str| false))
        };
        for url in ["s2s", "http://host", "ftp://host/1/s2s"] {
            assert!(of(url).is_err(), "{url}");
        }
        let found = of("https://sqs.eu-west-1.amazonaws.com/123456789012/s2s.fifo").unwrap();
        assert_eq!(found.route("r").unwrap().queue, "s2s.fifo");
        assert!(found.route("other").is_err());
    }
}
