//! Where messages go that were received too often, and who may send them there: a queue's two redrive policies.
//!
//! Source: SQS API Reference, SetQueueAttributes. Texts of refusals: answers of SQS that the tests of others quote.

use base::Arn;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, name};

/// Most queues that a redrive-allow policy lists.
const SOURCES_MAX: usize = 10;

/// A redrive policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The dead-letter queue's ARN.
    #[serde(rename = "deadLetterTargetArn")]
    pub target: String,
    /// After how many receives a message goes there: 1 to 1,000.
    #[serde(rename = "maxReceiveCount", deserialize_with = "number_or_text")]
    pub receives_max: u32,
}

/// A redrive-allow policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedriveAllow {
    /// Who may.
    #[serde(rename = "redrivePermission")]
    pub permission: RedrivePermission,
    /// With `byQueue`: 1 to 10 ARNs.
    #[serde(
        rename = "sourceQueueArns",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    pub sources: Vec<String>,
}

/// Which queues may use a queue as their dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RedrivePermission {
    /// All of the account and region.
    AllowAll,
    /// None.
    DenyAll,
    /// Those that are listed.
    ByQueue,
}

impl RedriveAllow {
    /// Whether the queue with ARN `source` may.
    #[must_use]
    pub fn allows(&self, source: &str) -> bool {
        match self.permission {
            RedrivePermission::AllowAll => true,
            RedrivePermission::DenyAll => false,
            RedrivePermission::ByQueue => self.sources.iter().any(|arn| arn == source),
        }
    }
}

impl Redrive {
    /// A redrive policy; `None` when the text is empty, which removes it.
    ///
    /// # Errors
    /// When it is not one.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Error> {
        const MEMBERS: [&str; 2] = ["maxReceiveCount", "deadLetterTargetArn"];
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = |right: String| Err(Error::parameter("RedrivePolicy", text, right));
        let Ok(map) = serde_json::from_str::<Map<String, Value>>(text) else {
            let right = "Redrive policy is not a valid JSON map";
            return Err(Error::attribute("RedrivePolicy", text, right));
        };
        if let Some(missing) = MEMBERS.iter().find(|member| !map.contains_key(**member)) {
            return refuse(format!(
                "Redrive policy does not contain mandatory attribute: {missing}"
            ));
        }
        if map.len() > MEMBERS.len() {
            let members = MEMBERS.join(", ");
            return refuse(format!(
                "Only following attributes are supported: [{members}]"
            ));
        }
        let given = map.get("maxReceiveCount").cloned().unwrap_or_default();
        match serde_json::from_value::<Self>(Value::Object(map)) {
            Ok(redrive) if !is_queue(&redrive.target) => {
                refuse("Dead-letter target ARN should be fully qualified ARN, such as arn:aws:sqs:REGION:ACCOUNT:NAME".to_owned())
            }
            Ok(redrive) if (1..=1000).contains(&redrive.receives_max) => Ok(Some(redrive)),
            _ => refuse(format!(
                "Invalid value for maxReceiveCount: {given}, valid values are from 1 to 1000 both inclusive"
            )),
        }
    }
}

impl RedriveAllow {
    /// A redrive-allow policy; `None` when the text is empty, which removes it.
    ///
    /// # Errors
    /// When it is not one.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Given {
            #[serde(rename = "redrivePermission")]
            permission: RedrivePermission,
            #[serde(rename = "sourceQueueArns", default)]
            sources: Vec<String>,
        }
        if text.is_empty() || text == "{}" {
            return Ok(None);
        }
        let Ok(Given {
            permission,
            sources,
        }) = serde_json::from_str(text)
        else {
            let right = r#"it is JSON such as {"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:REGION:ACCOUNT:NAME"]}, with `allowAll`, `denyAll` or `byQueue`"#;
            return Err(Error::attribute("RedriveAllowPolicy", text, right));
        };
        check_sources(permission, &sources).map_err(|right| {
            let right = format!("Amazon SQS can't create the redrive allow policy. {right}");
            Error::parameter("RedriveAllowPolicy", text, right)
        })?;
        Ok(Some(Self {
            permission,
            sources,
        }))
    }
}

/// What would be right, where it is not.
fn check_sources(permission: RedrivePermission, sources: &[String]) -> Result<(), String> {
    let right = match (permission, sources.len()) {
        (RedrivePermission::ByQueue, 0) => {
            "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values"
        }
        (RedrivePermission::ByQueue, 1..=SOURCES_MAX) => {
            let wrong = sources.iter().find(|source| !is_queue(source));
            let right = |source| {
                format!(
                    "`{source}` in sourceQueueArns is not the ARN of a queue, such as arn:aws:sqs:REGION:ACCOUNT:NAME"
                )
            };
            return wrong.map_or(Ok(()), |source| Err(right(source)));
        }
        (RedrivePermission::ByQueue, _) => {
            "The maximum number of source queue ARNs you can specify is 10"
        }
        (_, 0) => return Ok(()),
        _ => "To specify one or more source queue ARNs, you must set redrivePermission to byQueue",
    };
    Err(right.to_owned())
}

/// Whether it is the ARN of what could be a queue.
fn is_queue(arn: &str) -> bool {
    arn.parse::<Arn>().is_ok_and(|arn| {
        arn.service == "sqs"
            && arn.region.parse::<base::Region>().is_ok()
            && arn.account.parse::<base::AccountId>().is_ok()
            && name::check(&arn.resource).is_ok()
    })
}

/// A whole number of digits and nothing else: no sign, no space.
pub(crate) fn whole(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// `5` and `"5"` are both in use.
fn number_or_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    let number = match Either::deserialize(from)? {
        Either::Number(number) => Some(number),
        Either::Text(text) => whole(&text),
    };
    number.ok_or_else(|| serde::de::Error::custom("not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:ap-northeast-1:123456789012:d";

    /// Every text is refused, and the refusal says the part.
    fn refused<T: std::fmt::Debug>(
        parse: impl Fn(&str) -> Result<T, Error>,
        cases: &[(String, &str)],
    ) {
        for (text, part) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_redrive_policy_is_read_and_its_faults_are_named() {
        for count in ["1", "1000", r#""3""#] {
            let text = format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":{count}}}"#);
            assert!(Redrive::parse(&text).unwrap().is_some(), "{text}");
        }
        assert_eq!(Redrive::parse(""), Ok(None));
        let of = |arn: &str, count: &str| {
            format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#)
        };
        let mut cases = vec![
            ("5".to_owned(), "not a valid JSON map"),
            ("{}".to_owned(), "mandatory attribute: maxReceiveCount"),
            (
                r#"{"maxReceiveCount":3}"#.to_owned(),
                "mandatory attribute: deadLetterTargetArn",
            ),
            (
                of(ARN, r#"3,"x":1"#),
                "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn]",
            ),
        ];
        for count in ["0", "1001", r#""+5""#, r#"" 5""#, r#""""#, "-1", "1.5"] {
            cases.push((of(ARN, count), "Invalid value for maxReceiveCount"));
        }
        for arn in [
            "d",
            "arn:aws:s3:::d",
            "arn:aws:sqs:r:1:d",
            "arn:aws:sqs:r:123456789012:d/e",
        ] {
            cases.push((of(arn, "3"), "should be fully qualified ARN"));
        }
        refused(Redrive::parse, &cases);
    }

    #[test]
    fn a_redrive_allow_policy_lists_queues_with_by_queue_only() {
        let of = |permission: &str, sources: &[&str]| {
            serde_json::json!({"redrivePermission": permission, "sourceQueueArns": sources})
                .to_string()
        };
        for good in [
            r#"{"redrivePermission":"denyAll"}"#,
            r#"{"redrivePermission":"allowAll"}"#,
            &of("byQueue", &[ARN; 10]),
        ] {
            assert!(RedriveAllow::parse(good).unwrap().is_some(), "{good}");
        }
        assert_eq!(RedriveAllow::parse(""), Ok(None));
        refused(
            RedriveAllow::parse,
            &[
                (of("all", &[]), "`byQueue`"),
                (
                    r#"{"redrivePermission":"denyAll","x":1}"#.to_owned(),
                    "it is JSON such as",
                ),
                (
                    r#"{"redrivePermission":"byQueue"}"#.to_owned(),
                    "one or more sourceQueueArns",
                ),
                (of("byQueue", &[]), "one or more sourceQueueArns"),
                (
                    of("byQueue", &[ARN; 11]),
                    "source queue ARNs you can specify is 10",
                ),
                (
                    of("denyAll", &[ARN]),
                    "you must set redrivePermission to byQueue",
                ),
                (
                    of("byQueue", &[ARN, "a"]),
                    "`a` in sourceQueueArns is not the ARN of a queue",
                ),
                (
                    of("byQueue", &["arn:aws:s3:::b"]),
                    "is not the ARN of a queue",
                ),
            ],
        );
    }
}
