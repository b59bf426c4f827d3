//! Message attributes on the wire, to and from those of the queue.

use std::collections::BTreeMap;

use wire::{Blob, Shape};

use crate::Error;
use crate::attributes::{Attribute, Attributes, Value};

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

/// The attributes of a message that is sent. Their rules are the queue's to check.
pub(super) fn of_request(
    given: BTreeMap<String, MessageAttributeValue>,
) -> Result<Attributes, Error> {
    given
        .into_iter()
        .map(|(name, value)| {
            let has_list =
                !(value.string_list_values.is_empty() && value.binary_list_values.is_empty());
            let single = (value.string_value, value.binary_value, has_list);
            let attribute = attribute(&name, value.data_type, single)?;
            Ok((name, attribute))
        })
        .collect()
}

/// The system attributes of a message that is sent: none, or the trace header.
pub(super) fn system_of_request(
    given: BTreeMap<String, MessageSystemAttributeValue>,
) -> Result<Attributes, Error> {
    let mut attributes = Attributes::new();
    for (name, value) in given {
        let refuse = |right: &str| Error::InvalidMessageAttribute {
            name: name.chars().take(256).collect(),
            right: right.to_owned(),
        };
        if name != TRACE_HEADER {
            return Err(refuse(
                "the only message system attribute that can be sent is AWSTraceHeader",
            ));
        }
        let has_list =
            !(value.string_list_values.is_empty() && value.binary_list_values.is_empty());
        let single = (value.string_value, value.binary_value, has_list);
        let attribute = attribute(&name, value.data_type, single)?;
        let is_text = attribute.data_type == "String"
            && matches!(&attribute.value, Value::Text(text) if !text.is_empty());
        if !is_text {
            return Err(refuse(
                "its data type is `String` and its value is a text of at least one character",
            ));
        }
        attributes.insert(name, attribute);
    }
    Ok(attributes)
}

/// The trace header among system attributes.
pub(super) fn trace_header(system: &Attributes) -> Option<String> {
    match &system.get(TRACE_HEADER)?.value {
        Value::Text(text) => Some(text.clone()),
        Value::Binary(_) => None,
    }
}

/// One attribute; what has no value gets an empty one, which the queue's rules refuse by name.
fn attribute(
    name: &str,
    data_type: String,
    (text, binary, has_list): (Option<String>, Option<Blob>, bool),
) -> Result<Attribute, Error> {
    let value = match (text, binary) {
        (Some(text), None) if !has_list => Value::Text(text),
        (None, Some(Blob(bytes))) if !has_list => Value::Binary(bytes),
        (None, None) if !has_list && data_type.starts_with("Binary") => {
            Value::Binary(bytes::Bytes::new())
        }
        (None, None) if !has_list => Value::Text(String::new()),
        _ => {
            return Err(Error::InvalidMessageAttribute {
                name: name.chars().take(256).collect(),
                right: "it has one value, StringValue or BinaryValue; list values are reserved by the API".to_owned(),
            });
        }
    };
    Ok(Attribute { data_type, value })
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
