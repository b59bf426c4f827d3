//! Lines from standard input into a queue; ids are left to the queue.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::Context;
use delivery::format::Format;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::aside::Aside;
use super::ending::Ending;
use super::flight::{Flights, Landed, Refused};
use super::group::Grouping;
use super::line;
use super::pack::{Pack, Packer};
use super::pipeline::{Batch, Place, Senders, Stop};
use super::pull::bad_line;
use super::{Options, Report};
use crate::client::{Message, QueueClient};

/// Buffers between the reading and the packing thread.
const BUFFERS: usize = 4;
const BUFFER_BYTES: usize = 256 * 1024;

/// Sends all lines of `input`; ends at its end.
pub(crate) async fn run(
    options: Options,
    is_fifo: bool,
    client: Arc<dyn QueueClient>,
    input: impl Read + Send + 'static,
) -> anyhow::Result<Report> {
    let group = Grouping::of(options.group.as_deref(), is_fifo)?;
    let aside_path = options
        .aside
        .clone()
        .unwrap_or_else(|| options.state_dir.join("set-aside.ndjson"));
    let aside = Arc::new(Mutex::new(Aside::new(aside_path)));
    let (flights, stop) = (Arc::<Flights>::default(), Stop::default());
    let calls = if is_fifo { 1 } else { options.calls };
    let senders = Senders {
        client,
        flights: flights.clone(),
        aside: aside.clone(),
        stop: stop.clone(),
        ending: Ending::default(),
    };
    let (batches, senders) = senders.start(calls);
    let mut lines = Lines {
        format: options.line_format()?,
        packer: Packer::new(options.limits(), []),
        batch: Batch::default(),
        batches,
        flights: flights.clone(),
        aside: aside.clone(),
        group,
        offset: 0,
        rest: Vec::new(),
    };
    let reading = tokio::task::spawn_blocking(move || lines.read(input, options.linger));
    reading.await.context("the reader stopped")??;
    for sender in senders {
        sender.await.context("a sender stopped")?;
    }
    aside.lock().flush()?;
    if let Some(error) = stop.lock().take() {
        return Err(anyhow::Error::new(error));
    }
    let totals = flights.totals();
    let set_aside_file = aside.lock().path_if_any().map(std::path::Path::to_owned);
    Ok(Report {
        totals,
        pending: totals.pending(),
        set_aside_file,
        manifests: None,
    })
}

struct Lines {
    format: Option<Format>,
    packer: Packer,
    batch: Batch,
    batches: mpsc::Sender<Batch>,
    flights: Arc<Flights>,
    aside: Arc<Mutex<Aside>>,
    group: Grouping,
    offset: u64,
    rest: Vec<u8>,
}

impl Lines {
    fn read(
        &mut self,
        mut input: impl Read + Send + 'static,
        linger: Duration,
    ) -> anyhow::Result<()> {
        let (buffers, read) = sync_channel(BUFFERS);
        // Ends with the input, or when nobody takes its buffers.
        let reader = std::thread::spawn(move || {
            loop {
                let mut buffer = vec![0; BUFFER_BYTES];
                match input.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(count) => buffer.truncate(count),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                }
                if buffers.send(buffer).is_err() {
                    return Ok(());
                }
            }
        });
        loop {
            match read.recv_timeout(linger) {
                Ok(buffer) => self.take(&buffer)?,
                Err(RecvTimeoutError::Timeout) => self.flush()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if !self.rest.is_empty() {
            self.take(b"\n")?;
        }
        self.flush()?;
        match reader.join() {
            Ok(read) => read.context("cannot read standard input"),
            Err(_) => anyhow::bail!("the reader of standard input stopped"),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut bytes = bytes;
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            let (head, tail) = bytes.split_at(at);
            let mut line = std::mem::take(&mut self.rest);
            line.extend_from_slice(head);
            let end = self.offset + u64::try_from(line.len() + 1).unwrap_or(u64::MAX);
            let pack = self.line(self.offset, end, &line);
            self.offset = end;
            self.hand_on(pack)?;
            bytes = tail.get(1..).unwrap_or_default();
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self, start: u64, end: u64, line: &[u8]) -> Option<Pack> {
        let text = line::without_cr(line);
        if let Some(bad) = bad_line(text, self.format.as_ref()) {
            self.aside
                .lock()
                .note(Place { file: 0, start }, text.len(), text, &bad);
            return self.packer.set_aside(start, end);
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            return self.packer.skip(start, end);
        }
        self.packer.push(start, end, text)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let pack = self.packer.flush();
        self.hand_on(pack)?;
        self.dispatch()
    }

    fn hand_on(&mut self, pack: Option<Pack>) -> anyhow::Result<()> {
        let Some(pack) = pack else { return Ok(()) };
        let place = Place {
            file: 0,
            start: pack.start,
        };
        let is_empty = pack.lines == 0;
        let landed = Landed {
            file: 0,
            start: pack.start,
            end: pack.end,
            lines: pack.lines,
            set_aside: pack.set_aside,
        };
        self.flights.start(landed);
        if is_empty {
            self.flights.land(place, 0, Refused::No);
            return Ok(());
        }
        let id = (self.group != Grouping::None).then(base::id::uuid);
        let sent_as = id.as_deref().unwrap_or_default();
        let message = Message {
            group: self.group.group("stdin", sent_as, pack.lines, &pack.body),
            body: pack.body,
            lines: pack.lines,
            id,
            origin: None,
        };
        if !self.batch.has_room_for(&message) {
            self.dispatch()?;
        }
        self.batch.push(place, message);
        Ok(())
    }

    fn dispatch(&mut self) -> anyhow::Result<()> {
        // The memory of what landed is let go; nothing is kept of standard input.
        self.flights.take_landed();
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.batches
            .blocking_send(batch)
            .ok()
            .context("nothing more is sent")
    }
}
