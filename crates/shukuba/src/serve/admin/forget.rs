//! `forget`: removes the results of an id, for those who ask for their personal data to be removed.

use std::collections::BTreeMap;

use bytes::Bytes;
use delivery::results::ResultLog;
use delivery::results::set::Window;
use delivery::why::Waiting;
use serde::Deserialize;

use super::{Answer, Desk, failed, read, write};
use crate::answers::not_now;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// A message or notification id.
    id: String,
}

pub(super) async fn forget(desk: &Desk, input: Bytes) -> Answer {
    let Input { id } = read(&input)?;
    match desk.work.sealed().await {
        Ok(true) => {}
        Ok(false) => {
            return Err(not_now(
                "results are still being stored: nothing was removed; say it again later",
            ));
        }
        Err(failing) => {
            let why = failing.error;
            return Err(not_now(format!(
                "results cannot be stored now, nothing was removed: {why}"
            )));
        }
    }
    let window = Window::sealed(Some(desk.log.sealed_up_to()));
    let forgotten = desk.results().forget(&window, &id).await;
    let forgotten = forgotten.map_err(|error| failed("results cannot be removed", &error))?;
    // A dead one keeps its line in the route's dead queue, whatever its results.
    let bearing = super::dead::bearing(desk, std::slice::from_ref(&id)).await?;
    let dead: Vec<_> = bearing
        .routes
        .into_iter()
        .map(|(route, count)| serde_json::json!({ "route": route, "count": count }))
        .collect();
    let mut answer = serde_json::to_value(forgotten)
        .map_err(|error| failed("the answer cannot be written", &error))?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("dead".to_owned(), dead.into());
        fields.insert("is_dead_cut".to_owned(), bearing.is_cut.into());
        fields.insert("waiting".to_owned(), waiting(desk, id).await?.into());
    }
    write(&answer)
}

/// What bears the id and is still to be sent: it will have results again. By route.
async fn waiting(desk: &Desk, id: String) -> Result<Vec<serde_json::Value>, api::Fault> {
    let found = desk.waiting().waiting(&[id], None).await;
    let found = found.map_err(|error| failed("the queues cannot be searched", &error))?;
    let mut routes = BTreeMap::<String, u64>::new();
    let alive = found.messages.into_iter().filter(|it| it.state != "dead");
    // What no route reads will have no results.
    for route in alive.filter_map(|message| message.route) {
        *routes.entry(route).or_default() += 1;
    }
    let told = routes.into_iter();
    Ok(told
        .map(|(route, count)| serde_json::json!({ "route": route, "count": count }))
        .collect())
}
