//! What every room has: who is there, what that person may do, and how it is done.
//!
//! INVARIANT: a page shows and does nothing that the same caller may not ask of the API: a call is read, decided and run as
//! the gateway reads, decides and runs it, with the same actions on the same resources.

use std::sync::Arc;

use api::{Access, Ctx, Decision, Fault, Masked, PageEvent};
use base::{Arn, Timestamp};
use bytes::Bytes;
use gateway::admin;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wire::Protocol;

use super::html::{Table, escaped};
use super::lang::{Language, Word};
use super::layout::Place;
use super::words::frame;
use super::{Parts, Visit};

/// Rows of a page of a list. Chosen.
pub(super) const ROWS: usize = 200;

/// Whose operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// CloudWatch's.
    Metrics,
    /// EC2's.
    Hosts,
    /// The operator's calls, by their names in the operator's API.
    Operator,
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is not allowed.
    Denied {
        /// What.
        action: &'static str,
        /// The end of the sentence that the API says.
        reason: String,
    },
    /// There is nothing of that name.
    NotFound,
    /// It failed.
    Failed(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// What a room answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// A page.
    Page(Page),
    /// Go on to another page, behind `/_shukuba/`.
    To(String),
    /// A picture.
    Picture(String),
}

/// A page of a room.
#[derive(Debug)]
pub(super) struct Page {
    /// What stands over it, as text.
    pub(super) title: String,
    /// In which room.
    pub(super) here: Place,
    /// Whether it is the first page of its room.
    pub(super) is_first: bool,
    /// What stands under the title, as HTML.
    pub(super) body: String,
    /// Whether it reads itself again every minute.
    pub(super) is_live: bool,
    /// Whether it says what is wrong with a form.
    pub(super) is_refused: bool,
}

impl Page {
    /// The first page of a room, which stands still.
    pub(super) fn first(room: &Room<'_>, here: Place, body: String) -> Self {
        Self {
            title: room.say(here.name()).to_owned(),
            here,
            is_first: true,
            body,
            is_live: false,
            is_refused: false,
        }
    }

    /// Another page of a room.
    pub(super) fn inner(title: &str, here: Place, body: String) -> Self {
        Self {
            title: title.to_owned(),
            here,
            is_first: false,
            body,
            is_live: false,
            is_refused: false,
        }
    }
}

/// A room with its guest.
pub(super) struct Room<'a> {
    pub(super) parts: &'a Parts,
    pub(super) visit: &'a Visit,
    /// The circumstances, with who is signed in.
    pub(super) ctx: Ctx,
    pub(super) language: Language,
    /// The token of forms.
    pub(super) token: String,
    /// In which times are shown.
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
}

impl Room<'_> {
    pub(super) fn say(&self, word: Word) -> &'static str {
        word.said(self.language)
    }

    pub(super) fn with(&self, word: Word, parts: &[&str]) -> String {
        word.with(self.language, parts)
    }

    /// A part of the address behind the `?`.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        self.visit.query(name)
    }

    /// A field of the form.
    pub(super) fn field(&self, name: &str) -> &str {
        self.visit.form.get(name).map_or("", String::as_str)
    }

    /// Whether the caller may call `name` with `input`.
    pub(super) fn may(&self, api: Api, name: &'static str, input: &Value) -> bool {
        let demanded = self.demand(api, name, input);
        if let Err(Trouble::Failed(fault)) = &demanded {
            tracing::error!(name, %fault, "whether a call is allowed cannot be decided");
        }
        demanded.is_ok()
    }

    /// That the caller may read metrics.
    pub(super) fn demand_metrics(&self) -> Result<(), Trouble> {
        let input = json!({"MetricDataQueries": [], "StartTime": 0, "EndTime": 1});
        self.demand(Api::Metrics, "GetMetricData", &input)
    }

    /// Whether the caller may read metrics.
    pub(super) fn may_see_metrics(&self) -> bool {
        self.demand_metrics().is_ok()
    }

    /// That the caller may call `name` with `input`.
    pub(super) fn demand(
        &self,
        api: Api,
        name: &'static str,
        input: &Value,
    ) -> Result<(), Trouble> {
        match self.service(api) {
            None => self.decide_one(&self.operators(name)?),
            Some(service) => {
                let call = decoded(service, name, input)?;
                self.decide(&call.access(&self.ctx.caller))
            }
        }
    }

    /// Does a call that changes something; what happened goes into the record.
    pub(super) async fn change(
        &self,
        api: Api,
        name: &'static str,
        input: &Value,
    ) -> (PageEvent, Result<(), Trouble>) {
        let (service, operation, given, done) = match self.service(api) {
            None => {
                let action = self.parts.desk.action(name).unwrap_or(name);
                let operation = action.split_once(':').map_or(action, |(_, name)| name);
                (
                    admin::SERVICE,
                    operation,
                    None,
                    self.operate(name, input).await.map(|_| ()),
                )
            }
            Some(service) => {
                let (given, done) = self.run(service, name, input).await;
                (service.facts().name, name, given, done)
            }
        };
        let outcome = match &done {
            Ok(()) => Ok(()),
            Err(Trouble::Denied { action, reason }) => Err(Fault::sender(
                "AccessDenied",
                format!("{action} is not allowed {reason}"),
            )
            .with_status(403)),
            Err(Trouble::NotFound) => {
                Err(Fault::sender("NotFound", "there is nothing of that name").with_status(404))
            }
            Err(Trouble::Failed(fault)) => Err(fault.clone()),
        };
        let event = PageEvent {
            service,
            operation,
            caller: Arc::clone(&self.ctx.caller),
            input: given,
            output: None,
            outcome,
        };
        (event, done)
    }

    /// What an operator's call answers.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        name: &'static str,
        input: &Value,
    ) -> Result<T, Trouble> {
        let answer = self.operate(name, input).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            tracing::error!(%error, name, "the answer of an operator's call cannot be read");
            Trouble::Failed(Fault::internal())
        })
    }

    /// Reads where a thread may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        let failed = |error: String| {
            tracing::error!(error, "a page cannot be read");
            Trouble::Failed(Fault::unavailable(self.say(frame::UNAVAILABLE)))
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(failed(format!("{error:#}"))),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn service(&self, api: Api) -> Option<&dyn api::Service> {
        match api {
            Api::Metrics => Some(self.parts.services.metrics.as_ref()),
            Api::Hosts => Some(self.parts.services.hosts.as_ref()),
            Api::Operator => None,
        }
    }

    /// What an operator's call asks for: names of one permission.
    fn operators(&self, name: &'static str) -> Result<Vec<Access>, Trouble> {
        let desk = &self.parts.desk;
        let action = desk.action(name).ok_or(Trouble::NotFound)?;
        let region = &self.parts.watching.place.region;
        let resource = Arn::new(admin::SERVICE, region, &self.ctx.caller.account, name);
        let names = [Some(action), desk.also(name)];
        let names = names.into_iter().flatten();
        Ok(names
            .map(|action| Access::new(action, resource.clone()))
            .collect())
    }

    fn decide(&self, access: &[Access]) -> Result<(), Trouble> {
        allowed(self.parts.authorizer.decide(&self.ctx, access))
    }

    fn decide_one(&self, access: &[Access]) -> Result<(), Trouble> {
        let authorizer = self.parts.authorizer.as_ref();
        allowed(admin::decide_one(authorizer, &self.ctx, access))
    }

    async fn operate(&self, name: &'static str, input: &Value) -> Result<Vec<u8>, Trouble> {
        self.decide_one(&self.operators(name)?)?;
        let input = Bytes::from(input.to_string());
        Ok(self
            .parts
            .desk
            .handle(name, self.ctx.clone(), input)
            .await?)
    }

    async fn run(
        &self,
        service: &dyn api::Service,
        name: &'static str,
        input: &Value,
    ) -> (Option<Vec<u8>>, Result<(), Trouble>) {
        let call = match decoded(service, name, input) {
            Ok(call) => call,
            Err(trouble) => return (None, Err(trouble)),
        };
        let given = Some(call.input_json_masked());
        if let Err(denied) = self.decide(&call.access(&self.ctx.caller)) {
            return (given, Err(denied));
        }
        let done = call.run(self.ctx.clone(), Masked::Unwanted).await;
        (given, done.map(|_| ()).map_err(Trouble::Failed))
    }
}

fn allowed(decision: Decision) -> Result<(), Trouble> {
    match decision {
        Decision::Allow => Ok(()),
        Decision::Deny { action, reason, .. } => Err(Trouble::Denied { action, reason }),
    }
}

fn decoded(
    service: &dyn api::Service,
    name: &str,
    input: &Value,
) -> Result<Box<dyn api::Call>, Trouble> {
    let body = input.to_string();
    match service.decode(name, Protocol::Json10, body.as_bytes()) {
        Some(Ok(call)) => Ok(call),
        Some(Err(error)) => Err(Trouble::Failed(Fault::sender(
            "SerializationException",
            error.to_string(),
        ))),
        None => Err(Trouble::NotFound),
    }
}

impl Room<'_> {
    /// The rooms that are open to the caller.
    pub(super) fn open(&self) -> Vec<Place> {
        let is_open = |place: &Place| match place {
            Place::Overview => true,
            Place::Hosts => self.may(Api::Hosts, "DescribeInstances", &json!({})),
            Place::Checks => self.may(Api::Operator, "check-list", &json!({})),
            Place::Alarms => self.may(Api::Metrics, "DescribeAlarms", &json!({})),
            Place::Dashboards => self.may(Api::Metrics, "ListDashboards", &json!({})),
            Place::Links => self.may(Api::Operator, "link-list", &json!({})),
            Place::Silences => self.may(Api::Operator, "notice-list", &json!({})),
        };
        Place::ALL.into_iter().filter(is_open).collect()
    }

    /// A moment, and how long ago it was.
    pub(super) fn moment(&self, at: Timestamp) -> String {
        match at <= self.now {
            true => format!(
                "{} <span class=\"pale\">({})</span>",
                self.time(at),
                self.ago(at)
            ),
            false => self.time(at),
        }
    }

    /// A moment in the readers' zone.
    pub(super) fn time(&self, at: Timestamp) -> String {
        format!(
            "<time datetime=\"{}\">{}</time>",
            at.rfc3339_secs(),
            escaped(&self.clock(at))
        )
    }

    /// The same as text.
    pub(super) fn clock(&self, at: Timestamp) -> String {
        let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(millis) {
            Ok(moment) => moment
                .to_zoned_datetime(self.zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S %Z")
                .to_string(),
            Err(_) => at.rfc3339_secs(),
        }
    }

    /// How long ago, in the greatest unit that fits.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        self.with(frame::AGO, &[&self.span(self.now.since(at).as_secs())])
    }

    /// So many seconds in the greatest unit that fits twice.
    pub(super) fn span(&self, secs: u64) -> String {
        let (word, count) = match secs {
            0..120 => (frame::SECS, secs),
            120..7200 => (frame::MINS, secs / 60),
            7200..172_800 => (frame::HOURS, secs / 3600),
            _ => (frame::DAYS, secs / 86_400),
        };
        self.with(word, &[&count.to_string()])
    }

    /// Minutes east of Greenwich now.
    pub(super) fn zone_minutes(&self) -> i32 {
        let secs = i64::try_from(self.now.as_secs()).unwrap_or_default();
        jiff::Timestamp::from_second(secs).map_or(0, |now| self.zone.to_offset(now).seconds() / 60)
    }

    /// A form's beginning: where it goes, with its token.
    pub(super) fn form(&self, action: &str) -> String {
        format!(
            "<form method=\"post\" action=\"/_shukuba/{}\"><input type=\"hidden\" name=\"token\" value=\"{}\">",
            escaped(action),
            escaped(&self.token)
        )
    }

    /// A field for a comment.
    pub(super) fn comment_field(&self) -> String {
        format!(
            "<label>{} <input name=\"comment\" maxlength=\"1000\" autocomplete=\"off\"></label>",
            self.say(frame::COMMENT)
        )
    }

    /// What was done before this page was opened.
    pub(super) fn done(&self) -> String {
        let word = match self.query("done").as_deref() {
            Some("acknowledge") => frame::DONE_ACKNOWLEDGE,
            Some("silence") => frame::DONE_SILENCE,
            Some("end") => frame::DONE_END,
            Some("enable") => frame::DONE_ENABLE,
            Some("disable") => frame::DONE_DISABLE,
            Some("save") => frame::DONE_SAVE,
            Some("delete") => frame::DONE_DELETE,
            _ => return String::new(),
        };
        format!("<p class=\"said\" role=\"status\">{}</p>", self.say(word))
    }

    /// Links of which one is where the reader is. `links`: what is read, where it leads behind `/_shukuba/`, whether it is here.
    pub(super) fn links(&self, name: Word, links: &[(&str, String, bool)]) -> String {
        let mut out = format!(
            "<nav aria-label=\"{}\"><ul class=\"links\">",
            self.say(name)
        );
        for (text, to, is_here) in links {
            let (current, to) = (
                if *is_here {
                    " aria-current=\"true\""
                } else {
                    ""
                },
                escaped(to),
            );
            out.push_str(&format!(
                "<li><a href=\"/_shukuba/{to}\"{current}>{}</a></li>",
                escaped(text)
            ));
        }
        out.push_str("</ul></nav>");
        out
    }

    /// Whether the page reads itself again, and the line that says so and stops it.
    pub(super) fn live(&self, path: &str, rest: &str) -> (bool, String) {
        let is_live = self.query("live").as_deref() != Some("0");
        let (text, link, value) = match is_live {
            true => (frame::LIVE_ON, frame::LIVE_STOP, "0"),
            false => (frame::LIVE_OFF, frame::LIVE_START, "1"),
        };
        let line = format!(
            "<p class=\"pale\">{} <a href=\"/_shukuba/{}?{}live={value}\">{}</a></p>",
            self.say(text),
            escaped(path),
            escaped(rest),
            self.say(link)
        );
        (is_live, line)
    }

    /// The rows of the page that was asked for as a table, and the ways to the other pages. `rest`: what else stands behind the
    /// `?`, with `&` at its end.
    pub(super) fn paged<T>(
        &self,
        path: &str,
        rest: &str,
        (caption, heads): (Word, &[Word]),
        items: &[T],
        row: impl Fn(&T) -> Vec<String>,
    ) -> String {
        let asked = self.query("page").and_then(|page| page.parse().ok());
        let pages = items.len().div_ceil(ROWS).max(1);
        let page: usize = asked.unwrap_or(1).clamp(1, pages);
        let shown = items.iter().skip((page - 1) * ROWS).take(ROWS);
        let heads: Vec<&str> = heads.iter().map(|head| self.say(*head)).collect();
        let table = Table {
            caption: self.say(caption),
            heads: &heads,
            rows: shown.map(row).collect(),
        };
        let mut out = table.html();
        if pages > 1 {
            let counts = [page, pages, items.len()].map(|count| count.to_string());
            let counts: Vec<&str> = counts.iter().map(String::as_str).collect();
            out.push_str(&format!("<p>{}</p>", self.with(frame::PAGE_OF, &counts)));
            let to = |page: usize| format!("{path}?{rest}page={page}");
            let previous = (page > 1).then(|| (self.say(frame::PREVIOUS), to(page - 1), false));
            let next = (page < pages).then(|| (self.say(frame::NEXT), to(page + 1), false));
            let links: Vec<_> = previous.into_iter().chain(next).collect();
            out.push_str(&self.links(frame::PAGES, &links));
        }
        out
    }
}
