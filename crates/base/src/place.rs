//! From a setting's key to where it stands in its file, and from what is wrong with a file to the key.
//!
//! A key is dotted, with quotes around parts that are not plain and numbers, from 0, of a list's items:
//! `destinations."a.example".body[1].is`.

use toml::de::{DeTable, DeValue};

use crate::nearest;

/// A place in a file, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// The place of a byte of `text`.
#[must_use]
pub fn of_byte(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Place { line, column }
}

/// The byte where `key` stands; its nearest parent that is written where the key itself is not.
#[must_use]
pub fn of_key(root: &DeTable<'_>, key: &str) -> Option<usize> {
    let mut table = root;
    let mut found = None;
    for part in parts(key) {
        let written = |part: &str| {
            table
                .iter()
                .find(|(name, _)| name.get_ref().as_ref() == part)
        };
        // A name may have brackets of its own.
        let (entry, number) = match (written(&part), numbered(&part)) {
            (None, Some((name, number))) => (written(name), Some(number)),
            (entry, _) => (entry, None),
        };
        let Some((name, mut value)) = entry else {
            break;
        };
        found = Some(name.span().start);
        if let (DeValue::Array(all), Some(number)) = (value.get_ref(), number) {
            let Some(one) = all.get(number) else {
                break;
            };
            found = Some(one.span().start);
            value = one;
        }
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

/// `body[1]` is the second of a list.
fn numbered(part: &str) -> Option<(&str, usize)> {
    let (name, number) = part.strip_suffix(']')?.rsplit_once('[')?;
    Some((name, number.parse().ok()?))
}

/// The keys down to the value that spans the byte `at`.
#[must_use]
pub fn path_of(root: &DeTable<'_>, at: usize) -> Vec<String> {
    for (name, value) in root.iter() {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => path_of(inner, at),
            _ => Vec::new(),
        };
        // The span of a table of its own is its head, not what stands under it.
        if !inner.is_empty() || name.span().contains(&at) || value.span().contains(&at) {
            let mut path = vec![name.get_ref().to_string()];
            path.extend(inner);
            return path;
        }
    }
    Vec::new()
}

/// Takes the value at `path` out.
pub fn remove(table: &mut DeTable<'_>, path: &[String]) {
    match path {
        [] => {}
        [last] => {
            table.remove(last.as_str());
        }
        [first, rest @ ..] => {
            for (name, value) in table.iter_mut() {
                if name.get_ref() == first.as_str()
                    && let DeValue::Table(inner) = value.get_mut()
                {
                    remove(inner, rest);
                }
            }
        }
    }
}

/// A key as it is written: parts that are not plain are quoted.
#[must_use]
pub fn dotted(path: &[String]) -> String {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(is_letter);
    let parts = path.iter().map(|part| match is_plain(part) {
        true => part.clone(),
        false => format!("\"{part}\""),
    });
    parts.collect::<Vec<_>>().join(".")
}

/// The parts of a dotted key; quoted parts may hold dots.
fn parts(key: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for letter in key.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            _ => parts
                .last_mut()
                .into_iter()
                .for_each(|last| last.push(letter)),
        }
    }
    parts
}

/// A value that does not fit, in a file that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The byte where it stands, where that is known.
    pub at: Option<usize>,
    /// The keys down to it; none where it is no single value.
    pub path: Vec<String>,
    /// What is wrong, with the key: ``server.region: …``, or ``unknown key `reigon`; did you mean `region`?``.
    pub detail: String,
}

impl Unfit {
    /// What `error` says of `root`, from which a structure was read.
    #[must_use]
    pub fn new(root: &DeTable<'_>, error: &toml::de::Error) -> Self {
        let at = error.span().map(|span| span.start);
        let path = at.map(|at| path_of(root, at)).unwrap_or_default();
        let detail = match unknown_key(error.message()) {
            Some(detail) => detail,
            None if path.is_empty() => error.message().to_owned(),
            None => format!("{}: {}", dotted(&path), error.message()),
        };
        Self { at, path, detail }
    }
}

/// Puts the nearest known name into serde's ``unknown field `x`, expected one of `a`, `b` ``; `None` where it is not that.
fn unknown_key(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `")?;
    let mut names = rest.split('`');
    let unknown = names.next().unwrap_or_default();
    let known: Vec<&str> = names.skip(1).step_by(2).collect();
    let hint = match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; known here: {}", known.join(", ")),
    };
    Some(format!("unknown key `{unknown}`{hint}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const TEXT: &str = "[routes.s2s]\nqueue = \"s2s\"\n\n[destinations.\"*.a.example\"]\n  rate = \"5/s\"\nretry = { server = [1] }\n[[destinations.b.body]]\nis = 1\n[[destinations.b.body]]\nany = [{ is = 1 },\n { is = 2 }]\n\"c[0]\" = 1\n";

    #[test]
    fn a_key_is_found_where_it_stands() {
        let root = DeTable::parse(TEXT).unwrap();
        let place = |key: &str| of_key(root.get_ref(), key).map(|at| of_byte(TEXT, at));
        for (key, line, column) in [
            ("routes.s2s.queue", 2, 1),
            ("destinations.\"*.a.example\".rate", 5, 3),
            ("destinations.\"*.a.example\".retry.server", 6, 11),
            ("routes.s2s.retry_for", 1, 9),
            ("destinations.b.body[0].is", 8, 1),
            ("destinations.b.body[1].any[1].is", 11, 4),
            ("destinations.b.body[1].any[2]", 10, 1),
            ("destinations.b.body[1].\"c[0]\"", 12, 1),
        ] {
            assert_eq!(place(key), Some(Place { line, column }), "{key}");
        }
        assert_eq!(place("scaler.interval"), None);
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read alone")]
    struct Settings {
        server: Option<Server>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read alone")]
    struct Server {
        region: Option<String>,
    }

    #[test]
    fn what_does_not_fit_is_named_and_can_be_taken_out() {
        for (text, at, detail) in [
            (
                "[server]\nreigon = 1\n",
                9,
                "unknown key `reigon`; did you mean `region`?",
            ),
            (
                "[server]\nzone = 1\n",
                9,
                "unknown key `zone`; known here: region",
            ),
            (
                "[server]\nregion = 1\n",
                18,
                "server.region: invalid type: integer `1`, expected a string",
            ),
        ] {
            let mut root = DeTable::parse(text).unwrap();
            let error = Settings::deserialize(toml::Deserializer::from(root.clone())).unwrap_err();
            let unfit = Unfit::new(root.get_ref(), &error);
            assert_eq!((unfit.at, &*unfit.detail), (Some(at), detail));
            remove(root.get_mut(), &unfit.path);
            assert!(
                Settings::deserialize(toml::Deserializer::from(root)).is_ok(),
                "{text}"
            );
        }
    }
}
