//! What many turns of one measurement say together.

/// The middle of many values, half of them around it, and where the true middle lies with 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// Lower and upper quartile.
    pub(crate) half: (f64, f64),
    /// By the order of the values alone: it asks nothing of how they are spread. Of fewer than six all of them, which is less sure.
    pub(crate) sure: (f64, f64),
}

/// Of no values it is zeros.
pub(crate) fn of(values: &[f64]) -> Spread {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let value = |place: usize| sorted.get(place).copied().unwrap_or_default();
    let at = |share: f64| {
        let place = last as f64 * share;
        let (low, high) = (value(place.floor() as usize), value(place.ceil() as usize));
        low + (high - low) * place.fract()
    };
    let outer = places_outside(sorted.len());
    Spread {
        median: at(0.5),
        half: (at(0.25), at(0.75)),
        sure: (value(outer), value(last - outer)),
    }
}

/// How many values at either end may be left out, so that the true median lies within the rest with 95 %: each value lies below it as
/// often as above.
fn places_outside(count: usize) -> usize {
    let mut below = 0.0;
    let mut term = 0.5_f64.powf(count as f64);
    let mut outside = 0;
    for k in 0..count / 2 {
        below += term;
        if below * 2.0 > 0.05 {
            break;
        }
        outside = k;
        term *= (count - k) as f64 / (k + 1) as f64;
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_its_half_and_where_it_surely_lies() {
        let values: Vec<f64> = (1..=25).rev().map(f64::from).collect();
        let spread = of(&values);
        assert_eq!((spread.median, spread.half), (13.0, (7.0, 19.0)));
        // The sign test's table (Conover, Practical Nonparametric Statistics): of 25 values the 8th and the 18th, of 6 all.
        assert_eq!(spread.sure, (8.0, 18.0));
        assert_eq!(of(&[6.0, 1.0, 2.0, 5.0, 3.0, 4.0]).sure, (1.0, 6.0));
        assert_eq!(of(&[2.0, 4.0]).median, 3.0);
        assert_eq!(of(&[5.0]).sure, (5.0, 5.0));
        assert_eq!(of(&[]).median, 0.0);
    }
}
