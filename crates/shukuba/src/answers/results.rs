//! `results`: the newest results that pass a filter.
//!
//! Reads backwards: the journal's tail, then the newest objects, and stops when it has enough.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use delivery::port::FailureClass;
use delivery::result::{Decision, Stored};
use delivery::results::set::{Window, lines_of};
use delivery::results::{Error, ResultLog, sealer};
use serde::{Deserialize, Serialize};

use super::{Answer, Known, at_most, failed, refuse, write};

/// What is asked.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Input {
    /// The route; by its results' name when it comes here.
    pub(crate) route: Option<String>,
    pub(crate) destination: Option<String>,
    pub(crate) verdict: Option<Decision>,
    pub(crate) status: Option<u16>,
    pub(crate) class: Option<String>,
    pub(crate) max: Option<usize>,
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
}

pub(crate) async fn list(known: &Known, input: &Input) -> Answer {
    check_class(input.class.as_deref())?;
    let max = at_most(input.max, 20)?;
    let found = newest(known, input, max).await;
    write(&found.map_err(|error| failed("the results cannot be read", &error))?)
}

/// Refuses a class that does not exist, of which nothing would ever be found.
pub(crate) fn check_class(class: Option<&str>) -> Result<(), api::Fault> {
    let Some(class) = class else {
        return Ok(());
    };
    if FailureClass::ALL.iter().any(|known| known.name() == class) {
        return Ok(());
    }
    let known = FailureClass::ALL.map(FailureClass::name).join(", ");
    Err(refuse(format!(
        "there is no class `{class}`; there are: {known}"
    )))
}

async fn newest(known: &Known, input: &Input, max: usize) -> Result<Vec<Stored>, Error> {
    let (mut found, sealed) = match known.log.as_deref() {
        Some(log) => (tail(log, input, max)?, Some(log.sealed_up_to())),
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
        if found.len() >= max {
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
            if found.len() >= max {
                break;
            }
        }
    }
    found.truncate(max);
    Ok(found)
}

/// The `max` newest of what the journal holds unsealed, the newest first.
fn tail(log: &dyn ResultLog, input: &Input, max: usize) -> Result<Vec<Stored>, Error> {
    let mut newest = VecDeque::new();
    let is_of_route = |result: &Stored| {
        let wanted = input.route.as_ref();
        wanted.is_none_or(|wanted| *wanted == result.route)
    };
    sealer::scan_tail(log, log.sealed_up_to(), &mut |_, _, packed| {
        let result = Stored::parse(packed.json);
        if let Some(result) = result.filter(|it| is_of_route(it) && input.takes(it)) {
            if newest.len() >= max {
                newest.pop_front();
            }
            newest.push_back(result);
        }
        ControlFlow::Continue(())
    })?;
    Ok(newest.into_iter().rev().collect())
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
