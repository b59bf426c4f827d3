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
    write(&forgotten.map_err(|error| failed("results cannot be removed", &error))?)
}
