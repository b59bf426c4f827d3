//! `shukuba preset list | show`.

use std::process::ExitCode;

use clap::Subcommand;
use delivery::presets::{self, PRESETS, Preset};
use serde::Serialize;

use crate::app::{self, App};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the presets: what each is for, its hosts and the secrets that it needs
    List,
    /// Print the lines of a preset, with the source of each; they can be written in the settings in its place
    Show {
        /// The preset's name
        name: String,
    },
}

/// A preset in a list.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    about: &'static str,
    hosts: &'static [&'static str],
    secrets: Vec<&'static str>,
}

/// A preset by itself.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    row: Row,
    /// The keys of its destination.
    destination: toml::Table,
    /// The lines, with their sources.
    text: &'static str,
}

impl Row {
    fn of(preset: &Preset) -> Self {
        Self {
            name: preset.name,
            about: preset.about,
            hosts: preset.hosts,
            secrets: preset.secrets(),
        }
    }
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::List => {
            let rows: Vec<Row> = PRESETS.iter().map(Row::of).collect();
            output::show(app.output(), &rows, |rows| list(rows));
        }
        What::Show { name } => {
            let preset = presets::find(&name).map_err(app::usage)?;
            let shown = Shown {
                row: Row::of(preset),
                destination: preset.table().map_err(anyhow::Error::msg)?,
                text: preset.text,
            };
            output::show(app.output(), &shown, |shown| {
                shown.text.trim_end().to_owned()
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let hosts = match row.hosts {
            [] => "any".to_owned(),
            hosts => hosts.join(", "),
        };
        let (name, about) = (row.name.to_owned(), row.about.to_owned());
        [name, hosts, row.secrets.join(", "), about]
    });
    output::table(&["preset", "hosts", "secrets", "what for"], cells)
}
