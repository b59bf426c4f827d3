//! `shukuba access billing`.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::json;

use super::report;
use crate::answers::access::{Billing, Switch};
use crate::app::App;
use crate::cli::operator::{At, text};
use crate::output;

/// Open the bill to users whose policies allow it, close it to all of them, or show which it is. Closed at first, as on AWS
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// What it shall be; shown without
    #[arg(value_enum)]
    switch: Option<Wanted>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Wanted {
    /// To users whose policies allow it
    Open,
    /// To nobody but root
    Close,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let billing = args.switch.map(|wanted| match wanted {
        Wanted::Open => Switch::Open,
        Wanted::Close => Switch::Closed,
    });
    let answer = match billing {
        Some(billing) => report(app, &args.at, "access-billing-set", &Billing { billing })?,
        None => report(app, &args.at, "access-billing", &json!({}))?,
    };
    output::show(app.output(), &answer, |answer| {
        format!("the bill is {} to users", text(answer, "Billing"))
    });
    Ok(ExitCode::SUCCESS)
}
