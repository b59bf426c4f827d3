//! A queue's attributes and tags: their rules and their form in the journal.
//!
//! Source: SQS API Reference, CreateQueue and SetQueueAttributes.

use std::collections::BTreeMap;

use base::{Arn, Timestamp};
use serde::{Deserialize, Serialize};

use crate::redrive::{Redrive, RedriveAllow, whole};
use crate::{Error, name, policy};

/// Most tags of a queue.
pub const TAGS_MAX: usize = 50;

/// Everything that a queue is set to. Written into the journal as JSON at each change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Order and exclusivity in groups, deduplication. Fixed at creation.
    pub is_fifo: bool,
    /// 0 to 900; default 0.
    pub delay_secs: u32,
    /// 1,024 to 1,048,576; default 1,048,576.
    pub message_bytes_max: u32,
    /// 60 to 1,209,600; default 345,600 (4 days).
    pub retention_secs: u32,
    /// 0 to 20; default 0.
    pub wait_secs: u32,
    /// 0 to 43,200; default 30.
    pub visibility_secs: u32,
    /// FIFO: SHA-256 of the body is the deduplication id of messages that have none.
    pub has_content_dedup: bool,
    /// FIFO: deduplication ids count in their group only (`DeduplicationScope` = `messageGroup`).
    pub has_group_dedup: bool,
    /// FIFO: `FifoThroughputLimit` = `perMessageGroupId`. Kept and shown; this queue has no such limit to lift.
    pub has_group_throughput: bool,
    /// Where messages go that were received too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive: Option<Redrive>,
    /// Which queues may name this one as their dead-letter queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_allow: Option<RedriveAllow>,
    /// The access policy, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// `KmsDataKeyReusePeriodSeconds`, 60 to 86,400; kept, and shown when it was given.
    #[serde(rename = "kms_reuse", default, skip_serializing_if = "Option::is_none")]
    pub kms_reuse_secs: Option<u32>,
    /// `SqsManagedSseEnabled`; kept and shown. False by default, unlike with SQS: nothing is encrypted here.
    pub has_managed_sse: bool,
    /// At most 50.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// When the queue was created.
    pub created_ms: u64,
    /// When its attributes last changed.
    pub modified_ms: u64,
}

/// The attributes that can be set, in the order in which they are shown.
const SETTABLE: [&str; 15] = [
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
];

impl Settings {
    /// The settings of a new queue.
    ///
    /// # Errors
    /// When the name or an attribute breaks a rule.
    pub fn create(
        queue: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
        at: Timestamp,
    ) -> Result<Self, Error> {
        name::check(queue)?;
        let mut settings = Self::defaults(name::is_fifo(queue), at);
        settings.check_fifo(queue, attributes)?;
        for (attribute, value) in attributes
            .iter()
            .filter(|(attribute, _)| *attribute != "FifoQueue")
        {
            settings.set(attribute, value)?;
        }
        settings.check_together()?;
        settings.add_tags(tags)?;
        Ok(settings)
    }

    fn defaults(is_fifo: bool, at: Timestamp) -> Self {
        Self {
            is_fifo,
            delay_secs: 0,
            message_bytes_max: 1_048_576,
            retention_secs: 345_600,
            wait_secs: 0,
            visibility_secs: 30,
            has_content_dedup: false,
            has_group_dedup: false,
            has_group_throughput: false,
            redrive: None,
            redrive_allow: None,
            policy: None,
            kms_reuse_secs: None,
            has_managed_sse: false,
            tags: BTreeMap::new(),
            created_ms: at.as_millis(),
            modified_ms: at.as_millis(),
        }
    }

    /// A FIFO queue needs both the name and the attribute.
    fn check_fifo(&self, queue: &str, attributes: &BTreeMap<String, String>) -> Result<(), Error> {
        match (
            attributes.get("FifoQueue").map(String::as_str),
            self.is_fifo,
        ) {
            (Some("true"), true) | (None, false) => Ok(()),
            (Some("true"), false) => Err(Error::parameter(
                "QueueName",
                queue,
                "the name of a FIFO queue ends with `.fifo`",
            )),
            (None, true) => Err(Error::parameter(
                "QueueName",
                queue,
                "can only include alphanumeric characters, hyphens, or underscores, 1 to 80 in length; with `.fifo` at its end the attribute FifoQueue must be `true`",
            )),
            (Some(value), _) => Err(Error::attribute(
                "FifoQueue",
                value,
                "it is `true` for a FIFO queue and left out for a standard queue",
            )),
        }
    }

    /// These settings with some attributes replaced. An empty policy removes it.
    ///
    /// # Errors
    /// When an attribute is unknown or its value breaks a rule.
    pub fn change(
        &self,
        attributes: &BTreeMap<String, String>,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let mut changed = self.clone();
        for (attribute, value) in attributes {
            if attribute == "FifoQueue" {
                changed.only_fifo(attribute)?;
                let right = "Modifying queue type is not supported";
                return Err(Error::attribute(attribute, value, right));
            }
            changed.set(attribute, value)?;
        }
        changed.check_together()?;
        changed.modified_ms = at.as_millis();
        Ok(changed)
    }

    fn set(&mut self, attribute: &str, value: &str) -> Result<(), Error> {
        let number = |range: std::ops::RangeInclusive<u32>| {
            let parsed = whole(value).filter(|number| range.contains(number));
            parsed.ok_or_else(|| {
                Error::attribute(
                    attribute,
                    value,
                    format!("it is an integer from {} to {}", range.start(), range.end()),
                )
            })
        };
        let boolean = || match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Error::attribute(
                attribute,
                value,
                "it is `true` or `false`",
            )),
        };
        match attribute {
            "DelaySeconds" => self.delay_secs = number(0..=900)?,
            "MaximumMessageSize" => self.message_bytes_max = number(1024..=1_048_576)?,
            "MessageRetentionPeriod" => self.retention_secs = number(60..=1_209_600)?,
            "ReceiveMessageWaitTimeSeconds" => self.wait_secs = number(0..=20)?,
            "VisibilityTimeout" => self.visibility_secs = number(0..=43_200)?,
            "KmsDataKeyReusePeriodSeconds" => self.kms_reuse_secs = Some(number(60..=86_400)?),
            "SqsManagedSseEnabled" => self.has_managed_sse = boolean()?,
            "KmsMasterKeyId" if value.is_empty() => {}
            "KmsMasterKeyId" => {
                return Err(Error::Unsupported {
                    why: "KmsMasterKeyId is not supported: bodies are not encrypted with a customer's key here; leave it out"
                        .to_owned(),
                });
            }
            "Policy" => self.policy = policy::parse(value)?,
            "RedrivePolicy" => self.redrive = Redrive::parse(value)?,
            "RedriveAllowPolicy" => self.redrive_allow = RedriveAllow::parse(value)?,
            "ContentBasedDeduplication" => {
                self.only_fifo(attribute)?;
                self.has_content_dedup = boolean()?;
            }
            "DeduplicationScope" => {
                self.only_fifo(attribute)?;
                self.has_group_dedup = one_of(attribute, value, ["queue", "messageGroup"])?;
            }
            "FifoThroughputLimit" => {
                self.only_fifo(attribute)?;
                self.has_group_throughput =
                    one_of(attribute, value, ["perQueue", "perMessageGroupId"])?;
            }
            _ => {
                return Err(Error::UnknownAttribute {
                    name: attribute.chars().take(256).collect(),
                });
            }
        }
        Ok(())
    }

    fn only_fifo(&self, attribute: &str) -> Result<(), Error> {
        if self.is_fifo {
            Ok(())
        } else {
            Err(Error::UnknownAttribute {
                name: attribute.to_owned(),
            })
        }
    }

    fn check_together(&self) -> Result<(), Error> {
        if self.has_group_throughput && !self.has_group_dedup {
            let right = "`perMessageGroupId` needs DeduplicationScope = `messageGroup`";
            return Err(Error::attribute(
                "FifoThroughputLimit",
                "perMessageGroupId",
                right,
            ));
        }
        Ok(())
    }

    /// An attribute's value as it is shown; `None` when it is not set or not known.
    #[must_use]
    pub fn get(&self, attribute: &str) -> Option<String> {
        let fifo = |value: &str| self.is_fifo.then(|| value.to_owned());
        let pick = |is_second: bool, first: &'static str, second: &'static str| {
            if is_second { second } else { first }
        };
        match attribute {
            "Policy" => self.policy.clone(),
            "VisibilityTimeout" => Some(self.visibility_secs.to_string()),
            "MaximumMessageSize" => Some(self.message_bytes_max.to_string()),
            "MessageRetentionPeriod" => Some(self.retention_secs.to_string()),
            "DelaySeconds" => Some(self.delay_secs.to_string()),
            "ReceiveMessageWaitTimeSeconds" => Some(self.wait_secs.to_string()),
            "RedrivePolicy" => self
                .redrive
                .as_ref()
                .and_then(|policy| serde_json::to_string(policy).ok()),
            "RedriveAllowPolicy" => self
                .redrive_allow
                .as_ref()
                .and_then(|policy| serde_json::to_string(policy).ok()),
            "FifoQueue" => fifo("true"),
            "ContentBasedDeduplication" => fifo(pick(self.has_content_dedup, "false", "true")),
            "DeduplicationScope" => fifo(pick(self.has_group_dedup, "queue", "messageGroup")),
            "FifoThroughputLimit" => fifo(pick(
                self.has_group_throughput,
                "perQueue",
                "perMessageGroupId",
            )),
            "SqsManagedSseEnabled" => Some(self.has_managed_sse.to_string()),
            "KmsDataKeyReusePeriodSeconds" => self.kms_reuse_secs.map(|secs| secs.to_string()),
            "CreatedTimestamp" => Some((self.created_ms / 1000).to_string()),
            "LastModifiedTimestamp" => Some((self.modified_ms / 1000).to_string()),
            _ => None,
        }
    }

    /// Every attribute that is set, as it is shown.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, String> {
        let shown = SETTABLE
            .iter()
            .chain(&["CreatedTimestamp", "LastModifiedTimestamp"]);
        shown
            .filter_map(|name| Some(((*name).to_owned(), self.get(name)?)))
            .collect()
    }

    /// The first of the given attributes in which a queue made with `wanted` would differ from this one.
    #[must_use]
    pub fn differs_in<'n>(
        &self,
        wanted: &Self,
        given: impl Iterator<Item = &'n str>,
    ) -> Option<&'n str> {
        given
            .into_iter()
            .find(|name| meaning(name, self.get(name)) != meaning(name, wanted.get(name)))
    }

    /// Adds or replaces tags.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] beyond 50, or when a key or value breaks a rule.
    pub fn add_tags(&mut self, tags: &BTreeMap<String, String>) -> Result<(), Error> {
        for (key, value) in tags {
            check_tag(key, value)?;
            self.tags.insert(key.clone(), value.clone());
        }
        if self.tags.len() > TAGS_MAX {
            let right = "a queue has at most 50 tags";
            return Err(Error::parameter("Tags", self.tags.len().to_string(), right));
        }
        Ok(())
    }

    /// What is kept and shown but not done, as one would say it in a log.
    pub(crate) fn unmet(&self) -> impl Iterator<Item = &'static str> {
        let sse = "SqsManagedSseEnabled is kept and shown, but nothing is encrypted: messages lie in plain text in the data directory";
        self.has_managed_sse.then_some(sse).into_iter()
    }

    /// The name of the dead-letter queue, when it is one of this account and region.
    #[must_use]
    pub fn dead_letter_queue(&self) -> Option<(String, u32)> {
        let redrive = self.redrive.as_ref()?;
        let arn: Arn = redrive.target.parse().ok()?;
        Some((arn.resource, redrive.receives_max))
    }
}

/// A value as it is compared: of a policy its JSON, however it is written.
fn meaning(attribute: &str, value: Option<String>) -> Option<serde_json::Value> {
    let value = value?;
    let json = match attribute {
        "Policy" => serde_json::from_str(&value).ok(),
        _ => None,
    };
    Some(json.unwrap_or(serde_json::Value::String(value)))
}

fn one_of(attribute: &str, value: &str, [first, second]: [&str; 2]) -> Result<bool, Error> {
    match value {
        _ if value == first => Ok(false),
        _ if value == second => Ok(true),
        _ => Err(Error::attribute(
            attribute,
            value,
            format!("it is `{first}` or `{second}`"),
        )),
    }
}

fn check_tag(key: &str, value: &str) -> Result<(), Error> {
    let is_allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    let right = "a tag has a key of 1 to 128 letters, digits, spaces and `_.:/=+-@` that does not begin with `aws:`, and a value of up to 256 characters";
    let is_key = (1..=128).contains(&key.chars().count())
        && !key.starts_with("aws:")
        && key.chars().all(is_allowed);
    if !is_key {
        return Err(Error::parameter("TagKey", key, right));
    }
    if value.chars().count() > 256 || value.chars().any(char::is_control) {
        return Err(Error::parameter("TagValue", value, right));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn create(name: &str, pairs: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::create(name, &map(pairs), &BTreeMap::new(), Timestamp::from_secs(7))
    }

    #[test]
    fn defaults_are_the_documented_ones_but_for_encryption() {
        let all = create("q", &[]).unwrap().all();
        let expected = map(&[
            ("VisibilityTimeout", "30"),
            ("MaximumMessageSize", "1048576"),
            ("MessageRetentionPeriod", "345600"),
            ("DelaySeconds", "0"),
            ("ReceiveMessageWaitTimeSeconds", "0"),
            ("SqsManagedSseEnabled", "false"),
            ("CreatedTimestamp", "7"),
            ("LastModifiedTimestamp", "7"),
        ]);
        assert_eq!(all, expected);
    }

    #[test]
    fn what_is_kept_and_not_done_is_said() {
        for (attributes, count) in [(vec![], 0), (vec![("SqsManagedSseEnabled", "true")], 1)] {
            let settings = create("q", &attributes).unwrap();
            assert_eq!(settings.unmet().count(), count);
        }
    }

    #[test]
    fn values_are_checked_against_their_documented_ranges() {
        for (attribute, good, bad) in [
            ("DelaySeconds", ["0", "900"], ["-1", "901"]),
            (
                "MaximumMessageSize",
                ["1024", "1048576"],
                ["1023", "1048577"],
            ),
            (
                "MessageRetentionPeriod",
                ["60", "1209600"],
                ["59", "1209601"],
            ),
            ("ReceiveMessageWaitTimeSeconds", ["0", "20"], ["21", "x"]),
            ("VisibilityTimeout", ["0", "43200"], ["43201", ""]),
            ("VisibilityTimeout", ["5", "05"], ["+5", " 5"]),
            (
                "KmsDataKeyReusePeriodSeconds",
                ["60", "86400"],
                ["59", "86401"],
            ),
            ("SqsManagedSseEnabled", ["true", "false"], ["True", "1"]),
            (
                "Policy",
                [
                    r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}]}"#,
                    "",
                ],
                ["{", "[]"],
            ),
            (
                "Policy",
                [
                    r#"{"Statement":{"Effect":"Deny","NotAction":["sqs:SendMessage"],"Principal":{"AWS":["123456789012"]},"Resource":"arn:aws:sqs:us-east-1:123456789012:q"}}"#,
                    r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":["arn:aws:sqs:us-east-1:123456789012:q"]}]}"#,
                ],
                [r#"{"Statement":5}"#, r#"{"Statement":["x"]}"#],
            ),
        ] {
            for value in good {
                assert!(
                    create("q", &[(attribute, value)]).is_ok(),
                    "{attribute} {value}"
                );
            }
            for value in bad {
                assert!(
                    create("q", &[(attribute, value)]).is_err(),
                    "{attribute} {value}"
                );
            }
        }
    }

    #[test]
    fn fifo_attributes_belong_to_fifo_queues() {
        assert!(create("q.fifo", &[]).is_err());
        assert!(create("q", &[("FifoQueue", "true")]).is_err());
        assert!(create("q", &[("FifoQueue", "false")]).is_err());
        assert!(create("q", &[("ContentBasedDeduplication", "true")]).is_err());
        let fifo = create(
            "q.fifo",
            &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")],
        )
        .unwrap();
        assert_eq!(fifo.get("DeduplicationScope").as_deref(), Some("queue"));
        assert!(
            fifo.change(&map(&[("FifoQueue", "true")]), Timestamp::EPOCH)
                .is_err()
        );
        assert!(
            fifo.change(
                &map(&[("FifoThroughputLimit", "perMessageGroupId")]),
                Timestamp::EPOCH
            )
            .is_err()
        );
        let high = map(&[
            ("FifoThroughputLimit", "perMessageGroupId"),
            ("DeduplicationScope", "messageGroup"),
        ]);
        assert!(fifo.change(&high, Timestamp::EPOCH).is_ok());
    }

    #[test]
    fn settings_survive_their_form_in_the_journal() {
        let redrive =
            r#"{"deadLetterTargetArn":"arn:aws:sqs:r:123456789012:d","maxReceiveCount":"3"}"#;
        let mut settings = create(
            "q",
            &[
                ("RedrivePolicy", redrive),
                ("Policy", r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}]}"#),
            ],
        )
        .unwrap();
        settings.add_tags(&map(&[("team", "s2s")])).unwrap();
        let json = serde_json::to_vec(&settings).unwrap();
        assert_eq!(serde_json::from_slice::<Settings>(&json).unwrap(), settings);
        assert_eq!(settings.dead_letter_queue(), Some(("d".to_owned(), 3)));
    }

    #[test]
    fn a_policy_is_the_same_however_it_is_written() {
        let policy = |text| create("q", &[("Policy", text)]).unwrap();
        let one = policy(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}]}"#,
        );
        let same = policy(
            r#"{ "Statement": [{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}], "Version": "2012-10-17" }"#,
        );
        let other = policy(
            r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}]}"#,
        );
        assert_eq!(one.differs_in(&same, ["Policy"].into_iter()), None);
        assert_eq!(
            one.differs_in(&other, ["Policy"].into_iter()),
            Some("Policy")
        );
    }

    #[test]
    fn a_key_reuse_period_is_shown_when_it_was_given() {
        let name = "KmsDataKeyReusePeriodSeconds";
        let given = create("q", &[(name, "300")]).unwrap();
        let json = serde_json::to_vec(&given).unwrap();
        let again: Settings = serde_json::from_slice(&json).unwrap();
        assert_eq!(again.get(name).as_deref(), Some("300"));
        assert_eq!(create("q", &[]).unwrap().get(name), None);
    }

    #[test]
    fn tags_are_bounded() {
        let mut settings = create("q", &[]).unwrap();
        assert!(settings.add_tags(&map(&[("aws:x", "y")])).is_err());
        assert!(settings.add_tags(&map(&[("", "y")])).is_err());
        let many = (0..51).map(|n| (format!("k{n}"), String::new())).collect();
        assert!(settings.add_tags(&many).is_err());
    }
}
