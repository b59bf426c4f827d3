//! What giving out temporary credentials has in common: bounds, session policies, second factors, the answer.
//!
//! Source: STS API Reference; IAM User Guide, "IAM and AWS STS quotas". Texts of refusals: those that AWS's pages, the AWS
//! CLI's issues and botocore's tests show.

use std::sync::Arc;
use std::time::Duration;

use api::{Access, Caller, Fault, Principal};
use base::{Arn, Timestamp};
use policy::{Document, Kind};
use wire::Shape;

use crate::engine::device::Owner;
use crate::engine::{self, Id, State};
use crate::session::{self, Token};
use crate::{Error, Iam};

/// The most characters of a session policy that is given as text.
const POLICY_CHARS_MAX: usize = 2048;
/// The most managed policies that may limit a session.
const POLICIES_MAX: usize = 10;
/// The most tags of a session.
const TAGS_MAX: usize = 50;
/// The shortest session.
pub(super) const SECS_MIN: i32 = 900;

/// Temporary credentials in an answer.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Credentials {
    #[shape(required)]
    access_key_id: String,
    #[shape(required, sensitive)]
    secret_access_key: String,
    #[shape(required, sensitive)]
    session_token: String,
    #[shape(required)]
    expiration: Timestamp,
}

impl From<session::Credentials> for Credentials {
    fn from(given: session::Credentials) -> Self {
        Self {
            access_key_id: given.key_id,
            secret_access_key: given.secret,
            session_token: given.token,
            expiration: given.expires,
        }
    }
}

/// A managed policy that limits a session.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "PolicyDescriptorType")]
pub(super) struct PolicyDescriptor {
    #[shape(name = "arn")]
    pub(super) arn: Option<String>,
}

/// A tag of a session.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Tag {
    #[shape(required)]
    pub(super) key: String,
    #[shape(required)]
    pub(super) value: String,
}

/// What limits a session beyond its principal.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) policy: Option<String>,
    pub(super) managed: Vec<String>,
    /// How much of what may be given is used, in percent.
    pub(super) packed_percent: i32,
}

/// For actions that know no resource.
pub(super) fn account(state: &State) -> Access {
    on(state, "sts", "*")
}

/// Something of the account by its ARN's last part.
pub(super) fn on(state: &State, service: &str, resource: &str) -> Access {
    Access::on(Arn {
        service: service.to_owned(),
        region: String::new(),
        account: state.account_id().to_string(),
        resource: resource.to_owned(),
    })
}

/// With the tags that a request brings.
pub(super) fn tagged(access: Access, tags: &[Tag]) -> Access {
    if tags.is_empty() {
        return access;
    }
    access.with_request_tags(tags.iter().map(|tag| (&*tag.key, &*tag.value)))
}

pub(super) fn validation(text: impl Into<String>) -> Fault {
    Fault::sender("ValidationError", text.into())
}

pub(super) fn denied(text: impl Into<String>) -> Fault {
    Fault::sender("AccessDenied", text.into()).with_status(403)
}

/// How long a session lasts.
pub(super) fn duration(secs: Option<i32>, default: i32, longest: i32) -> Result<Duration, Fault> {
    let secs = secs.unwrap_or(default);
    let what = match secs {
        _ if secs < SECS_MIN => ("greater", SECS_MIN),
        _ if secs > longest => ("less", longest),
        _ => return Ok(Duration::from_secs(u64::from(secs.unsigned_abs()))),
    };
    let (relation, bound) = what;
    Err(validation(format!(
        "1 validation error detected: Value '{secs}' at 'durationSeconds' failed to satisfy constraint: Member must have value {relation} than or equal to {bound}"
    )))
}

/// A name of a session: `[\w+=,.@-]*`.
pub(super) fn check_name(member: &str, name: &str, longest: usize) -> Result<(), Fault> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    let chars = name.chars().count();
    let wrong = match chars {
        _ if chars < 2 => "have length greater than or equal to 2".to_owned(),
        _ if chars > longest => format!("have length less than or equal to {longest}"),
        _ if name.bytes().all(is_allowed) => return Ok(()),
        _ => r"satisfy regular expression pattern: [\w+=,.@-]*".to_owned(),
    };
    Err(validation(format!(
        "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must {wrong}"
    )))
}

/// Reads what limits a session.
pub(super) fn limits(
    state: &State,
    policy: Option<String>,
    managed: Vec<PolicyDescriptor>,
) -> Result<Limits, Fault> {
    if managed.len() > POLICIES_MAX {
        let count = managed.len();
        return Err(validation(format!(
            "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to {POLICIES_MAX}; there are {count}"
        )));
    }
    let managed: Vec<String> = managed.into_iter().filter_map(|each| each.arn).collect();
    if let Some(arn) = managed.iter().find(|arn| state.managed(arn).is_none()) {
        return Err(validation(format!(
            "Policy {arn} does not exist or is not attachable."
        )));
    }
    let chars = policy.as_deref().map_or(0, |text| text.chars().count());
    if chars > POLICY_CHARS_MAX {
        return Err(Fault::sender(
            "PackedPolicyTooLarge",
            format!(
                "Packed size of session policies and tags consumes {}% of allotted space.",
                chars * 100 / POLICY_CHARS_MAX
            ),
        ));
    }
    if let Some(text) = &policy {
        Document::parse(text, Kind::Identity).map_err(|problems| {
            let first = problems.first().map(ToString::to_string);
            Fault::sender("MalformedPolicyDocument", first.unwrap_or_default())
        })?;
    }
    let percent = i32::try_from(chars * 100 / POLICY_CHARS_MAX).unwrap_or(100);
    Ok(Limits {
        policy,
        managed,
        packed_percent: percent,
    })
}

/// Reads the tags of a session.
pub(super) fn tags(tags: Vec<Tag>) -> Result<Vec<(String, String)>, Fault> {
    if tags.len() > TAGS_MAX {
        return Err(validation(format!(
            "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to {TAGS_MAX}"
        )));
    }
    let mut read: Vec<(String, String)> = Vec::with_capacity(tags.len());
    for tag in tags {
        let (key, value) = (tag.key.chars().count(), tag.value.chars().count());
        if !(1..=128).contains(&key) || value > 256 {
            let text = format!(
                "The tag {}: a key has 1 to 128 characters, a value up to 256",
                tag.key
            );
            return Err(validation(text));
        }
        if read
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(&tag.key))
        {
            return Err(Fault::sender(
                "InvalidParameterValue",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        read.push((tag.key, tag.value));
    }
    Ok(read)
}

/// Takes the code of a second factor where one is shown; gives when.
pub(super) async fn second_factor(
    iam: &Arc<Iam>,
    caller: &Caller,
    serial: Option<String>,
    code: Option<String>,
) -> Result<session::Mfa, Fault> {
    let (serial, code) = match (serial, code) {
        (None, None) => return Ok(None),
        (Some(serial), Some(code)) => (serial, code),
        _ => {
            return Err(validation(
                "SerialNumber and TokenCode must be given together",
            ));
        }
    };
    let owner = match &caller.principal {
        Principal::Root => Owner::Root,
        Principal::User { id, .. } => Owner::User(Id::new(id.clone())),
        _ => {
            return Err(denied(
                "MultiFactorAuthentication failed, only users have devices",
            ));
        }
    };
    let used = iam
        .blocking(move |iam| iam.use_code(&owner, &serial, &code))
        .await;
    match used {
        Ok(()) => Ok(Some(iam.clock().now())),
        Err(Error::Refused(engine::Error::DeviceNotFound { .. })) => Err(denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
        )),
        Err(Error::Refused(engine::Error::Code)) => Err(denied(
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Makes the credentials.
pub(super) fn issue(iam: &Iam, token: Token) -> Credentials {
    token.issue(iam).into()
}

/// As answers show moments.
pub(super) fn whole_secs(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs())
}
