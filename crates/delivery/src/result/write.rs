//! Outcomes to results, on the hot path.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;

use super::json::{put_address, put_key, put_number, put_text, put_time};
use super::origin::OriginRef;
use super::{Decision, Salt};
use crate::config::hidden::hide;
use crate::masking::Masking;
use crate::port::{
    Attempt, Beside, Compared, Ended, ErrorClass, FailureClass, Fate, LineOutcome, Outcome, Reason,
    Timings, Tried, Verdict,
};
use crate::travel;

/// Who sent: the same for every result of a notifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentBy {
    /// The notifier's id.
    pub notifier: String,
    /// The host it runs on.
    pub host: String,
    /// The request id of the function it runs in.
    pub request_id: Option<String>,
}

/// Writes the results of one route. Cheap to share between tasks.
#[derive(Clone, Debug)]
pub struct Writer {
    /// `"route":"s2s"`, escaped once.
    route: Arc<[u8]>,
    /// `,"notifier":…`, escaped once.
    sent_by: Arc<[u8]>,
    masking: Masking,
    /// What else no result may hold.
    hidden: Arc<[String]>,
    salt: Salt,
    keeps_sources: bool,
}

/// The longest excerpt that is stored, whatever the destination's `response_excerpt_bytes` lets senders keep.
pub const EXCERPT_BYTES_MAX: usize = 16 << 10;

/// What a result and its source usually have.
const PACKED_BYTES_USUAL: usize = 1024;

impl Writer {
    /// Writes results of `route`, excerpts of at most [`EXCERPT_BYTES_MAX`], sources kept.
    #[must_use]
    pub fn new(route: &str, sent_by: &SentBy, masking: Masking, salt: Salt) -> Self {
        let mut route_member = Vec::from(*b",\"route\":");
        put_text(&mut route_member, route);
        let mut who = Vec::new();
        put_member(&mut who, "notifier", &sent_by.notifier);
        put_member(&mut who, "host", &sent_by.host);
        put_member(
            &mut who,
            "request_id",
            sent_by.request_id.as_deref().unwrap_or_default(),
        );
        Self {
            route: route_member.into(),
            sent_by: who.into(),
            masking,
            hidden: Arc::default(),
            salt,
            keeps_sources: true,
        }
    }

    /// Hides these secrets as well, which templates put into requests.
    #[must_use]
    pub fn hiding(mut self, hidden: Arc<[String]>) -> Self {
        self.hidden = hidden;
        self
    }

    /// Keeps no sources: delivered notifications cannot be replayed then, dead letters still can.
    #[must_use]
    pub fn without_sources(mut self) -> Self {
        self.keeps_sources = false;
        self
    }

    /// The result of one line in its [`super::Packed`] form; empty when nothing was tried and nothing decided.
    #[must_use]
    pub fn packed(&self, at: Timestamp, outcome: &Outcome, line: &LineOutcome) -> Bytes {
        let mut out = Vec::with_capacity(PACKED_BYTES_USUAL);
        self.put_packed(&mut out, at, outcome, line);
        out.into()
    }

    /// The same for all lines of `outcomes`, in order: slices of one buffer.
    pub fn packed_all(
        &self,
        at: Timestamp,
        outcomes: &[Outcome],
    ) -> impl Iterator<Item = Bytes> + use<> {
        let lines: usize = outcomes.iter().map(|outcome| outcome.lines.len()).sum();
        let mut out = Vec::with_capacity(lines * PACKED_BYTES_USUAL);
        let mut ends = Vec::with_capacity(lines);
        for outcome in outcomes {
            for line in &outcome.lines {
                self.put_packed(&mut out, at, outcome, line);
                ends.push(out.len());
            }
        }
        let all = Bytes::from(out);
        let mut start = 0;
        ends.into_iter()
            .map(move |end| all.slice(std::mem::replace(&mut start, end)..end))
    }

    fn put_packed(&self, out: &mut Vec<u8>, at: Timestamp, outcome: &Outcome, line: &LineOutcome) {
        if let Some(decision) = self.put(out, at, outcome, line)
            && decision.is_final()
            && self.keeps_sources
            && memchr::memchr(b'\n', &line.raw).is_none()
        {
            out.push(b'\n');
            out.extend_from_slice(&line.raw);
        }
    }

    /// Appends the JSON object of one line; `None` and nothing appended when nothing was tried and nothing decided.
    pub fn put(
        &self,
        out: &mut Vec<u8>,
        at: Timestamp,
        outcome: &Outcome,
        line: &LineOutcome,
    ) -> Option<Decision> {
        let decision = match line.verdict {
            Verdict::Delivered => Decision::Delivered,
            Verdict::RetryAt { .. } => Decision::Retry,
            Verdict::Dead { .. } => Decision::Dead,
            Verdict::Expired { .. } => Decision::Expired,
            Verdict::Later { .. } | Verdict::Broken { .. } | Verdict::Paused { .. } => return None,
        };
        self.put_head(out, at, outcome, line, decision);
        put_count(out, "line", line.line.into());
        put_count(out, "attempt", line.number.into());
        put_count(out, "receive_count", outcome.receive_count.into());
        self.put_verdict(out, &line.verdict);
        self.put_sent(out, line);
        out.extend_from_slice(&self.sent_by);
        put_origin(out, outcome.origin.as_deref());
        put_member(out, "replay", outcome.replay.as_deref().unwrap_or_default());
        out.push(b'}');
        Some(decision)
    }

    fn put_head(
        &self,
        out: &mut Vec<u8>,
        at: Timestamp,
        outcome: &Outcome,
        line: &LineOutcome,
        decision: Decision,
    ) {
        let url = line
            .request
            .as_ref()
            .map(|notification| notification.request.url.as_str());
        out.extend_from_slice(b"{\"v\":1,\"at\":");
        put_time(out, at);
        out.extend_from_slice(&self.route);
        out.extend_from_slice(b",\"message_id\":");
        put_text(out, &outcome.message_id);
        out.extend_from_slice(b",\"notification_id\":");
        put_text(out, &line.notification);
        out.extend_from_slice(b",\"url_key\":");
        put_key(out, url.map_or(0, |url| self.salt.url_key(url)));
        out.extend_from_slice(b",\"destination\":");
        put_text(out, &line.destination);
        out.extend_from_slice(b",\"verdict\":\"");
        out.extend_from_slice(decision.name().as_bytes());
        out.extend_from_slice(b"\",\"queued_at\":");
        put_time(out, outcome.sent_at);
        put_accepted_as(out, outcome, line);
    }

    fn put_verdict(&self, out: &mut Vec<u8>, verdict: &Verdict) {
        match verdict {
            Verdict::RetryAt { at, class } => {
                put_member(out, "class", class.name());
                out.extend_from_slice(b",\"next_at\":");
                put_time(out, *at);
            }
            Verdict::Dead { reason } => {
                if let Some(class) = class_of(reason) {
                    put_member(out, "class", class.name());
                }
                put_member(out, "reason", &self.masked(&reason.to_string()));
            }
            Verdict::Expired { deadline } => put_member(out, "reason", &deadline.to_string()),
            Verdict::Delivered
            | Verdict::Later { .. }
            | Verdict::Broken { .. }
            | Verdict::Paused { .. } => {}
        }
    }

    fn put_sent(&self, out: &mut Vec<u8>, line: &LineOutcome) {
        if let Some(attempt) = &line.attempt {
            out.extend_from_slice(b",\"sent_at\":");
            put_time(out, attempt.started);
        }
        if let Some(notification) = &line.request {
            put_member(out, "method", notification.request.method.as_str());
            let url = self.without_secrets(notification.request.url.as_str());
            put_member(out, "url", &self.masking.url(&url));
        }
        if let Some(attempt) = &line.attempt {
            self.put_attempt(out, attempt, line.tried);
        }
    }

    fn put_attempt(&self, out: &mut Vec<u8>, attempt: &Attempt, tried: Tried) {
        if let Some(address) = attempt.address {
            out.extend_from_slice(b",\"address\":");
            put_address(out, address);
        }
        if let Some(status) = attempt.status {
            put_count(out, "status", status.into());
        }
        if let Some(error) = attempt.error {
            put_member(out, "error", error.name());
        }
        if !attempt.detail.is_empty() {
            put_member(out, "detail", &self.masked(&attempt.detail));
        }
        if attempt.http == Some(http::Version::HTTP_2) {
            out.extend_from_slice(b",\"http\":\"2\"");
        }
        if !attempt.sent {
            out.extend_from_slice(b",\"sent\":false");
        }
        put_timings(out, &attempt.timings);
        if let Some(wait) = attempt.retry_after {
            put_count(
                out,
                "retry_after_ms",
                u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            );
        }
        if let Some(name) = tried.name() {
            put_member(out, "tried", name);
        }
        self.put_excerpt(out, &attempt.excerpt);
        if let Some(beside) = &attempt.beside {
            self.put_beside(out, beside);
        }
    }

    /// What became of it at a second URL. Path and query are those of `url`.
    fn put_beside(&self, out: &mut Vec<u8>, beside: &Beside) {
        put_name(out, beside.second.kind().name());
        out.extend_from_slice(b"{\"to\":");
        put_text(out, beside.second.to().as_str());
        match &beside.fate {
            Fate::Skipped(skip) => put_member(out, "skipped", &self.masked(&skip.to_string())),
            // Whoever settles waits for it; so this is never stored.
            Fate::Underway(_) => put_member(out, "error", ErrorClass::Cancelled.name()),
            Fate::Ended(ended) => self.put_ended(out, ended),
        }
        match beside.compared() {
            Some(Compared::Agrees) => out.extend_from_slice(b",\"agrees\":true"),
            Some(Compared::Differs) => out.extend_from_slice(b",\"agrees\":false"),
            _ => {}
        }
        if beside.is_delivered() {
            out.extend_from_slice(b",\"delivered\":true");
        }
        out.push(b'}');
    }

    fn put_ended(&self, out: &mut Vec<u8>, ended: &Ended) {
        if let Some(status) = ended.status {
            put_count(out, "status", status.into());
        }
        put_member(out, "class", ended.class.map_or("", FailureClass::name));
        put_member(out, "error", ended.error.map_or("", ErrorClass::name));
        put_member(out, "detail", &self.masked(&ended.detail));
        if !ended.sent {
            out.extend_from_slice(b",\"sent\":false");
        }
        put_count(
            out,
            "total_us",
            u64::try_from(ended.took.as_micros()).unwrap_or(u64::MAX),
        );
        self.put_excerpt(out, &ended.excerpt);
    }

    fn put_excerpt(&self, out: &mut Vec<u8>, excerpt: &[u8]) {
        let cut = excerpt.get(..EXCERPT_BYTES_MAX).unwrap_or(excerpt);
        if !cut.is_empty() {
            put_member(out, "excerpt", &self.masked(&String::from_utf8_lossy(cut)));
        }
    }

    fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.without_secrets(text) {
            Cow::Borrowed(text) => self.masking.text(text),
            Cow::Owned(text) => Cow::Owned(self.masking.text(&text).into_owned()),
        }
    }

    fn without_secrets<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match hide(&self.hidden, text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(hidden) => Cow::Owned(String::from_utf8_lossy(&hidden).into_owned()),
        }
    }
}

/// The result of a notification that outlived the queue's retention unread or untried.
#[must_use]
pub fn expired_result(
    at: Timestamp,
    route: &str,
    message_id: &str,
    line: u32,
    queued_at: Timestamp,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(320);
    out.extend_from_slice(b"{\"v\":1,\"at\":");
    put_time(&mut out, at);
    put_member(&mut out, "route", route);
    put_member(&mut out, "message_id", message_id);
    put_member(&mut out, "notification_id", &format!("{message_id}/{line}"));
    out.extend_from_slice(b",\"url_key\":");
    put_key(&mut out, 0);
    put_member(&mut out, "destination", "(unknown)");
    put_member(&mut out, "verdict", Decision::Expired.name());
    out.extend_from_slice(b",\"queued_at\":");
    put_time(&mut out, queued_at);
    put_count(&mut out, "line", line.into());
    put_member(&mut out, "reason", "outlived the queue's retention");
    out.push(b'}');
    out
}

/// The id that its sender knows the line by, where the line bears one of its own.
fn put_accepted_as(out: &mut Vec<u8>, outcome: &Outcome, line: &LineOutcome) {
    if outcome.base == outcome.message_id {
        return;
    }
    let sent_as = travel::line_id(&outcome.base, line.line);
    if sent_as != line.notification {
        put_member(out, "accepted_as", &sent_as);
    }
}

fn class_of(reason: &Reason) -> Option<FailureClass> {
    match reason {
        Reason::Final { class, .. } | Reason::TooOld { class, .. } => Some(*class),
        Reason::Refused { .. } => Some(FailureClass::Policy),
        Reason::Unresolved { .. } => Some(FailureClass::Unresolved),
        Reason::Unparsable { .. } => None,
    }
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A text member; nothing when it is empty.
fn put_member(out: &mut Vec<u8>, name: &str, value: &str) {
    if !value.is_empty() {
        put_name(out, name);
        put_text(out, value);
    }
}

fn put_count(out: &mut Vec<u8>, name: &str, value: u64) {
    put_name(out, name);
    put_number(out, value);
}

fn put_timings(out: &mut Vec<u8>, timings: &Timings) {
    out.extend_from_slice(b",\"timings_us\":{");
    let mut is_first = true;
    for (name, span) in [
        ("\"dns\":", timings.dns),
        ("\"connect\":", timings.connect),
        ("\"tls\":", timings.tls),
        ("\"first_byte\":", timings.first_byte),
        ("\"total\":", timings.total),
    ] {
        if span > Duration::ZERO {
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            out.extend_from_slice(name.as_bytes());
            put_number(out, u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        }
    }
    out.push(b'}');
}

fn put_origin(out: &mut Vec<u8>, origin: Option<&str>) {
    let Some(text) = origin.filter(|text| !text.is_empty()) else {
        return;
    };
    let Some(origin) = OriginRef::parse(text) else {
        put_member(out, "origin", text);
        return;
    };
    out.extend_from_slice(b",\"origin\":{\"host\":");
    put_text(out, &origin.host);
    put_member(out, "file", &origin.file);
    put_count(out, "offset", origin.offset);
    out.extend_from_slice(b",\"shipped_at\":");
    put_time(out, Timestamp::from_millis(origin.shipped_at_ms));
    out.push(b'}');
}
