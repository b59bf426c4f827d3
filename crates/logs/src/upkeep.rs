//! What is past its retention, and what was deleted, leaves the disk: a few thousand events a change, so that nobody waits for long.
//!
//! Reading honours the retention by itself: upkeep is about room, not about what is shown. A stream goes when its last event has gone by
//! the retention; on AWS it stays, but here each process of a function has one.

use std::sync::Arc;
use std::time::Duration;

use store::tables::View;
use tokio::sync::watch;

use crate::event::{Event, Spot};
use crate::group::Stream;
use crate::keys::{self, DELETED, EVENTS, Erased, STREAMS};
use crate::logs::{self, Error, Logs, Open, Trim};

/// How often it is looked what may go. Chosen.
const EVERY: Duration = Duration::from_secs(60);
/// Events that one change takes away, or looks at, at most. Chosen.
const EVENTS_MAX: usize = 5_000;

impl Logs {
    /// Removes what may go, until `stop` is true or dropped.
    pub async fn keep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.tidy().await {
                tracing::error!(%error, "old log events are not removed");
            }
            let stopped = stop.wait_for(|is_stopping| *is_stopping);
            if tokio::time::timeout(EVERY, stopped).await.is_ok() {
                return;
            }
        }
    }

    /// Removes all that may go now.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Kept`].
    pub async fn tidy(&self) -> Result<(), Error> {
        while self.erase().await? {}
        let names = self.groups("").map(|row| Ok(row?.0));
        let names: Vec<String> = names.collect::<Result<_, Error>>()?;
        for name in names {
            while !self.expire(&name).await? {}
        }
        Ok(())
    }

    /// Takes some events of a group that are past its retention, and its streams that are empty by then. Returns whether it is done.
    async fn expire(&self, name: &str) -> Result<bool, Error> {
        let (now, total) = (self.now(), self.total().clone());
        let Ok(before) = self.group(name).map(|group| group.kept_from(now)) else {
            return Ok(true);
        };
        if before == 0 {
            return Ok(true);
        }
        let name = name.to_owned();
        self.change(move |view, changes| {
            let Some(mut open) = Open::find(view, changes, &name)? else {
                return Ok(true);
            };
            let trim = Trim {
                before,
                bytes_max: u64::MAX,
                events_max: EVENTS_MAX,
            };
            let is_done = open.trim_by(trim)?;
            if is_done {
                for number in empty(view, open.group.number, before)? {
                    open.remove_stream(number)?;
                }
            }
            open.close(&total);
            Ok(is_done)
        })
        .await
    }

    /// Erases some events of what was deleted. Returns whether there was something.
    async fn erase(&self) -> Result<bool, Error> {
        let view = self.tables.view();
        let Some(row) = view.prefix(DELETED, b"").next() else {
            return Ok(false);
        };
        let (key, value) = row?;
        let erased = logs::read(DELETED, &key, &value).unwrap_or(Erased::ALL);
        let Some((group, stream)) = keys::deleted(&key) else {
            return Ok(false);
        };
        let key = key.to_vec();
        self.change(move |view, changes| {
            let from = Spot::new(erased.from, erased.number);
            let to = Spot::new(erased.to, u64::MAX);
            let mut rows = logs::events(view, group, from, to);
            for row in rows.by_ref().take(EVENTS_MAX) {
                let (event_key, value) = row?;
                let event = keys::spot(&event_key).and_then(|spot| Event::read(spot, &value));
                let is_its = stream.is_none() || event.is_none_or(|it| Some(it.stream) == stream);
                if is_its {
                    changes.remove(EVENTS, event_key.to_vec());
                }
            }
            match rows.next().transpose()? {
                None => changes.remove(DELETED, key),
                // Those before it have been looked at.
                Some((next, _)) => {
                    let next = keys::spot(&next).unwrap_or(from);
                    let rest = Erased {
                        from: next.millis(),
                        number: next.number(),
                        to: erased.to,
                    };
                    logs::put(changes, DELETED, key, &rest);
                }
            }
            Ok(true)
        })
        .await
    }
}

/// The streams of a group whose events have all gone and were before `before`.
fn empty(view: &View, group: u64, before: u64) -> Result<Vec<u64>, Error> {
    let mut found = Vec::new();
    for row in logs::rows::<Stream>(view, STREAMS, &group.to_be_bytes(), 8) {
        let (_, stream) = row?;
        if stream.bytes == 0 && stream.put.is_some_and(|put| put.last < before) {
            found.push(stream.number);
        }
    }
    Ok(found)
}
