//! Randomness from a seed, for jitter: the same seed gives the same run.

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, not for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A sequence that `seed` decides.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number, any of all 64-bit numbers.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number from 0.0 up to but not including 1.0.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a f64 exactly")]
    pub fn next_unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A span from zero to `bound`, all equally likely.
    pub fn span(&mut self, bound: std::time::Duration) -> std::time::Duration {
        bound.mul_f64(self.next_unit())
    }
}
