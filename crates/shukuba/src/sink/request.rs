//! One request from the bytes of a connection. No I/O here.

use std::mem::MaybeUninit;

/// A head may be this long; a longer one is answered 431. Chosen.
const HEAD_BYTES_LIMIT: usize = 32 * 1024;

/// A body may be this long; a longer one is answered 413. Chosen: twice the largest message.
const BODY_BYTES_LIMIT: usize = 2 << 20;

/// A whole request; its parts point into the bytes that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// Path and query as sent.
    pub(super) target: &'a str,
    /// The notification's id; empty when there is none.
    pub(super) id: &'a str,
    pub(super) keeps: bool,
    /// Bytes of head and body together.
    pub(super) length: usize,
}

impl<'a> Request<'a> {
    /// The target without its query.
    pub(super) fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or(self.target)
    }

    /// A parameter of the query, as written.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        parameter(self.target, name)
    }
}

/// A parameter of a target's query, as written.
pub(super) fn parameter<'a>(target: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = target.split_once('?')?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The status to answer before the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) u16);

/// Reads the request at the start of `input`; `None` when more bytes are needed.
pub(super) fn read<'a>(input: &'a [u8], id_header: &str) -> Result<Option<Request<'a>>, Refusal> {
    let mut room = [const { MaybeUninit::uninit() }; 64];
    let mut parsed = httparse::Request::new(&mut []);
    let head = match parsed.parse_with_uninit_headers(input, &mut room) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if input.len() < HEAD_BYTES_LIMIT => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal(431));
        }
        Err(_) => return Err(Refusal(400)),
    };
    let mut body = 0;
    let mut id = None;
    let mut keeps = parsed.version == Some(1);
    for header in parsed.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            body = length(header.value)?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Refusal(411));
        } else if header.name.eq_ignore_ascii_case("connection") {
            keeps = !header.value.eq_ignore_ascii_case(b"close");
        } else if header.name.eq_ignore_ascii_case(id_header) {
            id = std::str::from_utf8(header.value).ok();
        }
    }
    if input.len() < head + body {
        return Ok(None);
    }
    let target = parsed.path.unwrap_or("/");
    Ok(Some(Request {
        method: parsed.method.unwrap_or("GET"),
        target,
        id: id.or_else(|| parameter(target, "id")).unwrap_or_default(),
        keeps,
        length: head + body,
    }))
}

fn length(value: &[u8]) -> Result<usize, Refusal> {
    let length = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    match length {
        Some(length) if length <= BODY_BYTES_LIMIT => Ok(length),
        Some(_) => Err(Refusal(413)),
        None => Err(Refusal(400)),
    }
}
