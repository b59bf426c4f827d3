//! SipHash-2-4 with 128 bits, the keyed hash behind message ids and receipt handles.
//!
//! Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", and the reference vectors of its 128-bit form.

/// A secret of 16 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Seed(pub(crate) [u8; 16]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(hidden)")
    }
}

/// The keyed hash of `bytes`.
pub(crate) fn hash(seed: Seed, bytes: &[u8]) -> [u8; 16] {
    let [k0, k1] = halves(seed.0);
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        absorb(&mut state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
    last[7] = (bytes.len() & 0xff) as u8;
    absorb(&mut state, u64::from_le_bytes(last));

    state[2] ^= 0xee;
    let first = squeeze(&mut state);
    state[1] ^= 0xdd;
    let second = squeeze(&mut state);
    let mut out = [0; 16];
    out.iter_mut()
        .zip(first.to_le_bytes().into_iter().chain(second.to_le_bytes()))
        .for_each(|(to, from)| *to = from);
    out
}

/// The first and the last 8 bytes as numbers.
pub(crate) fn halves(bytes: [u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(bytes);
    [(both & u128::from(u64::MAX)) as u64, (both >> 64) as u64]
}

fn absorb(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    round(state);
    state[0] ^= word;
}

fn squeeze(state: &mut [u64; 4]) -> u64 {
    for _ in 0..4 {
        round(state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *b = b.rotate_left(13) ^ *a;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*d);
    *d = d.rotate_left(16) ^ *c;
    *a = a.wrapping_add(*d);
    *d = d.rotate_left(21) ^ *a;
    *c = c.wrapping_add(*b);
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's vectors: key 00..0f, input 00, 0001, … of the given length.
    #[test]
    fn the_reference_vectors_come_out() {
        let seed = Seed(std::array::from_fn(|at| at as u8));
        for (len, expected) in [
            (0, "a3817f04ba25a8e66df67214c7550293"),
            (1, "da87c1d86b99af44347659119b22fc45"),
            (2, "8177228da4a45dc7fca38bdef60affe4"),
        ] {
            let input: Vec<u8> = (0..len).collect();
            assert_eq!(hex::encode(hash(seed, &input)), expected, "{len}");
        }
    }
}
