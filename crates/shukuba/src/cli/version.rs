//! `shukuba version`.

use std::process::ExitCode;

use crate::app::App;
use crate::output;

pub(super) fn run(app: &App) -> anyhow::Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    output::show(
        app.output(),
        &serde_json::json!({ "version": version }),
        |_| format!("shukuba {version}"),
    );
    Ok(ExitCode::SUCCESS)
}
