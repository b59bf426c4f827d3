//! What is kept of how far a spool goes, so that a tail that somebody cut off is missed.

use serde::{Deserialize, Serialize};

use super::Chain;

/// The extent of a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the oldest record that is kept.
    pub first: u64,
    /// The number of the next record: all below have been written.
    pub next: u64,
    /// What they add up to.
    pub chain: Chain,
}

/// As it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    first: u64,
    next: u64,
    chain: String,
}

impl Serialize for Head {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            first: self.first,
            next: self.next,
            chain: self.chain.to_string(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let chain = Chain::parse(&written.chain)
            .ok_or_else(|| serde::de::Error::custom("a chain is 64 hexadecimal digits"))?;
        Ok(Self {
            first: written.first,
            next: written.next,
            chain,
        })
    }
}
