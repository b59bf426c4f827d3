//! `shukuba access idle`.

use std::process::ExitCode;

use serde_json::Value;

use super::report;
use crate::answers::access::Idle;
use crate::app::App;
use crate::cli::operator::{At, list, text};
use crate::output;

/// List users who could sign in or call, and have done neither for long
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// For so many days or more
    #[arg(long, value_name = "N", default_value_t = 90)]
    days: u64,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let input = Idle { days: args.days };
    let users = report(app, &args.at, "access-idle", &input)?;
    output::show(app.output(), &users, |users| {
        let head = [
            "user",
            "days",
            "signed in",
            "called",
            "password",
            "keys",
            "groups",
        ];
        output::table(&head, users.as_array().into_iter().flatten().map(row))
    });
    Ok(ExitCode::SUCCESS)
}

fn row(user: &Value) -> [String; 7] {
    let when = |name| match text(user, name) {
        at if at.is_empty() => "never".to_owned(),
        at => at,
    };
    let has_password = user["HasPassword"] == true;
    let groups: Vec<_> = list(user, "Groups")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    [
        text(user, "UserName"),
        text(user, "Days"),
        when("SignedIn"),
        when("Called"),
        if has_password { "yes" } else { "no" }.to_owned(),
        text(user, "Keys"),
        groups.join(", "),
    ]
}
