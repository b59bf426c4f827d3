//! An HTTP/1.1 answer, read byte by byte from a peer that may be hostile. No I/O here.
//!
//! INVARIANT: memory is bounded by [`HEAD_BYTES_LIMIT`] and the caps of [`Body`], whatever arrives; a
//! connection is kept only when the end of the answer is certain (RFC 9112, section 6.3).

use std::time::Duration;

use base::Timestamp;

/// An answer's head, all interim answers before it included, may be this long (chosen: larger than the
/// limits of common servers, 8 to 48 KiB).
pub(super) const HEAD_BYTES_LIMIT: usize = 64 * 1024;

/// Header lines of one head (chosen).
const HEADERS_LIMIT: usize = 128;

/// Bytes of one chunk-size line or of all trailers (chosen).
const CHUNK_LINE_BYTES_LIMIT: usize = 4096;

/// What came back is not HTTP/1.x, or breaks a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the answer is not HTTP/1.1: {0}")]
    Head(httparse::Error),
    #[error("the answer's head is longer than {HEAD_BYTES_LIMIT} bytes")]
    HeadTooLong,
    #[error("the answer has more than {HEADERS_LIMIT} headers")]
    TooManyHeaders,
    #[error("the answer's Content-Length is not one number")]
    Length,
    #[error("the answer's chunks are malformed")]
    Chunk,
    #[error("the answer switches protocols")]
    Switch,
}

/// Where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// After the last chunk and its trailers.
    Chunked,
    /// Where the connection ends.
    UntilClose,
}

/// What a `Retry-After` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryAfter {
    /// So long from now.
    In(Duration),
    /// Until then.
    At(Timestamp),
}

impl RetryAfter {
    /// Seconds, or any of the three date forms of RFC 9110 section 5.6.7; `None` for all else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let secs = text.parse().unwrap_or(u64::from(u32::MAX));
            return Some(Self::In(Duration::from_secs(secs.min(u32::MAX.into()))));
        }
        http_date(text).map(Self::At)
    }

    /// How long that is at `now`.
    pub(super) fn wait_from(self, now: Timestamp) -> Duration {
        match self {
            Self::In(wait) => wait,
            Self::At(at) => at.since(now),
        }
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    let forms = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ];
    let time = forms
        .iter()
        .find_map(|form| jiff::civil::DateTime::strptime(form, text).ok())?;
    let time = jiff::tz::Offset::UTC.to_timestamp(time).ok()?;
    u64::try_from(time.as_millisecond())
        .ok()
        .map(Timestamp::from_millis)
}

/// The head of the final answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// 200 to 999.
    pub(super) status: u16,
    /// How to find the body's end.
    pub(super) framing: Framing,
    /// Whether the connection may serve again once the body has ended.
    pub(super) keeps: bool,
    /// `Retry-After`, when it is well formed.
    pub(super) retry_after: Option<RetryAfter>,
}

/// Reads the head at the start of `input`: the head and its length, `None` when more bytes are needed.
///
/// Interim answers (1xx) are counted in the length and skipped.
pub(super) fn read_head(
    input: &[u8],
    method: &http::Method,
) -> Result<Option<(Head, usize)>, Malformed> {
    let mut skipped = 0;
    while let Some(rest) = input.get(skipped..) {
        let Some((head, length)) = read_one_head(rest, method)? else {
            break;
        };
        skipped += length;
        match head.status {
            101 => return Err(Malformed::Switch),
            100..=199 => {}
            _ => return Ok(Some((head, skipped))),
        }
    }
    if input.len() >= HEAD_BYTES_LIMIT {
        return Err(Malformed::HeadTooLong);
    }
    Ok(None)
}

/// Gives the headers of the final answer in `head`, which [`read_head`] has read, to `look`.
pub(super) fn headers<T>(head: &[u8], look: impl FnOnce(&[(&str, &[u8])]) -> T) -> T {
    let mut room = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut rest = head;
    loop {
        let mut answer = httparse::Response::new(&mut room);
        let length = match answer.parse(rest) {
            Ok(httparse::Status::Complete(length)) => length,
            // Not after `read_head`.
            Ok(httparse::Status::Partial) | Err(_) => return look(&[]),
        };
        rest = rest.get(length..).unwrap_or_default();
        if rest.is_empty() {
            let named = answer
                .headers
                .iter()
                .map(|header| (header.name, header.value));
            return look(&named.collect::<Vec<_>>());
        }
    }
}

fn read_one_head(input: &[u8], method: &http::Method) -> Result<Option<(Head, usize)>, Malformed> {
    // Most answers have fewer than 32 headers; the larger array is costly to clear.
    let mut few = [const { std::mem::MaybeUninit::uninit() }; 32];
    match parse_head(input, method, &mut few) {
        Err(Malformed::TooManyHeaders) => {}
        other => return other,
    }
    let mut many = [const { std::mem::MaybeUninit::uninit() }; HEADERS_LIMIT];
    parse_head(input, method, &mut many)
}

fn parse_head<'a>(
    input: &'a [u8],
    method: &http::Method,
    room: &mut [std::mem::MaybeUninit<httparse::Header<'a>>],
) -> Result<Option<(Head, usize)>, Malformed> {
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut answer,
        input,
        room,
    );
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed::TooManyHeaders),
        Err(error) => return Err(Malformed::Head(error)),
    };
    let status = answer.code.unwrap_or_default();
    if status < 100 {
        return Err(Malformed::Head(httparse::Error::Status));
    }
    let head = interpret(status, answer.version == Some(1), answer.headers, method)?;
    Ok(Some((head, length)))
}

fn interpret(
    status: u16,
    is_version_1_1: bool,
    headers: &[httparse::Header<'_>],
    method: &http::Method,
) -> Result<Head, Malformed> {
    let mut length = None;
    let mut coding: Option<bool> = None;
    let mut keeps = is_version_1_1;
    let mut retry_after = None;
    for header in headers {
        let name = header.name;
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(one_length(length, header.value)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            coding = Some(
                tokens(header.value)
                    .next_back()
                    .is_some_and(|last| last.eq_ignore_ascii_case(b"chunked")),
            );
        } else if name.eq_ignore_ascii_case("connection") {
            keeps = keeps_after(keeps, header.value);
        } else if name.eq_ignore_ascii_case("retry-after") {
            retry_after = std::str::from_utf8(header.value)
                .ok()
                .and_then(RetryAfter::parse);
        }
    }
    let framing = match (coding, length) {
        _ if *method == http::Method::HEAD || matches!(status, 100..=199 | 204 | 304) => {
            Framing::Empty
        }
        (Some(true), _) => Framing::Chunked,
        (Some(false), _) | (None, None) => Framing::UntilClose,
        (None, Some(0)) => Framing::Empty,
        (None, Some(length)) => Framing::Length(length),
    };
    // Both ways to say the length, or none: the next answer's start would be a guess.
    let is_ambiguous = coding.is_some() && length.is_some();
    Ok(Head {
        status,
        framing,
        keeps: keeps && framing != Framing::UntilClose && !is_ambiguous,
        retry_after,
    })
}

fn tokens(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

fn keeps_after(keeps: bool, value: &[u8]) -> bool {
    if tokens(value).any(|token| token.eq_ignore_ascii_case(b"close")) {
        return false;
    }
    keeps || tokens(value).any(|token| token.eq_ignore_ascii_case(b"keep-alive"))
}

/// The same number may be said more than once; anything else is an attack or a bug.
fn one_length(known: Option<u64>, value: &[u8]) -> Result<u64, Malformed> {
    let mut length = known;
    let mut said = false;
    for token in tokens(value) {
        let is_number = token.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(token).ok().filter(|_| is_number);
        let number = number
            .and_then(|text| text.parse().ok())
            .ok_or(Malformed::Length)?;
        if length.is_some_and(|length| length != number) {
            return Err(Malformed::Length);
        }
        length = Some(number);
        said = true;
    }
    length.filter(|_| said).ok_or(Malformed::Length)
}

/// How far the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More bytes are needed.
    More,
    /// It ended; so many bytes of the input belonged to it.
    Ended(usize),
    /// More than the cap arrived; the rest is not read.
    Capped,
}

/// The body as it arrives: its beginning is kept, the rest counted.
#[derive(Debug)]
pub(super) struct Body {
    state: State,
    excerpt: Vec<u8>,
    excerpt_limit: usize,
    /// Bytes on the wire, chunk sizes included.
    taken: u64,
    taken_limit: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Ended,
    Length(u64),
    UntilClose,
    /// In a chunk-size line of which `digits` are read; `in_extension` after a `;`.
    Size {
        size: u64,
        digits: u8,
        line: usize,
        in_extension: bool,
    },
    Data(u64),
    /// The line end after a chunk's data.
    DataEnd {
        has_cr: bool,
    },
    /// Trailers: `line` bytes in this line, `all` bytes altogether.
    Trailer {
        line: usize,
        all: usize,
    },
}

const NEXT_CHUNK: State = State::Size {
    size: 0,
    digits: 0,
    line: 0,
    in_extension: false,
};

impl Body {
    /// A body that keeps `excerpt_limit` bytes and is cut after `taken_limit`.
    pub(super) fn new(framing: Framing, excerpt_limit: usize, taken_limit: u64) -> Self {
        let state = match framing {
            Framing::Empty => State::Ended,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => NEXT_CHUNK,
            Framing::UntilClose => State::UntilClose,
        };
        Self {
            state,
            excerpt: Vec::new(),
            excerpt_limit,
            taken: 0,
            taken_limit,
        }
    }

    /// The beginning of the body.
    pub(super) fn into_excerpt(self) -> Vec<u8> {
        self.excerpt
    }

    /// Takes what arrived next. After [`Progress::More`] all of it was used.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<Progress, Malformed> {
        let mut rest = input;
        while !matches!(self.state, State::Ended) && !rest.is_empty() {
            let used = self.step(rest)?;
            self.taken += used as u64;
            rest = rest.get(used..).unwrap_or_default();
            if self.taken > self.taken_limit {
                return Ok(Progress::Capped);
            }
        }
        Ok(match self.state {
            State::Ended => Progress::Ended(input.len() - rest.len()),
            _ => Progress::More,
        })
    }

    /// Whether the end of the connection is the end of the body.
    pub(super) fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilClose | State::Ended)
    }

    /// Uses at least one byte of `input`, which is not empty, and says how many.
    fn step(&mut self, input: &[u8]) -> Result<usize, Malformed> {
        let byte = input.first().copied().unwrap_or_default();
        self.state = match self.state {
            State::Ended => return Ok(input.len()),
            State::UntilClose => {
                self.keep(input);
                return Ok(input.len());
            }
            State::Length(left) => return Ok(self.data(input, left, State::Length, State::Ended)),
            State::Data(left) => {
                let then = State::DataEnd { has_cr: false };
                return Ok(self.data(input, left, State::Data, then));
            }
            State::DataEnd { has_cr } => match byte {
                b'\r' if !has_cr => State::DataEnd { has_cr: true },
                b'\n' if has_cr => NEXT_CHUNK,
                _ => return Err(Malformed::Chunk),
            },
            State::Size {
                size,
                digits,
                line,
                in_extension,
            } => size_byte(byte, size, digits, line, in_extension)?,
            State::Trailer { line, all } => trailer_byte(byte, line, all)?,
        };
        Ok(1)
    }

    fn data(&mut self, input: &[u8], left: u64, go_on: fn(u64) -> State, then: State) -> usize {
        let used = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        self.keep(input.get(..used).unwrap_or_default());
        let left = left - used as u64;
        self.state = if left == 0 { then } else { go_on(left) };
        used
    }

    fn keep(&mut self, data: &[u8]) {
        let room = self.excerpt_limit.saturating_sub(self.excerpt.len());
        let kept = data.get(..room.min(data.len())).unwrap_or_default();
        self.excerpt.extend_from_slice(kept);
    }
}

fn size_byte(
    byte: u8,
    size: u64,
    digits: u8,
    line: usize,
    in_extension: bool,
) -> Result<State, Malformed> {
    if line >= CHUNK_LINE_BYTES_LIMIT {
        return Err(Malformed::Chunk);
    }
    let line = line + 1;
    let digit = char::from(byte).to_digit(16).filter(|_| !in_extension);
    match (byte, digit) {
        // 15 digits stay far below the largest u64.
        (_, Some(digit)) if digits < 15 => Ok(State::Size {
            size: size << 4 | u64::from(digit),
            digits: digits + 1,
            line,
            in_extension,
        }),
        (b'\n', _) if digits > 0 && size == 0 => Ok(State::Trailer { line: 0, all: 0 }),
        (b'\n', _) if digits > 0 => Ok(State::Data(size)),
        (b'\n', _) | (_, Some(_)) => Err(Malformed::Chunk),
        (b'\r', _) if digits > 0 => Ok(State::Size {
            size,
            digits,
            line,
            in_extension: true,
        }),
        (b';' | b' ' | b'\t', _) if digits > 0 => Ok(State::Size {
            size,
            digits,
            line,
            in_extension: true,
        }),
        _ if in_extension => Ok(State::Size {
            size,
            digits,
            line,
            in_extension,
        }),
        _ => Err(Malformed::Chunk),
    }
}

fn trailer_byte(byte: u8, line: usize, all: usize) -> Result<State, Malformed> {
    match byte {
        _ if all >= CHUNK_LINE_BYTES_LIMIT => Err(Malformed::Chunk),
        b'\n' if line == 0 => Ok(State::Ended),
        b'\n' => Ok(State::Trailer {
            line: 0,
            all: all + 1,
        }),
        b'\r' => Ok(State::Trailer { line, all: all + 1 }),
        _ => Ok(State::Trailer {
            line: line + 1,
            all: all + 1,
        }),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use proptest::prelude::*;

    use super::*;

    fn head(text: &str) -> Head {
        let (head, length) = read_head(text.as_bytes(), &Method::POST).unwrap().unwrap();
        assert_eq!(length, text.len());
        head
    }

    #[test]
    fn framing_follows_rfc_9112() {
        #[rustfmt::skip]
        let cases = [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                Framing::Length(5),
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                Framing::Empty,
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n",
                Framing::Length(5),
                true,
            ),
            ("HTTP/1.1 200\r\n\r\n", Framing::UntilClose, false),
            ("HTTP/1.1 204 \r\n\r\n", Framing::Empty, true),
            (
                "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
                Framing::Empty,
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
                Framing::Chunked,
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n",
                Framing::UntilClose,
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
                Framing::Chunked,
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: x, Close\r\n\r\n",
                Framing::Length(3),
                false,
            ),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\n",
                Framing::Length(3),
                false,
            ),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\n",
                Framing::Length(3),
                true,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n",
                Framing::Length(1),
                true,
            ),
        ];
        for (text, framing, keeps) in cases {
            let head = head(text);
            assert_eq!((head.framing, head.keeps), (framing, keeps), "{text}");
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        let (to_head, _) = read_head(answer, &Method::HEAD).unwrap().unwrap();
        assert_eq!(to_head.framing, Framing::Empty);
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for (text, expected) in [
            (
                "SSH-2.0-OpenSSH_9.2\r\n",
                Malformed::Head(httparse::Error::Version),
            ),
            (
                "\x00\x01\x02\x03\x04\x05\x06\x07\x08",
                Malformed::Head(httparse::Error::Version),
            ),
            (
                "HTTP/2.0 200 OK\r\n\r\n",
                Malformed::Head(httparse::Error::Version),
            ),
            (
                "HTTP/1.1 99 No\r\n\r\n",
                Malformed::Head(httparse::Error::Status),
            ),
            (
                "HTTP/1.1 099 No\r\n\r\n",
                Malformed::Head(httparse::Error::Status),
            ),
            ("HTTP/1.1 101 Switching\r\n\r\n", Malformed::Switch),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
                Malformed::Length,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
                Malformed::Length,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
                Malformed::Length,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n",
                Malformed::Length,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
                Malformed::Length,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
                Malformed::Length,
            ),
        ] {
            assert_eq!(
                read_head(text.as_bytes(), &Method::GET),
                Err(expected),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_flood_of_headers_or_interim_answers_ends() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(129));
        assert_eq!(
            read_head(many.as_bytes(), &Method::GET),
            Err(Malformed::TooManyHeaders)
        );
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(HEAD_BYTES_LIMIT));
        assert_eq!(
            read_head(long.as_bytes(), &Method::GET),
            Err(Malformed::HeadTooLong)
        );
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(HEAD_BYTES_LIMIT / 20);
        assert_eq!(
            read_head(interim.as_bytes(), &Method::GET),
            Err(Malformed::HeadTooLong)
        );
        let enough = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(128));
        assert!(
            read_head(enough.as_bytes(), &Method::GET)
                .unwrap()
                .is_some()
        );
    }

    /// The three forms are the example of RFC 9110, section 5.6.7.
    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let at = RetryAfter::At(Timestamp::from_secs(784_111_777));
        for (text, expected) in [
            ("120", Some(RetryAfter::In(Duration::from_secs(120)))),
            (" 0 ", Some(RetryAfter::In(Duration::ZERO))),
            (
                "99999999999999999999999",
                Some(RetryAfter::In(Duration::from_secs(u32::MAX.into()))),
            ),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(at)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(at)),
            ("Sun Nov  6 08:49:37 1994", Some(at)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(RetryAfter::parse(text), expected, "{text:?}");
        }
        assert_eq!(
            at.wait_from(Timestamp::from_secs(784_111_770)),
            Duration::from_secs(7)
        );
        assert_eq!(
            at.wait_from(Timestamp::from_secs(884_111_770)),
            Duration::ZERO
        );
    }

    fn read(framing: Framing, pieces: &[&[u8]]) -> Result<(Progress, Vec<u8>), Malformed> {
        let mut body = Body::new(framing, 8, 100);
        let mut progress = Progress::More;
        for piece in pieces {
            progress = body.take(piece)?;
            if progress != Progress::More {
                break;
            }
        }
        Ok((progress, body.into_excerpt()))
    }

    #[test]
    fn bodies_end_where_they_say() {
        let ended = |used, excerpt: &[u8]| Ok((Progress::Ended(used), excerpt.to_vec()));
        assert_eq!(read(Framing::Empty, &[b"next"]), ended(0, b""));
        assert_eq!(read(Framing::Length(3), &[b"abcHTTP"]), ended(3, b"abc"));
        assert_eq!(
            read(Framing::Length(10), &[b"abcdefghij"]),
            ended(10, b"abcdefgh")
        );
        assert_eq!(
            read(Framing::UntilClose, &[b"abc"]),
            Ok((Progress::More, b"abc".to_vec()))
        );
        let chunks = b"3\r\nabc\r\nA;x=\"1\"\r\n0123456789\r\n0\r\nt: v\r\n\r\nnext";
        assert_eq!(
            read(Framing::Chunked, &[chunks]),
            ended(chunks.len() - 4, b"abc01234")
        );
    }

    #[test]
    fn a_long_body_is_capped_and_its_chunk_lines_count() {
        assert_eq!(
            read(Framing::Length(u64::MAX), &[&[b'x'; 101]]).unwrap().0,
            Progress::Capped
        );
        assert_eq!(
            read(Framing::UntilClose, &[&[b'x'; 101]]).unwrap().0,
            Progress::Capped
        );
        let tiny = b"1\r\nx\r\n".repeat(17);
        assert_eq!(
            read(Framing::Chunked, &[&tiny]).unwrap().0,
            Progress::Capped
        );
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for input in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "1234567890abcdef\r\n",
            "3\r\nabcd\r\n",
            "3\r\nabc\n0\r\n",
            ";\r\n",
            "3\r\nabc\r\r\n",
        ] {
            assert_eq!(
                read(Framing::Chunked, &[input.as_bytes()]),
                Err(Malformed::Chunk),
                "{input:?}"
            );
        }
        let mut body = Body::new(Framing::Chunked, 0, u64::MAX);
        let endless = vec![b' '; CHUNK_LINE_BYTES_LIMIT + 2];
        assert_eq!(
            body.take(b"1").and_then(|_| body.take(&endless)),
            Err(Malformed::Chunk)
        );
        let mut body = Body::new(Framing::Chunked, 0, u64::MAX);
        let trailers = [b"0\r\n".to_vec(), b"a: b\r\n".repeat(2000)].concat();
        assert_eq!(body.take(&trailers), Err(Malformed::Chunk));
    }

    proptest! {
        #[test]
        fn chunks_read_the_same_however_they_are_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..6),
            cut in 1usize..9,
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut body = Body::new(Framing::Chunked, 1000, 10_000);
            let mut progress = Progress::More;
            for piece in wire.chunks(cut) {
                prop_assert_eq!(progress, Progress::More);
                progress = body.take(piece).unwrap();
            }
            prop_assert!(matches!(progress, Progress::Ended(_)));
            prop_assert_eq!(body.into_excerpt(), chunks.concat());
        }

        #[test]
        fn garbage_never_breaks_the_reader(input in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_head(&input, &Method::GET);
            for framing in [Framing::Chunked, Framing::Length(7), Framing::UntilClose, Framing::Empty] {
                let _ = Body::new(framing, 16, 64).take(&input);
            }
        }
    }
}
