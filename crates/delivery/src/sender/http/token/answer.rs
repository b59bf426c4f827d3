//! The answer of a token server, from bytes that may be hostile.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{FAILED_FOR, LIFE, LIFE_MAX, MARGIN, TOKEN_BYTES_MAX};

/// `: CODE` of an error answer (RFC 6749, section 5.2), where it is one; nothing else of the answer is told.
pub(super) fn error_in(answer: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let is_code = |text: &String| {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        text.len() <= 64 && text.bytes().all(is_letter)
    };
    let found = serde_json::from_slice(answer).map(|refusal: Refusal| refusal.error);
    let found = found.ok().filter(is_code);
    found.map_or_else(String::new, |code| format!(": {code}"))
}

/// A token as it was granted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) text: Arc<str>,
    pub(super) kept: Duration,
}

impl Granted {
    /// Reads an answer (RFC 6749, section 5.1).
    pub(super) fn read(answer: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: String,
            token_type: Option<String>,
            expires_in: Option<serde_json::Value>,
        }
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|_| "its answer is not JSON with an `access_token`".to_owned())?;
        let token = answer.access_token;
        let is_sendable = token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !is_sendable {
            return Err(format!(
                "its `access_token` is not 1 to {TOKEN_BYTES_MAX} visible characters"
            ));
        }
        let kind = answer.token_type.as_deref().unwrap_or("bearer");
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err("its `token_type` is not `bearer`".to_owned());
        }
        Ok(Self {
            text: token.into(),
            kept: kept(answer.expires_in.as_ref()),
        })
    }
}

/// How long a token is used of which is said that it `expires` in so many seconds: a number, or one in quotes.
fn kept(expires: Option<&serde_json::Value>) -> Duration {
    let secs = match expires {
        Some(serde_json::Value::String(text)) => text.trim().parse::<f64>().ok(),
        Some(value) => value.as_f64(),
        None => None,
    };
    let life = secs.map_or(LIFE, |secs| {
        let secs = secs.clamp(0.0, LIFE_MAX.as_secs_f64());
        Duration::try_from_secs_f64(secs).unwrap_or(LIFE)
    });
    let kept = life.saturating_sub(MARGIN.min(life / 10));
    // One that is over at once is used for what waits for it.
    kept.max(FAILED_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_the_standard_are_read() {
        // RFC 6749, sections 5.1 and 5.2.
        let example = br#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example","expires_in":3600}"#;
        assert!(Granted::read(example).unwrap_err().contains("token_type"));
        let bearer = String::from_utf8_lossy(example).replace("example\"", "Bearer\"");
        let granted = Granted::read(bearer.as_bytes()).unwrap();
        assert_eq!(&*granted.text, "2YotnFZFEjr1zCsicMWpAA");
        assert_eq!(granted.kept, Duration::from_secs(3540));
        assert_eq!(
            error_in(br#"{"error":"invalid_client"}"#),
            ": invalid_client"
        );
        for other in [
            "",
            "{}",
            "{\"error\":\"<secret>\"}",
            "{\"error\":5}",
            "null",
        ] {
            assert_eq!(error_in(other.as_bytes()), "", "{other}");
        }
    }

    #[test]
    fn a_token_is_kept_for_less_than_it_lives() {
        for (expires, secs) in [
            ("null", 270.0),
            ("0", 1.0),
            ("-5", 1.0),
            ("5", 4.5),
            ("\"60\"", 54.0),
            ("3599.5", 3539.5),
            ("1e300", 86_340.0),
            ("\"soon\"", 270.0),
        ] {
            let answer = format!("{{\"access_token\":\"t\",\"expires_in\":{expires}}}");
            let granted = Granted::read(answer.as_bytes()).unwrap();
            assert_eq!(granted.kept, Duration::from_secs_f64(secs), "{expires}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_shown() {
        let long = "t".repeat(TOKEN_BYTES_MAX + 1);
        for token in [
            "",
            "SECRET\\r\\nx: y",
            "SECRET b",
            "\\u00e9SECRET",
            long.as_str(),
        ] {
            let answer = format!("{{\"access_token\":\"{token}\"}}");
            let refused = Granted::read(answer.as_bytes()).unwrap_err();
            assert!(
                refused.contains("visible") && !refused.contains("SECRET"),
                "{refused}"
            );
        }
        for answer in ["", "[]", "{\"access_token\":5}", "access_token=SECRET"] {
            let refused = Granted::read(answer.as_bytes()).unwrap_err();
            assert!(refused.contains("not JSON"), "{refused}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_a_sendable_token_or_an_error(answer: Vec<u8>, token: String, expires: f64) {
            let _ = Granted::read(&answer);
            let answer = serde_json::json!({ "access_token": token, "expires_in": expires });
            if let Ok(granted) = Granted::read(answer.to_string().as_bytes()) {
                let is_header = crate::format::check_static_header("authorization", &granted.text);
                proptest::prop_assert!(is_header.is_ok() && granted.kept <= LIFE_MAX);
            }
        }
    }
}
