//! A fold simple enough to be obviously right, and the payloads for it.
//!
//! A payload is an id (8 bytes), the id it settles or 0 (8 bytes), and filling. The state is the ids that live, where they
//! lie, and a hash over everything in order.

use std::collections::BTreeMap;
use std::io::Read;

use base::Timestamp;
use store::{BoxError, Capture, Fold, Position};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) count: u64,
    pub(crate) hash: u64,
    pub(crate) last_id: u64,
    /// Id to position of the record.
    pub(crate) living: BTreeMap<u64, u64>,
}

pub(crate) fn payload(id: u64, settles: u64, filling: usize) -> Vec<u8> {
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend(settles.to_le_bytes());
    bytes.extend((0..filling).map(|n| (id as usize * 31 + n * 7) as u8));
    bytes
}

pub(crate) fn id_of(payload: &[u8]) -> u64 {
    u64::from_le_bytes(payload[..8].try_into().unwrap())
}

fn word(from: &mut dyn Read) -> Result<u64, BoxError> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

impl Fold for Model {
    fn apply(&mut self, position: Position, at: Timestamp, payload: &[u8]) -> Result<(), BoxError> {
        let id = id_of(payload);
        let settles = u64::from_le_bytes(payload[8..16].try_into().unwrap());
        let words = [
            position.get(),
            at.as_millis(),
            u64::from(crc32c::crc32c(payload)),
        ];
        for word in words {
            self.hash = (self.hash ^ word)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
        }
        self.count += 1;
        self.last_id = id;
        self.living.remove(&settles);
        if settles == 0 {
            self.living.insert(id, position.get());
        }
        Ok(())
    }

    fn capture(&self) -> Capture {
        let state = self.clone();
        Box::new(move |to| {
            let words = [
                state.count,
                state.hash,
                state.last_id,
                state.living.len() as u64,
            ];
            let living = state.living.iter().flat_map(|(id, at)| [*id, *at]);
            words
                .into_iter()
                .chain(living)
                .try_for_each(|word| to.write_all(&word.to_le_bytes()))
        })
    }

    fn restore(&mut self, from: &mut dyn Read) -> Result<(), BoxError> {
        *self = Self {
            count: word(from)?,
            hash: word(from)?,
            last_id: word(from)?,
            living: BTreeMap::new(),
        };
        let living_word = word;
        for _ in 0..living_word(from)? {
            let id = word(from)?;
            self.living.insert(id, word(from)?);
        }
        match from.read(&mut [0])? {
            0 => Ok(()),
            _ => Err("more follows".into()),
        }
    }
}
