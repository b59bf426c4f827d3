//! Secrets by reference: a setting names where a secret is, never the secret itself.
//!
//! # Format
//! A text with references, such as `Bearer ${secret:ADJUST}`, `${env:APPSFLYER_KEY}`, `${file:/etc/key}`.
//! `secret:NAME` looks into the table `[secrets]`, whose values are `env:NAME` or `file:/path`, and where that has none, among
//! the sealed secrets of the data directory.

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

    /// A text that holds these secrets.
    #[must_use]
    pub(super) fn of_parts(text: String, values: Vec<String>) -> Self {
        Self { text, values }
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
    /// Neither in `[secrets]` nor sealed.
    #[error(
        "secret `{name}` is not set: `shukuba secret set {name}` seals it in the data directory, or add `{name} = \"file:/path\"` or `{name} = \"env:NAME\"` to the table [secrets]"
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

    /// The sealed secret `name` of the data directory; `None` where there is none, or no directory.
    ///
    /// # Errors
    /// A detail for the operator when it cannot be opened.
    fn sealed(&self, name: &str) -> Result<Option<String>, String> {
        let _ = name;
        Ok(None)
    }
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
        let value = match reference.strip_prefix("secret:") {
            Some(name) => by_name(name, named, secrets)?.ok_or_else(|| Error::Unknown {
                name: name.to_owned(),
            })?,
            None => read(reference, secrets)?.ok_or_else(form)?,
        };
        out.push_str(&value);
        values.push(value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(SecretText { text: out, values })
}

/// A text and, where it is `${secret:NAME}` and nothing else, what `NAME.previous` holds as long as there is one: two that
/// live side by side while one takes the other's place.
///
/// # Errors
/// As [`expand`].
pub fn live(
    text: &str,
    named: &BTreeMap<String, String>,
    secrets: &dyn Secrets,
) -> Result<Vec<SecretText>, Error> {
    let mut all = vec![expand(text, named, secrets)?];
    let name = text.strip_prefix("${secret:");
    let name = name.and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = name.filter(|name| !name.contains('}')) {
        let previous = by_name(&format!("{name}.previous"), named, secrets)?;
        all.extend(previous.map(|value| SecretText {
            text: value.clone(),
            values: vec![value],
        }));
    }
    Ok(all)
}

/// `None` where no secret has that name.
fn by_name(
    name: &str,
    named: &BTreeMap<String, String>,
    secrets: &dyn Secrets,
) -> Result<Option<String>, Error> {
    let sealed = || secrets.sealed(name).map_err(unreadable("secret", name));
    match named.get(name) {
        Some(place) => match read(place, secrets)? {
            Some(value) => Ok(Some(value)),
            // A table that says no place is refused before, as the table's fault.
            None => Err(Error::Form {
                text: format!("${{secret:{name}}}"),
            }),
        },
        None => sealed(),
    }
}

/// `None` where `place` is none.
fn read(place: &str, secrets: &dyn Secrets) -> Result<Option<String>, Error> {
    let Some((kind, rest)) = place.split_once(':') else {
        return Ok(None);
    };
    let found = match kind {
        "env" => secrets.env(rest),
        "file" => secrets.file(rest),
        _ => return Ok(None),
    };
    found.map(Some).map_err(unreadable(kind, rest))
}

fn unreadable(kind: &str, rest: &str) -> impl FnOnce(String) -> Error {
    let place = format!("{kind}:{rest}");
    move |detail| Error::Unreadable { place, detail }
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
        fn sealed(&self, name: &str) -> Result<Option<String>, String> {
            match name {
                "BROKEN" => Err("it does not open".to_owned()),
                "A" | "S" | "S.previous" => Ok(Some(format!("sealed {name}"))),
                _ => Ok(None),
            }
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
        let error = expand("${secret:BROKEN}", &named, &Fixed).unwrap_err();
        assert!(error.to_string().contains("does not open"), "{error}");
        for text in ["${", "${x}", "${env:NO}", "${vault:a}"] {
            assert!(expand(text, &named, &Fixed).is_err(), "{text}");
        }
    }

    #[test]
    fn the_table_stands_over_what_is_sealed_and_the_value_before_lives_on() {
        let named = BTreeMap::from([("A".to_owned(), "env:KEY".to_owned())]);
        for (text, expected) in [
            ("${secret:A}", &["s3cr3t"][..]),
            ("${secret:S}", &["sealed S", "sealed S.previous"]),
            ("v1 ${secret:S}", &["v1 sealed S"]),
            ("literal", &["literal"]),
        ] {
            let all = live(text, &named, &Fixed).unwrap();
            let all: Vec<&str> = all.iter().map(SecretText::expose).collect();
            assert_eq!(all, expected, "{text}");
        }
    }
}
