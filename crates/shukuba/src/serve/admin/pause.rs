//! `pause` and `resume`: a route or a destination rests; what is accepted waits, and nothing is lost.

use bytes::Bytes;
use serde::Deserialize;
use store::record::{Record, Subject};

use super::{Answer, Desk, failed, read, refuse, write};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    destination: Option<String>,
}

impl Input {
    fn subject<'a>(&'a self, desk: &Desk) -> Result<Subject<'a>, api::Fault> {
        match (&self.route, &self.destination) {
            (Some(route), None) => {
                desk.route(route)?;
                Ok(Subject::Route(route))
            }
            (None, Some(destination)) if !destination.is_empty() => {
                Ok(Subject::Destination(destination))
            }
            _ => Err(refuse("say either `route` or `destination`")),
        }
    }
}

pub(super) async fn pause(desk: &Desk, input: Bytes) -> Answer {
    let input: Input = read(&input)?;
    let subject = input.subject(desk)?;
    note(desk, Record::Paused { subject }).await
}

pub(super) async fn resume(desk: &Desk, input: Bytes) -> Answer {
    let input: Input = read(&input)?;
    let subject = match (&input.route, &input.destination) {
        // A route that the settings no longer name may still rest.
        (Some(route), None) => Subject::Route(route),
        _ => input.subject(desk)?,
    };
    note(desk, Record::Resumed { subject }).await
}

async fn note(desk: &Desk, record: Record<'_>) -> Answer {
    desk.queues
        .record(record)
        .await
        .map_err(|error| failed("it cannot be noted", &error))?;
    desk.notifiers.direct();
    write(&serde_json::json!({ "pauses": desk.ledger.pauses() }))
}
