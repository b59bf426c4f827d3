//! From the fields of a line to a request; the same for all kinds.

use std::borrow::Cow;
use std::net::IpAddr;

use base::Timestamp;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use url::Url;

use super::{Error, Format, Parsed, header, refused, unparsable};
use crate::config::route::BodyKind;
use crate::destinations;
use crate::making::{self, Made};
use crate::masking::Masking;
use crate::port::Request;

/// The fields of a line, not yet judged.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    pub(super) url: Option<Cow<'a, str>>,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<(Bytes, Option<BodyKind>)>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) expires_at: Option<Cow<'a, str>>,
}

/// The longest id, chosen.
const ID_BYTES_MAX: usize = 256;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

impl<'a> Found<'a> {
    /// A line that is a URL, with a method before it or not.
    pub(super) fn of_url_line(line: &'a str) -> Self {
        let (method, url) = match line.split_once([' ', '\t']) {
            Some((first, rest)) if is_word(first) => (Some(Cow::Borrowed(first)), rest),
            _ => (None, line),
        };
        Self {
            url: Some(Cow::Borrowed(url)),
            method,
            ..Self::default()
        }
    }

    /// Sets the body; a line has one at most.
    pub(super) fn set_body(&mut self, body: Bytes, kind: Option<BodyKind>) -> Result<(), Error> {
        if self.body.replace((body, kind)).is_some() {
            return Err(unparsable(
                "the line has more than one of body, body_base64 and form",
            ));
        }
        Ok(())
    }

    /// The id alone, where it is good.
    pub(super) fn own_id(self) -> Option<String> {
        check_id(&self.id?).ok()
    }

    /// Takes what a route's templates made, in the place of what the line says.
    pub(super) fn take_made(&mut self, made: Made, method: Option<&'a str>) {
        if let Some(url) = made.url {
            self.url = Some(Cow::Owned(url));
            // A label such as `header.NAME` is a field like any other then.
            self.headers.clear();
        }
        if let Some(method) = method {
            self.method = Some(Cow::Borrowed(method));
        }
        if let Some((body, kind)) = made.body {
            self.body = Some((body, Some(kind)));
            self.headers
                .retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        }
        for (name, value) in made.headers {
            making::set_header(&mut self.headers, &name, value);
        }
    }

    /// Id, URL and method, as far as they are good; nothing that could be sent.
    pub(super) fn bearing(self, format: &Format) -> Option<Parsed> {
        let named = self.method.and_then(|name| method(&name).ok());
        Some(Parsed {
            request: Request {
                url: parse_url(format, &self.url?).ok()?,
                method: named.or(format.method.clone()).unwrap_or_default(),
                headers: Vec::new(),
                body: Bytes::new(),
            },
            id: self.id.and_then(|id| check_id(&id).ok()),
            expires_at: None,
        })
    }

    /// The request that these fields ask for.
    pub(super) fn build(self, format: &Format) -> Result<Parsed, Error> {
        let url = self.url.ok_or_else(|| {
            let name = format.names.name(super::Field::Url);
            unparsable(format!("the line has no field `{name}`"))
        })?;
        let url = parse_url(format, &url)?;
        let (body, kind) = self.body.unwrap_or_default();
        let method = match self.method {
            Some(name) => method(&name)?,
            None => format.method.clone().unwrap_or(if body.is_empty() {
                http::Method::GET
            } else {
                http::Method::POST
            }),
        };
        let mut headers = check_headers(self.headers, &url, body.len())?;
        let kind = kind.unwrap_or(format.body);
        // A mail's text is text: only what has a host is told what its body is.
        if let Some(content_type) = content_type(kind)
            && !body.is_empty()
            && url.has_host()
            && !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        Ok(Parsed {
            request: Request {
                url,
                method,
                headers,
                body,
            },
            id: self.id.map(|id| check_id(&id)).transpose()?,
            expires_at: self.expires_at.map(|text| time(&text)).transpose()?,
        })
    }
}

/// Bytes that must be text.
pub(super) fn text<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|_| unparsable(format!("{what} is not UTF-8")))
}

/// The bytes of a base64 text, standard or URL-safe, padded or not.
pub(super) fn base64(text: &[u8]) -> Result<Bytes, Error> {
    let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
    decoded
        .map(Bytes::from)
        .map_err(|error| unparsable(format!("body_base64 is not base64: {error}")))
}

/// Headers as text: a JSON object, or `Name: value`, one a line.
pub(super) fn headers_of_text(text: &str) -> Result<Vec<(String, String)>, Error> {
    if text.trim_start().starts_with(['{', '[']) {
        return super::json::headers_of(text);
    }
    let pair = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(|| {
            unparsable(format!(
                "`{line}` is not a header of the form `Name: value`"
            ))
        })?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(pair)
        .collect()
}

/// A method by its name, any case for the usual ones.
pub(super) fn method(name: &str) -> Result<http::Method, Error> {
    let upper = name.trim().to_ascii_uppercase();
    match upper.as_str() {
        "GET" => return Ok(http::Method::GET),
        "POST" => return Ok(http::Method::POST),
        "CONNECT" => {
            return Err(refused(
                "method CONNECT is not allowed: it opens a tunnel, it does not notify",
            ));
        }
        "TRACE" => {
            return Err(refused(
                "method TRACE is not allowed: it asks for an echo, it does not notify",
            ));
        }
        _ => {}
    }
    let known = METHODS.contains(&upper.as_str());
    let method = http::Method::from_bytes(upper.as_bytes()).ok();
    method.filter(|_| known).ok_or_else(|| {
        let shown: String = name.chars().take(20).collect();
        unparsable(format!(
            "`{}` is no method; those that are sent: {}",
            shown.escape_debug(),
            METHODS.join(", ")
        ))
    })
}

/// The methods that are sent: those of RFC 9110 and PATCH (RFC 5789). A slip of the pen would be refused by the receiver
/// for as long as it is tried.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// What stands before a URL and is meant as a method: one word of letters.
fn is_word(first: &str) -> bool {
    !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn parse_url(format: &Format, text: &str) -> Result<Url, Error> {
    let trimmed = text.trim();
    let bare = ["\"\"", "''", "<>"]
        .iter()
        .find_map(|pair| {
            let mut quotes = pair.chars();
            let (open, close) = (quotes.next()?, quotes.next()?);
            trimmed.strip_prefix(open)?.strip_suffix(close)
        })
        .unwrap_or(trimmed);
    if bare.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err(refused("the URL holds CR, LF or another control character"));
    }
    if is_host_left_out(bare) {
        return Err(unparsable("the URL has no host"));
    }
    let url = format.last_origin.parse(bare).map_err(|error| {
        let masked = Masking::default();
        let shown: String = masked.url(bare).chars().take(80).collect();
        let hint = if bare.contains("://") || bare.starts_with("mailto:") {
            ""
        } else {
            "; it must begin with its scheme, such as `https://`"
        };
        unparsable(format!(
            "`{}` is no URL: {error}{hint}",
            shown.escape_debug()
        ))
    })?;
    check_receiver(&url)?;
    Ok(url)
}

/// `https:///path` and the like, where a template had no host to put in: browsers take the path's first part for it, and the
/// notification would go to whoever has that name.
fn is_host_left_out(text: &str) -> bool {
    let is_web =
        |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    match text.split_once(':') {
        Some((scheme, rest)) if is_web(scheme) => rest
            .strip_prefix("//")
            .is_none_or(|host| host.starts_with(['/', '\\'])),
        _ => false,
    }
}

/// Refuses a URL that names nobody: it would be a destination without a name.
fn check_receiver(url: &Url) -> Result<(), Error> {
    if url.host_str().is_some_and(|host| !host.is_empty()) {
        return Ok(());
    }
    match url.scheme() {
        "http" | "https" => Err(unparsable("the URL has no host")),
        "mailto" if destinations::mail_domain(url).is_some() => Ok(()),
        "mailto" => Err(refused(
            "the mailto URL names no mail address, such as `mailto:ops@example.com`",
        )),
        scheme => Err(refused(format!(
            "a `{scheme}:` URL names no host; those that can be sent are `https://host/…` and `mailto:…`"
        ))),
    }
}

/// Checks the headers; drops `host` and `content-length` where they say what is sent anyway.
fn check_headers(
    headers: Vec<(String, String)>,
    url: &Url,
    body_bytes: usize,
) -> Result<Vec<(String, String)>, Error> {
    let mut checked = Vec::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        header::check(&name, &value).map_err(refused)?;
        let expected = match name.to_ascii_lowercase().as_str() {
            "host" => authority(url),
            "content-length" => body_bytes.to_string(),
            _ => {
                checked.push((name, value));
                continue;
            }
        };
        if !value.trim().eq_ignore_ascii_case(&expected) {
            return Err(refused(format!(
                "header `{name}` is not what is sent (`{expected}`); leave it out"
            )));
        }
    }
    Ok(checked)
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let host = match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => format!("[{host}]"),
        _ => host.to_owned(),
    };
    url.port()
        .map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}

/// The content type of a body of this kind, where nothing says another.
pub(crate) fn content_type(kind: BodyKind) -> Option<&'static str> {
    match kind {
        BodyKind::Raw => None,
        BodyKind::Json => Some("application/json"),
        BodyKind::Form => Some("application/x-www-form-urlencoded"),
    }
}

fn check_id(id: &str) -> Result<String, Error> {
    let is_good = (1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control);
    is_good
        .then(|| id.to_owned())
        .ok_or_else(|| unparsable("the id is not 1 to 256 bytes without control characters"))
}

/// A time in RFC 3339, or in seconds or milliseconds since the epoch, a fraction of which does not count.
fn time(text: &str) -> Result<Timestamp, Error> {
    let trimmed = text.trim();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (digits, fraction) = trimmed.split_once('.').unwrap_or((trimmed, "0"));
    if is_digits(digits)
        && is_digits(fraction)
        && let Ok(number) = digits.parse::<u64>()
    {
        // Twelve digits of seconds are the year 5138: longer numbers are milliseconds.
        return Ok(if digits.len() >= 12 {
            Timestamp::from_millis(number)
        } else {
            Timestamp::from_secs(number)
        });
    }
    Timestamp::parse_rfc3339(trimmed).ok_or_else(|| {
        unparsable(format!(
            "expires_at `{}` is no time such as `2026-11-23T05:03:10Z`, nor seconds or milliseconds since 1970 in digits alone",
            trimmed.escape_debug()
        ))
    })
}
