//! Shapes for the tests: the forms that the AWS APIs have, each once.

use std::collections::BTreeMap;

use base::Timestamp;
use wire::{Blob, Document, Shape};

/// One of everything, with the query forms of SQS (flattened) and IAM (not flattened).
#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "EverythingRequest")]
pub(crate) struct Everything {
    #[shape(required)]
    pub queue_url: String,
    #[shape(sensitive)]
    pub message_body: Option<String>,
    #[shape(name = "tags", query = "Tag", flattened, map = "Key/Value")]
    pub tags: BTreeMap<String, String>,
    #[shape(query = "EntryName", flattened)]
    pub entries: Vec<Entry>,
    pub plain_list: Vec<String>,
    #[shape(item = "Thing")]
    pub named_list: Option<Vec<i32>>,
    pub plain_map: BTreeMap<String, Entry>,
    pub small: Option<i32>,
    pub large: Option<i64>,
    pub ratio: Option<f64>,
    pub truth: Option<bool>,
    pub bytes: Option<Blob>,
    pub at: Option<Timestamp>,
    #[shape(timestamp = "iso8601")]
    pub at_text: Option<Timestamp>,
    #[shape(ignored)]
    pub without_effect: Option<String>,
    #[shape(refused)]
    pub unknown_here: Option<String>,
    pub anything: Option<Document>,
    pub nested: Option<Entry>,
}

/// An item that can hold others of its kind.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(crate) struct Entry {
    #[shape(required)]
    pub id: String,
    #[shape(name = "MD5OfBody")]
    pub md5_of_body: Option<String>,
    #[shape(sensitive, query = "Secret", flattened)]
    pub secrets: Vec<String>,
    #[shape(query = "Child", flattened)]
    pub children: Vec<Entry>,
}

/// No members at all.
#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(crate) struct Nothing {}

pub(crate) fn entry(id: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        ..Entry::default()
    }
}

/// A value with every member filled.
pub(crate) fn full() -> Everything {
    Everything {
        queue_url: "http://localhost:5310/123456789012/s2s".to_owned(),
        message_body: Some("a \"b\" <c> & 日本\r\n".to_owned()),
        tags: [("team", "ads"), ("x y", "+&=")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        entries: vec![
            entry("1"),
            Entry {
                md5_of_body: Some("5d41".to_owned()),
                secrets: vec!["s1".to_owned(), "s2".to_owned()],
                children: vec![entry("2.1")],
                ..entry("2")
            },
        ],
        plain_list: vec!["one".to_owned(), String::new()],
        named_list: Some(vec![1, -2]),
        plain_map: [("k".to_owned(), entry("v"))].into(),
        small: Some(-7),
        large: Some(9_007_199_254_740_993),
        ratio: Some(0.25),
        truth: Some(true),
        bytes: Some(Blob::from(b"hello".to_vec())),
        at: Some(Timestamp::from_millis(1_515_531_081_123)),
        at_text: Some(Timestamp::from_millis(1_515_531_081_000)),
        without_effect: Some("x".to_owned()),
        unknown_here: None,
        anything: Some(Document(r#"{"a":[1,2]}"#.to_owned())),
        nested: Some(entry("n")),
    }
}
