//! Expected values are published ones, or made by Python's `hmac` and by the receivers' own packages.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::config::{Destination, DestinationRules, Secrets, Settings, Sign};
use crate::port::Request;

/// Time, id and body of the tests of the Standard Webhooks libraries.
const AT: Timestamp = Timestamp::from_secs(1_614_265_330);
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &str = "{\"test\": 2432232314}";

const CONVOY: [&str; 1] = [
    "x-convoy-signature: t=1614265330,v1=dfaa216f6e77e5925f352a4a3fdd0bf3b9b63a80021890e9cfbba78764facb45,\
     v1=42c45774201444d7810ce84ad605ea7a43623fbf5e23128921342c05438b1985",
];
const HOOK0: [&str; 2] = [
    "x-hook0-signature: t=1614265330,v0=38a20b3407e34a7dc14d633d89798651c9aa36307670c6039e805f89cfe153e4",
    "x-hook0-signature: t=1614265330,h=content-type x-event-id,\
     v1=c3d6b9ce6aba718e6d963d1f098d93124196bb3bb3373fa206f1382b4313cfd1",
];
const OUTPOST: [&str; 2] = [
    "a-time: 1614265330000",
    "x-outpost-signature: t=1614265330,v0=38a20b3407e34a7dc14d633d89798651c9aa36307670c6039e805f89cfe153e4,\
     3f3b655bf3f243d281b5523c13e9190e90ada7e4e3b82f0294cf1f8f98e79544",
];

struct Sealed;

impl Secrets for Sealed {
    fn env(&self, _: &str) -> Result<String, String> {
        Err("not set".to_owned())
    }
    fn file(&self, _: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
    fn sealed(&self, name: &str) -> Result<Option<String>, String> {
        let known = match name {
            "KEY" => Some("new"),
            "KEY.previous" => Some("old"),
            "WH" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            "WH.previous" => Some("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
            _ => None,
        };
        Ok(known.map(str::to_owned))
    }
}

fn rules(sign: &str) -> Result<DestinationRules, String> {
    let own = Destination {
        sign: Some(toml::from_str::<Sign>(sign).unwrap()),
        ..Destination::default()
    };
    let under = DestinationRules::default();
    let rules = own.resolve("h.example", &under, &BTreeMap::new(), &Sealed);
    rules.map_err(|error| error.to_string())
}

fn notification(id: &str, body: &str) -> Notification {
    Notification {
        id: id.into(),
        request: Request {
            url: "https://h.example/p?q=1".parse().unwrap(),
            method: http::Method::POST,
            headers: Vec::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        },
        attempt: 1,
        expires_at: None,
        line: 1,
        message_id: "m".into(),
        origin: None,
        replay: None,
    }
}

fn signed_at(sign: &str, id: &str, body: &str, at: Timestamp) -> Result<Vec<String>, String> {
    let rules = rules(sign)?;
    let mut headers = Vec::new();
    let facts = Facts {
        notification: &notification(id, body),
        at,
    };
    let signer = rules.sign.unwrap();
    let put = &mut |name: &str, value: &str| headers.push(format!("{name}: {value}"));
    signer.sign(&facts, put).map_err(|refused| refused.detail)?;
    let names = headers.iter().filter_map(|line| line.split(':').next());
    assert!(names.eq(signer.names().iter().map(|name| &**name)));
    Ok(headers)
}

fn signed(sign: &str) -> Vec<String> {
    signed_at(sign, ID, BODY, AT).unwrap()
}

#[test]
fn standard_webhooks_sign_as_the_published_vectors() {
    let head = [
        format!("webhook-id: {ID}"),
        "webhook-timestamp: 1614265330".to_owned(),
    ];
    for (secrets, signatures) in [
        (
            "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "\"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        // libraries/go/webhook_asymmetric_test.go of the specification's repository.
        (
            "\"whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=\"",
            "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
        ),
        (
            "\"${secret:WH}\", \"whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=\"",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= \
             v1,78nXHjpFP0tVJQW5D0SBwmVyyW87BV/rL6MgfM/Bw44= \
             v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
        ),
    ] {
        let found = signed(&format!(
            "kind = \"standard-webhooks\"\nsecrets = [{secrets}]"
        ));
        assert_eq!(found[..2], head);
        assert_eq!(found[2], format!("webhook-signature: {signatures}"));
    }
}

#[test]
fn svix_names_and_its_documented_example() {
    let found = signed_at(
        "kind = \"standard-webhooks\"\nprefix = \"svix\"\nsecrets = [\"whsec_plJ3nmyCDGBKInavdOK15jsl\"]",
        "msg_loFOjxBNrRLzqYUf",
        "{\"event_type\":\"ping\",\"data\":{\"success\":true}}",
        Timestamp::from_secs(1_731_705_121),
    );
    assert_eq!(
        found.unwrap(),
        [
            "svix-id: msg_loFOjxBNrRLzqYUf",
            "svix-timestamp: 1731705121",
            "svix-signature: v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        ]
    );
}

#[test]
fn stripe_signs_with_all_that_live() {
    // stripe 16.1.0 (PyPI), WebhookSignature._compute_signature.
    assert_eq!(
        signed("kind = \"stripe\"\nsecrets = [\"whsec_test_secret\"]"),
        [
            "stripe-signature: t=1614265330,v1=10c96c6fd3f320fcfc264cdc4f476c15060ede8e8a08404cea2ddf3b72544a9c"
        ]
    );
    let two = signed("kind = \"stripe\"\nheader = \"X-Sig\"\nsecrets = [\"${secret:KEY}\"]");
    assert!(two[0].starts_with("x-sig: t=1614265330,v1="), "{two:?}");
    assert_eq!(two[0].matches(",v1=").count(), 2);
}

#[test]
fn templates_express_what_other_senders_write() {
    for (sign, expected) in [
        (
            "headers = { X-Convoy-Signature = \"t={@time.unix},{signatures}\" }\n\
             content = \"{@time.unix},{@body}\"\nsignature = \"v1={digest}\"\njoin = \",\"",
            &CONVOY[..],
        ),
        (
            "headers = { X-Hook0-Signature = \"t={@time.unix},v0={signatures}\" }\ncontent = \"{@time.unix}.{@body}\"",
            &HOOK0[..1],
        ),
        (
            "headers = { X-Hook0-Signature = \"t={@time.unix},h=content-type x-event-id,v1={signatures}\" }\n\
             content = \"{@time.unix}.content-type x-event-id.application/json.{@id}.{@body}\"",
            &HOOK0[1..],
        ),
        (
            "headers = { X-Hub-Signature = \"sha1={signatures}\" }\nalgorithm = \"sha1\"",
            &["x-hub-signature: sha1=104bb6689aa8f63b9e29940508ffb2b8dc85da2d"],
        ),
        (
            "headers = { X-Shopify-Hmac-Sha256 = \"{signatures}\" }\nencoding = \"base64\"",
            &["x-shopify-hmac-sha256: K99CPMBLLTkIN3nzA90Hk6qHawzkgE2sckl4tidooXU="],
        ),
        (
            "headers = { a-time = \"{@time.unix_ms}\", x-outpost-signature = \"t={@time.unix},v0={signatures}\" }\n\
             content = \"{@time.unix}.{@body}\"\njoin = \",\"",
            &OUTPOST[..],
        ),
        (
            "headers = { x = \"{signatures}\" }\nalgorithm = \"sha512\"\n\
             content = \"{@method} {@url} {{{@attempt}}}{@body}{@body}\"",
            &[
                "x: ecda37cd24186e99c7b19999ed5d1ae38147d97b69d48754cd5d2af15badcff60a8f0d025161c6e1497743f10b45ddad6455d21be126a97f8cc4f1940ab04dc5",
            ],
        ),
    ] {
        let text = format!("kind = \"hmac\"\nsecrets = [\"${{secret:KEY}}\"]\n{sign}");
        assert_eq!(signed(&text), expected, "{sign}");
    }
}

#[test]
fn github_signs_as_its_documentation_tests() {
    let found = signed_at(
        "kind = \"hmac\"\nsecrets = [\"It's a Secret to Everybody\"]\nheaders = { X-Hub-Signature-256 = \"sha256={signatures}\" }",
        "n-1",
        "Hello, World!",
        AT,
    );
    assert_eq!(
        found.unwrap(),
        [
            "x-hub-signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        ]
    );
}

#[test]
fn an_empty_body_and_the_largest_are_signed() {
    let sign = "kind = \"hmac\"\nsecrets = [\"k\"]\nheaders = { x = \"{signatures}\" }";
    assert!(signed_at(sign, "n", "", AT).is_ok());
    let large = "x".repeat(crate::template::RENDERED_BYTES_MAX);
    assert!(signed_at(sign, "n", &large, AT).is_ok());
}

#[test]
fn what_cannot_sign_says_which_key_and_shows_no_secret() {
    for (sign, key, right) in [
        ("kind = \"stripe\"", "secrets", "1 to 4 are needed"),
        (
            "kind = \"stripe\"\nsecrets = [\"a\", \"b\", \"c\", \"d\", \"e\"]",
            "secrets",
            "1 to 4",
        ),
        (
            "kind = \"stripe\"\nsecrets = [\"a\", \"b\", \"c\", \"${secret:KEY}\"]",
            "secrets",
            "previous ones included",
        ),
        (
            "kind = \"stripe\"\nsecrets = [\"${secret:NONE}\"]",
            "secrets",
            "shukuba secret set NONE",
        ),
        (
            "kind = \"stripe\"\nsecrets = [\"SECRET\"]\nprefix = \"svix\"",
            "prefix",
            "is of kind `standard-webhooks`",
        ),
        (
            "kind = \"stripe\"\nsecrets = [\"SECRET\"]\nheader = \"host\"",
            "header",
            "made for each request",
        ),
        (
            "kind = \"standard-webhooks\"\nsecrets = [\"whsec_SECRET!\"]",
            "secrets",
            "openssl rand",
        ),
        (
            "kind = \"standard-webhooks\"\nsecrets = [\"whsec_U0VDUkVU\"]",
            "secrets",
            "at least 16",
        ),
        (
            "kind = \"standard-webhooks\"\nsecrets = [\"whsk_U0VDUkVU\"]",
            "secrets",
            "holds 32 bytes",
        ),
        (
            "kind = \"standard-webhooks\"\nsecrets = [\"whpk_U0VDUkVU\"]",
            "secrets",
            "the public key",
        ),
        (
            "kind = \"hmac\"\nsecrets = [\"SECRET\"]",
            "headers",
            "no header holds `{signatures}`",
        ),
        (
            "kind = \"hmac\"\nsecrets = [\"SECRET\"]\nheaders = { x = \"{signatures}\" }\ncontent = \"{gaid}\"",
            "content",
            "not known when a request is signed",
        ),
        (
            "kind = \"hmac\"\nsecrets = [\"SECRET\"]\nheaders = { x = \"{signatures}\" }\nsignature = \"v1\"",
            "signature",
            "`{digest}`",
        ),
        (
            "kind = \"hmac\"\nsecrets = [\"SECRET\"]\nheaders = { host = \"{signatures}\" }",
            "headers.host",
            "made for each request",
        ),
    ] {
        let settings = format!("[destinations.\"h.example\".sign]\n{sign}");
        let settings: Settings = toml::from_str(&settings).unwrap();
        let mut found = settings.problems();
        found.extend(settings.missing(&Sealed));
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 1, "{sign}: {texts:?}");
        let begin = format!("destinations.\"h.example\".sign.{key}: ");
        assert!(
            texts[0].starts_with(&begin) && texts[0].contains(right),
            "{texts:?}"
        );
        assert!(!texts[0].contains("SECRET"), "{texts:?}");
    }
}

#[test]
fn an_id_that_cannot_stand_in_a_header_is_not_sent() {
    let sign = "kind = \"standard-webhooks\"\nsecrets = [\"${secret:WH}\"]";
    let refused = signed_at(sign, "a\r\nx: y", BODY, AT).unwrap_err();
    assert!(refused.contains("cannot be signed"), "{refused}");
}

#[test]
fn a_destination_takes_that_of_all_or_its_own_or_none_and_hides_the_secrets() {
    let all = rules("kind = \"stripe\"\nsecrets = [\"${secret:KEY}\", \"whsec_longer\"]").unwrap();
    let resolve = |own: &Destination| own.resolve("h", &all, &BTreeMap::new(), &Sealed).unwrap();
    let inherits = resolve(&Destination::default());
    assert_eq!(inherits.sign, all.sign);
    assert!(inherits.hidden.contains(&"whsec_longer".to_owned()));
    assert!(inherits.hidden.contains(&"longer".to_owned()));
    let mut none = Destination {
        sign: Some(toml::from_str("kind = \"none\"").unwrap()),
        ..Destination::default()
    };
    assert_eq!(resolve(&none).sign, None);
    none.sign = Some(toml::from_str("kind = \"stripe\"\nsecrets = [\"x\"]").unwrap());
    assert_ne!(resolve(&none).sign, all.sign);
    let shown = format!("{:?}", all.sign);
    assert!(!shown.contains("longer"), "{shown}");
    assert_eq!(none.shown().sign.unwrap().secrets, ["***"]);
}
