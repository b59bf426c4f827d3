//! One check: what it looks at, how often, and when it alerts.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use base::setting::Problems;

use super::{Flapping, Names, Pattern, Ranges, Size, Span, check_command};
use crate::check::Status;
use crate::check::range::Range;
use crate::check::state::Rules;

/// How often a check is made that does not say so.
const EVERY: Span = Span::secs(60);
/// How soon it is made again after the first bad answer, where it does not say so.
const RETRY_EVERY: Span = Span::secs(10);
/// Bad answers in a row that make a hard state. Source: the sample configuration of Nagios Core.
const ATTEMPTS: u32 = 3;
/// How long a check may take that does not say so.
const TIMEOUT: Span = Span::secs(30);

/// One check. Exactly one of the kinds (`plugin` to `expect`) is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// A command line with the exit codes of Nagios plugins, such as `check_load -w 5 -c 10`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// A command line that writes metrics as Mackerel's plugins do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mackerel: Option<String>,
    /// A Munin plugin, such as `/usr/share/munin/plugins/load`; its name may be that of a link with a suffix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub munin: Option<String>,
    /// A page that must answer: `"http://…"` or a table.
    #[serde(deserialize_with = "or_text", skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// A port that must take connections: `"host:port"` or a table.
    #[serde(deserialize_with = "or_text", skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Tcp>,
    /// Processes that must run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// A file and what must hold of it: `"/path"` or a table.
    #[serde(deserialize_with = "or_text", skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    /// Lines of a log that must not be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// A result that others report and that must come within this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Span>,

    /// Whether the command line is given to `/bin/sh -c`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shell: bool,
    /// The user that the command runs as; only an agent that runs as root can change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Variables of the command beside `PATH`, `HOME` and `LANG`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How often: 1 s to 7 d; 1 min where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// How soon again while a bad answer is not yet a hard state: 1 s to `every`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_every: Option<Span>,
    /// Bad answers in a row until the state is hard: 1 to 100; 3 where it is not said, 1 for `expect` and `log`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How long one run may take: 100 ms to 10 min.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// The hosts' roles; none for all hosts.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub roles: Names,
    /// When values are worth a warning: a range for what a built-in check measures, or a table of ranges by metric.
    #[serde(skip_serializing_if = "Ranges::is_empty")]
    pub warning: Ranges,
    /// When values are critical.
    #[serde(skip_serializing_if = "Ranges::is_empty")]
    pub critical: Ranges,
    /// Hosts, by name or id, without which this one cannot be reached.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub parents: Names,
    /// Checks of the same host, or `HOST/CHECK`, without which this one cannot be well.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub depends_on: Names,
    /// When changes of state are flapping; `false` for never.
    #[serde(skip_serializing_if = "is_default")]
    pub flapping: Flapping,
    /// Whom the router tells.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub notify: Names,
    /// What the router goes by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// The kind of a check.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "as the fields of `Check`")]
pub enum Kind<'a> {
    Plugin(&'a str),
    Mackerel(&'a str),
    Munin(&'a str),
    Http(&'a Http),
    Tcp(&'a Tcp),
    Process(&'a Process),
    File(&'a File),
    Log(&'a Log),
    Expect(Span),
}

/// A page that must answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `http://` or `https://`.
    pub url: String,
    /// `GET` where it is not said; or `HEAD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The statuses that are well; 200 to 399 where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// What the body must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Pattern>,
    /// Headers of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// A port that must take connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// `host:port`.
    pub address: String,
    /// What is sent after connecting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// What the first 4 KiB of the answer must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Pattern>,
}

/// Which processes. Exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Process {
    /// Those whose command line matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching: Option<Pattern>,
    /// The one whose id is in this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pidfile: Option<PathBuf>,
}

/// A file and what must hold of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Which.
    pub path: PathBuf,
    /// Whether it must be there (the default) or must not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// It must have changed within this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// It must not be larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Size>,
    /// It must not be smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<Size>,
    /// Its SHA-256, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// What its first 1 MiB must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Pattern>,
}

/// Lines of a log that must not be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The log. Rotated ones are looked for beside it.
    pub path: PathBuf,
    /// Lines that match alert.
    pub pattern: Pattern,
    /// As what.
    #[serde(default, skip_serializing_if = "is_default")]
    pub level: Level,
    /// Lines that match this one, and not `pattern`, are a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning_pattern: Option<Pattern>,
    /// Lines that match are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Pattern>,
    /// Whether the first run reads what is already there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_start: bool,
}

/// How bad a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// [`Status::Warning`].
    Warning,
    /// [`Status::Critical`].
    #[default]
    Critical,
}

impl Level {
    /// The status that it makes.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Warning => Status::Warning,
            Self::Critical => Status::Critical,
        }
    }
}

/// A table that may be written as its most important value alone.
trait OrText: for<'de> Deserialize<'de> {
    const EXPECTED: &'static str;

    fn of_text(text: &str) -> Self;
}

impl OrText for Http {
    const EXPECTED: &'static str = "a URL such as `\"http://127.0.0.1/\"` or a table with `url`";

    fn of_text(text: &str) -> Self {
        Self {
            url: text.to_owned(),
            ..Self::default()
        }
    }
}

impl OrText for Tcp {
    const EXPECTED: &'static str =
        "an address such as `\"127.0.0.1:25\"` or a table with `address`";

    fn of_text(text: &str) -> Self {
        Self {
            address: text.to_owned(),
            ..Self::default()
        }
    }
}

impl OrText for File {
    const EXPECTED: &'static str = "a path such as `\"/etc/hosts\"` or a table with `path`";

    fn of_text(text: &str) -> Self {
        Self {
            path: text.into(),
            ..Self::default()
        }
    }
}

fn or_text<'de, D: Deserializer<'de>, T: OrText>(from: D) -> Result<Option<T>, D::Error> {
    struct Visitor<T>(PhantomData<T>);
    impl<'de, T: OrText> serde::de::Visitor<'de> for Visitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_str<E>(self, text: &str) -> Result<T, E> {
            Ok(T::of_text(text))
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_any(Visitor(PhantomData)).map(Some)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Check {
    /// Its kind; none where none or several are given.
    #[must_use]
    pub fn kind(&self) -> Option<Kind<'_>> {
        match self.kinds()[..] {
            [(_, kind)] => Some(kind),
            _ => None,
        }
    }

    fn kinds(&self) -> Vec<(&'static str, Kind<'_>)> {
        let kinds = [
            ("plugin", self.plugin.as_deref().map(Kind::Plugin)),
            ("mackerel", self.mackerel.as_deref().map(Kind::Mackerel)),
            ("munin", self.munin.as_deref().map(Kind::Munin)),
            ("http", self.http.as_ref().map(Kind::Http)),
            ("tcp", self.tcp.as_ref().map(Kind::Tcp)),
            ("process", self.process.as_ref().map(Kind::Process)),
            ("file", self.file.as_ref().map(Kind::File)),
            ("log", self.log.as_ref().map(Kind::Log)),
            ("expect", self.expect.map(Kind::Expect)),
        ];
        let given = kinds.into_iter();
        given.filter_map(|(key, kind)| Some((key, kind?))).collect()
    }

    /// How often it is made.
    #[must_use]
    pub fn every(&self) -> Span {
        self.every.unwrap_or(EVERY)
    }

    /// How soon it is made again while its state is soft.
    #[must_use]
    pub fn retry_every(&self) -> Span {
        self.retry_every.unwrap_or(RETRY_EVERY).min(self.every())
    }

    /// How long one run may take.
    #[must_use]
    pub fn timeout(&self) -> Span {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// What its states go by.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let is_once = self.expect.is_some() || self.log.is_some();
        // Three runs that did not come are more than one that was late.
        let of_runs = self.every().get() * 3 + self.timeout().get();
        Rules {
            attempts: self.attempts.unwrap_or(if is_once { 1 } else { ATTEMPTS }),
            flapping: self
                .flapping
                .is_watched
                .then_some((self.flapping.low, self.flapping.high)),
            parents: self.parents.to_vec(),
            depends_on: self.depends_on.to_vec(),
            fresh_for: self.expect.map_or(of_runs, Span::get),
            notify: self.notify.to_vec(),
            labels: self.labels.clone(),
        }
    }

    /// The status that the ranges give to a value of what a built-in check measures.
    #[must_use]
    pub fn judge_main(&self, name: &str, value: f64) -> Status {
        judge(
            self.critical.of_main(name),
            self.warning.of_main(name),
            value,
        )
    }

    /// The status that the ranges give to a value of the metric `name`.
    #[must_use]
    pub fn judge(&self, name: &str, value: f64) -> Status {
        judge(self.critical.of(name), self.warning.of(name), value)
    }

    pub(super) fn check(&self, key: &str, problems: &mut Problems) {
        let kinds: Vec<_> = self.kinds().iter().map(|(kind, _)| *kind).collect();
        match kinds[..] {
            [] => problems.push(key, format!("says nothing to check; give one of {KINDS}")),
            [_] => {}
            _ => problems.push(
                key,
                format!("{} are given; give one of {KINDS}", kinds.join(" and ")),
            ),
        }
        let at = |name: &str| format!("{key}.{name}");
        for (name, line) in [
            ("plugin", &self.plugin),
            ("mackerel", &self.mackerel),
            ("munin", &self.munin),
        ] {
            check_command(problems, &at(name), line.as_deref(), self.shell);
        }
        let has_command = self.plugin.is_some() || self.mackerel.is_some() || self.munin.is_some();
        for (name, is_given) in [
            ("shell", self.shell),
            ("user", self.user.is_some()),
            ("env", !self.env.is_empty()),
        ] {
            if is_given && !has_command {
                problems.push(&at(name), "is for commands: plugin, mackerel or munin");
            }
        }
        let ranged = [("warning", &self.warning), ("critical", &self.critical)];
        for (name, _) in ranged.iter().filter(|(_, ranges)| !ranges.is_empty()) {
            if self.plugin.is_some() || self.expect.is_some() {
                problems.push(
                    &at(name),
                    "is said by the plugin's or the reporter's own status",
                );
            }
        }
        for (name, _) in ranged.iter().filter(|(_, ranges)| ranges.is_single()) {
            if self.mackerel.is_some() || self.munin.is_some() {
                problems.push(&at(name), "name the metric: `{ \"cpu.user\" = \"80\" }`");
            }
        }
        self.check_times(key, problems);
        self.check_kinds(key, problems);
    }

    fn check_times(&self, key: &str, problems: &mut Problems) {
        let at = |name: &str| format!("{key}.{name}");
        let (second, week) = (Span::secs(1), Span::secs(7 * 86_400));
        problems.span(&at("every"), self.every, second.get(), week.get());
        problems.span(
            &at("retry_every"),
            self.retry_every,
            second.get(),
            self.every().get(),
        );
        let tenth = Span(std::time::Duration::from_millis(100));
        problems.span(
            &at("timeout"),
            self.timeout,
            tenth.get(),
            Span::secs(600).get(),
        );
        problems.span(
            &at("expect"),
            self.expect,
            second.get(),
            Span::secs(400 * 86_400).get(),
        );
        problems.count(&at("attempts"), self.attempts, 1, 100);
        let Flapping { low, high, .. } = self.flapping;
        if !(0.0 <= low && low < high && high <= 100.0) {
            problems.push(
                &at("flapping"),
                "`low` is 0 to `high`, and `high` at most 100",
            );
        }
        if self.expect.is_some() && (self.every.is_some() || self.retry_every.is_some()) {
            problems.push(
                &at("every"),
                "a result that others report is not run; `expect` says within which time it comes",
            );
        }
    }

    fn check_kinds(&self, key: &str, problems: &mut Problems) {
        let at = |name: &str| format!("{key}.{name}");
        if let Some(http) = &self.http {
            http.check(&at("http"), problems);
        }
        if let Some(tcp) = self.tcp.as_ref().filter(|tcp| !is_address(&tcp.address)) {
            problems.push(&at("tcp"), format!("`{}` is not `host:port`", tcp.address));
        }
        if let Some(process) = &self.process {
            process.check(&at("process"), problems);
        }
        let digest = self.file.as_ref().and_then(|file| file.checksum.as_ref());
        if digest.is_some_and(|text| text.len() != 64 || hex::decode(text).is_err()) {
            problems.push(&at("file.checksum"), "a SHA-256 is 64 hexadecimal digits");
        }
        let paths = [
            ("file.path", self.file.as_ref().map(|file| &file.path)),
            ("log.path", self.log.as_ref().map(|log| &log.path)),
        ];
        for (name, path) in paths {
            if path.is_some_and(|path| !path.is_absolute()) {
                problems.push(&at(name), "is not an absolute path");
            }
        }
    }
}

const KINDS: &str = "plugin, mackerel, munin, http, tcp, process, file, log, expect";

fn judge(critical: Option<Range>, warning: Option<Range>, value: f64) -> Status {
    let alerts = |range: Option<Range>| range.is_some_and(|range| range.alerts(value));
    match (alerts(critical), alerts(warning)) {
        (true, _) => Status::Critical,
        (false, true) => Status::Warning,
        (false, false) => Status::Ok,
    }
}

/// Whether a text is `host:port`.
pub(super) fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse().is_ok_and(|port: u16| port > 0)
    })
}

impl Http {
    fn check(&self, key: &str, problems: &mut Problems) {
        let url = url::Url::parse(&self.url);
        let is_right =
            url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_right {
            problems.push(
                key,
                format!(
                    "`{}` is not a URL that begins with `http://` or `https://`",
                    self.url
                ),
            );
        }
        let has_password = url::Url::parse(&self.url)
            .is_ok_and(|url| !url.username().is_empty() || url.password().is_some());
        if has_password {
            problems.push(
                key,
                "holds a name or a password; give them in `headers`, as `Authorization`",
            );
        }
        let method = self.method.as_deref();
        if method.is_some_and(|method| !matches!(method, "GET" | "HEAD")) {
            problems.push(&format!("{key}.method"), "is `GET` or `HEAD`");
        }
        if self
            .status
            .iter()
            .any(|status| !(100..=599).contains(status))
        {
            problems.push(&format!("{key}.status"), "statuses are 100 to 599");
        }
        for (name, value) in &self.headers {
            let is_header = http::HeaderName::try_from(name).is_ok()
                && http::HeaderValue::try_from(value).is_ok();
            if !is_header {
                problems.push(
                    &format!("{key}.headers"),
                    format!("`{name}` cannot be sent as a header"),
                );
            }
        }
    }
}

impl Process {
    pub(super) fn check(&self, key: &str, problems: &mut Problems) {
        if self.matching.is_some() == self.pidfile.is_some() {
            problems.push(key, "give `matching` or `pidfile`, one of them");
        }
    }
}
