//! Lines that are JSON objects. Only the wanted fields are looked at; the others are skipped.
//!
//! A body that is an object, an array or a number is sent as the very bytes of the line; a string is sent as
//! the text it stands for. `form` makes a form of an object, its numbers with their own digits.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{self, Found};
use super::{ALL, Error, Field, Names, unparsable};
use crate::config::route::BodyKind;

/// Where each field stands; a `.` steps into an object.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    paths: Vec<(Field, Vec<String>)>,
}

impl Paths {
    pub(super) fn new(names: &Names) -> Self {
        let path = |field: &Field| {
            let steps = names.name(*field).split('.').map(str::to_owned).collect();
            (*field, steps)
        };
        Self {
            paths: ALL.iter().map(path).collect(),
        }
    }
}

pub(super) fn read<'a>(
    line: &Bytes,
    trimmed: &'a [u8],
    paths: &Paths,
    body: BodyKind,
) -> Result<Found<'a>, Error> {
    let text = fields::text(trimmed, "the line")?;
    if text.starts_with('"') {
        let url: String = parse(text)?;
        return Ok(Found {
            url: Some(Cow::Owned(url)),
            ..Found::default()
        });
    }
    let mut found = Found::default();
    collect(text, paths, 0, &[true; ALL.len()], &mut |field, raw| {
        take(&mut found, line, field, raw, body)
    })?;
    Ok(found)
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| unparsable(format!("the line is no JSON: {error}")))
}

/// Hands every wanted field of an object to `take`. `live`: the paths that lead through this object.
fn collect<'a>(
    text: &'a str,
    paths: &Paths,
    depth: usize,
    live: &[bool; ALL.len()],
    take: &mut dyn FnMut(Field, &'a RawValue) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut wanted: Vec<([bool; ALL.len()], &'a RawValue)> = Vec::with_capacity(ALL.len());
    let seed = Object {
        paths,
        depth,
        live,
        wanted: &mut wanted,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| unparsable(format!("the line is no JSON object: {error}")))?;
    for (matching, raw) in wanted {
        let mut deeper = [false; ALL.len()];
        let mut has_deeper = false;
        for ((is_match, (field, steps)), deeper) in
            matching.iter().zip(&paths.paths).zip(&mut deeper)
        {
            if *is_match && steps.len() == depth + 1 {
                take(*field, raw)?;
            } else if *is_match && raw.get().starts_with('{') {
                *deeper = true;
                has_deeper = true;
            }
        }
        if has_deeper {
            collect(raw.get(), paths, depth + 1, &deeper, take)?;
        }
    }
    Ok(())
}

/// Picks the values under the names that some live path has at `depth`.
struct Object<'p, 'w, 'a> {
    paths: &'p Paths,
    depth: usize,
    live: &'p [bool; ALL.len()],
    wanted: &'w mut Vec<([bool; ALL.len()], &'a RawValue)>,
}

impl<'a> DeserializeSeed<'a> for Object<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as `{\"url\":\"https://…\"}`")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let mut matching = [false; ALL.len()];
            let mut has_match = false;
            for ((live, (_, steps)), matching) in
                self.live.iter().zip(&self.paths.paths).zip(&mut matching)
            {
                *matching = *live && steps.get(self.depth).is_some_and(|step| *step == *key);
                has_match |= *matching;
            }
            if has_match {
                self.wanted.push((matching, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of a line that is an object.
pub(super) fn fields(line: &[u8]) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    members(std::str::from_utf8(line).ok()?)
}

/// The members of an object; `None` of anything else.
pub(crate) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    pairs("it", text).ok()
}

/// The text of a JSON string.
pub(crate) fn text_of(raw: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Key<'_>>(raw).ok().map(|key| key.0)
}

fn take<'a>(
    found: &mut Found<'a>,
    line: &Bytes,
    field: Field,
    raw: &'a RawValue,
    body: BodyKind,
) -> Result<(), Error> {
    if raw.get() == "null" {
        return Ok(());
    }
    match field {
        Field::Url => found.url = Some(scalar(raw, "url")?),
        Field::Method => found.method = Some(scalar(raw, "method")?),
        Field::Id => found.id = Some(scalar(raw, "id")?),
        Field::ExpiresAt => found.expires_at = Some(scalar(raw, "expires_at")?),
        Field::Headers if raw.get().starts_with('"') => {
            found.headers = fields::headers_of_text(&parse::<String>(raw.get())?)?;
        }
        Field::Headers => found.headers = headers_of(raw.get())?,
        Field::BodyBase64 => {
            found.set_body(
                fields::base64(scalar(raw, "body_base64")?.as_bytes())?,
                None,
            )?;
        }
        Field::Form => found.set_body(form(raw)?, Some(BodyKind::Form))?,
        Field::Body if raw.get().starts_with('"') => {
            found.set_body(Bytes::from(parse::<String>(raw.get())?), None)?;
        }
        Field::Body if body == BodyKind::Form && raw.get().starts_with('{') => {
            found.set_body(form(raw)?, Some(BodyKind::Form))?;
        }
        Field::Body => {
            found.set_body(line.slice_ref(raw.get().as_bytes()), Some(BodyKind::Json))?;
        }
    }
    Ok(())
}

/// A string's text, or the digits of a number, or a truth value.
fn scalar<'a>(raw: &'a RawValue, what: &str) -> Result<Cow<'a, str>, Error> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => Ok(parse::<Key<'a>>(text)?.0),
        Some(b'{' | b'[') => Err(unparsable(format!("{what} is not a string"))),
        _ => Ok(Cow::Borrowed(text)),
    }
}

/// An object as a form: numbers with their own digits, a list as a repeated name, null as nothing.
fn form(raw: &RawValue) -> Result<Bytes, Error> {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs("form", raw.get())? {
        if value.get().starts_with('[') {
            for item in parse::<Vec<&RawValue>>(value.get())? {
                out.append_pair(&name, &scalar(item, "an item of form")?);
            }
        } else if value.get() != "null" {
            out.append_pair(&name, &scalar(value, "a value of form")?);
        }
    }
    Ok(Bytes::from(out.finish()))
}

/// Headers from an object of name and value, or a list of pairs.
pub(super) fn headers_of(text: &str) -> Result<Vec<(String, String)>, Error> {
    if text.trim_start().starts_with('[') {
        let wrong = |_| unparsable("headers are neither an object nor a list of [name, value]");
        return serde_json::from_str(text).map_err(wrong);
    }
    let mut headers = Vec::new();
    for (name, value) in pairs("headers", text)? {
        if value.get().starts_with('[') {
            for item in parse::<Vec<&RawValue>>(value.get())? {
                headers.push((
                    name.to_string(),
                    scalar(item, "a header's value")?.into_owned(),
                ));
            }
        } else if value.get() != "null" {
            headers.push((
                name.into_owned(),
                scalar(value, "a header's value")?.into_owned(),
            ));
        }
    }
    Ok(headers)
}

/// The names and values of an object, in its order.
fn pairs<'a>(what: &str, text: &'a str) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, Error> {
    struct Pairs;
    impl<'a> Visitor<'a> for Pairs {
        type Value = Vec<(Cow<'a, str>, &'a RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some((Key(name), value)) = map.next_entry::<Key<'a>, &'a RawValue>()? {
                pairs.push((name, value));
            }
            Ok(pairs)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde::Deserializer::deserialize_map(&mut deserializer, Pairs)
        .map_err(|error| unparsable(format!("{what} is not a JSON object: {error}")))
}
