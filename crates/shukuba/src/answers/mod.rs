//! What operators ask of stored results, answered in one place: for a server, whose journal and queues know more, and for
//! results that notifiers stored by themselves.
//!
//! - [`why`]: what became of one
//! - [`results`]: the newest that pass a filter
//! - [`dead`]: what was given up
//! - [`replay`]: what is to be sent again
//! - [`access`]: who may do what
//! - [`trail`]: what is asked of the trail of calls

pub(crate) mod access;
pub(crate) mod dead;
pub(crate) mod replay;
pub(crate) mod results;
pub(crate) mod trail;
pub(crate) mod why;

use std::sync::Arc;

use api::Fault;
use bytes::Bytes;
use delivery::result::Salt;
use delivery::results::{ResultLog, Results};
use delivery::why::Waiting;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app;

/// The answer of a call, as JSON.
pub(crate) type Answer = Result<Vec<u8>, Fault>;

/// Stored results, and what else knows of them.
pub(crate) struct Known {
    pub(crate) results: Results,
    /// The journal that they are sealed from; `None` where there is none.
    pub(crate) log: Option<Arc<dyn ResultLog>>,
    pub(crate) waiting: Arc<dyn Waiting>,
    pub(crate) salts: Vec<Salt>,
}

/// The route where ids are found, which must be one.
pub(crate) fn only_route(found: &[String]) -> Result<&str, Fault> {
    match found {
        [only] => Ok(only),
        [] => Err(refuse("nothing bears these ids")),
        _ => Err(refuse(format!(
            "these ids are on several routes, say which: --route {}",
            found.join(" | ")
        ))),
    }
}

/// Reads a call's input; nothing stands for an empty object.
pub(crate) fn read<T: DeserializeOwned>(input: &Bytes) -> Result<T, Fault> {
    let text: &[u8] = if input.is_empty() { b"{}" } else { input };
    serde_json::from_slice(text)
        .map_err(|error| refuse(format!("the input is not in form: {error}")))
}

/// Writes a call's answer.
pub(crate) fn write<T: Serialize>(value: &T) -> Answer {
    serde_json::to_vec(value).map_err(|error| failed("the answer cannot be written", &error))
}

/// Lines in one answer.
const LINES_MAX: usize = 1000;

/// How many lines an answer may have; `usual` where nothing is asked.
pub(crate) fn at_most(asked: Option<usize>, usual: usize) -> Result<usize, Fault> {
    match asked.unwrap_or(usual) {
        max @ 1..=LINES_MAX => Ok(max),
        max => Err(refuse(format!("`max` is {max}; give 1 to {LINES_MAX}"))),
    }
}

/// The code of what is wrong with a call itself.
pub(crate) const INVALID: &str = agent::door::INVALID;

/// The call asks for what cannot be: a slip in its arguments.
pub(crate) fn refuse(message: impl Into<String>) -> Fault {
    Fault::sender(INVALID, message.into())
}

/// The call is in form, and things here are not so that it could be done.
pub(crate) fn not_now(message: impl Into<String>) -> Fault {
    Fault::sender("Conflict", message.into())
}

/// Nothing here is called so.
pub(crate) fn no_replay(id: &str) -> Fault {
    Fault::sender("NotFound", format!("there is no replay `{id}`"))
}

/// A fault as the command ends with it, whoever answered.
pub(crate) fn told(fault: &Fault) -> anyhow::Error {
    match fault.code {
        INVALID => app::usage(fault.message.as_ref()),
        _ => anyhow::anyhow!("{}", fault.message),
    }
}

/// The call failed on our side; the operator is told why.
pub(crate) fn failed(what: &str, error: &dyn std::error::Error) -> Fault {
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    tracing::error!(error = %text, "an operator's call failed");
    Fault::unavailable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_lines_than_an_answer_has_are_refused_and_so_are_none() {
        assert_eq!(at_most(None, 20).unwrap(), 20);
        assert_eq!(at_most(Some(1000), 20).unwrap(), 1000);
        for max in [0, 1001] {
            let fault = at_most(Some(max), 20).unwrap_err();
            assert!(fault.message.contains("give 1 to 1000"), "{fault:?}");
        }
    }
}
