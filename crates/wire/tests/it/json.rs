//! AWS JSON: golden bytes in both directions, and what is refused.

use std::collections::BTreeMap;

use wire::{
    Envelope, Problem, Protocol, decode_request, decode_response, encode_masked, encode_request,
    encode_response,
};

use crate::shapes::{Entry, Everything, Nothing, entry, full};

const ENVELOPE: Envelope<'_> = Envelope {
    operation: "Everything",
    version: "2012-11-05",
    xml_namespace: "http://example.com/doc/",
    request_id: "r-1",
};

const GOLDEN: &str = concat!(
    r#"{"QueueUrl":"http://localhost:5310/123456789012/s2s","MessageBody":"a \"b\" <c> & 日本\r\n","#,
    r#""tags":{"team":"ads","x y":"+&="},"Entries":[{"Id":"1"},{"Id":"2","MD5OfBody":"5d41","#,
    r#""Secrets":["s1","s2"],"Children":[{"Id":"2.1"}]}],"PlainList":["one",""],"NamedList":[1,-2],"#,
    r#""PlainMap":{"k":{"Id":"v"}},"Small":-7,"Large":9007199254740993,"Ratio":0.25,"Truth":true,"#,
    r#""Bytes":"aGVsbG8=","At":1515531081.123,"AtText":"2018-01-09T20:51:21Z","WithoutEffect":"x","#,
    r#""Anything":{"a":[1,2]},"Nested":{"Id":"n"}}"#,
);

fn decode(json: &str) -> Result<Everything, wire::DecodeError> {
    decode_request(Protocol::Json10, json.as_bytes())
}

fn error_of(json: &str) -> String {
    decode(json).unwrap_err().to_string()
}

#[test]
fn everything_is_written_and_read_as_the_golden_text() {
    for protocol in [Protocol::Json10, Protocol::Json11] {
        let written = encode_response(protocol, &full(), &ENVELOPE);
        assert_eq!(String::from_utf8(written).unwrap(), GOLDEN);
        assert_eq!(
            encode_request(protocol, &full(), &ENVELOPE),
            GOLDEN.as_bytes()
        );
        assert_eq!(
            decode_request::<Everything>(protocol, GOLDEN.as_bytes()),
            Ok(full())
        );
        assert_eq!(
            decode_response::<Everything>(protocol, GOLDEN.as_bytes()),
            Ok(full())
        );
    }
}

#[test]
fn order_spaces_nulls_and_unknown_members_do_not_matter() {
    let json = r#" { "Small" : null , "Later": {"x":[{}]}, "Ratio": 1e1, "Large": 5.0, "Entries": [ ] ,
        "NamedList":[], "QueueUrl" : "u\u0041" } "#;
    let expected = Everything {
        queue_url: "uA".to_owned(),
        ratio: Some(10.0),
        large: Some(5),
        named_list: Some(vec![]),
        ..Everything::default()
    };
    assert_eq!(decode(json), Ok(expected));
}

#[test]
fn an_empty_body_is_a_shape_without_members() {
    assert_eq!(decode_request(Protocol::Json10, b""), Ok(Nothing {}));
    assert_eq!(
        encode_response(Protocol::Json10, &Nothing {}, &ENVELOPE),
        b"{}"
    );
}

#[test]
fn an_error_says_where_what_and_what_would_be_right() {
    let cases = [
        (r#"{}"#, "`QueueUrl` is missing"),
        (r#"{"QueueUrl":null}"#, "`QueueUrl` is missing"),
        (
            r#"{"QueueUrl":"u","QueueUrl":"u"}"#,
            "`QueueUrl` is given twice, once is right",
        ),
        (
            r#"{"QueueUrl":1}"#,
            "`QueueUrl` is a number, a string is right",
        ),
        (
            r#"{"QueueUrl":"u","Small":"1"}"#,
            "`Small` is a string, a whole number is right",
        ),
        (
            r#"{"QueueUrl":"u","Small":1.5}"#,
            "`Small` is a number with a fraction, a whole number is right",
        ),
        (
            r#"{"QueueUrl":"u","Small":2147483648}"#,
            "`Small` is out of range, -2147483648 to 2147483647 is right",
        ),
        (
            r#"{"QueueUrl":"u","Large":1e300}"#,
            "`Large` is out of range, -9223372036854775808 to 9223372036854775807 is right",
        ),
        (
            r#"{"QueueUrl":"u","Truth":"true"}"#,
            "`Truth` is a string, a boolean is right",
        ),
        (
            r#"{"QueueUrl":"u","Bytes":"***"}"#,
            "`Bytes` is not base64 with padding",
        ),
        (
            r#"{"QueueUrl":"u","Entries":{}}"#,
            "`Entries` is an object, a list is right",
        ),
        (
            r#"{"QueueUrl":"u","Entries":[{"Id":"1"},{}]}"#,
            "`Entries[1].Id` is missing",
        ),
        (
            r#"{"QueueUrl":"u","Entries":[{"Id":"1","Children":[{"Id":7}]}]}"#,
            "`Entries[0].Children[0].Id` is a number, a string is right",
        ),
        (
            r#"{"QueueUrl":"u","PlainList":[null]}"#,
            "`PlainList[0]` is null, a string is right",
        ),
        (
            r#"{"QueueUrl":"u","tags":{"a":"1","a":"2"}}"#,
            "`tags.a` is given twice, once is right",
        ),
        (
            r#"{"QueueUrl":"u","PlainMap":{"k":[]}}"#,
            "`PlainMap.k` is a list, an object is right",
        ),
        (
            r#"{"QueueUrl":"u","UnknownHere":"x"}"#,
            "`UnknownHere` is not supported here; leave it out",
        ),
        (
            r#"{"QueueUrl":"u"} x"#,
            "the document is malformed at byte 17: the end is right",
        ),
        (r#"[]"#, "the document is a list, an object is right"),
        (
            r#"{"QueueUrl":"\ud800"}"#,
            "`QueueUrl` is malformed at byte 19: a high surrogate followed by a low one is right",
        ),
        (
            r#"{"QueueUrl" "u"}"#,
            "the document is malformed at byte 12: a colon is right",
        ),
        (
            r#"{"QueueUrl":"u" "Small":1}"#,
            "the document is malformed at byte 16: a comma or the end is right",
        ),
        (
            r#"{"QueueUrl":"u",}"#,
            "the document is malformed at byte 16: a quotation mark is right",
        ),
        (
            r#"{"QueueUrl":"u"#,
            "`QueueUrl` is malformed at byte 14: a quotation mark at the string's end is right",
        ),
    ];
    for (json, message) in cases {
        assert_eq!(error_of(json), message, "{json}");
    }
    let not_utf8 = decode_request::<Everything>(Protocol::Json10, b"{\"QueueUrl\":\"\xff\"}");
    assert_eq!(
        not_utf8.unwrap_err().to_string(),
        "the document is not UTF-8"
    );
    let other = decode_request::<Everything>(Protocol::RestXml, b"").unwrap_err();
    assert_eq!(
        other.problem(),
        &Problem::NoCodec {
            protocol: Protocol::RestXml
        }
    );
}

#[test]
fn nesting_is_bounded_for_shapes_that_hold_themselves() {
    let deep = "{\"Id\":\"1\",\"Children\":[".repeat(1000);
    let error = decode_request::<Entry>(Protocol::Json10, deep.as_bytes()).unwrap_err();
    assert_eq!(error.problem(), &Problem::TooDeep { limit: 64 });
}

/// The bound is on items of one list or entries of one map.
#[test]
fn a_list_and_a_map_are_bounded() {
    const LIMIT: usize = 100_000;
    let list = |count: usize| format!("[{}]", vec!["\"\""; count].join(","));
    let map = |count: usize| {
        let entries: Vec<String> = (0..count).map(|key| format!("\"{key}\":\"\"")).collect();
        format!("{{{}}}", entries.join(","))
    };
    for (member, text) in [
        ("PlainList", &list as &dyn Fn(usize) -> String),
        ("tags", &map),
    ] {
        let read = |count| {
            let body = format!("{{\"QueueUrl\":\"q\",\"{member}\":{}}}", text(count));
            decode_request::<Everything>(Protocol::Json10, body.as_bytes())
        };
        assert!(read(LIMIT).is_ok());
        let error = read(LIMIT + 1).unwrap_err();
        assert_eq!(error.problem(), &Problem::TooMany { limit: LIMIT });
    }
}

#[test]
fn the_trail_has_small_first_letters_and_no_secrets() {
    let request = Everything {
        queue_url: "u".to_owned(),
        message_body: Some("secret".to_owned()),
        plain_map: BTreeMap::from([(
            "K".to_owned(),
            Entry {
                secrets: vec!["s".to_owned()],
                md5_of_body: Some("m".to_owned()),
                children: vec![entry("c")],
                ..entry("e")
            },
        )]),
        ..Everything::default()
    };
    let json = concat!(
        r#"{"queueUrl":"u","messageBody":"HIDDEN_DUE_TO_SECURITY_REASONS","#,
        r#""plainMap":{"K":{"id":"e","mD5OfBody":"m","secrets":"HIDDEN_DUE_TO_SECURITY_REASONS","#,
        r#""children":[{"id":"c"}]}}}"#,
    );
    assert_eq!(String::from_utf8(encode_masked(&request)).unwrap(), json);
}

// As botocore writes them in JSON and in forms.
#[test]
fn numbers_that_are_none_are_read_for_the_operation_to_judge() {
    let ratio = |text: &str| {
        let json = format!(r#"{{"QueueUrl":"u","Ratio":"{text}"}}"#);
        let form = format!("QueueUrl=u&Ratio={text}");
        let in_json = decode(&json).unwrap().ratio.unwrap();
        let in_form: Everything = decode_request(Protocol::Query, form.as_bytes()).unwrap();
        let in_ec2: Everything = decode_request(Protocol::Ec2Query, form.as_bytes()).unwrap();
        [in_json, in_form.ratio.unwrap(), in_ec2.ratio.unwrap()]
    };
    assert_eq!(ratio("Infinity"), [f64::INFINITY; 3]);
    assert_eq!(ratio("-Infinity"), [f64::NEG_INFINITY; 3]);
    assert!(ratio("NaN").iter().all(|number| number.is_nan()));
    assert_eq!(ratio("1e-05"), [0.00001; 3]);
    for wrong in ["nan", "inf", "1e400", "0x1", ""] {
        assert!(decode(&format!(r#"{{"QueueUrl":"u","Ratio":"{wrong}"}}"#)).is_err());
        let form = format!("QueueUrl=u&Ratio={wrong}");
        assert!(decode_request::<Everything>(Protocol::Query, form.as_bytes()).is_err());
    }
}
