//! `forget`: removes the results of an id, for those who ask for their personal data to be removed.

use bytes::Bytes;
use delivery::results::ResultLog;
use delivery::results::set::Window;
use serde::Deserialize;

use super::{Answer, Desk, failed, read, write};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// A message or notification id.
    id: String,
}

pub(super) async fn forget(desk: &Desk, input: Bytes) -> Answer {
    let Input { id } = read(&input)?;
    desk.work
        .sealed_through(desk.log.queues.journal().end())
        .await;
    let window = Window::sealed(Some(desk.log.sealed_up_to()));
    let forgotten = desk.results().forget(&window, &id).await;
    let forgotten = forgotten.map_err(|error| failed("results cannot be removed", &error))?;
    // A dead one keeps its line in the route's dead queue, whatever its results.
    let dead: Vec<_> = super::dead::bearing(desk, std::slice::from_ref(&id))
        .await?
        .into_iter()
        .map(|(route, count)| serde_json::json!({ "route": route, "count": count }))
        .collect();
    let mut answer = serde_json::to_value(forgotten)
        .map_err(|error| failed("the answer cannot be written", &error))?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("dead".to_owned(), dead.into());
    }
    write(&answer)
}
