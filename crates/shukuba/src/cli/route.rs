//! `shukuba route test`.

use std::process::ExitCode;

use clap::Subcommand;
use delivery::destinations::Destinations;

use crate::app::{self, App};
use crate::output;
use crate::route_test::{self, Tested};

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
        /// The line, as it would stand in a log
        #[arg(value_name = "LINE")]
        line: String,
    },
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let What::Test { route, line } = args.what;
    let settings = app.config_to_serve()?.config.delivery();
    let known: Vec<&str> = settings.routes.keys().map(String::as_str).collect();
    let name = match (&route, known.as_slice()) {
        (Some(name), _) => name.as_str(),
        (None, [only]) => only,
        (None, _) => {
            return Err(app::usage(format!(
                "say which route: --route {}",
                known.join(" | ")
            )));
        }
    };
    let Some(rules) = settings.routes.get(name) else {
        return Err(app::usage(format!(
            "there is no route `{name}`; there are: {}",
            known.join(", ")
        )));
    };
    let destinations = Destinations::new(&settings, &app.secrets())
        .map_err(|error| app::usage(error.to_string()))?;
    let tested = app::block_on(route_test::run(name, rules, &destinations, &line))?;
    output::show(app.output(), &tested, table);
    Ok(ExitCode::from(u8::from(!tested.is_sent)))
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
    rows.push(match &tested.problem {
        None => ("would be", "sent".to_owned()),
        Some(problem) => ("would not be sent", problem.clone()),
    });
    output::pairs(&rows)
}
