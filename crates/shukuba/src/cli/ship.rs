//! `shukuba ship`: log files into a queue.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use base::ByteCount;
use delivery::config::{FormatKind, RouteFormat, Span};

use crate::app::{self, App};
use crate::client;
use crate::client::endpoint;
use crate::client::http::Http;
use crate::client::sqs::SqsQueue;
use crate::output;
use crate::progress::Progress;
use crate::ship::away::{Away, wait_before};
use crate::ship::{self, Options, Report};
use crate::signal::Stop;

/// Follow log files and send their lines to any SQS queue, without loss
///
/// Rotation by rename and by truncation, restarts and kill -9 lose nothing, and a line that is sent again keeps its id.
/// A renamed file is listened to until it was silent for 60 seconds. Files that were rotated away unseen (NAME.1,
/// NAME-20261123, NAME.2026-11-23, also .gz and .zst) are read before the file that has the name now.
/// A queue that is not there yet or goes away is waited for.
/// Credentials as in the AWS CLI (variables, profile), else the key of the data directory.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) sending: Sending,

    /// Ship what is there and end; needed for .gz and .zst
    #[arg(long)]
    once: bool,

    /// With --once, send a last line that has no newline too [default: only of .gz and .zst; else it is left for the next run]
    #[arg(long, requires = "once")]
    last_line: bool,

    /// Where it is kept what was sent [default: a directory of the queue's under ~/.local/state/shukuba/ship]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Where the manifests of accepted ids go, for a ledger elsewhere: s3://bucket/prefix or a path [default: in the state]
    #[arg(long, value_name = "URL")]
    manifests: Option<String>,

    /// The files to follow
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What `ship` and `send` share.
#[derive(Debug, clap::Args)]
pub(crate) struct Sending {
    /// The queue: a name, or the URL of any SQS queue
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: String,

    /// Where to call [default: AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, the queue's URL, the data directory's server]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,

    /// Pack lines into messages of up to this size (queues charge for each 64KiB); without it, one line a message
    #[arg(long, value_name = "SIZE", num_args = 0..=1, require_equals = true, default_missing_value = "64KiB")]
    pub(crate) pack: Option<ByteCount>,

    /// Set lines aside that this format does not read: url, json or ltsv [default: any line of text is sent]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,

    /// On a FIFO queue: the field whose value is a line's group, so that lines of one value come one after the other: a member of an
    /// object (a `.` steps into objects), a label, or a query parameter; one line a message [default: one group a file]
    #[arg(long, value_name = "FIELD", conflicts_with = "pack")]
    pub(crate) group: Option<String>,

    /// The file for lines that cannot be sent [default: set-aside.ndjson in the state]
    #[arg(long, value_name = "FILE")]
    pub(crate) set_aside: Option<PathBuf>,

    /// Calls under way at once, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) calls: u8,

    /// How long a line waits for others to go with
    #[arg(long, value_name = "SPAN", default_value = "200ms")]
    pub(crate) linger: Span,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let is_once = args.once;
    let report = app::block_on(async {
        let Some(queue) = args.sending.open_when_there(app).await? else {
            return Ok(None);
        };
        let (url, is_fifo) = (queue.url().to_owned(), queue.is_fifo());
        let options = args
            .sending
            .options(args.files, args.once, args.state, &url)?;
        let options = Options {
            manifests: args.manifests,
            is_last_line_whole: args.last_line,
            ..options
        };
        let progress = Progress::new("shipped");
        let report = ship::run(options, &url, is_fifo, Arc::new(queue), |totals| {
            progress.show(totals.accepted, totals.lines_read, &detail(&totals));
        })
        .await;
        progress.end();
        report.map(Some)
    })??;
    let Some(report) = report else {
        output::complain("ended before the queue was there: nothing was read");
        return Ok(ExitCode::from(u8::from(is_once)));
    };
    show(app, &report);
    // One that follows ends because it was told to: that says nothing about its lines.
    let is_aside = is_once && report.totals.set_aside > 0;
    let is_left = is_aside || report.pending > 0 || report.totals.unreadable > 0;
    Ok(ExitCode::from(u8::from(is_left)))
}

impl Sending {
    /// Opens the queue.
    pub(crate) async fn open(&self, app: &App) -> anyhow::Result<SqsQueue> {
        let endpoint = endpoint::for_queue(app, self.endpoint.as_deref(), &self.queue)?;
        let http = Http::new(endpoint, "sqs")?;
        Ok(SqsQueue::open(http, &self.queue).await?)
    }

    /// Opens the queue, and waits for a server that is not there yet: log shippers are started first. What waiting does not
    /// heal is an error. `None`: a signal came.
    async fn open_when_there(&self, app: &App) -> anyhow::Result<Option<SqsQueue>> {
        let (mut signals, away) = (Stop::new()?, Away::default());
        for tries in 1.. {
            let error = match self.open(app).await {
                Ok(queue) => {
                    away.answered();
                    return Ok(Some(queue));
                }
                Err(error) => error,
            };
            match error.downcast_ref() {
                Some(client::Error::Unavailable { url, detail }) => away.failed(url, detail),
                _ => return Err(error),
            }
            tokio::select! {
                () = signals.wait() => break,
                () = tokio::time::sleep(wait_before(tries)) => {}
            }
        }
        Ok(None)
    }

    pub(crate) fn options(
        &self,
        files: Vec<PathBuf>,
        is_once: bool,
        state: Option<PathBuf>,
        url: &str,
    ) -> anyhow::Result<Options> {
        let pack_bytes = self.pack.map(ByteCount::as_usize);
        if pack_bytes.is_some_and(|bytes| !(1024..=1 << 20).contains(&bytes)) {
            return Err(app::usage("--pack is out of range: 1KiB to 1MiB"));
        }
        Ok(Options {
            files,
            is_once,
            pack_bytes,
            format: self.format.as_deref().map(format).transpose()?,
            state_dir: state
                .unwrap_or_else(|| ship::default_state(&app::state_dir().join("ship"), url)),
            group: self.group.clone(),
            aside: self.set_aside.clone(),
            calls: usize::from(self.calls),
            linger: self.linger.get(),
            host: crate::data::host(),
            manifests: None,
            is_last_line_whole: false,
        })
    }
}

fn format(name: &str) -> anyhow::Result<RouteFormat> {
    let kind = match name {
        "url" => FormatKind::Url,
        "json" => FormatKind::Json,
        "ltsv" => FormatKind::Ltsv,
        _ => {
            return Err(app::usage(format!(
                "--format `{name}` is none of url, json, ltsv"
            )));
        }
    };
    Ok(RouteFormat {
        kind,
        ..RouteFormat::default()
    })
}

fn detail(totals: &ship::Totals) -> String {
    let mut text = format!("{} messages", output::count(totals.messages));
    if totals.set_aside > 0 {
        text.push_str(&format!(", {} set aside", output::count(totals.set_aside)));
    }
    if totals.retries > 0 {
        text.push_str(&format!(", {} tried again", output::count(totals.retries)));
    }
    text
}

/// Prints what was shipped.
pub(crate) fn show(app: &App, report: &Report) {
    output::show(app.output(), report, |report| {
        let totals = &report.totals;
        let mut rows = vec![
            ("lines read", output::count(totals.lines_read)),
            ("accepted", output::count(totals.accepted)),
            ("set aside", output::count(totals.set_aside)),
            ("pending", output::count(report.pending)),
            ("messages", output::count(totals.messages)),
            ("bytes", output::bytes(totals.body_bytes)),
            ("calls", output::count(totals.requests)),
        ];
        if totals.unfinished > 0 {
            let left = output::count(totals.unfinished);
            rows.push(("last lines left", format!("{left} (no newline yet)")));
        }
        if totals.unreadable > 0 {
            let count = output::count(totals.unreadable);
            rows.push((
                "not read",
                format!("{count} of the files, or not to the end"),
            ));
        }
        if let Some(place) = &report.manifests {
            rows.push(("manifests", place.clone()));
        }
        if let Some(path) = &report.set_aside_file {
            rows.push(("set-aside file", path.display().to_string()));
        }
        output::pairs(&rows)
    });
}

/// Makes the state directory for commands that keep nothing but set-aside lines.
pub(crate) fn make_state(options: &Options) -> anyhow::Result<()> {
    std::fs::create_dir_all(&options.state_dir)
        .with_context(|| format!("cannot make `{}`", options.state_dir.display()))
}
