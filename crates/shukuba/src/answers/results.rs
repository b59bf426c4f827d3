//! `results`: the newest results that pass a filter.
//!
//! Reads backwards: the journal's tail, then the newest objects, and stops when it has enough.

use delivery::port::FailureClass;
use delivery::result::{Decision, Packed, Stored};
use delivery::results::set::{Window, lines_of};
use delivery::results::{Error, ResultLog, sealer};
use serde::Deserialize;

use super::{Answer, Known, failed, refuse, write};

/// Results in one answer.
const MAX: usize = 1000;

const CLASSES: [FailureClass; 7] = [
    FailureClass::Network,
    FailureClass::Timeout,
    FailureClass::Server,
    FailureClass::Limited,
    FailureClass::Client,
    FailureClass::Redirect,
    FailureClass::Policy,
];

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Input {
    /// The route; by its results' name when it comes here.
    pub(crate) route: Option<String>,
    destination: Option<String>,
    verdict: Option<Decision>,
    status: Option<u16>,
    class: Option<String>,
    max: Option<usize>,
}

impl Input {
    fn takes(&self, result: &Stored) -> bool {
        self.destination
            .as_ref()
            .is_none_or(|wanted| *wanted == result.destination)
            && self.verdict.is_none_or(|wanted| wanted == result.verdict)
            && self
                .status
                .is_none_or(|wanted| Some(wanted) == result.status)
            && self
                .class
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == result.class.as_ref())
    }

    fn max(&self) -> usize {
        self.max.unwrap_or(20).min(MAX)
    }
}

pub(crate) async fn list(known: &Known, input: &Input) -> Answer {
    check_class(input.class.as_deref())?;
    let found = newest(known, input).await;
    write(&found.map_err(|error| failed("the results cannot be read", &error))?)
}

/// Refuses a class that does not exist, of which nothing would ever be found.
pub(crate) fn check_class(class: Option<&str>) -> Result<(), api::Fault> {
    let Some(class) = class else {
        return Ok(());
    };
    if CLASSES.iter().any(|known| known.name() == class) {
        return Ok(());
    }
    let known = CLASSES.map(FailureClass::name).join(", ");
    Err(refuse(format!(
        "there is no class `{class}`; there are: {known}"
    )))
}

async fn newest(known: &Known, input: &Input) -> Result<Vec<Stored>, Error> {
    let (mut found, sealed) = match known.log.as_deref() {
        Some(log) => (tail(log, input)?, Some(log.sealed_up_to())),
        None => (Vec::new(), None),
    };
    let window = Window {
        route: input.route.clone(),
        ..Window::sealed(sealed)
    };
    let results = &known.results;
    let mut entries = results.entries(&window).await?;
    // Of several routes as well.
    entries.sort_by_key(|entry| entry.name.hour);
    for entry in entries.iter().rev() {
        if found.len() >= input.max() {
            break;
        }
        let Some(index) = results.index(entry).await? else {
            continue;
        };
        for frame in index.frames.iter().rev() {
            let Some(raw) = results.lines(entry, frame).await? else {
                break;
            };
            let passing = lines_of(&raw)
                .filter_map(Stored::parse)
                .filter(|result| input.takes(result));
            found.extend(passing.collect::<Vec<_>>().into_iter().rev());
            if found.len() >= input.max() {
                break;
            }
        }
    }
    found.truncate(input.max());
    Ok(found)
}

/// What the journal holds unsealed, the newest first.
fn tail(log: &dyn ResultLog, input: &Input) -> Result<Vec<Stored>, Error> {
    let mut found = Vec::new();
    for scanned in log.scan(log.sealed_up_to()) {
        let frame = scanned?;
        let mut take = |_, packed: Packed<'_>| {
            let result = Stored::parse(packed.json);
            let is_of_route = |result: &Stored| {
                input
                    .route
                    .as_ref()
                    .is_none_or(|wanted| *wanted == result.route)
            };
            found.extend(result.filter(|result| is_of_route(result) && input.takes(result)));
            Ok::<(), Error>(())
        };
        let position = frame.position;
        sealer::for_each_result(log, &frame, &mut take)
            .map_err(|source| Error::Record { position, source })??;
    }
    found.reverse();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_class_is_refused_with_the_known_ones() {
        assert!(check_class(None).is_ok() && check_class(Some("server")).is_ok());
        let fault = check_class(Some("nope")).unwrap_err();
        assert!(fault.message.contains("there are: network, "), "{fault:?}");
    }
}
