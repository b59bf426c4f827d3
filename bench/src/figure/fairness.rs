//! Whether receivers that are not well move the others: the p99 of 1,000 without and with one that hangs, and of 50 beside a dead, a
//! slow and a limited one.
//!
//! Three servers run side by side and take turns of a hundredth of a second under one steady load: two without, and one beside. So a stall
//! of the machine or the disk meets all of them alike. Each is of its own, since what is broken cannot be made whole again within
//! one: what waits for it would go on in the turns without.
//!
//! A round of many turns gives the ratio of the p99 beside to those without, and of these two to each other, which says what the
//! machine does by itself. The figure is the median over the rounds. It is taken in memory, where no disk hides what the
//! server does, and on the disk, with a paced fdatasync beside.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::LocalSet;

use self::side::{PER_SEC, Sent, Side};
use super::{show, show_spread};
use crate::receivers::{self, Arrivals, Manner};
use crate::server::parent;
use crate::spread::{self, Spread};
use crate::{Size, disk, pace};

mod side;

/// Lines of a turn. Chosen: a hundredth of a second, less than a stall that makes a p99.
const TURN: u64 = 5;
/// Turns that come first: what new connections cost, and what one that hangs does before it is known as such, are no part of it.
const WARM_UP_TURNS: u64 = 800;
/// Turns of each server in a round, which takes fifteen seconds. Chosen: its p99 is the twenty-fifth of 2,400 lines.
const TURNS: u64 = 480;
const ROUNDS: u64 = 20;
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
    let rounds = size.of(ROUNDS).max(3);
    for (place, is_disk) in [(PathBuf::from("/dev/shm"), false), (parent(), true)] {
        let of_place = if is_disk { "on the disk" } else { "in memory" };
        for case in &CASES {
            println!("\n## {}, {of_place}: p99 of the others", case.what);
            let rounds = LocalSet::new()
                .run_until(measure(case, &place, rounds))
                .await?;
            tell(&rounds);
            if is_disk {
                tell_disk(&rounds);
            }
        }
    }
    Ok(())
}

/// What one round gave of one server: its lines, and the disk meanwhile, sorted; and how long it worked.
struct Round {
    times: Vec<Duration>,
    disk: Vec<Duration>,
    cpu_secs: f64,
}

/// The rounds of the first server without, of the second, and of the one beside.
type Rounds = [Vec<Round>; 3];
const NAMES: [&str; 3] = ["without", "without, the second server", "beside"];

async fn measure(case: &Case, place: &Path, rounds: u64) -> Result<Rounds> {
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
        sides.push(Side::start(place, number, &healthy, unwell).await?);
    }
    take_turns(&mut sides, WARM_UP_TURNS).await?;
    for side in &mut sides {
        side.finish().await?;
    }
    let disk = disk::Beside::start(parent(), DISK_BYTES, DISK_PACE);
    let mut all = Rounds::default();
    for _ in 0..rounds {
        arrivals.borrow_mut().clear();
        let begun = Instant::now();
        let worked: Vec<f64> = sides.iter().map(Side::cpu_secs).collect::<Result<_>>()?;
        take_turns(&mut sides, TURNS).await?;
        for ((side, rounds), worked) in sides.iter_mut().zip(&mut all).zip(worked) {
            rounds.push(Round {
                times: times(&side.finish().await?, &arrivals).await,
                disk: disk.between(begun, Instant::now()),
                cpu_secs: side.cpu_secs()? - worked,
            });
        }
    }
    Ok(all)
}

/// So many turns of each at a steady pace, with no gap between them.
async fn take_turns(sides: &mut [Side], turns: u64) -> Result<()> {
    for side in &mut *sides {
        side.prepare(TURN * turns)?;
    }
    let begun = Instant::now() + Duration::from_millis(20);
    let pace = Duration::from_secs(1) / u32::try_from(PER_SEC)?;
    let mut ticks = pace::ticks(begun, pace, TURN * turns * sides.len() as u64);
    for turn in 0..usize::try_from(turns)? {
        for which in order(turn) {
            for _ in 0..TURN {
                ticks.recv().await;
                sides[which].send();
            }
        }
    }
    Ok(())
}

/// Who begins changes from turn to turn, and who follows whom.
fn order(turn: usize) -> [usize; 3] {
    let mut order = [0, 1, 2];
    if turn % 2 == 1 {
        order.reverse();
    }
    order.rotate_left(turn / 2 % 3);
    order
}

/// What the lines took once all have arrived, or had the time for it; sorted.
async fn times(sent: &Sent, arrivals: &Arrivals) -> Vec<Duration> {
    let begun = Instant::now();
    let mut times = arrived(sent, arrivals);
    while times.len() < sent.len() && begun.elapsed() < ARRIVES_WITHIN {
        tokio::time::sleep(Duration::from_millis(20)).await;
        times = arrived(sent, arrivals);
    }
    times.resize(sent.len(), ARRIVES_WITHIN);
    times.sort_unstable();
    times
}

/// From when each line was sent to its first arrival.
fn arrived(sent: &Sent, arrivals: &Arrivals) -> Vec<Duration> {
    let mut seen = HashSet::new();
    let arrivals = arrivals.borrow();
    let firsts = arrivals.iter().filter(|(number, _)| seen.insert(*number));
    let took = firsts.filter_map(|(number, at)| Some(*at - sent.at(*number)?));
    took.collect()
}

fn tell(rounds: &Rounds) {
    let p99 = |round: &Round| quantile_ms(&round.times, 0.99);
    let (beside, machine) = ratios(rounds, p99);
    show_spread("beside over without", beside, "", "<= 1.10");
    show_spread("without over without", machine, "", "the machine");
    for (name, rounds) in NAMES.iter().zip(rounds) {
        let p99s: Vec<f64> = rounds.iter().map(p99).collect();
        show_spread(name, spread::of(&p99s), "ms", "");
    }
    let (median, _) = ratios(rounds, |round| quantile_ms(&round.times, 0.5));
    show_spread("beside over without, of medians", median, "", "");
    let (worked, _) = ratios(rounds, |round| round.cpu_secs);
    show_spread("beside over without, CPU", worked, "", "");
}

/// Of each round what `of` says beside over that without, and of the second without over that of the first.
fn ratios(rounds: &Rounds, of: impl Fn(&Round) -> f64) -> (Spread, Spread) {
    let [first, second, beside] = rounds;
    let without = first.iter().map(&of).zip(second.iter().map(&of));
    let machine: Vec<f64> = without.clone().map(|(one, other)| other / one).collect();
    let both = without.map(|(one, other)| (one * other).sqrt());
    let ratios: Vec<f64> = beside
        .iter()
        .map(&of)
        .zip(both)
        .map(|(beside, both)| beside / both)
        .collect();
    (spread::of(&ratios), spread::of(&machine))
}

/// The p99 of all lines of all rounds beside that of the disk meanwhile.
fn tell_disk(rounds: &Rounds) {
    for (name, rounds) in NAMES.iter().zip(rounds) {
        let lines = p99_of_all(rounds.iter().map(|round| &round.times));
        let disk = p99_of_all(rounds.iter().map(|round| &round.disk));
        show(&format!("{name}: all rounds at once"), lines, "ms", "");
        show("  a paced fdatasync meanwhile", disk, "ms", "");
        show("  over that", lines - disk, "ms", "<= +3");
    }
}

fn p99_of_all<'a>(times: impl Iterator<Item = &'a Vec<Duration>>) -> f64 {
    let mut all: Vec<Duration> = times.flatten().copied().collect();
    all.sort_unstable();
    quantile_ms(&all, 0.99)
}

fn quantile_ms(sorted: &[Duration], share: f64) -> f64 {
    disk::quantile(sorted, share).as_secs_f64() * 1e3
}
