//! The values that a member can hold, and which of them may be absent.

use std::collections::BTreeMap;

use base::Timestamp;
use bytes::Bytes;

use crate::error::DecodeError;
use crate::schema::Kind;
use crate::shape::{Field, Sink, Source, Value};

/// Bytes; base64 in JSON and query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob(pub Bytes);

/// Any JSON, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(pub String);

/// Makes a value a field that must be there.
#[macro_export]
#[doc(hidden)]
macro_rules! plain_field {
    ($($type:ty),+) => {$(
        impl $crate::Field for $type {
            type Value = Self;
            fn from_found(found: ::core::option::Option<Self>) -> ::core::option::Option<Self> {
                found
            }
            fn to_write(&self) -> ::core::option::Option<&Self> {
                ::core::option::Option::Some(self)
            }
        }
    )+};
}

plain_field!(String, bool, i32, i64, f64, Blob, Timestamp, Document);

impl<V: Value> Field for Option<V> {
    type Value = V;

    fn from_found(found: Option<V>) -> Option<Self> {
        Some(found)
    }

    fn to_write(&self) -> Option<&V> {
        self.as_ref()
    }
}

/// An absent list is an empty one, and an empty one is not written.
impl<V: Value> Field for Vec<V> {
    type Value = Self;

    fn from_found(found: Option<Self>) -> Option<Self> {
        Some(found.unwrap_or_default())
    }

    fn to_write(&self) -> Option<&Self> {
        (!self.is_empty()).then_some(self)
    }
}

/// An absent map is an empty one, and an empty one is not written.
impl<V: Value> Field for BTreeMap<String, V> {
    type Value = Self;

    fn from_found(found: Option<Self>) -> Option<Self> {
        Some(found.unwrap_or_default())
    }

    fn to_write(&self) -> Option<&Self> {
        (!self.is_empty()).then_some(self)
    }
}

impl Value for String {
    const KIND: &'static Kind = &Kind::String;

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        source.string()
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.string(self);
    }
}

impl Value for bool {
    const KIND: &'static Kind = &Kind::Boolean;

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        source.boolean()
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.boolean(*self);
    }
}

impl Value for i32 {
    const KIND: &'static Kind = &Kind::Integer;

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        let number = source.integer(i64::from(Self::MIN), i64::from(Self::MAX))?;
        Ok(Self::try_from(number).unwrap_or_default())
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.integer(i64::from(*self));
    }
}

impl Value for i64 {
    const KIND: &'static Kind = &Kind::Long;

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        source.integer(Self::MIN, Self::MAX)
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.integer(*self);
    }
}

impl Value for f64 {
    const KIND: &'static Kind = &Kind::Double;

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        source.double()
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.double(*self);
    }
}

impl Value for Blob {
    const KIND: &'static Kind = &Kind::Blob;

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        source.blob()
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.blob(&self.0);
    }
}

impl Value for Timestamp {
    const KIND: &'static Kind = &Kind::Timestamp;

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        source.timestamp()
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.timestamp(*self);
    }
}

impl Value for Document {
    const KIND: &'static Kind = &Kind::Document;

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        source.document()
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.document(self);
    }
}

impl<V: Value> Value for Vec<V> {
    const KIND: &'static Kind = &Kind::List(V::KIND);

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        let mut items = Self::new();
        source.begin_list()?;
        while source.next_item()? {
            items.push(V::read(source)?);
        }
        Ok(items)
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.begin_list();
        for item in self {
            sink.item();
            item.write(sink);
        }
        sink.end_list();
    }
}

impl<V: Value> Value for BTreeMap<String, V> {
    const KIND: &'static Kind = &Kind::Map(V::KIND);

    fn read(source: &mut dyn Source) -> Result<Self, DecodeError> {
        let mut entries = Self::new();
        source.begin_map()?;
        while let Some(key) = source.next_key()? {
            if entries.contains_key(&key) {
                return Err(source.fail(crate::error::Problem::Duplicate));
            }
            let value = V::read(source)?;
            entries.insert(key, value);
        }
        Ok(entries)
    }

    fn write(&self, sink: &mut dyn Sink) {
        sink.begin_map();
        for (key, value) in self {
            sink.key(key);
            value.write(sink);
        }
        sink.end_map();
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Bytes::from(bytes))
    }
}
