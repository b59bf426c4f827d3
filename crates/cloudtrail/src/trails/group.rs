//! Records that are written together: those of calls that end together, as many do that one commit has released.
//!
//! The first record of a group leads it. It lets every other task run that is ready, which may add records of their own,
//! and then writes all of them by one write. No call of the group is answered before. One write for each call cost half as
//! much as all the rest of its record, and held up the answers to the others, so that clients were woken for each.
//!
//! INVARIANT: a group that has records has a leader that will write it, be it when the leader is dropped. A group has at
//! most one record of each call that is being answered; the bound of these is its bound.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::Trails;
use crate::spool::New;

/// The group that records are added to.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    records: Vec<New>,
    group: Arc<Group>,
}

/// Who waits for the records of a group.
#[derive(Debug)]
struct Group {
    /// `None` once they are written.
    waiting: Mutex<Option<Vec<Waker>>>,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Some(Vec::new())),
        }
    }
}

impl Gathering {
    /// Adds a record; returns its group, and whether it leads it.
    fn add(&self, record: New) -> (Arc<Group>, bool) {
        let mut open = self.open.lock();
        open.records.push(record);
        (Arc::clone(&open.group), open.records.len() == 1)
    }

    /// Ends the group; the next record begins another one.
    fn take(&self) -> Open {
        std::mem::take(&mut *self.open.lock())
    }
}

impl Group {
    fn poll_written(&self, context: &Context<'_>) -> Poll<()> {
        match &mut *self.waiting.lock() {
            None => Poll::Ready(()),
            Some(waiting) => {
                waiting.push(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn tell(&self) {
        let waiting = self.waiting.lock().take();
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Trails {
    /// Adds a data record to those that are written together; it is written when what is returned resolves or is dropped.
    pub(super) fn gather(self: &Arc<Self>, record: New) -> impl Future<Output = ()> + use<> {
        let (group, is_leader) = self.gathering.add(record);
        let lead = is_leader.then(|| Lead(Arc::clone(self)));
        async move {
            if let Some(lead) = lead {
                tokio::task::yield_now().await;
                drop(lead);
            }
            poll_fn(|context| group.poll_written(context)).await;
        }
    }

    /// Writes what is gathered now.
    pub(super) fn write_gathered(&self) {
        let Open { records, group } = self.gathering.take();
        if !records.is_empty() {
            self.keep_all(&records);
        }
        group.tell();
    }
}

/// Writes the group that it leads when it is dropped: a client that is gone must not hold up the others.
struct Lead(Arc<Trails>);

impl Drop for Lead {
    fn drop(&mut self) {
        self.0.write_gathered();
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::super::simulation::World;
    use super::*;
    use crate::spool::{Slots, Stream};

    fn new(number: u64) -> New {
        New {
            at: Timestamp::from_secs(number),
            wanted: Slots::NONE,
            record: number.to_string().into_bytes(),
        }
    }

    /// How many data records are with the operating system.
    fn written(trails: &Trails) -> u64 {
        trails.spool(Stream::Data).head().next - 1
    }

    #[tokio::test]
    async fn what_ends_together_is_written_together_and_answered_after_that() {
        let trails = World::new(1).trails;
        let all = (1..=5).map(|number| {
            let (kept, trails) = (trails.gather(new(number)), Arc::clone(&trails));
            async move {
                kept.await;
                written(&trails)
            }
        });
        let tasks: Vec<_> = all.map(tokio::spawn).collect();
        assert_eq!(written(&trails), 0);
        for task in tasks {
            assert_eq!(task.await.unwrap(), 5);
        }
        // The next group begins anew.
        trails.gather(new(6)).await;
        assert_eq!(written(&trails), 6);
    }

    #[tokio::test]
    async fn a_group_whose_leader_is_gone_is_written_at_once() {
        let trails = World::new(1).trails;
        let (leader, follower) = (trails.gather(new(1)), trails.gather(new(2)));
        drop(leader);
        assert_eq!(written(&trails), 2);
        follower.await;
    }

    #[tokio::test]
    async fn a_follower_that_is_gone_is_written_with_the_others() {
        let trails = World::new(1).trails;
        let (leader, follower) = (trails.gather(new(1)), trails.gather(new(2)));
        drop(follower);
        leader.await;
        assert_eq!(written(&trails), 2);
    }

    #[tokio::test]
    async fn what_is_written_early_holds_nobody_up() {
        let trails = World::new(1).trails;
        let (leader, follower) = (trails.gather(new(1)), trails.gather(new(2)));
        trails.write_gathered();
        let next = trails.gather(new(3));
        follower.await;
        leader.await;
        assert_eq!(written(&trails), 3);
        next.await;
    }
}
