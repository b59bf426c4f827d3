//! Files of `tests/golden/`: requests and answers as others write them; `scripts/wire-golden.py` says who.

use wire::{Protocol, Shape};

/// What is on the wire for one operation.
pub(crate) struct Row {
    pub name: &'static str,
    request_json: &'static str,
    /// The request's body.
    pub sent: &'static str,
    answer_json: &'static str,
    /// The answer's body.
    pub answered: &'static str,
}

pub(crate) fn rows(text: &'static str) -> Vec<Row> {
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let row = |of: &[&'static str]| match *of {
        [name, request_json, sent, answer_json, answered] => Row {
            name,
            request_json,
            sent,
            answer_json,
            answered,
        },
        _ => panic!("five lines an operation: {of:?}"),
    };
    lines.chunks(5).map(row).collect()
}

impl Row {
    /// What the request means.
    pub(crate) fn request<S: Shape>(&self) -> S {
        wire::decode_request(Protocol::Json10, self.request_json.as_bytes()).unwrap()
    }

    /// What the answer means.
    pub(crate) fn answer<S: Shape>(&self) -> S {
        wire::decode_request(Protocol::Json10, self.answer_json.as_bytes()).unwrap()
    }
}
