//! `shukuba verify-aws`.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use aws::Account;
use delivery::config::Span;
use url::Url;

use crate::app::{self, App, usage};
use crate::signal::Stop;
use crate::verify::policy::{self, Whose};
use crate::verify::{COUNT_MAX, Check, Order, Package, Report, State, TIMEOUT_MAX, is_loopback};
use crate::{lone, output};

/// Check an account of AWS, or a server that speaks like it: send, deliver, results, ledger, alarm; then take all away again
///
/// Makes two queues, a bucket and an alarm with names and tags of their own, sends notifications to an echo, delivers them with a
/// notifier in this process, and says how each step went. With --functions it sends as many once more, and has scaler and notifier
/// run as functions. Before anything is made it says what, and what that costs at most.
/// Exit code 1 when a step failed, or something is left.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many notifications are sent, 1 to 1,000
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=COUNT_MAX))]
    count: u64,
    /// The echo: a URL of yours that answers 2xx [default: one in this process, where the endpoint is on this machine]
    #[arg(long, value_name = "URL")]
    to: Option<Url>,
    /// Another place than AWS, such as http://127.0.0.1:5310 [default: $AWS_ENDPOINT_URL, else AWS in the region of the environment]
    #[arg(long, value_name = "URL")]
    endpoint: Option<Url>,
    /// Longest time, at most 1h; the clean-up comes after it
    #[arg(long, value_name = "SPAN", default_value = "5m")]
    timeout: Span,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Leave what was made, to look at it
    #[arg(long)]
    keep: bool,
    /// Try the functions as well: the package that `make lambda` builds
    #[arg(long, value_name = "PACKAGE.zip")]
    functions: Option<PathBuf>,
    /// The functions' role, where none may be made: --policy=role prints what it must be allowed
    #[arg(long, value_name = "ARN", requires = "functions")]
    role: Option<String>,
    /// For which processor the package is [default: this machine's]
    #[arg(long, requires = "functions")]
    architecture: Option<Architecture>,
    /// Print the policy that whoever runs this needs, and do nothing; with --functions, what these need too
    #[arg(long, value_name = "WHOSE", num_args = 0..=1, require_equals = true, default_missing_value = "user")]
    policy: Option<Whose>,
}

/// A processor, by Lambda's names.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Architecture {
    #[value(name = "x86_64")]
    X86,
    Arm64,
}

impl Architecture {
    const fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// That of this machine.
    const fn own() -> Self {
        match cfg!(target_arch = "aarch64") {
            true => Self::Arm64,
            false => Self::X86,
        }
    }
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    if let Some(whose) = args.policy {
        output::print(wanted_policy(whose, &args)?.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    if args.timeout.get() > TIMEOUT_MAX {
        return Err(usage("--timeout is longer than an hour"));
    }
    app::block_on(verified(app, args))?
}

fn wanted_policy(whose: Whose, args: &Args) -> anyhow::Result<String> {
    match (whose, &args.functions) {
        (Whose::Role, _) => Ok(policy::ROLE.to_owned()),
        (Whose::User, None) => Ok(policy::USER.to_owned()),
        (Whose::User, Some(_)) => policy::with_functions(args.role.as_deref()),
    }
}

fn package(args: &Args) -> anyhow::Result<Option<Package>> {
    let architecture = args.architecture.unwrap_or(Architecture::own()).name();
    let read = |path: &PathBuf| Package::read(path, architecture, args.role.clone());
    args.functions.as_ref().map(read).transpose()
}

async fn verified(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let endpoint = endpoint(&args)?;
    let is_local = endpoint.as_ref().is_some_and(is_loopback);
    if args.to.is_none() && !is_local {
        return Err(usage(
            "nothing says where to send: give --to with a URL of yours that answers 2xx; it is sent to once for each notification",
        ));
    }
    let order = Order {
        functions: package(&args)?,
        count: args.count,
        to: args.to,
        timeout: args.timeout.get(),
        keeps: args.keep,
    };
    let account = account(app, endpoint.as_ref()).await?;
    let place = endpoint.map_or_else(|| "AWS".to_owned(), |url| url.to_string());
    let check = Check::new(app, account, order)?;
    output::complain(&announced(&check, &place));
    if !args.yes && !is_agreed().await? {
        return Err(usage("nothing was made: say --yes"));
    }
    let report = check.run(Stop::new()?).await?;
    output::show(app.output(), &report, table);
    let is_good = report.ok && (report.left.is_empty() || args.keep);
    Ok(ExitCode::from(u8::from(!is_good)))
}

/// Another place than AWS.
fn endpoint(args: &Args) -> anyhow::Result<Option<Url>> {
    if let Some(url) = &args.endpoint {
        return Ok(Some(url.clone()));
    }
    let given = std::env::var("AWS_ENDPOINT_URL").ok();
    let given = given.filter(|url| !url.is_empty());
    let parse = |url: String| Url::parse(&url).with_context(|| format!("AWS_ENDPOINT_URL `{url}`"));
    given.map(parse).transpose()
}

/// Who calls: the usual chain; the administrator where it is the server of the data directory and nobody else is named.
async fn account(app: &App, endpoint: Option<&Url>) -> anyhow::Result<Account> {
    let Some(endpoint) = endpoint else {
        let account = Account::load().await?;
        let checked = account.check().await;
        checked.map_err(|error| usage(error.to_string()))?;
        return Ok(account);
    };
    let endpoint = endpoint.as_str().trim_end_matches('/');
    let account = lone::account(app, &app.server(), endpoint).await?;
    Ok(account.at(endpoint))
}

fn announced(check: &Check<'_>, place: &str) -> String {
    let (bound, tariff) = (&check.bound, &check.tariff);
    let made = check.all();
    let made: Vec<String> = made.iter().map(|what| format!("  {what}")).collect();
    let runs = match bound.plans {
        0 => String::new(),
        plans => format!(
            "Functions are started at most {} times and run for at most {} s with 128 MB; what they ask is in the price.\n",
            2 * plans,
            bound.function_secs()
        ),
    };
    format!(
        "At {place}, region {}, this makes and takes away again:\n{}\n\
         and sends {}: at most {} requests of SQS, {} + {} of S3, {} of CloudWatch.\n{runs}\
         It costs at most ${:.2} ({}).",
        check.region(),
        made.join("\n"),
        output::of(bound.notifications, "notification"),
        bound.sqs,
        bound.s3_put,
        bound.s3_get,
        bound.cloudwatch,
        up_to_cents(bound.dollars(tariff)),
        tariff.source,
    )
}

/// A limit is never rounded down.
fn up_to_cents(dollars: f64) -> f64 {
    (dollars * 100.0).ceil() / 100.0
}

/// Asks, where somebody is there to answer.
async fn is_agreed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    output::ask("Go on? [y/N] ");
    let read = || {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    };
    let line = tokio::task::spawn_blocking(read).await??;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn table(report: &Report) -> String {
    let rows = report.steps.iter().map(|step| {
        let state = match step.state {
            State::Ok => "ok",
            State::Failed => "FAILED",
            State::Skipped => "skipped",
        };
        let took = std::time::Duration::from_millis(step.ms);
        [
            step.step.to_owned(),
            state.to_owned(),
            output::span(took),
            step.detail.clone(),
        ]
    });
    let called = report.requests.iter().filter(|called| called.requests > 0);
    let called = called.map(|called| [called.kind.to_owned(), output::count(called.requests)]);
    let planned = (report.plans > 0).then(|| {
        let kind = "invocations of the scaler".to_owned();
        [kind, output::count(report.plans)]
    });
    let mut parts = vec![
        output::table(&["step", "", "took", ""], rows),
        output::table(&["requests", ""], called.chain(planned)),
        format!(
            "about ${:.4}, at most ${:.2} ({})",
            report.dollars,
            up_to_cents(report.dollars_max),
            report.prices
        ),
    ];
    if !report.left.is_empty() {
        parts.push(format!("still there:\n  {}", report.left.join("\n  ")));
    }
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_rounded_up() {
        for (dollars, shown) in [(0.2, "0.20"), (0.200_1, "0.21"), (0.0, "0.00")] {
            assert_eq!(format!("{:.2}", up_to_cents(dollars)), shown);
        }
    }
}
