//! What the sink does with a request, by the first part of its path.
//!
//! | path | what happens |
//! |---|---|
//! | `/ok` and every other | 200 |
//! | `/slow?ms=100` | 200 after so long |
//! | `/flaky?p=0.3&times=1` | of three in ten ids the first `times` tries are answered 503 |
//! | `/status/503?retry_after=7` | that status |
//! | `/limited?rate=10` | 429 with `Retry-After` beyond so many a second, per path |
//! | `/drip?ms=50` | 200 and a body of which a byte comes each time |
//! | `/reset` · `/hang` · `/close` | cut by reset · no answer · closed without an answer |
//! | `/garbage` | bytes that are no HTTP |
//! | `/huge?bytes=10000000000` | 200 and a body of that size |
//! | `/redirect?to=/ok` | 302 |
//!
//! What follows the first part is free: `/flaky/inappevent/com.example?p=0.3`. Which ids fail is decided by the id
//! (the target where there is none), so that a run can be repeated.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::request::{Request, parameter};

/// Ids and buckets that are remembered; beyond it the memory starts anew. Chosen.
const REMEMBERED_LIMIT: usize = 1 << 20;

/// What is done with one request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Behaviour {
    Answer(Answer),
    Slow(Duration),
    Drip(Duration),
    Huge(u64),
    Reset,
    Hang,
    Close,
    Garbage,
}

/// An answer without delay.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Further header lines, each with its line end.
    pub(super) headers: String,
}

impl Answer {
    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            headers: String::new(),
        }
    }
}

/// What was seen before, for those behaviours that depend on it.
#[derive(Debug, Default)]
pub(super) struct Tries {
    hasher: foldhash::fast::FixedState,
    seen: Mutex<HashMap<u64, u32>>,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

/// What to do with `request`; `otherwise` is the target whose behaviour other paths have.
pub(super) fn of(request: &Request<'_>, otherwise: &str, tries: &Tries) -> Behaviour {
    let number = |name: &str, default: f64| number(request, otherwise, name).unwrap_or(default);
    let millis = |name: &str, default| Duration::from_millis(number(name, default) as u64);
    let path = request.path();
    let known = first_part(path);
    let (kind, path) = match known {
        "ok" | "slow" | "flaky" | "status" | "limited" | "drip" | "reset" | "hang" | "close"
        | "garbage" | "huge" | "redirect" => (known, path),
        _ => (first_part(otherwise), otherwise),
    };
    match kind {
        "slow" => Behaviour::Slow(millis("ms", 100.0)),
        "drip" => Behaviour::Drip(millis("ms", 50.0)),
        "huge" => Behaviour::Huge(number("bytes", 1e10) as u64),
        "reset" => Behaviour::Reset,
        "hang" => Behaviour::Hang,
        "close" => Behaviour::Close,
        "garbage" => Behaviour::Garbage,
        "flaky" => Behaviour::Answer(flaky(
            request,
            number("p", 0.5),
            number("times", 1.0),
            tries,
        )),
        "limited" => Behaviour::Answer(limited(request, number("rate", 10.0), tries)),
        "status" => Behaviour::Answer(status(path, number("retry_after", -1.0))),
        "redirect" => Behaviour::Answer(Answer {
            status: 302,
            headers: format!("location: {}\r\n", request.parameter("to").unwrap_or("/ok")),
        }),
        _ => Behaviour::Answer(Answer::status(200)),
    }
}

/// The part between the first and the second slash.
fn first_part(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    path.split(['/', '?']).next().unwrap_or_default()
}

/// A number from the request's query, else from that of the default target.
fn number(request: &Request<'_>, otherwise: &str, name: &str) -> Option<f64> {
    let text = request
        .parameter(name)
        .or_else(|| parameter(otherwise, name))?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn status(path: &str, retry_after_secs: f64) -> Answer {
    let text = path.split(['/', '?']).nth(2).unwrap_or_default();
    let status = text
        .parse()
        .ok()
        .filter(|status| (200..=599).contains(status));
    let headers = match retry_after_secs {
        secs if secs >= 0.0 => format!("retry-after: {secs}\r\n"),
        _ => String::new(),
    };
    Answer {
        status: status.unwrap_or(400),
        headers,
    }
}

fn flaky(request: &Request<'_>, share: f64, times: f64, tries: &Tries) -> Answer {
    let name = if request.id.is_empty() {
        request.target
    } else {
        request.id
    };
    let hash = tries.hasher.hash_one(name);
    // The upper 53 bits as a number from 0 to 1.
    let place = (hash >> 11) as f64 / (1_u64 << 53) as f64;
    if place >= share {
        return Answer::status(200);
    }
    let mut seen = tries.seen.lock();
    if seen.len() >= REMEMBERED_LIMIT {
        seen.clear();
    }
    let count = seen.entry(hash).or_default();
    *count = count.saturating_add(1);
    Answer::status(if f64::from(*count) <= times { 503 } else { 200 })
}

/// A token bucket of one second's rate per path.
fn limited(request: &Request<'_>, rate: f64, tries: &Tries) -> Answer {
    let now = Instant::now();
    let mut buckets = tries.buckets.lock();
    if buckets.len() >= REMEMBERED_LIMIT {
        buckets.clear();
    }
    let bucket = buckets
        .entry(request.path().to_owned())
        .or_insert((rate, now));
    let (tokens, since) = *bucket;
    let tokens = (tokens + (now - since).as_secs_f64() * rate).min(rate.max(1.0));
    if tokens >= 1.0 {
        *bucket = (tokens - 1.0, now);
        return Answer::status(200);
    }
    *bucket = (tokens, now);
    Answer {
        status: 429,
        headers: "retry-after: 1\r\n".to_owned(),
    }
}
