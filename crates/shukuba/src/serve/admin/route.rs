//! `route-test`: what a line would become, without sending it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::{Answer, Desk, read, write};
use crate::route_test::{self, Stage};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    route: Option<String>,
    line: String,
}

pub(super) async fn test(desk: &Desk, input: Bytes) -> Answer {
    let Input { route, line } = read(&input)?;
    let route = desk.route_or_only(route.as_deref())?;
    let now = desk.live.now();
    let stage = Stage::new(
        &route.name,
        &route.format,
        &now.destinations,
        BTreeMap::new(),
    );
    write(&route_test::run(&stage, &line).await)
}
