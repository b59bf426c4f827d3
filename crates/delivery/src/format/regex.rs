//! Lines matched by a regular expression with named groups (`(?P<url>…)`).

use std::borrow::Cow;

use bytes::Bytes;
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::fields::{self, Found};
use super::{ALL, Error, Field, Names, unparsable};

/// The longest expression and the most memory of its automaton; both chosen.
const PATTERN_BYTES_MAX: usize = 4 << 10;
const COMPILED_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    groups: Vec<(Field, usize)>,
}

impl Pattern {
    pub(super) fn new(pattern: &str, names: &Names, is_made: bool) -> Result<Self, String> {
        if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
            return Err("pattern is not 1 to 4096 bytes long".to_owned());
        }
        let regex = RegexBuilder::new(pattern)
            .size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| format!("pattern is no regular expression: {error}"))?;
        let index = |field: &Field| {
            let name = names.name(*field);
            let at = regex
                .capture_names()
                .position(|group| group == Some(name))?;
            Some((*field, at))
        };
        let groups: Vec<_> = ALL.iter().filter_map(index).collect();
        // Where the request is made of other groups, the URL is too.
        if !is_made && !groups.iter().any(|(field, _)| *field == Field::Url) {
            let name = names.name(Field::Url);
            return Err(format!(
                "pattern has no group `{name}`, such as `(?P<{name}>https?://\\S+)`"
            ));
        }
        Ok(Self { regex, groups })
    }

    pub(super) fn read<'a>(&self, line: &Bytes, whole: &'a [u8]) -> Result<Found<'a>, Error> {
        let captures = self
            .captures(whole)
            .ok_or_else(|| unparsable("the line does not match the route's pattern"))?;
        let mut found = Found::default();
        for (field, group) in &self.groups {
            let Some(group) = captures.get(*group) else {
                continue;
            };
            take(&mut found, line, *field, group.as_bytes())?;
        }
        Ok(found)
    }

    pub(super) fn captures<'a>(&self, whole: &'a [u8]) -> Option<Captures<'a>> {
        // A pattern that ends in `\S+$` means the line without white space after it.
        let found = self.regex.captures(whole);
        found.or_else(|| self.regex.captures(whole.trim_ascii_end()))
    }
}

/// The names of the groups of an expression; none of one that is no expression.
pub(crate) fn group_names(pattern: &str) -> Vec<String> {
    let regex = RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .build();
    let names = regex.iter().flat_map(Regex::capture_names).flatten();
    names.map(str::to_owned).collect()
}

fn take<'a>(
    found: &mut Found<'a>,
    line: &Bytes,
    field: Field,
    value: &'a [u8],
) -> Result<(), Error> {
    // Only a body is taken byte for byte.
    let bytes = value;
    let value = value.trim_ascii_end();
    let borrowed = |what: &str| fields::text(value, what).map(|text| Some(Cow::Borrowed(text)));
    match field {
        Field::Url => found.url = borrowed("url")?,
        Field::Method => found.method = borrowed("method")?,
        Field::Id => found.id = borrowed("id")?,
        Field::ExpiresAt => found.expires_at = borrowed("expires_at")?,
        Field::Headers => found.headers = fields::headers_of_text(fields::text(value, "headers")?)?,
        Field::Body => found.set_body(line.slice_ref(bytes), None)?,
        Field::Form => {
            found.set_body(
                line.slice_ref(bytes),
                Some(crate::config::route::BodyKind::Form),
            )?;
        }
        Field::BodyBase64 => found.set_body(fields::base64(value)?, None)?,
    }
    Ok(())
}
