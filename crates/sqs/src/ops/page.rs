//! Pages of lists: `MaxResults` and `NextToken`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// Most entries of a page, and the number without `MaxResults`.
const RESULTS_MAX: i32 = 1000;

/// A page that is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) max: usize,
    pub(super) from: Option<String>,
    /// Without `MaxResults` the answer has no token: it ends at 1,000 entries.
    has_token: bool,
}

impl Wanted {
    /// # Errors
    /// [`Error::InvalidParameter`] for a number that is not 1 to 1,000 and a token that is not one of ours.
    pub(super) fn new(max: Option<i32>, token: Option<&str>) -> Result<Self, Error> {
        let given = max.unwrap_or(RESULTS_MAX);
        let max_is_right = (1..=RESULTS_MAX).contains(&given);
        let count = usize::try_from(given).ok().filter(|_| max_is_right);
        let right = "MaxResults must be an integer between 1 and 1000";
        let max_count =
            count.ok_or_else(|| Error::parameter("MaxResults", given.to_string(), right))?;
        Ok(Self {
            max: max_count,
            from: token
                .filter(|token| !token.is_empty())
                .map(read)
                .transpose()?,
            has_token: max.is_some(),
        })
    }

    /// The token of the page after one that ends before `next`.
    pub(super) fn token(&self, next: Option<String>) -> Option<String> {
        let next = next.filter(|_| self.has_token)?;
        Some(URL_SAFE_NO_PAD.encode(next))
    }
}

fn read(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::parameter("NextToken", token, "it is not a token that this API gave"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_next_page() {
        let first = Wanted::new(Some(2), None).unwrap();
        assert_eq!((first.max, &first.from), (2, &None));
        let token = first.token(Some("queue-3".into())).unwrap();
        let second = Wanted::new(Some(2), Some(&token)).unwrap();
        assert_eq!(second.from.as_deref(), Some("queue-3"));
        assert_eq!(second.token(None), None);
        assert_eq!(
            Wanted::new(None, None).unwrap().token(Some("x".into())),
            None
        );
    }

    #[test]
    fn numbers_and_tokens_are_checked() {
        for max in [0, -1, 1001] {
            assert!(Wanted::new(Some(max), None).is_err());
        }
        assert!(Wanted::new(None, Some("***")).is_err());
        assert!(Wanted::new(Some(1000), Some("")).is_ok());
    }
}
