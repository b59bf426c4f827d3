//! Messages into a queue: what goes on, and what is sent again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, MessageAttributeValue, SendMessageBatchRequestEntry,
};
use delivery::port::Error;
use delivery::replay::{Again, Target};
use delivery::travel;
use futures_util::future::BoxFuture;

use crate::account::{self, Account};
use crate::{batch, failure};

/// How often what a queue did not take of a batch is sent again. Chosen; the SDK does the same with whole calls.
const TRIES: u32 = 5;
/// The first wait before it, doubled each time. Chosen.
const WAIT_FIRST: Duration = Duration::from_millis(200);

/// A queue to send to.
pub struct Outbox {
    client: Client,
    url: String,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    /// The queue at `url`.
    ///
    /// # Errors
    /// [`account::Error::QueueUrl`] when `url` is none.
    pub fn new(account: &Account, url: &str) -> Result<Self, account::Error> {
        Ok(Self {
            client: account.sqs(url)?,
            url: url.to_owned(),
        })
    }

    fn what(&self) -> String {
        format!("queue `{}`", self.url)
    }

    async fn send_all(&self, messages: &[Again]) -> Result<(), Error> {
        for mut batch in batch::cut(messages.iter().collect(), |again| {
            size_of(&again.body, &again.attributes)
        }) {
            let mut tries = 0;
            loop {
                let failed = self.send_batch(&batch).await?;
                let Some((_, first)) = failed.first() else {
                    break;
                };
                tries += 1;
                if first.sender_fault && !failure::is_passing(&first.code) || tries == TRIES {
                    return Err(entry_failed(&self.what(), first));
                }
                tokio::time::sleep(WAIT_FIRST * 2_u32.pow(tries - 1)).await;
                batch = failed.into_iter().map(|(again, _)| again).collect();
            }
        }
        Ok(())
    }

    /// Sends at most ten; gives back what was not taken, with the reason.
    async fn send_batch<'a>(
        &self,
        batch: &[&'a Again],
    ) -> Result<Vec<(&'a Again, BatchResultErrorEntry)>, Error> {
        let mut call = self.client.send_message_batch().queue_url(&self.url);
        for (number, again) in batch.iter().enumerate() {
            call = call.entries(self.entry(number, again)?);
        }
        let answer = call
            .send()
            .await
            .map_err(|error| failure::of(&self.what(), &error))?;
        let of = |entry: &BatchResultErrorEntry| {
            let number: usize = entry.id.parse().ok()?;
            Some((*batch.get(number)?, entry.clone()))
        };
        Ok(answer.failed().iter().filter_map(of).collect())
    }

    fn entry(&self, number: usize, again: &Again) -> Result<SendMessageBatchRequestEntry, Error> {
        let mut entry = entry(&self.what(), number, &again.body, &again.attributes)?;
        if self.url.ends_with(".fifo") {
            // The mark of a replay, so that a batch that is sent again within five minutes is one.
            let mark = again.attributes.get(travel::REPLAY).cloned();
            entry = entry
                .message_group_id("replay")
                .message_deduplication_id(mark.unwrap_or_else(base::id::uuid));
        }
        entry
            .build()
            .map_err(|error| Error::refused(&self.what(), error))
    }
}

impl Target for Outbox {
    fn batch_max(&self) -> usize {
        batch::ENTRIES_MAX
    }

    fn send<'a>(&'a self, batch: &'a [Again]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.send_all(batch))
    }
}

/// A message with its attributes.
pub(crate) fn entry(
    what: &str,
    number: usize,
    body: &[u8],
    attributes: &BTreeMap<String, String>,
) -> Result<SendMessageBatchRequestEntryBuilder, Error> {
    let refused = |detail: &dyn fmt::Display| Error::refused(what, detail);
    let body = std::str::from_utf8(body).map_err(|error| refused(&error))?;
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(number.to_string())
        .message_body(body);
    for (name, value) in travel::sendable(attributes) {
        let value = MessageAttributeValue::builder()
            .data_type(travel::data_type(name))
            .string_value(value)
            .build();
        entry = entry.message_attributes(name, value.map_err(|error| refused(&error))?);
    }
    Ok(entry)
}

/// Why an entry of a batch was not taken.
pub(crate) fn entry_failed(what: &str, entry: &BatchResultErrorEntry) -> Error {
    let detail = format!(
        "{}: {}",
        entry.code,
        entry.message.as_deref().unwrap_or("no message")
    );
    if entry.sender_fault && !failure::is_passing(&entry.code) {
        Error::refused(what, detail)
    } else {
        Error::unavailable(what, detail)
    }
}

/// What a message counts towards the size of a batch.
pub(crate) fn size_of(body: &[u8], attributes: &BTreeMap<String, String>) -> usize {
    let attributes = attributes.iter();
    body.len()
        + attributes
            .map(|(name, value)| name.len() + value.len() + "String".len())
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_lines_is_sent_as_a_number() {
        let attributes = travel::carry(&BTreeMap::new(), "base", 3, &travel::Retry::default());
        let built = entry("q", 0, b"a\nb\nc", &attributes).unwrap().build();
        let sent = built.unwrap().message_attributes.unwrap();
        let types = [travel::LINES, travel::ID, travel::RETRY].map(|name| sent[name].data_type());
        assert_eq!(types, ["Number", "String", "String"]);
        assert_eq!(sent[travel::LINES].string_value(), Some("3"));
    }
}
