//! Whether an answer says that the notification was recorded: the rules of `success` beyond the status.
//!
//! A receiver may answer 200 and record nothing. [`Recorded`] judges the headers and the body of an answer whose status
//! is a success; what it says against it becomes the detail of the class `unrecorded`.
//!
//! INVARIANT: what cannot be judged (no JSON, no UTF-8, an encoding, a body that was cut) is never a success, whatever
//! the rules are, `not` included. Judging takes time linear in the body for each rule, and no memory beyond it.
//! A detail names the rule, never what the receiver sent: that stands in the excerpt, which is masked by name.

mod pointer;
mod rule;

use std::fmt;

use self::rule::{BodyTest, HeaderTest};
use crate::config::SuccessRules;

/// Most rules for headers, and for the body those under `any` included; both chosen.
const HEADERS_MAX: usize = 16;
const BODY_RULES_MAX: usize = 32;

/// The rules of one destination, ready to judge.
#[derive(Clone, Debug)]
pub struct Recorded {
    written: SuccessRules,
    headers: Vec<HeaderTest>,
    body: Vec<BodyTest>,
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (headers, body) = (self.headers.len(), self.body.len());
        write!(f, "{headers} on headers, {body} on the body")
    }
}

impl PartialEq for Recorded {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

/// What is wrong with a rule: its place under `success`, and words for the operator.
pub type Wrong = (String, String);

/// What an answer's body is when there is nothing more to be read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Complete.
    Whole,
    /// Longer than `response_bytes_max`, where it was cut.
    Cut,
    /// Ended by the end of a TLS connection that was not said: it may have been cut by anyone on the way.
    Unsure,
}

impl Recorded {
    /// The rules, ready to judge.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(written: &SuccessRules) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut headers = Vec::new();
        let mut body = Vec::new();
        for (name, rule) in &written.header {
            match HeaderTest::new(name, rule) {
                Ok(test) => headers.push(test),
                Err(detail) => wrong.push((format!("header.{name}"), detail)),
            }
        }
        for (number, rule) in written.body.iter().enumerate() {
            match BodyTest::new(rule) {
                Ok(test) => body.push(test),
                Err((place, detail)) => wrong.push((format!("body[{number}]{place}"), detail)),
            }
        }
        let count: usize = written.body.iter().map(|rule| 1 + rule.any.len()).sum();
        for (key, count, most) in [
            ("header", written.header.len(), HEADERS_MAX),
            ("body", count, BODY_RULES_MAX),
        ] {
            if count > most {
                let detail =
                    format!("has {count} rules, those under `any` included; at most {most}");
                wrong.push((key.to_owned(), detail));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let written = written.clone();
        Ok(Self {
            written,
            headers,
            body,
        })
    }

    /// Whether the body has to be read for it.
    #[must_use]
    pub fn reads_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Bytes that are looked at to judge `body`: each rule looks at all of it.
    #[must_use]
    pub fn work(&self, body: &[u8]) -> usize {
        self.body.len().saturating_mul(body.len())
    }

    /// What the headers say against it. Names are of any case, and one may come several times.
    ///
    /// # Errors
    /// Words for the operator.
    pub fn judge_headers(&self, all: &[(&str, &[u8])]) -> Result<(), String> {
        for test in &self.headers {
            test.judge(all)?;
        }
        let encoding = all
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
            .map(|(_, value)| String::from_utf8_lossy(value))
            .find(|value| !value.trim().eq_ignore_ascii_case("identity"));
        match encoding.filter(|_| self.reads_body()) {
            Some(_) => Err(
                "the answer's body has a Content-Encoding, which was not asked for and is not decoded: no rule on the body can be judged".to_owned(),
            ),
            None => Ok(()),
        }
    }

    /// What the body says against it.
    ///
    /// # Errors
    /// Words for the operator.
    pub fn judge_body(&self, body: &[u8], read: Read) -> Result<(), String> {
        if !self.reads_body() {
            return Ok(());
        }
        match read {
            Read::Whole => {}
            Read::Cut => {
                return Err(
                    "the answer is longer than response_bytes_max and was cut: no rule on the body can be judged"
                        .to_owned(),
                );
            }
            Read::Unsure => {
                return Err(
                    "the answer's length is not said and TLS was cut: no rule on the body can be judged"
                        .to_owned(),
                );
            }
        }
        // A mark of the byte order is no part of a text (RFC 8259, section 8.1).
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        self.body.iter().try_for_each(|test| test.judge(body))
    }
}

#[cfg(test)]
mod tests;
