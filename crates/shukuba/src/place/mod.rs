//! Results that lone notifiers stored, asked without a server: a folder, or a bucket with the usual credentials.
//!
//! The calls have the names and the answers of the operator's API; what has no answer there says so.

mod dead;
mod keep;
mod ledger;
mod replay;

pub(crate) use replay::Run;

use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use delivery::config::Settings;

use delivery::result::Salt;
use delivery::results::{ObjectResults, Results};
use delivery::why::NotKnown;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answers::{self, Answer, Known};
use crate::app::{self, App, usage};
use crate::{data, output};

/// Fewer objects than this are read without a word. Chosen: a blink on a disk.
const OBJECTS_UNSAID: u64 = 64;

/// Does the call `name` on the results at `url`.
pub(crate) fn call(
    app: &App,
    url: &str,
    name: &str,
    input: &impl Serialize,
) -> anyhow::Result<Value> {
    app::block_on(async { Place::open(app, url).await?.call(app, name, input).await })?
}

/// A place with results.
pub(crate) struct Place {
    url: String,
    known: Known,
    /// For the names that routes give their results.
    settings: Option<Settings>,
}

impl Place {
    pub(crate) async fn open(app: &App, url: &str) -> anyhow::Result<Self> {
        let given = "give what the notifier was given with --results";
        let store = Arc::new(open_store(url, given).await?);
        let mut salts: Vec<Salt> = Salt::found_in(store.as_ref()).await?.into_iter().collect();
        // That of a notifier beside a server's data.
        let dir = app.data_dir();
        if dir.join("salt").exists() {
            salts.push(data::salt(&dir)?);
        }
        let known = Known {
            results: Results::new(store),
            log: None,
            waiting: Arc::new(NotKnown),
            salts,
        };
        Ok(Self {
            url: url.to_owned(),
            known,
            settings: app.config().ok().map(|loaded| loaded.config.delivery()),
        })
    }

    /// Does the call `name`.
    pub(crate) async fn call(
        &self,
        app: &App,
        name: &str,
        input: &impl Serialize,
    ) -> anyhow::Result<Value> {
        let input = Bytes::from(serde_json::to_vec(input)?);
        let answer = self.answer(app, name, &input).await?;
        let answer = answer.map_err(|fault| answers::told(&fault))?;
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn answer(&self, app: &App, name: &str, input: &Bytes) -> anyhow::Result<Answer> {
        if let Some(ask) = answers::dead::Ask::named(name) {
            return self.dead(app, ask, input).await;
        }
        Ok(match name {
            "why" => self.why(input).await?,
            "results" => self.results(input).await?,
            "compact" => self.compact(input).await?,
            "forget" => self.forget(input).await?,
            "ledger" => Ok(self.ledger(app, input).await?),
            "replay-plan" => self.plan(input).await?,
            "replay-list" => self.list_replays(input).await?,
            "replay-discard" => self.discard(input).await?,
            _ => {
                anyhow::bail!("this needs a server: stored results alone do not tell it")
            }
        })
    }

    async fn why(&self, input: &Bytes) -> anyhow::Result<Answer> {
        let mut input: answers::why::Input = given(input)?;
        input.route = self.results_of(input.route).await?;
        let effort = self.known.why().effort(&input.window()).await?;
        if effort.objects > OBJECTS_UNSAID || self.url.starts_with("s3:") {
            output::complain(&format!(
                "looking through {} objects ({}) at `{}`: the sidecar of each, then what may hold it",
                output::count(effort.objects),
                output::bytes(effort.bytes),
                self.url
            ));
        }
        let mut answer = match answers::why::ask(&self.known, &input).await {
            Ok(answer) => answer,
            Err(fault) => return Ok(Err(fault)),
        };
        for story in &mut answer.stories {
            if story.state == "dead" {
                story.left_dead = !self.is_among_dead(story).await?;
            }
        }
        Ok(answers::write(&answer))
    }

    async fn results(&self, input: &Bytes) -> anyhow::Result<Answer> {
        let mut input: answers::results::Input = given(input)?;
        input.route = self.results_of(input.route).await?;
        Ok(answers::results::list(&self.known, &input).await)
    }

    /// The name of a route's results: as the settings say, else its own. One that has none here is a mistake.
    async fn results_of(&self, route: Option<String>) -> anyhow::Result<Option<String>> {
        let Some(route) = route else { return Ok(None) };
        let name = self.results_name(&route);
        let known = self.routes().await?;
        if known.contains(&name) {
            return Ok(Some(name));
        }
        Err(usage(format!(
            "there are no results of route `{name}` at `{}`; there are: {}",
            self.url,
            listed(&known)
        )))
    }

    /// The results' name of the route that is named, or of the only one.
    async fn route_or_only(&self, route: Option<String>) -> anyhow::Result<String> {
        if let Some(name) = self.results_of(route).await? {
            return Ok(name);
        }
        let known = self.routes().await?;
        match &known[..] {
            [only] => Ok(only.clone()),
            [] => anyhow::bail!("there are no results at `{}`", self.url),
            _ => Err(usage(format!("say which route: {}", listed(&known)))),
        }
    }

    /// The queue of a route, by its results' name: as `given`, else as the settings say.
    fn queue_of(&self, route: &str, given: Option<&str>) -> anyhow::Result<String> {
        let routes = self.settings.iter().flat_map(|all| &all.routes);
        let mut of_route = routes.filter(|(name, _)| self.results_name(name) == route);
        let queue = given
            .map(str::to_owned)
            .or_else(|| of_route.next().map(|(_, rules)| rules.queue.clone()));
        queue.ok_or_else(|| {
            usage(format!(
                "nothing says where to send again: give --queue URL, or --config with route `{route}`"
            ))
        })
    }

    /// What a route's results are called.
    fn results_name(&self, route: &str) -> String {
        let rules = self.settings.as_ref().and_then(|all| all.routes.get(route));
        let name = rules.and_then(|rules| rules.results.clone());
        name.unwrap_or_else(|| route.to_owned())
    }

    /// The routes that have results here.
    async fn routes(&self) -> anyhow::Result<Vec<String>> {
        let routes = self.known.results.routes().await;
        routes.with_context(|| format!("cannot list the results at `{}`", self.url))
    }
}

/// Reads a call's input, which is made of the command's arguments.
fn given<T: DeserializeOwned>(input: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(input)
        .map_err(|error| usage(format!("the input is not in form: {error}")))
}

/// The name in a queue's URL.
fn last_part(queue: &str) -> String {
    queue.rsplit('/').next().unwrap_or(queue).to_owned()
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        _ => names.join(", "),
    }
}

/// Opens a place that must be there; `hint` says what would be right.
async fn open_store(url: &str, hint: &str) -> anyhow::Result<ObjectResults> {
    let place = aws::Place::parse(url).map_err(|error| usage(error.to_string()))?;
    if let aws::Place::Folder(folder) = &place
        && !folder.is_dir()
    {
        return Err(usage(format!(
            "there is no folder `{}`: {hint}",
            folder.display()
        )));
    }
    aws::results_at(url)
        .await
        .map_err(|error| usage(error.to_string()))
}
