//! Any body as a request that holds every kind of member: an error, or a value that comes back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shukuba_fuzz::Everything;
use wire::{Envelope, Protocol};

fuzz_target!(|body: &[u8]| {
    let Ok(read) = wire::decode_request::<Everything>(Protocol::RpcV2Cbor, body) else {
        return;
    };
    let envelope = Envelope {
        operation: "",
        version: "",
        xml_namespace: "",
        request_id: "",
    };
    let written = wire::encode_request(Protocol::RpcV2Cbor, &read, &envelope);
    let again = wire::decode_request::<Everything>(Protocol::RpcV2Cbor, &written);
    // As text, since a number that is none equals nothing.
    assert_eq!(format!("{again:?}"), format!("{:?}", Ok::<_, wire::DecodeError>(read)));
});
