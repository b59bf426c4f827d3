//! The account's password policy, and what holds without one.
//!
//! Source: IAM User Guide, "Setting an account password policy for IAM users".

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Command, Decided, Error, Event, Login, State};

/// The most characters of a password.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// The letters that count as symbols.
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";
/// How short a password may be where the account has no policy.
const DEFAULT_CHARS_MIN: usize = 8;
/// How many of the four classes it must have then.
const DEFAULT_CLASSES_MIN: usize = 3;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What the account asks of passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "as many switches as the API has"
)]
pub struct PasswordPolicy {
    /// The fewest characters, 6 to 128.
    pub chars_min: u32,
    /// Whether a symbol must be among them.
    pub needs_symbol: bool,
    /// Whether a digit must.
    pub needs_number: bool,
    /// Whether an upper-case letter must.
    pub needs_upper: bool,
    /// Whether a lower-case letter must.
    pub needs_lower: bool,
    /// Whether users may change their own passwords without a policy that says so.
    pub may_users_change: bool,
    /// After how many days a password is of no use, 1 to 1,095; `None` never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_max: Option<u32>,
    /// How many of the last passwords may not come again, 1 to 24.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembers: Option<u32>,
    /// Whether only an administrator may set an expired password anew.
    pub is_expiry_hard: bool,
}

impl Default for PasswordPolicy {
    /// What `UpdateAccountPasswordPolicy` sets where a parameter is missing.
    fn default() -> Self {
        Self {
            chars_min: 6,
            needs_symbol: false,
            needs_number: false,
            needs_upper: false,
            needs_lower: false,
            may_users_change: false,
            days_max: None,
            remembers: None,
            is_expiry_hard: false,
        }
    }
}

/// Replaces the password policy.
#[derive(Clone, Debug)]
pub struct Set(pub PasswordPolicy);

/// Takes the password policy away.
#[derive(Clone, Copy, Debug)]
pub struct Delete;

impl Command for Set {
    type Outcome = ();

    fn decide(self, _state: &State, _at: Timestamp) -> Decided<()> {
        let policy = self.0;
        check_range("minimumPasswordLength", Some(policy.chars_min), 6, 128)?;
        check_range("maxPasswordAge", policy.days_max, 1, 1095)?;
        check_range("passwordReusePrevention", policy.remembers, 1, 24)?;
        Ok((vec![Event::PasswordPolicy(Some(policy))], ()))
    }
}

impl Command for Delete {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        match state.password_policy() {
            Some(_) => Ok((vec![Event::PasswordPolicy(None)], ())),
            None => Err(Error::NoPasswordPolicy {
                account: state.account_id().clone(),
            }),
        }
    }
}

fn check_range(
    parameter: &'static str,
    value: Option<u32>,
    low: u32,
    high: u32,
) -> Result<(), Error> {
    match value.filter(|value| !(low..=high).contains(value)) {
        None => Ok(()),
        Some(value) => Err(Error::Range {
            parameter,
            value: i64::from(value),
            low: i64::from(low),
            high: i64::from(high),
        }),
    }
}

/// The classes of letters in a password.
#[derive(Clone, Copy, Debug)]
struct Classes {
    upper: bool,
    lower: bool,
    number: bool,
    symbol: bool,
}

impl Classes {
    fn of(password: &str) -> Self {
        let has = |is: fn(char) -> bool| password.chars().any(is);
        Self {
            upper: has(|letter| letter.is_ascii_uppercase()),
            lower: has(|letter| letter.is_ascii_lowercase()),
            number: has(|letter| letter.is_ascii_digit()),
            symbol: has(|letter| SYMBOLS.contains(letter)),
        }
    }

    fn count(self) -> usize {
        [self.upper, self.lower, self.number, self.symbol]
            .into_iter()
            .filter(|has| *has)
            .count()
    }
}

/// Refuses a password that `policy`, or what holds without one, does not take for `user`. Says all that is missing.
///
/// Whether it was used before needs the hashes, and is asked elsewhere.
///
/// # Errors
/// [`Error::Password`].
pub fn check(policy: Option<&PasswordPolicy>, user: &str, password: &str) -> Result<(), Error> {
    let mut missing = Vec::new();
    let chars = password.chars().count();
    let chars_min = policy.map_or(DEFAULT_CHARS_MIN, |policy| policy.chars_min as usize);
    if chars < chars_min {
        missing.push(format!("at least {chars_min} characters"));
    }
    if chars > PASSWORD_CHARS_MAX {
        missing.push(format!("at most {PASSWORD_CHARS_MAX} characters"));
    }
    let has = Classes::of(password);
    match policy {
        Some(policy) => {
            for (is_needed, is_there, what) in [
                (policy.needs_upper, has.upper, "an uppercase letter"),
                (policy.needs_lower, has.lower, "a lowercase letter"),
                (policy.needs_number, has.number, "a number"),
                (
                    policy.needs_symbol,
                    has.symbol,
                    "a symbol of ! @ # $ % ^ & * ( ) _ + - = [ ] { } | '",
                ),
            ] {
                if is_needed && !is_there {
                    missing.push(what.to_owned());
                }
            }
        }
        None if has.count() < DEFAULT_CLASSES_MIN => missing
            .push("three of uppercase letters, lowercase letters, numbers and symbols".to_owned()),
        None if password.eq_ignore_ascii_case(user) => {
            missing.push("something else than the user's name".to_owned());
        }
        None => {}
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::Password(missing)),
    }
}

/// How many of the last passwords a new one must differ from.
#[must_use]
pub fn remembered(policy: Option<&PasswordPolicy>) -> usize {
    policy.and_then(|policy| policy.remembers).unwrap_or(0) as usize
}

/// When a password is of no use any more; bites at once when the policy is set.
#[must_use]
pub fn expires(policy: Option<&PasswordPolicy>, login: &Login) -> Option<Timestamp> {
    let days = u64::from(policy?.days_max?);
    Some(Timestamp::from_millis(
        login.changed.as_millis() + days * DAY_MS,
    ))
}
