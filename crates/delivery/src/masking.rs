//! Hides the values of named query parameters and body fields before they are stored.
//!
//! Identifiers of people and devices are personal data, and tokens are secrets: both stand in the URLs and answers
//! of measurement tools. Results keep the names and hide the values as `***`. Names are compared without case, `-` and
//! `_`, and by their last part (`user[email]`, `device.idfa`).
//!
//! INVARIANT: a masked text never holds the value of a masked name that stands in a query, a form, or JSON, nor in one
//! that a value of these holds encoded (`cb=https%3A%2F%2Fx%2F%3Fidfa%3D7`, `"esc":"{\"idfa\":7}"`): then the whole value is
//! hidden. What a sender puts into the path of a URL cannot be told from a path and is kept.

use std::borrow::Cow;
use std::collections::HashSet;

use percent_encoding::percent_decode;

/// What stands in the place of a hidden value.
pub const MASK: &str = "***";

/// Names hidden by default: identifiers of devices and people, and secrets. Chosen from the macros of AppsFlyer, Adjust,
/// Singular, Branch and Kochava (public lists, 2026). `docs/operating.md` has them for the operator.
pub const DEFAULT_NAMES: &[&str] = &[
    "aaid",
    "access_key",
    "access_token",
    "adid",
    "adjust_device_id",
    "advertiser_id",
    "advertising_id",
    "android_id",
    "api_key",
    "apikey",
    "appsflyer_id",
    "auth",
    "authentication",
    "authorization",
    "birthday",
    "client_ip",
    "client_secret",
    "credit_card",
    "customer_user_id",
    "cuid",
    "dev_key",
    "device_id",
    "device_ip",
    "email",
    "email_address",
    "event_ip",
    "external_id",
    "fire_adid",
    "first_name",
    "full_name",
    "gaid",
    "google_aid",
    "gps_adid",
    "idfa",
    "idfv",
    "imei",
    "ip",
    "ip_address",
    "ipv4",
    "ipv6",
    "kindle_id",
    "last_name",
    "lat",
    "latitude",
    "lon",
    "longitude",
    "mac",
    "mac_address",
    "mail",
    "meid",
    "mobile",
    "msisdn",
    "oaid",
    "password",
    "phone",
    "phone_number",
    "remote_ip",
    "secret",
    "serial",
    "session_token",
    "sig",
    "signature",
    "ssn",
    "tel",
    "token",
    "udid",
    "user_email",
    "user_id",
    "user_ip",
    "user_name",
    "username",
    "waid",
    "win_adid",
];

/// The longest name that is compared; longer ones are never masked names.
const NAME_LEN_MAX: usize = 64;

/// How often encoded values are looked into; what is encoded more often is hidden unseen (chosen).
const DEPTH_MAX: u32 = 3;

/// The set of names to hide. Cheap to share, fixed for its life.
#[derive(Clone, Debug)]
pub struct Masking {
    names: HashSet<Box<[u8]>, foldhash::fast::FixedState>,
    /// For each first byte (by its low 5 bits) which lengths occur: most names are refused by this alone.
    lengths: [u64; 32],
}

impl Default for Masking {
    fn default() -> Self {
        Self::of(DEFAULT_NAMES.iter().copied())
    }
}

impl Masking {
    /// Hides exactly these names.
    #[must_use]
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names
            .into_iter()
            .map(|name| folded(name.as_bytes()).into_boxed_slice())
            .filter(|name| !name.is_empty())
            .collect();
        Self::over(names)
    }

    /// Hides the default names and `more`, but none of `except`.
    #[must_use]
    pub fn with<'a>(
        more: impl IntoIterator<Item = &'a str>,
        except: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut masking = Self::of(DEFAULT_NAMES.iter().copied().chain(more));
        for name in except {
            masking.names.remove(folded(name.as_bytes()).as_slice());
        }
        Self::over(masking.names)
    }

    fn over(names: HashSet<Box<[u8]>, foldhash::fast::FixedState>) -> Self {
        let mut lengths = [0; 32];
        for name in &names {
            if let Some(place) = name
                .first()
                .and_then(|first| lengths.get_mut(usize::from(first & 31)))
            {
                *place |= length_bit(name.len());
            }
        }
        Self { names, lengths }
    }

    fn may_hide(&self, folded: &[u8]) -> bool {
        let first = folded.first().copied().unwrap_or_default();
        let lengths = self
            .lengths
            .get(usize::from(first & 31))
            .copied()
            .unwrap_or_default();
        lengths & length_bit(folded.len()) != 0
    }

    /// Hides nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::of([])
    }

    /// Whether values of `name` are hidden.
    #[must_use]
    pub fn hides(&self, name: &[u8]) -> bool {
        if self.names.is_empty() {
            return false;
        }
        if name.contains(&b'%') {
            let decoded: Cow<'_, [u8]> = percent_decode(name).into();
            // `a=b%26idfa=7`: the name of what a value holds.
            let from = decoded.iter().rposition(|byte| is_before_name(*byte));
            let last = from.and_then(|at| decoded.get(at + 1..));
            return self.hides_decoded(last.unwrap_or(&decoded));
        }
        self.hides_decoded(name)
    }

    fn hides_decoded(&self, name: &[u8]) -> bool {
        let mut buffer = [0u8; NAME_LEN_MAX];
        self.hides_folded(name, &mut buffer) || {
            let name = name.strip_suffix(b"]").unwrap_or(name);
            match name.iter().rposition(|byte| matches!(byte, b'.' | b'[')) {
                Some(at) => self.hides_folded(name.get(at + 1..).unwrap_or_default(), &mut buffer),
                None => false,
            }
        }
    }

    fn hides_folded(&self, name: &[u8], buffer: &mut [u8; NAME_LEN_MAX]) -> bool {
        let mut len = 0;
        for byte in name.iter().filter(|byte| !matches!(byte, b'-' | b'_')) {
            let Some(place) = buffer.get_mut(len) else {
                return false;
            };
            *place = byte.to_ascii_lowercase();
            len += 1;
        }
        buffer
            .get(..len)
            .is_some_and(|folded| self.may_hide(folded) && self.names.contains(folded))
    }

    /// Hides values in a URL's query and fragment, its password, and the mailbox of a `mailto` address.
    #[must_use]
    pub fn url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        if self.names.is_empty() {
            return Cow::Borrowed(url);
        }
        if let Some(address) = url.strip_prefix("mailto:") {
            return self.mailto(url, address);
        }
        let (before, rest) = match url.find(['?', '#']) {
            Some(at) => url.split_at(at),
            None => (url, ""),
        };
        let before = without_user(before);
        let rest = self.masked(rest, is_after_pair, DEPTH_MAX);
        match (before, rest) {
            (None, Cow::Borrowed(_)) => Cow::Borrowed(url),
            (before, rest) => {
                let plain = url.split(['?', '#']).next().unwrap_or_default();
                Cow::Owned(format!("{}{rest}", before.as_deref().unwrap_or(plain)))
            }
        }
    }

    fn mailto<'a>(&self, url: &'a str, address: &str) -> Cow<'a, str> {
        if !self.hides(b"email") {
            return Cow::Borrowed(url);
        }
        let (to, query) = match address.find('?') {
            Some(at) => address.split_at(at),
            None => (address, ""),
        };
        let query = self.masked(query, is_after_pair, DEPTH_MAX);
        let pairs: Vec<Cow<'_, str>> = query.split('&').map(without_receivers).collect();
        Cow::Owned(format!(
            "mailto:{}{}",
            without_mailboxes(to),
            pairs.join("&")
        ))
    }

    /// Hides values in an answer's or a request's text: JSON members and `name=value` pairs.
    ///
    /// The text may have been cut anywhere; an unfinished value is hidden to its end.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.names.is_empty() {
            return Cow::Borrowed(text);
        }
        self.masked(text, is_after_value, DEPTH_MAX)
    }

    /// Hides what the text holds encoded, as JSON, and in pairs of which `ends` ends a value.
    fn masked<'a>(&self, text: &'a str, ends: fn(u8) -> bool, depth: u32) -> Cow<'a, str> {
        let text = self.encoded(text, depth);
        let text = match text.contains('"') {
            true => then(text, |text| self.json(text, depth)),
            false => text,
        };
        then(text, |text| self.pairs(text, ends))
    }

    /// Whether a text that was encoded holds what is to be hidden.
    fn is_in(&self, decoded: &str, depth: u32) -> bool {
        match depth.checked_sub(1) {
            Some(depth) => matches!(self.masked(decoded, is_after_value, depth), Cow::Owned(_)),
            None => true,
        }
    }

    /// Hides percent-encoded values that hold pairs or JSON with a masked name.
    fn encoded<'a>(&self, text: &'a str, depth: u32) -> Cow<'a, str> {
        let bytes = text.as_bytes();
        let mut out = Replaced::of(text);
        for at in memchr::memchr_iter(b'%', bytes) {
            if at < out.looked || !is_telling(bytes, at) {
                continue;
            }
            let behind = bytes.get(out.looked..at).unwrap_or_default();
            let start = behind.iter().rposition(|byte| is_after_pair(*byte));
            let start = out.looked + start.map_or(0, |start| start + 1);
            let end = find(bytes, at, is_after_pair).unwrap_or(bytes.len());
            let pair = bytes.get(start..end).unwrap_or_default();
            let value = match memchr::memchr(b'=', pair) {
                Some(equals) => start + equals + 1,
                None => start + usize::from(pair.first() == Some(&b'?')),
            };
            let decoded = percent_decode(bytes.get(value..end).unwrap_or_default());
            if self.is_in(&decoded.decode_utf8_lossy(), depth) {
                out.hide(value, end, MASK);
            }
            out.looked = end;
        }
        out.done()
    }

    /// Hides values of `name=value`, wherever such a pair ends in a delimiter. Names are ASCII.
    fn pairs<'a>(&self, text: &'a str, ends: fn(u8) -> bool) -> Cow<'a, str> {
        let bytes = text.as_bytes();
        let mut out = Replaced::of(text);
        let (mut start, mut at) = (0, 0);
        while let Some(byte) = bytes.get(at).copied() {
            at += 1;
            if byte == b'=' {
                let name = bytes.get(start..at - 1).unwrap_or_default();
                start = at;
                if !name.is_empty() && self.hides(name) {
                    let end = find(bytes, at, ends).unwrap_or(bytes.len());
                    if end > at {
                        out.hide(at, end, MASK);
                        at = end;
                    }
                }
            } else if is_before_name(byte) {
                start = at;
            }
        }
        out.done()
    }

    /// Hides values of `"name": value`; a string, a number, a word, or a whole list or object. Also strings that hold
    /// what is to be hidden, escaped.
    fn json<'a>(&self, text: &'a str, depth: u32) -> Cow<'a, str> {
        let bytes = text.as_bytes();
        let has_escapes = memchr::memchr(b'\\', bytes).is_some();
        let mut out = Replaced::of(text);
        let mut at = 0;
        while let Some(open) = find(bytes, at, |byte| byte == b'"') {
            let close = string_end(bytes, open + 1);
            let string = text.get(open + 1..close).unwrap_or_default();
            at = close + 1;
            let colon = find(bytes, at, |byte| !byte.is_ascii_whitespace());
            let colon = colon.filter(|colon| bytes.get(*colon) == Some(&b':'));
            let Some(colon) = colon else {
                if has_escapes && is_escaped(string) && self.is_in(&unescaped(string), depth) {
                    out.hide(open + 1, close, MASK);
                }
                continue;
            };
            let is_hidden = match has_escapes {
                true => self.hides(unescaped(string).as_bytes()),
                false => self.hides(string.as_bytes()),
            };
            if !is_hidden {
                continue;
            }
            let Some(start) = find(bytes, colon + 1, |byte| !byte.is_ascii_whitespace()) else {
                break;
            };
            at = value_end(bytes, start);
            out.hide(start, at, "\"***\"");
        }
        out.done()
    }
}

/// A text of which parts are replaced, from its begin to its end.
struct Replaced<'a> {
    text: &'a str,
    out: String,
    copied: usize,
    /// Up to where it has been looked at.
    looked: usize,
}

impl<'a> Replaced<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            out: String::new(),
            copied: 0,
            looked: 0,
        }
    }

    /// Puts `mask` in the place of what stands from `start` to `end`, on borders of characters.
    fn hide(&mut self, start: usize, end: usize, mask: &str) {
        self.out
            .push_str(self.text.get(self.copied..start).unwrap_or_default());
        self.out.push_str(mask);
        self.copied = end;
    }

    fn done(mut self) -> Cow<'a, str> {
        if self.out.is_empty() {
            return Cow::Borrowed(self.text);
        }
        self.out
            .push_str(self.text.get(self.copied..).unwrap_or_default());
        Cow::Owned(self.out)
    }
}

/// The next step of masking; what no step changes stays borrowed.
fn then<'a>(text: Cow<'a, str>, step: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => step(text),
        Cow::Owned(text) => Cow::Owned(step(&text).into_owned()),
    }
}

/// Whether the `%` at `at` begins what a pair or JSON needs: `=` with a value behind it, `"`, or `%` (encoded twice).
fn is_telling(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at + 1..at + 3) {
        Some(b"3D" | b"3d") => {
            let behind = bytes.get(at + 3..).unwrap_or_default();
            // What ends in `=` or `==` is base64.
            let behind = match behind {
                [b'%', b'3', b'D' | b'd', rest @ ..] => rest,
                other => other,
            };
            behind.first().is_some_and(|byte| !is_after_pair(*byte))
        }
        Some(b"22" | b"25") => true,
        _ => false,
    }
}

/// Whether a JSON string has escapes that matter; PHP writes each `/` as `\/`.
fn is_escaped(string: &str) -> bool {
    let bytes = string.as_bytes();
    memchr::memchr_iter(b'\\', bytes).any(|at| bytes.get(at + 1) != Some(&b'/'))
}

/// What a JSON string says; it may have been cut anywhere.
fn unescaped(string: &str) -> Cow<'_, str> {
    if !string.contains('\\') {
        return Cow::Borrowed(string);
    }
    let mut out = String::with_capacity(string.len());
    let mut rest = string;
    while let Some((plain, behind)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = behind.chars();
        match chars.next() {
            Some('u') => {
                let code = behind
                    .get(1..5)
                    .and_then(|hex| u32::from_str_radix(hex, 16).ok());
                out.extend(code.map(|code| char::from_u32(code).unwrap_or('\u{fffd}')));
                rest = behind.get(5..).unwrap_or_default();
                continue;
            }
            Some('n' | 'r' | 't' | 'b' | 'f') => out.push(' '),
            other => out.extend(other),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The bit of a length; names of 63 and more share one.
fn length_bit(len: usize) -> u64 {
    1 << len.min(63)
}

/// `to=ann@b.example`, also of `cc` and `bcc`, without the mailboxes.
fn without_receivers(pair: &str) -> Cow<'_, str> {
    let parts = pair.split_once('=');
    match parts.map(|(name, value)| (name, name.trim_start_matches('?'), value)) {
        Some((written, name, value))
            if ["to", "cc", "bcc"]
                .iter()
                .any(|own| name.eq_ignore_ascii_case(own)) =>
        {
            Cow::Owned(format!("{written}={}", without_mailboxes(value)))
        }
        _ => Cow::Borrowed(pair),
    }
}

/// Mail addresses without what stands before the `@`.
fn without_mailboxes(addresses: &str) -> String {
    let hidden = |one: &str| match one.rfind('@').and_then(|at| one.get(at..)) {
        Some(domain) => format!("{MASK}{domain}"),
        None if one.is_empty() => String::new(),
        None => MASK.to_owned(),
    };
    let all: Vec<String> = addresses.split(',').map(hidden).collect();
    all.join(",")
}

/// `scheme://user:password@host` without the user and password; `None` when there is none.
fn without_user(before: &str) -> Option<String> {
    let (scheme, rest) = before.split_once("://")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let at = authority.rfind('@')?;
    Some(format!("{scheme}://{MASK}{}", rest.get(at..)?))
}

fn folded(name: &[u8]) -> Vec<u8> {
    name.iter()
        .filter(|byte| !matches!(byte, b'-' | b'_'))
        .map(u8::to_ascii_lowercase)
        .collect()
}

fn is_before_name(byte: u8) -> bool {
    let is_mark = matches!(
        byte,
        b'?' | b'&' | b';' | b'#' | b',' | b'"' | b'\'' | b'{' | b'(' | b'<' | b'>'
    );
    is_mark || byte.is_ascii_whitespace() || !byte.is_ascii()
}

fn is_after_value(byte: u8) -> bool {
    let is_mark = matches!(
        byte,
        b'&' | b';' | b'#' | b',' | b'"' | b'\'' | b'}' | b')' | b'<' | b'>'
    );
    is_mark || byte.is_ascii_whitespace()
}

/// What ends a pair as a whole, whatever its value holds.
fn is_after_pair(byte: u8) -> bool {
    matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'<' | b'>') || byte.is_ascii_whitespace()
}

fn find(bytes: &[u8], from: usize, test: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.iter().position(|byte| test(*byte)).map(|at| from + at)
}

/// Where the string that begins at `from` ends: its closing quote, or the text's end.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => return at,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// The first byte behind the value that begins at `start`. Always on a character's border.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at + 1);
                if depth == 0 {
                    return (at + 1).min(bytes.len());
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_hidden_by_name() {
        let masking = Masking::default();
        for (url, masked) in [
            (
                "https://a.example/x?event=buy&amount=1.99",
                "https://a.example/x?event=buy&amount=1.99",
            ),
            (
                "https://a.example/x?idfa=AB-12&n=1",
                "https://a.example/x?idfa=***&n=1",
            ),
            (
                "https://a.example/x?n=1&GPS-AdId=77",
                "https://a.example/x?n=1&GPS-AdId=***",
            ),
            (
                "https://a.example/x?user[email]=a%40b.c&u.ip=::1",
                "https://a.example/x?user[email]=***&u.ip=***",
            ),
            (
                "https://a.example/x?%69dfa=77",
                "https://a.example/x?%69dfa=***",
            ),
            (
                "https://a.example/x?user%5Bip%5D=77",
                "https://a.example/x?user%5Bip%5D=***",
            ),
            ("https://a.example/x?ip=", "https://a.example/x?ip="),
            (
                "https://a.example/x?shipping=fast",
                "https://a.example/x?shipping=fast",
            ),
            ("https://u:p@a.example/x?n=1", "https://***@a.example/x?n=1"),
            (
                "https://a.example/x#token=9",
                "https://a.example/x#token=***",
            ),
            ("https://a.example/@me?n=1", "https://a.example/@me?n=1"),
            (
                "mailto:a@b.example,c@d.example?subject=hi",
                "mailto:***@b.example,***@d.example?subject=hi",
            ),
            (
                "mailto:?To=a@b.example,c%40d.example&subject=hi&bcc=e@f.example",
                "mailto:?To=***@b.example,***&subject=hi&bcc=***@f.example",
            ),
        ] {
            assert_eq!(masking.url(url), masked);
        }
    }

    #[test]
    fn body_fields_are_hidden_in_json_and_forms_even_when_cut() {
        let masking = Masking::default();
        for (text, masked) in [
            (r#"{"ok":true,"idfa":"AB"}"#, r#"{"ok":true,"idfa":"***"}"#),
            (
                r#"{"Email" : "a\"b@c", "n": 1}"#,
                r#"{"Email" : "***", "n": 1}"#,
            ),
            (
                r#"{"ip":12,"device_id":{"a":[1,{"b":"}"}]},"z":1}"#,
                r#"{"ip":"***","device_id":"***","z":1}"#,
            ),
            (r#"{"a":1,"token":"unfinish"#, r#"{"a":1,"token":"***""#),
            (r#"{"a":1,"token":"unfinish\"#, r#"{"a":1,"token":"***""#),
            (r#"{"say":"idfa","x":1}"#, r#"{"say":"idfa","x":1}"#),
            ("status=ok&idfa=77&x=1", "status=ok&idfa=***&x=1"),
            (
                r#"{"url":"https://x/?idfa=77&n=1"}"#,
                r#"{"url":"https://x/?idfa=***&n=1"}"#,
            ),
            ("bad ip=10.0.0.1, try again", "bad ip=***, try again"),
            ("<a href=\"/?email=日本\">", "<a href=\"/?email=***\">"),
        ] {
            assert_eq!(masking.text(text), masked);
        }
    }

    #[test]
    fn a_value_that_holds_a_masked_name_encoded_is_hidden() {
        let masking = Masking::default();
        for (url, masked) in [
            (
                "https://a.example/x?data=%7B%22idfa%22%3A%22V3%22%7D&cb=https%3A%2F%2Fx%2F%3Fidfa%3DV4",
                "https://a.example/x?data=***&cb=***",
            ),
            (
                "https://a.example/x?data={%22idfa%22:{%22a%22:[1,2]},%22b%22:3}&n=1",
                "https://a.example/x?data=***&n=1",
            ),
            (
                "https://a.example/x?cb=https%253A%252F%252Fx%252F%253Fidfa%253DV4&n=1",
                "https://a.example/x?cb=***&n=1",
            ),
            (
                "https://a.example/x?%7B%22idfa%22%3A%22V3%22%7D",
                "https://a.example/x?***",
            ),
            (
                "https://a.example/x?a=b%26idfa=V4&n=1",
                "https://a.example/x?a=b%26idfa=***&n=1",
            ),
            (
                "https://a.example/x?ip=1.2.3.4,5.6.7.8&n=1",
                "https://a.example/x?ip=***&n=1",
            ),
            (
                "https://a.example/x?cb=https://x/?idfa=V4&n=1",
                "https://a.example/x?cb=https://x/?idfa=***&n=1",
            ),
            (
                "https://a.example/x?h=YQ%3D%3D&t=2026-11-28T10%3A00&cb=https%3A%2F%2Fx%2F%3Fn%3D1&d=%7B%22n%22%3A1%7D&p=5%25",
                "https://a.example/x?h=YQ%3D%3D&t=2026-11-28T10%3A00&cb=https%3A%2F%2Fx%2F%3Fn%3D1&d=%7B%22n%22%3A1%7D&p=5%25",
            ),
            (
                "mailto:a@b.example?body=https%3A%2F%2Fx%2F%3Fidfa%3DV4",
                "mailto:***@b.example?body=***",
            ),
        ] {
            assert_eq!(masking.url(url), masked);
        }
        for (text, masked) in [
            (
                r#"{"esc":"{\"idfa\":\"V8\"}","n":1}"#,
                r#"{"esc":"***","n":1}"#,
            ),
            (r#"{"esc":"{\"idfa\":\"V8"#, r#"{"esc":"***"#),
            (r#"{"esc":"{\"n\":\"V8\"}"}"#, r#"{"esc":"{\"n\":\"V8\"}"}"#),
            (
                r#"{"u":"https:\/\/x\/?idfa=V4&n=1"}"#,
                r#"{"u":"https:\/\/x\/?idfa=***&n=1"}"#,
            ),
            (r#"{"u":"https://x/?a=1\u0026idfa=V4"}"#, r#"{"u":"***"}"#),
            (
                r#"{"u":"https%3A%2F%2Fx%2F%3Fidfa%3DV4"}"#,
                r#"{"u":"***"}"#,
            ),
            (r#"{"\u0069dfa":"V4"}"#, r#"{"\u0069dfa":"***"}"#),
            (
                "a=1&eventValue=%7B%22idfa%22%3A%22V3%22%7D&b=2",
                "a=1&eventValue=***&b=2",
            ),
        ] {
            assert_eq!(masking.text(text), masked);
        }
    }

    #[test]
    fn the_page_on_operating_has_all_default_names() {
        let page = include_str!("../../../docs/operating.md");
        let list = page.split("Always masked:").nth(1).unwrap();
        let list = list.split('.').next().unwrap();
        let listed: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        assert_eq!(listed, DEFAULT_NAMES);
    }

    #[test]
    fn names_can_be_added_and_taken_out() {
        let masking = Masking::with(["order_id"], ["adid"]);
        assert!(masking.hides(b"orderId") && masking.hides(b"idfa") && !masking.hides(b"adid"));
        assert_eq!(
            Masking::none().url("https://u:p@x/?ip=1"),
            "https://u:p@x/?ip=1"
        );
    }

    fn percent(text: &str) -> String {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    }

    proptest::proptest! {
        #[test]
        fn no_nesting_keeps_the_secret(
            is_json: bool,
            is_body: bool,
            before in "[ -~é]{0,12}",
            after in "[ -~é]{0,12}",
            layers in proptest::collection::vec(proptest::bool::ANY, 0..6),
        ) {
            let masking = Masking::default();
            let mut value = match is_json {
                true => serde_json::json!({"a": before, "idfa": {"b": "SECRET77"}, "z": after}).to_string(),
                false => format!("https://x.example/?a={}&idfa=SECRET77", percent(&before)),
            };
            for is_json in layers {
                value = match is_json {
                    true => serde_json::json!({"a": before, "v": value, "z": after}).to_string(),
                    false => format!("https://x.example/?n=1&v={}&z=1", percent(&value)),
                };
            }
            if is_body {
                let body = serde_json::json!({"a": before, "v": value, "z": after}).to_string();
                let masked = masking.text(&body);
                proptest::prop_assert!(!masked.contains("SECRET77"), "{} of {}", masked, body);
            }
            let mut url = url::Url::parse("https://a.example/x").unwrap();
            url.query_pairs_mut().append_pair("n", &before).append_pair("v", &value);
            let masked = masking.url(url.as_str());
            proptest::prop_assert!(!masked.contains("SECRET77"), "{} of {}", masked, url);
        }

        #[test]
        fn no_text_makes_it_fail_or_keeps_the_secret(before in ".{0,40}", after in ".{0,40}") {
            let masking = Masking::default();
            drop(masking.text(&before));
            drop(masking.url(&before));
            let form = format!("{before}&idfa=SECRET77&{after}");
            proptest::prop_assert!(before.contains('"') || !masking.text(&form).contains("SECRET77"));
        }
    }
}
