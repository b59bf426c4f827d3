//! Logs into a queue, without loss: what was read is accepted, set aside, or still to be sent, and nothing else.
//!
//! - [`line`]: which lines may travel
//! - [`pack`]: lines into messages
//! - [`source`]: files as lines with offsets
//! - [`follow`]: a name through its rotations
//! - [`rotated`]: the files that a rotation makes
//! - [`state`]: what has been sent, on disk
//! - [`group`]: what must come one after the other
//! - [`flight`]: what is under way
//! - [`pipeline`]: batches out
//! - [`away`]: telling of a queue that does not take messages now
//! - [`ending`]: until when answers are awaited after a signal
//! - [`aside`]: lines that cannot travel
//! - [`manifest`]: the ids that were accepted
//! - [`reader`]: from files to batches, and the order of what is written when
//! - [`stdin`]: the same from standard input

mod aside;
pub(crate) mod away;
mod ending;
mod flight;
mod follow;
mod group;
mod known;
mod line;
mod manifest;
mod pack;
mod pipeline;
mod pull;
mod reader;
mod rotated;
mod source;
mod state;
pub(crate) mod stdin;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use delivery::format::Format;
use delivery::port::ResultStore;
use delivery::results::ObjectResults;
use parking_lot::Mutex;

use crate::app;
use crate::client::QueueClient;
use aside::Aside;
use ending::{Ending, STOP_WITHIN};
use flight::Flights;
pub(crate) use flight::Totals;
use group::Grouping;
use pipeline::{Senders, Stop};
pub(crate) use state::default_dir as default_state;

/// The longest message body of one line: what SQS takes, without room for attributes.
pub(crate) const LINE_BYTES_MAX: usize = (1 << 20) - 2048;

/// What to ship and how.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) files: Vec<PathBuf>,
    /// Ships what is there and ends.
    pub(crate) is_once: bool,
    /// With `is_once`, the last line of a plain file counts without a newline as well.
    pub(crate) is_last_line_whole: bool,
    /// Bytes of lines in a message; one line a message without.
    pub(crate) pack_bytes: Option<usize>,
    /// Sets lines aside that this format does not read.
    pub(crate) format: Option<delivery::config::RouteFormat>,
    /// The field of the line that is its group on a FIFO queue; that of its file without.
    pub(crate) group: Option<String>,
    pub(crate) state_dir: PathBuf,
    pub(crate) aside: Option<PathBuf>,
    /// Calls under way at once, 1 to 64.
    pub(crate) calls: usize,
    /// How long a line waits for others to be packed with.
    pub(crate) linger: Duration,
    pub(crate) host: String,
    /// Where the manifests of accepted ids go: a path or `s3://bucket/prefix`; beside the state without.
    pub(crate) manifests: Option<String>,
}

impl Options {
    /// The format that lines must have, if any.
    fn line_format(&self) -> anyhow::Result<Option<Format>> {
        let rules = self.format.as_ref();
        rules
            .map(|rules| Format::new(rules).map_err(|bad| app::usage(format!("--format: {bad}"))))
            .transpose()
    }

    fn limits(&self) -> pack::Limits {
        match self.pack_bytes {
            None => pack::Limits {
                body_bytes: LINE_BYTES_MAX,
                lines: 1,
            },
            // Attributes count towards the 64 KiB that a request is charged by.
            Some(bytes) => pack::Limits {
                body_bytes: bytes.saturating_sub(400).max(1),
                lines: 10_000,
            },
        }
    }
}

/// What was shipped.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) totals: Totals,
    /// Lines read that are neither accepted nor set aside.
    pub(crate) pending: u64,
    /// Where the set-aside lines are, if there are any.
    pub(crate) set_aside_file: Option<PathBuf>,
    /// Where the manifests of accepted ids are.
    pub(crate) manifests: Option<String>,
}

/// What reader, senders and the caller share.
#[derive(Clone, Debug)]
struct Shared {
    flights: Arc<Flights>,
    aside: Arc<Mutex<Aside>>,
    stop: Stop,
    ending: Ending,
}

/// Ships `options.files` to `queue` until it is done (`is_once`), told to stop by a signal, or refused.
/// `show` is called now and then with the sums.
pub(crate) async fn run(
    options: Options,
    queue_url: &str,
    is_fifo: bool,
    client: Arc<dyn QueueClient>,
    show: impl Fn(Totals),
) -> anyhow::Result<Report> {
    let group = Grouping::of(options.group.as_deref(), is_fifo)?;
    let aside_path = options
        .aside
        .clone()
        .unwrap_or_else(|| options.state_dir.join("set-aside.ndjson"));
    let shared = Shared {
        flights: Arc::default(),
        aside: Arc::new(Mutex::new(Aside::new(aside_path))),
        stop: Stop::default(),
        ending: Ending::default(),
    };
    // One call at a time keeps the order that a FIFO queue is for.
    let calls = if is_fifo { 1 } else { options.calls };
    let senders = Senders {
        client,
        flights: shared.flights.clone(),
        aside: shared.aside.clone(),
        stop: shared.stop.clone(),
        ending: shared.ending.clone(),
    };
    let (batches, senders) = senders.start(calls);
    let (place, store) = open_manifests(&options).await?;
    let reader = reader::Reader::open(options, queue_url, group, store, batches, shared.clone())?;
    let mut reading = tokio::task::spawn_blocking(move || reader.run());
    let finished = watch(&mut reading, &shared, show).await;
    for sender in senders {
        sender.await.context("a sender stopped")?;
    }
    finished?;
    if let Some(error) = shared.stop.lock().take() {
        return Err(anyhow::Error::new(error));
    }
    let totals = shared.flights.totals();
    let set_aside_file = shared
        .aside
        .lock()
        .path_if_any()
        .map(std::path::Path::to_owned);
    Ok(Report {
        totals,
        pending: totals.pending(),
        set_aside_file,
        manifests: Some(place),
    })
}

/// Where manifests go.
async fn open_manifests(options: &Options) -> anyhow::Result<(String, Arc<dyn ResultStore>)> {
    let Some(place) = &options.manifests else {
        let folder = options.state_dir.clone();
        return Ok((
            folder.display().to_string(),
            Arc::new(ObjectResults::local(&folder)?),
        ));
    };
    Ok((place.clone(), Arc::new(aws::results_at(place).await?)))
}

/// Shows progress until the reader ends; a signal tells reader and senders to stop, a second one at once.
async fn watch(
    reading: &mut tokio::task::JoinHandle<anyhow::Result<()>>,
    shared: &Shared,
    show: impl Fn(Totals),
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    let mut signals = crate::signal::Stop::new()?;
    loop {
        tokio::select! {
            ended = &mut *reading => {
                show(shared.flights.totals());
                return ended.context("the reader stopped")?;
            }
            () = signals.wait() => {
                let under_way = shared.flights.under_way();
                if under_way > 0 {
                    tracing::warn!(messages = under_way, within = ?STOP_WITHIN, "ending: answers are awaited; a second signal ends at once");
                }
                shared.ending.ask();
            }
            _ = ticks.tick() => show(shared.flights.totals()),
        }
    }
}
