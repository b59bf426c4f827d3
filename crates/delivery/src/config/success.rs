//! `success` of a destination: a list of statuses, or a table with rules on the answer's headers and body.
//!
//! What the rules mean is in [`crate::recorded`]; here is how they are written, and what is refused.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::destination::key_of;
use super::value::Statuses;
use super::{Invalid, Problems, unmet};
use crate::recorded::Recorded;

/// Which answers mean that the receiver recorded the notification.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Success {
    /// The status says it all.
    Statuses(Vec<Statuses>),
    /// The status, and what else the answer must say.
    Rules(SuccessRules),
}

/// `[destinations."host".success]`: what an answer must say besides its status. All rules must hold; an answer of a
/// right status that breaks one, or of which one cannot be judged, is of the class `unrecorded`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SuccessRules {
    /// Statuses that may mean success, outside 3xx. Default `["200-299"]`.
    pub status: Option<Vec<Statuses>>,
    /// Headers that the answer must have, by name: an expression that one of that name matches, or `{ matches = "…" }`,
    /// `{ exists = true }` or `{ exists = false }`, each with `not = true` for the contrary. At most 16; default none.
    pub header: BTreeMap<String, HeaderRule>,
    /// Rules that the answer's body must keep: see below. At most 32; default none.
    pub body: Vec<BodyRule>,
}

/// Statuses, and rules beyond them.
type Resolved = (Vec<Statuses>, Option<Arc<Recorded>>);

/// A rule for the header of one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum HeaderRule {
    /// An expression that it matches.
    Matches(String),
    /// One of several tests.
    Test(HeaderTest),
}

/// A rule for a header, in full.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderTest {
    /// A regular expression that one header of that name matches.
    pub matches: Option<String>,
    /// Whether there is such a header.
    pub exists: Option<bool>,
    /// Turns the rule round.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

/// `[[destinations."host".success.body]]`: a rule has one of `is`, `matches`, `exists`, `null` and `any`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BodyRule {
    /// Where in the JSON body the value stands, as a JSON pointer (RFC 6901): `/status`, `/errors/0/code`, or `""` for
    /// the whole document. Default none: the rule is on the body's text.
    pub pointer: Option<String>,
    /// The value itself, or a list of values of which it is one: texts, numbers, `true`, `false`, compared as JSON
    /// values (`0` is not `"0"`). Needs `pointer`.
    pub is: Option<Value>,
    /// A regular expression that matches the value or the body, at most 4KiB; a text without its quotes, any other value
    /// as it stands in the answer.
    pub matches: Option<String>,
    /// Whether there is a value; `null` is one. Needs `pointer`.
    pub exists: Option<bool>,
    /// Whether the value is `null`. Needs `pointer`.
    pub null: Option<bool>,
    /// Turns the rule round: `true` for the contrary. Default `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
    /// Rules of which one must hold; they have no `any` themselves. Default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<BodyRule>,
}

impl Success {
    /// The statuses, where any are written.
    #[must_use]
    pub fn statuses(&self) -> Option<&[Statuses]> {
        match self {
            Self::Statuses(statuses) => Some(statuses),
            Self::Rules(rules) => rules.status.as_deref(),
        }
    }

    /// The rules beyond the status.
    #[must_use]
    pub fn rules(&self) -> Option<&SuccessRules> {
        match self {
            Self::Statuses(_) => None,
            Self::Rules(rules) => {
                Some(rules).filter(|rules| !rules.header.is_empty() || !rules.body.is_empty())
            }
        }
    }

    /// The statuses and the rules beyond them, with nothing left open.
    pub(super) fn resolve(&self, name: &str) -> Result<Resolved, Invalid> {
        let built_in = || vec![Statuses::range(200, 299)];
        let statuses = self.statuses().map_or_else(built_in, <[Statuses]>::to_vec);
        let recorded = self.rules().map(Recorded::new).transpose();
        let recorded = recorded.map_err(|wrong| {
            let (place, detail) = wrong.into_iter().next().unwrap_or_default();
            Invalid::new(&key_of(name, &format!("success.{place}")), detail)
        })?;
        Ok((statuses, recorded.map(Arc::new)))
    }

    /// Adds what is wrong with them to `problems`: statuses that an answer can have and that may be a success, and rules
    /// that can be judged.
    pub(super) fn check(&self, name: &str, problems: &mut Problems) {
        let key = match self {
            Self::Statuses(_) => key_of(name, "success"),
            Self::Rules(_) => key_of(name, "success.status"),
        };
        let statuses = self.statuses();
        if statuses.is_some_and(|all| all.iter().any(|range| range.has_redirects())) {
            problems.push(&key, "holds 3xx, which is never a success: redirects are not followed; give other statuses, such as `[\"200-299\"]`");
        }
        if let Some(range) = statuses.and_then(unmet::of_no_answer) {
            problems.push(
                &key,
                format!("`{range}` is of no answer: 1xx only says that one will come; give 2xx, 4xx or 5xx"),
            );
        }
        if statuses.is_some_and(<[Statuses]>::is_empty) {
            problems.push(
                &key,
                "is empty; give at least one status, such as `[\"200-299\"]`",
            );
        }
        let wrong = self.rules().map(Recorded::new).and_then(Result::err);
        for (place, detail) in wrong.into_iter().flatten() {
            problems.push(&key_of(name, &format!("success.{place}")), detail);
        }
    }
}

impl<'de> Deserialize<'de> for Success {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Success;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of statuses such as `[\"200-299\"]`, or a table with `status`, `header` and `body`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Success, A::Error> {
                let mut all = Vec::new();
                while let Some(statuses) = seq.next_element()? {
                    all.push(statuses);
                }
                Ok(Success::Statuses(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Success, A::Error> {
                SuccessRules::deserialize(MapAccessDeserializer::new(map)).map(Success::Rules)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for HeaderRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = HeaderRule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an expression such as `\"^ok$\"`, or a table with `matches` or `exists`",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HeaderRule, E> {
                Ok(HeaderRule::Matches(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HeaderRule, A::Error> {
                HeaderTest::deserialize(MapAccessDeserializer::new(map)).map(HeaderRule::Test)
            }
        }
        deserializer.deserialize_any(Either)
    }
}
