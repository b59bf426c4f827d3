//! Tags of objects.

use std::collections::HashSet;

use super::{Objects, bucket, object};
use crate::error::Error;
use crate::limits::{OBJECT_TAGS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};
use crate::rows::Tag;

impl Objects {
    /// Sets an object's tags; none takes them all away.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`], [`Error::Tag`].
    pub async fn tag(&self, bucket_name: &str, key: &str, tags: Vec<Tag>) -> Result<(), Error> {
        check_tags(&tags, OBJECT_TAGS_MAX)?;
        self.change_object(bucket_name, key, |object| {
            object.tags = tags;
            Ok(())
        })
        .await
    }

    /// An object's tags.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`].
    pub async fn tags(&self, bucket_name: &str, key: &str) -> Result<Vec<Tag>, Error> {
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        self.look(move |view| {
            let id = bucket(view, &bucket_name)?.id;
            Ok(object(view, id, &key)?.tags)
        })
        .await
    }
}

/// Refuses tags that are not in form: too many, too long, twice the same, or of AWS's own.
///
/// # Errors
/// [`Error::Tag`].
pub fn check_tags(tags: &[Tag], max: usize) -> Result<(), Error> {
    if tags.len() > max {
        return Err(Error::Tag(format!(
            "{} tags are too many: at most {max}",
            tags.len()
        )));
    }
    let mut seen = HashSet::new();
    for Tag { key, value } in tags {
        let shown: String = key.chars().take(TAG_KEY_CHARS_MAX).collect();
        let wrong = |what: String| Err(Error::Tag(format!("tag `{shown}`: {what}")));
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX {
            return wrong(format!("a key has 1 to {TAG_KEY_CHARS_MAX} characters"));
        }
        if value.chars().count() > TAG_VALUE_CHARS_MAX {
            return wrong(format!(
                "a value has at most {TAG_VALUE_CHARS_MAX} characters"
            ));
        }
        if key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return wrong("keys that begin with `aws:` are reserved".to_owned());
        }
        if !key.chars().chain(value.chars()).all(is_of_tag) {
            return wrong("letters, digits, blanks and `+-=._:/@` are allowed".to_owned());
        }
        if !seen.insert(key) {
            return wrong("stands twice".to_owned());
        }
    }
    Ok(())
}

fn is_of_tag(letter: char) -> bool {
    letter.is_alphanumeric() || letter.is_whitespace() || "+-=._:/@".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_to_their_bounds() {
        let tag = |key: &str, value: &str| Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let ok = |tags: &[Tag]| check_tags(tags, 2).is_ok();
        assert!(ok(&[tag("a", ""), tag("b", "x y+-=._:/@")]));
        assert!(!ok(&[tag("a", ""), tag("b", ""), tag("c", "")]));
        assert!(!ok(&[tag("a", "1"), tag("a", "2")]));
        assert!(!ok(&[tag("", "1")]));
        assert!(!ok(&[tag("AWS:a", "1")]));
        assert!(!ok(&[tag("a", "{}")]));
        assert!(ok(&[tag(&"é".repeat(128), &"é".repeat(256))]));
        assert!(!ok(&[tag(&"é".repeat(129), "")]));
        assert!(!ok(&[tag("a", &"é".repeat(257))]));
    }
}
