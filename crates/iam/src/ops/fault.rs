//! The one place where facts become codes on the wire.
//!
//! Codes and statuses are those of the service model of 2010-05-08; texts are those that IAM answers with, as far as
//! they are known from its documentation and from recorded answers in the tests of moto.

use api::{Fault, Side};

use crate::Error;
use crate::engine::error::Left;
use crate::engine::grant::Holder;
use crate::engine::{self, Kind};

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refused) => refused.into(),
            Error::WrongPassword => password_is_wrong(),
            Error::TooManyGuesses { secs } => throttled(format!(
                "Too many wrong passwords; try again in {secs} seconds."
            )),
            Error::Busy | Error::Stopped => Self::unavailable(error.to_string()),
            Error::Hash { .. } => Self::sender("ValidationError", "The password is too long."),
            Error::Log(_) | Error::Secret { .. } | Error::File { .. } | Error::MasterKey(_) => {
                internal(&error)
            }
        }
    }
}

impl From<engine::Error> for Fault {
    fn from(error: engine::Error) -> Self {
        use engine::Error as E;
        match error {
            E::NotFound { kind, name } => not_found(missing(kind, &name)),
            E::PolicyNotFound { arn } => not_found(format!("Policy {arn} was not found.")),
            E::NotAttachable { arn } => {
                not_found(format!("Policy {arn} does not exist or is not attachable."))
            }
            E::NotAttached { arn, .. } => not_found(format!("Policy {arn} was not found.")),
            E::VersionNotFound { arn, version } => not_found(format!(
                "Policy {arn} version {version} does not exist or is not attachable."
            )),
            E::InlineNotFound { holder, name } => not_found(format!(
                "The {} policy with name {name} cannot be found.",
                holder.kind()
            )),
            E::NoBoundary { holder } => not_found(format!(
                "{} {} does not have a permissions boundary.",
                capital(holder.kind()),
                holder.name()
            )),
            E::KeyNotFound { key_id } => {
                not_found(format!("The Access Key with id {key_id} cannot be found."))
            }
            E::NoLogin { user } => {
                not_found(format!("Login Profile for User {user} cannot be found."))
            }
            E::DeviceNotFound { serial } => not_found(format!(
                "VirtualMFADevice with serial number {serial} does not exist."
            )),
            E::NoPasswordPolicy { account } => not_found(format!(
                "The Password Policy with domain name {account} cannot be found."
            )),
            E::AliasNotFound { alias } => {
                not_found(format!("The account alias {alias} cannot be found."))
            }
            E::NotInProfile { role, profile } => not_found(format!(
                "Role {role} in Instance Profile {profile} cannot be found."
            )),
            E::Exists { kind, name } => exists(match kind {
                Kind::Policy => format!(
                    "A policy called {name} already exists. Duplicate names are not allowed."
                ),
                Kind::Device => {
                    "MFADevice entity at the same path and name already exists.".to_owned()
                }
                Kind::Profile => format!("Instance Profile {name} already exists."),
                kind => format!("{} with name {name} already exists.", capital(kind)),
            }),
            E::LoginExists { user } => {
                exists(format!("Login Profile for user {user} already exists."))
            }
            E::DeviceInUse { .. } => exists("MFA Device is already in use.".to_owned()),
            E::Conflict { kind, left, .. } => {
                Self::sender("DeleteConflict", conflict(kind, left)).with_status(409)
            }
            E::DefaultVersion { .. } => Self::sender(
                "DeleteConflict",
                "Cannot delete the default version of a policy.",
            )
            .with_status(409),
            E::Quota {
                quota: "VersionsPerPolicy",
                limit,
            } => limited(format!(
                "A managed policy can have up to {limit} versions. Before you create a new version, you must delete an \
                 existing version."
            )),
            E::Quota { quota, limit } => {
                limited(format!("Cannot exceed quota for {quota}: {limit}"))
            }
            E::InlineSize { holder, limit } => limited(inline_size(&holder, limit)),
            E::Malformed { what } => Self::sender("MalformedPolicyDocument", what),
            E::Pattern {
                parameter,
                value,
                pattern,
            } => validation(
                parameter,
                &value,
                &format!("Member must satisfy regular expression pattern: {pattern}"),
            ),
            E::TooLong {
                parameter,
                value,
                limit,
            } => validation(
                parameter,
                &value,
                &format!("Member must have length less than or equal to {limit}"),
            ),
            E::Range {
                parameter,
                value,
                low,
                high,
            } => {
                let (word, bound) = match value < low {
                    true => ("greater", low),
                    false => ("less", high),
                };
                validation(
                    parameter,
                    &value.to_string(),
                    &format!("Member must have value {word} than or equal to {bound}"),
                )
            }
            E::Invalid { what } => Self::sender("InvalidInput", what),
            E::TagTwice { .. } => Self::sender(
                "InvalidInput",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ),
            E::TagReserved { .. } => Self::sender(
                "InvalidInput",
                "Tag keys that begin with aws: are reserved for internal use.",
            ),
            E::Password(missing) => Self::sender(
                "PasswordPolicyViolation",
                format!(
                    "Password does not conform to the account password policy: it must have {}.",
                    missing.join(", ")
                ),
            ),
            E::MayNotChangePassword => {
                Self::sender("AccessDenied", error_text(&E::MayNotChangePassword)).with_status(403)
            }
            E::PasswordExpired => {
                Self::sender("PasswordPolicyViolation", error_text(&E::PasswordExpired))
            }
            E::Code => Self::sender(
                "InvalidAuthenticationCode",
                "Authentication code for device is not valid.",
            )
            .with_status(403),
            E::AwsManaged { arn } => Self::sender(
                "AccessDenied",
                format!("Policy {arn} is managed by AWS and cannot be changed."),
            )
            .with_status(403),
        }
    }
}

/// What a wrong old password answers. AWS does not document its code; that no policy refused is said, since AWS's own
/// sentence is known for mixing the two.
fn password_is_wrong() -> Fault {
    Fault::sender(
        "AccessDenied",
        "The old password was incorrect. No policy refused the change.",
    )
    .with_status(403)
}

fn missing(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Profile => format!("Instance Profile {name} cannot be found."),
        Kind::Policy => format!("Policy {name} was not found."),
        Kind::Device => format!("VirtualMFADevice with serial number {name} does not exist."),
        kind => format!("The {kind} with name {name} cannot be found."),
    }
}

fn conflict(kind: Kind, left: Left) -> String {
    let first = match (kind, left) {
        (Kind::Policy, Left::Holders) => {
            return "Cannot delete a policy attached to entities.".to_owned();
        }
        (Kind::Policy, _) => {
            return "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                    versions. The default version is deleted with the policy."
                .to_owned();
        }
        (Kind::Device, _) => return "MFA VirtualDevice in use. Must deactivate first.".to_owned(),
        (_, Left::Login) => "must delete login profile first.",
        (_, Left::Keys) => "must delete access keys first.",
        (_, Left::Devices) => "must delete MFA device first.",
        (_, Left::Inline) => "must delete policies first.",
        (_, Left::Attached) => "must detach all policies first.",
        (Kind::User, _) => "must remove users from group first.",
        (Kind::Group, _) => "must remove users from group first.",
        _ => "must remove roles from instance profile first.",
    };
    format!("Cannot delete entity, {first}")
}

fn inline_size(holder: &Holder, limit: usize) -> String {
    format!(
        "Maximum policy size of {limit} bytes exceeded for {} {}",
        holder.kind(),
        holder.name()
    )
}

fn capital(kind: Kind) -> String {
    let text = kind.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn not_found(message: String) -> Fault {
    Fault::sender("NoSuchEntity", message).with_status(404)
}

fn exists(message: String) -> Fault {
    Fault::sender("EntityAlreadyExists", message).with_status(409)
}

fn limited(message: String) -> Fault {
    Fault::sender("LimitExceeded", message).with_status(409)
}

fn throttled(message: String) -> Fault {
    Fault::sender("Throttling", message)
}

fn error_text(error: &engine::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// A parameter that its constraint does not take, as AWS says it.
pub(super) fn validation(parameter: &str, value: &str, constraint: &str) -> Fault {
    Fault::sender(
        "ValidationError",
        format!(
            "1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: {constraint}"
        ),
    )
}

/// Our error; the detail goes into the log, not into the answer.
fn internal(error: &Error) -> Fault {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, source, "identities failed");
    Fault {
        code: "ServiceFailure",
        query_code: "ServiceFailure",
        status: 500,
        message:
            "The request processing has failed because of an unknown error, exception or failure."
                .into(),
        side: Side::Receiver,
        namespace: None,
        details: Vec::new(),
    }
}
