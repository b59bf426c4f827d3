//! `[routes.NAME]`: a queue, the format of its lines, and the rules for them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Span;
use super::request::RouteRequest;
use super::{Problems, Size};
use crate::masking::Masking;

/// `[routes.NAME]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The queue: a name of this server's, or the URL of any SQS queue. Required.
    pub queue: String,
    /// The queue that retries wait in, where `queue` is a URL. Default the queue itself.
    #[serde(default)]
    pub retry_queue: Option<String>,
    /// The form of its lines. Default `{ kind = "url" }`.
    #[serde(default)]
    pub format: RouteFormat,
    /// How the request is made from the fields of a line.
    #[serde(default)]
    pub request: RouteRequest,
    /// Where results are stored, under `results.url`: a prefix of 1 to 80 characters. Default the route's name.
    #[serde(default)]
    pub results: Option<String>,
    /// How long a notification is tried, from its acceptance. 1s to 14d; default 24h.
    #[serde(default = "retry_for")]
    pub retry_for: Span,
    /// What is masked in results and logs.
    #[serde(default)]
    pub mask: RouteMask,
    /// How long results are kept. 1h to 400d; default that of `[results]`.
    #[serde(default)]
    pub retention: Option<Span>,
    /// Whether notifiers serve it; `false` leaves the queue to other consumers. Default true.
    #[serde(default = "yes")]
    pub notifier: bool,
    /// Most notifiers at once. 1 to 1000; default that of `[scaler]`.
    #[serde(default)]
    pub notifiers_max: Option<u32>,
    /// What a notification that failed does to those behind it in its group, on a FIFO queue: `block` lets them wait until it is
    /// delivered or given up; `park` takes it aside to be tried on its own, and the group goes on. Default `block`.
    #[serde(default)]
    pub on_failure: Option<OnFailure>,
    /// Its part of what is scarce beside the other routes' parts: of the limits of a destination that several routes send to, and
    /// of this machine's cores while they are busy. 1 to 100; default 1.
    #[serde(default = "one")]
    pub weight: u32,
}

/// What a notification that failed does to those behind it in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// They wait for it.
    #[default]
    Block,
    /// It steps aside.
    Park,
}

fn retry_for() -> Span {
    Span::secs(86_400)
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

impl Route {
    /// A route of the defaults that reads `queue`.
    #[must_use]
    pub fn of(queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            retry_queue: None,
            format: RouteFormat::default(),
            request: RouteRequest::default(),
            results: None,
            retry_for: retry_for(),
            mask: RouteMask::default(),
            retention: None,
            notifier: true,
            notifiers_max: None,
            on_failure: None,
            weight: 1,
        }
    }

    /// What is masked in its results: the usual names and its own, but for those that it leaves in clear.
    #[must_use]
    pub fn masking(&self) -> Masking {
        let own = self.mask.query.iter().chain(&self.mask.fields);
        let except = self.mask.except.iter();
        Masking::with(own.map(String::as_str), except.map(String::as_str))
    }

    /// Whether the queue is one of this server's.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        !self.queue.contains("://")
    }

    /// The queue that keeps what the route gave up, where its queue is this server's.
    #[must_use]
    pub fn dead_queue(&self) -> Option<String> {
        self.is_embedded()
            .then(|| format!("{}-dead", self.queue.trim_end_matches(".fifo")))
    }

    pub(super) fn check(&self, name: &str, problems: &mut Problems) {
        let key = |key: &str| format!("routes.{name}.{key}");
        let is_name = |text: &str| {
            (1..=80).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if !is_name(name) {
            problems.push(
                &format!("routes.\"{name}\""),
                "the name is not 1 to 80 of a-z, A-Z, 0-9, `-` and `_`",
            );
        }
        if self.queue.is_empty() {
            problems.push(&key("queue"), "is empty; give a queue's name or URL");
        } else if !self.is_embedded() && !is_queue_url(&self.queue) {
            problems.push(
                &key("queue"),
                format!("`{}` is not the URL of a queue, such as `https://sqs.eu-west-1.amazonaws.com/123456789012/s2s`", self.queue),
            );
        } else if let Some(dead) = self.dead_queue() {
            let stem = self.queue.strip_suffix(".fifo").unwrap_or(&self.queue);
            if !is_name(stem) || self.queue.len() > 80 || dead.len() > 80 {
                problems.push(
                    &key("queue"),
                    format!("`{}` is not 1 to 75 of a-z, A-Z, 0-9, `-` and `_`, with or without `.fifo`, nor a URL", self.queue),
                );
            }
        }
        let retry = self.retry_queue.as_deref();
        if let Some(queue) = retry.filter(|queue| queue.contains("://") && !is_queue_url(queue)) {
            problems.push(
                &key("retry_queue"),
                format!("`{queue}` is not the URL of a queue, such as `https://sqs.eu-west-1.amazonaws.com/123456789012/s2s-retry`"),
            );
        }
        if let Some(results) = self.results.as_deref().filter(|results| !is_name(results)) {
            problems.push(
                &key("results"),
                format!("`{results}` is not 1 to 80 of a-z, A-Z, 0-9, `-` and `_`"),
            );
        }
        let day = Duration::from_secs(86_400);
        problems.span(
            &key("retry_for"),
            Some(self.retry_for),
            Duration::from_secs(1),
            day * 14,
        );
        problems.span(
            &key("retention"),
            self.retention,
            Duration::from_secs(3600),
            day * 400,
        );
        problems.count(&key("notifiers_max"), self.notifiers_max, 1, 1_000);
        self.format
            .check(name, self.request.url.is_some(), problems);
        self.check_request(name, problems);
        self.check_order(name, problems);
        problems.count(&key("weight"), Some(self.weight), 1, super::WEIGHT_MAX);
        self.mask.check(name, problems);
    }
}

impl Route {
    /// An order that the queue can keep.
    fn check_order(&self, name: &str, problems: &mut Problems) {
        let Some(on_failure) = self.on_failure else {
            return;
        };
        let key = format!("routes.{name}.on_failure");
        let retry = self.retry_queue.as_deref();
        if !self.queue.ends_with(".fifo") {
            let queue = &self.queue;
            problems.push(
                &key,
                format!("is for FIFO queues, and `{queue}` keeps no order: leave it out, or give a queue whose name ends with `.fifo`"),
            );
        } else if on_failure == OnFailure::Park
            && !self.is_embedded()
            && retry.is_none_or(|queue| queue.ends_with(".fifo"))
        {
            problems.push(
                &key,
                "`park` needs a `retry_queue` that is no FIFO queue, since a FIFO queue elsewhere cannot let one message wait",
            );
        }
    }
}

fn is_queue_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.path().len() > 1
    })
}

/// The kinds of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormatKind {
    /// The line is the URL.
    #[default]
    Url,
    /// The line is a JSON object.
    Json,
    /// The line is labelled tab-separated values (`url:https://…<TAB>id:1`).
    Ltsv,
    /// The line is matched by a regular expression with named groups.
    Regex,
}

/// What a body is, where the line does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// Bytes as they are; no content type is added.
    #[default]
    Raw,
    /// JSON: `content-type: application/json` unless the line gives one.
    Json,
    /// A form: `content-type: application/x-www-form-urlencoded` unless the line gives one.
    Form,
}

/// `[routes.NAME.format]`: how a line is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteFormat {
    /// `url`, `json`, `ltsv` or `regex`. Default `url`.
    pub kind: FormatKind,
    /// With `regex`: the expression; its named groups `url`, `method`, `headers`, `body`, `id`, `expires_at`. At most 4KiB.
    pub pattern: Option<String>,
    /// Names of the fields in the line where they differ, such as `{ url = "postback_url" }`. For `json`, a `.`
    /// steps into objects. Default each its own name.
    pub fields: BTreeMap<String, String>,
    /// What the body is where the line does not say: `raw`, `json` or `form`. Default `raw`.
    pub body: BodyKind,
    /// The method where the line gives none. Default `GET` without a body, else `POST`.
    pub method: Option<String>,
    /// Longest line. 1KiB to 1MiB; default 256KiB.
    pub line_bytes_max: Option<Size>,
}

/// The fields that a line may have.
pub const FIELDS: [&str; 8] = [
    "url",
    "method",
    "headers",
    "body",
    "body_base64",
    "form",
    "id",
    "expires_at",
];

impl RouteFormat {
    /// `is_made`: whether the request is made by templates, and no field needs to be the URL.
    fn check(&self, route: &str, is_made: bool, problems: &mut Problems) {
        let key = |key: &str| format!("routes.{route}.format.{key}");
        match (&self.pattern, self.kind) {
            (None, FormatKind::Regex) => problems.push(&key("pattern"), "is missing; with kind = \"regex\" give an expression with a group named url, such as `\"(?P<url>https?://\\\\S+)\"`"),
            (Some(_), FormatKind::Url | FormatKind::Json | FormatKind::Ltsv) => problems.push(&key("pattern"), "is only read with kind = \"regex\"; leave it out or set the kind"),
            _ => {}
        }
        if self
            .fields
            .keys()
            .any(|field| !FIELDS.contains(&field.as_str()))
        {
            problems.push(
                &key("fields"),
                format!("only these fields have a meaning: {}", FIELDS.join(", ")),
            );
        }
        if let Some(size) = self.line_bytes_max
            && !(1 << 10..=1 << 20).contains(&size.get())
        {
            problems.push(
                &key("line_bytes_max"),
                format!("{size} is out of range: 1KiB to 1MiB"),
            );
        }
        if let Some(Err(detail)) = self.method.as_deref().map(crate::format::check_method) {
            problems.push(&key("method"), detail);
        } else if let Err(detail) = crate::format::Format::check(self, is_made) {
            problems.push(&key("kind"), detail);
        }
    }
}

/// `[routes.NAME.mask]`: what is masked in results and logs, in URLs, bodies and answers alike. Some 70 names always are, those of
/// identifiers, places and secrets such as `idfa`, `gaid`, `email`, `user_id`, `ip`, `lat`, `token`, `signature` (docs/operating.md
/// has them all); here are more. Names are compared without case, `-` and `_`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteMask {
    /// More names to mask, such as query parameters of the URL: `["order_id", "click"]`. At most 100. Default none.
    pub query: Vec<String>,
    /// More names to mask, such as fields of a JSON or form body; as `query`. At most 100. Default none.
    pub fields: Vec<String>,
    /// Names that are left in clear although they usually are masked, such as `["adid"]`. At most 100. Default none.
    pub except: Vec<String>,
}

impl RouteMask {
    fn check(&self, route: &str, problems: &mut Problems) {
        for (name, list) in [
            ("query", &self.query),
            ("fields", &self.fields),
            ("except", &self.except),
        ] {
            if list.len() > 100 || list.iter().any(String::is_empty) {
                problems.push(
                    &format!("routes.{route}.mask.{name}"),
                    "is not a list of at most 100 names, none empty",
                );
            }
        }
    }
}
