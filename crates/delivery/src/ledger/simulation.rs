//! Random streams of records against a naive book that keeps every message.

use std::collections::BTreeMap;
use std::time::Duration;

use store::record::{
    By, Carry, Cause, LineOutcome, MessageKey, MoveCause, NewMessage, ReceivedMessage, Subject, Was,
};

use super::cell::Tally as _;
use super::*;
use crate::random::Random;

#[derive(Clone, Copy, PartialEq)]
struct Held {
    queue: u32,
    minute: u32,
    /// As booked.
    lines: u32,
}

#[derive(Default)]
struct Naive {
    messages: BTreeMap<u64, Held>,
    /// By queue name and minute.
    cells: BTreeMap<(String, u32), Cell>,
    names: BTreeMap<u32, String>,
}

impl Naive {
    fn cell(&mut self, queue: u32, minute: u32) -> &mut Cell {
        let name = self.names[&queue].clone();
        self.cells.entry((name, minute)).or_default()
    }

    fn total(&self, queue: &str) -> Cell {
        let mut total = Cell::default();
        for ((name, _), cell) in &self.cells {
            if name == queue {
                total.merge(cell);
            }
        }
        let open = self.messages.values().filter(|held| {
            self.names
                .get(&held.queue)
                .is_some_and(|name| name == queue)
        });
        total.open = open.map(|held| i64::from(held.lines)).sum();
        total
    }
}

struct World {
    random: Random,
    ledger: Ledger,
    naive: Naive,
    position: u64,
    at: Timestamp,
    next_queue: u32,
}

const BODY: &[u8] = b"line";

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            random: Random::of_seed(seed),
            ledger: Ledger::new(),
            naive: Naive::default(),
            position: 0,
            at: Timestamp::from_secs(1_795_410_000),
            next_queue: 0,
        };
        for _ in 0..3 {
            world.create_queue();
        }
        world
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    fn apply(&mut self, record: &Record<'_>) {
        self.position += 100;
        self.ledger
            .applied(Position::new(self.position), self.at, record);
    }

    fn create_queue(&mut self) {
        let number = self.next_queue;
        self.next_queue += 1;
        let name = format!("q{}", number % 4);
        if self.naive.names.values().any(|other| *other == name) {
            return;
        }
        self.naive.names.insert(number, name.clone());
        self.apply(&Record::QueueCreated {
            queue: QueueId(number),
            name: &name,
            settings: b"{}",
        });
    }

    fn any_queue(&mut self) -> Option<u32> {
        let queues: Vec<u32> = self.naive.names.keys().copied().collect();
        let place = self.below(queues.len().max(1) as u64) as usize;
        queues.get(place).copied()
    }

    /// Up to `max` messages of one queue.
    fn some(&mut self, queue: u32, max: u64) -> Vec<(u64, Held)> {
        let of_queue: Vec<(u64, Held)> = self
            .naive
            .messages
            .iter()
            .filter(|(_, held)| held.queue == queue)
            .map(|(key, held)| (*key, *held))
            .collect();
        let count = self.below(max) as usize + 1;
        let skip = self.below(of_queue.len().max(1) as u64) as usize;
        of_queue.into_iter().skip(skip).take(count).collect()
    }

    fn touched(messages: &[(u64, Held)]) -> Vec<Touched> {
        let of = |(key, held): &(u64, Held)| Touched {
            key: MessageKey(*key),
            sent_minute: held.minute,
            lines: held.lines,
        };
        messages.iter().map(of).collect()
    }

    fn send(&mut self, queue: u32) {
        let cause =
            [Cause::Sent, Cause::Sent, Cause::MovedIn, Cause::Replayed][self.below(4) as usize];
        let lines: Vec<u32> = (0..=self.below(9))
            .map(|_| self.below(4) as u32 + 1)
            .collect();
        let at = self.at;
        let messages = lines
            .iter()
            .map(|lines| NewMessage {
                lines: *lines,
                ..NewMessage::plain(at, BODY)
            })
            .collect();
        self.apply(&Record::Enqueued {
            queue: QueueId(queue),
            cause,
            messages,
        });
        for (number, lines) in lines.iter().enumerate() {
            let held = Held {
                queue,
                minute: minute_of(at),
                lines: *lines,
            };
            self.naive
                .messages
                .insert(self.position + number as u64, held);
            let cell = self.naive.cell(queue, held.minute);
            match cause {
                Cause::Sent => cell.sent += u64::from(*lines),
                Cause::MovedIn => cell.moved_in += u64::from(*lines),
                Cause::Replayed => cell.replayed += u64::from(*lines),
            }
        }
    }

    fn settle(&mut self, queue: u32) {
        let chosen = self.some(queue, 4);
        let Some(other) = self.any_queue() else {
            return;
        };
        let mut settlements = Vec::new();
        let mut carried = Vec::new();
        for (key, held) in chosen {
            self.naive.messages.remove(&key);
            let sent_at = Timestamp::from_secs(u64::from(held.minute) * 60);
            let real = if self.below(5) == 0 {
                self.below(5) as u32 + 1
            } else {
                held.lines
            };
            let waits = self.below(4) == 0;
            let mut lines = Vec::new();
            let (mut retry, mut dead) = (0, 0);
            for line in 0..real {
                let states = [
                    LineState::Delivered,
                    LineState::Dead,
                    LineState::Expired,
                    LineState::Retry,
                    LineState::Later,
                    LineState::Paused,
                ];
                let state = if waits {
                    LineState::Retry
                } else {
                    states[self.below(5) as usize]
                };
                let cell = self.naive.cell(queue, held.minute);
                match state {
                    LineState::Delivered => cell.delivered += 1,
                    LineState::Dead => {
                        cell.dead += 1;
                        dead += 1;
                    }
                    LineState::Expired => cell.expired += 1,
                    LineState::Retry | LineState::Later | LineState::Paused => retry += 1,
                }
                let destination = ["a.example", "b.example"][self.below(2) as usize];
                lines.push(LineOutcome {
                    line,
                    destination,
                    state,
                    result: b"",
                });
            }
            self.naive.cell(queue, held.minute).corrected +=
                i64::from(real) - i64::from(held.lines);
            let mut carries = Vec::new();
            let next = if waits {
                self.naive.messages.insert(
                    key,
                    Held {
                        lines: real,
                        ..held
                    },
                );
                Next::RetryAt {
                    at: self.at,
                    attempt: 1,
                }
            } else {
                let goes_to = if self.below(3) == 0 { other } else { queue };
                let again = [CarryKind::Retry, CarryKind::Retry, CarryKind::Replayed];
                let again = again[self.below(3) as usize];
                for (kind, lines, to) in [(again, retry, goes_to), (CarryKind::Dead, dead, other)] {
                    if lines > 0 && (kind != CarryKind::Dead || other != queue) {
                        let is_new = kind == CarryKind::Replayed;
                        let accepted = if is_new { self.at } else { sent_at };
                        let message = NewMessage {
                            lines,
                            ..NewMessage::plain(accepted, BODY)
                        };
                        carries.push(Carry {
                            queue: QueueId(to),
                            kind,
                            message,
                        });
                        carried.push(Held {
                            queue: to,
                            minute: minute_of(accepted),
                            lines,
                        });
                        if is_new {
                            self.naive.cell(queue, held.minute).moved_out += u64::from(lines);
                            self.naive.cell(to, minute_of(accepted)).replayed += u64::from(lines);
                        } else if to != queue {
                            self.naive.cell(to, held.minute).moved_in += u64::from(lines);
                            if kind == CarryKind::Retry {
                                self.naive.cell(queue, held.minute).moved_out += u64::from(lines);
                            }
                        }
                    }
                }
                Next::Gone
            };
            settlements.push(Settlement {
                key: MessageKey(key),
                sent_at,
                lines_before: held.lines,
                lines,
                next,
                carries,
            });
        }
        self.apply(&Record::Settled {
            queue: QueueId(queue),
            settlements,
        });
        for (number, held) in carried.into_iter().enumerate() {
            self.naive
                .messages
                .insert(self.position + number as u64, held);
        }
    }

    fn leave(&mut self, queue: u32, kind: u64) {
        let chosen = self.some(queue, 5);
        let messages = Self::touched(&chosen);
        let to = self.any_queue().unwrap_or(queue);
        for (key, held) in &chosen {
            let lines = u64::from(held.lines);
            match kind {
                0 => self.naive.cell(queue, held.minute).taken += lines,
                1 => self.naive.cell(queue, held.minute).expired += lines,
                _ => {
                    self.naive.cell(queue, held.minute).moved_out += lines;
                    self.naive.cell(to, held.minute).moved_in += lines;
                }
            }
            self.naive.messages.remove(key);
            if kind > 1 {
                self.naive
                    .messages
                    .insert(*key, Held { queue: to, ..*held });
            }
        }
        let queue = QueueId(queue);
        match kind {
            0 => self.apply(&Record::Deleted { queue, messages }),
            1 => self.apply(&Record::Expired { queue, messages }),
            _ => {
                let cause = MoveCause::DeadLetter;
                self.apply(&Record::Moved {
                    from: queue,
                    to: QueueId(to),
                    cause,
                    messages,
                });
            }
        }
    }

    fn empty(&mut self, queue: u32) {
        let held: Vec<(u64, Held)> = self
            .naive
            .messages
            .iter()
            .map(|(key, held)| (*key, *held))
            .collect();
        for (key, held) in held.into_iter().filter(|(_, held)| held.queue == queue) {
            self.naive.messages.remove(&key);
            self.naive.cell(queue, held.minute).purged += u64::from(held.lines);
        }
    }

    fn step(&mut self) {
        let Some(queue) = self.any_queue() else {
            return self.create_queue();
        };
        match self.below(100) {
            0..40 => self.send(queue),
            40..70 => self.settle(queue),
            70..75 => self.leave(queue, 0),
            75..78 => self.leave(queue, 1),
            78..82 => self.leave(queue, 2),
            82 => {
                self.empty(queue);
                self.apply(&Record::Purged {
                    queue: QueueId(queue),
                });
            }
            83 => {
                self.empty(queue);
                self.apply(&Record::QueueDeleted {
                    queue: QueueId(queue),
                });
                self.naive.names.remove(&queue);
            }
            84..88 => self.create_queue(),
            88 => self.apply(&Record::Paused {
                subject: Subject::Route("r"),
            }),
            89 => self.apply(&Record::Resumed {
                subject: Subject::Route("r"),
            }),
            90 => self.apply(&Record::Sealed {
                up_to: Position::new(self.position),
            }),
            91 => {
                let messages = Self::touched(&self.some(queue, 3));
                let received = messages
                    .iter()
                    .map(|message| ReceivedMessage {
                        message: *message,
                        was: Was::Fresh,
                    })
                    .collect();
                self.apply(&Record::Received {
                    queue: QueueId(queue),
                    until: self.at,
                    by: By::Notifier,
                    attempt: None,
                    messages: received,
                });
                self.apply(&Record::Released {
                    queue: QueueId(queue),
                    messages,
                });
            }
            92 => self.restart(),
            93 => self.at = self.at.plus(Duration::from_secs(self.below(200_000))),
            _ => self.at = self.at.plus(Duration::from_secs(self.below(50))),
        }
    }

    fn restart(&mut self) {
        let mut bytes = Vec::new();
        self.ledger.capture()(&mut bytes).unwrap();
        let restored = Ledger::new();
        restored.restore(&mut bytes.as_slice()).unwrap();
        assert_eq!(*restored.state.lock(), *self.ledger.state.lock());
        for cut in [0, 1, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            assert!(Ledger::new().restore(&mut &bytes[..cut]).is_err());
        }
        self.ledger = restored;
    }

    fn check(&self) {
        let report = self.ledger.report(None, Detail::History);
        assert_eq!(balance::sums(&report), []);
        for queue in &report.queues {
            assert_eq!(
                queue.total.cell,
                self.naive.total(&queue.queue),
                "{}",
                queue.queue
            );
            let mut sum = Cell::default();
            queue
                .history
                .iter()
                .for_each(|span| sum.merge(&span.counts.cell));
            assert_eq!(sum, queue.total.cell);
            let here = |held: &&Held| self.naive.names.get(&held.queue) == Some(&queue.queue);
            assert_eq!(
                queue.messages,
                self.naive.messages.values().filter(here).count() as i64
            );
            let mut by_destination = Outcomes::default();
            queue
                .destinations
                .iter()
                .for_each(|destination| by_destination.merge(&destination.total));
            assert_eq!(by_destination.delivered, queue.total.cell.delivered);
            self.check_minutes(queue);
        }
    }

    fn check_minutes(&self, queue: &QueueReport) {
        let mut open: BTreeMap<u32, i64> = BTreeMap::new();
        for held in self.naive.messages.values() {
            if self.naive.names.get(&held.queue) == Some(&queue.queue) {
                *open.entry(held.minute).or_default() += i64::from(held.lines);
            }
        }
        for span in queue.history.iter().filter(|span| span.minutes == 1) {
            let mut cell = self
                .naive
                .cells
                .get(&(queue.queue.clone(), span.minute))
                .copied()
                .unwrap_or_default();
            cell.open = open.get(&span.minute).copied().unwrap_or_default();
            assert_eq!(span.counts.cell, cell, "{} at {}", queue.queue, span.minute);
        }
    }
}

#[test]
fn the_sum_holds_at_every_step_and_after_every_restart() {
    for seed in 0..24 {
        let mut world = World::new(seed);
        for step in 0..600 {
            world.step();
            if step % 7 == 0 {
                world.check();
            }
        }
        world.check();
    }
}

#[test]
fn a_settlement_that_does_not_add_up_is_lost_and_drifts() {
    let mut world = World::new(1);
    let held = Held {
        queue: 0,
        minute: minute_of(world.at),
        lines: 2,
    };
    let at = world.at;
    let message = NewMessage {
        lines: 2,
        ..NewMessage::plain(at, BODY)
    };
    world.apply(&Record::Enqueued {
        queue: QueueId(0),
        cause: Cause::Sent,
        messages: vec![message],
    });
    let of = |state, line| LineOutcome {
        line,
        destination: "d",
        state,
        result: b"",
    };
    let lines = vec![of(LineState::Delivered, 0), of(LineState::Retry, 1)];
    let settlement = Settlement {
        key: MessageKey(1),
        sent_at: at,
        lines_before: held.lines,
        lines,
        next: Next::Gone,
        carries: Vec::new(),
    };
    world.apply(&Record::Settled {
        queue: QueueId(0),
        settlements: vec![settlement],
    });
    let drifts = balance::sums(&world.ledger.report(Some("q0"), Detail::History));
    assert!(
        matches!(
            &drifts[..],
            [
                Drift::Sum {
                    minute: None,
                    lost: 1,
                    ..
                },
                Drift::Sum { .. }
            ]
        ),
        "{drifts:?}"
    );
}

#[test]
fn destinations_beyond_the_bound_share_a_line() {
    let world = World::new(1);
    let at = world.at;
    for number in 0..1200u64 {
        let destination = format!("d{number}.example");
        let line = LineOutcome {
            line: 0,
            destination: &destination,
            state: LineState::Delivered,
            result: b"",
        };
        let settlement = Settlement {
            key: MessageKey(1),
            sent_at: at,
            lines_before: 1,
            lines: vec![line],
            next: Next::Gone,
            carries: Vec::new(),
        };
        world.ledger.applied(
            Position::new(number),
            at,
            &Record::Settled {
                queue: QueueId(0),
                settlements: vec![settlement],
            },
        );
    }
    let report = world.ledger.report(Some("q0"), Detail::Totals);
    let destinations = &report.queues[0].destinations;
    assert_eq!(destinations.len(), book::DESTINATIONS_MAX + 1);
    let other = destinations
        .iter()
        .find(|one| one.destination == book::OTHER)
        .unwrap();
    assert_eq!(other.total.delivered, 200);
}

#[test]
fn pauses_survive_a_restart() {
    let mut world = World::new(1);
    world.apply(&Record::Paused {
        subject: Subject::Route("r"),
    });
    world.apply(&Record::Paused {
        subject: Subject::Destination("*.d"),
    });
    world.restart();
    assert!(world.ledger.is_route_paused("r") && world.ledger.is_destination_paused("*.d"));
    world.apply(&Record::Resumed {
        subject: Subject::Route("r"),
    });
    assert_eq!(world.ledger.pauses().len(), 1);
}
