//! One message as it lies in the journal.
//!
//! # Format
//! An entry can be read by its address alone, and tells when it was damaged:
//!
//! ```text
//! length   varint   of everything that follows it
//! crc      u32 LE   CRC32C of everything that follows it
//! flags    varint   which of the bracketed fields are there
//! sent_at  u48 LE   milliseconds since the epoch
//! sender   varint   number of the caller, 0 = unknown
//! [delay_until varint] [lines varint] [attempt varint] [group bytes] [dedup bytes | 32 bytes]
//! [attributes bytes] [system bytes] [origin bytes]
//! body     the rest
//! ```
//!
//! A body of 300 bytes without attributes costs 14 bytes more.

use base::Timestamp;

use super::codec::{self, Malformed, Reader};

const HAS_LINES: u64 = 1;
const HAS_ATTRIBUTES: u64 = 1 << 1;
const HAS_DELAY: u64 = 1 << 2;
const HAS_GROUP: u64 = 1 << 3;
const HAS_DEDUP: u64 = 1 << 4;
const HAS_CONTENT_DEDUP: u64 = 1 << 5;
const HAS_SYSTEM: u64 = 1 << 6;
const HAS_ATTEMPT: u64 = 1 << 7;
const HAS_ORIGIN: u64 = 1 << 8;
const KNOWN_FLAGS: u64 = (1 << 9) - 1;

/// By what a FIFO queue knows that a message was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dedup<'a> {
    /// An id that the sender gave.
    Id(&'a str),
    /// SHA-256 of the body.
    Content([u8; 32]),
}

/// A message that enters a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewMessage<'a> {
    /// Where the entry begins in the payload of its record; set by `encode` and `decode`.
    pub offset: u32,
    /// When the sender's call arrived; at most 2^48 - 1 ms.
    pub sent_at: Timestamp,
    /// The number of the caller, see `Record::SenderNamed`; 0 when unknown.
    pub sender: u32,
    /// From when it may be received, when that is not at once.
    pub delay_until: Option<Timestamp>,
    /// How many notifications it holds; at least 1.
    pub lines: u32,
    /// How many attempts were made to send its lines.
    pub attempt: u32,
    /// The message group.
    pub group: Option<&'a str>,
    /// The deduplication id.
    pub dedup: Option<Dedup<'a>>,
    /// Message attributes, in the queue's own form.
    pub attributes: &'a [u8],
    /// Message system attributes that the sender gave (`AWSTraceHeader`), as they came.
    pub system: &'a [u8],
    /// Where its lines come from, opaque here.
    pub origin: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl<'a> NewMessage<'a> {
    /// A message with nothing but a body: one notification, at once, from an unknown sender.
    #[must_use]
    pub fn plain(sent_at: Timestamp, body: &'a [u8]) -> Self {
        Self {
            offset: 0,
            sent_at,
            sender: 0,
            delay_until: None,
            lines: 1,
            attempt: 0,
            group: None,
            dedup: None,
            attributes: &[],
            system: &[],
            origin: &[],
            body,
        }
    }

    fn flags(&self) -> u64 {
        let bit = |is_there: bool, flag: u64| if is_there { flag } else { 0 };
        let dedup = match self.dedup {
            None => 0,
            Some(Dedup::Id(_)) => HAS_DEDUP,
            Some(Dedup::Content(_)) => HAS_CONTENT_DEDUP,
        };
        dedup
            | bit(self.lines != 1, HAS_LINES)
            | bit(!self.attributes.is_empty(), HAS_ATTRIBUTES)
            | bit(self.delay_until.is_some(), HAS_DELAY)
            | bit(self.group.is_some(), HAS_GROUP)
            | bit(!self.system.is_empty(), HAS_SYSTEM)
            | bit(self.attempt != 0, HAS_ATTEMPT)
            | bit(!self.origin.is_empty(), HAS_ORIGIN)
    }

    /// Everything between the checksum and the body.
    fn put_head(&self, out: &mut Vec<u8>) {
        codec::put_varint(out, self.flags());
        let millis = self.sent_at.as_millis().min((1 << 48) - 1).to_le_bytes();
        out.extend_from_slice(millis.first_chunk::<6>().unwrap_or(&[0; 6]));
        codec::put_varint(out, u64::from(self.sender));
        if let Some(at) = self.delay_until {
            codec::put_varint(out, at.as_millis());
        }
        if self.lines != 1 {
            codec::put_varint(out, u64::from(self.lines));
        }
        if self.attempt != 0 {
            codec::put_varint(out, u64::from(self.attempt));
        }
        if let Some(group) = self.group {
            codec::put_bytes(out, group.as_bytes());
        }
        match self.dedup {
            None => {}
            Some(Dedup::Id(id)) => codec::put_bytes(out, id.as_bytes()),
            Some(Dedup::Content(hash)) => out.extend_from_slice(&hash),
        }
        for part in [self.attributes, self.system, self.origin] {
            if !part.is_empty() {
                codec::put_bytes(out, part);
            }
        }
    }

    /// Appends the entry; `scratch` is room to work in.
    pub(super) fn put(&self, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        scratch.clear();
        self.put_head(scratch);
        codec::put_varint(out, (4 + scratch.len() + self.body.len()) as u64);
        let crc = crc32c::crc32c_append(crc32c::crc32c(scratch), self.body);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(scratch);
        out.extend_from_slice(self.body);
    }

    /// Reads the entry at the front of `reader`, which began `offset` bytes into the payload; the record's own
    /// checksum has been verified, so the entry's is not.
    pub(super) fn take(reader: &mut Reader<'a>, offset: u32) -> Result<Self, Malformed> {
        let entry = reader.bytes()?;
        Self::parse(entry, offset)
    }

    fn parse(entry: &'a [u8], offset: u32) -> Result<Self, Malformed> {
        let mut reader = Reader::new(entry);
        reader.array::<4>()?;
        let flags = reader.varint()?;
        if flags & !KNOWN_FLAGS != 0 {
            return Err(reader.malformed("a message has unknown flags"));
        }
        let has = |flag: u64| flags & flag != 0;
        let [a, b, c, d, e, f] = reader.array::<6>()?;
        let sent_at = Timestamp::from_millis(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]));
        let sender = reader.varint_u32()?;
        let delay_until = has(HAS_DELAY)
            .then(|| reader.varint())
            .transpose()?
            .map(Timestamp::from_millis);
        let lines = if has(HAS_LINES) {
            reader.varint_u32()?
        } else {
            1
        };
        let attempt = if has(HAS_ATTEMPT) {
            reader.varint_u32()?
        } else {
            0
        };
        let group = has(HAS_GROUP).then(|| reader.text()).transpose()?;
        let dedup = if has(HAS_CONTENT_DEDUP) {
            Some(Dedup::Content(reader.array()?))
        } else {
            has(HAS_DEDUP)
                .then(|| reader.text())
                .transpose()?
                .map(Dedup::Id)
        };
        let mut part = |flag| {
            if has(flag) {
                reader.bytes()
            } else {
                Ok(&[][..])
            }
        };
        let (attributes, system, origin) =
            (part(HAS_ATTRIBUTES)?, part(HAS_SYSTEM)?, part(HAS_ORIGIN)?);
        Ok(Self {
            offset,
            sent_at,
            sender,
            delay_until,
            lines,
            attempt,
            group,
            dedup,
            attributes,
            system,
            origin,
            body: reader.rest(),
        })
    }
}

/// What lies at the address of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'a> {
    /// The whole entry, its checksum verified.
    Message {
        /// The message.
        message: NewMessage<'a>,
        /// How many bytes the entry takes, for the cleaner.
        len: usize,
    },
    /// The entry is longer than what was read: read this many bytes from its beginning.
    Longer {
        /// How many bytes it takes.
        len: usize,
    },
}

impl<'a> Stored<'a> {
    /// Reads the entry at the front of `bytes`, which may hold less or more than it.
    ///
    /// # Errors
    /// [`Malformed`] when no entry begins here or it is damaged.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let rest_len = match reader.varint() {
            Ok(len) => usize::try_from(len)
                .map_err(|_| reader.malformed("a length reaches beyond the end"))?,
            Err(_) if bytes.len() < 10 => return Ok(Self::Longer { len: 10 }),
            Err(malformed) => return Err(malformed),
        };
        let len = (bytes.len() - reader.left()).saturating_add(rest_len);
        let Ok(entry) = reader.take(rest_len) else {
            return Ok(Self::Longer { len });
        };
        let (crc, content) = entry
            .split_first_chunk::<4>()
            .ok_or_else(|| reader.malformed("an entry is shorter than its checksum"))?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
            return Err(reader.malformed("an entry does not match its checksum"));
        }
        Ok(Self::Message {
            message: NewMessage::parse(entry, 0)?,
            len,
        })
    }
}
