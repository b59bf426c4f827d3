//! Notices on their way: from the router into the queues of their channels.
//!
//! A notice is taken from the router once the queues have it on the disk. After a crash in between it is sent again under
//! the same id, which its FIFO queue knows for five minutes.

use std::sync::Arc;

use base::AccountId;
use bytes::Bytes;
use jiff::tz::TimeZone;
use sqs::Queues;
use sqs::{Outgoing, Sender};
use store::record::Cause;
use watch::notice::render::{self, Channel, Line, Reader};
use watch::notice::settings::Settings;
use watch::notice::{Notice, Router};

use crate::notices;

/// Notices that are taken from the router at once. Chosen.
const BATCH: usize = 50;

/// Puts notices into queues.
#[derive(Debug)]
pub(super) struct Telling {
    pub(super) router: Arc<Router>,
    pub(super) queues: Arc<Queues>,
    pub(super) account: AccountId,
    pub(super) region: String,
    /// The page that notices lead to.
    pub(super) url: String,
}

impl Telling {
    /// Sends what waits. What cannot be sent now waits on.
    pub(super) async fn drain(&self, settings: &Settings) -> anyhow::Result<()> {
        let reader = self.reader(settings);
        loop {
            let batch = self.router.pending(BATCH)?;
            if batch.is_empty() {
                return Ok(());
            }
            for (number, notice) in batch {
                self.send(&notice, settings, &reader).await?;
                self.router.done(number).await?;
            }
        }
    }

    fn reader(&self, settings: &Settings) -> Reader {
        let zone = settings.time_zone.as_deref();
        Reader {
            language: settings.language,
            zone: zone
                .and_then(|name| TimeZone::get(name).ok())
                .unwrap_or(TimeZone::UTC),
            url: self.url.clone(),
            topics: format!("arn:aws:sns:{}:{}:", self.region, self.account),
        }
    }

    /// Sends a notice by every channel of its receiver; one without channels any more is told to nobody.
    async fn send(
        &self,
        notice: &Notice,
        settings: &Settings,
        reader: &Reader,
    ) -> anyhow::Result<()> {
        let Some(receiver) = settings.receivers.get(&notice.receiver) else {
            tracing::warn!(receiver = %notice.receiver, notice = %notice.id, "a notice has no receiver any more");
            return Ok(());
        };
        for channel in notices::channels(receiver) {
            let lines = render::lines(notice, channel, receiver.webhook_form, reader);
            self.put(notice, channel, &lines).await?;
        }
        Ok(())
    }

    async fn put(&self, notice: &Notice, channel: Channel, lines: &[Line]) -> anyhow::Result<()> {
        let name = notices::queue_name(&notice.receiver, channel);
        let queue = self.queues.queue(&name)?;
        let inside = Sender {
            id: "shukuba",
            cause: Cause::Sent,
        };
        for lines in lines.chunks(10) {
            let messages = lines.iter().map(|line| Outgoing {
                body: Bytes::from(line.text.clone()),
                group: Some(notice.thread.clone()),
                dedup_id: Some(line.id.clone()),
                ..Outgoing::default()
            });
            let sent = self.queues.send(&queue, inside, messages.collect()).await?;
            for outcome in sent {
                outcome?;
            }
        }
        Ok(())
    }
}
