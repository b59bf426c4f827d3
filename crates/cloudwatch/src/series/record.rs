//! What a put looks like in the log, and a series in its table.
//!
//! # Format
//! A put is the time at which it came, milliseconds, and its items to the end of the payload:
//! ```text
//! number  0: a new series. Number: its id; then the series
//!         other: a datum of the series with the id one less. Then
//!         1 byte   bits 0-1 sample: 0 a value, 1 values, 2 a set; bit 2 kept by the second
//!         signed   minutes or seconds after the one in which the put came
//!         sample   a double; or a number of values, and value and count of each; or count, sum, least, greatest
//! ```
//! A series is its unit (1 byte), namespace, name, the number of dimensions, name and value of each.

use base::Timestamp;

use super::bits::{Damaged, Reader, put_double, put_number, put_signed, put_text};
use super::datum::{Resolution, Sample};
use crate::metric::identity::DIMENSIONS_MAX;
use crate::metric::{Dimension, Identity, Unit};

/// Values of a datum; damaged bytes cannot ask for more memory than this.
const VALUES_MAX: usize = 1 << 16;

/// One item of a put.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Series {
        id: u32,
        identity: Identity,
        unit: Unit,
    },
    Datum(Kept),
}

/// A datum as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    pub(super) series: u32,
    /// The start of its second or minute, in seconds since 1970.
    pub(super) secs: u64,
    pub(super) resolution: Resolution,
    pub(super) sample: Sample,
}

pub(super) fn begin(into: &mut Vec<u8>, at: Timestamp) {
    put_number(into, at.as_millis());
}

/// Writes that the series of this packed form is new.
pub(super) fn put_new(into: &mut Vec<u8>, id: u32, form: &[u8]) {
    into.push(0);
    put_number(into, u64::from(id));
    into.extend_from_slice(form);
}

/// Writes the packed form of a series: no two have the same.
pub(super) fn put_series(into: &mut Vec<u8>, identity: &Identity, unit: Unit) {
    into.push(unit as u8);
    put_text(into, &identity.namespace);
    put_text(into, &identity.name);
    put_number(into, identity.dimensions().len() as u64);
    for dimension in identity.dimensions() {
        put_text(into, &dimension.name);
        put_text(into, &dimension.value);
    }
}

pub(super) fn put_datum(
    into: &mut Vec<u8>,
    came: Timestamp,
    series: u32,
    at: Timestamp,
    resolution: Resolution,
    sample: &Sample,
) {
    put_number(into, u64::from(series) + 1);
    let kind = match sample {
        Sample::Value(_) => 0,
        Sample::Values(_) => 1,
        Sample::Set { .. } => 2,
    };
    let second = match resolution {
        Resolution::Second => 1 << 2,
        Resolution::Minute => 0,
    };
    into.push(kind | second);
    let bucket = |time: Timestamp| (time.as_secs() / resolution.secs()) as i64;
    put_signed(into, bucket(at) - bucket(came));
    match sample {
        Sample::Value(value) => put_double(into, *value),
        Sample::Values(pairs) => {
            put_number(into, pairs.len() as u64);
            for (value, count) in pairs {
                put_double(into, *value);
                put_double(into, *count);
            }
        }
        Sample::Set {
            count,
            sum,
            min,
            max,
        } => [count, sum, min, max]
            .into_iter()
            .for_each(|number| put_double(into, *number)),
    }
}

/// Reads a put: when it came, and `each` of its items.
pub(super) fn read(payload: &[u8], mut each: impl FnMut(Timestamp, Item)) -> Result<(), Damaged> {
    let mut reader = Reader(payload);
    let came = Timestamp::from_millis(reader.number()?);
    while !reader.is_empty() {
        let item = match u32::try_from(reader.number()?).map_err(|_| Damaged)? {
            0 => {
                let id = u32::try_from(reader.number()?).map_err(|_| Damaged)?;
                let (identity, unit) = series(&mut reader)?;
                Item::Series { id, identity, unit }
            }
            other => Item::Datum(datum(&mut reader, other - 1, came)?),
        };
        each(came, item);
    }
    Ok(())
}

/// Reads a series of the table.
pub(super) fn read_series(bytes: &[u8]) -> Result<(Identity, Unit), Damaged> {
    series(&mut Reader(bytes))
}

fn series(reader: &mut Reader<'_>) -> Result<(Identity, Unit), Damaged> {
    let unit = Unit::from_number(reader.byte()?).ok_or(Damaged)?;
    let namespace = reader.text()?;
    let name = reader.text()?;
    let count = reader.at_most(DIMENSIONS_MAX)?;
    let dimensions = (0..count)
        .map(|_| Ok(Dimension::new(reader.text()?, reader.text()?)))
        .collect::<Result<_, _>>()?;
    Ok((Identity::new(namespace, name, dimensions), unit))
}

fn datum(reader: &mut Reader<'_>, series: u32, came: Timestamp) -> Result<Kept, Damaged> {
    let form = reader.byte()?;
    let resolution = match form & 1 << 2 {
        0 => Resolution::Minute,
        _ => Resolution::Second,
    };
    let after = reader.signed()?;
    let bucket = (came.as_secs() / resolution.secs()).checked_add_signed(after);
    let secs = bucket.and_then(|bucket| bucket.checked_mul(resolution.secs()));
    let sample = match form & 3 {
        0 => Sample::Value(reader.double()?),
        1 => {
            let count = reader.at_most(VALUES_MAX)?;
            let pairs = (0..count).map(|_| Ok((reader.double()?, reader.double()?)));
            Sample::Values(pairs.collect::<Result<_, _>>()?)
        }
        2 => Sample::Set {
            count: reader.double()?,
            sum: reader.double()?,
            min: reader.double()?,
            max: reader.double()?,
        },
        _ => return Err(Damaged),
    };
    Ok(Kept {
        series,
        secs: secs.ok_or(Damaged)?,
        resolution,
        sample,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_put_goes_there_and_back_and_its_bytes_are_golden() {
        let came = Timestamp::from_secs(600);
        let identity = Identity::new("A", "B", vec![Dimension::new("c", "d")]);
        let mut bytes = Vec::new();
        begin(&mut bytes, came);
        let mut form = Vec::new();
        put_series(&mut form, &identity, Unit::Percent);
        put_new(&mut bytes, 5, &form);
        let samples = [
            Sample::Value(2.0),
            Sample::Values(vec![(1.0, 3.0)]),
            Sample::Set {
                count: 2.0,
                sum: 5.0,
                min: 1.0,
                max: 4.0,
            },
        ];
        for sample in &samples {
            let at = Timestamp::from_secs(545);
            put_datum(&mut bytes, came, 5, at, Resolution::Minute, sample);
        }
        let start = [
            0xc0, 0xcf, 0x24, 0, 5, 13, 1, b'A', 1, b'B', 1, 1, b'c', 1, b'd', 6, 0, 1, 0, 0, 0, 0,
            0, 0, 0, 0x40, 6, 1, 1, 1,
        ];
        assert_eq!(bytes[..start.len()], start);
        let mut items = Vec::new();
        read(&bytes, |at, item| {
            assert_eq!(at, came);
            items.push(item);
        })
        .unwrap();
        let data = samples.map(|sample| {
            Item::Datum(Kept {
                series: 5,
                secs: 540,
                resolution: Resolution::Minute,
                sample,
            })
        });
        let unit = Unit::Percent;
        let mut expected = vec![Item::Series {
            id: 5,
            identity,
            unit,
        }];
        expected.extend(data);
        assert_eq!(items, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = read(&bytes, |_, _| ());
            let _ = read_series(&bytes);
        }
    }
}
