//! Any message over REST with JSON: method, target, headers and body in four parts; an error or a value, never a panic, and
//! what was read is written so that it reads the same.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use shukuba_fuzz::Placed;
use wire::rest::{Http, Request, Routes, decode_answer, decode_request, encode_answer, encode_request};

const HTTP: Http = Http::put("/placed/{Label}/{Rest+}/end");

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let target = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let headers = headers(parts.next().unwrap_or_default());
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let _ = Routes::new([(HTTP, "Placed")]).find("PUT", path, query);
    let request = Request { path, query, headers: &headers, body: &body };
    if let Ok(read) = decode_request::<Placed>(&HTTP, &request)
        && let Ok(sent) = encode_request(&HTTP, &read)
    {
        let (path, query) = sent.target.split_once('?').unwrap_or((&sent.target, ""));
        let request = Request { path, query, headers: &sent.headers, body: &sent.body };
        let again = decode_request::<Placed>(&HTTP, &request).ok();
        assert_eq!(format!("{again:?}"), format!("{:?}", Some(&read)));
    }
    if let Ok(read) = decode_answer::<Placed>(200, &headers, &body) {
        let _ = encode_answer(&HTTP, &read);
    }
});

/// Lines `name: value`; those that are no headers are left out.
fn headers(text: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(halves.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(halves.next().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}
