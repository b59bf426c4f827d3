//! From a setting's key to where it stands in the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place in a file, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The place of a byte of `text`.
pub(crate) fn of_byte(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Place { line, column }
}

/// Where `key` stands, such as `destinations."a.example".rate`; its nearest existing parent where the key itself
/// is not written.
pub(crate) fn of_key(text: &str, key: &str) -> Option<Place> {
    let root = DeTable::parse(text).ok()?;
    let mut table: &DeTable<'_> = root.get_ref();
    let mut found = None;
    for part in parts(key) {
        let (part, number) = numbered(&part);
        let Some((name, value)) = table
            .iter()
            .find(|(name, _)| name.get_ref().as_ref() == part)
        else {
            break;
        };
        found = Some(name.span().start);
        let value = match (value.get_ref(), number) {
            (DeValue::Array(all), Some(number)) => match all.get(number) {
                Some(one) => {
                    found = Some(one.span().start);
                    one
                }
                None => break,
            },
            _ => value,
        };
        match Spanned::get_ref(value) {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found.map(|at| of_byte(text, at))
}

/// `body[1]` is the second of a list, `body` without a number.
fn numbered(part: &str) -> (&str, Option<usize>) {
    let split = part
        .strip_suffix(']')
        .and_then(|part| part.rsplit_once('['));
    match split.and_then(|(name, number)| Some((name, number.parse().ok()?))) {
        Some((name, number)) => (name, Some(number)),
        None => (part, None),
    }
}

/// The keys down to the value that spans the byte `at`.
pub(crate) fn path_of(root: &DeTable<'_>, at: usize) -> Vec<String> {
    let mut table = root;
    let mut path = Vec::new();
    // The span of a table of its own is its head, not what stands under it: every table is looked into.
    'down: loop {
        for (name, value) in table.iter() {
            let spans = name.span().contains(&at) || value.span().contains(&at);
            let inner = match value.get_ref() {
                DeValue::Table(inner) => Some(inner),
                _ => None,
            };
            let below = inner.is_some_and(|inner| !path_of(inner, at).is_empty());
            if !spans && !below {
                continue;
            }
            path.push(name.get_ref().to_string());
            match inner {
                Some(inner) if below => table = inner,
                _ => break 'down,
            }
            continue 'down;
        }
        break;
    }
    path
}

/// Takes the value at `path` out.
pub(crate) fn remove(table: &mut DeTable<'_>, path: &[String]) {
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
pub(crate) fn dotted(path: &[String]) -> String {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
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
            _ => {
                if let Some(last) = parts.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_stands() {
        let text = "[routes.s2s]\nqueue = \"s2s\"\n\n[destinations.\"*.a.example\"]\n  rate = \"5/s\"\nretry = { server = [1] }\n[[destinations.b.body]]\nis = 1\n[[destinations.b.body]]\nany = [{ is = 1 },\n { is = 2 }]\n";
        for (key, line, column) in [
            ("routes.s2s.queue", 2, 1),
            ("destinations.\"*.a.example\".rate", 5, 3),
            ("destinations.\"*.a.example\".retry.server", 6, 11),
            ("routes.s2s.retry_for", 1, 9),
            ("destinations.b.body[0].is", 8, 1),
            ("destinations.b.body[1].any[1].is", 11, 4),
            ("destinations.b.body[1].any[2]", 10, 1),
        ] {
            assert_eq!(of_key(text, key), Some(Place { line, column }), "{key}");
        }
        assert_eq!(of_key(text, "scaler.interval"), None);
    }
}
