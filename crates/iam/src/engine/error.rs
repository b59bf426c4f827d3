//! Why a command leads to nothing.

use base::AccountId;

use super::Kind;
use super::grant::Holder;

/// Why a command leads to nothing: facts, to which the operations give AWS's codes and texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing of that name.
    #[error("{kind} `{name}` does not exist")]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// Under which name.
        name: String,
    },
    /// No managed policy has that ARN.
    #[error("policy `{arn}` does not exist")]
    PolicyNotFound {
        /// Which.
        arn: String,
    },
    /// No managed policy that can be attached has that ARN.
    #[error("policy `{arn}` does not exist, so it cannot be attached")]
    NotAttachable {
        /// Which.
        arn: String,
    },
    /// The managed policy is not attached there.
    #[error("policy `{arn}` is not attached to {holder}")]
    NotAttached {
        /// Which.
        arn: String,
        /// Where.
        holder: Holder,
    },
    /// The policy has no such version.
    #[error("policy `{arn}` has no version `{version}`")]
    VersionNotFound {
        /// Which policy.
        arn: String,
        /// Which version.
        version: String,
    },
    /// No inline policy of that name.
    #[error("{holder} has no inline policy `{name}`")]
    InlineNotFound {
        /// Whose.
        holder: Holder,
        /// Under which name.
        name: String,
    },
    /// Neither a boundary.
    #[error("{holder} has no permissions boundary")]
    NoBoundary {
        /// Whose.
        holder: Holder,
    },
    /// No such access key.
    #[error("access key `{key_id}` does not exist")]
    KeyNotFound {
        /// Which.
        key_id: String,
    },
    /// The user has no password.
    #[error("user `{user}` has no login profile")]
    NoLogin {
        /// Who.
        user: String,
    },
    /// No device with that serial number.
    #[error("virtual MFA device `{serial}` does not exist")]
    DeviceNotFound {
        /// Which.
        serial: String,
    },
    /// The account has no password policy.
    #[error("account {account} has no password policy")]
    NoPasswordPolicy {
        /// Which account.
        account: AccountId,
    },
    /// The account has not that alias.
    #[error("the account has no alias `{alias}`")]
    AliasNotFound {
        /// Which.
        alias: String,
    },
    /// A role is not in that instance profile.
    #[error("role `{role}` is not in instance profile `{profile}`")]
    NotInProfile {
        /// Which.
        role: String,
        /// Where.
        profile: String,
    },
    /// Something is called so already.
    #[error("{kind} `{name}` exists already")]
    Exists {
        /// What.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// The user has a password already.
    #[error("user `{user}` has a login profile already")]
    LoginExists {
        /// Who.
        user: String,
    },
    /// The device is somebody's already.
    #[error("virtual MFA device `{serial}` is in use already")]
    DeviceInUse {
        /// Which.
        serial: String,
    },
    /// What still hangs on the thing must go first.
    #[error("{kind} `{name}` cannot be deleted: {}", left.first())]
    Conflict {
        /// What was to be deleted.
        kind: Kind,
        /// Its name.
        name: String,
        /// What hangs on it.
        left: Left,
    },
    /// The default version of a policy stays.
    #[error("version `{version}` of policy `{arn}` is the default version: set another one first")]
    DefaultVersion {
        /// Which policy.
        arn: String,
        /// Which version.
        version: String,
    },
    /// There are as many as there may be.
    #[error("{quota} are at most {limit}")]
    Quota {
        /// The quota's name, such as `UsersPerAccount`.
        quota: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Inline policies with too many characters.
    #[error("the inline policies of {holder} have more than {limit} characters")]
    InlineSize {
        /// Whose.
        holder: Holder,
        /// The most characters.
        limit: usize,
    },
    /// A text that is no policy.
    #[error("the policy is not in form: {what}")]
    Malformed {
        /// What is wrong, and where.
        what: String,
    },
    /// A value that does not match its pattern.
    #[error("`{value}` is not a value for {parameter}: {pattern} is right")]
    Pattern {
        /// The parameter.
        parameter: &'static str,
        /// What was given.
        value: String,
        /// What would be right, as a regular expression.
        pattern: &'static str,
    },
    /// A value with too many characters.
    #[error("{parameter} has more than {limit} characters")]
    TooLong {
        /// The parameter.
        parameter: &'static str,
        /// What was given.
        value: String,
        /// The most characters.
        limit: usize,
    },
    /// A number out of range.
    #[error("{parameter} is {value}; {low} to {high} is right")]
    Range {
        /// The parameter.
        parameter: &'static str,
        /// What was given.
        value: i64,
        /// The least.
        low: i64,
        /// The most.
        high: i64,
    },
    /// Something else that cannot be.
    #[error("{what}")]
    Invalid {
        /// What, and what would be right.
        what: String,
    },
    /// A tag key given twice.
    #[error("tag key `{key}` is given twice")]
    TagTwice {
        /// Which.
        key: String,
    },
    /// A tag key that is AWS's own.
    #[error("tag key `{key}` begins with `aws:`, which is reserved")]
    TagReserved {
        /// Which.
        key: String,
    },
    /// A password that the policy does not take.
    #[error("the password must have {}", .0.join(", "))]
    Password(Vec<String>),
    /// Users may not change their passwords themselves.
    #[error("the account's password policy does not let users change their own passwords")]
    MayNotChangePassword,
    /// An expired password that only an administrator may set anew.
    #[error("the password has expired, and only an administrator can set a new one")]
    PasswordExpired,
    /// A code that is wrong or was used.
    #[error("the authentication code is not valid")]
    Code,
    /// AWS's own policies do not change.
    #[error("policy `{arn}` is managed by AWS and does not change")]
    AwsManaged {
        /// Which.
        arn: String,
    },
}

/// What hangs on something that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// A password.
    Login,
    /// Access keys.
    Keys,
    /// MFA devices.
    Devices,
    /// Inline policies.
    Inline,
    /// Attached policies.
    Attached,
    /// Memberships of a user.
    Groups,
    /// Members of a group.
    Members,
    /// Instance profiles that hold the role.
    Profiles,
    /// Roles in the instance profile.
    Roles,
    /// Users, groups and roles that have the policy, or have it as their boundary.
    Holders,
    /// Versions beside the default one.
    Versions,
}

impl Left {
    /// What must be done first.
    #[must_use]
    pub const fn first(self) -> &'static str {
        match self {
            Self::Login => "delete its login profile first",
            Self::Keys => "delete its access keys first",
            Self::Devices => "deactivate its MFA devices first",
            Self::Inline => "delete its inline policies first",
            Self::Attached => "detach its policies first",
            Self::Groups => "take it out of its groups first",
            Self::Members => "take its users out first",
            Self::Profiles => "take it out of its instance profiles first",
            Self::Roles => "take its role out first",
            Self::Holders => "detach it from its users, groups and roles first",
            Self::Versions => "delete its other versions first",
        }
    }
}
