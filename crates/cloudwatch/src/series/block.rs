//! A block: what is known of one series in a span of time, packed.
//!
//! A point is a [`Summary`] at a place within the span, counted in steps of the tier's resolution. Most points are one
//! value each; a block of only such takes five bytes and the packed values. What can be worked out again is not written:
//! the sum, least and greatest of values that are known, where they come out bit for bit.
//!
//! # Format
//! ```text
//! 1 byte     bits 0-1 how places lie: 0 without gaps, 1 at even steps, 2 others
//!            bit 2 every point is one value; bit 3 counts and bit 4 sums follow from the distributions;
//!            bits 5-7 version, 1
//! number     points, less one
//! number     the first place; at even steps the step; at others the distance to each next one
//! bit 2 set: the column of values
//! otherwise: kinds, two bits a point (0 same, 1 exact, 2 sketch, 3 unknown), packed
//!            column of counts: of every point, or with bit 3 of those that are not exact
//!            column of sums: of every point, or with bit 4 of those that are neither same nor exact
//!            column of minima: of points that are not exact
//!            column of maxima: of those that are neither same nor exact
//!            for exact ones: the number of values of each, column of all values, column of all their counts
//!            for sketches: each level (1 byte), zeros (double), number of intervals, signed first number, distance to
//!            each next one, column of counts
//! ```
//! For example `24 1d 00 02 0e 00`: an hour whose first thirty minutes have the value 7 each.

use super::bits::{Damaged, Packer, Reader, Unpacker, put_double, put_number, put_signed};
use super::column;
use crate::metric::Summary;
use crate::metric::distribution::Distribution;
use crate::metric::sketch::{LEVEL_MAX, Sketch};

/// Places of a block: the seconds of an hour are the most.
pub(super) const PLACES_MAX: usize = 3600;
/// Different values of a point, and intervals of a sketch. Damaged bytes cannot ask for more memory than this.
const VALUES_MAX: usize = 4096;
/// Different values of all points of a block; for the same reason.
const ALL_VALUES_MAX: usize = 1 << 21;

const VERSION: u8 = 1 << 5;
const EVEN: u8 = 1;
const GAPS: u8 = 2;
const SINGLE: u8 = 1 << 2;
const COUNTS: u8 = 1 << 3;
const SUMS: u8 = 1 << 4;

const SAME: u64 = 0;
const EXACT: u64 = 1;
const SKETCH: u64 = 2;
const UNKNOWN: u64 = 3;

/// One point of a block.
pub(super) type Entry = (u16, Summary);

/// Packs blocks. Keeps its memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    whole: Vec<i64>,
    values: Vec<f64>,
    places: Vec<u16>,
}

impl Encoder {
    /// A block of points that are one value each, by ascending place.
    pub(super) fn singles(&mut self, places: &[u16], values: &[f64]) -> Vec<u8> {
        let mut block = Vec::with_capacity(16 + 2 * values.len());
        head(&mut block, SINGLE, places);
        column::encode(&mut block, values, &mut self.whole);
        block
    }

    /// A block of points by ascending place; at least one.
    pub(super) fn block(&mut self, entries: &[Entry]) -> Vec<u8> {
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        places.extend(entries.iter().map(|(place, _)| *place));
        let block = self.block_at(&places, entries);
        self.places = places;
        block
    }

    fn block_at(&mut self, places: &[u16], entries: &[Entry]) -> Vec<u8> {
        let summaries = || entries.iter().map(|(_, summary)| summary);
        let singles: Option<Vec<f64>> = summaries().map(Summary::single).collect();
        if let Some(singles) = singles {
            return self.singles(places, &singles);
        }
        let mut form = 0;
        if summaries().all(|it| exact_count(it).is_none_or(|count| is_same(count, it.count))) {
            form |= COUNTS;
        }
        if summaries().all(|it| known_sum(it).is_none_or(|sum| is_same(sum, it.sum))) {
            form |= SUMS;
        }
        let mut block = Vec::with_capacity(32 + 16 * entries.len());
        head(&mut block, form, places);
        let mut packer = Packer::new(&mut block);
        summaries().for_each(|it| packer.put(kind(it), 2));
        packer.finish();
        let counts = summaries().filter(|it| form & COUNTS == 0 || kind(it) != EXACT);
        self.column(&mut block, counts.map(|it| it.count));
        let sums = summaries().filter(|it| form & SUMS == 0 || kind(it) > EXACT);
        self.column(&mut block, sums.map(|it| it.sum));
        let minima = summaries().filter(|it| kind(it) != EXACT);
        self.column(&mut block, minima.map(|it| it.min));
        let maxima = summaries().filter(|it| kind(it) > EXACT);
        self.column(&mut block, maxima.map(|it| it.max));
        self.exact(&mut block, entries);
        self.sketches(&mut block, entries);
        block
    }

    fn exact(&mut self, block: &mut Vec<u8>, entries: &[Entry]) {
        let exact = || {
            entries.iter().filter_map(|(_, it)| match &it.distribution {
                Distribution::Exact(pairs) => Some(pairs),
                _ => None,
            })
        };
        exact().for_each(|pairs| put_number(block, pairs.len() as u64));
        self.column(block, exact().flatten().map(|(value, _)| *value));
        self.column(block, exact().flatten().map(|(_, count)| *count));
    }

    fn sketches(&mut self, block: &mut Vec<u8>, entries: &[Entry]) {
        for (_, summary) in entries {
            let Distribution::Sketch(sketch) = &summary.distribution else {
                continue;
            };
            block.push(sketch.level);
            put_double(block, sketch.zeros);
            put_number(block, sketch.bins.len() as u64);
            let mut last = 0;
            for (number, _) in &sketch.bins {
                put_signed(block, i64::from(*number) - last);
                last = i64::from(*number);
            }
            self.column(block, sketch.bins.iter().map(|(_, count)| *count));
        }
    }

    fn column(&mut self, block: &mut Vec<u8>, values: impl Iterator<Item = f64>) {
        self.values.clear();
        self.values.extend(values);
        column::encode(block, &self.values, &mut self.whole);
    }
}

/// Writes the first byte and the places.
fn head(block: &mut Vec<u8>, form: u8, places: &[u16]) {
    let steps = || {
        let next = places.iter().skip(1);
        places.iter().zip(next).map(|(a, b)| u64::from(b - a))
    };
    let step = steps().next().unwrap_or(1);
    let is_even = steps().all(|it| it == step);
    let lie = match (is_even, step) {
        (true, 1) => 0,
        (true, _) => EVEN,
        (false, _) => GAPS,
    };
    block.push(VERSION | form | lie);
    put_number(block, (places.len() as u64).saturating_sub(1));
    put_number(block, places.first().map_or(0, |first| u64::from(*first)));
    match lie {
        EVEN => put_number(block, step),
        GAPS => steps().for_each(|it| put_number(block, it)),
        _ => {}
    }
}

fn kind(summary: &Summary) -> u64 {
    match summary.distribution {
        Distribution::Same => SAME,
        Distribution::Exact(_) => EXACT,
        Distribution::Sketch(_) => SKETCH,
        Distribution::Unknown => UNKNOWN,
    }
}

const fn is_same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits()
}

/// The count as it follows from the values.
fn exact_count(summary: &Summary) -> Option<f64> {
    match &summary.distribution {
        Distribution::Exact(pairs) => Some(count_of(pairs)),
        _ => None,
    }
}

/// The sum as it follows from the values.
fn known_sum(summary: &Summary) -> Option<f64> {
    match &summary.distribution {
        Distribution::Same => Some(summary.min * summary.count),
        Distribution::Exact(pairs) => Some(sum_of(pairs)),
        _ => None,
    }
}

fn count_of(pairs: &[(f64, f64)]) -> f64 {
    pairs.iter().fold(0.0, |sum, (_, count)| sum + count)
}

fn sum_of(pairs: &[(f64, f64)]) -> f64 {
    pairs
        .iter()
        .fold(0.0, |sum, (value, count)| sum + value * count)
}

/// Reads a block.
pub(super) fn decode(block: &[u8]) -> Result<Vec<Entry>, Damaged> {
    let mut reader = Reader(block);
    let form = reader.byte()?;
    if form & 0xe0 != VERSION {
        return Err(Damaged);
    }
    let places = places(&mut reader, form)?;
    let entries = match form & SINGLE {
        0 => summaries(&mut reader, form, places)?,
        _ => {
            let values = column::decode(&mut reader, places.len())?;
            let summaries = values.into_iter().map(Summary::of);
            places.into_iter().zip(summaries).collect()
        }
    };
    reader.is_empty().then_some(entries).ok_or(Damaged)
}

fn places(reader: &mut Reader<'_>, form: u8) -> Result<Vec<u16>, Damaged> {
    let count = reader.at_most(PLACES_MAX - 1)? + 1;
    let mut place = reader.at_most(PLACES_MAX - 1)?;
    let lie = form & 3;
    let step = match lie {
        0 => 1,
        EVEN => reader.at_most(PLACES_MAX)?,
        GAPS => 0,
        _ => return Err(Damaged),
    };
    let mut places = Vec::with_capacity(count);
    places.push(place as u16);
    for _ in 1..count {
        let step = match lie {
            GAPS => reader.at_most(PLACES_MAX)?,
            _ => step,
        };
        place += step;
        if step == 0 || place >= PLACES_MAX {
            return Err(Damaged);
        }
        places.push(place as u16);
    }
    Ok(places)
}

fn summaries(reader: &mut Reader<'_>, form: u8, places: Vec<u16>) -> Result<Vec<Entry>, Damaged> {
    let packed = reader.take(places.len().div_ceil(4))?;
    let mut kinds = Unpacker::new(packed);
    let kinds: Vec<u64> = places
        .iter()
        .map(|_| kinds.get(2))
        .collect::<Result<_, _>>()?;
    let mut column = |wanted: fn(u64) -> bool, all: bool| {
        let count = kinds.iter().filter(|kind| all || wanted(**kind)).count();
        column::decode(reader, count).map(Vec::into_iter)
    };
    let mut counts = column(|kind| kind != EXACT, form & COUNTS == 0)?;
    let mut sums = column(|kind| kind > EXACT, form & SUMS == 0)?;
    let mut minima = column(|kind| kind != EXACT, false)?;
    let mut maxima = column(|kind| kind > EXACT, false)?;
    let mut exact = exact(reader, kinds.iter().filter(|kind| **kind == EXACT).count())?.into_iter();
    let mut entries = Vec::with_capacity(places.len());
    for (place, kind) in places.into_iter().zip(kinds) {
        let summary = match kind {
            EXACT => {
                let pairs = exact.next().ok_or(Damaged)?;
                Summary {
                    count: given(&mut counts, form & COUNTS == 0, || count_of(&pairs))?,
                    sum: given(&mut sums, form & SUMS == 0, || sum_of(&pairs))?,
                    min: pairs.first().ok_or(Damaged)?.0,
                    max: pairs.last().ok_or(Damaged)?.0,
                    distribution: Distribution::Exact(pairs),
                }
            }
            SAME => {
                let count = counts.next().ok_or(Damaged)?;
                let min = minima.next().ok_or(Damaged)?;
                Summary {
                    count,
                    sum: given(&mut sums, form & SUMS == 0, || min * count)?,
                    min,
                    max: min,
                    distribution: Distribution::Same,
                }
            }
            other => Summary {
                count: counts.next().ok_or(Damaged)?,
                sum: sums.next().ok_or(Damaged)?,
                min: minima.next().ok_or(Damaged)?,
                max: maxima.next().ok_or(Damaged)?,
                distribution: match other {
                    SKETCH => Distribution::Sketch(Box::new(sketch(reader)?)),
                    _ => Distribution::Unknown,
                },
            },
        };
        entries.push((place, summary));
    }
    Ok(entries)
}

/// The next of a column, or what follows from the values where the column has none of them.
fn given(
    column: &mut impl Iterator<Item = f64>,
    is_written: bool,
    follows: impl FnOnce() -> f64,
) -> Result<f64, Damaged> {
    match is_written {
        true => column.next().ok_or(Damaged),
        false => Ok(follows()),
    }
}

fn exact(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Vec<(f64, f64)>>, Damaged> {
    let lengths: Vec<usize> = (0..count)
        .map(|_| reader.at_most(VALUES_MAX))
        .collect::<Result<_, _>>()?;
    let all = lengths.iter().sum();
    if all > ALL_VALUES_MAX {
        return Err(Damaged);
    }
    let values = column::decode(reader, all)?;
    let counts = column::decode(reader, all)?;
    let mut pairs = values.into_iter().zip(counts);
    let lists = lengths.into_iter();
    Ok(lists
        .map(|length| pairs.by_ref().take(length).collect())
        .collect())
}

fn sketch(reader: &mut Reader<'_>) -> Result<Sketch, Damaged> {
    let level = reader.byte()?;
    let zeros = reader.double()?;
    let count = reader.at_most(VALUES_MAX)?;
    if level > LEVEL_MAX || count > reader.0.len() {
        return Err(Damaged);
    }
    let mut number = 0_i64;
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        number = number.checked_add(reader.signed()?).ok_or(Damaged)?;
        numbers.push(i32::try_from(number).map_err(|_| Damaged)?);
    }
    let counts = column::decode(reader, count)?;
    Ok(Sketch {
        level,
        zeros,
        bins: numbers.into_iter().zip(counts).collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::distribution::Detail;

    const DETAIL: Detail = Detail {
        exact_max: 4,
        bins_max: 8,
    };

    #[test]
    fn the_bytes_are_golden() {
        let mut encoder = Encoder::default();
        let places: Vec<u16> = (0..30).collect();
        // Version 1, single, no gaps; 30 points from place 0; whole numbers from 7, no bits.
        assert_eq!(
            encoder.singles(&places, &[7.0; 30]),
            [0x24, 29, 0, 0x02, 14, 0]
        );
        let set = Summary::of_set(3.0, 6.0, 1.0, 3.0);
        let values = Summary::of_values(&[(1.0, 1.0), (5.0, 2.0)], DETAIL).unwrap();
        assert_eq!(
            encoder.block(&[(2, set), (4, values)]),
            [
                // Version 1, counts and sums follow, even; 2 points from place 2, step 2; unknown, exact.
                0x39, 1, 2, 2, 0b01_11, // Counts, sums, minima, maxima of the set.
                0x02, 6, 0, 0x02, 12, 0, 0x02, 2, 0, 0x02, 6, 0,
                // Two values, 1 and 5, once and twice.
                2, 0x02, 2, 3, 0b100_000, 0x02, 2, 1, 0b10,
            ]
        );
    }

    fn summary() -> impl Strategy<Value = Summary> {
        let value = prop_oneof![
            (0_u32..10_000).prop_map(|n| f64::from(n) / 100.0),
            any::<f64>().prop_filter("finite", |value| value.is_finite() && value.abs() < 1e100),
        ];
        let count = prop_oneof![Just(1.0), Just(2.0), 0.5..1000.0_f64];
        let values = prop::collection::vec((value, count), 1..20);
        prop_oneof![
            values.prop_map(|pairs| Summary::of_values(&pairs, DETAIL).unwrap()),
            (0.0..100.0_f64, 0.0..100.0_f64, 1.0..9.0_f64)
                .prop_map(|(a, b, count)| Summary::of_set(count, a, a.min(b), a.max(b))),
            (0_u32..100).prop_map(|n| Summary::of(f64::from(n))),
        ]
    }

    proptest! {
        #[test]
        fn blocks_go_there_and_back(entries in prop::collection::btree_map(0_u16..3600, summary(), 1..70)) {
            let entries: Vec<Entry> = entries.into_iter().collect();
            let block = Encoder::default().block(&entries);
            prop_assert_eq!(decode(&block), Ok(entries));
        }

        #[test]
        fn singles_go_there_and_back(values in prop::collection::btree_map(0_u16..3600, 0.0..1e9_f64, 1..70)) {
            let places: Vec<u16> = values.keys().copied().collect();
            let block = Encoder::default().singles(&places, &values.values().copied().collect::<Vec<_>>());
            let entries: Vec<Entry> = values.into_iter().map(|(place, value)| (place, Summary::of(value))).collect();
            prop_assert_eq!(Encoder::default().block(&entries), block.clone());
            prop_assert_eq!(decode(&block), Ok(entries));
        }

        #[test]
        fn any_bytes_are_survived(mut bytes: Vec<u8>, entries in prop::collection::btree_map(0_u16..3600, summary(), 1..9), at: usize) {
            let _ = decode(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = VERSION | (*first & 0x1f);
            }
            let _ = decode(&bytes);
            let entries: Vec<Entry> = entries.into_iter().collect();
            let mut block = Encoder::default().block(&entries);
            let at = at % block.len();
            block[at] ^= 1 << (at % 8);
            let _ = decode(&block);
        }
    }
}
