//! `shukuba route test`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use delivery::config::{Route, Settings};
use delivery::destinations::Destinations;

use crate::app::{self, App};
use crate::output;
use crate::route_test::{self, Dry, Stage, Tell, Tested};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what a line would become by the settings: request, destination and resolved address; nothing is sent
    /// (exit code 1 when it would not be sent)
    Test {
        /// The route; may be left out where there is only one
        #[arg(long, value_name = "ROUTE")]
        route: Option<String>,
        /// The very bytes that would be sent and nothing else, `***` for secrets
        #[arg(long, conflicts_with = "file")]
        bytes: bool,
        /// Every line of a file (`-` for standard input): how many would be sent to whom, and the first lines that would not;
        /// names are not resolved
        #[arg(long, value_name = "FILE", conflicts_with = "line")]
        file: Option<PathBuf>,
        /// With --file: each line as well
        #[arg(long, requires = "file")]
        each: bool,
        /// An attribute of the message, as `{@attr.NAME}` names it; may be given again
        #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
        attribute: Vec<(String, String)>,
        /// The line, as it would stand in a log
        #[arg(value_name = "LINE", required_unless_present = "file")]
        line: Option<String>,
    },
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is not NAME=VALUE".to_owned()),
    }
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let What::Test {
        route,
        bytes,
        file,
        each,
        attribute,
        line,
    } = args.what;
    let settings = app.config_to_serve()?.config.delivery();
    let (name, rules) = route_of(&settings, route.as_deref())?;
    let secrets = app.secrets();
    let format = rules
        .reader(name, &settings.secrets, &secrets)
        .map_err(|error| app::usage(error.to_string()))?;
    let destinations =
        Destinations::new(&settings, &secrets).map_err(|error| app::usage(error.to_string()))?;
    let attributes = attribute.into_iter().collect();
    let stage = Stage::new(name, &format, &destinations, attributes);
    if let Some(file) = file {
        return dry_run(app, &stage, &file, each);
    }
    let tested = app::block_on(route_test::run(&stage, &line.unwrap_or_default()))?;
    match (&tested.bytes, bytes) {
        (Some(bytes), true) => output::print_bytes(bytes.as_bytes()),
        _ => output::show(app.output(), &tested, table),
    }
    Ok(ExitCode::from(u8::from(!tested.is_sent)))
}

fn route_of<'a>(
    settings: &'a Settings,
    route: Option<&'a str>,
) -> anyhow::Result<(&'a str, &'a Route)> {
    let known: Vec<&str> = settings.routes.keys().map(String::as_str).collect();
    let name = match (route, known.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(app::usage(format!(
                "say which route: --route {}",
                known.join(" | ")
            )));
        }
    };
    let rules = settings.routes.get(name).ok_or_else(|| {
        app::usage(format!(
            "there is no route `{name}`; there are: {}",
            known.join(", ")
        ))
    })?;
    Ok((name, rules))
}

/// Every line of a file.
fn dry_run(app: &App, stage: &Stage<'_>, file: &Path, has_each: bool) -> anyhow::Result<ExitCode> {
    let input: Box<dyn BufRead> = match file.as_os_str() == "-" {
        true => Box::new(BufReader::new(std::io::stdin())),
        false => {
            let opened = File::open(file);
            let opened = opened.map_err(|error| {
                app::usage(format!("`{}` cannot be read: {error}", file.display()))
            })?;
            Box::new(BufReader::new(opened))
        }
    };
    let mut tell = |number: u64, tested: &Tested| output::print(&line_of(app, number, tested));
    let each: Option<Tell<'_>> = if has_each { Some(&mut tell) } else { None };
    let dry = route_test::run_file(stage, input, each)
        .with_context(|| format!("`{}` cannot be read", file.display()))?;
    match (app.output(), has_each) {
        // One document a line throughout.
        (output::Format::Json, true) => output::print(&serde_json::to_string(&dry)?),
        (form, _) => output::show(form, &dry, summary),
    }
    Ok(ExitCode::from(u8::from(!dry.is_all_sent())))
}

/// One line of a file, in one line.
fn line_of(app: &App, number: u64, tested: &Tested) -> String {
    if app.output() == output::Format::Json {
        let mut value = serde_json::to_value(tested).unwrap_or_default();
        if let Some(members) = value.as_object_mut() {
            members.retain(|_, value| !value.is_null());
            members.insert("line".to_owned(), number.into());
        }
        return value.to_string();
    }
    let request = match (&tested.method, &tested.url) {
        (Some(method), Some(url)) => format!("{method} {url}"),
        _ => String::new(),
    };
    let text = match &tested.problem {
        None => format!("{number}  sent  {request}"),
        Some(problem) => format!("{number}  not sent  {problem}"),
    };
    output::plain(&text, &[]).into_owned()
}

fn summary(dry: &Dry) -> String {
    let mut parts = vec![format!(
        "route `{}`: {} lines, {} would be sent, {} would not; nothing was sent",
        dry.route,
        dry.lines,
        dry.would_be_sent,
        dry.lines - dry.would_be_sent
    )];
    let rows = dry.destinations.iter().map(|(name, of)| {
        [
            name.clone(),
            of.would_be_sent.to_string(),
            of.would_not_be_sent.to_string(),
        ]
    });
    parts.push(output::table(
        &["destination", "would be sent", "would not"],
        rows,
    ));
    for (kind, problem) in &dry.problems {
        let mut lines = vec![format!("{kind}: {} lines, the first:", problem.lines)];
        let first = problem.first.iter();
        lines.extend(first.map(|one| {
            let detail = output::plain(&one.problem, &[]);
            format!("  line {}: {detail}", one.line)
        }));
        parts.push(lines.join("\n"));
    }
    parts.join("\n\n")
}

fn table(tested: &Tested) -> String {
    let mut rows = vec![("route", tested.route.clone())];
    let optional = [
        (
            "request",
            tested
                .method
                .as_ref()
                .zip(tested.url.as_ref())
                .map(|(method, url)| format!("{method} {url}")),
        ),
        ("id", tested.id.clone()),
        ("expires", tested.expires_at.clone()),
    ];
    rows.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    rows.extend(
        tested
            .headers
            .iter()
            .map(|(name, value)| ("header", format!("{name}: {value}"))),
    );
    let bytes = tested.body_bytes;
    rows.extend(
        tested
            .body
            .iter()
            .map(|body| ("body", format!("{bytes} bytes: {body}"))),
    );
    let rules = tested.rules.iter();
    rows.extend(rules.map(|(name, value)| ("rule", format!("{name} = {value}"))));
    rows.extend(
        tested
            .destination
            .iter()
            .map(|name| ("destination", name.clone())),
    );
    rows.extend(tested.relay.iter().map(|relay| ("relay", relay.clone())));
    rows.extend(
        tested
            .addresses
            .iter()
            .map(|address| ("address", address.clone())),
    );
    rows.extend(tested.beside.iter().flat_map(beside));
    rows.push(match &tested.problem {
        None => ("would be", "sent".to_owned()),
        Some(problem) => ("would not be sent", problem.clone()),
    });
    output::pairs(&rows)
}

/// What would go to a second URL, each row under its kind.
fn beside(one: &route_test::Beside) -> Vec<(&'static str, String)> {
    let name = match one.kind.as_str() {
        "shadow" => "shadow",
        _ => "canary",
    };
    let chosen = match one.is_chosen {
        Some(true) => "this one is chosen",
        Some(false) => "this one is not chosen",
        None => "chosen by the message's id",
    };
    let (share, rules) = (one.share, &one.destination);
    let mut rows = vec![(name, format!("share {share}, {chosen}; rules of `{rules}`"))];
    rows.extend(one.url.iter().map(|url| (name, url.clone())));
    rows.extend(
        one.skipped
            .iter()
            .map(|why| (name, format!("would be left out: {why}"))),
    );
    let headers = one.headers.iter();
    rows.extend(headers.map(|(header, value)| (name, format!("header {header}: {value}"))));
    rows
}
