//! What a record can be looked up by, read back out of it.
//!
//! Whether a record has just been written or is read at a start, its attributes come from the same bytes, so that what
//! can be looked up does not depend on when the server was started.

use base::Timestamp;
use serde::Deserialize;

use super::facts;

/// What a record tells to those who look it up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Such as `5fea7756-0ea4-451a-a703-a558b933e274`.
    pub event_id: String,
    /// Such as `CreateQueue`.
    pub event_name: String,
    /// Such as `sqs.amazonaws.com`.
    pub event_source: String,
    /// When the call ended, in whole seconds.
    pub event_time: Timestamp,
    /// Whether it changed nothing; `None` where the record does not say.
    pub read_only: Option<bool>,
    /// The user's name or the session's; `root` for the account.
    pub username: Option<String>,
    /// The key that signed.
    pub access_key_id: Option<String>,
    /// What was touched: each thing by its name and, where that is another, by its ARN.
    pub resources: Vec<Named>,
    /// The code of the failure.
    pub error_code: Option<String>,
}

/// A thing by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Such as `AWS::SQS::Queue`; `None` where it is not known.
    pub kind: Option<String>,
    /// Such as `s2s`.
    pub name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    user_identity: RawIdentity,
    event_time: String,
    event_source: String,
    event_name: String,
    #[serde(rename = "eventID")]
    event_id: String,
    read_only: Option<bool>,
    #[serde(default)]
    resources: Vec<RawResource>,
    error_code: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawIdentity {
    #[serde(rename = "type")]
    kind: Option<String>,
    principal_id: Option<String>,
    user_name: Option<String>,
    access_key_id: Option<String>,
    invoked_by: Option<String>,
}

#[derive(Deserialize)]
struct RawResource {
    #[serde(rename = "ARN")]
    arn: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A record that is none.
#[derive(Debug, thiserror::Error)]
pub enum NotRecord {
    /// Not JSON, or a member that every record has is missing.
    #[error("not a record of a call")]
    Form(#[from] serde_json::Error),
    /// The time is none.
    #[error("`{text}` is no time of an event")]
    Time {
        /// What stands there.
        text: String,
    },
}

impl Attributes {
    /// Reads them out of a record.
    ///
    /// # Errors
    /// When it is no record of a call.
    pub fn of(record: &[u8]) -> Result<Self, NotRecord> {
        let raw: Raw = serde_json::from_slice(record)?;
        let Some(event_time) = Timestamp::parse_rfc3339(&raw.event_time) else {
            return Err(NotRecord::Time {
                text: raw.event_time,
            });
        };
        Ok(Self {
            event_id: raw.event_id,
            event_name: raw.event_name,
            event_source: raw.event_source,
            event_time,
            read_only: raw.read_only,
            username: username(&raw.user_identity),
            access_key_id: raw.user_identity.access_key_id,
            resources: raw.resources.iter().flat_map(names).collect(),
            error_code: raw.error_code,
        })
    }
}

fn username(of: &RawIdentity) -> Option<String> {
    match of.kind.as_deref() {
        Some("Root") => Some("root".to_owned()),
        Some("AssumedRole" | "FederatedUser") => {
            let (_, session) = of.principal_id.as_deref()?.rsplit_once(':')?;
            Some(session.to_owned())
        }
        Some("AWSService") => of.invoked_by.clone(),
        _ => of.user_name.clone(),
    }
}

fn names(of: &RawResource) -> Vec<Named> {
    let named = |name: &str| Named {
        kind: of.kind.clone(),
        name: name.to_owned(),
    };
    let short = facts::short_name(&of.arn).map(named);
    short.into_iter().chain([named(&of.arn)]).collect()
}
