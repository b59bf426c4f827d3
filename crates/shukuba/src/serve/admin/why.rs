//! `why`: what became of a notification.

use std::sync::Arc;

use bytes::Bytes;
use delivery::results::ResultLog;
use delivery::results::set::Window;
use delivery::why::{Question, Why};
use serde::Deserialize;

use super::{Answer, Desk, failed, read, write};
use crate::serve::waiting::InRoutes;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// A message id, a notification id or a URL.
    what: String,
    /// Of this route's results only.
    #[serde(default)]
    route: Option<String>,
}

pub(super) async fn why(desk: &Desk, input: Bytes) -> Answer {
    let Input { what, route } = read(&input)?;
    let route = route
        .map(|name| desk.route(&name))
        .transpose()?
        .map(|route| route.results.clone());
    let log: Arc<dyn ResultLog> = desk.log.clone();
    let why = Why::new(
        desk.results().clone(),
        Some(log),
        Arc::new(desk.waiting()),
        desk.salt,
    );
    let window = Window {
        route,
        ..Window::default()
    };
    let answer = why.ask(&Question::of(&what), &window).await;
    write(&answer.map_err(|error| failed("the results cannot be searched", &error))?)
}

impl Desk {
    /// The queues of the routes, with those of their dead notifications.
    fn waiting(&self) -> InRoutes {
        let routes = self.log.routes.read();
        let alive = routes.values().map(|route| (route.queue.clone(), false));
        let dead = routes.values().map(|route| (route.dead.clone(), true));
        InRoutes {
            queues: self.queues.clone(),
            among: alive.chain(dead).collect(),
        }
    }
}
