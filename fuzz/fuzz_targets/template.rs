//! Any template in each place, filled in with any value: text, an error with its place, never a panic.
#![no_main]

use std::borrow::Cow;

use delivery::config::secret;
use delivery::template::{Lookup, Name, Place, Scope, Template, Value};
use libfuzzer_sys::fuzz_target;

/// The same value for every name.
struct Same<'a>(&'a [u8]);

impl Lookup for Same<'_> {
    fn value(&self, _: &Name) -> Option<Value<'_>> {
        match std::str::from_utf8(self.0) {
            Ok(text) if is_number(text) => Some(Value::Json(Cow::Borrowed(text))),
            _ => Some(Value::bytes(self.0)),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn reveal(reference: &str) -> Result<String, secret::Error> {
    Ok(reference.to_owned())
}

fuzz_target!(|input: (&str, &[u8])| {
    let (text, value) = input;
    for place in [
        Place::Url,
        Place::Query,
        Place::Header,
        Place::Json,
        Place::Form,
        Place::Raw,
    ] {
        let Ok(template) = Template::parse(text, place, Scope::Request, &reveal) else {
            continue;
        };
        let Ok(rendered) = template.render(&Same(value)) else {
            continue;
        };
        if place == Place::Header {
            let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
            assert!(!rendered.iter().any(is_control), "{text:?}");
        }
    }
});
