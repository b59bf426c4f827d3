//! The queues that messages come from: the route's own and, where it has one, that of its retries.
//!
//! INVARIANT: while two receives are under way, each queue has one, so that neither waits for the long poll of the other.
//! More than one at a queue only where the last came back full.

use parking_lot::Mutex;

/// Which of the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Own,
    Retry,
}

/// Both queues, and the receives that are under way at each.
#[derive(Debug)]
pub(crate) struct Sources {
    own: String,
    /// Where retries are sent to; the own queue where it has none of its own.
    retry: String,
    polls: Mutex<Polls>,
}

#[derive(Debug, Default)]
struct Polls {
    own: Polled,
    retry: Polled,
    last: Option<Source>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Polled {
    under_way: u32,
    was_full: bool,
}

/// A receive that is under way; over when dropped.
#[derive(Debug)]
pub(crate) struct Poll<'a> {
    sources: &'a Sources,
    pub(crate) source: Source,
}

impl Sources {
    pub(crate) fn new(own: &str, retry: &str) -> Self {
        Self {
            own: own.to_owned(),
            retry: retry.to_owned(),
            polls: Mutex::default(),
        }
    }

    /// One or two.
    pub(crate) fn count(&self) -> u32 {
        if self.own == self.retry { 1 } else { 2 }
    }

    pub(crate) fn url(&self, source: Source) -> &str {
        match source {
            Source::Own => &self.own,
            Source::Retry => &self.retry,
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> &'static [Source] {
        match self.count() {
            1 => &[Source::Own],
            _ => &[Source::Own, Source::Retry],
        }
    }

    /// Begins a receive at the queue whose turn it is.
    pub(crate) fn poll(&self) -> Poll<'_> {
        let mut polls = self.polls.lock();
        let source = match self.count() {
            1 => Source::Own,
            _ => polls.next(),
        };
        polls.of(source).under_way += 1;
        polls.last = Some(source);
        Poll {
            sources: self,
            source,
        }
    }
}

impl Polls {
    fn of(&mut self, source: Source) -> &mut Polled {
        match source {
            Source::Own => &mut self.own,
            Source::Retry => &mut self.retry,
        }
    }

    fn next(&self) -> Source {
        match (self.own.under_way, self.retry.under_way) {
            (0, 0) if self.last == Some(Source::Own) => Source::Retry,
            (0, _) => Source::Own,
            (_, 0) => Source::Retry,
            (own, retry) if self.retry.was_full && (retry < own || !self.own.was_full) => {
                Source::Retry
            }
            _ => Source::Own,
        }
    }
}

impl Poll<'_> {
    /// It came back, with as much as was asked for or less.
    pub(crate) fn ended(self, was_full: bool) {
        self.sources.polls.lock().of(self.source).was_full = was_full;
    }
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        let mut polls = self.sources.polls.lock();
        let polled = polls.of(self.source);
        polled.under_way = polled.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources_of(polls: &[Poll<'_>]) -> Vec<Source> {
        polls.iter().map(|poll| poll.source).collect()
    }

    #[test]
    fn one_queue_is_always_asked() {
        let sources = Sources::new("q", "q");
        let polls: Vec<Poll<'_>> = (0..3).map(|_| sources.poll()).collect();
        assert_eq!(sources_of(&polls), [Source::Own; 3]);
        assert_eq!((sources.count(), sources.all()), (1, &[Source::Own][..]));
    }

    #[test]
    fn two_queues_take_turns_and_neither_waits_for_the_other() {
        use Source::{Own, Retry};
        let sources = Sources::new("q", "r");
        let turns: Vec<Source> = (0..4).map(|_| sources.poll().source).collect();
        assert_eq!(turns, [Own, Retry, Own, Retry], "one receive at a time");
        let mut polls: Vec<Poll<'_>> = (0..2).map(|_| sources.poll()).collect();
        assert_eq!(sources_of(&polls), [Own, Retry]);
        for _ in 0..3 {
            polls.remove(0).ended(true);
            polls.insert(0, sources.poll());
            assert_eq!(sources_of(&polls), [Own, Retry], "the other is asked still");
        }
        polls.push(sources.poll());
        assert_eq!(polls[2].source, Own, "more where the last was full");
        polls.remove(1).ended(true);
        polls.extend([sources.poll(), sources.poll(), sources.poll()]);
        assert_eq!(sources_of(&polls), [Own, Own, Retry, Retry, Own]);
        polls.remove(0).ended(false);
        polls.push(sources.poll());
        assert_eq!(polls[4].source, Retry, "less where it was not");
    }
}
