//! Writing one object: results in, frames out.

use base::Timestamp;
use bytes::Bytes;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::index::{CountTable, Frame, Index, IndexBuilder, merge_tables};
use super::{Error, bloom, whole};
use crate::result::{Head, Packed};
use crate::travel;

/// A frame is closed before it grows beyond this, decompressed. One larger result makes a frame of its own.
pub const FRAME_BYTES_MAX: usize = 256 << 10;

/// Frames at least this large are copied as they are when objects are compacted.
pub const FRAME_BYTES_FULL: u64 = 128 << 10;

/// zstd's fastest level: higher ones were slower and larger on hex-heavy results (engine.md 4).
const LEVEL: i32 = 1;

/// The three parts of an object, before they are joined.
#[derive(Clone, Debug)]
pub struct Built {
    /// Frames of results.
    pub data: Bytes,
    /// Its sidecar.
    pub sidecar: Bytes,
    /// Frames of raw lines; `None` when not one is kept.
    pub sources: Option<Bytes>,
}

impl Built {
    /// All of it, as it is stored.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn object(self) -> Result<Bytes, Error> {
        let sources = self.sources.unwrap_or_default();
        whole::join(self.data.into(), &sources, &self.sidecar).ok_or(Error::TooLarge)
    }
}

/// Builds one object in memory; it is as large as what was pushed, compressed.
pub struct ObjectBuilder {
    compressor: Compressor<'static>,
    index: IndexBuilder,
    data: Vec<u8>,
    sources: Vec<u8>,
    raw: Vec<u8>,
    raw_sources: Vec<u8>,
    has_sources: bool,
    keys: Vec<u64>,
    results_in_frame: u64,
    results: u64,
}

impl std::fmt::Debug for ObjectBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ObjectBuilder({} results)", self.results)
    }
}

impl ObjectBuilder {
    /// An empty object.
    ///
    /// # Errors
    /// [`Error::Compress`] when the compressor cannot be made.
    pub fn new() -> Result<Self, Error> {
        let mut compressor = Compressor::new(LEVEL).map_err(Error::Compress)?;
        compressor
            .set_parameter(CParameter::ChecksumFlag(true))
            .map_err(Error::Compress)?;
        Ok(Self {
            compressor,
            index: IndexBuilder::default(),
            data: Vec::new(),
            sources: Vec::new(),
            raw: Vec::with_capacity(FRAME_BYTES_MAX),
            raw_sources: Vec::new(),
            has_sources: false,
            keys: Vec::new(),
            results_in_frame: 0,
            results: 0,
        })
    }

    /// Adds a result that was settled at `at`. Something that is no result is kept as it is and counted nowhere.
    ///
    /// # Errors
    /// [`Error::Compress`] when a frame cannot be closed.
    pub fn push(&mut self, at: Timestamp, packed: Packed<'_>) -> Result<(), Error> {
        if self.raw.len() + packed.json.len() >= FRAME_BYTES_MAX && self.results_in_frame > 0 {
            self.close_frame()?;
        }
        if let Some(head) = Head::read(packed.json) {
            self.index.count(&head);
            self.add_keys(&head);
        }
        self.index.spans(at, at);
        self.raw.extend_from_slice(packed.json);
        self.raw.push(b'\n');
        self.has_sources |= !packed.source.is_empty();
        self.raw_sources.extend_from_slice(packed.source);
        self.raw_sources.push(b'\n');
        self.results_in_frame += 1;
        self.results += 1;
        Ok(())
    }

    fn add_keys(&mut self, head: &Head<'_>) {
        self.keys.push(bloom::id_key(&head.message_id));
        let first = travel::without_line(&head.notification_id);
        if first != Some(head.message_id.as_ref()) {
            self.keys.push(bloom::id_key(&head.notification_id));
            let first = first.filter(|first| travel::is_line_of(&head.notification_id, first));
            self.keys.extend(first.map(bloom::id_key));
        }
        if head.url_key != 0 {
            self.keys.push(bloom::url_key(head.url_key));
        }
    }

    /// Adds a whole frame of another object as it is. Its counts come with [`ObjectBuilder::take_over`].
    ///
    /// # Errors
    /// [`Error::Compress`] when the frame before it cannot be closed.
    pub fn push_frame(
        &mut self,
        frame: &Frame,
        filter: &[u8],
        data: &[u8],
        source: &[u8],
    ) -> Result<(), Error> {
        self.close_frame()?;
        let lens = [
            data.len() as u64,
            frame.raw_bytes,
            source.len() as u64,
            frame.results,
        ];
        self.index.frame(lens, filter);
        self.data.extend_from_slice(data);
        self.sources.extend_from_slice(source);
        self.results += frame.results;
        Ok(())
    }

    /// Adds the counts of results whose frames were copied, and of those that were forgotten before.
    pub(super) fn take_over(&mut self, from: &Index, copied: &CountTable) {
        merge_tables(&mut self.index.kept, copied);
        merge_tables(&mut self.index.forgotten, &from.forgotten);
        self.index.spans(from.first_at, from.last_at);
    }

    /// Counts a result that is left out.
    pub(super) fn count_forgotten(&mut self, head: &Head<'_>) {
        let counts = self
            .index
            .forgotten
            .entry(head.destination.clone().into_owned())
            .or_default();
        counts.add(head.decision, head.is_late);
    }

    fn close_frame(&mut self) -> Result<(), Error> {
        if self.results_in_frame == 0 {
            return Ok(());
        }
        let data = self
            .compressor
            .compress(&self.raw)
            .map_err(Error::Compress)?;
        let source = if self.has_sources {
            self.compressor
                .compress(&self.raw_sources)
                .map_err(Error::Compress)?
        } else {
            Vec::new()
        };
        let filter = bloom::build(&self.keys);
        let lens = [
            data.len() as u64,
            self.raw.len() as u64,
            source.len() as u64,
            self.results_in_frame,
        ];
        self.index.frame(lens, &filter);
        self.data.extend_from_slice(&data);
        self.sources.extend_from_slice(&source);
        self.raw.clear();
        self.raw_sources.clear();
        self.keys.clear();
        self.has_sources = false;
        self.results_in_frame = 0;
        Ok(())
    }

    /// How many results were added.
    #[must_use]
    pub fn results(&self) -> u64 {
        self.results
    }

    /// How large the object is by now, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.data.len() + self.sources.len() + self.raw.len() / 4
    }

    /// The finished object.
    ///
    /// # Errors
    /// [`Error::Compress`] when the last frame cannot be closed.
    pub fn finish(mut self) -> Result<Built, Error> {
        self.close_frame()?;
        let sidecar = self
            .index
            .finish(self.data.len() as u64, self.sources.len() as u64);
        let sources = (!self.sources.is_empty()).then(|| Bytes::from(self.sources));
        Ok(Built {
            data: self.data.into(),
            sidecar: sidecar.into(),
            sources,
        })
    }
}
