//! The port `MetricSource`: how much was sent to the queues of routes, from the ledger.
//!
//! The ledger counts by minute; plans may be made every second. So the sums are sampled, and what was sent in a span is
//! the difference of two samples.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use delivery::ledger::{Detail, Ledger};
use delivery::port::{Error, Figure, Figures, MetricSource, Receiver, Stretch};
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use sqs::Queues;

use super::routes::Routes;

/// How often sums are sampled. Chosen: a quarter of the shortest interval of plans.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_millis(250);
/// How long samples are kept: the longest interval of plans and a bit.
const KEEP: Duration = Duration::from_secs(3700);
/// Samples that are kept of a route; older ones are thinned out. Chosen.
const SAMPLES_MAX: usize = 20_000;

/// What the ledger said at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    at: Timestamp,
    accepted: u64,
    delivered: u64,
    /// Delivered, or dead.
    ended: u64,
}

/// Notifications a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) accepted: f64,
    pub(super) delivered: f64,
}

/// Whoever knows what the receivers of a route let through.
pub(super) trait Receivers: Send + Sync + std::fmt::Debug {
    /// Those that `route` sends to; none where they are not known, or too many to tell.
    fn receivers(&self, route: &str) -> Vec<Receiver>;
}

/// Sums by route over time.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) ledger: Arc<Ledger>,
    pub(super) queues: Arc<Queues>,
    pub(super) routes: Arc<RwLock<Routes>>,
    pub(super) receivers: Arc<dyn Receivers>,
    pub(super) samples: Mutex<BTreeMap<String, VecDeque<Sample>>>,
}

impl Counts {
    /// Samples all routes.
    pub(super) fn sample(&self, now: Timestamp) {
        let routes: Vec<_> = self.routes.read().values().cloned().collect();
        let mut samples = self.samples.lock();
        for route in routes {
            let sample = self.read(route.queue.name(), now);
            keep(samples.entry(route.name.to_string()).or_default(), sample);
        }
    }

    fn read(&self, queue: &str, at: Timestamp) -> Sample {
        let report = self.ledger.report(Some(queue), Detail::Totals);
        let row = report
            .queues
            .first()
            .map(|book| book.total)
            .unwrap_or_default();
        Sample {
            at,
            accepted: u64::try_from(row.accepted).unwrap_or(0),
            delivered: row.cell.delivered,
            ended: row.cell.delivered + row.cell.dead,
        }
    }

    /// The last sample at or before `at`.
    fn before(&self, route: &str, at: Timestamp) -> Option<Sample> {
        let samples = self.samples.lock();
        let series = samples.get(route)?;
        let before = series.iter().rev().find(|sample| sample.at <= at);
        before.or_else(|| series.front()).copied()
    }

    fn oldest(&self, route: &str, waiting: u64, now: Timestamp) -> Option<Duration> {
        let samples = self.samples.lock();
        oldest(samples.get(route)?, waiting, now)
    }

    /// The rates in the span before `now`.
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds")]
    pub(super) fn rates(&self, route: &str, now: Timestamp, span: Duration) -> Rates {
        let (Some(first), Some(last)) =
            (self.before(route, now.minus(span)), self.before(route, now))
        else {
            return Rates::default();
        };
        let secs = now.since(first.at).min(span).as_secs_f64().max(0.25);
        Rates {
            accepted: last.accepted.saturating_sub(first.accepted) as f64 / secs,
            delivered: last.delivered.saturating_sub(first.delivered) as f64 / secs,
        }
    }
}

/// Adds a sample. Of equal ones the first and the last are kept.
fn keep(series: &mut VecDeque<Sample>, sample: Sample) {
    let is_same =
        |other: &Sample| (other.accepted, other.delivered) == (sample.accepted, sample.delivered);
    if series.len() > 1 && series.iter().rev().take(2).all(is_same) {
        series.pop_back();
    }
    series.push_back(sample);
    let oldest = sample.at.minus(KEEP);
    while series.len() > SAMPLES_MAX || series.get(1).is_some_and(|second| second.at < oldest) {
        series.pop_front();
    }
}

/// How long the first of the last `waiting` that were accepted has been there: that long has the oldest waited, as far as
/// they are taken in order. What waits to be tried again is older, and is not what a plan can help.
fn oldest(series: &VecDeque<Sample>, waiting: u64, now: Timestamp) -> Option<Duration> {
    let before = series.back()?.accepted.checked_sub(waiting)?;
    let came = series.iter().find(|sample| sample.accepted > before)?;
    Some(now.since(came.at))
}

impl MetricSource for Counts {
    fn sent_in<'a>(
        &'a self,
        route: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        let sent = match (self.before(route, from), self.before(route, to)) {
            (Some(before), Some(after)) => after.accepted.saturating_sub(before.accepted),
            _ => 0,
        };
        Box::pin(std::future::ready(Ok(sent)))
    }

    fn backlog<'a>(&'a self, route: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let found = self.routes.read().get(route).cloned();
            let what = format!("route `{route}`");
            let route = found.ok_or_else(|| Error::refused(&what, "there is no such route"))?;
            let counts = self
                .queues
                .counts(&route.queue)
                .map_err(|error| Error::unavailable(&what, error))?;
            Ok(counts.visible)
        })
    }

    fn figures<'a>(
        &'a self,
        route: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, Error>> {
        Box::pin(async move {
            let sent = self.sent_in(route, from, to).await?;
            let waiting = self.backlog(route).await?;
            let done = match (self.before(route, from), self.before(route, to)) {
                (Some(before), Some(after)) => after.ended.saturating_sub(before.ended),
                _ => 0,
            };
            let stretch = |count| Stretch { count, from, to };
            let oldest = Some(waiting).filter(|waiting| *waiting > 0);
            let oldest = oldest.and_then(|waiting| self.oldest(route, waiting, to));
            Ok(Figures {
                sent: Some(stretch(sent)),
                done: Some(stretch(done)),
                backlog: Some(Figure {
                    value: waiting,
                    at: to,
                }),
                oldest: oldest.map(|value| Figure { value, at: to }),
                receivers: self.receivers.receivers(route),
            })
        })
    }

    fn is_paused(&self, route: &str) -> bool {
        self.ledger.is_route_paused(route)
    }
}

#[cfg(test)]
mod tests {
    use base::{ByteCount, Clock, ManualClock, NoMetrics};
    use bytes::Bytes;
    use delivery::config::SystemSecrets;
    use delivery::contract::{MetricHarness, metric_source};
    use sqs::{Outgoing, Sender};
    use store::record::{Cause, Record, Subject};

    use super::super::live::Now;
    use super::super::routes;
    use super::*;

    const SETTINGS: &str = "[routes.one]\nqueue = \"q1\"\n[routes.other]\nqueue = \"q2\"\n";

    #[derive(Debug)]
    struct Unknown;

    impl Receivers for Unknown {
        fn receivers(&self, _route: &str) -> Vec<Receiver> {
            Vec::new()
        }
    }

    struct Harness {
        clock: Arc<ManualClock>,
        /// What the contract takes for now; the clock goes on from an hour before.
        now: Timestamp,
        counts: Counts,
        _dir: tempfile::TempDir,
    }

    impl Harness {
        async fn new() -> Self {
            let now = Timestamp::from_secs(1_795_000_000);
            let clock = Arc::new(ManualClock::at(now.minus(Duration::from_secs(3660))));
            let ledger = Arc::new(Ledger::new());
            let dir = tempfile::tempdir().unwrap();
            let options = sqs::Options {
                journal: store::Options {
                    segment: ByteCount::mib(4),
                    reserve: ByteCount::mib(4),
                    ..store::Options::default()
                },
                account: "123456789012".parse().unwrap(),
                region: "ap-northeast-1".parse().unwrap(),
                are_results_sealed: true,
                expire_interval: Duration::from_secs(10),
            };
            let (queues, _) = Queues::open(
                dir.path(),
                options,
                clock.clone(),
                Arc::new(NoMetrics),
                ledger.clone(),
            )
            .unwrap();
            let settings = Now::of(toml::from_str(SETTINGS).unwrap(), &SystemSecrets).unwrap();
            let routes = routes::open(&queues, &settings).await.unwrap();
            let counts = Counts {
                ledger,
                queues,
                routes: Arc::new(RwLock::new(routes)),
                receivers: Arc::new(Unknown),
                samples: Mutex::default(),
            };
            counts.sample(clock.now());
            Self {
                clock,
                now,
                counts,
                _dir: dir,
            }
        }

        async fn send(&self, route: &str, count: u64) {
            let queue = self.counts.routes.read()[route].queue.clone();
            let sender = Sender {
                id: "AIDA",
                cause: Cause::Sent,
            };
            for _ in 0..count {
                let message = Outgoing {
                    body: Bytes::from_static(b"https://a.example/"),
                    ..Outgoing::default()
                };
                let sent = self.counts.queues.send(&queue, sender, vec![message]).await;
                assert!(sent.unwrap().iter().all(Result::is_ok));
            }
        }
    }

    impl MetricHarness for Harness {
        fn source(&self) -> &dyn MetricSource {
            &self.counts
        }

        fn now(&self) -> Timestamp {
            self.now
        }

        fn send_at<'a>(&'a self, route: &'a str, at: Timestamp, count: u64) -> BoxFuture<'a, ()> {
            Box::pin(async move {
                self.clock.jump_to(at);
                self.counts.sample(at);
                self.send(route, count).await;
                self.counts.sample(at.plus(SAMPLE_EVERY));
            })
        }

        fn leave<'a>(&'a self, route: &'a str, count: u64) -> BoxFuture<'a, ()> {
            Box::pin(self.send(route, count))
        }

        fn rest<'a>(&'a self, route: &'a str) -> BoxFuture<'a, ()> {
            Box::pin(async move {
                let subject = Subject::Route(route);
                let noted = self.counts.queues.record(Record::Paused { subject }).await;
                noted.unwrap();
            })
        }
    }

    #[tokio::test]
    async fn counts_keep_the_contract_of_sources_of_metrics() {
        metric_source(&Harness::new().await).await;
    }

    fn sample(at: u64, accepted: u64) -> Sample {
        Sample {
            at: Timestamp::from_secs(at),
            accepted,
            delivered: 0,
            ended: 0,
        }
    }

    #[test]
    fn a_flat_stretch_keeps_its_two_ends() {
        let mut series = VecDeque::new();
        for (at, accepted) in [
            (1, 0),
            (2, 0),
            (3, 0),
            (4, 5),
            (5, 5),
            (6, 5),
            (7, 5),
            (8, 9),
        ] {
            keep(&mut series, sample(at, accepted));
        }
        let kept: Vec<_> = series
            .iter()
            .map(|sample| (sample.at.as_secs(), sample.accepted))
            .collect();
        assert_eq!(kept, [(1, 0), (3, 0), (4, 5), (7, 5), (8, 9)]);
    }

    #[test]
    fn the_oldest_came_when_no_more_than_what_waits_has_come_since() {
        let series: VecDeque<Sample> = [(1, 0), (2, 10), (3, 30), (4, 30)]
            .map(|(at, accepted)| sample(at, accepted))
            .into();
        let age =
            |waiting| oldest(&series, waiting, Timestamp::from_secs(5)).map(|age| age.as_secs());
        assert_eq!(age(25), Some(3));
        assert_eq!(age(20), Some(2));
        assert_eq!(age(1), Some(2));
        // Nothing came for it, or it came before anybody looked.
        assert_eq!((age(0), age(31)), (None, None));
    }
}
