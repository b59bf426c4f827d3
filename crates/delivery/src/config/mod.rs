//! The settings of delivery: `[routes.*]`, `[destinations."host"]`, `[dns]`, `[notifier]`, `[scaler]`, `[results]`, `[secrets]`.
//!
//! Unknown keys are refused. [`Settings::problems`] says of every wrong value which key it is, what is wrong and
//! what would be right.
//!
//! - [`value`]: spans, rates, sizes, statuses, schedules
//! - [`secret`]: secrets by reference
//! - [`destination`]: the rules for receivers; `name`: what can name one
//! - [`origin`]: where a rule comes from
//! - [`preset`]: rules taken from a preset
//! - [`retry`]: when it is tried again
//! - [`success`]: which answers mean success
//! - [`route`]: queue, format and rules of a route; [`request`]: templates of both
//! - [`transport`], `proxy`: how connections are made
//! - [`auth`]: how we authenticate to a receiver
//! - [`sign`]: how requests to a receiver are signed
//! - `unmet`: rules that never take effect
//! - [`dns`]: who is asked for addresses
//! - [`work`]: notifier, scaler, results
//! - [`keys`]: the table of all keys, for the generated reference

pub mod auth;
pub mod beside;
mod breaker;
pub mod destination;
pub mod dns;
pub(crate) mod hidden;
pub mod keys;
mod name;
pub mod origin;
pub mod preset;
mod proxy;
pub mod request;
pub mod retry;
pub mod route;
mod rules;
pub mod secret;
pub mod sign;
pub mod success;
pub mod transport;
mod unmet;
pub mod value;
pub mod work;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use auth::{Auth, AuthKind};
pub use base::setting::{Invalid, Problems, Size, Span};
pub use beside::{Canary, Shadow};
pub use breaker::{Breaker, BreakerRules, BreakerTable};
pub use destination::Destination;
pub(crate) use hidden::forms as hidden_forms;
pub use name::check_pattern as check_host;
pub use preset::PresetUse;
pub use request::{DestinationRequest, RouteRequest};
pub use retry::Retry;
pub use route::{FormatKind, OnFailure, Route, RouteFormat, RouteMask};
pub use rules::{DestinationRules, RetryRules};
pub use secret::{SecretText, Secrets, SystemSecrets};
pub use sign::{Sign, SignKind};
pub use success::{BodyRule, HeaderRule, HeaderTest, Success, SuccessRules};
pub use transport::Transport;
pub use value::{Rate, Schedule, Statuses};
pub use work::{Notifier, Policy, Results, Scaler, wrong_place};

/// What a lease must outlast beyond the longest attempt: the flush and then some (contract 7).
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// The greatest weight of a route or a destination; chosen: what is a hundredth of another is as good as paused.
const WEIGHT_MAX: u32 = 100;

/// All settings of delivery. The binary flattens them into its own file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The routes by name: 1 to 80 of `a-z`, `A-Z`, `0-9`, `-` and `_`. At most 1,000.
    pub routes: BTreeMap<String, Route>,
    /// The rules for receivers by host, the most specific first: exact, longest `*.domain`, `*`. At most 10,000.
    pub destinations: BTreeMap<String, Destination>,
    /// Who is asked for the addresses of names.
    pub dns: dns::Dns,
    /// How notifiers work.
    pub notifier: Notifier,
    /// How many notifiers run.
    pub scaler: Scaler,
    /// Where results are kept.
    pub results: Results,
    /// Where secrets lie: `NAME = "env:VARIABLE"` or `"file:/path"`.
    pub secrets: BTreeMap<String, String>,
}

impl Settings {
    /// How long the results of that name are kept.
    #[must_use]
    pub fn retention_of(&self, results: &str) -> Duration {
        let mut routes = self.routes.iter();
        let route = routes.find(|(name, route)| route.results.as_ref().unwrap_or(name) == results);
        let own = route.and_then(|(_, route)| route.retention);
        own.unwrap_or(self.results.retention).get()
    }

    /// Everything that is wrong with these settings, without any I/O. Empty when they can be used.
    #[must_use]
    pub fn problems(&self) -> Vec<Invalid> {
        let mut problems = Problems::default();
        for (name, route) in &self.routes {
            route.check(name, &mut problems);
        }
        for (name, destination) in preset::filled(&self.destinations, &mut problems) {
            destination.check(name, &mut problems);
        }
        beside::check_all(&self.destinations, &mut problems);
        self.check_queues(&mut problems);
        self.check_results(&mut problems);
        self.check_secrets(&mut problems);
        if self.routes.len() > 1_000 {
            problems.push(
                "routes",
                "more than 1000 routes; split them over several servers",
            );
        }
        if self.destinations.len() > 10_000 {
            problems.push(
                "destinations",
                "more than 10000 destinations; use `*.domain`",
            );
        }
        self.dns.check(&mut problems);
        self.notifier.check(&mut problems);
        self.scaler.check(&mut problems);
        self.results.check(&mut problems);
        problems.0
    }

    /// Everything that these settings name and that cannot be read: secrets, and files of authorities and certificates. Who serves or
    /// sends asks this beside [`Settings::problems`]; it depends on the machine and on who asks.
    #[must_use]
    pub fn missing(&self, secrets: &dyn Secrets) -> Vec<Invalid> {
        let mut problems = Problems::default();
        // What is wrong with presets is said by `problems`.
        for (name, destination) in preset::filled(&self.destinations, &mut Problems::default()) {
            destination.check_sources(name, &self.secrets, secrets, &mut problems);
        }
        for (name, route) in &self.routes {
            route.check_request_sources(name, &self.secrets, secrets, &mut problems);
        }
        problems.0
    }

    /// What holds otherwise than it is written, or not at all.
    #[must_use]
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut problems = Problems::default();
        unmet::of_destinations(&self.filled(), &mut problems);
        preset::warn(&self.destinations, &mut problems);
        beside::warn_all(&self.destinations, &mut problems);
        for (name, route) in &self.routes {
            unmet::of_route(name, route, &self.scaler, &mut problems);
        }
        self.check_lease(&mut problems);
        problems.0
    }

    /// Certificates of ours that end soon or have ended at `now`. Those that cannot be read are in [`Settings::missing`].
    #[must_use]
    pub fn ending(&self, now: base::Timestamp) -> Vec<Invalid> {
        let mut problems = Problems::default();
        for (name, destination) in &self.destinations {
            destination.warn_of_identity(name, now, &mut problems);
        }
        problems.0
    }

    /// The destinations with the rules of their presets; one whose preset cannot be taken has its own alone.
    #[must_use]
    pub fn filled(&self) -> BTreeMap<String, Destination> {
        let filled = |(name, own): (&String, &Destination)| {
            let rules = own
                .filled(name)
                .map_or_else(|_| own.clone(), Cow::into_owned);
            (name.clone(), rules)
        };
        self.destinations.iter().map(filled).collect()
    }

    fn check_lease(&self, problems: &mut Problems) {
        let filled = self.filled();
        let longest = filled.values().filter_map(|rules| rules.timeout_total);
        let longest = longest.map(Span::get).max().unwrap_or_default();
        let longest = longest.max(DestinationRules::default().timeout_total);
        let needed = longest + LEASE_MARGIN;
        let lease = self.notifier.lease;
        if lease.get() >= needed || lease == Notifier::default().lease {
            return;
        }
        problems.push(
            "notifier.lease",
            format!(
                "{lease} is shorter than the longest attempt and {} ({}); a lease that is long enough is taken instead",
                Span(LEASE_MARGIN),
                Span(needed)
            ),
        );
    }

    /// A queue belongs to one route, and so does what it gave up.
    fn check_queues(&self, problems: &mut Problems) {
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        let mut dead: BTreeMap<String, &str> = BTreeMap::new();
        for (name, route) in &self.routes {
            let key = format!("routes.{name}.queue");
            match owners.get(route.queue.as_str()) {
                Some(other) => problems.push(
                    &key,
                    format!(
                        "`{}` is the queue of route `{other}`; give each route its own",
                        route.queue
                    ),
                ),
                None => {
                    owners.insert(&route.queue, name);
                    let Some(queue) = route.dead_queue() else {
                        continue;
                    };
                    if let Some(other) = dead.insert(queue.clone(), name) {
                        problems.push(&key, format!("what route `{other}` gives up goes to `{queue}` as well; give one of the queues another name"));
                    }
                }
            }
        }
        for (name, route) in &self.routes {
            if let Some(other) = dead.get(&route.queue) {
                problems.push(
                    &format!("routes.{name}.queue"),
                    format!("`{}` keeps what route `{other}` gave up: `shukuba dead retry --route {other}` sends that again", route.queue),
                );
            }
        }
    }

    /// The name of results belongs to one route: who asks or sends again by it means that one.
    fn check_results(&self, problems: &mut Problems) {
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, route) in &self.routes {
            let results = route.results.as_deref().unwrap_or(name);
            if let Some(other) = owners.insert(results, name) {
                problems.push(
                    &format!("routes.{name}.results"),
                    format!("`{results}` is where the results of route `{other}` are; give each route its own"),
                );
            }
        }
    }

    fn check_secrets(&self, problems: &mut Problems) {
        for (name, place) in &self.secrets {
            // What stands there instead may be the secret itself: it is not shown.
            if !place.starts_with("env:") && !place.starts_with("file:/") {
                let key = format!("secrets.{name}");
                problems.push(
                    &key,
                    "is not where a secret is: give `env:NAME` or `file:/path`",
                );
            }
        }
    }

    /// The first thing that is wrong, as an error.
    ///
    /// # Errors
    /// [`Invalid`] as [`Settings::problems`] lists them.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, set: impl FnOnce(&mut Destination)) -> Vec<String> {
        let mut rules = Destination::default();
        set(&mut rules);
        let settings = Settings {
            destinations: [("*".to_owned(), rules)].into(),
            ..Settings::default()
        };
        let found: Vec<String> = settings
            .problems()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            found.len() == 1 && found[0].starts_with(&format!("destinations.\"*\".{key}: ")),
            "{key}: {found:?}"
        );
        found
    }

    #[test]
    fn a_route_masks_more_names_and_leaves_some_in_clear() {
        let text = "queue = \"q\"\nmask = { query = [\"click\"], fields = [\"order\"], except = [\"AD-ID\"] }";
        let route: Route = toml::from_str(text).unwrap();
        let url = "https://h.example/?click=1&order=2&adid=3&idfa=4";
        let masked = route.masking().url(url).into_owned();
        assert_eq!(
            masked,
            "https://h.example/?click=***&order=***&adid=3&idfa=***"
        );
    }

    #[test]
    fn rules_with_which_nothing_could_be_sent_are_refused() {
        for (name, value) in [
            ("Host", "a"),
            ("content-length", "1"),
            ("http2-settings", "a"),
            ("Proxy-Authentication-Info", "a"),
            ("x-a", "b\r\nx-c: d"),
        ] {
            with(&format!("headers.{name}"), |rules| {
                rules.headers.insert(name.into(), value.into());
            });
        }
        for name in ["a b", "http2-settings"] {
            with("id_header", |rules| rules.id_header = Some(name.into()));
        }
        with("connect_to", |rules| {
            rules.connect_to = Some("http://x:1".into())
        });
        let found = with("proxy", |rules| {
            rules.proxy = Some("ftp://u:SECRET@h/".to_owned());
        });
        assert!(!found[0].contains("SECRET"), "{found:?}");
        let found = with("proxy", |rules| {
            rules.proxy = Some("http://h:1/path".to_owned());
        });
        assert!(found[0].contains("`http://h:1/path` is not"), "{found:?}");
    }

    #[test]
    fn a_connection_goes_to_one_place() {
        let way = |connect_to: Option<&str>, proxy: Option<&str>| Destination {
            connect_to: connect_to.map(str::to_owned),
            proxy: proxy.map(str::to_owned),
            ..Destination::default()
        };
        let found = with("connect_to", |rules| {
            *rules = way(Some("h:1"), Some("http://p:1"));
        });
        assert!(found[0].contains("beside `proxy`"), "{found:?}");
        let of = |own: &Destination, all: &Destination| {
            let none = BTreeMap::new();
            let under = all.resolve("*", &DestinationRules::default(), &none, &SystemSecrets);
            let rules = own.resolve("h", &under.unwrap(), &none, &SystemSecrets);
            let rules = rules.unwrap();
            (rules.connect_to, rules.proxy.map(String::from))
        };
        let (direct, proxied) = (way(Some("h:1"), None), way(None, Some("http://p:1")));
        let nothing = Destination::default();
        assert_eq!(of(&direct, &proxied), (Some("h:1".to_owned()), None));
        assert_eq!(of(&proxied, &direct).0, None);
        assert_eq!(of(&nothing, &direct).0.as_deref(), Some("h:1"));
        assert_eq!(of(&nothing, &proxied).1.as_deref(), Some("http://p:1/"));
    }

    #[test]
    fn what_no_url_and_no_queue_can_be_is_refused() {
        for (host, says) in [
            ("127.1", "URLs are read as `127.0.0.1`"),
            (
                "b\u{fc}cher.example",
                "URLs are read as `xn--bcher-kva.example`",
            ),
            ("a.example.", "URLs are read as `a.example`"),
            ("*.B.example", "lower case"),
            ("[0::1]:81", "URLs are read as `[::1]`"),
            ("*.b.example/a", "has a path, which is of one host"),
            ("b.example/", "leave out the `/`"),
            ("b.example/a b", "URLs are read as `/a%20b`"),
            ("b.example/a/../c", "URLs are read as `/c`"),
            ("b.example/a?b=1", "is not the path of a URL alone"),
            ("b.example:x/a", "lower case"),
        ] {
            let settings = Settings {
                destinations: [(host.to_owned(), Destination::default())].into(),
                ..Settings::default()
            };
            let found = settings.problems();
            assert!(
                found.len() == 1 && found[0].detail.contains(says),
                "{host}: {found:?}"
            );
        }
        let found = with("success", |rules| {
            rules.success = Some(Success::Statuses(vec![Statuses::range(100, 199)]));
        });
        assert!(found[0].contains("of no answer"), "{found:?}");
        with("mail_relay", |rules| {
            rules.mail_relay = Some("smtp:/h".into())
        });
        with("mail_from", |rules| rules.mail_from = Some("nobody".into()));
        for (url, is_good) in [
            ("s3://", false),
            ("s3:///prefix", false),
            ("s3://bucket/prefix", true),
            ("file:///folder", true),
            ("file://host/folder", false),
            ("/folder", false),
        ] {
            let mut settings = Settings::default();
            settings.results.url = Some(url.to_owned());
            assert_eq!(settings.problems().is_empty(), is_good, "{url}");
        }
        for (queue, is_good) in [
            ("https://sqs.x/1/q", true),
            ("ftp://sqs.x/1/q", false),
            ("https://", false),
        ] {
            let settings = Settings {
                routes: [("r".to_owned(), Route::of(queue))].into(),
                ..Settings::default()
            };
            assert_eq!(settings.problems().is_empty(), is_good, "{queue}");
        }
    }

    #[test]
    fn a_queue_belongs_to_one_route() {
        let problems = |routes: &[(&str, &str)]| -> Vec<String> {
            let routes = routes
                .iter()
                .map(|(name, queue)| ((*name).to_owned(), Route::of(queue)));
            let settings = Settings {
                routes: routes.collect(),
                ..Settings::default()
            };
            settings
                .problems()
                .into_iter()
                .map(|found| found.key)
                .collect()
        };
        assert!(problems(&[("a", "q"), ("b", "r.fifo"), ("c", "https://sqs.x/1/q")]).is_empty());
        assert_eq!(problems(&[("a", "q"), ("b", "q")]), ["routes.b.queue"]);
        assert_eq!(problems(&[("a", "q"), ("b", "q.fifo")]), ["routes.b.queue"]);
        assert_eq!(problems(&[("a", "q-dead"), ("b", "q")]), ["routes.a.queue"]);
        assert_eq!(problems(&[("a", "a b")]), ["routes.a.queue"]);
    }

    #[test]
    fn results_belong_to_one_route_and_secrets_lie_elsewhere() {
        let problems = |text: &str| -> Vec<String> {
            let settings: Settings = toml::from_str(text).unwrap();
            let found = settings.problems();
            found.iter().map(ToString::to_string).collect()
        };
        let two = "[routes.a]\nqueue = \"qa\"\n[routes.b]\nqueue = \"qb\"\n";
        let queue = "[routes.r]\nqueue = \"https://h/1/q\"\n";
        let retry = |url: &str| format!("{queue}retry_queue = \"{url}\"\n");
        for text in [two, &retry("https://h/1/r")] {
            assert!(problems(text).is_empty(), "{text}");
        }
        for (text, says) in [
            (
                format!("{two}results = \"a\"\n"),
                "routes.b.results: `a` is where",
            ),
            (retry("ftp://h/r"), "routes.r.retry_queue: `ftp://h/r`"),
            (
                "[secrets]\nA = \"env:A\"\nB = \"file:/b\"\nC = \"TOP\"\n".to_owned(),
                "secrets.C: is not where a secret is",
            ),
            (
                "[destinations.\"h.example\"]\nheaders = { A = \"1\", a = \"2\" }\n".to_owned(),
                "is given as `A` as well",
            ),
            (
                "[routes.r]\nqueue = \"q\"\nformat = { method = \"PSOT\" }\n".to_owned(),
                "routes.r.format.method: `PSOT`",
            ),
        ] {
            let found = problems(&text);
            let is_said = found.len() == 1 && found[0].contains(says) && !found[0].contains("TOP");
            assert!(is_said, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_short_lease_is_made_longer_and_said() {
        let mut settings = Settings::default();
        assert!(settings.warnings().is_empty());
        settings.notifier.lease = Span::secs(10);
        assert_eq!(settings.warnings()[0].key, "notifier.lease");
        assert!(settings.problems().is_empty());
    }

    #[test]
    fn secrets_are_hidden_where_they_come_back() {
        struct Fixed;
        impl Secrets for Fixed {
            fn env(&self, _: &str) -> Result<String, String> {
                Ok("TOP\"SECRET".to_owned())
            }
            fn file(&self, path: &str) -> Result<String, String> {
                Err(path.to_owned())
            }
        }
        let mut rules = Destination::default();
        let headers = [
            ("authorization", "Bearer LITERAL"),
            ("x-k", "k=${env:K}"),
            ("x-plain", "harmless"),
        ];
        rules.headers = headers
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        rules.proxy = Some("http://u:p%40ssword@h:1/".to_owned());
        let shown = toml::to_string(&rules.shown()).unwrap_or_default();
        assert!(
            !shown.contains("LITERAL") && !shown.contains("ssword"),
            "{shown}"
        );
        assert!(
            shown.contains("${env:K}") && shown.contains("harmless"),
            "{shown}"
        );
        let rules = rules.resolve("*", &DestinationRules::default(), &BTreeMap::new(), &Fixed);
        let rules = rules.unwrap();
        for (text, hidden) in [
            ("got Bearer LITERAL, harmless", "got Bearer ***, harmless"),
            (r#"{"k":"k=TOP\"SECRET"}"#, r#"{"k":"k=***"}"#),
            ("k=TOP\"SECRET p@ssword", "k=*** ***"),
            ("cut at LITE", "cut at ***"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(rules.hide(text.as_bytes()), hidden.as_bytes());
        }
    }
}
