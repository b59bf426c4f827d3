//! Tags of instances.
//!
//! Source: EC2 User Guide, "Tag restrictions": 50 a resource, keys of 1 to 128 characters, values of 0 to 256, keys that
//! begin with `aws:` are reserved, upper and lower case differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Error;

/// Tags of one resource.
pub const TAGS_MAX: usize = 50;
/// Characters of a key.
pub const KEY_CHARS_MAX: usize = 128;
/// Characters of a value.
pub const VALUE_CHARS_MAX: usize = 256;
/// The tag that names a host.
pub const NAME: &str = "Name";
/// The tag that says what a host is for; checks are given out by it.
pub const ROLE: &str = "Role";

/// Tags by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Tags of something new. A key that is given twice is refused.
    ///
    /// # Errors
    /// As [`Tags::with`], and [`Error::TagTwice`].
    pub fn new(tags: Vec<(String, String)>) -> Result<Self, Error> {
        let count = tags.len();
        let mut seen = BTreeMap::new();
        for (key, _) in &tags {
            if seen.insert(key.clone(), ()).is_some() {
                return Err(Error::TagTwice { key: key.clone() });
            }
        }
        debug_assert_eq!(count, seen.len());
        Self::default().with(tags)
    }

    /// These tags and `tags`, which stand over what was there.
    ///
    /// # Errors
    /// When a key or a value is out of form, or there are more than [`TAGS_MAX`].
    pub fn with(&self, tags: Vec<(String, String)>) -> Result<Self, Error> {
        let mut all = self.clone();
        for (key, value) in tags {
            check(&key, &value)?;
            all.0.insert(key, value);
        }
        match all.0.len() > TAGS_MAX {
            true => Err(Error::TagLimit),
            false => Ok(all),
        }
    }

    /// These tags without those named. A name with a value goes only where it has that value.
    #[must_use]
    pub fn without(&self, keys: &[(String, Option<String>)]) -> Self {
        let mut all = self.clone();
        for (key, value) in keys {
            let is_meant = all
                .0
                .get(key)
                .is_some_and(|own| value.as_ref().is_none_or(|value| value == own));
            if is_meant {
                all.0.remove(key);
            }
        }
        all
    }

    /// The value of a tag.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Key and value, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// These tags after what their host says of itself has become `now`, where it was `before`: what it says anew counts,
    /// what it has not changed stays as people have set it.
    ///
    /// # Errors
    /// [`Error::TagLimit`].
    pub fn follow(&self, before: &Self, now: &Self) -> Result<Self, Error> {
        let mut all = self.clone();
        for (key, value) in &before.0 {
            if !now.0.contains_key(key) && all.0.get(key) == Some(value) {
                all.0.remove(key);
            }
        }
        for (key, value) in &now.0 {
            if before.0.get(key) != Some(value) {
                all.0.insert(key.clone(), value.clone());
            }
        }
        match all.0.len() > TAGS_MAX {
            true => Err(Error::TagLimit),
            false => Ok(all),
        }
    }
}

fn check(key: &str, value: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Err(Error::TagKeyEmpty);
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(Error::TagReserved);
    }
    if key.chars().count() > KEY_CHARS_MAX {
        return Err(Error::TagKeyLong);
    }
    match value.chars().count() > VALUE_CHARS_MAX {
        true => Err(Error::TagValueLong),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        Tags::new(owned(pairs)).unwrap()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn tags_have_bounds() {
        let many = |count: usize| {
            (0..count)
                .map(|n| (format!("k{n}"), String::new()))
                .collect()
        };
        assert!(Tags::new(many(50)).is_ok());
        assert_eq!(Tags::new(many(51)), Err(Error::TagLimit));
        for (key, value, error) in [
            ("", "", Error::TagKeyEmpty),
            ("aws:x", "", Error::TagReserved),
            ("AWS:x", "", Error::TagReserved),
            (&"鍵".repeat(129), "", Error::TagKeyLong),
            ("k", &"値".repeat(257), Error::TagValueLong),
        ] {
            assert_eq!(Tags::new(owned(&[(key, value)])), Err(error), "{key}");
        }
        assert!(Tags::new(owned(&[(&"鍵".repeat(128), &"値".repeat(256))])).is_ok());
        let twice = Tags::new(owned(&[("a", "1"), ("a", "2")]));
        assert!(matches!(twice, Err(Error::TagTwice { .. })));
        assert!(Tags::new(owned(&[("a", "1"), ("A", "2")])).is_ok());
    }

    #[test]
    fn a_tag_with_a_value_goes_only_where_it_has_it() {
        let all = tags(&[("a", "1"), ("b", "2")]);
        let key = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        assert_eq!(all.without(&[key("a", Some("2"))]), all);
        assert_eq!(all.without(&[key("a", Some("1"))]), tags(&[("b", "2")]));
        assert_eq!(
            all.without(&[key("a", None), key("c", None)]),
            tags(&[("b", "2")])
        );
    }

    #[test]
    fn what_a_host_says_anew_counts_and_the_rest_stays_as_people_set_it() {
        let before = tags(&[("Name", "web-1"), ("Role", "web"), ("gone", "x")]);
        let set = tags(&[
            ("Name", "front"),
            ("Role", "web"),
            ("gone", "x"),
            ("team", "ads"),
        ]);
        let now = tags(&[("Name", "web-1"), ("Role", "db")]);
        let expected = tags(&[("Name", "front"), ("Role", "db"), ("team", "ads")]);
        assert_eq!(set.follow(&before, &now).unwrap(), expected);
    }
}
