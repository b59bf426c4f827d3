//! Any form in EC2's style: an error, or a value that comes back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shukuba_fuzz::Everything;
use wire::{Envelope, Protocol};

fuzz_target!(|body: &[u8]| {
    let Ok(read) = wire::decode_request::<Everything>(Protocol::Ec2Query, body) else {
        return;
    };
    let envelope = Envelope {
        operation: "Everything",
        version: "1",
        xml_namespace: "x",
        request_id: "r",
    };
    let written = wire::encode_request(Protocol::Ec2Query, &read, &envelope);
    let again = wire::decode_request::<Everything>(Protocol::Ec2Query, &written);
    // As text, since a number that is none equals nothing.
    assert_eq!(format!("{again:?}"), format!("{:?}", Ok::<_, wire::DecodeError>(read)));
});
