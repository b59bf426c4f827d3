//! Hosts: all of them with how they are now, and one with its facts, graphs and checks.

use std::sync::Arc;

use base::Timestamp;
use cloudwatch::metric::{Dimension, Identity, Read, Statistic, Wanted};
use ec2::engine::state::{Instance, State};
use ec2::{InstanceId, Instances};
use serde_json::json;
use watch::check::board::{CHECKS_MAX, Listed};

use super::{checks, link, pictures};
use crate::serve::console::html::{Look, badge, data, facts, number, segment, sparkline};
use crate::serve::console::layout::Place;
use crate::serve::console::room::{Api, Page, ROWS, Room, Trouble};
use crate::serve::console::words::{frame, hosts};

const HOUR_SECS: u64 = 3600;
const PERIOD_SECS: u32 = 60;
/// Graphs of checks on a page. Chosen: all plugins that Munin installs by itself make fifty.
const PICTURES_MAX: usize = 100;

/// A row of the list.
#[derive(Debug)]
struct Row {
    instance: Arc<Instance>,
    heard: Option<Timestamp>,
    /// Of the last hour, oldest first.
    cpu: Vec<f64>,
}

pub(super) async fn list(room: &Room<'_>) -> Result<Page, Trouble> {
    room.demand(Api::Hosts, "DescribeInstances", &json!({}))?;
    let instances = &room.parts.watching.instances;
    let mut all = instances.all();
    all.sort_by(|a, b| (a.name(), &a.id).cmp(&(b.name(), &b.id)));
    if all.is_empty() {
        let body = format!("{}<p>{}</p>", room.done(), room.say(hosts::NO_HOSTS));
        return Ok(Page::first(room, Place::Hosts, body));
    }
    let has_metrics = room.may_see_metrics();
    let rows = rows(room, all, has_metrics).await?;
    let heads = [
        frame::NAME,
        frame::STATE,
        hosts::CPU,
        hosts::ROLE,
        hosts::HEARD,
        hosts::ID,
    ];
    let table = room.paged("hosts", "", (frame::HOSTS, &heads), &rows, |row| {
        cells(room, row)
    });
    Ok(Page::first(room, Place::Hosts, room.done() + &table))
}

/// The rows; processors' lines for those of the page that is shown alone.
async fn rows(
    room: &Room<'_>,
    all: Vec<Arc<Instance>>,
    has_metrics: bool,
) -> Result<Vec<Row>, Trouble> {
    let watching = room.parts.watching.clone();
    let asked = room.query("page").and_then(|page| page.parse().ok());
    let first = usize::max(asked.unwrap_or(1), 1)
        .saturating_sub(1)
        .saturating_mul(ROWS);
    let first = first.min(all.len().saturating_sub(1) / ROWS * ROWS);
    let now = room.now;
    let read = move || {
        let mut rows = Vec::with_capacity(all.len());
        for (index, instance) in all.into_iter().enumerate() {
            let is_shown = has_metrics && (first..first + ROWS).contains(&index);
            rows.push(Row {
                heard: heard(&watching.instances, &instance.id),
                cpu: match is_shown {
                    true => cpu(watching.metrics.as_ref(), &instance.id, now)?,
                    false => Vec::new(),
                },
                instance,
            });
        }
        Ok(rows)
    };
    room.read(read).await
}

fn heard(instances: &Instances, id: &InstanceId) -> Option<Timestamp> {
    instances.heard(id)
}

fn cpu(metrics: &dyn Read, id: &InstanceId, now: Timestamp) -> anyhow::Result<Vec<f64>> {
    let id = id.to_string();
    let identity = Identity::new(
        "AWS/EC2",
        "CPUUtilization",
        vec![Dimension::new("InstanceId", &id)],
    );
    let period = u64::from(PERIOD_SECS);
    let from = now.as_secs().saturating_sub(HOUR_SECS) / period * period;
    let found = metrics.series(&Wanted {
        identity: &identity,
        unit: None,
        statistic: Statistic::Average,
        period_secs: PERIOD_SECS,
        from: Timestamp::from_secs(from),
        to: now,
    })?;
    Ok(found.points.iter().map(|point| point.value).collect())
}

fn cells(room: &Room<'_>, row: &Row) -> Vec<String> {
    let instance = &row.instance;
    let id = instance.id.to_string();
    let name = match instance.name() {
        "" => id.as_str(),
        name => name,
    };
    vec![
        link(&format!("hosts/{}", segment(&id)), name),
        state(room, instance),
        cpu_cell(room, &row.cpu),
        instance
            .tags
            .get(ec2::engine::tags::ROLE)
            .map_or_else(String::new, data),
        row.heard
            .map_or_else(String::new, |heard| room.moment(heard)),
        format!("<code class=\"data\">{id}</code>"),
    ]
}

fn cpu_cell(room: &Room<'_>, values: &[f64]) -> String {
    let Some(last) = values.last() else {
        return format!("<span class=\"pale\">{}</span>", room.say(hosts::NO_DATA));
    };
    let low = values.iter().copied().fold(f64::MAX, f64::min);
    let high = values.iter().copied().fold(f64::MIN, f64::max);
    let text = room.with(hosts::CPU_HOUR, &[&number(low, 1), &number(high, 1)]);
    format!("{} %{}", number(*last, 1), sparkline(values, &text))
}

/// How a host is.
fn state(room: &Room<'_>, instance: &Instance) -> String {
    if let (State::Running, Some(since)) = (instance.state, instance.silent_since) {
        let since = room.ago(since);
        let title = badge(Look::Bad, room.say(hosts::UNREACHABLE));
        return format!("{title} <span class=\"pale\">({since})</span>");
    }
    let (look, word) = match instance.state {
        State::Running => (Look::Good, hosts::RUNNING),
        State::Pending => (Look::Dim, hosts::PENDING),
        State::Stopping => (Look::Dim, hosts::STOPPING),
        State::Stopped => (Look::Dim, hosts::STOPPED),
        State::ShuttingDown => (Look::Dim, hosts::SHUTTING_DOWN),
        State::Terminated => (Look::Dim, hosts::TERMINATED),
    };
    badge(look, room.say(word))
}

pub(super) async fn one(room: &Room<'_>, id: &str) -> Result<Page, Trouble> {
    room.demand(Api::Hosts, "DescribeInstances", &json!({}))?;
    let id: InstanceId = id.parse().map_err(|_| Trouble::NotFound)?;
    let instance = room
        .parts
        .watching
        .instances
        .get(&id)
        .ok_or(Trouble::NotFound)?;
    let mut body = about(room, &instance);
    body.push_str(&graphs(room, &id));
    body.push_str(&its_checks(room, &id).await?);
    body.push_str(&measured(room, &id).await?);
    let title = match instance.name() {
        "" => id.to_string(),
        name => name.to_owned(),
    };
    Ok(Page::inner(&title, Place::Hosts, body))
}

fn about(room: &Room<'_>, instance: &Instance) -> String {
    let heard = room.parts.watching.instances.heard(&instance.id);
    let silent = instance
        .silent_since
        .filter(|_| instance.state == State::Running);
    let said = instance.facts();
    let fact = |of: fn(&ec2::engine::Facts) -> String| said.map_or_else(String::new, of);
    let addresses = fact(|facts| {
        let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
        data(&addresses.join(", "))
    });
    let tags = instance
        .tags
        .iter()
        .map(|(key, value)| data(&format!("{key}={value}")));
    let tags: Vec<String> = tags.collect();
    let silent = silent.map_or_else(String::new, |since| {
        let since = room.with(hosts::UNREACHABLE_SINCE, &[&room.clock(since)]);
        format!(" <span class=\"pale\">{since}</span>")
    });
    let pairs = [
        (room.say(frame::STATE), state(room, instance) + &silent),
        (
            room.say(hosts::HEARD),
            heard.map_or_else(String::new, |at| room.moment(at)),
        ),
        (
            room.say(hosts::ID),
            format!("<code class=\"data\">{}</code>", instance.id),
        ),
        (
            room.say(hosts::HOSTNAME),
            fact(|facts| data(&facts.hostname)),
        ),
        (room.say(hosts::ADDRESSES), addresses),
        (room.say(hosts::KERNEL), fact(|facts| data(&facts.kernel))),
        (
            room.say(hosts::ARCHITECTURE),
            fact(|facts| data(&facts.architecture)),
        ),
        (
            room.say(hosts::CORES),
            fact(|facts| counted(u64::from(facts.cores))),
        ),
        (
            room.say(hosts::MEMORY),
            fact(|facts| gibibytes(facts.memory_bytes)),
        ),
        (room.say(hosts::AGENT), fact(|facts| data(&facts.agent))),
        (room.say(hosts::LAUNCHED), room.moment(instance.launched)),
        (room.say(hosts::TAGS), tags.join("<br>")),
    ];
    format!("<h2>{}</h2>{}", room.say(hosts::FACTS), facts(&pairs))
}

fn counted(count: u64) -> String {
    match count {
        0 => String::new(),
        count => count.to_string(),
    }
}

fn gibibytes(bytes: u64) -> String {
    match bytes >> 20 {
        0 => String::new(),
        mib if mib < 10_240 => format!("{mib} MiB"),
        mib => format!("{} GiB", mib >> 10),
    }
}

fn graphs(room: &Room<'_>, id: &InstanceId) -> String {
    if !room.may_see_metrics() {
        return String::new();
    }
    let range = pictures::Range::asked(room);
    let path = format!("hosts/{id}");
    let pictures: String = pictures::HOST_GRAPHS
        .iter()
        .map(|(kind, title)| {
            let picture = format!("picture/host/{id}/{kind}");
            pictures::image(room, &picture, "", (room.say(*title), range), (720, 320))
        })
        .collect();
    format!(
        "<h2>{}</h2>{}<div class=\"pair\">{pictures}</div>",
        room.say(hosts::GRAPHS),
        range.links(room, &path, "")
    )
}

/// The graphs of what its checks measure, as their plugins describe them, of the time that is chosen over those of the host.
async fn measured(room: &Room<'_>, id: &InstanceId) -> Result<String, Trouble> {
    if !room.may_see_metrics() || !room.may(Api::Operator, "check-graphs", &json!({})) {
        return Ok(String::new());
    }
    let (board, host) = (room.parts.watching.board.clone(), id.to_string());
    let drawn = room
        .read(move || Ok(board.graphs(&host, CHECKS_MAX)?))
        .await?;
    let all = || {
        drawn
            .iter()
            .flat_map(|(check, graphs)| graphs.iter().map(move |graph| (check, graph)))
    };
    if all().next().is_none() {
        return Ok(String::new());
    }
    let range = pictures::Range::asked(room);
    let pictures: String = all()
        .take(PICTURES_MAX)
        .map(|(check, graph)| {
            let (check, name) = (segment(check), segment(&graph.name));
            let picture = format!("picture/host/{id}/{check}/{name}");
            pictures::image(room, &picture, "", (graph.shown_title(), range), (720, 320))
        })
        .collect();
    let cut = match all().nth(PICTURES_MAX) {
        Some(_) => format!("<p>{}</p>", room.say(hosts::GRAPHS_CUT)),
        None => String::new(),
    };
    Ok(format!(
        "<h2>{}</h2><div class=\"pair\">{pictures}</div>{cut}",
        room.say(hosts::MEASURED)
    ))
}

async fn its_checks(room: &Room<'_>, id: &InstanceId) -> Result<String, Trouble> {
    if !room.may(Api::Operator, "check-list", &json!({})) {
        return Ok(String::new());
    }
    let (board, id) = (room.parts.watching.board.clone(), id.to_string());
    let read = move || Ok(board.list(Some(&id), None, ROWS)?);
    let mut listed: Vec<Listed> = room.read(read).await?;
    checks::sort(&mut listed);
    let table = checks::table(room, &listed, "", "");
    Ok(format!("<h2>{}</h2>{table}", room.say(frame::CHECKS)))
}
