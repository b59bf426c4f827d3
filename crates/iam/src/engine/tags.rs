//! Tags of users, roles, policies, instance profiles and devices.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Command, Decided, Device, Error, Event, InstanceProfile, Policy, Role, State, User, name, quota,
};

/// The most characters of a tag's key.
const KEY_CHARS_MAX: usize = 128;
/// The most characters of a tag's value.
const VALUE_CHARS_MAX: usize = 256;

/// Tags by key. Keys keep their case, and two that differ in case alone are one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The tags of something new.
    ///
    /// # Errors
    /// As [`Tags::with`].
    pub fn new(tags: Vec<(String, String)>) -> Result<Self, Error> {
        Self::default().with(tags)
    }

    /// These tags and `tags`, which stand over what was there.
    ///
    /// # Errors
    /// When a key or value is out of form, a key is given twice, or there are more than [`quota::TAGS`].
    pub fn with(&self, tags: Vec<(String, String)>) -> Result<Self, Error> {
        let mut all = self.clone();
        let mut given: Vec<String> = Vec::with_capacity(tags.len());
        for (key, value) in tags {
            check(&key, &value)?;
            let folded = name::folded(&key);
            if given.contains(&folded) {
                return Err(Error::TagTwice { key });
            }
            given.push(folded);
            all.0.retain(|known, _| !known.eq_ignore_ascii_case(&key));
            all.0.insert(key, value);
        }
        if all.0.len() > quota::TAGS {
            return Err(Error::Quota {
                quota: "TagsPerResource",
                limit: quota::TAGS,
            });
        }
        Ok(all)
    }

    /// These tags without those named; a name that is not there does not matter.
    #[must_use]
    pub fn without(&self, keys: &[String]) -> Self {
        let mut all = self.clone();
        all.0
            .retain(|known, _| !keys.iter().any(|key| known.eq_ignore_ascii_case(key)));
        all
    }

    /// Key and value, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`, as the API has it.
fn is_allowed(letter: char) -> bool {
    letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter)
}

fn check(key: &str, value: &str) -> Result<(), Error> {
    let wrong = |parameter, value: &str, pattern| {
        Err(Error::Pattern {
            parameter,
            value: value.to_owned(),
            pattern,
        })
    };
    if key.is_empty() || !key.chars().all(is_allowed) {
        return wrong("tags.1.member.key", key, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+");
    }
    if !value.chars().all(is_allowed) {
        return wrong("tags.1.member.value", value, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*");
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(Error::TagReserved {
            key: key.to_owned(),
        });
    }
    name::check_length("tags.1.member.key", key, KEY_CHARS_MAX)?;
    name::check_length("tags.1.member.value", value, VALUE_CHARS_MAX)
}

/// What has tags, by name, ARN or serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A user.
    User(String),
    /// A role.
    Role(String),
    /// A managed policy of the account, by its ARN.
    Policy(String),
    /// An instance profile.
    Profile(String),
    /// A virtual MFA device, by its serial number.
    Device(String),
}

/// Adds tags, which stand over those of the same keys.
#[derive(Clone, Debug)]
pub struct Add {
    /// To what.
    pub target: Target,
    /// Which.
    pub tags: Vec<(String, String)>,
}

/// Takes tags away; those that are not there do not matter.
#[derive(Clone, Debug)]
pub struct Remove {
    /// From what.
    pub target: Target,
    /// By their keys.
    pub keys: Vec<String>,
}

impl Command for Add {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let event = self.target.change(state, |tags| tags.with(self.tags))?;
        Ok((vec![event], ()))
    }
}

impl Command for Remove {
    type Outcome = ();

    fn decide(self, state: &State, _at: Timestamp) -> Decided<()> {
        let event = self
            .target
            .change(state, |tags| Ok(tags.without(&self.keys)))?;
        Ok((vec![event], ()))
    }
}

impl Target {
    /// The event after which it has other tags.
    fn change(
        &self,
        state: &State,
        change: impl FnOnce(&Tags) -> Result<Tags, Error>,
    ) -> Result<Event, Error> {
        Ok(match self {
            Self::User(name) => {
                let user = User::clone(state.user(name)?);
                let tags = change(&user.tags)?;
                Event::User(Arc::new(User { tags, ..user }))
            }
            Self::Role(name) => {
                let role = Role::clone(state.role(name)?);
                let tags = change(&role.tags)?;
                Event::Role(Arc::new(Role { tags, ..role }))
            }
            Self::Policy(arn) => {
                let policy = super::policy::own(state, arn)?;
                let tags = change(&policy.tags)?;
                Event::Policy(Arc::new(Policy { tags, ..policy }))
            }
            Self::Profile(name) => {
                let profile = InstanceProfile::clone(state.profile(name)?);
                let tags = change(&profile.tags)?;
                Event::Profile(Arc::new(InstanceProfile { tags, ..profile }))
            }
            Self::Device(serial) => {
                let device = super::device::device(state, serial)?;
                let tags = change(&device.tags)?;
                Event::Device(Arc::new(Device { tags, ..device }))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_key_in_another_case_is_the_same_key() {
        let all = Tags::new(tags(&[("Team", "ads"), ("cost", "")])).unwrap();
        let all = all.with(tags(&[("team", "広告")])).unwrap();
        assert_eq!(
            all.iter().collect::<Vec<_>>(),
            [("cost", ""), ("team", "広告")]
        );
        assert_eq!(
            all.without(&["TEAM".to_owned(), "x".to_owned()])
                .iter()
                .count(),
            1
        );
        assert!(matches!(
            Tags::new(tags(&[("a", "1"), ("A", "2")])),
            Err(Error::TagTwice { .. })
        ));
    }

    #[test]
    fn tags_have_bounds() {
        let many = |count: usize| {
            (0..count)
                .map(|n| (format!("k{n}"), String::new()))
                .collect()
        };
        assert!(Tags::new(many(quota::TAGS)).is_ok());
        assert!(matches!(
            Tags::new(many(quota::TAGS + 1)),
            Err(Error::Quota { .. })
        ));
        for (key, value) in [
            ("", ""),
            ("a*", ""),
            ("a", "*"),
            ("aws:x", ""),
            (&"k".repeat(129), ""),
            ("k", &"v".repeat(257)),
        ] {
            assert!(Tags::new(tags(&[(key, value)])).is_err(), "{key} {value}");
        }
    }
}
