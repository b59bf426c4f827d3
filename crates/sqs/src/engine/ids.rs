//! Message ids, sequence numbers and receipt handles, all made of a message's key.
//!
//! # Format
//! A receipt handle is base64 (URL alphabet, no padding) of 24 bytes, and says by its last 8 whether we made it:
//!
//! ```text
//! queue u32 LE | key u64 LE | nonce u16 LE | 2 bytes 0 | first 8 bytes of SipHash(seed, all of the above)
//! ```

use base::id;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::record::{MessageKey, QueueId};

use super::sip::{self, Seed};

/// What a receipt handle stands for: one receive of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) queue: QueueId,
    pub(crate) key: MessageKey,
    pub(crate) nonce: u16,
}

impl Handle {
    /// As callers get it: 32 characters.
    pub(crate) fn seal(self, seed: Seed) -> String {
        let content = self.content();
        let mut bytes = [0; 24];
        let mac = mac(seed, &content);
        bytes
            .iter_mut()
            .zip(content.into_iter().chain(mac))
            .for_each(|(to, from)| *to = from);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Handle::seal`] made; `None` for anything else.
    pub(crate) fn open(seed: Seed, text: &str) -> Option<Self> {
        let mut bytes = [0; 24];
        if text.len() != 32 || URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) != Ok(24) {
            return None;
        }
        let (content, given) = bytes.split_first_chunk::<16>()?;
        let difference = mac(seed, content)
            .iter()
            .zip(given)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        if difference != 0 {
            return None;
        }
        let both = u128::from_le_bytes(*content);
        Some(Self {
            queue: QueueId((both & 0xffff_ffff) as u32),
            key: MessageKey(((both >> 32) & u128::from(u64::MAX)) as u64),
            nonce: ((both >> 96) & 0xffff) as u16,
        })
    }

    fn content(self) -> [u8; 16] {
        let both = u128::from(self.queue.0)
            | (u128::from(self.key.0) << 32)
            | (u128::from(self.nonce) << 96);
        both.to_le_bytes()
    }
}

fn mac(seed: Seed, content: &[u8; 16]) -> [u8; 8] {
    let [first, _] = sip::halves(sip::hash(seed, content));
    first.to_le_bytes()
}

/// The message's id, a UUID that only this data directory gives to this key.
pub(crate) fn message_id(seed: Seed, key: MessageKey) -> String {
    id::format_uuid(uuid(seed, key))
}

/// The 16 bytes of [`message_id`].
pub(crate) fn uuid(seed: Seed, key: MessageKey) -> [u8; 16] {
    id::as_version_4(sip::hash(seed, &key.0.to_le_bytes()))
}

/// 20 digits that grow in each queue.
pub(crate) fn sequence_number(turn: u64) -> String {
    format!("{turn:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: Seed = Seed([9; 16]);

    #[test]
    fn a_handle_goes_there_and_back() {
        let handle = Handle {
            queue: QueueId(u32::MAX),
            key: MessageKey(u64::MAX - 7),
            nonce: 65_535,
        };
        assert_eq!(Handle::open(SEED, &handle.seal(SEED)), Some(handle));
    }

    #[test]
    fn a_forged_handle_is_refused() {
        let text = Handle {
            queue: QueueId(3),
            key: MessageKey(4),
            nonce: 5,
        }
        .seal(SEED);
        assert_eq!(Handle::open(Seed([8; 16]), &text), None);
        for at in 0..text.len() {
            for letter in "AZaz09-_=+ é".chars() {
                let forged: String = text
                    .chars()
                    .enumerate()
                    .map(|(index, c)| if index == at { letter } else { c })
                    .collect();
                assert!(
                    forged == text || Handle::open(SEED, &forged).is_none(),
                    "{forged}"
                );
            }
        }
        for text in ["", "x", &"A".repeat(31), &"A".repeat(32), &"A".repeat(33)] {
            assert_eq!(Handle::open(SEED, text), None, "{text}");
        }
    }

    #[test]
    fn ids_are_uuids_and_differ() {
        let first = message_id(SEED, MessageKey(1));
        assert!(id::parse_uuid(&first).is_some());
        assert_ne!(first, message_id(SEED, MessageKey(2)));
        assert_eq!(sequence_number(42), "00000000000000000042");
    }
}
