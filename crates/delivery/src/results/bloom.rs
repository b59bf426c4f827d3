//! Bloom filters: one per frame, over every key that a result can be asked by.
//!
//! A key is a 64-bit hash that is the same in every version. Message ids and notification ids share one kind, so that a question
//! need not know which it has; a notification id that is its message's id plus `/n` is found by the message id and not
//! added, and one that has gone on in another message is added with the id of its first. 14 bits a key and 7 probes give a false answer in about 800 (calculated).

/// Bits for each key.
const BITS_PER_KEY: usize = 14;
/// Bits looked at for each key.
const PROBES: u64 = 7;

/// The key of a message or notification id.
#[must_use]
pub fn id_key(id: &str) -> u64 {
    // FNV-1a, then the finaliser of MurmurHash3: written out because it is part of the format.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mixed(hash)
}

/// The key of a URL, from [`crate::result::Salt::url_key`].
#[must_use]
pub fn url_key(key: u64) -> u64 {
    mixed(key ^ 0x7572_6c00_7572_6c00)
}

fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The filter over `keys`, in whole 8 bytes.
#[must_use]
pub fn build(keys: &[u64]) -> Vec<u8> {
    let words = (keys.len() * BITS_PER_KEY).div_ceil(64).max(1);
    let mut filter = vec![0u8; words * 8];
    for key in keys {
        for bit in bits(*key, filter.len()) {
            if let Some(byte) = filter.get_mut(bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    filter
}

/// Whether `key` may be among the keys of `filter`; `false` is certain.
#[must_use]
pub fn may_hold(filter: &[u8], key: u64) -> bool {
    !filter.is_empty()
        && bits(key, filter.len()).all(|bit| {
            filter
                .get(bit / 8)
                .is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
        })
}

/// The places of a key in a filter of `bytes`.
fn bits(key: u64, bytes: usize) -> impl Iterator<Item = usize> {
    let step = (key >> 32) | 1;
    let count = bytes as u64 * 8;
    (0..PROBES).map(move |probe| (key.wrapping_add(step.wrapping_mul(probe)) % count) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_the_same_in_every_version() {
        // Computed by a few lines of Python that follow the two published algorithms.
        assert_eq!(
            id_key("5fea7756-0ea4-451a-a703-a558b933e274"),
            11_890_683_626_211_559_539
        );
        assert_eq!(url_key(1), mixed(0x7572_6c00_7572_6c01));
    }

    #[test]
    fn what_is_in_is_found_and_little_else() {
        let keys: Vec<u64> = (0..2000).map(|n| id_key(&format!("in-{n}"))).collect();
        let filter = build(&keys);
        assert!(keys.iter().all(|key| may_hold(&filter, *key)));
        let wrong = (0..100_000)
            .filter(|n| may_hold(&filter, id_key(&format!("out-{n}"))))
            .count();
        assert!(wrong < 400, "{wrong} false answers of 100,000");
        assert!(!may_hold(&[], 1) && !may_hold(&build(&[]), 1));
    }
}
