//! `shukuba dashboard …`: dashboards of a server or of AWS. A file each.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::App;

mod apply;
mod generate;
mod kept;
mod plugins;
mod render;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List(kept::ListArgs),
    Get(kept::GetArgs),
    Apply(apply::Args),
    Generate(generate::Args),
    Render(render::Args),
    Delete(kept::DeleteArgs),
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::List(args) => kept::list(app, &args),
        What::Get(args) => kept::get(app, &args),
        What::Apply(args) => apply::run(app, &args),
        What::Generate(args) => generate::run(app, &args),
        What::Render(args) => render::run(app, &args),
        What::Delete(args) => kept::delete(app, &args),
    }
}
