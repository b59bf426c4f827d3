//! The vectors of `tests/vectors`, and that every change of a signed request is refused.
//!
//! tidy: long because it is a table of what is taken and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use base::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::key::Scope;
use super::*;

struct Request {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    /// Reads a vector's request; folded header lines are unfolded with a blank, as RFC 9112 has it.
    fn parse(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let (head, body) = text
            .split_once("\n\n")
            .unwrap_or((text.trim_end_matches('\n'), ""));
        let mut lines: Vec<String> = Vec::new();
        for line in head.lines() {
            match lines.last_mut() {
                Some(last) if line.starts_with(' ') => last.push_str(&format!(" {}", line.trim())),
                _ => lines.push(line.to_owned()),
            }
        }
        let first = lines.remove(0);
        let first = first.strip_suffix(" HTTP/1.1").unwrap_or(&first);
        let (method, target) = first.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    fn parts(&self) -> RequestParts<'_> {
        RequestParts {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
        }
    }
}

struct Vector {
    name: String,
    folder: PathBuf,
    region: String,
    secret: SecretKey,
    style: PathStyle,
}

fn vectors() -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders.into_iter().map(Vector::open).collect()
}

impl Vector {
    fn open(folder: PathBuf) -> Self {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let context: serde_json::Value = fs::read_to_string(folder.join("context.json"))
            .map_or(serde_json::Value::Null, |text| {
                serde_json::from_str(&text).unwrap()
            });
        let secret = context["credentials"]["secret_access_key"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        let style = PathStyle {
            is_normalised: context["normalize"].as_bool().unwrap_or(true),
            is_double_encoded: name.starts_with("double-"),
        };
        let region = context["region"].as_str().unwrap_or("us-east-1").to_owned();
        Self {
            name,
            folder,
            region,
            secret: SecretKey::new(&secret),
            style,
        }
    }

    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            path: self.style,
            ..Rules::service(&self.region)
        }
    }
}

fn vector_time() -> Timestamp {
    time::parse("20150830T123600Z").unwrap()
}

#[test]
fn the_canonical_request_is_that_of_the_vectors() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 40);
    for vector in &vectors {
        for form in ["header", "query"] {
            let Some(expected) = vector.text(&format!("{form}-canonical-request.txt")) else {
                continue;
            };
            let request =
                Request::parse(&vector.text(&format!("{form}-signed-request.txt")).unwrap());
            let mut headers = request.headers.clone();
            let mut query = request.query.clone();
            let lines: Vec<&str> = expected.trim_end().lines().collect();
            if vector.name.starts_with("double-") {
                // These two were signed at another time than their request says; only the canonical text is right.
                headers.insert("x-amz-date", HeaderValue::from_static("20210511T154045Z"));
            }
            if vector.name == "post-sts-header-after" {
                // The presigned form adds the token after signing; the canonicaliser gets what was signed.
                let kept: Vec<&str> = query
                    .split('&')
                    .filter(|pair| !pair.contains("Security-Token"))
                    .collect();
                query = kept.join("&");
            }
            let signed: Vec<&str> = lines[lines.len() - 2].split(';').collect();
            let parts = RequestParts {
                headers: &headers,
                query: &query,
                ..request.parts()
            };
            let canonical =
                canonical::request(&parts, vector.style, &signed, lines[lines.len() - 1]);
            let canonical = String::from_utf8(canonical).unwrap();
            assert_eq!(canonical, expected.trim_end(), "{} {form}", vector.name);
        }
    }
}

#[test]
fn string_to_sign_and_signature_are_those_of_the_vectors() {
    for vector in vectors() {
        for form in ["header", "query"] {
            let Some(canonical) = vector.text(&format!("{form}-canonical-request.txt")) else {
                continue;
            };
            let Some(expected) = vector.text(&format!("{form}-string-to-sign.txt")) else {
                continue;
            };
            let scope = Scope {
                day: "20150830",
                region: &vector.region,
                service: "service",
            };
            let text = claim::string_to_sign("20150830T123600Z", &scope, canonical.as_bytes());
            if vector.name.starts_with("double-") {
                continue;
            }
            assert_eq!(text, expected.trim_end(), "{} {form}", vector.name);
            let signature = vector.text(&format!("{form}-signature.txt")).unwrap();
            assert_eq!(
                hex::encode(vector.secret.sign(&scope, &text)),
                signature.trim_end(),
                "{} {form}",
                vector.name
            );
        }
    }
}

/// What the door says to a signed request of a vector.
fn door(vector: &Vector, form: &str) -> Option<Result<(), Refusal>> {
    let request = Request::parse(&vector.text(&format!("{form}-signed-request.txt"))?);
    let said = Claim::read(request.parts(), vector.rules(), vector_time())
        .and_then(|claim| claim.verify(&vector.secret, &request.body));
    Some(said)
}

#[test]
fn the_door_takes_the_vectors_and_refuses_by_name_those_that_break_its_rules() {
    for vector in vectors() {
        for form in ["header", "query"] {
            let Some(said) = door(&vector, form) else {
                continue;
            };
            match (vector.name.as_str(), form) {
                ("post-sts-header-after", "header") => {
                    let refusal = said.unwrap_err();
                    assert!(
                        matches!(&refusal, Refusal::Unsigned(text) if text.contains("x-amz-security-token")),
                        "{refusal}"
                    );
                }
                ("post-sts-header-after", _) => {
                    assert!(matches!(said, Err(Refusal::Mismatch { .. })))
                }
                // Signed at another day than their request says, with a key that is not told.
                ("double-encode-path", _) => assert!(matches!(said, Err(Refusal::Mismatch { .. }))),
                ("double-url-encode", _) => assert!(matches!(said, Err(Refusal::Scope(_)))),
                (name, form) => assert_eq!(said, Ok(()), "{name} {form}"),
            }
        }
    }
}

const KEY_ID: &str = "AKIDEXAMPLE";
const REGION: &str = "ap-northeast-1";

fn secret() -> SecretKey {
    SecretKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
}

fn signed_request() -> Request {
    let mut request = Request::parse(
        "POST /123456789012/s2s?b=2&a=%20x HTTP/1.1\nHost:127.0.0.1:5310\nX-Amz-Target:AmazonSQS.SendMessage\nContent-Type:application/x-amz-json-1.0\n\n{\"QueueUrl\":\"q\"}",
    );
    sign(&mut request);
    request
}

fn sign(request: &mut Request) {
    let secret = secret();
    let signer = Signer::new(KEY_ID, &secret, REGION, "sqs");
    request.headers.remove("authorization");
    signer
        .sign(
            "POST",
            &request.path,
            &request.query,
            &mut request.headers,
            &request.body,
            vector_time(),
        )
        .unwrap();
}

fn judge(request: &Request, now: Timestamp) -> Result<(), Refusal> {
    let claim = Claim::read(request.parts(), Rules::service(REGION), now)?;
    claim.check_service("sqs")?;
    claim.verify(&secret(), &request.body)
}

#[test]
fn what_we_sign_is_taken() {
    assert_eq!(judge(&signed_request(), vector_time()), Ok(()));
}

#[test]
fn a_mismatch_shows_the_canonical_request_and_the_string_to_sign() {
    let mut request = signed_request();
    request.path = "/123456789012/other".to_owned();
    let refusal = judge(&request, vector_time()).unwrap_err();
    let text = refusal.to_string();
    assert!(
        text.contains("POST\n/123456789012/other\na=%20x&b=2\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/ap-northeast-1/sqs/aws4_request\n"
        ),
        "{text}"
    );
    let codes = refusal.codes(Dialect::Json);
    assert_eq!(
        (codes.code, codes.query_code, codes.status),
        ("InvalidSignatureException", "SignatureDoesNotMatch", 403)
    );
}

#[test]
fn a_clock_that_is_far_off_is_told_so() {
    let request = signed_request();
    let minutes = |count: u64| std::time::Duration::from_secs(count * 60);
    for (now, expected) in [
        (vector_time().plus(minutes(15)), "ok"),
        (vector_time().minus(minutes(15)), "ok"),
        (
            vector_time().plus(minutes(16)),
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123700Z (20150830T125200Z - 15 min.)",
        ),
        (
            vector_time().minus(minutes(16)),
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123500Z (20150830T122000Z + 15 min.)",
        ),
    ] {
        let said =
            judge(&request, now).map_or_else(|refusal| refusal.to_string(), |()| "ok".to_owned());
        assert_eq!(said, expected);
    }
}

#[test]
fn what_is_missing_doubled_or_unsigned_is_refused_by_name() {
    type Change = fn(&mut Request);
    let authorization = |request: &Request| {
        request.headers["authorization"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let cases: [(&str, &str, Change); 12] = [
        ("MissingAuthenticationToken", "Authentication Token", |r| {
            r.headers.remove("authorization");
        }),
        ("IncompleteSignature", "'authorization' stands twice", |r| {
            let value = r.headers["authorization"].clone();
            r.headers.append("authorization", value);
        }),
        ("IncompleteSignature", "X-Amz-Date", |r| {
            r.headers.remove("x-amz-date");
        }),
        ("SignatureDoesNotMatch", "'x-amz-security-token'", |r| {
            r.headers
                .insert("x-amz-security-token", HeaderValue::from_static("token"));
        }),
        ("SignatureDoesNotMatch", "'x-amz-meta-x'", |r| {
            r.headers
                .insert("x-amz-meta-x", HeaderValue::from_static("1"));
        }),
        (
            "SignatureDoesNotMatch",
            "signed header 'content-type'",
            |r| {
                r.headers.remove("content-type");
            },
        ),
        ("IncompleteSignature", "'host' stands twice", |r| {
            r.headers.append("host", HeaderValue::from_static("other"));
        }),
        (
            "IncompleteSignature",
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            |r| {
                r.headers.insert(
                    "x-amz-content-sha256",
                    HeaderValue::from_static("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
                );
            },
        ),
        ("IncompleteSignature", "UNSIGNED-PAYLOAD", |r| {
            r.headers.insert(
                "x-amz-content-sha256",
                HeaderValue::from_static("UNSIGNED-PAYLOAD"),
            );
        }),
        ("SignatureDoesNotMatch", "x-amz-content-sha256", |r| {
            r.body.push(b' ')
        }),
        (
            "IncompleteSignature",
            "both in the Authorization header and in the query",
            |r| r.query.push_str("&X-Amz-Signature=00"),
        ),
        ("IncompleteSignature", "AWS4-ECDSA-P256-SHA256", |r| {
            let value = r.headers["authorization"]
                .to_str()
                .unwrap()
                .replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
            r.headers
                .insert("authorization", HeaderValue::from_str(&value).unwrap());
        }),
    ];
    for (code, part, change) in cases {
        let mut request = signed_request();
        change(&mut request);
        let refusal = judge(&request, vector_time()).unwrap_err();
        assert_eq!(refusal.codes(Dialect::Query).code, code, "{refusal}");
        assert!(refusal.to_string().contains(part), "{refusal}");
    }
    let many = |count: usize| {
        (0..count)
            .map(|number| format!("a{number:02};"))
            .collect::<String>()
    };
    let (most, too_many) = (many(64 - 5), many(65 - 5));
    for (from, to, code, part) in [
        (
            "content-type;host;",
            &*format!("{most}content-type;host;"),
            "SignatureDoesNotMatch",
            "signed header 'a00'",
        ),
        (
            "content-type;host;",
            &*format!("{too_many}content-type;host;"),
            "IncompleteSignature",
            "more than 64 headers",
        ),
        (
            "SignedHeaders=content-type;host;",
            "SignedHeaders=content-type;",
            "SignatureDoesNotMatch",
            "'Host' must be",
        ),
        (
            "SignedHeaders=content-type;host;",
            "SignedHeaders=host;content-type;",
            "IncompleteSignature",
            "sorted",
        ),
        (
            "ap-northeast-1/sqs",
            "us-east-1/sqs",
            "SignatureDoesNotMatch",
            "valid Region, not 'us-east-1'",
        ),
        (
            "ap-northeast-1/sqs",
            "ap-northeast-1/iam",
            "SignatureDoesNotMatch",
            "correct service: 'sqs'",
        ),
        (
            "/20150830/",
            "/20150829/",
            "SignatureDoesNotMatch",
            "'20150829' != '20150830'",
        ),
        (
            "aws4_request",
            "aws5_request",
            "SignatureDoesNotMatch",
            "valid terminator",
        ),
        ("/sqs/", "/", "IncompleteSignature", "5 slash-delimited"),
        (
            "Credential=",
            "Credential=A, Credential=",
            "IncompleteSignature",
            "'Credential' stands twice",
        ),
        (
            "Signature=",
            "Signature=0",
            "IncompleteSignature",
            "64 hexadecimal digits",
        ),
        (
            "Signature=",
            "Signatur=",
            "IncompleteSignature",
            "unknown parameter 'Signatur'",
        ),
        (
            "Credential=AKIDEXAMPLE",
            "Credential=",
            "IncompleteSignature",
            "5 slash-delimited",
        ),
    ] {
        let mut request = signed_request();
        let value = authorization(&request).replace(from, to);
        request
            .headers
            .insert("authorization", HeaderValue::from_str(&value).unwrap());
        match judge(&request, vector_time()) {
            Err(refusal) if from == "Credential=AKIDEXAMPLE" => {
                assert!(matches!(refusal, Refusal::Incomplete(_)), "{refusal}")
            }
            said => {
                let refusal = said.unwrap_err();
                assert_eq!(
                    refusal.codes(Dialect::Query).code,
                    code,
                    "{from} -> {to}: {refusal}"
                );
                assert!(
                    refusal.to_string().contains(part),
                    "{from} -> {to}: {refusal}"
                );
            }
        }
    }
}

#[test]
fn a_presigned_request_holds_for_its_time_and_no_parameter_may_stand_twice() {
    let secret = secret();
    let signer = Signer::new(KEY_ID, &secret, REGION, "sqs");
    let host = HeaderValue::from_static("127.0.0.1:5310");
    let query = signer.presign("GET", &host, "/", "Action=ListQueues", 60, vector_time());
    let mut request = Request::parse("GET / HTTP/1.1\nHost:127.0.0.1:5310");
    request.query.clone_from(&query);
    let second = std::time::Duration::from_secs(1);
    assert_eq!(judge(&request, vector_time().plus(60 * second)), Ok(()));
    let late = judge(&request, vector_time().plus(61 * second)).unwrap_err();
    assert_eq!(late.codes(Dialect::Query).code, "RequestExpired");
    for (change, part) in [
        ("&X-Amz-Expires=60", "stands twice"),
        ("&X-Amz-Signature=00", "stands twice"),
        ("&X%2DAmz-Date=20150830T123600Z", "stands twice"),
        ("&Action=DeleteQueue", "does not match"),
        ("&X-Amz-Security-Token=x", "does not match"),
    ] {
        request.query = format!("{query}{change}");
        let refusal = judge(&request, vector_time()).unwrap_err();
        assert!(refusal.to_string().contains(part), "{change}: {refusal}");
    }
    for expires in ["0", "604801", "-1", "+1", ""] {
        request.query = query.replace("X-Amz-Expires=60", &format!("X-Amz-Expires={expires}"));
        let refusal = judge(&request, vector_time()).unwrap_err();
        assert!(
            refusal.to_string().contains("604800"),
            "{expires}: {refusal}"
        );
    }
}

/// Changes one byte of one part of a request; `None` when the part cannot hold the new byte.
fn changed(mut request: Request, part: usize, at: usize, byte: u8) -> Option<Request> {
    fn change(text: &mut [u8], at: usize, byte: u8) -> Option<()> {
        let index = at.checked_rem(text.len())?;
        let slot = text.get_mut(index)?;
        if *slot == byte {
            return None;
        }
        *slot = byte;
        Some(())
    }
    let change_text = |text: &mut String| -> Option<()> {
        let mut bytes = text.clone().into_bytes();
        change(&mut bytes, at, byte)?;
        *text = String::from_utf8(bytes).ok()?;
        Some(())
    };
    match part {
        0 => change_text(&mut request.method)?,
        1 => change_text(&mut request.path)?,
        2 => change_text(&mut request.query)?,
        3 => change(&mut request.body, at, byte)?,
        _ => {
            let names: Vec<HeaderName> = request.headers.keys().cloned().collect();
            let name = names[part % names.len()].clone();
            let mut value = request.headers[&name].as_bytes().to_vec();
            change(&mut value, at, byte)?;
            request
                .headers
                .insert(name, HeaderValue::from_bytes(&value).ok()?);
        }
    }
    Some(request)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// One byte of method, path, query, body or any header; refused unless the canonical request stays the same.
    #[test]
    fn every_change_of_the_canonical_request_or_the_body_is_refused(part in 0usize..10, at in 0usize..512, byte in 0u8..=255) {
        let original = signed_request();
        let before = canonical_of(&original);
        if let Some(request) = changed(original, part, at, byte) {
            let is_same = part != 3 && canonical_of(&request) == before && !before.is_empty();
            if judge(&request, vector_time()).is_ok() {
                prop_assert!(is_same, "taken: {} {}?{}", request.method, request.path, request.query);
            }
        }
    }

    /// Bytes that are no text are signed as they are: no other takes their place.
    #[test]
    fn every_byte_of_a_signed_header_counts(value in prop::collection::vec(0x80u8..=255, 1..8), at in 0usize..8, byte in 0x80u8..=255) {
        let mut request = signed_request();
        request.headers.insert("x-amz-note", HeaderValue::from_bytes(&value).unwrap());
        sign(&mut request);
        prop_assert_eq!(judge(&request, vector_time()), Ok(()));
        let mut other = value.clone();
        other[at % value.len()] = byte;
        request.headers.insert("x-amz-note", HeaderValue::from_bytes(&other).unwrap());
        prop_assert_eq!(judge(&request, vector_time()).is_ok(), other == value);
    }

    /// Anything may stand in the headers that carry a signature; nothing panics and nothing is taken.
    #[test]
    fn nonsense_is_refused(authorization in "[ -~]{0,200}", query in "[ -~]{0,200}") {
        let mut request = signed_request();
        request.query = query;
        if let Ok(value) = HeaderValue::from_str(&authorization) {
            request.headers.insert("authorization", value);
            prop_assert!(judge(&request, vector_time()).is_err());
        }
    }
}

fn canonical_of(request: &Request) -> Vec<u8> {
    let digest = hex::encode(sha256(&request.body));
    Claim::read(request.parts(), Rules::service(REGION), vector_time())
        .map_or_else(|_| Vec::new(), |claim| claim.canonical_request(&digest))
}
