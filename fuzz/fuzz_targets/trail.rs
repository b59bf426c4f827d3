//! Any call as a record of the trail, and any bytes as a frame, a record or a digest: what is written can be read, is no longer
//! than it may be and holds no secret; what is read is what was written or is refused.
#![no_main]

use base::{Arn, Timestamp};
use cloudtrail::digest::Document;
use cloudtrail::record::redact::HIDDEN;
use cloudtrail::record::{Attributes, EVENT_BYTES_MAX, Place, event};
use cloudtrail::seen::{Class, Failure, Identity, Seen, Way, Who};
use cloudtrail::spool::Frame;
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "wJalrXUtnFEMI";

fuzz_target!(|input: (&[u8], &str, &str, &str)| {
    let (bytes, operation, text, resource) = input;
    read(bytes);
    let resources: Vec<Arn> = resource.parse().into_iter().collect();
    let hidden = format!(
        r#"{{"{operation}":{{"Password":"{SECRET}","a":["http://a/?{SECRET}"]}}}}"#
    );
    for request in [bytes, text.as_bytes(), hidden.as_bytes()] {
        let record = event(&place(), at(), "id", &seen(request, operation, text, &resources));
        assert!(record.len() <= EVENT_BYTES_MAX);
        let attributes = Attributes::of(&record).expect("what is written can be read");
        assert_eq!(attributes.event_id, "id");
        if request == hidden.as_bytes() && !operation.contains(SECRET) && !text.contains(SECRET) {
            let written = std::str::from_utf8(&record).expect("JSON is UTF-8");
            assert!(!written.contains(SECRET), "{written}");
            assert!(written.contains(HIDDEN) || written.contains("not readable"));
        }
    }
});

/// Reads what may be anything.
fn read(bytes: &[u8]) {
    let _ = Attributes::of(bytes);
    if let Ok(document) = serde_json::from_slice::<Document>(bytes) {
        let again: Document = serde_json::from_slice(&document.encode()).expect("it is a digest");
        assert_eq!(again, document);
    }
    if let Ok(frame) = Frame::decode(bytes) {
        assert_eq!(frame.encode(), bytes[..frame.bytes()]);
    }
}

fn seen<'a>(
    request: &'a [u8],
    operation: &'a str,
    text: &'a str,
    resources: &'a [Arn],
) -> Seen<'a> {
    Seen {
        service: "sqs",
        operation,
        class: Class::Data,
        way: Way::Call,
        identity: Identity {
            who: Who::Unknown,
            arn: "",
            account: "",
            access_key_id: operation,
            session: None,
        },
        source: None,
        user_agent: text,
        host: text,
        tls: None,
        request_id: "id",
        request: Some(request),
        response: Some(request),
        failure: Some(Failure {
            code: operation,
            message: text,
        }),
        resources,
    }
}

fn place() -> Place {
    Place {
        account: "123456789012".parse().expect("an account"),
        region: "eu-west-1".parse().expect("a region"),
    }
}

fn at() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}
