//! `shukuba access billing`.

use std::process::ExitCode;

use clap::ValueEnum;
use iam::engine::account::{BillingIs, SetBilling};
use serde_json::json;

use crate::app::App;
use crate::{account, output};

/// Open the bill to users whose policies allow it, close it to all of them, or show which it is. Closed at first, as on AWS
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What it shall be; shown without
    #[arg(value_enum)]
    switch: Option<Switch>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    /// To users whose policies allow it
    Open,
    /// To nobody but root
    Close,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let iam = account::open_kept(&app.data_dir(), &app.server())?;
    match args.switch {
        Some(Switch::Open) => iam.run(SetBilling(BillingIs::Open))?,
        Some(Switch::Close) => iam.run(SetBilling(BillingIs::Closed))?,
        None => {}
    }
    let is = match iam.newest().account().billing {
        BillingIs::Open => "open",
        BillingIs::Closed => "closed",
    };
    output::show(app.output(), &json!({ "Billing": is }), |_| {
        format!("the bill is {is} to users")
    });
    Ok(ExitCode::SUCCESS)
}
