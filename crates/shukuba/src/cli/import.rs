//! `shukuba import svix | convoy | hook0 | outpost`.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use base::{Clock as _, SystemClock};
use gateway::secrets::Error;

use crate::app::{self, App};
use crate::import::place::{Draft, block};
use crate::import::{self, FILE_BYTES_MAX, Plan, Product};
use crate::{account, output};

/// Take endpoints and secrets over from another webhook server, so that receivers need no change (docs/migrate.md)
///
/// Writes the lines for the settings to standard output and seals the secrets in the data directory; what does not come over is
/// said at the end. On an error nothing is written. Exit code 1 when an endpoint stays behind.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose export it is
    product: Product,
    /// The export: JSON, one value or several; `-` is standard input
    file: PathBuf,
    /// Write a route too: a queue of this name whose lines are JSON, tried for as long as the other server tried
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Put the lines into this settings file, in the place of those of an import before
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How the other server signed, where its export does not say: svix (default), webhook; v1 (default), v0 for hook0; body
    /// (default), time, standard-webhooks for outpost
    #[arg(long, value_name = "KIND")]
    signature: Option<String>,
    /// Seal the secrets of the export in the place of sealed ones that have another value
    #[arg(long)]
    replace: bool,
    /// Show the lines and what does not come over, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let bytes = export(args).with_context(|| format!("cannot read `{shown}`"))?;
    let now = SystemClock::new().now();
    let (plan, retry_for) = import::plan(args.product, &bytes, args.signature.as_deref(), now)
        .map_err(|wrong| app::usage(format!("`{shown}` {wrong}")))?;
    let lines = block(args.product, &lines(args, &plan, &retry_for));
    match (&args.out, args.dry_run || plan.len() == 0) {
        (_, true) => output::print(lines.trim_end()),
        (None, false) => {
            seal(app, args, &plan)?;
            output::print(lines.trim_end());
        }
        (Some(path), false) => {
            let draft = Draft::write(args.product, path, &lines)?;
            seal(app, args, &plan)?;
            draft.keep()?;
        }
    }
    report(app, args, &plan, &retry_for);
    Ok(if plan.left() > 0 || plan.len() == 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The export, and a byte more than may be where it is too large.
fn export(args: &Args) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX as u64 + 1;
    match args.file.to_str() {
        Some("-") => std::io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut bytes)?,
        _ => std::fs::File::open(&args.file)?
            .take(limit)
            .read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn lines(args: &Args, plan: &Plan, retry_for: &str) -> String {
    let mut all = Vec::new();
    if let Some(route) = &args.route {
        let format = toml::Table::from_iter([("kind".to_owned(), "json".into())]);
        let table = toml::Table::from_iter([
            ("queue".to_owned(), route.as_str().into()),
            ("format".to_owned(), format.into()),
            ("retry_for".to_owned(), retry_for.into()),
        ]);
        let routes = toml::Table::from_iter([(route.clone(), table.into())]);
        let whole = toml::Table::from_iter([("routes".to_owned(), toml::Value::Table(routes))]);
        all.push(whole.to_string());
    }
    all.extend(plan.lines.iter().cloned());
    all.join("\n")
}

fn seal(app: &App, args: &Args, plan: &Plan) -> anyhow::Result<()> {
    let dir = app.data_dir();
    account::open_or_make(&dir, &app.server())?;
    let sealed =
        account::secrets(&dir)?.set_all(&plan.secrets, args.replace, SystemClock::new().now());
    sealed.map_err(|error| match error {
        Error::Taken { .. } => app::usage(format!(
            "{error}: it was changed here or there since; --replace takes that of the export"
        )),
        Error::Name { .. } | Error::Value { .. } | Error::TooMany => app::usage(error.to_string()),
        error => error.into(),
    })
}

fn report(app: &App, args: &Args, plan: &Plan, retry_for: &str) {
    let of = |count: usize, thing| output::of(count as u64, thing);
    for remark in &plan.remarks {
        let (what, who) = match &remark.destination {
            Some(destination) => ("note", format!("{} ({destination})", remark.id)),
            None => ("left", remark.id.clone()),
        };
        output::complain(&format!("{what}: {who}: {}", remark.text));
    }
    let verb = if args.dry_run {
        "would be sealed"
    } else {
        "are sealed"
    };
    output::complain(&format!(
        "{} came over, {} left; {} {verb} in `{}`",
        of(plan.len(), "endpoint"),
        plan.left(),
        of(plan.secrets.len(), "secret"),
        app.data_dir().display()
    ));
    if args.route.is_none() {
        output::complain(&format!(
            "the other server tried for about {retry_for}: set `retry_for` of the route that sends to them"
        ));
    }
    if !args.dry_run {
        output::complain(
            "a running server takes them when it reads its settings again: `systemctl reload shukuba`, or SIGHUP",
        );
    }
}
