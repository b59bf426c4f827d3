//! `shukuba dashboard list`, `get` and `delete`.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::alarms::apply::text;
use crate::app::App;
use crate::boards::{indent, kept};
use crate::cli::alarm::{cloudwatch, dated};
use crate::cli::operator::{confirm, number};
use crate::client::cloudwatch::CloudWatch;
use crate::client::service::Where;
use crate::output::{self, Format};

/// List dashboards
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only those whose names begin so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// Print the body of a dashboard, to be edited and applied again
///
/// A body on one line is laid out in lines; what it says stays as it is written.
#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    /// The dashboard's name
    name: String,
    /// Print it byte by byte as it is kept
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    at: Where,
}

/// Delete dashboards
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// Names of dashboards
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    at: Where,
}

pub(super) fn list(app: &App, args: &ListArgs) -> anyhow::Result<ExitCode> {
    let wire = cloudwatch(app, &args.at)?;
    let cloudwatch: &dyn CloudWatch = &wire;
    let input = match args.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => json!({ "DashboardNamePrefix": prefix }),
        None => json!({}),
    };
    let entries = cloudwatch.list("ListDashboards", &input, "DashboardEntries")?;
    let entries: Vec<Value> = entries.into_iter().map(dated).collect();
    output::show(app.output(), &entries, |entries| {
        let row = |entry: &Value| {
            [
                text(entry, "DashboardName").to_owned(),
                text(entry, "LastModified").to_owned(),
                number(entry, "Size"),
            ]
        };
        output::table(&["dashboard", "changed", "bytes"], entries.iter().map(row))
    });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn get(app: &App, args: &GetArgs) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    let Some(answer) = kept::get(&cloudwatch, &args.name)? else {
        anyhow::bail!("no dashboard is called `{}`", args.name);
    };
    let body = kept::body(&answer);
    match (app.output(), args.raw) {
        (Format::Json, _) => output::print(&output::json(&answer)),
        (_, true) => output::print_bytes(body.as_bytes()),
        (_, false) => {
            output::print_bytes(format!("{}\n", indent::for_people(body).trim_end()).as_bytes())
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn delete(app: &App, args: &DeleteArgs) -> anyhow::Result<ExitCode> {
    let cloudwatch = cloudwatch(app, &args.at)?;
    let question = format!("delete {}", args.names.join(", "));
    if !confirm(&question, args.yes)? {
        return Ok(ExitCode::FAILURE);
    }
    cloudwatch.call("DeleteDashboards", &json!({ "DashboardNames": args.names }))?;
    output::show(app.output(), &json!({ "Deleted": args.names }), |_| {
        args.names.join("\n")
    });
    Ok(ExitCode::SUCCESS)
}
