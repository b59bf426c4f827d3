//! The last origin that was read, so that the next line of the same receiver need not have its host judged again.
//!
//! Half of what reading a URL costs goes into its host (IDNA, the forms of IPv4), and lines of one receiver come in rows.
//! A path that begins with one `/` is read relative to the known origin, which the URL standard gives the same result.

use parking_lot::Mutex;
use url::{ParseError, Url};

/// Longer ones are not remembered; chosen.
const ORIGIN_BYTES_MAX: usize = 300;

/// What is remembered: an origin as it was written, and as a URL without path.
#[derive(Debug, Default)]
pub(super) struct LastOrigin(Mutex<Option<(String, Url)>>);

/// A clone has a memory of its own.
impl Clone for LastOrigin {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl LastOrigin {
    /// The same as `Url::parse(text)`, for a text without control characters.
    pub(super) fn parse(&self, text: &str) -> Result<Url, ParseError> {
        let Some((origin, rest)) = split(text) else {
            return Url::parse(text);
        };
        // Somebody else at it is no reason to wait.
        let Some(mut last) = self.0.try_lock() else {
            return Url::parse(text);
        };
        if let Some((known, base)) = &*last
            && known == origin
        {
            return Url::options().base_url(Some(base)).parse(rest);
        }
        let url = Url::parse(text)?;
        if origin.len() <= ORIGIN_BYTES_MAX {
            let mut base = url.clone();
            base.set_path("");
            base.set_query(None);
            base.set_fragment(None);
            *last = Some((origin.to_owned(), base));
        }
        Ok(url)
    }
}

/// `https://host:port` and the rest from its `/` on; `None` where the rest could mean anything but a path.
fn split(text: &str) -> Option<(&str, &str)> {
    let authority = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))?;
    // Slashes without a host between them are passed over.
    let end = authority
        .find(['/', '?', '#', '\\', '@'])
        .filter(|end| *end > 0)?;
    let (origin, rest) = text.split_at(text.len() - authority.len() + end);
    let mut first = rest.bytes();
    let is_path = first.next() == Some(b'/') && !matches!(first.next(), Some(b'/' | b'\\'));
    is_path.then_some((origin, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
        #[test]
        fn a_known_origin_gives_what_a_fresh_look_gives(
            origin in "(https?|HTTP|mailto|ftp)://(a\\.example|A\\.Example:443|127\\.1|\\[::1\\]:8|bücher\\.example|x@y|[ -~]{0,6})",
            rests in proptest::collection::vec("[/?#\\\\]{0,2}[a-z./\\\\?#%@: é\"<>|^`{}]{0,12}", 1..5),
        ) {
            let last = LastOrigin::default();
            for rest in rests {
                let text = format!("{origin}{rest}");
                proptest::prop_assert_eq!(last.parse(&text), Url::parse(&text), "{}", text);
            }
        }
    }

    #[test]
    fn it_is_used() {
        let last = LastOrigin::default();
        for text in [
            "https://a.example/1?x=1#f",
            "https://a.example/",
            "https://a.example/../2?y",
        ] {
            assert_eq!(last.parse(text), Url::parse(text));
            let known = last.0.lock();
            let (origin, base) = known.as_ref().unwrap();
            assert_eq!(
                (origin.as_str(), base.as_str()),
                ("https://a.example", "https://a.example/")
            );
        }
    }
}
