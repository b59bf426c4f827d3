//! Any body as a request that holds every kind of member: an error or a value, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shukuba_fuzz::Everything;

fuzz_target!(|body: &[u8]| {
    let _ = wire::decode_request::<Everything>(wire::Protocol::Json10, body);
});
