//! Lines of programs on their way into streams.
//!
//! They go through one thread that puts what has come into the tables at once, so that who prints never waits and a line costs no sync of
//! its own. Groups and streams are made as they are needed, as Lambda makes them. What finds no room on its way is
//! left out, and its stream says how much that was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use base::{Clock, Timestamp};
use parking_lot::Mutex;

use crate::logs::{Error, Logs, New, Open, group};

/// Bytes that wait to be put, at most. Chosen.
const WAITING_MAX: usize = 16 << 20;
/// What a line costs beside its text, for that bound.
const LINE_COST: usize = 128;
/// For how long lines are gathered: what is printed is found that much later. Chosen.
const GATHERED: Duration = Duration::from_millis(100);
/// Bytes that are put at once, at most. Chosen.
const BATCH_MAX: usize = 1 << 20;

/// Streams of which it is told that lines were left out; of further ones it is only counted. Chosen.
const MARKED_MAX: usize = 1000;

/// Takes lines and has them put.
#[derive(Debug)]
pub struct Printed {
    lines: Mutex<Option<Sender<Line>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    room: Arc<Room>,
}

/// What waits, and what found no room.
#[derive(Debug)]
struct Room {
    bytes_max: usize,
    waiting: AtomicUsize,
    lost: AtomicUsize,
    /// How many lines of a group's stream were left out since that was told in it.
    untold: Mutex<BTreeMap<(String, String), usize>>,
}

/// A line on its way.
#[derive(Debug)]
struct Line {
    group: String,
    stream: String,
    new: New,
}

impl Line {
    const fn cost(&self) -> usize {
        self.group.len() + self.stream.len() + self.new.message.len() + LINE_COST
    }
}

/// Events by group and stream.
type Batch = BTreeMap<String, BTreeMap<String, Vec<New>>>;

impl Printed {
    /// Into `logs`.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn into(logs: Arc<Logs>) -> std::io::Result<Self> {
        Self::bounded(logs, WAITING_MAX)
    }

    /// Into `logs`, where less than `bytes_max` waits.
    pub(crate) fn bounded(logs: Arc<Logs>, bytes_max: usize) -> std::io::Result<Self> {
        let (lines, taken) = channel();
        let room = Arc::new(Room {
            bytes_max,
            waiting: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            untold: Mutex::default(),
        });
        let of_thread = room.clone();
        let thread = std::thread::Builder::new().name("printed".to_owned());
        let thread = thread.spawn(move || put_all(&logs, &taken, &of_thread))?;
        Ok(Self {
            lines: Mutex::new(Some(lines)),
            thread: Mutex::new(Some(thread)),
            room,
        })
    }

    /// Takes a line. Does not block.
    pub fn line(&self, group: &str, stream: &str, at: Timestamp, line: &str) {
        let line = Line {
            group: group.to_owned(),
            stream: stream.to_owned(),
            new: New {
                at: at.as_millis(),
                // As lines of functions are found on AWS.
                message: format!("{line}\n"),
            },
        };
        let cost = line.cost();
        let has_room = self.room.waiting.fetch_add(cost, Ordering::Relaxed) < self.room.bytes_max;
        let left_out = match self.lines.lock().as_ref().filter(|_| has_room) {
            Some(lines) => lines.send(line).err().map(|unsent| unsent.0),
            None => Some(line),
        };
        if let Some(line) = left_out {
            self.room.waiting.fetch_sub(cost, Ordering::Relaxed);
            self.room.leave_out(line);
        }
    }

    /// Lines that found no room.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.room.lost.load(Ordering::Relaxed)
    }

    /// Puts what waits, and takes no more. Blocks.
    pub fn close(&self) {
        drop(self.lines.lock().take());
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("putting what functions print broke");
        }
        if self.lost() > 0 {
            tracing::warn!(
                lost = self.lost(),
                "lines of functions found no room in their logs"
            );
        }
    }
}

impl Room {
    fn leave_out(&self, line: Line) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        let mut untold = self.untold.lock();
        let of = (line.group, line.stream);
        if untold.len() < MARKED_MAX || untold.contains_key(&of) {
            *untold.entry(of).or_default() += 1;
        }
    }

    /// Says in each stream how many of its lines were left out since it was said last.
    fn tell(&self, batch: &mut Batch, now: u64) {
        for ((group, stream), count) in std::mem::take(&mut *self.untold.lock()) {
            let message =
                format!("{count} lines were left out here: more was printed than could be kept\n");
            let streams = batch.entry(group).or_default();
            let events = streams.entry(stream).or_default();
            events.push(New { at: now, message });
        }
    }
}

fn put_all(logs: &Logs, lines: &Receiver<Line>, room: &Room) {
    let mut is_failing = false;
    let mut put_and_say = |batch: Batch, count: usize| {
        let put = put(logs, batch);
        if let Err(error) = &put {
            room.lost.fetch_add(count, Ordering::Relaxed);
            if !is_failing {
                tracing::error!(%error, "what functions print is not kept");
            }
        }
        is_failing = put.is_err();
    };
    while let Ok(first) = lines.recv() {
        let (mut batch, cost, count) = gathered(first, lines, logs.clock());
        room.tell(&mut batch, logs.now().as_millis());
        put_and_say(batch, count);
        room.waiting.fetch_sub(cost, Ordering::Relaxed);
    }
    let mut last = Batch::new();
    room.tell(&mut last, logs.now().as_millis());
    if !last.is_empty() {
        put_and_say(last, 0);
    }
}

/// What comes within a moment, what it costs, and how many lines it is.
fn gathered(first: Line, lines: &Receiver<Line>, clock: &dyn Clock) -> (Batch, usize, usize) {
    let until = clock.monotonic() + GATHERED;
    let (mut cost, mut count, mut batch) = (0, 0, Batch::new());
    let mut next = Some(first);
    while let Some(line) = next {
        cost += line.cost();
        count += 1;
        let streams = batch.entry(line.group).or_default();
        streams.entry(line.stream).or_default().push(line.new);
        next = match cost < BATCH_MAX {
            true => lines
                .recv_timeout(until.saturating_sub(clock.monotonic()))
                .ok(),
            false => None,
        };
    }
    (batch, cost, count)
}

/// Puts events, and makes what they go into where it is not there.
fn put(logs: &Logs, batch: Batch) -> Result<(), Error> {
    let (bounds, all) = (*logs.bounds(), logs.bytes());
    let (now, total) = (logs.now().as_millis(), logs.total().clone());
    let made: Vec<_> = batch
        .keys()
        .map(|_| logs.new_group(BTreeMap::new()))
        .collect();
    logs.change_blocking(move |view, changes| {
        for ((name, streams), new) in batch.into_iter().zip(made) {
            let group = group(view, &name)?.unwrap_or(new);
            let mut open = Open::of(view, &mut *changes, &name, group);
            for (stream, events) in streams {
                let number = match open.stream(&stream)? {
                    Some(number) => number,
                    None => {
                        if open.group.streams >= bounds.streams {
                            open.remove_oldest_stream()?;
                        }
                        open.add_stream(&stream, now)
                    }
                };
                open.add(number, events, now);
            }
            open.trim(bounds.of(open.group_bytes_before(), all))?;
            open.close(&total);
        }
        Ok(())
    })
}
