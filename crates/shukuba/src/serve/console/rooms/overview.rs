//! The first page: what is wrong now, what was sent and delivered, and the platform's own dashboard.

use base::Timestamp;
use cloudwatch::metric::{Dimension, Identity, Read, Statistic, Wanted};
use serde::Deserialize;
use serde_json::json;
use watch::notice::Severity;
use watch::notice::router::Shown;

use super::{Notices, boards, link};
use crate::serve::console::bill;
use crate::serve::console::html::{Look, Table, badge, data, escaped, figures, number, segment};
use crate::serve::console::lang::Word;
use crate::serve::console::layout::Place;
use crate::serve::console::room::{Page, Room, Trouble};
use crate::serve::console::words::{cost, door, frame, overview};

/// Problems that are shown here. Chosen: the rest is on the pages of alarms and checks.
const PROBLEMS: usize = 20;
/// Routes that are shown. Chosen.
const ROUTES: usize = 200;
const HOUR_SECS: u64 = 3600;

/// What the operator's call `status` answers, as far as it is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    routes: Vec<Route>,
    disk: Disk,
    results: Results,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Route {
    route: String,
    queue: String,
    is_paused: bool,
    notifiers: u32,
    waiting: u64,
    retry_wait: u64,
    oldest_age_secs: Option<u64>,
    delivered: u64,
    dead: u64,
    expired: u64,
    open: i64,
    accepted_per_sec: f64,
    delivered_per_sec: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Disk {
    room: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Results {
    not_stored_secs: u64,
}

pub(super) async fn show(room: &Room<'_>) -> Result<Page, Trouble> {
    let (is_live, line) = room.live("", "");
    let mut body = room.done();
    let stands = standing(room).await?;
    let wrong = problems(room).await?;
    let board = platform(room);
    let cost = cost(room).await?;
    if stands.is_none() && wrong.is_none() && board.is_none() && cost.is_none() {
        body.push_str(&format!("<p>{}</p>", room.say(overview::NOTHING_TO_SEE)));
    } else {
        body.push_str(&line);
    }
    for part in [wrong, stands, cost, board].into_iter().flatten() {
        body.push_str(&part);
    }
    body.push_str(&own(room));
    Ok(Page {
        is_live,
        ..Page::first(room, Place::Overview, body)
    })
}

/// What is open to the caller, and nothing where it is not.
fn allowed<T>(found: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Trouble::Denied { .. } | Trouble::NotFound) => Ok(None),
        Err(other) => Err(other),
    }
}

fn heading(room: &Room<'_>, word: Word) -> String {
    format!("<h2>{}</h2>", room.say(word))
}

async fn standing(room: &Room<'_>) -> Result<Option<String>, Trouble> {
    let status = room.ask::<Status>("status", &json!({})).await;
    let Some(status) = allowed(status)? else {
        return Ok(None);
    };
    let mut out = warnings(room, &status);
    if let Some([sent, delivered, failed]) = last_hour(room, &status).await? {
        out.push_str(&heading(room, overview::LAST_HOUR));
        let count = |value: f64| number(value, 0);
        out.push_str(&figures(&[
            (room.say(overview::SENT), count(sent)),
            (room.say(overview::DELIVERED), count(delivered)),
            (room.say(overview::FAILED), count(failed)),
        ]));
    }
    out.push_str(&heading(room, overview::NOW));
    out.push_str(&now(room, &status));
    out.push_str(&heading(room, overview::ROUTES));
    out.push_str(&routes(room, &status));
    Ok(Some(out))
}

fn warnings(room: &Room<'_>, status: &Status) -> String {
    let mut out = String::new();
    let mut warn = |text: &str| {
        out.push_str(&format!("<p class=\"said bad\" role=\"alert\">{text}</p>"));
    };
    let state = status.disk.room.as_str();
    if !matches!(state, "" | "normal") {
        warn(&room.with(overview::DISK_ROOM, &[&data(state)]));
    }
    let secs = status.results.not_stored_secs;
    if secs > 0 {
        warn(&room.with(overview::RESULTS_WAIT, &[&secs.to_string()]));
    }
    out
}

fn now(room: &Room<'_>, status: &Status) -> String {
    let sum = |of: fn(&Route) -> f64| status.routes.iter().map(of).sum::<f64>();
    let total = |of: fn(&Route) -> u64| status.routes.iter().map(of).sum::<u64>().to_string();
    let oldest = status
        .routes
        .iter()
        .filter_map(|route| route.oldest_age_secs)
        .max();
    let rate = |value: f64| room.with(overview::PER_SEC, &[&number(value, 1)]);
    let open: i64 = status.routes.iter().map(|route| route.open).sum();
    figures(&[
        (
            room.say(overview::SENT),
            rate(sum(|route| route.accepted_per_sec)),
        ),
        (
            room.say(overview::DELIVERED),
            rate(sum(|route| route.delivered_per_sec)),
        ),
        (room.say(overview::BACKLOG), open.to_string()),
        (
            room.say(overview::OLDEST),
            oldest.map_or_else(|| room.say(frame::NONE).to_owned(), |secs| room.span(secs)),
        ),
        (
            room.say(overview::NOTIFIERS),
            total(|route| u64::from(route.notifiers)),
        ),
    ])
}

fn routes(room: &Room<'_>, status: &Status) -> String {
    if status.routes.is_empty() {
        return format!("<p>{}</p>", room.say(overview::NO_ROUTES));
    }
    let row = |route: &Route| {
        let paused = match route.is_paused {
            true => format!(" {}", badge(Look::Warn, room.say(overview::PAUSED))),
            false => String::new(),
        };
        vec![
            format!("{}{paused}", data(&route.route)),
            route.notifiers.to_string(),
            (route.waiting + route.retry_wait).to_string(),
            route
                .oldest_age_secs
                .map_or_else(String::new, |secs| room.span(secs)),
            route.delivered.to_string(),
            (route.dead + route.expired).to_string(),
        ]
    };
    let heads = [
        overview::ROUTE,
        overview::NOTIFIERS,
        overview::WAITING,
        overview::OLDEST,
        overview::DELIVERED,
        overview::FAILED,
    ]
    .map(|head| room.say(head));
    let table = Table {
        caption: room.say(overview::ROUTES),
        heads: &heads,
        rows: status.routes.iter().take(ROUTES).map(row).collect(),
    };
    format!(
        "{}<p class=\"pale\">{}</p>",
        table.html(),
        room.say(overview::SINCE_START)
    )
}

/// What was sent, delivered and given up in the last hour, where metrics are open to the caller.
async fn last_hour(room: &Room<'_>, status: &Status) -> Result<Option<[f64; 3]>, Trouble> {
    if !room.may_see_metrics() {
        return Ok(None);
    }
    let (metrics, now) = (room.parts.watching.metrics.clone(), room.now);
    let of = |namespace: &str, name: &str, by: &str, value: &str| {
        Identity::new(namespace, name, vec![Dimension::new(by, value)])
    };
    let routes = status.routes.iter().take(ROUTES);
    let wanted: Vec<[Identity; 3]> = routes
        .map(|route| {
            [
                of("AWS/SQS", "NumberOfMessagesSent", "QueueName", &route.queue),
                of("Shukuba/Delivery", "Delivered", "Route", &route.route),
                of("Shukuba/Delivery", "Failed", "Route", &route.route),
            ]
        })
        .collect();
    let read = move || {
        let mut sums = [0.0; 3];
        for identities in &wanted {
            for (sum, identity) in sums.iter_mut().zip(identities) {
                *sum += hour(metrics.as_ref(), identity, now)?;
            }
        }
        Ok(sums)
    };
    Ok(Some(room.read(read).await?))
}

fn hour(metrics: &dyn Read, identity: &Identity, now: Timestamp) -> anyhow::Result<f64> {
    let from = (now.as_secs() / 60 * 60).saturating_sub(HOUR_SECS);
    let found = metrics.series(&Wanted {
        identity,
        unit: None,
        statistic: Statistic::Sum,
        period_secs: 60,
        from: Timestamp::from_secs(from),
        to: now,
    })?;
    Ok(found.points.iter().map(|point| point.value).sum())
}

async fn problems(room: &Room<'_>) -> Result<Option<String>, Trouble> {
    let listed = room.ask::<Notices>("notice-list", &json!({})).await;
    let Some(mut listed) = allowed(listed)? else {
        return Ok(None);
    };
    let mut out = heading(room, overview::PROBLEMS);
    if listed.problems.is_empty() {
        out.push_str(&format!(
            "<p>{}</p>",
            badge(Look::Good, room.say(overview::NO_PROBLEMS))
        ));
        return Ok(Some(out));
    }
    let weight = |severity: Severity| match severity {
        Severity::Critical => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    };
    listed
        .problems
        .sort_by_key(|problem| (weight(problem.alert.severity), problem.alert.since));
    let heads = [
        overview::WHAT,
        overview::SEVERITY,
        frame::SINCE,
        frame::STATE,
    ]
    .map(|head| room.say(head));
    let table = Table {
        caption: room.say(overview::PROBLEMS),
        heads: &heads,
        rows: listed
            .problems
            .iter()
            .take(PROBLEMS)
            .map(|problem| row(room, problem))
            .collect(),
    };
    out.push_str(&table.html());
    let more = listed.problems.len().saturating_sub(PROBLEMS);
    if more > 0 {
        out.push_str(&format!(
            "<p>{}</p>",
            room.with(overview::MORE_PROBLEMS, &[&more.to_string()])
        ));
    }
    Ok(Some(out))
}

fn row(room: &Room<'_>, problem: &Shown) -> Vec<String> {
    let alert = &problem.alert;
    let title = match page_of(&alert.source) {
        Some(page) => link(&page, &alert.title),
        None => data(&alert.title),
    };
    let (look, severity) = match alert.severity {
        Severity::Critical => (Look::Bad, frame::CRITICAL),
        Severity::Warning => (Look::Warn, frame::WARNING),
        Severity::Info => (Look::Dim, frame::INFO),
    };
    vec![
        title,
        badge(look, room.say(severity)),
        room.moment(alert.since),
        handled(room, problem),
    ]
}

/// Who is on a problem, and whether it is silenced.
pub(super) fn handled(room: &Room<'_>, problem: &Shown) -> String {
    let taken = problem.acknowledged.as_ref();
    let taken = taken.map(|ack| room.with(frame::ACKNOWLEDGED_BY, &[&data(&ack.by)]));
    let silenced = problem
        .is_silenced
        .then(|| badge(Look::Dim, room.say(frame::SILENCED)));
    let parts: Vec<String> = taken.into_iter().chain(silenced).collect();
    parts.join(" ")
}

/// The page of what a problem is about.
fn page_of(source: &str) -> Option<String> {
    if let Some((_, alarm)) = source.split_once(":alarm:") {
        return Some(format!("alarms/{}", segment(alarm)));
    }
    let (host, check) = source.strip_prefix("check:")?.split_once('/')?;
    let check = check.trim_end_matches("/flapping");
    Some(format!("checks/{}/{}", segment(host), segment(check)))
}

/// What sending costs, for those who may see the bill.
async fn cost(room: &Room<'_>) -> Result<Option<String>, Trouble> {
    let answer = room.ask::<bill::Answer>("cost", &json!({})).await;
    let Some(answer) = allowed(answer)? else {
        return Ok(None);
    };
    Ok(Some(format!(
        "{}{}<p><a href=\"/_shukuba/billing\">{}</a></p>",
        heading(room, cost::LAST_DAYS),
        answer.figures(room.language),
        room.say(cost::DETAILS),
    )))
}

/// The dashboard of the platform itself.
fn platform(room: &Room<'_>) -> Option<String> {
    let pictures = boards::built_in(room)?;
    Some(format!("{}{pictures}", heading(room, overview::PLATFORM)))
}

/// Who the caller is.
fn own(room: &Room<'_>) -> String {
    let caller = &room.ctx.caller;
    let until = caller.session.as_ref().map(|session| session.expires);
    let until = until.map_or_else(String::new, |until| {
        room.with(door::UNTIL, &[&room.time(until)])
    });
    let change = match caller.principal == api::Principal::Root {
        true => String::new(),
        false => format!(
            "<li><a href=\"/_shukuba/change-password\">{}</a></li>",
            room.say(door::CHANGE_OWN)
        ),
    };
    format!(
        "{}<p><code class=\"data\">{}</code> {until}</p><ul class=\"links\">{change}<li><a href=\"/_shukuba/billing\">{}</a></li></ul>",
        heading(room, door::OWN),
        escaped(&caller.arn.to_string()),
        room.say(door::BILL),
    )
}

#[cfg(test)]
mod tests {
    use super::page_of;

    #[test]
    fn problems_lead_to_their_pages() {
        for (source, expected) in [
            (
                "arn:aws:cloudwatch:us-east-1:1:alarm:web/1 CPU",
                Some("alarms/web%2F1%20CPU"),
            ),
            ("check:i-1/http", Some("checks/i-1/http")),
            ("check:i-1/http/flapping", Some("checks/i-1/http")),
            ("check:i-1/@host", Some("checks/i-1/%40host")),
            ("test:1", None),
        ] {
            assert_eq!(page_of(source).as_deref(), expected, "{source}");
        }
    }
}
