//! What a trial of an account makes there, and takes away again: a queue with its dead letters, a bucket, an alarm; and beside,
//! where functions are tried, these with their role and log groups.
//!
//! - `call`: calls that are signed here; `functions`: what is made for functions
//!
//! Everything has the trial's name and its tags from the call that makes it on, except the bucket, which is tagged by a second
//! call. To take away what is not there is no error, so that all of it can be taken away whatever was made.
//!
//! Source: SQS, S3 and CloudWatch API References.

mod call;
mod functions;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ::http::{Method, StatusCode};
use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, StateValue, Statistic, Tag};
use aws_sdk_sqs::types::QueueAttributeName;
use base::Clock;
use delivery::port::Error;
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use url::Url;

use crate::account::Account;
use crate::batch::ENTRIES_MAX;
use crate::outbox::{entry, entry_failed};
use crate::{failure, objects};

pub use functions::{Function, Invoked, Made};

/// After so many receives a message is a dead letter. Chosen: a trial receives each once.
const RECEIVES_MAX: u32 = 5;
/// How long the queues keep what nobody takes away. Chosen: a day, so that what is forgotten costs nothing.
const KEPT_SECS: u32 = 86_400;

/// The names of what a trial makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The queue.
    pub queue: String,
    /// That of its dead letters.
    pub dead: String,
    /// The bucket.
    pub bucket: String,
    /// The alarm.
    pub alarm: String,
    /// The functions' role.
    pub role: String,
    /// The function that plans.
    pub scaler: String,
    /// The function that sends.
    pub notifier: String,
}

impl Names {
    /// Those of the trial `id`, which is of `a-z` and `0-9`.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let name = format!("shukuba-verify-{id}");
        Self {
            dead: format!("{name}-dead"),
            bucket: name.clone(),
            alarm: name.clone(),
            role: name.clone(),
            scaler: format!("{name}-scaler"),
            notifier: format!("{name}-notifier"),
            queue: name,
        }
    }
}

/// A message of a trial.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its line.
    pub body: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
}

/// A trial in an account.
pub struct Trial {
    account: Account,
    clock: Arc<dyn Clock>,
    names: Names,
    tags: BTreeMap<String, String>,
    region: String,
    s3: Url,
    sqs: aws_sdk_sqs::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("names", &self.names)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Trial {
    /// A trial that has made nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] when no region is known, or an endpoint is no URL.
    pub fn new(
        account: &Account,
        clock: Arc<dyn Clock>,
        names: Names,
        tags: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let region = account.config.region().map(ToString::to_string);
        let endpoint = account.config.endpoint_url().map(str::to_owned);
        let region = region.or_else(|| endpoint.as_ref().map(|_| "us-east-1".to_owned()));
        let region =
            region.ok_or_else(|| Error::refused("the account", "no region; set AWS_REGION"))?;
        let s3 = objects::endpoint(account)
            .unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let wrong = |error: &dyn fmt::Display| Error::refused(&format!("endpoint `{s3}`"), error);
        let s3 = Url::parse(&s3).map_err(|error| wrong(&error))?;
        // The queue's place: the endpoint, else that of Amazon in the region.
        let place = endpoint.unwrap_or_else(|| format!("https://sqs.{region}.amazonaws.com/"));
        let refused = |error: crate::account::Error| Error::refused("the account", error);
        Ok(Self {
            sqs: account.sqs(&place).map_err(refused)?,
            cloudwatch: account.cloudwatch(&place).map_err(refused)?,
            account: account.clone(),
            clock,
            names,
            tags,
            region,
            s3,
        })
    }

    /// The region of all of it.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Makes the queue of the dead letters, and the queue; gives its URL.
    ///
    /// # Errors
    /// What SQS says.
    pub async fn make_queues(&self) -> Result<String, Error> {
        let dead = self.make_queue(&self.names.dead, None).await?;
        let asked = self.sqs.get_queue_attributes().queue_url(&dead);
        let asked = asked.attribute_names(QueueAttributeName::QueueArn).send();
        let answer = asked
            .await
            .map_err(|error| failure::of(&queue(&self.names.dead), &error))?;
        let arn = answer
            .attributes()
            .and_then(|all| all.get(&QueueAttributeName::QueueArn));
        let arn = arn.ok_or_else(|| {
            Error::refused(&queue(&self.names.dead), "the answer has no QueueArn")
        })?;
        let redrive = serde_json::json!({
            "deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES_MAX,
        });
        self.make_queue(&self.names.queue, Some(redrive.to_string()))
            .await
    }

    async fn make_queue(&self, name: &str, redrive: Option<String>) -> Result<String, Error> {
        let kept = QueueAttributeName::MessageRetentionPeriod;
        let mut call = self.sqs.create_queue().queue_name(name);
        call = call.attributes(kept, KEPT_SECS.to_string());
        if let Some(redrive) = redrive {
            call = call.attributes(QueueAttributeName::RedrivePolicy, redrive);
        }
        for (key, value) in &self.tags {
            call = call.tags(key, value);
        }
        let made = call.send().await;
        let made = made.map_err(|error| failure::of(&queue(name), &error))?;
        let none = || Error::refused(&queue(name), "the answer has no URL");
        made.queue_url.ok_or_else(none)
    }

    /// Sends `messages`, ten at a time, to the queue at `url`.
    ///
    /// # Errors
    /// What SQS says; an error for one that was not taken.
    pub async fn send(&self, url: &str, messages: &[Message]) -> Result<(), Error> {
        let what = queue(&self.names.queue);
        for batch in messages.chunks(ENTRIES_MAX) {
            let mut call = self.sqs.send_message_batch().queue_url(url);
            for (number, message) in batch.iter().enumerate() {
                let entry = entry(&what, number, message.body.as_bytes(), &message.attributes)?;
                let entry = entry
                    .build()
                    .map_err(|error| Error::refused(&what, error))?;
                call = call.entries(entry);
            }
            let answer = call.send().await;
            let answer = answer.map_err(|error| failure::of(&what, &error))?;
            if let Some(first) = answer.failed().first() {
                return Err(entry_failed(&what, first));
            }
        }
        Ok(())
    }

    /// Makes the bucket, and tags it.
    ///
    /// # Errors
    /// What S3 says.
    pub async fn make_bucket(&self) -> Result<(), Error> {
        // Of us-east-1 nothing may be said. Source: S3 API Reference, CreateBucket.
        let place = match self.region.as_str() {
            "us-east-1" => String::new(),
            region => format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        self.s3(Method::PUT, "", place).await?;
        let tag = |(key, value): (&String, &String)| {
            format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>")
        };
        let tags: String = self.tags.iter().map(tag).collect();
        let tagging = format!(
            "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>{tags}</TagSet></Tagging>"
        );
        self.s3(Method::PUT, "tagging", tagging).await
    }

    /// Makes the alarm: something lies among the dead letters. It notifies nobody, and where there are no figures its state
    /// stays as it was set.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn make_alarm(&self) -> Result<(), Error> {
        let of_queue = Dimension::builder()
            .name("QueueName")
            .value(&self.names.dead);
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags: Vec<Tag> = self.tags.iter().map(tag).collect();
        let put = self.cloudwatch.put_metric_alarm();
        let put = put
            .alarm_name(&self.names.alarm)
            .alarm_description("Made by shukuba verify-aws; it may be deleted")
            .namespace("AWS/SQS")
            .metric_name("ApproximateNumberOfMessagesVisible")
            .dimensions(of_queue.build())
            .statistic(Statistic::Maximum)
            .period(60)
            .evaluation_periods(1)
            .threshold(0.0)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .treat_missing_data("ignore")
            .set_tags(Some(tags))
            .send();
        let put = put.await.map(|_| ());
        put.map_err(|error| failure::of(&alarm(&self.names.alarm), &error))
    }

    /// Sets the alarm's state, as its evaluation would.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn set_alarm(&self, state: &str) -> Result<(), Error> {
        let set = self.cloudwatch.set_alarm_state();
        let set = set
            .alarm_name(&self.names.alarm)
            .state_value(StateValue::from(state))
            .state_reason("set by shukuba verify-aws")
            .send();
        let set = set.await.map(|_| ());
        set.map_err(|error| failure::of(&alarm(&self.names.alarm), &error))
    }

    /// The alarm's state, such as `ALARM`; none where there is no such alarm.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn alarm_state(&self) -> Result<Option<String>, Error> {
        let asked = self.cloudwatch.describe_alarms();
        let answer = asked.alarm_names(&self.names.alarm).send().await;
        let answer = answer.map_err(|error| failure::of(&alarm(&self.names.alarm), &error))?;
        let found = answer.metric_alarms().first();
        let state = found.and_then(|alarm| alarm.state_value.as_ref());
        Ok(state.map(|state| state.as_str().to_owned()))
    }

    /// Takes the alarm away.
    ///
    /// # Errors
    /// What CloudWatch says, but that it is not there.
    pub async fn delete_alarm(&self) -> Result<(), Error> {
        let call = self.cloudwatch.delete_alarms();
        match call.alarm_names(&self.names.alarm).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found()) =>
            {
                Ok(())
            }
            Err(error) => Err(failure::of(&alarm(&self.names.alarm), &error)),
        }
    }

    /// Takes the queue `name` away.
    ///
    /// # Errors
    /// What SQS says, but that it is not there.
    pub async fn delete_queue(&self, name: &str) -> Result<(), Error> {
        let found = self.sqs.get_queue_url().queue_name(name).send().await;
        let url = match found {
            Ok(found) => found.queue_url.unwrap_or_default(),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_queue_does_not_exist()) =>
            {
                return Ok(());
            }
            Err(error) => return Err(failure::of(&queue(name), &error)),
        };
        let gone = self.sqs.delete_queue().queue_url(url).send().await;
        gone.map(|_| ())
            .map_err(|error| failure::of(&queue(name), &error))
    }

    /// Takes the bucket away with all objects in it.
    ///
    /// # Errors
    /// What S3 says, but that it is not there.
    pub async fn delete_bucket(&self) -> Result<(), Error> {
        let what = format!("bucket `{}`", self.names.bucket);
        let failed = |error: object_store::Error| Error::unavailable(&what, error);
        let store = objects::open_bucket(&self.account, &self.names.bucket, &what)?;
        let listed = store.list(None).map_ok(|object| object.location);
        let deleted = store.delete_stream(Box::pin(listed));
        match deleted.try_for_each(|_| std::future::ready(Ok(()))).await {
            Ok(()) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        self.s3(Method::DELETE, "", String::new()).await
    }

    /// A call to the bucket itself.
    async fn s3(&self, method: Method, query: &str, body: String) -> Result<(), Error> {
        let what = format!("bucket `{}`", self.names.bucket);
        let mut url = self.s3.clone();
        url.set_path(&self.names.bucket);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let is_delete = method == Method::DELETE;
        let answer = self.signed(&what, "s3", method, &url, &[], body);
        let answer = answer.await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND if is_delete => Ok(()),
            _ => Err(answer.refused_in_xml(&what)),
        }
    }
}

fn queue(name: &str) -> String {
    format!("queue `{name}`")
}

fn alarm(name: &str) -> String {
    format!("alarm `{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_queues_and_buckets_may_have() {
        let names = Names::of("0123456789ab");
        assert_eq!(names.queue, "shukuba-verify-0123456789ab");
        assert_eq!(names.dead, "shukuba-verify-0123456789ab-dead");
        assert_eq!(names.notifier, "shukuba-verify-0123456789ab-notifier");
        // Lambda takes 64 characters. Source: Lambda API Reference, CreateFunction.
        assert!(names.notifier.len() <= 64);
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(names.bucket.chars().all(is_allowed) && names.bucket.len() <= 63);
    }
}
