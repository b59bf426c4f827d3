//! Whether receivers that are not well move the others: the p99 of 1,000 without and with one that hangs, and of 50 beside a dead, a
//! slow and a limited one.
//!
//! Three servers take turns of two seconds under the same steady load: two without, and one beside. They run all the while, and each
//! is of its own, since what is broken cannot be made whole again within one: what waits for it would go on in the turns without.
//! Each round gives the ratio of
//! the one to the two, and of the two to each other, which says what the machine does by itself. The figure is the median over
//! many rounds: a stall spoils a round, not the figure. It is taken in memory, where no disk hides what the server does, and on the
//! disk, with a paced fdatasync beside.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::LocalSet;

use self::side::{Sent, Side};
use super::show;
use crate::receivers::{self, Arrivals, Manner};
use crate::server::parent;
use crate::spread::{self, Spread};
use crate::{Size, disk};

mod side;

/// Before all turns: what new connections cost, and what one that hangs does before it is known as such, are no part of it.
const WARM_UP: Duration = Duration::from_secs(5);
/// What is measured of each turn, after the time in which its load begins. Chosen: short, so that what the machine does meets
/// neighbours alike, and long enough that its p99 is the tenth of a thousand.
const LEAD_IN: Duration = Duration::from_millis(500);
const TURN: Duration = Duration::from_secs(2);
const ROUNDS: u64 = 40;
/// A line that has not arrived for so long is charged with it.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// The fdatasync that goes on beside.
const DISK_PACE: Duration = Duration::from_millis(10);
const DISK_BYTES: usize = 512;

struct Case {
    what: &'static str,
    receivers: usize,
    /// How those of them behave that are not well.
    unwell: &'static [Manner],
}

const CASES: [Case; 2] = [
    Case {
        what: "1,000 receivers, one of them hangs",
        receivers: 1_000,
        unwell: &[Manner::Hangs],
    },
    Case {
        what: "50 receivers beside a dead, a slow and a limited one",
        receivers: 53,
        unwell: &[
            Manner::Hangs,
            Manner::Answers(Duration::from_secs(8)),
            Manner::Limits(5),
        ],
    },
];

pub(crate) async fn run(size: Size) -> Result<()> {
    let rounds = usize::try_from(size.of(ROUNDS).max(3))?;
    for (place, is_disk) in [(PathBuf::from("/dev/shm"), false), (parent(), true)] {
        let of_place = if is_disk { "on the disk" } else { "in memory" };
        for case in &CASES {
            println!("\n## {}, {of_place}: p99 of the others", case.what);
            let turns = LocalSet::new()
                .run_until(measure(case, &place, rounds))
                .await?;
            tell(&turns);
            if is_disk {
                tell_disk(&turns);
            }
        }
    }
    Ok(())
}

/// What one turn gave, sorted.
struct Turn {
    times: Vec<Duration>,
    disk: Vec<Duration>,
}

/// The turns of the first server without, of the second, and of the one beside.
type Turns = [Vec<Turn>; 3];
const NAMES: [&str; 3] = ["without", "without, the second server", "beside"];

async fn measure(case: &Case, place: &Path, rounds: usize) -> Result<Turns> {
    let arrivals = Arrivals::default();
    let mut healthy = Vec::new();
    for _ in 0..case.receivers - case.unwell.len() {
        healthy.push(receivers::start(Manner::Answers(Duration::ZERO), arrivals.clone()).await?);
    }
    let mut unwell = Vec::new();
    for manner in case.unwell {
        unwell.push(receivers::start(*manner, arrivals.clone()).await?);
    }
    let mut sides = Vec::new();
    for (number, unwell) in (0..).zip([&[][..], &[], &unwell]) {
        let mut side = Side::start(place, number, &healthy, unwell).await?;
        side.send(WARM_UP).await?;
        sides.push(side);
    }
    let disk = disk::Beside::start(parent(), DISK_BYTES, DISK_PACE);
    let mut turns = Turns::default();
    for round in 0..rounds {
        for which in order(round) {
            turns[which].push(turn(&mut sides[which], &arrivals, &disk).await?);
        }
    }
    Ok(turns)
}

/// Who begins changes from round to round, and who follows whom.
fn order(round: usize) -> [usize; 3] {
    let mut order = [0, 1, 2];
    if round % 2 == 1 {
        order.reverse();
    }
    order.rotate_left(round / 2 % 3);
    order
}

async fn turn(side: &mut Side, arrivals: &Arrivals, disk: &disk::Beside) -> Result<Turn> {
    arrivals.borrow_mut().clear();
    let begun = Instant::now() + LEAD_IN;
    let sent = side.send(LEAD_IN + TURN).await?.since(begun);
    let ended = Instant::now();
    while arrived(&sent, arrivals).len() < sent.len() && ended.elapsed() < ARRIVES_WITHIN {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut times = arrived(&sent, arrivals);
    times.resize(sent.len(), ARRIVES_WITHIN);
    times.sort_unstable();
    let disk = disk.between(begun, ended);
    Ok(Turn { times, disk })
}

/// From when each line was sent to its first arrival.
fn arrived(sent: &Sent, arrivals: &Arrivals) -> Vec<Duration> {
    let mut seen = HashSet::new();
    let arrivals = arrivals.borrow();
    let firsts = arrivals.iter().filter(|(number, _)| seen.insert(*number));
    let took = firsts.filter_map(|(number, at)| Some(*at - sent.at(*number)?));
    took.collect()
}

fn tell(turns: &Turns) {
    let ratios = |of: &dyn Fn([f64; 3]) -> f64| {
        let [first, second, beside] = turns.each_ref().map(|turns| p99s(turns));
        let rounds = first.iter().zip(second).zip(beside);
        let ratios: Vec<f64> = rounds
            .map(|((first, second), beside)| of([*first, second, beside]))
            .collect();
        spread::of(&ratios)
    };
    let beside = ratios(&|[first, second, beside]| beside / (first * second).sqrt());
    show_spread("beside over without", beside, "", "<= 1.10");
    let machine = ratios(&|[first, second, _]| second / first);
    show_spread("without over without", machine, "", "the machine");
    for (name, turns) in NAMES.iter().zip(turns) {
        show_spread(name, spread::of(&p99s(turns)), "ms", "");
    }
}

/// The p99 of all lines of all turns beside that of the disk meanwhile.
fn tell_disk(turns: &Turns) {
    for (name, turns) in NAMES.iter().zip(turns) {
        let lines = p99_of_all(turns.iter().map(|turn| &turn.times));
        let disk = p99_of_all(turns.iter().map(|turn| &turn.disk));
        show(&format!("{name}: all turns at once"), lines, "ms", "");
        show("  a paced fdatasync meanwhile", disk, "ms", "");
        show("  over that", lines - disk, "ms", "<= +3");
    }
}

/// The p99 of each turn, in milliseconds.
fn p99s(turns: &[Turn]) -> Vec<f64> {
    let of = |turn: &Turn| p99_of_all([&turn.times].into_iter());
    turns.iter().map(of).collect()
}

fn p99_of_all<'a>(times: impl Iterator<Item = &'a Vec<Duration>>) -> f64 {
    let mut all: Vec<Duration> = times.flatten().copied().collect();
    all.sort_unstable();
    disk::quantile(&all, 0.99).as_secs_f64() * 1e3
}

fn show_spread(what: &str, spread: Spread, unit: &str, wanted: &str) {
    let Spread { median, half, sure } = spread;
    show(what, median, unit, wanted);
    println!(
        "    within {:.2} to {:.2} with 95 %; half of the rounds {:.2} to {:.2}",
        sure.0, sure.1, half.0, half.1
    );
}
