//! What this process does, for its cost: notifiers' time, what they sent, objects, functions.
//!
//! Taken from what the process counts anyway, as differences; each difference is told to the meter once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use delivery::cost::meter::{Done, FLUSH_EVERY};
use delivery::cost::{Meter, Who};
use delivery::results::sealing::Sealing;
use gateway::Registry;
use gateway::metrics::Reading;
use tokio::sync::watch;

use super::notifiers::Notifiers;

/// How often it is looked who runs. Chosen: a life is five minutes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks, and tells the meter.
#[derive(Clone, Debug)]
pub(super) struct Metering {
    pub(super) meter: Arc<Meter>,
    pub(super) registry: Arc<Registry>,
    pub(super) notifiers: Arc<Notifiers>,
    pub(super) sealing: Arc<Sealing>,
    pub(super) clock: Arc<dyn Clock>,
    before: Arc<parking_lot::Mutex<Before>>,
}

/// What was read before.
#[derive(Debug, Default)]
struct Before {
    /// By route and destination.
    sent: HashMap<(String, String), Sent>,
    looked: Option<Duration>,
}

/// Sums since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sent {
    attempts: f64,
    secs: f64,
    bytes: f64,
}

impl Metering {
    pub(super) fn new(
        meter: Arc<Meter>,
        registry: Arc<Registry>,
        notifiers: Arc<Notifiers>,
        sealing: Arc<Sealing>,
    ) -> Self {
        let clock = notifiers.clock.clone();
        Self {
            meter,
            registry,
            notifiers,
            sealing,
            clock,
            before: Arc::default(),
        }
    }

    /// Looks until `stop` says so.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut kept = self.clock.monotonic();
        loop {
            let stopped = stop.wait_for(|is_stopping| *is_stopping);
            if tokio::time::timeout(LOOK_EVERY, stopped).await.is_ok() {
                return;
            }
            self.look();
            let now = self.clock.monotonic();
            if now.saturating_sub(kept) >= FLUSH_EVERY {
                kept = now;
                self.keep().await;
            }
        }
    }

    /// How long notifiers have run since the last look.
    fn look(&self) {
        let mono = self.clock.monotonic();
        let since = self.before.lock().looked.replace(mono);
        let elapsed = since.map_or(Duration::ZERO, |since| mono.saturating_sub(since));
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(0);
        for (route, count) in self.notifiers.alive() {
            let done = Done {
                notifier_ms: ms * count,
                ..Done::default()
            };
            self.meter
                .add(self.clock.now(), Who::Route { route }, &done);
        }
    }

    /// Tells the meter what was counted since the last call, and has it kept.
    pub(super) async fn keep(&self) {
        let now = self.clock.now();
        for ((route, destination), done) in self.before.lock().since(&self.registry.readings()) {
            self.meter
                .add(now, Who::Destination { route, destination }, &done);
        }
        for (route, written) in self.sealing.take_written() {
            let done = Done {
                objects: written.objects,
                object_bytes: written.bytes,
                ..Done::default()
            };
            self.meter.add(now, Who::Route { route }, &done);
        }
        if let Err(error) = self.meter.flush(now).await {
            tracing::error!(%error, "what was used is not kept");
        }
    }
}

impl Before {
    /// What was sent since the last call.
    fn since(&mut self, readings: &[Reading]) -> Vec<((String, String), Done)> {
        let mut sums: HashMap<(String, String), Sent> = HashMap::new();
        for reading in readings.iter().filter(|one| one.namespace == "Shukuba") {
            let of = |wanted: &str| {
                let mut all = reading.dimensions.iter();
                all.find(|(name, _)| *name == wanted)
                    .map(|(_, value)| value.clone())
            };
            let Some(key) = of("Route").zip(of("Destination")) else {
                continue;
            };
            match reading.name {
                "Attempts" => sums.entry(key).or_default().attempts += reading.sum,
                "AttemptSeconds" => sums.entry(key).or_default().secs += reading.sum,
                "BytesOut" => sums.entry(key).or_default().bytes += reading.sum,
                _ => {}
            }
        }
        let mut done = Vec::new();
        for (key, now) in sums {
            let before = self.sent.insert(key.clone(), now).unwrap_or_default();
            done.push((
                key,
                Done {
                    attempts: whole(now.attempts - before.attempts),
                    send_ms: whole(now.secs * 1e3) - whole(before.secs * 1e3),
                    bytes_out: whole(now.bytes - before.bytes),
                    ..Done::default()
                },
            ));
        }
        done
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sums of a process, far below 2^53"
)]
fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

/// Tells the meter what functions used.
#[derive(Debug)]
pub(super) struct Billed(pub(super) Arc<Meter>);

impl lambda::port::Meter for Billed {
    fn used(&self, usage: &lambda::port::Usage) {
        let report = &usage.report;
        let done = Done {
            starts: 1,
            billed_ms: report.billed_ms,
            mib_ms: report.billed_ms * u64::from(report.memory_mib),
            ..Done::default()
        };
        let name = usage.function.to_string();
        self.0.add(usage.at, Who::Function { name }, &done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(name: &'static str, destination: &str, sum: f64) -> Reading {
        Reading {
            namespace: "Shukuba",
            name,
            dimensions: vec![
                ("Route", "r".to_owned()),
                ("Destination", destination.to_owned()),
            ],
            sum,
            buckets: None,
        }
    }

    #[test]
    fn what_was_told_once_is_not_told_again() {
        let mut before = Before::default();
        let mut told = |attempts: f64, secs: f64| {
            let readings = [
                reading("Attempts", "d", attempts),
                reading("AttemptSeconds", "d", secs),
                reading("BytesOut", "d", attempts * 100.0),
                reading("Probes", "d", 7.0),
            ];
            before.since(&readings).remove(0).1
        };
        let done = |attempts, send_ms| Done {
            attempts,
            send_ms,
            bytes_out: attempts * 100,
            ..Done::default()
        };
        assert_eq!(told(3.0, 0.3), done(3, 300));
        assert_eq!(told(3.0, 0.3), Done::default());
        // Parts of a millisecond are told once they make one.
        assert_eq!(told(4.0, 0.3006), done(1, 1));
        assert_eq!(told(5.0, 0.3009), done(1, 0));
    }
}
