//! From a queue's name to its URL, and what it says of its messages.

use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlError;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use delivery::ledger::LiveCounts;

use crate::account::{Account, Error};
use crate::failure;

/// Why a queue was not found by its name.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Neither an endpoint nor a region says where to ask.
    #[error(
        "queue `{name}` is a name and nothing says where it is: give the queue's URL, or set AWS_ENDPOINT_URL or AWS_REGION"
    )]
    Nowhere {
        /// The name.
        name: String,
    },
    /// The place is no URL.
    #[error(transparent)]
    Place(#[from] Error),
    /// The endpoint gave no URL.
    #[error(transparent)]
    Refused(#[from] delivery::port::Error),
}

impl Account {
    /// The URL of `queue`: itself where it is a URL already, else what GetQueueUrl says at the account's endpoint or region.
    ///
    /// # Errors
    /// See [`FindError`].
    pub async fn queue_url(&self, queue: &str) -> Result<String, FindError> {
        if queue.contains("://") {
            return Ok(queue.to_owned());
        }
        let region = |region: &str| format!("https://sqs.{region}.amazonaws.com/");
        let endpoint = self.config.endpoint_url().map(str::to_owned);
        let place = endpoint.or_else(|| self.config.region().map(|name| region(name.as_ref())));
        let place = place.ok_or_else(|| FindError::Nowhere {
            name: queue.to_owned(),
        })?;
        let what = format!("queue `{queue}` at `{place}`");
        let asked = self.sqs(&place)?.get_queue_url().queue_name(queue).send();
        let answer = asked
            .await
            .map_err(|error| failure::of::<GetQueueUrlError>(&what, &error))?;
        answer
            .queue_url
            .ok_or_else(|| delivery::port::Error::refused(&what, "the answer has no URL").into())
    }

    /// How the messages of the queue at `url` divide, about: SQS counts behind what happens.
    ///
    /// # Errors
    /// See [`FindError`].
    pub async fn counts(&self, url: &str) -> Result<LiveCounts, FindError> {
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        let asked = self.sqs(url)?.get_queue_attributes().queue_url(url);
        let answer = asked
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(|error| failure::of(&format!("queue `{url}`"), &error))?;
        let count = |name: &Name| {
            let all = answer.attributes();
            let text = all.and_then(|all| all.get(name));
            text.and_then(|text| text.parse().ok()).unwrap_or_default()
        };
        let [visible, in_flight, delayed] = names.each_ref().map(count);
        Ok(LiveCounts {
            visible,
            in_flight,
            delayed,
            retry_wait: 0,
        })
    }
}
