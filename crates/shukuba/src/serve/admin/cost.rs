//! `cost`: what was used, priced.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use cloudwatch::dashboard::{Dashboards, More};
use delivery::cost::meter::Done;
use delivery::cost::report::{Functions, Report, Taken, Work, forecast, report};
use delivery::cost::{Deployment, List, Who};
use serde::{Deserialize, Serialize};

use super::{Answer, Desk, failed, read, refuse, write};
use crate::config::cost::Cost;
use crate::cost::Named;

/// Whoever may see what AWS costs, may see this.
pub(in crate::serve) const ACTION: &str = "ce:GetCostAndUsage";
/// What that was called until July 2023. Source: AWS Billing User Guide, "Mapping fine-grained IAM actions reference".
pub(in crate::serve) const ACTION_OF_BEFORE: &str = "aws-portal:ViewBilling";

/// How far back is looked by default.
const SINCE_SECS: u64 = 7 * 86_400;
/// How far back at most: as long as days are kept.
const SINCE_SECS_MAX: u64 = 400 * 86_400;

/// What is asked.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Input {
    /// Seconds back from now.
    pub(crate) since_secs: Option<u64>,
    /// Only this route.
    pub(crate) route: Option<String>,
    /// What is to come.
    pub(crate) forecast: Option<Coming>,
    /// What stands over the settings.
    pub(crate) named: Named,
}

/// Traffic that is to come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Coming {
    /// Notifications.
    pub(crate) notifications: u64,
    /// In how many seconds.
    pub(crate) secs: u64,
}

/// What is answered.
#[derive(Debug, Serialize)]
struct Output {
    /// From when on was looked; the minute in which the first was counted, where that was later than asked for.
    from: String,
    to: String,
    #[serde(flatten)]
    report: Report,
}

/// What was used in a time.
struct Used {
    from: Timestamp,
    to: Timestamp,
    works: Vec<Work>,
    functions: Functions,
}

pub(super) async fn cost(desk: &Desk, input: Bytes) -> Answer {
    let input: Input = read(&input)?;
    let since = input.since_secs.unwrap_or(SINCE_SECS);
    if !(1..=SINCE_SECS_MAX).contains(&since) {
        let most = SINCE_SECS_MAX / 86_400;
        return Err(refuse(format!(
            "`since_secs` is {since}; give up to {most} days"
        )));
    }
    let wrong = |error: anyhow::Error| refuse(format!("{error:#}"));
    let now = desk.live.now();
    let settings = &now.config.cost;
    let prices = input.named.prices(settings).map_err(wrong)?;
    let home = now.config.server.region.as_str();
    let list = input.named.list(&prices, settings, home).map_err(wrong)?;
    let used = used(desk, since, input.route.as_deref()).await?;
    let taken = Taken {
        hours: used.to.since(used.from).as_secs_f64() / 3_600.0,
        fleets: input.named.fleets(&list, settings).map_err(wrong)?,
        ..taken(desk, settings)?
    };
    let mut report = report(&used.works, &used.functions, &taken, &list);
    report.forecast = coming(&input, &used.works, &taken, &list)?;
    write(&Output {
        from: used.from.rfc3339_secs(),
        to: used.to.rfc3339_secs(),
        report,
    })
}

fn coming(
    input: &Input,
    works: &[Work],
    taken: &Taken,
    list: &List<'_>,
) -> Result<Option<delivery::cost::report::Forecast>, api::Fault> {
    let Some(coming) = input.forecast else {
        return Ok(None);
    };
    #[expect(clippy::cast_precision_loss, reason = "some days")]
    let hours = coming.secs as f64 / 3_600.0;
    let found = forecast(works, (coming.notifications, hours), taken, list);
    let nothing = || {
        refuse(
            "nothing was sent in that time, so there is nothing to reckon a forecast by: look further back, or use `shukuba simulate`",
        )
    };
    found.map(Some).ok_or_else(nothing)
}

/// How what was measured is taken, as things stand now.
fn taken(desk: &Desk, settings: &Cost) -> Result<Taken, api::Fault> {
    let now = desk.live.now();
    let watching = desk.watching()?;
    let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
    Ok(Taken {
        hours: 0.0,
        memory_mib: settings.memory_mib,
        life: now.settings.notifier.life.get(),
        gather: now.settings.results.gather.get(),
        interval: now.settings.scaler.interval.get(),
        deployment: Deployment {
            alarms: count(watching.alarms.book().alarms_count()),
            dashboards: count(dashboards(&watching.dashboards)?),
            nat_gateways: settings.nat_gateways,
        },
        fleets: Vec::new(),
    })
}

fn dashboards(kept: &Dashboards) -> Result<usize, api::Fault> {
    let (mut count, mut after): (usize, Option<String>) = (0, None);
    loop {
        let (listed, more) = kept
            .list("", after.as_deref())
            .map_err(|error| failed("the dashboards cannot be counted", &error))?;
        count += listed.len();
        after = listed.last().map(|last| last.name.clone());
        if more == More::No || after.is_none() {
            return Ok(count);
        }
    }
}

async fn used(desk: &Desk, since_secs: u64, route: Option<&str>) -> Result<Used, api::Fault> {
    let metering = desk.metering.as_ref().ok_or_else(api::Fault::internal)?;
    if let Some(route) = route {
        desk.route(route)?;
    }
    let to = desk.notifiers.clock.now();
    let hour = |at: Timestamp| Timestamp::from_secs(at.as_secs() / 3_600 * 3_600);
    let asked = hour(to.minus(Duration::from_secs(since_secs)));
    metering.keep().await;
    let done = metering
        .meter
        .read(asked, to)
        .map_err(|error| failed("what was used cannot be read", &error))?;
    let requests = desk.ledger.requests(asked, to);
    let routes: Vec<_> = desk.notifiers.routes.read().values().cloned().collect();
    let now = desk.live.now();
    let work = |one: &std::sync::Arc<super::LiveRoute>| {
        let name = one.name.to_string();
        let of = |who: Who| done.get(&who).copied().unwrap_or_default();
        let mut own = of(Who::Route {
            route: name.clone(),
        });
        if one.results != name {
            own.merge(&of(Who::Route {
                route: one.results.clone(),
            }));
        }
        Work {
            is_fifo: one.queue.name().ends_with(".fifo"),
            kept: now.settings.retention_of(&one.results),
            requests: requests.get(one.queue.name()).copied().unwrap_or_default(),
            done: own,
            destinations: destinations(&done, &name),
            route: name,
        }
    };
    let works: Vec<Work> = routes.iter().map(work).collect();
    let is_wanted = |work: &Work| match route {
        Some(route) => work.route == route,
        None => work.requests.notifications > 0 || !work.destinations.is_empty(),
    };
    let functions = match route {
        Some(_) => Functions::new(),
        None => functions(&done),
    };
    Ok(Used {
        from: desk.ledger.first_asked(asked).unwrap_or(asked),
        to,
        works: works.into_iter().filter(is_wanted).collect(),
        functions,
    })
}

fn destinations(done: &BTreeMap<Who, Done>, of: &str) -> BTreeMap<String, Done> {
    let own = |(who, done): (&Who, &Done)| match who {
        Who::Destination { route, destination } if route == of => {
            Some((destination.clone(), *done))
        }
        _ => None,
    };
    done.iter().filter_map(own).collect()
}

fn functions(done: &BTreeMap<Who, Done>) -> Functions {
    let own = |(who, done): (&Who, &Done)| match who {
        Who::Function { name } => Some((name.clone(), *done)),
        _ => None,
    };
    done.iter().filter_map(own).collect()
}
