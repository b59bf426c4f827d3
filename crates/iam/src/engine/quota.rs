//! How much there may be.
//!
//! Source: IAM User Guide, "IAM and AWS STS quotas", the defaults.

/// Users of an account.
pub const USERS: usize = 5000;
/// Groups of an account.
pub const GROUPS: usize = 300;
/// Roles of an account.
pub const ROLES: usize = 1000;
/// Customer managed policies of an account.
pub const POLICIES: usize = 1500;
/// Instance profiles of an account.
pub const PROFILES: usize = 1000;
/// Virtual MFA devices of an account: as many as all users may have. Chosen; the guide names none.
pub const DEVICES: usize = USERS * DEVICES_PER_USER;
/// MFA devices of one user.
pub const DEVICES_PER_USER: usize = 8;
/// Groups in which a user is.
pub const GROUPS_PER_USER: usize = 10;
/// Access keys of a user.
pub const KEYS_PER_USER: usize = 2;
/// Managed policies attached to a user, group or role.
pub const ATTACHED: usize = 10;
/// Versions of a managed policy.
pub const VERSIONS: usize = 5;
/// Tags of one thing.
pub const TAGS: usize = 50;
/// Characters of a managed policy, without white space.
pub const POLICY_CHARS: usize = 6144;
/// Characters of a role's trust policy, without white space.
pub const TRUST_CHARS: usize = 2048;
/// Characters of all inline policies of a user, without white space.
pub const INLINE_USER_CHARS: usize = 2048;
/// Characters of all inline policies of a group.
pub const INLINE_GROUP_CHARS: usize = 5120;
/// Characters of all inline policies of a role.
pub const INLINE_ROLE_CHARS: usize = 10_240;
/// Passwords that are remembered.
pub const PASSWORDS_REMEMBERED: usize = 24;
