//! What the index knows of a record: where it lies, when it was, and what it can be found by, as numbers.

use base::Timestamp;

use crate::record::Attributes;

/// The most keys of a record: six of its own, three of each resource name. More resources cannot be looked up by.
const KEYS_MAX: usize = 255;

/// A record in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    /// Its place among the records of its file, counted from 0.
    pub(super) place: u32,
    pub(super) offset: u32,
    pub(super) keys: Box<[u32]>,
}

/// Something that records can be looked up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The id of the event.
    EventId(String),
    /// The operation.
    EventName(String),
    /// `true` or `false`.
    ReadOnly(String),
    /// Who called.
    Username(String),
    /// The type of something that was touched.
    ResourceType(String),
    /// The name or ARN of something that was touched.
    ResourceName(String),
    /// The service.
    EventSource(String),
    /// The key that signed.
    AccessKeyId(String),
}

impl Attribute {
    /// The attribute that lookups call `key`; `None` when there is none of that name.
    #[must_use]
    pub fn named(key: &str, value: String) -> Option<Self> {
        Some(match key {
            "EventId" => Self::EventId(value),
            "EventName" => Self::EventName(value),
            "ReadOnly" => Self::ReadOnly(value),
            "Username" => Self::Username(value),
            "ResourceType" => Self::ResourceType(value),
            "ResourceName" => Self::ResourceName(value),
            "EventSource" => Self::EventSource(value),
            "AccessKeyId" => Self::AccessKeyId(value),
            _ => return None,
        })
    }

    /// Whether a record has it.
    #[must_use]
    pub fn is_of(&self, record: &Attributes) -> bool {
        let has = |of: &Option<String>, value: &String| of.as_ref() == Some(value);
        match self {
            Self::EventId(value) => record.event_id == *value,
            Self::EventName(value) => record.event_name == *value,
            Self::ReadOnly(value) => record.read_only.is_some_and(|it| it.to_string() == *value),
            Self::Username(value) => has(&record.username, value),
            Self::ResourceType(value) => record.resources.iter().any(|it| has(&it.kind, value)),
            Self::ResourceName(value) => record.resources.iter().any(|it| it.name == *value),
            Self::EventSource(value) => record.event_source == *value,
            Self::AccessKeyId(value) => has(&record.access_key_id, value),
        }
    }

    /// The number that stands for it. Others may have the same: who finds one looks at the record.
    pub(super) fn key(&self) -> u32 {
        match self {
            Self::EventId(value) => key(0, value),
            Self::EventName(value) => key(1, value),
            Self::ReadOnly(value) => key(2, value),
            Self::Username(value) => key(3, value),
            Self::ResourceType(value) => key(4, value),
            Self::ResourceName(value) => key(5, value),
            Self::EventSource(value) => key(6, value),
            Self::AccessKeyId(value) => key(7, value),
        }
    }
}

impl Entry {
    pub(super) fn of(at: Timestamp, place: u64, offset: u64, record: &Attributes) -> Self {
        let mut keys = vec![
            key(0, &record.event_id),
            key(1, &record.event_name),
            key(6, &record.event_source),
        ];
        keys.extend(
            record
                .read_only
                .map(|it| key(2, if it { "true" } else { "false" })),
        );
        keys.extend(record.username.as_ref().map(|it| key(3, it)));
        keys.extend(record.access_key_id.as_ref().map(|it| key(7, it)));
        for resource in &record.resources {
            keys.extend(resource.kind.as_ref().map(|it| key(4, it)));
            keys.push(key(5, &resource.name));
        }
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(KEYS_MAX);
        Self {
            at,
            // A file is shorter than 4 GiB.
            place: u32::try_from(place).unwrap_or(u32::MAX),
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            keys: keys.into(),
        }
    }
}

fn key(kind: u8, value: &str) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&[kind]), value.as_bytes())
}
