//! `shukuba access idle`.

use std::process::ExitCode;

use crate::access::idle;
use crate::app::App;
use crate::{account, output};

/// List users who could sign in or call, and have done neither for long
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For so many days or more
    #[arg(long, value_name = "N", default_value_t = 90)]
    days: u64,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let iam = account::open_kept(&app.data_dir(), &app.server())?;
    let found = idle::idle(&iam.newest(), iam.clock().now(), args.days);
    output::show(app.output(), &found, |found| {
        let never = || "never".to_owned();
        let rows = found.iter().map(|user| {
            [
                user.user_name.clone(),
                user.days.to_string(),
                user.signed_in.clone().unwrap_or_else(never),
                user.called.clone().unwrap_or_else(never),
                if user.has_password { "yes" } else { "no" }.to_owned(),
                user.keys.to_string(),
                user.groups.join(", "),
            ]
        });
        let head = [
            "user",
            "days",
            "signed in",
            "called",
            "password",
            "keys",
            "groups",
        ];
        output::table(&head, rows)
    });
    Ok(ExitCode::SUCCESS)
}
