//! Texts of policies: whether one may be kept.

use serde_json::{Map, Value};

use super::Error;

/// The most bytes of a text that is read at all, as the API has it (`PolicyDocument`, 131,072).
pub const DOCUMENT_BYTES_MAX: usize = 131_072;

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To say what somebody may do.
    Identity,
    /// To say who may assume a role.
    Trust,
}

/// The characters that count: all but white space.
///
/// Source: IAM User Guide, quotas: "IAM does not count white space when calculating the size of a policy".
#[must_use]
pub fn chars(text: &str) -> usize {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

/// Refuses a text that is no policy for `purpose`.
///
/// # Errors
/// [`Error::Malformed`] with what is wrong.
pub fn check(text: &str, purpose: Purpose) -> Result<(), Error> {
    let malformed = |what: &str| Error::Malformed {
        what: what.to_owned(),
    };
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(malformed("it has more than 131,072 bytes"));
    }
    let document: Value =
        serde_json::from_str(text).map_err(|error| malformed(&error.to_string()))?;
    let statements = match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err(malformed("`Statement` is an object or a list of them")),
    };
    for statement in statements {
        let statement = statement
            .as_object()
            .ok_or_else(|| malformed("a statement is an object"))?;
        check_statement(statement, purpose).map_err(malformed)?;
    }
    Ok(())
}

fn check_statement(statement: &Map<String, Value>, purpose: Purpose) -> Result<(), &'static str> {
    let has_one = |a: &str, b: &str| statement.contains_key(a) != statement.contains_key(b);
    let effect = statement.get("Effect").and_then(Value::as_str);
    if !matches!(effect, Some("Allow" | "Deny")) {
        return Err("`Effect` is `Allow` or `Deny`");
    }
    if !has_one("Action", "NotAction") {
        return Err("a statement has one of `Action` and `NotAction`");
    }
    match purpose {
        Purpose::Identity if !has_one("Resource", "NotResource") => {
            Err("a statement has one of `Resource` and `NotResource`")
        }
        Purpose::Identity
            if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") =>
        {
            Err("a policy of a user, group or role names no principal")
        }
        Purpose::Trust if !has_one("Principal", "NotPrincipal") => {
            Err("a statement has one of `Principal` and `NotPrincipal`")
        }
        Purpose::Trust
            if statement.contains_key("Resource") || statement.contains_key("NotResource") =>
        {
            Err("a trust policy names no resource")
        }
        _ => Ok(()),
    }
}
