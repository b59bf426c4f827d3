//! `why`: what became of a notification.

use delivery::results::set::Window;
use delivery::why::{Question, Why};
use serde::{Deserialize, Serialize};

use super::{Answer, Known, failed, write};

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// A message id, a notification id or a URL.
    pub(crate) what: String,
    /// Of this route's results only.
    #[serde(default)]
    pub(crate) route: Option<String>,
}

impl Input {
    /// The objects that are searched. `route` is by now the name of its results.
    pub(crate) fn window(&self) -> Window {
        Window {
            route: self.route.clone(),
            ..Window::default()
        }
    }
}

pub(crate) async fn why(known: &Known, input: &Input) -> Answer {
    write(&ask(known, input).await?)
}

/// The answer before it is written.
pub(crate) async fn ask(known: &Known, input: &Input) -> Result<delivery::why::Answer, api::Fault> {
    let question = Question::of(&input.what);
    let answer = known.why().ask(&question, &input.window()).await;
    answer.map_err(|error| failed("the results cannot be searched", &error))
}

impl Known {
    /// The search over all that is known.
    pub(crate) fn why(&self) -> Why {
        Why::new(
            self.results.clone(),
            self.log.clone(),
            self.waiting.clone(),
            self.salts.clone(),
        )
    }
}
