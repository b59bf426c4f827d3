//! Any payload as a journal record: what decodes is the same record again once it is encoded and decoded.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Ok(mut record) = store::record::decode(payload) {
        let mut bytes = Vec::new();
        // Not the same bytes: a number may be written longer than it needs to be. Sets where entries begin in `bytes`.
        store::record::encode(&mut record, &mut bytes);
        assert_eq!(store::record::decode(&bytes), Ok(record));
    }
});
