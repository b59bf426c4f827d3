//! Lines into messages: pure, without I/O.
//!
//! A pack is a run of lines of one file that travels as one message. Its place in the file is its identity: the
//! id of its first byte's offset, and line numbers within it. So that a line shipped again after a crash keeps its
//! id, the bounds of a pack are written to the state *before* it is first sent ([`Bounds`]), and a restart packs
//! within those bounds again, whatever the settings are by then.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Where a pack begins and ends in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// Offset of its first byte.
    pub(crate) start: u64,
    /// Offset behind its last line's newline, and behind what was skipped or set aside after it.
    pub(crate) end: u64,
}

/// Lines that travel together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pack {
    /// Offset of its first byte.
    pub(crate) start: u64,
    /// Offset behind its last byte.
    pub(crate) end: u64,
    /// The lines, separated by `\n`.
    pub(crate) body: Vec<u8>,
    /// How many lines it holds; 0 when all were set aside or blank, and then nothing is sent.
    pub(crate) lines: u32,
    /// Lines within it that were set aside.
    pub(crate) set_aside: u32,
}

/// Limits of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of a body. A single line may be longer, up to what a message holds.
    pub(crate) body_bytes: usize,
    /// Lines of a body.
    pub(crate) lines: u32,
}

/// Gathers lines of one file into packs.
#[derive(Debug)]
pub(crate) struct Packer {
    limits: Limits,
    planned: VecDeque<Bounds>,
    current: Option<Pack>,
}

impl Packer {
    /// A packer that first keeps to the bounds `planned` before a crash.
    pub(crate) fn new(limits: Limits, planned: impl IntoIterator<Item = Bounds>) -> Self {
        Self {
            limits,
            planned: planned.into_iter().collect(),
            current: None,
        }
    }

    /// Takes the line `text` that lies from `start` up to `end` (newline and carriage return included).
    /// Gives the pack before it where the line begins a new one.
    pub(crate) fn push(&mut self, start: u64, end: u64, text: &[u8]) -> Option<Pack> {
        let full = self.take_unless(start, |pack, limits| {
            pack.lines == 0
                || (pack.lines < limits.lines
                    && pack.body.len() + 1 + text.len() <= limits.body_bytes)
        });
        let pack = self.at(start);
        if pack.lines > 0 {
            pack.body.push(b'\n');
        }
        pack.body.extend_from_slice(text);
        pack.lines += 1;
        pack.end = end;
        full
    }

    /// Takes note of a blank line.
    pub(crate) fn skip(&mut self, start: u64, end: u64) -> Option<Pack> {
        let full = self.take_unless(start, |_, _| true);
        self.at(start).end = end;
        full
    }

    /// Takes note of a line that was set aside.
    pub(crate) fn set_aside(&mut self, start: u64, end: u64) -> Option<Pack> {
        let full = self.skip(start, end);
        self.at(start).set_aside += 1;
        full
    }

    /// The pack so far, when no more lines come for now. A pack that is planned to be longer waits for the rest.
    pub(crate) fn flush(&mut self) -> Option<Pack> {
        let is_short = |pack: &Pack, plan: &Bounds| pack.start == plan.start && pack.end < plan.end;
        match (&self.current, self.planned.front()) {
            (Some(pack), Some(plan)) if is_short(pack, plan) => None,
            _ => self.take(),
        }
    }

    /// The pack so far, whatever was planned: the file ends here.
    pub(crate) fn finish(&mut self) -> Option<Pack> {
        self.take()
    }

    /// Whether lines wait to be flushed.
    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none()
    }

    fn at(&mut self, start: u64) -> &mut Pack {
        self.current.get_or_insert_with(|| Pack {
            start,
            end: start,
            ..Pack::default()
        })
    }

    fn take_unless(
        &mut self,
        start: u64,
        fits: impl FnOnce(&Pack, &Limits) -> bool,
    ) -> Option<Pack> {
        let pack = self.current.as_ref()?;
        let stays = match self.planned.front() {
            Some(plan) if plan.start == pack.start => start < plan.end,
            _ => fits(pack, &self.limits),
        };
        if stays { None } else { self.take() }
    }

    fn take(&mut self) -> Option<Pack> {
        let pack = self.current.take()?;
        while self
            .planned
            .front()
            .is_some_and(|plan| plan.start <= pack.start)
        {
            self.planned.pop_front();
        }
        Some(pack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        body_bytes: 10,
        lines: 3,
    };

    fn feed(packer: &mut Packer, text: &str) -> Vec<Pack> {
        let mut start = 0;
        let mut packs = Vec::new();
        for line in text.split_inclusive('\n') {
            let end = start + u64::try_from(line.len()).unwrap();
            let line = line.trim_end();
            packs.extend(match line {
                "" => packer.skip(start, end),
                "bad" => packer.set_aside(start, end),
                _ => packer.push(start, end, line.as_bytes()),
            });
            start = end;
        }
        packs
    }

    fn bodies(packs: &[Pack]) -> Vec<&str> {
        packs
            .iter()
            .map(|pack| std::str::from_utf8(&pack.body).unwrap())
            .collect()
    }

    #[test]
    fn packs_keep_within_bytes_and_lines() {
        let mut packer = Packer::new(LIMITS, []);
        let mut packs = feed(&mut packer, "aaaa\nbbbbb\nc\nd\ne\nf\n0123456789abc\ng\n");
        packs.extend(packer.flush());
        assert_eq!(
            bodies(&packs),
            ["aaaa\nbbbbb", "c\nd\ne", "f", "0123456789abc", "g"]
        );
        assert!(packs.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(packer.flush().is_none());
    }

    #[test]
    fn one_line_a_message_is_a_limit_of_one_line() {
        let mut packer = Packer::new(
            Limits {
                body_bytes: 100,
                lines: 1,
            },
            [],
        );
        let mut packs = feed(&mut packer, "a\n\nb\n");
        packs.extend(packer.flush());
        assert_eq!(bodies(&packs), ["a", "b"]);
        assert_eq!((packs[0].start, packs[0].end, packs[1].start), (0, 3, 3));
    }

    #[test]
    fn what_is_blank_or_set_aside_belongs_to_the_pack_before_it() {
        let mut packer = Packer::new(LIMITS, []);
        let mut packs = feed(&mut packer, "bad\na\n\nbad\nb\n");
        packs.extend(packer.flush());
        assert_eq!(bodies(&packs), ["a\nb"]);
        assert_eq!(
            (packs[0].set_aside, packs[0].lines, packs[0].end),
            (2, 2, 13)
        );
    }

    #[test]
    fn a_restart_keeps_to_the_bounds_that_were_written_before_the_first_send() {
        let text = "a\nb\nc\nd\ne\n";
        let mut first = Packer::new(LIMITS, []);
        let _ = feed(&mut first, "a\nb\n");
        let sent = first.flush().unwrap();
        let planned = [Bounds {
            start: sent.start,
            end: sent.end,
        }];
        let mut again = Packer::new(LIMITS, planned);
        let mut packs = feed(&mut again, text);
        packs.extend(again.flush());
        assert_eq!(packs[0], sent);
        assert_eq!(bodies(&packs), ["a\nb", "c\nd\ne"]);
    }

    #[test]
    fn a_planned_pack_waits_until_it_is_whole() {
        let mut packer = Packer::new(LIMITS, [Bounds { start: 0, end: 4 }]);
        let _ = packer.push(0, 2, b"a");
        assert!(packer.flush().is_none());
        let _ = packer.push(2, 4, b"b");
        assert_eq!(packer.flush().unwrap().lines, 2);
    }
}
