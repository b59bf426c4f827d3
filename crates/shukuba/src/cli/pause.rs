//! `shukuba pause | resume route | destination`.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{At, list, text};
use crate::app::App;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A whole route
    Route {
        #[command(flatten)]
        at: At,
        /// Its name
        name: String,
    },
    /// One destination, by its name in the settings, or its host where none names it
    Destination {
        #[command(flatten)]
        at: At,
        /// Its name
        name: String,
    },
}

pub(super) fn run(app: &App, args: Args, call: &str) -> anyhow::Result<ExitCode> {
    let (at, input) = match args.what {
        What::Route { at, name } => (at, json!({ "route": name })),
        What::Destination { at, name } => (at, json!({ "destination": name })),
    };
    let answer = at.show(app, call, &input, table)?;
    for note in list(&answer, "notes").iter().filter_map(Value::as_str) {
        output::complain(&format!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(answer: &Value) -> String {
    let pauses: Vec<_> = list(answer, "pauses")
        .iter()
        .map(|pause| {
            format!(
                "{} `{}` rests since {}",
                text(pause, "kind"),
                text(pause, "name"),
                text(pause, "since")
            )
        })
        .collect();
    if pauses.is_empty() {
        "nothing rests".to_owned()
    } else {
        pauses.join("\n")
    }
}
