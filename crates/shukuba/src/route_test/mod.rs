//! What a line would become: its request, its destination and the addresses, without sending anything.
//!
//! - [`file`]: the same for all lines of a file, counted

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, SystemClock};
use bytes::Bytes;
use delivery::config::transport::HttpVersion;
use delivery::config::{DestinationRules, Schedule, Span};
use delivery::destinations::{self, Destinations};
use delivery::format::{self, Format, Parsed};
use delivery::making::{self, Facts};
use delivery::masking::{MASK, Masking};
use delivery::port::{Notification, Sender as _};
use delivery::sender::{Senders, Tools};
use serde::{Deserialize, Serialize};

mod file;

pub(crate) use file::{Dry, Tell, run as run_file};

/// What would happen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tested {
    pub(crate) route: String,
    /// Whether it would be sent.
    pub(crate) is_sent: bool,
    /// Why not, and what would be right.
    pub(crate) problem: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) expires_at: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    /// Bytes of the body.
    pub(crate) body_bytes: usize,
    /// The very bytes that would be sent, `***` for secrets.
    pub(crate) bytes: Option<String>,
    /// The name of the rules that apply.
    pub(crate) destination: Option<String>,
    /// Those of its rules that say how it is sent and when again.
    pub(crate) rules: BTreeMap<String, String>,
    /// The server that would take it for the receiver, `host:port`.
    pub(crate) relay: Option<String>,
    /// Where it would connect to.
    pub(crate) addresses: Vec<String>,
    /// What would go to a second URL.
    pub(crate) beside: Option<Beside>,
}

/// What would go to a second URL.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Beside {
    /// `shadow` or `canary`.
    pub(crate) kind: String,
    /// The whole URL; none where nothing would go there.
    pub(crate) url: Option<String>,
    /// Why nothing would.
    pub(crate) skipped: Option<String>,
    /// The part of the notifications that is chosen.
    pub(crate) share: f64,
    /// Whether this one is; none where its id is the message's.
    pub(crate) is_chosen: Option<bool>,
    /// The name of the rules that apply there.
    pub(crate) destination: String,
    /// The headers, with the values of the line alone.
    pub(crate) headers: Vec<(String, String)>,
}

/// What lines are tried on, without anything being sent.
pub(crate) struct Stage<'a> {
    pub(crate) route: &'a str,
    pub(crate) format: &'a Format,
    pub(crate) destinations: &'a Destinations,
    /// Those of the message, as macros name them.
    pub(crate) attributes: BTreeMap<String, String>,
    senders: Senders,
    clock: Arc<dyn Clock>,
}

/// Stands for the id of a line that has none of its own.
const ID: &str = "(the message's id)/1";

impl<'a> Stage<'a> {
    pub(crate) fn new(
        route: &'a str,
        format: &'a Format,
        destinations: &'a Destinations,
        attributes: BTreeMap<String, String>,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        Self {
            route,
            format,
            destinations,
            attributes,
            senders: Senders::new(Tools::new(clock.clone())),
            clock,
        }
    }

    /// The request of a line, made as for its first attempt.
    fn make(&self, line: &Bytes) -> Result<Parsed, format::Error> {
        let now = self.clock.now();
        let facts = Facts {
            id: ID,
            takes_own_id: true,
            attempt: 1,
            attributes: Some(&self.attributes),
            at: now,
            accepted_at: now,
        };
        let mut parsed = making::make(self.format, self.destinations, line, &facts)?;
        // As if it was accepted now.
        let rules = self.destinations.of_url(&parsed.request.url);
        parsed.expires_at = rules.deadline.earliest(parsed.expires_at, now);
        Ok(parsed)
    }
}

/// Tests `line`.
pub(crate) async fn run(stage: &Stage<'_>, line: &str) -> Tested {
    let mut tested = Tested {
        route: stage.route.to_owned(),
        ..Tested::default()
    };
    match stage.make(&Bytes::copy_from_slice(line.as_bytes())) {
        Err(problem) => tested.problem = Some(problem.to_string()),
        Ok(parsed) => {
            let senders = &stage.senders;
            let rules = stage.destinations.of_url(&parsed.request.url).clone();
            let over = parsed.expires_at.filter(|end| *end <= stage.clock.now());
            let own = senders.own_headers(&parsed.request, &rules);
            match (over, senders.way(&parsed.request, &rules).await) {
                (None, Ok(way)) => {
                    tested.is_sent = true;
                    tested.addresses = way.addresses.iter().map(ToString::to_string).collect();
                    tested.relay = way.relay;
                }
                // Looked at first by notifiers as well.
                (Some(end), _) => {
                    tested.problem = Some(format!("its time was over at {}", end.rfc3339()))
                }
                (None, Err(refused)) => tested.problem = Some(refused.to_string()),
            }
            tested.destination = Some(name_of(&rules, &parsed.request.url));
            tested.bytes = written(stage, &parsed, &rules);
            tested.beside = beside(stage, &parsed, &rules);
            tell(&mut tested, parsed, &rules, &own);
            hide(&mut tested, stage.format, &rules);
        }
    }
    tested
}

/// The destination that results would name.
fn name_of(rules: &DestinationRules, url: &url::Url) -> String {
    match rules.is_for_all() {
        true => destinations::authority(url),
        false => rules.name.to_string(),
    }
}

/// The first attempt of what a line asks for.
fn first_attempt(parsed: &Parsed) -> Notification {
    Notification {
        id: Arc::from(parsed.id.as_deref().unwrap_or(ID)),
        request: parsed.request.clone(),
        attempt: 1,
        expires_at: parsed.expires_at,
        line: 1,
        message_id: Arc::from(""),
        origin: None,
        replay: None,
    }
}

/// The very bytes that would be sent, without secrets; `None` where they are not known before they are sent (mails).
fn written(stage: &Stage<'_>, parsed: &Parsed, rules: &DestinationRules) -> Option<String> {
    let notification = first_attempt(parsed);
    let mut bytes = stage.senders.written(&notification, rules).ok()?;
    // Headers that hold a secret as it is are hidden by `rules.hidden` as well.
    bytes = rules.hide(&bytes).into_owned();
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Hides the secrets that templates put into what is shown.
fn hide(tested: &mut Tested, format: &Format, rules: &DestinationRules) {
    let hidden = |text: &mut String| {
        let without = format.hide(text);
        *text = String::from_utf8_lossy(&rules.hide(without.as_bytes())).into_owned();
    };
    let texts = [&mut tested.url, &mut tested.body, &mut tested.bytes];
    texts.into_iter().flatten().for_each(hidden);
    tested
        .headers
        .iter_mut()
        .for_each(|(_, value)| hidden(value));
}

/// What would go to the receiver's second URL.
fn beside(stage: &Stage<'_>, parsed: &Parsed, rules: &DestinationRules) -> Option<Beside> {
    let second = rules.beside.as_ref()?;
    let there = second.rules()?;
    let notification = first_attempt(parsed);
    let mut told = Beside {
        kind: second.kind().name().to_owned(),
        share: second.share(),
        is_chosen: parsed.id.as_deref().map(|id| second.takes(id)),
        destination: there.name.to_string(),
        ..Beside::default()
    };
    match second.request(&notification, rules, stage.clock.now()) {
        Err(skip) => told.skipped = Some(skip.to_string()),
        Ok(made) => {
            let own = stage.senders.own_headers(&made.request, there);
            // Templates of its own host may have put secrets there.
            let hidden =
                |text: &str| String::from_utf8_lossy(&there.hide(text.as_bytes())).into_owned();
            told.url = Some(hidden(made.request.url.as_str()));
            told.headers = headers(made.request.headers, &own, there, &made.id);
            for (_, value) in &mut told.headers {
                *value = hidden(value);
            }
        }
    }
    Some(told)
}

/// Those of the request and `own`, which the rules give it, as they may be shown.
fn headers(
    all: Vec<(String, String)>,
    own: &[&str],
    rules: &DestinationRules,
    id: &str,
) -> Vec<(String, String)> {
    let masking = Masking::default();
    let shown = |(name, value): (String, String)| {
        let is_secret = masking.hides(name.as_bytes())
            || matches!(
                name.to_ascii_lowercase().as_str(),
                "cookie" | "proxy-authorization" | "x-api-key"
            );
        (name, if is_secret { MASK.to_owned() } else { value })
    };
    let replaced = |name: &str| own.iter().any(|own| own.eq_ignore_ascii_case(name));
    let mut headers: Vec<_> = all
        .into_iter()
        .filter(|(name, _)| !replaced(name))
        .map(shown)
        .collect();
    // Static headers may hold secrets: their names only.
    let set = |name: &&str| {
        let is_id = name.eq_ignore_ascii_case(&rules.id_header);
        let value = if is_id {
            id
        } else {
            "(set by the destination)"
        };
        ((*name).to_owned(), value.to_owned())
    };
    headers.extend(own.iter().map(set));
    headers
}

/// `own`: the headers that the rules give the request.
fn tell(tested: &mut Tested, parsed: Parsed, rules: &DestinationRules, own: &[&str]) {
    let request = parsed.request;
    tested.id = parsed.id;
    tested.expires_at = parsed.expires_at.map(base::Timestamp::rfc3339);
    tested.method = Some(request.method.to_string());
    tested.url = Some(request.url.to_string());
    let id = tested.id.as_deref().unwrap_or(ID);
    tested.headers = headers(request.headers, own, rules, id);
    tested.rules = rules_of(rules);
    tested.body_bytes = request.body.len();
    tested.body =
        (!request.body.is_empty()).then(|| String::from_utf8_lossy(&request.body).into_owned());
}

/// What is set or matters most, in words of the settings.
fn rules_of(rules: &DestinationRules) -> BTreeMap<String, String> {
    let span = |span: Duration| Some(Span(span).to_string());
    let schedule = |schedule: &Schedule| match schedule {
        Schedule::Never => "never".to_owned(),
        Schedule::Waits(waits) => waits
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let transport = &rules.transport;
    let certificate = transport.identity.as_ref();
    let certificate = certificate.map(|identity| identity.certificate.display().to_string());
    let source = transport.source.and_then(|source| {
        let (v4, v6) = (source.v4.map(IpAddr::V4), source.v6.map(IpAddr::V6));
        list(&v4.into_iter().chain(v6).collect::<Vec<_>>())
    });
    let all = [
        ("timeout_connect", span(rules.timeout_connect)),
        ("timeout_first_byte", span(rules.timeout_first_byte)),
        ("timeout_total", span(rules.timeout_total)),
        (
            "in_flight_max",
            rules.in_flight_max.map(|count| count.to_string()),
        ),
        ("rate", rules.rate_per_sec.map(|rate| format!("{rate}/s"))),
        ("success", success_of(rules)),
        ("retry.server", Some(schedule(&rules.retry.server))),
        ("retry.client", Some(schedule(&rules.retry.client))),
        (
            "retry.unrecorded",
            rules
                .recorded
                .as_ref()
                .map(|_| schedule(&rules.retry.unrecorded)),
        ),
        ("connect_to", rules.connect_to.clone()),
        (
            "ca_file",
            rules
                .ca_file
                .as_ref()
                .map(|path| path.display().to_string()),
        ),
        (
            "http",
            (transport.http != HttpVersion::Http1).then(|| transport.http.to_string()),
        ),
        ("client_certificate", certificate),
        ("tls_server_name", transport.tls_server_name.clone()),
        ("source_address", source),
        ("allow_cidrs", list(&rules.allow_cidrs)),
        // A proxy's URL may hold a password.
        (
            "proxy",
            rules.proxy.as_ref().map(delivery::destinations::authority),
        ),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn success_of(rules: &DestinationRules) -> Option<String> {
    let statuses = list(&rules.success)?;
    Some(match &rules.recorded {
        Some(recorded) => format!("{statuses}; rules: {recorded}"),
        None => statuses,
    })
}

fn list<T: ToString>(all: &[T]) -> Option<String> {
    (!all.is_empty()).then(|| {
        all.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    })
}
