//! `shukuba env`: what aws-cli and SDKs need to reach this server.

use std::process::ExitCode;

use anyhow::Context;

use crate::app::App;
use crate::{data, output};

/// Prints the variables for aws-cli and SDKs: `eval "$(shukuba env)"`
///
/// Makes the account at the first time, so that it works before, during and after `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(super) fn run(app: &App, _: Args) -> anyhow::Result<ExitCode> {
    let server = app.config()?.config.server;
    let keys = data::open_keys(&app.data_dir(), &server)?;
    let key = keys
        .administrator()
        .context("the data directory has no administrator's key")?;
    let url = server
        .public_url
        .clone()
        .unwrap_or_else(|| data::local_url(app, &server));
    if output::is_terminal() {
        output::complain(
            "warning: these lines hold the administrator's secret; use them as: eval \"$(shukuba env)\"",
        );
    }
    let variables = [
        ("AWS_ENDPOINT_URL", url.trim_end_matches('/')),
        ("AWS_ACCESS_KEY_ID", key.key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", key.secret.expose()),
        ("AWS_DEFAULT_REGION", server.region.as_str()),
    ];
    let object: serde_json::Map<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    output::show(app.output(), &object, |_| {
        let lines = variables
            .iter()
            .map(|(name, value)| format!("export {name}={}", quoted(value)));
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

/// A word for a shell; quoted only where it has to be.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
