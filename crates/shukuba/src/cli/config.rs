//! `shukuba config check | reference | show`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use delivery::config::origin::{Origin, Rule};
use serde::Serialize;

use crate::app::{self, App};
use crate::config::reference;
use crate::{account, data, output, serve};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what is wrong with the settings, each with its line and what would be right (exit code 2 if anything is)
    ///
    /// What `serve` is given besides the settings can be given here too.
    Check {
        #[command(flatten)]
        over: serve::Over,
    },
    /// Print the settings that hold, all defaults filled in
    Show {
        /// Only what is written for this receiver, each rule with where it stands: its own table, a preset, or `*`
        #[arg(long, value_name = "HOST")]
        destination: Option<String>,
    },
    /// Print the reference page of all settings, in Markdown
    Reference,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Reference => output::print(reference::page().trim_end()),
        What::Show {
            destination: Some(host),
        } => show_destination(app, &host)?,
        What::Show { destination: None } => {
            output::show(app.output(), &app.config()?.config.shown(), |config| {
                toml::to_string(config).unwrap_or_else(|error| error.to_string())
            })
        }
        What::Check { over } => check(app, over)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One rule in a list.
#[derive(Serialize)]
struct Row {
    key: String,
    value: toml::Value,
    from: String,
}

fn show_destination(app: &App, host: &str) -> anyhow::Result<()> {
    let settings = app.config()?.config.delivery();
    let Some(name) = settings.table_of(host) else {
        return Err(app::usage(format!(
            "nothing is written for `{host}`: what is built in holds"
        )));
    };
    let rules = settings.origins(name);
    let rules = rules.map_err(|error| app::usage(error.to_string()))?;
    let row = |rule: Rule| Row {
        key: rule.key,
        value: rule.value,
        from: match rule.from {
            Origin::Own(name) => format!("destinations.\"{name}\""),
            Origin::Preset(name) => format!("preset {name}"),
        },
    };
    let rows: Vec<Row> = rules.into_iter().map(row).collect();
    output::show(app.output(), &rows, |rows| {
        let cells = rows
            .iter()
            .map(|row| [row.key.clone(), row.value.to_string(), row.from.clone()]);
        output::table(&["rule", "value", "from"], cells)
    });
    Ok(())
}

fn check(app: &App, over: serve::Over) -> anyhow::Result<()> {
    let mut loaded = app.config_to_serve()?;
    over.apply(&mut loaded.config);
    serve::listening(&loaded, over)?;
    let server = &loaded.config.server;
    let dir = app.data_dir();
    if dir.join(data::REGION_FILE).exists() {
        let region = server.region.parse().context("server.region")?;
        data::check_region(&dir, &region)?;
    }
    account::check_account(&dir, server)?;
    for warning in &loaded.warnings {
        output::complain(&format!("warning: {warning}"));
    }
    let file = loaded.file.as_ref().map(|path| path.display().to_string());
    let answer = serde_json::json!({
        "ok": true,
        "file": file,
        "routes": loaded.config.routes.keys().collect::<Vec<_>>(),
        "destinations": loaded.config.destinations.keys().collect::<Vec<_>>(),
        "warnings": loaded.warnings,
    });
    output::show(app.output(), &answer, |_| {
        let file = file.as_deref().unwrap_or("no file, built-in settings");
        let of = |count: usize, thing| output::of(count as u64, thing);
        let routes = of(loaded.config.routes.len(), "route");
        let destinations = of(loaded.config.destinations.len(), "destination");
        format!("ok: {file}: {routes}, {destinations}")
    });
    Ok(())
}
