//! Walking a whole spool and comparing every record with the chain.

use std::io;
use std::ops::Range;

use super::segment::HEAD_BYTES;
use super::window::Window;
use super::{Chain, Head, NoFrame, Spool};

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Records are not there.
    #[error("records {} to {} are missing", .numbers.start, .numbers.end.saturating_sub(1))]
    Missing {
        /// Which.
        numbers: Range<u64>,
    },
    /// A record is another than was written, or one was put in or taken out before it.
    #[error("record {number} is not the one that was written, or what is before it is not")]
    Changed {
        /// Which.
        number: u64,
    },
    /// What stands where a record was is none; the rest of that file cannot be read.
    #[error("`{file}` has {problem} at byte {offset}")]
    Broken {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
        /// What stands there.
        problem: NoFrame,
    },
    /// All records up to one add up to something else than was written down.
    #[error("the records below {next} do not add up to what was written down")]
    OtherSum {
        /// The number of the next record.
        next: u64,
    },
}

/// What was walked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// How many records were read.
    pub records: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// The most faults of a spool that are told. Chosen: the first ones say it.
pub const FAULTS_MAX: usize = 100;

struct Walk<'a> {
    /// Where the chain is known to have been.
    known: &'a [Head],
    next: u64,
    chain: Chain,
    walked: Walked,
}

impl Spool {
    /// Reads everything and compares it with the chain, with the head that was `kept` last, and with `others` that were
    /// written down elsewhere at some time. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn verify(&self, kept: Option<&Head>, others: &[Head]) -> io::Result<Walked> {
        let known: Vec<Head> = kept.into_iter().chain(others).copied().collect();
        let files: Vec<_> = self.state.lock().segments.iter().cloned().collect();
        let end = self.head();
        let first = files.first().map_or(end.next, |file| file.begin.first);
        let mut walk = Walk {
            known: &known,
            // What was let go since the head was kept is older than what is there.
            next: kept.map_or(first, |head| head.first.min(first)),
            chain: Chain::default(),
            walked: Walked::default(),
        };
        if kept.is_some_and(|head| self.state.lock().leaving.contains(&head.first)) {
            walk.next = first;
        }
        if let Some(file) = files.first() {
            walk.chain = file.begin.before;
        }
        for (place, file) in files.iter().enumerate() {
            walk.meet(file.begin.first, file.begin.before, place == 0);
            let mut offset = HEAD_BYTES;
            let mut window = Window::new();
            let problem = loop {
                if walk.next >= end.next {
                    break NoFrame::End;
                }
                match window.frame_at(file, offset)? {
                    Ok(frame) => {
                        offset += frame.bytes() as u64;
                        walk.take(&frame);
                    }
                    Err(problem) => break problem,
                }
            };
            if problem != NoFrame::End {
                walk.fault(Fault::Broken {
                    file: self.stream.file_name(file.begin.first),
                    offset,
                    problem,
                });
            }
        }
        let latest = known.iter().map(|head| head.next).max().unwrap_or(0);
        walk.miss_up_to(latest.max(end.next));
        Ok(walk.walked)
    }
}

impl Walk<'_> {
    fn fault(&mut self, fault: Fault) {
        if self.walked.faults.len() < FAULTS_MAX {
            self.walked.faults.push(fault);
        }
    }

    fn miss_up_to(&mut self, next: u64) {
        if self.next < next {
            let numbers = self.next..next;
            self.fault(Fault::Missing { numbers });
            self.next = next;
        }
    }

    /// A file begins.
    fn meet(&mut self, first: u64, before: Chain, is_oldest: bool) {
        let is_joined = first == self.next;
        self.miss_up_to(first);
        if first < self.next || (is_joined && !is_oldest && before != self.chain) {
            self.fault(Fault::Changed { number: first });
        }
        self.next = first;
        self.chain = before;
        self.compare();
    }

    fn take(&mut self, frame: &super::Frame) {
        if frame.number != self.next {
            self.fault(Fault::Changed {
                number: frame.number,
            });
        }
        let chain = self
            .chain
            .with(frame.number, frame.at, frame.wanted, &frame.record);
        if chain != frame.chain {
            self.fault(Fault::Changed {
                number: frame.number,
            });
        }
        self.chain = frame.chain;
        self.next = frame.number + 1;
        self.walked.records += 1;
        self.compare();
    }

    /// Whether the sum is the one that was written down at this place.
    fn compare(&mut self) {
        let next = self.next;
        let is_other = self
            .known
            .iter()
            .any(|it| it.next == next && it.chain != self.chain);
        if is_other {
            self.fault(Fault::OtherSum { next });
        }
    }
}
