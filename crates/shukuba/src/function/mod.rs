//! The binary as a function on `provided.al2023`: the package's `bootstrap`, which Lambda starts without arguments, is the scaler
//! or a notifier, as the function's handler says.
//!
//! ```text
//! schedule -> scaler: reads figures and its state, plans, keeps the state, starts -> notifier, for five minutes each
//! ```
//!
//! | variable | who | what |
//! |---|---|---|
//! | `_HANDLER` | both | `scaler` or `notifier`; Lambda sets it to the function's handler |
//! | `SHUKUBA_CONFIG` | both | the settings: a path in the package, or `s3://bucket/key`, read once at the start |
//! | `SHUKUBA_RESULTS` | notifier | `s3://bucket/prefix`; else `results.url` of the settings |
//! | `SHUKUBA_NOTIFIER` | scaler | the notifiers' function, a name or an ARN |
//! | `SHUKUBA_MEMORY` | both | `s3://bucket/prefix` of what the scaler keeps between plans, and of what notifiers tell of themselves |
//!
//! Settings by variable (`SHUKUBA_SCALER_INTERVAL=1m`) and the secrets that the settings name (`${env:…}`) work as everywhere.
//! There is no data directory, and so there are no sealed secrets. Lines go to standard error, as JSON where the function's log
//! format is JSON.
//!
//! INVARIANT: between invocations, when the process is frozen, it holds nothing: no lease, no send, no state that is not kept.
//!
//! The runtime API is spoken by a client of our own (`runtime`, three calls): `lambda_runtime` would be some fifteen crates
//! (tower, a second client, its own log set-up) for the same.
//!
//! - `ground`: the settings and who calls, loaded once
//! - `scaler`, `notifier`: the two functions; `met`: whom a notifier sends to
//! - `runtime`: next, answer, error

mod ground;
mod met;
mod notifier;
mod runtime;
mod scaler;

use std::process::ExitCode;

use anyhow::Context;

use crate::app::{self, usage};
use crate::output;
use ground::Ground;
use notifier::Notify;
use runtime::{Invocation, Runtime};
use scaler::Planner;

/// Where the runtime API is, when Lambda started this process: somebody who runs a command of ours inside of a function gives
/// arguments.
pub(crate) fn called() -> Option<String> {
    let is_alone = std::env::args_os().len() <= 1;
    variable("AWS_LAMBDA_RUNTIME_API").filter(|_| is_alone)
}

/// Serves invocations until the environment is taken away.
pub(crate) fn run(api: &str) -> ExitCode {
    app::start_log("info");
    let ended = app::block_on(serve(api)).and_then(|ended| ended);
    let Err(error) = ended;
    output::complain(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

async fn serve(api: &str) -> anyhow::Result<std::convert::Infallible> {
    let mut runtime = Runtime::new(api);
    let function = match Function::begin().await {
        Ok(function) => function,
        Err(error) => {
            runtime.cannot_begin(&error).await?;
            return Err(error);
        }
    };
    loop {
        let invocation = runtime.next().await?;
        let answer = function.call(&invocation).await;
        if let Err(error) = &answer {
            tracing::error!(
                request_id = invocation.request_id,
                "the invocation failed: {error:#}"
            );
        }
        runtime.answer(&invocation, answer).await?;
    }
}

enum Function {
    Scaler(Planner),
    Notifier(Box<Notify>),
}

impl Function {
    async fn begin() -> anyhow::Result<Self> {
        match variable("_HANDLER").as_deref() {
            Some("scaler") => Planner::begin(Ground::load().await?)
                .await
                .map(Self::Scaler),
            Some("notifier") => Notify::begin(Ground::load().await?)
                .await
                .map(|notify| Self::Notifier(Box::new(notify))),
            other => Err(usage(format!(
                "the handler `{}` is no function of this package: set the function's handler to `scaler` or `notifier`",
                other.unwrap_or_default()
            ))),
        }
    }

    async fn call(&self, invocation: &Invocation) -> anyhow::Result<serde_json::Value> {
        match self {
            Self::Scaler(planner) => planner.call(invocation).await,
            Self::Notifier(notify) => notify.call(invocation).await,
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn needed(name: &str, what: &str) -> anyhow::Result<String> {
    variable(name).with_context(|| format!("the variable {name} is not set: give it {what}"))
}
