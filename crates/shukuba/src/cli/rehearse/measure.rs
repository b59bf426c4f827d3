//! What the receivers' logs say: how late each notification came.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use base::Timestamp;
use delivery::simulate::Minute;
use serde::Serialize;

use super::play::Played;

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Measured {
    /// Notifications that the queue acknowledged.
    pub(super) sent: u64,
    /// Notifications that a receiver has seen, each once.
    pub(super) received: u64,
    /// How long after it was due something was sent, at most.
    pub(super) late_ms: u64,
    /// From just before a notification was sent to the queue until its receiver had it.
    pub(super) p50_ms: u64,
    /// See `p50_ms`.
    pub(super) p99_ms: u64,
    /// See `p50_ms`.
    pub(super) max_ms: u64,
    /// The time that notifiers ran, by looks twice a second.
    pub(super) notifier_minutes: f64,
    /// The most that were seen at once.
    pub(super) notifiers_max: u64,
    /// How long it was, with the time in which the last were sent.
    pub(super) secs: f64,
    /// Period by period.
    pub(super) points: Vec<Minute>,
}

/// A notification that came: its number, when it was sent, and when it came, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Came {
    number: u64,
    sent_ms: u64,
    at_ms: u64,
}

/// Reads the logs.
pub(super) fn measured(
    logs: &[PathBuf],
    played: &Played,
    period: Duration,
) -> anyhow::Result<Measured> {
    let mut came = Vec::new();
    for log in logs {
        came.extend(read(log, played.began)?);
    }
    // Of what came twice the first counts.
    came.sort_unstable();
    came.dedup_by_key(|one| one.number);
    Ok(of(&came, played, period))
}

fn read(log: &Path, began: Timestamp) -> anyhow::Result<Vec<Came>> {
    let text =
        std::fs::read_to_string(log).with_context(|| format!("reading `{}`", log.display()))?;
    let came = text.lines().filter_map(line);
    // A log may have lines of earlier runs.
    Ok(came
        .filter(|one| one.sent_ms >= began.as_millis())
        .collect())
}

/// A line of a sink's log: time, method, target, id. `None` for what was not sent by a rehearsal.
fn line(line: &str) -> Option<Came> {
    let mut columns = line.split('\t');
    let at = Timestamp::parse_rfc3339(columns.next()?)?;
    let target = columns.nth(1)?;
    let (_, query) = target.split_once('?')?;
    let find = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name)?.1.parse().ok()
    };
    Some(Came {
        number: find("n")?,
        sent_ms: find("at")?,
        at_ms: at.as_millis(),
    })
}

fn of(came: &[Came], played: &Played, period: Duration) -> Measured {
    let delay = |one: &Came| one.at_ms.saturating_sub(one.sent_ms);
    let mut delays: Vec<u64> = came.iter().map(delay).collect();
    delays.sort_unstable();
    let began = played.began.as_millis();
    let last = came.iter().map(|one| one.at_ms).max().unwrap_or(began);
    Measured {
        sent: played.sent,
        received: u64::try_from(came.len()).unwrap_or(u64::MAX),
        late_ms: u64::try_from(played.late.as_millis()).unwrap_or(u64::MAX),
        p50_ms: part(&delays, 50),
        p99_ms: part(&delays, 99),
        max_ms: delays.last().copied().unwrap_or(0),
        notifier_minutes: minutes(&played.seen),
        notifiers_max: played
            .seen
            .iter()
            .map(|(_, count)| *count)
            .max()
            .unwrap_or(0),
        secs: Duration::from_millis(last.saturating_sub(began)).as_secs_f64(),
        points: points(came, played, period),
    }
}

/// The delay that so many of a hundred do not exceed, of delays from the shortest.
fn part(delays: &[u64], of_hundred: usize) -> u64 {
    let place = (delays.len() * of_hundred).div_ceil(100).saturating_sub(1);
    delays.get(place).copied().unwrap_or(0)
}

/// The time that notifiers ran: as many as were seen, since the look before.
fn minutes(seen: &[(Duration, u64)]) -> f64 {
    let mut before = Duration::ZERO;
    let ran = seen.iter().map(|(at, count)| {
        let span = *at - std::mem::replace(&mut before, *at);
        span.as_secs_f64() * float(*count) / 60.0
    });
    ran.sum()
}

fn points(came: &[Came], played: &Played, period: Duration) -> Vec<Minute> {
    let began = played.began.as_millis();
    let ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
    let of = |at_ms: u64| at_ms.saturating_sub(began) / ms;
    let last = came.iter().map(|one| of(one.at_ms)).max().unwrap_or(0);
    let point = |place: u64| {
        let sent = came.iter().filter(|one| of(one.sent_ms) == place).count();
        let arrived = came.iter().filter(|one| of(one.at_ms) == place);
        let mut delays: Vec<u64> = arrived
            .map(|one| one.at_ms.saturating_sub(one.sent_ms))
            .collect();
        delays.sort_unstable();
        let until = Duration::from_millis((place + 1) * ms);
        let seen = played.seen.iter().take_while(|(at, _)| *at <= until).last();
        Minute {
            at_secs: place * ms / 1_000,
            sent: u64::try_from(sent).unwrap_or(u64::MAX),
            done: u64::try_from(delays.len()).unwrap_or(u64::MAX),
            waiting_max: 0,
            notifiers: seen.map_or(0.0, |(_, count)| float(*count)),
            delay_p99_ms: (!delays.is_empty()).then(|| part(&delays, 99)),
        }
    };
    (0..=last).map(point).collect()
}

#[expect(clippy::cast_precision_loss, reason = "notifiers, thousands at most")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_it_was_sent_and_when_it_came() {
        let came = line("2026-11-29T12:00:01.250Z\tGET\t/slow?ms=100&at=1795953601000&n=7\tid-7");
        let one = Came {
            number: 7,
            sent_ms: 1_795_953_601_000,
            at_ms: 1_795_953_601_250,
        };
        assert_eq!(came, Some(one));
        for other in [
            "",
            "2026-11-29T12:00:01Z\tGET\t/ok\tid",
            "x\tGET\t/?at=1&n=2\tid",
        ] {
            assert_eq!(line(other), None, "{other}");
        }
    }

    #[test]
    fn delays_and_notifiers_are_summed_up_by_period() {
        let second = |secs: u64| Duration::from_secs(secs);
        let played = Played {
            began: Timestamp::from_millis(10_000),
            sent: 100,
            late: Duration::from_millis(3),
            seen: vec![(second(1), 2), (second(2), 4), (second(4), 1)],
        };
        let one = |number: u64| Came {
            number,
            sent_ms: 10_000 + number * 20,
            at_ms: 10_000 + number * 20 + if number == 99 { 2_000 } else { number },
        };
        let came: Vec<Came> = (0..100).map(one).collect();
        let measured = of(&came, &played, second(1));
        assert_eq!((measured.sent, measured.received), (100, 100));
        assert_eq!(
            (measured.p50_ms, measured.p99_ms, measured.max_ms),
            (49, 98, 2_000)
        );
        // 2 for a second, 4 for another, 1 for two.
        assert!((measured.notifier_minutes - 8.0 / 60.0).abs() < 1e-9);
        assert_eq!(measured.notifiers_max, 4);
        let points: Vec<(u64, u64, f64)> = measured
            .points
            .iter()
            .map(|point| (point.sent, point.done, point.notifiers))
            .collect();
        assert_eq!(
            points,
            [(50, 48, 2.0), (50, 48, 4.0), (0, 3, 4.0), (0, 1, 1.0)]
        );
    }
}
