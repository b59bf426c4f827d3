//! `shukuba results forget`.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::operator::{self, At, number};
use crate::app::App;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Remove every stored result of a message or notification id, with its line (personal data)
    Forget {
        #[command(flatten)]
        at: At,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// The id
        id: String,
    },
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let What::Forget { at, yes, id } = args.what;
    if operator::confirm(&format!("remove all results of `{id}` for ever"), yes)? {
        at.show(app, "forget", &json!({ "id": id }), |answer| {
            format!("{} results removed from {} objects", number(answer, "results"), number(answer, "objects"))
        })?;
    }
    Ok(ExitCode::SUCCESS)
}
