//! Secrets by reference: a setting names where a secret is, never the secret itself.
//!
//! # Format
//! A text with references, such as `Bearer ${secret:ADJUST}`, `${env:APPSFLYER_KEY}`, `${file:/etc/key}`.
//! `secret:NAME` looks into the table `[secrets]`, whose values are `env:NAME` or `file:/path`.

use std::collections::BTreeMap;
use std::fmt;

/// A text that may hold a secret: it shows itself only to [`SecretText::expose`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText {
    text: String,
    /// What references gave.
    values: Vec<String>,
}

impl SecretText {
    /// A secret text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self {
            text,
            values: Vec::new(),
        }
    }

    /// The text itself, for the wire alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The secrets in it, each by itself, so that they can be hidden where a receiver sends them back.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a reference gives no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `${` without an end or without a known kind.
    #[error(
        "`{text}` holds no reference of the form `${{secret:NAME}}`, `${{env:NAME}}` or `${{file:/path}}`"
    )]
    Form {
        /// The text as written in the settings; a reference is no secret.
        text: String,
    },
    /// No such name in `[secrets]`.
    #[error(
        "secret `{name}` is not in the table [secrets]; add `{name} = \"file:/path\"` or `{name} = \"env:NAME\"`"
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// The place cannot be read.
    #[error("secret at `{place}` cannot be read: {detail}")]
    Unreadable {
        /// Such as `env:KEY`.
        place: String,
        /// What was seen.
        detail: String,
    },
}

/// Where secrets are read from.
pub trait Secrets {
    /// The environment variable `name`.
    ///
    /// # Errors
    /// A detail for the operator when there is none.
    fn env(&self, name: &str) -> Result<String, String>;

    /// The content of a file, without line ends at its end.
    ///
    /// # Errors
    /// A detail for the operator when it cannot be read.
    fn file(&self, path: &str) -> Result<String, String>;
}

/// The environment and files of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSecrets;

impl Secrets for SystemSecrets {
    fn env(&self, name: &str) -> Result<String, String> {
        std::env::var(name).map_err(|_| "the environment variable is not set".to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| error.to_string())
    }
}

/// Replaces every reference in `text`.
///
/// # Errors
/// [`Error`] for the first reference that gives no secret.
pub fn expand(
    text: &str,
    named: &BTreeMap<String, String>,
    secrets: &dyn Secrets,
) -> Result<SecretText, Error> {
    let form = || Error::Form {
        text: text.to_owned(),
    };
    let mut out = String::with_capacity(text.len());
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (reference, tail) = after.split_once('}').ok_or_else(form)?;
        out.push_str(before);
        let place = match reference.strip_prefix("secret:") {
            Some(name) => named.get(name).map(String::as_str).ok_or(Error::Unknown {
                name: name.to_owned(),
            })?,
            None => reference,
        };
        let value = read(place, secrets).map_err(|error| error.unwrap_or_else(form))?;
        out.push_str(&value);
        values.push(value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(SecretText { text: out, values })
}

fn read(place: &str, secrets: &dyn Secrets) -> Result<String, Option<Error>> {
    let found = match place.split_once(':') {
        Some(("env", name)) => secrets.env(name),
        Some(("file", path)) => secrets.file(path),
        _ => return Err(None),
    };
    found.map_err(|detail| {
        Some(Error::Unreadable {
            place: place.to_owned(),
            detail,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Secrets for Fixed {
        fn env(&self, name: &str) -> Result<String, String> {
            (name == "KEY")
                .then(|| "s3cr3t".to_owned())
                .ok_or_else(|| "not set".to_owned())
        }
        fn file(&self, path: &str) -> Result<String, String> {
            Ok(format!("of {path}"))
        }
    }

    #[test]
    fn references_are_replaced_and_never_shown() {
        let named = BTreeMap::from([("A".to_owned(), "env:KEY".to_owned())]);
        let text = expand("Bearer ${secret:A}; ${file:/k}!", &named, &Fixed).unwrap();
        assert_eq!(text.expose(), "Bearer s3cr3t; of /k!");
        assert_eq!(format!("{text:?}"), "***");
        let values: Vec<&str> = text.values().collect();
        assert_eq!(values, ["s3cr3t", "of /k"]);
    }

    #[test]
    fn a_reference_that_gives_nothing_says_what_to_add() {
        let named = BTreeMap::new();
        let error = expand("${secret:B}", &named, &Fixed).unwrap_err();
        assert!(error.to_string().contains("B = \"file:/path\""), "{error}");
        for text in ["${", "${x}", "${env:NO}", "${vault:a}"] {
            assert!(expand(text, &named, &Fixed).is_err(), "{text}");
        }
    }
}
