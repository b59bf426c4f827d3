//! Message attributes on the wire, to and from those of the queue.

use std::collections::BTreeMap;

use wire::{Blob, Shape};

use crate::Error;
use crate::attributes::{Attribute, Attributes, Flaw, Value};

/// A message attribute, sent and received.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MessageAttributeValue {
    #[shape(sensitive)]
    pub(super) string_value: Option<String>,
    #[shape(sensitive)]
    pub(super) binary_value: Option<Blob>,
    /// Reserved by the API; refused unless empty.
    #[shape(query = "StringListValue", flattened)]
    pub(super) string_list_values: Vec<String>,
    /// Reserved by the API; refused unless empty.
    #[shape(query = "BinaryListValue", flattened)]
    pub(super) binary_list_values: Vec<Blob>,
    #[shape(required)]
    pub(super) data_type: String,
}

/// A message system attribute, sent: `AWSTraceHeader` only.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct MessageSystemAttributeValue {
    #[shape(sensitive)]
    pub(super) string_value: Option<String>,
    #[shape(sensitive)]
    pub(super) binary_value: Option<Blob>,
    /// Reserved by the API; refused unless empty.
    #[shape(query = "StringListValue", flattened)]
    pub(super) string_list_values: Vec<String>,
    /// Reserved by the API; refused unless empty.
    #[shape(query = "BinaryListValue", flattened)]
    pub(super) binary_list_values: Vec<Blob>,
    #[shape(required)]
    pub(super) data_type: String,
}

const TRACE_HEADER: &str = "AWSTraceHeader";

/// An attribute as a request has it; both kinds have the same members.
struct Given {
    data_type: String,
    text: Option<String>,
    binary: Option<Blob>,
    has_list: bool,
}

impl From<MessageAttributeValue> for Given {
    fn from(value: MessageAttributeValue) -> Self {
        Self {
            has_list: !(value.string_list_values.is_empty() && value.binary_list_values.is_empty()),
            data_type: value.data_type,
            text: value.string_value,
            binary: value.binary_value,
        }
    }
}

impl From<MessageSystemAttributeValue> for Given {
    fn from(value: MessageSystemAttributeValue) -> Self {
        Self {
            has_list: !(value.string_list_values.is_empty() && value.binary_list_values.is_empty()),
            data_type: value.data_type,
            text: value.string_value,
            binary: value.binary_value,
        }
    }
}

/// The attributes of a message that is sent. Their rules are the queue's to check.
pub(super) fn of_request(
    given: BTreeMap<String, MessageAttributeValue>,
) -> Result<Attributes, Error> {
    let read = |(name, value): (String, MessageAttributeValue)| match attribute(value.into()) {
        Ok(attribute) => Ok((name, attribute)),
        Err(flaw) => Err(flaw.of(&name)),
    };
    given.into_iter().map(read).collect()
}

/// The system attributes of a message that is sent: none, or the trace header.
pub(super) fn system_of_request(
    given: BTreeMap<String, MessageSystemAttributeValue>,
) -> Result<Attributes, Error> {
    let read =
        |(name, value): (String, MessageSystemAttributeValue)| match trace(&name, value.into()) {
            Ok(attribute) => Ok((name, attribute)),
            Err(flaw) => Err(flaw.of(&name)),
        };
    given.into_iter().map(read).collect()
}

fn trace(name: &str, given: Given) -> Result<Attribute, Flaw> {
    if name != TRACE_HEADER || given.data_type != "String" {
        return Err(Flaw::NotSendable);
    }
    let attribute = attribute(given)?;
    match &attribute.value {
        Value::Text(text) if text.is_empty() => Err(Flaw::Empty {
            data_type: attribute.data_type,
        }),
        Value::Text(_) => Ok(attribute),
        Value::Binary(_) => Err(Flaw::Misfit),
    }
}

/// One attribute; what has no value gets an empty one, which the queue's rules refuse by name.
fn attribute(given: Given) -> Result<Attribute, Flaw> {
    let is_binary = given.data_type.starts_with("Binary");
    let value = match (given.text, given.binary) {
        _ if given.has_list => return Err(Flaw::Misfit),
        (Some(_), Some(_)) => return Err(Flaw::Misfit),
        (Some(text), None) => Value::Text(text),
        (None, Some(Blob(bytes))) => Value::Binary(bytes),
        (None, None) if is_binary => Value::Binary(bytes::Bytes::new()),
        (None, None) => Value::Text(String::new()),
    };
    Ok(Attribute {
        data_type: given.data_type,
        value,
    })
}

/// The trace header among system attributes.
pub(super) fn trace_header(system: &Attributes) -> Option<String> {
    match &system.get(TRACE_HEADER)?.value {
        Value::Text(text) => Some(text.clone()),
        Value::Binary(_) => None,
    }
}

/// The attributes of a received message.
pub(super) fn of_answer(attributes: Attributes) -> BTreeMap<String, MessageAttributeValue> {
    let wired = attributes.into_iter().map(|(name, attribute)| {
        let (string_value, binary_value) = match attribute.value {
            Value::Text(text) => (Some(text), None),
            Value::Binary(bytes) => (None, Some(Blob(bytes))),
        };
        let wired = MessageAttributeValue {
            string_value,
            binary_value,
            data_type: attribute.data_type,
            ..MessageAttributeValue::default()
        };
        (name, wired)
    });
    wired.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_has_one_value_and_goes_there_and_back() {
        let text = MessageAttributeValue {
            string_value: Some("x".into()),
            data_type: "String".into(),
            ..MessageAttributeValue::default()
        };
        let binary = MessageAttributeValue {
            binary_value: Some(Blob::from(vec![0, 255])),
            data_type: "Binary".into(),
            ..MessageAttributeValue::default()
        };
        let given = BTreeMap::from([
            ("t".to_owned(), text.clone()),
            ("b".to_owned(), binary.clone()),
        ]);
        assert_eq!(of_answer(of_request(given.clone()).unwrap()), given);
        let both = MessageAttributeValue {
            binary_value: binary.binary_value,
            ..text
        };
        assert!(of_request(BTreeMap::from([("t".to_owned(), both)])).is_err());
    }

    #[test]
    fn the_only_system_attribute_is_the_trace_header() {
        let trace = |data_type: &str, value: &str| MessageSystemAttributeValue {
            string_value: Some(value.into()),
            data_type: data_type.into(),
            ..MessageSystemAttributeValue::default()
        };
        let of = |name: &str, value| system_of_request(BTreeMap::from([(name.to_owned(), value)]));
        let attributes = of("AWSTraceHeader", trace("String", "Root=1-5759e988")).unwrap();
        assert_eq!(
            trace_header(&attributes).as_deref(),
            Some("Root=1-5759e988")
        );
        assert!(of("AWSTraceHeader", trace("Number", "1")).is_err());
        assert!(of("AWSTraceHeader", trace("String", "")).is_err());
        assert!(of("SenderId", trace("String", "x")).is_err());
    }
}
