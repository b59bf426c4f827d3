//! One check: what it looks at, how often, and when it alerts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use base::setting::Problems;

use super::look::{is_address, is_default, or_text};
use super::{
    Dns, File, Flapping, Http, Log, Names, Ping, Process, Ranges, Span, Tcp, Tls, check_command,
};
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
    /// A certificate that must be right and not end soon: `"host:port"` or a table.
    #[serde(deserialize_with = "or_text", skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// A host that must answer echo requests: its name or address, or a table.
    #[serde(deserialize_with = "or_text", skip_serializing_if = "Option::is_none")]
    pub ping: Option<Ping>,
    /// A name that must have addresses: the name or a table.
    #[serde(deserialize_with = "or_text", skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
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
    Tls(&'a Tls),
    Ping(&'a Ping),
    Dns(&'a Dns),
    Process(&'a Process),
    File(&'a File),
    Log(&'a Log),
    Expect(Span),
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
            ("tls", self.tls.as_ref().map(Kind::Tls)),
            ("ping", self.ping.as_ref().map(Kind::Ping)),
            ("dns", self.dns.as_ref().map(Kind::Dns)),
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
        if let Some(tls) = &self.tls {
            tls.check(&at("tls"), problems);
        }
        if let Some(ping) = &self.ping {
            ping.check(&at("ping"), self.timeout().get(), problems);
        }
        if let Some(dns) = &self.dns {
            dns.check(&at("dns"), problems);
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

pub(super) const KINDS: &str =
    "plugin, mackerel, munin, http, tcp, tls, ping, dns, process, file, log, expect";

fn judge(critical: Option<Range>, warning: Option<Range>, value: f64) -> Status {
    let alerts = |range: Option<Range>| range.is_some_and(|range| range.alerts(value));
    match (alerts(critical), alerts(warning)) {
        (true, _) => Status::Critical,
        (false, true) => Status::Warning,
        (false, false) => Status::Ok,
    }
}
