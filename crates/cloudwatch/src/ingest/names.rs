//! From attributes and labels to a metric's identity, within CloudWatch's limits.
//!
//! Characters that CloudWatch does not take become `_`, what is too long is cut: so the metric can be asked for again.
//!
//! Source: CloudWatch API Reference, `MetricDatum`, `Dimension`.

use super::Refused;
use super::skipped::{Reason, Skipped};
use crate::metric::identity::DIMENSIONS_MAX;
use crate::metric::{Dimension, Identity};

/// Characters of a name or a namespace.
const NAME_CHARS_MAX: usize = 255;
/// Characters of a dimension's value.
const VALUE_CHARS_MAX: usize = 1024;
/// Bytes of all identities of a request. Chosen: four times a body, as resources are said once and count for each point.
const IDENTITY_BYTES_MAX: usize = 16 << 20;

/// Makes identities of one request.
#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: usize,
}

impl Names {
    /// The identity with the dimensions `pairs`, those that matter most first. Of dimensions with the same name the first
    /// counts.
    pub(super) fn identity<'a>(
        &mut self,
        namespace: &str,
        name: &str,
        pairs: impl Iterator<Item = (&'a str, Option<&'a str>)>,
        skipped: &mut Skipped,
    ) -> Result<Identity, Refused> {
        let mut dimensions: Vec<Dimension> = Vec::new();
        for (name, value) in pairs {
            let made = value.and_then(|value| dimension(name, value));
            match made.filter(|made| !dimensions.iter().any(|known| known.name == made.name)) {
                Some(made) if dimensions.len() < DIMENSIONS_MAX => {
                    self.bytes += made.name.len() + made.value.len();
                    dimensions.push(made);
                }
                _ => skipped.dimensions += 1,
            }
        }
        self.bytes += namespace.len() + name.len();
        if self.bytes > IDENTITY_BYTES_MAX {
            return Err(Refused::TooLarge {
                what: "names",
                limit: IDENTITY_BYTES_MAX,
            });
        }
        Ok(Identity::new(namespace, name, dimensions))
    }
}

/// A namespace of what a sender calls itself; `None` of nothing.
pub(super) fn namespace(text: &str) -> Option<String> {
    let text = text.trim_start_matches(':');
    let clean = |c: char| if c.is_control() { '_' } else { c };
    let cut: String = text.chars().map(clean).take(NAME_CHARS_MAX).collect();
    (!cut.trim().is_empty()).then_some(cut)
}

/// Whether a text may be a metric's name.
pub(super) fn check(text: &str) -> Result<(), Reason> {
    let is_name = !text.is_empty()
        && text.chars().count() <= NAME_CHARS_MAX
        && !text.chars().any(char::is_control);
    is_name.then_some(()).ok_or(Reason::Unnamed)
}

fn dimension(name: &str, value: &str) -> Option<Dimension> {
    let name = printable(name, NAME_CHARS_MAX)?;
    let value = printable(value, VALUE_CHARS_MAX)?;
    Some(Dimension { name, value })
}

/// Letters that a dimension may have: printable ASCII, not blank, and no colon in front.
fn printable(text: &str, most: usize) -> Option<String> {
    let clean = |(place, c): (usize, char)| match c {
        ':' if place == 0 => '_',
        ' '..='~' => c,
        _ => '_',
    };
    let made: String = text.chars().take(most).enumerate().map(clean).collect();
    (!made.trim().is_empty()).then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_made_such_as_cloudwatch_takes() {
        for (sent, made) in [
            ("web-1", Some("web-1")),
            ("", None),
            ("  ", None),
            (":80", Some("_80")),
            ("10.0.0.1:80", Some("10.0.0.1:80")),
            ("東京", Some("__")),
            ("a\nb", Some("a_b")),
        ] {
            assert_eq!(printable(sent, 1024).as_deref(), made, "{sent:?}");
        }
        assert_eq!(printable(&"x".repeat(2000), 1024).unwrap().len(), 1024);
    }

    #[test]
    fn beyond_thirty_dimensions_are_left_out_and_counted() {
        let names: Vec<String> = (0..40).map(|number| format!("d{number:02}")).collect();
        let pairs = names.iter().map(|name| (name.as_str(), Some("x")));
        let mut skipped = Skipped::default();
        let made = Names::default().identity("N", "m", pairs, &mut skipped);
        let identity = made.unwrap();
        assert_eq!(identity.dimensions().len(), 30);
        assert_eq!(identity.dimension("d29"), Some("x"));
        assert_eq!(skipped.dimensions, 10);
    }

    #[test]
    fn of_dimensions_with_one_name_the_first_counts() {
        let pairs = [("a", Some("1")), ("a", Some("2")), ("b", None)];
        let mut skipped = Skipped::default();
        let made = Names::default().identity("N", "m", pairs.into_iter(), &mut skipped);
        let identity = made.unwrap();
        assert_eq!(identity.dimension("a"), Some("1"));
        assert_eq!(skipped.dimensions, 2);
    }

    #[test]
    fn identities_of_a_request_have_a_bound() {
        let value = "x".repeat(1024);
        let mut names = Names::default();
        let mut made = 0;
        let refused = loop {
            let pairs = [("a", Some(value.as_str()))].into_iter();
            match names.identity("N", "m", pairs, &mut Skipped::default()) {
                Ok(_) => made += 1,
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, Refused::TooLarge { .. }));
        assert!(made < IDENTITY_BYTES_MAX / 1024 + 1);
    }

    #[test]
    fn a_namespace_never_begins_with_a_colon() {
        for (sent, made) in [
            ("shop", Some("shop")),
            ("::shop", Some("shop")),
            (":", None),
            ("", None),
            (" ", None),
        ] {
            assert_eq!(namespace(sent).as_deref(), made);
        }
    }
}
