//! Any bytes as Prometheus' remote write, as a block of snappy and within one: data that can be put, or a reason; never a panic.
#![no_main]

use std::convert::Infallible;
use std::time::Duration;

use base::Timestamp;
use cloudwatch::ingest::{Intake, Kind, read};
use cloudwatch::series::Datum;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_secs(1_795_971_791);

/// A block of snappy that holds `bytes` as they are: its length, then literals of at most 60 bytes.
fn block(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(bytes.len() + bytes.len() / 60 + 8);
    let mut length = bytes.len();
    while length >= 0x80 {
        block.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    block.push(length as u8);
    for literal in bytes.chunks(60) {
        block.push(((literal.len() - 1) << 2) as u8);
        block.extend_from_slice(literal);
    }
    block
}

fuzz_target!(|body: &[u8]| {
    // So old that no time of a sample is.
    let intake = Intake::new(Timestamp::EPOCH, Duration::from_secs(NOW.as_secs()));
    for body in [body.to_vec(), block(body)] {
        let Ok(sent) = read(Kind::RemoteWrite, "application/x-protobuf", &body) else {
            continue;
        };
        for _ in 0..2 {
            let _ = intake.take(&sent, NOW, |data: &[Datum]| {
                assert!(data.iter().all(|datum| datum.identity.dimensions().len() <= 30));
                Ok::<(), Infallible>(())
            });
        }
    }
});
