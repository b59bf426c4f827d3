//! Numbers of protobuf's JSON: those of 64 bits are texts or numbers, those that are not finite are texts.
//!
//! Source: Protocol Buffers documentation, "ProtoJSON Format".

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// A number, or a text that is one.
struct Lenient<N>(N);

struct Reader<N>(PhantomData<N>);

/// A kind of number.
trait Numeric: FromStr {
    const NAME: &'static str;
    fn from_u64(number: u64) -> Option<Self>;
    fn from_i64(number: i64) -> Option<Self>;
    fn from_f64(number: f64) -> Option<Self>;
}

impl Numeric for u64 {
    const NAME: &'static str = "a whole number of 64 bits that is not negative";

    fn from_u64(number: u64) -> Option<Self> {
        Some(number)
    }

    fn from_i64(number: i64) -> Option<Self> {
        number.try_into().ok()
    }

    fn from_f64(_: f64) -> Option<Self> {
        None
    }
}

impl Numeric for i64 {
    const NAME: &'static str = "a whole number of 64 bits";

    fn from_u64(number: u64) -> Option<Self> {
        number.try_into().ok()
    }

    fn from_i64(number: i64) -> Option<Self> {
        Some(number)
    }

    fn from_f64(_: f64) -> Option<Self> {
        None
    }
}

impl Numeric for f64 {
    const NAME: &'static str = "a number";

    fn from_u64(number: u64) -> Option<Self> {
        Some(number as Self)
    }

    fn from_i64(number: i64) -> Option<Self> {
        Some(number as Self)
    }

    fn from_f64(number: f64) -> Option<Self> {
        Some(number)
    }
}

impl<N: Numeric> Visitor<'_> for Reader<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(N::NAME)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<N, E> {
        N::from_u64(number).ok_or_else(|| E::custom(N::NAME))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<N, E> {
        N::from_i64(number).ok_or_else(|| E::custom(N::NAME))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<N, E> {
        N::from_f64(number).ok_or_else(|| E::custom(N::NAME))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<N, E> {
        text.parse().map_err(|_| E::custom(N::NAME))
    }
}

impl<'de, N: Numeric> Deserialize<'de> for Lenient<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader(PhantomData)).map(Self)
    }
}

fn option<'de, N: Numeric, D: Deserializer<'de>>(from: D) -> Result<Option<N>, D::Error> {
    let read = Option::<Lenient<N>>::deserialize(from)?;
    Ok(read.map(|Lenient(number)| number))
}

fn list<'de, N: Numeric, D: Deserializer<'de>>(from: D) -> Result<Vec<N>, D::Error> {
    let read = Option::<Vec<Lenient<N>>>::deserialize(from)?.unwrap_or_default();
    Ok(read.into_iter().map(|Lenient(number)| number).collect())
}

pub(super) fn unsigned<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    option(from).map(Option::unwrap_or_default)
}

pub(super) fn double<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    option(from).map(Option::unwrap_or_default)
}

pub(super) fn option_double<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    option(from)
}

pub(super) fn option_int<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    option(from)
}

pub(super) fn unsigneds<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
    list(from)
}

pub(super) fn doubles<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    list(from)
}
