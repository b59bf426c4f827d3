//! `scaler`: the last plans, each with its inputs and its reason.

use bytes::Bytes;
use serde::Deserialize;

use super::{Answer, Desk, read, write};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    /// Of this route only.
    route: Option<String>,
    /// At most so many, the newest.
    max: Option<usize>,
}

pub(super) async fn history(desk: &Desk, input: Bytes) -> Answer {
    let Input { route, max } = read(&input)?;
    if let Some(route) = &route {
        desk.route(route)?;
    }
    let plans = desk.work.plans.history(route.as_deref());
    let skip = plans.len().saturating_sub(max.unwrap_or(20));
    let running: Vec<_> = {
        let routes = desk.notifiers.routes.read();
        let names = routes
            .keys()
            .filter(|name| route.as_ref().is_none_or(|wanted| wanted == *name));
        names.map(|name| serde_json::json!({ "route": name, "notifiers": desk.notifiers.count(name) })).collect()
    };
    write(
        &serde_json::json!({ "running": running, "plans": plans.get(skip..).unwrap_or_default() }),
    )
}
