//! Requests and answers on the wire, byte by byte, against what others write: `scripts/iam-golden.py` says who.

use std::collections::HashMap;

use api::Act;
use wire::{Envelope, Protocol, Shape};

use super::{FACTS, GOLDEN};
use crate::Iam;

const TEXT: &str = include_str!("../../models/golden-iam-2010-05-08.txt");

/// What is on the wire for one operation.
pub(super) struct Row {
    request_json: &'static str,
    form: &'static str,
    answer_json: &'static str,
    xml: &'static str,
}

/// Checks one operation.
pub(super) type Check = fn(&HashMap<&'static str, Row>);

fn rows() -> HashMap<&'static str, Row> {
    let lines: Vec<_> = TEXT.lines().filter(|line| !line.starts_with('#')).collect();
    let row = |of: &[&'static str]| match *of {
        [name, request_json, form, answer_json, xml] => (
            name,
            Row {
                request_json,
                form,
                answer_json,
                xml,
            },
        ),
        _ => panic!("five lines an operation: {of:?}"),
    };
    lines.chunks(5).map(row).collect()
}

/// The form is read as the request, and the answer is written as the XML.
pub(super) fn check<R: Act<Iam>>(rows: &HashMap<&'static str, Row>) {
    let name = api::act::name(R::ACTION);
    let row = &rows[name];
    let read: R = wire::decode_request(Protocol::Query, row.form.as_bytes()).unwrap();
    let meant: R = wire::decode_request(Protocol::Json11, row.request_json.as_bytes()).unwrap();
    assert_eq!(json(&read), json(&meant), "{name}");
    let answer: R::Output =
        wire::decode_response(Protocol::Json11, row.answer_json.as_bytes()).unwrap();
    let envelope = Envelope {
        operation: name,
        request_id: "REQUEST",
        version: "2010-05-08",
        xml_namespace: FACTS.xml_namespace,
    };
    let written = wire::encode_response(Protocol::Query, &answer, &envelope);
    let written = String::from_utf8(written).unwrap();
    let written = written.strip_prefix(r#"<?xml version="1.0"?>"#).unwrap();
    // A quotation mark need not be escaped in a text, and may be.
    assert_eq!(written.replace("&quot;", "\""), row.xml, "{name}");
}

fn json(shape: &impl Shape) -> String {
    let envelope = Envelope {
        operation: "",
        request_id: "",
        version: "",
        xml_namespace: "",
    };
    let bytes = wire::encode_request(Protocol::Json11, shape, &envelope);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn requests_and_answers_are_what_others_read_and_write() {
    let rows = rows();
    assert_eq!(rows.len(), GOLDEN.len());
    GOLDEN.iter().for_each(|check| check(&rows));
}
