//! Whatever comes in, the answer is a shape or an exact error; and what goes out comes back the same.

use proptest::prelude::*;
use wire::{Blob, Envelope, Protocol, decode_request, encode_request, encode_response};

use crate::shapes::{Entry, Everything, full};

const ENVELOPE: Envelope<'_> = Envelope {
    operation: "Everything",
    version: "1",
    xml_namespace: "x",
    request_id: "r",
};

const PROTOCOLS: [Protocol; 4] = [
    Protocol::Json10,
    Protocol::Query,
    Protocol::Ec2Query,
    Protocol::RpcV2Cbor,
];

/// Any characters, escapes and surrogate pairs among them; short, so that many cases are tried.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn entries() -> impl Strategy<Value = Entry> {
    let leaf = (
        text(),
        any::<Option<String>>(),
        prop::collection::vec(text(), 0..4),
    )
        .prop_map(|(id, md5_of_body, secrets)| Entry {
            id,
            md5_of_body,
            // A single empty item and no item are the same form.
            secrets: secrets.into_iter().map(|secret| secret + ".").collect(),
            children: vec![],
        });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (text(), prop::collection::vec(inner, 1..3)).prop_map(|(id, children)| Entry {
            id,
            children,
            ..Entry::default()
        })
    })
}

prop_compose! {
    fn everything()(
        (queue_url, message_body) in (text(), prop::option::of(text())),
        tags in prop::collection::btree_map(text(), text(), 0..4),
        entries in prop::collection::vec(entries(), 0..4),
        (small, large, truth) in any::<(Option<i32>, Option<i64>, Option<bool>)>(),
        ratio in prop::option::of(-1e9..1e9f64),
        bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..80)),
        nested in prop::option::of(entries()),
    ) -> Everything {
        Everything {
            queue_url, message_body, tags, entries, small, large, truth, ratio, nested,
            bytes: bytes.map(Blob::from),
            ..Everything::default()
        }
    }
}

/// A piece of CBOR: a name of the schema, the head of an item of any kind and length, or a break.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![
            "QueueUrl", "Entries", "Id", "tags", "At", "Small", "Later"
        ])
        .prop_map(|name| [&[0x60 | name.len() as u8], name.as_bytes()].concat()),
        (0u8..8, 0u8..32).prop_map(|(major, info)| vec![major << 5 | info]),
        prop::sample::select(vec![0xa1u8, 0xbf, 0x9f, 0x81, 0xc1, 0xff, 0x00])
            .prop_map(|byte| vec![byte]),
        any::<u64>().prop_map(|number| number.to_be_bytes().to_vec()),
    ]
}

/// All codecs over `body`: they may refuse, they may not panic.
fn survives(body: &[u8]) {
    for protocol in PROTOCOLS {
        if let Err(error) = decode_request::<Everything>(protocol, body) {
            assert!(!error.to_string().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_the_same(shape in everything()) {
        for protocol in PROTOCOLS {
            let body = encode_request(protocol, &shape, &ENVELOPE);
            prop_assert_eq!(decode_request::<Everything>(protocol, &body), Ok(shape.clone()));
        }
        // serde_json is an independent reader of the same text.
        let body = encode_request(Protocol::Json10, &shape, &ENVELOPE);
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        prop_assert_eq!(value["QueueUrl"].as_str(), Some(shape.queue_url.as_str()));
        prop_assert_eq!(value["MessageBody"].as_str(), shape.message_body.as_deref());
    }

    #[test]
    fn xml_that_is_written_is_well_formed(shape in everything()) {
        for protocol in [Protocol::Query, Protocol::Ec2Query] {
        let xml = encode_response(protocol, &shape, &ENVELOPE);
        let mut reader = quick_xml::Reader::from_reader(&xml[..]);
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                Ok(_) => {}
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
        }
    }

    #[test]
    fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..80)) {
        survives(&body);
    }

    #[test]
    fn json_like_text_is_survived(body in r#"([\[\]{},:"\\ ]|true|null|1e9|-|QueueUrl|Entries|\\u|d8|\PC){0,60}"#) {
        survives(body.as_bytes());
    }

    #[test]
    fn cbor_like_bytes_are_survived(body in prop::collection::vec(piece(), 0..40)) {
        let body = body.concat();
        survives(&body);
        survives(&[b"\xa1\x67Entries", &body[..]].concat());
    }

    #[test]
    fn form_like_text_is_survived(body in "((EntryName|Tag|Child|Id|Key|PlainList|member|entry)|[.&=%+0-9]|\\PC){0,60}") {
        survives(body.as_bytes());
    }

    #[test]
    fn a_damaged_document_is_survived(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        for protocol in PROTOCOLS {
            let mut body = encode_request(protocol, &full(), &ENVELOPE);
            let at = at.index(body.len());
            body[at] = byte;
            if cut {
                body.truncate(at);
            }
            survives(&body);
        }
    }
}
