//! `ledger`: does it balance, and if not, where.

use bytes::Bytes;
use delivery::ledger::balance::{Drift, StoredResults};
use delivery::ledger::{Detail, balance};
use serde::Deserialize;

use super::{Answer, Desk, failed, read, write};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    /// By minute, hour and day as well.
    history: bool,
}

pub(super) async fn ledger(desk: &Desk, input: Bytes) -> Answer {
    let Input { history } = read(&input)?;
    let routes: Vec<(String, String)> = {
        let routes = desk.notifiers.routes.read();
        routes
            .values()
            .map(|route| (route.results.clone(), route.queue.name().to_owned()))
            .collect()
    };
    let stored = StoredResults {
        results: desk.results().clone(),
        log: desk.log.clone(),
    };
    let detail = if history {
        Detail::History
    } else {
        Detail::Totals
    };
    let mut answer = balance(
        &desk.ledger,
        desk.log.as_ref(),
        Some(&stored),
        &routes,
        detail,
    )
    .await
    .map_err(|error| failed("the ledger cannot be compared", &error))?;
    for place in desk.queues.journal().unreadable() {
        answer.add(Drift::Unreadable {
            file: place.file,
            offset: place.offset,
        });
    }
    write(&answer)
}
