//! Reads a request in protobuf. Unknown fields are passed over, as protobuf has it.
//!
//! INVARIANT: at most [`super::PARTS_MAX`] messages and numbers of buckets are made, however short they are on the wire.

use super::PARTS_MAX;
use super::model::{
    AnyValue, Attribute, Exponential, Head, Histogram, Indexed, Metric, Number, Points, Quantile,
    Request, Resource, ResourceMetrics, Scope, ScopeMetrics, Summary,
};
use crate::ingest::Refused;
use crate::ingest::protobuf::{Field, Reader};

/// Reads the body of a request.
pub(super) fn read(body: &[u8]) -> Result<Request, Refused> {
    let mut request = Request::default();
    let mut parts = Parts(PARTS_MAX);
    fill(&mut request, Reader::new(body), &mut parts)?;
    Ok(request)
}

/// How many parts may still be made.
struct Parts(usize);

impl Parts {
    fn one(&mut self) -> Result<(), Refused> {
        self.0 = self.0.checked_sub(1).ok_or(Refused::TooLarge {
            what: "parts",
            limit: PARTS_MAX,
        })?;
        Ok(())
    }
}

/// A message that is filled field by field.
trait Message: Default {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused>;
}

fn fill<M: Message>(
    message: &mut M,
    mut reader: Reader<'_>,
    parts: &mut Parts,
) -> Result<(), Refused> {
    parts.one()?;
    while let Some(field) = reader.next()? {
        message.take(&field, parts)?;
    }
    Ok(())
}

fn push<M: Message>(
    list: &mut Vec<M>,
    field: &Field<'_>,
    parts: &mut Parts,
) -> Result<(), Refused> {
    let mut message = M::default();
    fill(&mut message, field.message()?, parts)?;
    list.push(message);
    Ok(())
}

/// A message that may come in pieces, which are one.
fn merge<M: Message>(
    message: &mut Option<M>,
    field: &Field<'_>,
    parts: &mut Parts,
) -> Result<(), Refused> {
    fill(message.get_or_insert_default(), field.message()?, parts)
}

impl Message for Request {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => push(&mut self.resource_metrics, field, parts),
            _ => Ok(()),
        }
    }
}

impl Message for ResourceMetrics {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => fill(&mut self.resource, field.message()?, parts),
            2 => push(&mut self.scope_metrics, field, parts),
            _ => Ok(()),
        }
    }
}

impl Message for Resource {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => push(&mut self.attributes, field, parts),
            _ => Ok(()),
        }
    }
}

impl Message for Scope {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => field.text()?.clone_into(&mut self.name),
            2 => field.text()?.clone_into(&mut self.version),
            3 => push(&mut self.attributes, field, parts)?,
            _ => {}
        }
        Ok(())
    }
}

impl Message for ScopeMetrics {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => fill(&mut self.scope, field.message()?, parts),
            2 => push(&mut self.metrics, field, parts),
            _ => Ok(()),
        }
    }
}

impl Message for Metric {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => field.text()?.clone_into(&mut self.name),
            3 => field.text()?.clone_into(&mut self.unit),
            5 => merge(&mut self.gauge, field, parts)?,
            7 => merge(&mut self.sum, field, parts)?,
            9 => merge(&mut self.histogram, field, parts)?,
            10 => merge(&mut self.exponential_histogram, field, parts)?,
            11 => merge(&mut self.summary, field, parts)?,
            _ => {}
        }
        Ok(())
    }
}

impl<P: Message> Message for Points<P> {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => push(&mut self.data_points, field, parts)?,
            2 => self.aggregation_temporality = field.varint()?.try_into().unwrap_or_default(),
            3 => self.is_monotonic = field.varint()? != 0,
            _ => {}
        }
        Ok(())
    }
}

impl Head {
    fn attribute(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        push(&mut self.attributes, field, parts)
    }

    /// Every point's own times stand at 2 and 3.
    fn time(&mut self, field: &Field<'_>) -> Result<(), Refused> {
        let time = field.fixed64()?;
        match field.number {
            2 => self.start_time_unix_nano = time,
            _ => self.time_unix_nano = time,
        }
        Ok(())
    }
}

impl Message for Number {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            2 | 3 => self.head.time(field)?,
            4 => self.as_double = Some(field.double()?),
            6 => self.as_int = Some(field.fixed64()?.cast_signed()),
            7 => self.head.attribute(field, parts)?,
            8 => self.head.flags = field.varint()?,
            _ => {}
        }
        Ok(())
    }
}

impl Message for Histogram {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            2 | 3 => self.head.time(field)?,
            4 => self.count = field.fixed64()?,
            5 => self.sum = Some(field.double()?),
            6 => field.each_fixed64(|count| {
                parts.one()?;
                self.bucket_counts.push(count);
                Ok(())
            })?,
            7 => field.each_fixed64(|bits| {
                parts.one()?;
                self.explicit_bounds.push(f64::from_bits(bits));
                Ok(())
            })?,
            9 => self.head.attribute(field, parts)?,
            10 => self.head.flags = field.varint()?,
            11 => self.min = Some(field.double()?),
            12 => self.max = Some(field.double()?),
            _ => {}
        }
        Ok(())
    }
}

impl Message for Exponential {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => self.head.attribute(field, parts)?,
            2 | 3 => self.head.time(field)?,
            4 => self.count = field.fixed64()?,
            5 => self.sum = Some(field.double()?),
            6 => self.scale = field.sint32()?,
            7 => self.zero_count = field.fixed64()?,
            8 => fill(&mut self.positive, field.message()?, parts)?,
            9 => fill(&mut self.negative, field.message()?, parts)?,
            10 => self.head.flags = field.varint()?,
            12 => self.min = Some(field.double()?),
            13 => self.max = Some(field.double()?),
            _ => {}
        }
        Ok(())
    }
}

impl Message for Indexed {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => self.offset = field.sint32()?,
            2 => field.each_varint(|count| {
                parts.one()?;
                self.bucket_counts.push(count);
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    }
}

impl Message for Summary {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            2 | 3 => self.head.time(field)?,
            4 => self.count = field.fixed64()?,
            5 => self.sum = field.double()?,
            6 => push(&mut self.quantile_values, field, parts)?,
            7 => self.head.attribute(field, parts)?,
            8 => self.head.flags = field.varint()?,
            _ => {}
        }
        Ok(())
    }
}

impl Message for Quantile {
    fn take(&mut self, field: &Field<'_>, _: &mut Parts) -> Result<(), Refused> {
        if field.number == 2 {
            self.value = field.double()?;
        }
        Ok(())
    }
}

impl Message for Attribute {
    fn take(&mut self, field: &Field<'_>, parts: &mut Parts) -> Result<(), Refused> {
        match field.number {
            1 => field.text()?.clone_into(&mut self.key),
            2 => fill(&mut self.value, field.message()?, parts)?,
            _ => {}
        }
        Ok(())
    }
}

/// Lists and maps are not looked into.
impl Message for AnyValue {
    fn take(&mut self, field: &Field<'_>, _: &mut Parts) -> Result<(), Refused> {
        self.0 = match field.number {
            1 => Some(field.text()?.to_owned()),
            2 => Some((field.varint()? != 0).to_string()),
            3 => Some(field.int64()?.to_string()),
            4 => Some(field.double()?.to_string()),
            _ => None,
        };
        Ok(())
    }
}
