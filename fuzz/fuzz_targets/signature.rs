//! Any query and Authorization header: a claim or a refusal, never a panic.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use wire::sigv4::{Claim, RequestParts, Rules};

fuzz_target!(|input: (&str, &[u8], &str)| {
    let (query, authorization, date) = input;
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("localhost"));
    if let Ok(value) = HeaderValue::from_bytes(authorization) {
        headers.insert("authorization", value);
    }
    if let Ok(value) = HeaderValue::from_str(date) {
        headers.insert("x-amz-date", value);
    }
    let parts = RequestParts { method: "POST", path: "/", query, headers: &headers };
    let _ = Claim::read(parts, Rules::service("ap-northeast-1"), base::Timestamp::from_secs(1_795_410_190));
});
