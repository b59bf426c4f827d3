//! `shukuba function logs NAME [--follow]`.

use std::process::ExitCode;
use std::time::Duration;

use base::setting::Span;
use base::{Clock, SystemClock};

use super::tail::{Line, Tail};
use crate::access::calls::Failure;
use crate::app::App;
use crate::client::json::Json;
use crate::client::service::{Name, Service, Where};
use crate::output::{self, Format};

/// What stands before the operation in `X-Amz-Target`.
const TARGET: &str = "Logs_20140328";
/// Where lines of functions are found.
const GROUP: &str = "/aws/lambda/";
/// How often new lines are asked for.
const EVERY: Duration = Duration::from_secs(1);

/// Print what a function printed, the oldest first (exit code 1 where it is nothing)
///
/// Each line with its time and the end of its stream's name: a process of the function has a stream of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The function, or any log group by its name with a `/`
    name: String,
    /// Wait for more lines, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// From so long ago on, such as 10m or 24h
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    since: Span,
    /// Only lines with these terms: `ERROR`, `"two words"`, `-DEBUG`, `?WARN ?ERROR`
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    filter: Option<String>,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let group = match args.name.contains('/') {
        true => args.name.clone(),
        false => format!("{GROUP}{}", args.name),
    };
    let logs = Json::new(Service::open(app, &args.at, Name::Logs)?, "1.1", TARGET);
    let from = SystemClock::new().now().minus(args.since.get());
    let mut tail = Tail::new(&group, args.filter.as_deref(), from);
    let mut is_any = false;
    loop {
        let told = tail.ask(&|input| logs.call("FilterLogEvents", input), &mut |line| {
            is_any = true;
            show(app.output(), line);
        });
        match told {
            // It has not printed yet.
            Err(failure) if is_missing(&failure) && args.follow => {}
            Err(failure) if is_missing(&failure) => {
                return Err(anyhow::anyhow!(
                    "there is no log group `{group}`: no function of that name has printed anything here"
                ));
            }
            told => told?,
        }
        if !args.follow {
            return Ok(ExitCode::from(u8::from(!is_any)));
        }
        std::thread::sleep(EVERY);
    }
}

fn is_missing(failure: &Failure) -> bool {
    failure.is("ResourceNotFoundException")
}

fn show(format: Format, line: &Line) {
    let text = match format {
        Format::Json => serde_json::to_string(line).unwrap_or_default(),
        _ => {
            let message = output::plain(line.message.trim_end(), &['\t', '\n']).into_owned();
            format!("{} {} {message}", line.time, line.short_stream())
        }
    };
    output::print(&text);
}
