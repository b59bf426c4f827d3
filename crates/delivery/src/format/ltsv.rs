//! Labelled tab-separated values: `label:value<TAB>label:value`.
//!
//! Values are taken as they are, so that a JSON body keeps its backslashes; a body with tabs or newlines travels
//! as `body_base64`. A header is `header.NAME:value`, or all of them in `headers` as a JSON object.
//! Source: ltsv.org.

use std::borrow::Cow;

use bytes::Bytes;

use super::fields::{self, Found};
use super::{Error, Field, Names, unparsable};

pub(super) fn read<'a>(line: &Bytes, whole: &'a [u8], names: &Names) -> Result<Found<'a>, Error> {
    let mut found = Found::default();
    let mut has_labels = false;
    for part in whole.split(|byte| *byte == b'\t') {
        let Some(colon) = part.iter().position(|byte| *byte == b':') else {
            continue;
        };
        has_labels = true;
        let (label, value) = part.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        take(&mut found, line, label, value, names)?;
    }
    if !has_labels {
        return Err(unparsable(
            "the line has no `label:value`, such as `url:https://…`",
        ));
    }
    Ok(found)
}

fn take<'a>(
    found: &mut Found<'a>,
    line: &Bytes,
    label: &[u8],
    value: &'a [u8],
    names: &Names,
) -> Result<(), Error> {
    // Only a body is taken byte for byte.
    let bytes = value;
    let value = value.trim_ascii_end();
    let borrowed = |what: &str| fields::text(value, what).map(|text| Some(Cow::Borrowed(text)));
    match names.field(label) {
        Some(Field::Url) => found.url = borrowed("url")?,
        Some(Field::Method) => found.method = borrowed("method")?,
        Some(Field::Id) => found.id = borrowed("id")?,
        Some(Field::ExpiresAt) => found.expires_at = borrowed("expires_at")?,
        Some(Field::Headers) => {
            found
                .headers
                .extend(fields::headers_of_text(fields::text(value, "headers")?)?);
        }
        Some(Field::Body) => found.set_body(line.slice_ref(bytes), None)?,
        Some(Field::Form) => {
            found.set_body(
                line.slice_ref(bytes),
                Some(crate::config::route::BodyKind::Form),
            )?;
        }
        Some(Field::BodyBase64) => found.set_body(fields::base64(value)?, None)?,
        None => {
            if let Some(name) = label.strip_prefix(b"header.") {
                let name = fields::text(name, "a header")?.to_owned();
                found
                    .headers
                    .push((name, fields::text(value, "a header")?.to_owned()));
            }
        }
    }
    Ok(())
}
