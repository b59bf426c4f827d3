//! How long receivers take to answer: a lognormal distribution, as answers over the internet have it, cut into steps.

use std::time::Duration;

use super::number::{float, index, whole};

/// The 99th percentile of the normal distribution.
const Z99: f64 = 2.326_347_874;
/// How many equally likely latencies stand for a distribution. Chosen: its 99th percentile is met within 1 %.
const SAMPLES: u32 = 4_000;
/// A latency beyond is a timeout. The longest total time of an attempt by default.
const LATENCY_MAX_MS: f64 = 30_000.0;

/// How long a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Half of its answers take no longer.
    pub median: Duration,
    /// 99 of 100 take no longer; the median, where all take the same.
    pub p99: Duration,
}

impl Latency {
    /// Always the same.
    #[must_use]
    pub fn fixed(latency: Duration) -> Self {
        Self {
            median: latency,
            p99: latency,
        }
    }

    fn sigma(self) -> f64 {
        let ratio = self.p99.as_secs_f64() / self.median.as_secs_f64().max(1e-6);
        ratio.max(1.0).ln() / Z99
    }

    /// Equally likely latencies, in milliseconds, the shortest first.
    fn samples(self) -> impl Iterator<Item = f64> {
        let (median, sigma) = (self.median.as_secs_f64() * 1_000.0, self.sigma());
        (0..SAMPLES).map(move |place| {
            let part = (f64::from(place) + 0.5) / f64::from(SAMPLES);
            (median * (sigma * normal(part)).exp()).min(LATENCY_MAX_MS)
        })
    }

    /// The mean, in milliseconds.
    #[must_use]
    pub fn mean_ms(self) -> f64 {
        self.samples().sum::<f64>() / f64::from(SAMPLES)
    }
}

/// The normal distribution's quantile, for a part over 0.0 and under 1.0. Source: Acklam's approximation, within 1.2e-9 of it.
fn normal(part: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        0.007_784_695_709_041_462,
        0.322_467_129_070_039_8,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    const TAIL: f64 = 0.024_25;
    let power = |terms: &[f64], at: f64| terms.iter().fold(0.0, |sum, term| sum * at + term);
    let tail = |part: f64| {
        let at = (-2.0 * part.ln()).sqrt();
        power(&C, at) / (power(&D, at) * at + 1.0)
    };
    if part < TAIL {
        tail(part)
    } else if part > 1.0 - TAIL {
        -tail(1.0 - part)
    } else {
        let at = part - 0.5;
        let square = at * at;
        power(&A, square) * at / (power(&B, square) * square + 1.0)
    }
}

/// A distribution of steps: for each number of steps, from 0, the part that takes no more.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spread(Vec<f64>);

impl Spread {
    /// Latencies with their weights, in steps. Each lies between two whole numbers of steps, such that the mean is kept.
    pub(super) fn of(latencies: &[(u32, Latency)], step: Duration) -> Self {
        let step_ms = (step.as_secs_f64() * 1_000.0).max(0.1);
        let mut parts: Vec<f64> = Vec::new();
        let mut add = |steps: u64, part: f64| {
            let place = index(steps);
            if parts.len() <= place {
                parts.resize(place + 1, 0.0);
            }
            if let Some(sum) = parts.get_mut(place) {
                *sum += part;
            }
        };
        for (weight, latency) in latencies {
            for sample in latency.samples() {
                let steps = sample / step_ms;
                let below = whole(steps.floor());
                let above = steps - float(below);
                add(below, f64::from(*weight) * (1.0 - above));
                add(below + 1, f64::from(*weight) * above);
            }
        }
        Self::rising(&parts)
    }

    fn rising(parts: &[f64]) -> Self {
        let all: f64 = parts.iter().sum();
        let mut sum = 0.0;
        let rising = parts.iter().map(|part| {
            sum += part / all.max(f64::MIN_POSITIVE);
            sum.min(1.0)
        });
        let mut rising: Vec<f64> = rising.collect();
        // What can never be longer is not looked at in each step.
        while rising.len() > 1 && rising.iter().rev().nth(1).is_some_and(|last| *last >= 1.0) {
            rising.pop();
        }
        Self(rising)
    }

    /// That of the longest of `count`, and `more` steps.
    pub(super) fn longest_of(&self, count: u32, more: u64) -> Self {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let before = std::iter::repeat_n(0.0, index(more));
        let powers = self.0.iter().map(|part| part.powi(count));
        Self(before.chain(powers).collect())
    }

    /// For each number of steps, the part that takes no more.
    pub(super) fn up_to(&self) -> &[f64] {
        &self.0
    }

    /// The mean, in steps.
    #[cfg(test)]
    pub(super) fn mean(&self) -> f64 {
        self.0.iter().map(|up_to| 1.0 - up_to).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal_distribution() {
        // Abramowitz and Stegun, table 26.5.
        for (part, quantile) in [
            (0.5, 0.0),
            (0.99, Z99),
            (0.01, -Z99),
            (0.8, 0.841_621_234),
            (0.001, -3.090_232_306),
        ] {
            assert!(
                (normal(part) - quantile).abs() < 1e-6,
                "{part}: {}",
                normal(part)
            );
        }
    }

    #[test]
    fn steps_keep_the_mean_and_the_percentile() {
        let latency = Latency {
            median: Duration::from_millis(100),
            p99: Duration::from_millis(400),
        };
        // exp(sigma²/2) times the median.
        let mean = 100.0 * ((4f64.ln() / Z99).powi(2) / 2.0).exp();
        assert!((latency.mean_ms() - mean).abs() < mean * 0.005);
        for step in [5, 50] {
            let spread = Spread::of(&[(1, latency)], Duration::from_millis(step));
            assert!((spread.mean() * step as f64 - mean).abs() < mean * 0.005);
        }
        let spread = Spread::of(&[(1, latency)], Duration::from_millis(5));
        let p99 = spread
            .up_to()
            .iter()
            .position(|part| *part >= 0.99)
            .unwrap();
        assert!((79..=82).contains(&p99), "{p99}");
        let two = spread.longest_of(2, 3);
        assert!(two.mean() > spread.mean() + 3.0);
    }
}
