//! Packets of any bytes, one after the other, from both sides of a filter: refused or passed, never a panic.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use link::Direction;
use link::filter::header::Packet;
use link::filter::{Limits, Tracker};

/// Two sides that may open anything to each other, within bounds that are soon met.
fn tracker() -> Tracker {
    let filter = serde_json::from_value(serde_json::json!({
        "groups": {"sg": {
            "ingress": [{"traffic": "all", "peer": {"range": "0.0.0.0/0"}}],
            "egress": [{"traffic": "all", "peer": {"range": "0.0.0.0/0"}}]
        }},
        "hosts": {},
        "areas": [
            {"range": "0.0.0.0/1", "host": {"zone": "linked", "groups": ["sg"]}},
            {"range": "128.0.0.0/1", "host": {"zone": "inside", "groups": ["sg"]}}
        ],
        "paths": [["linked", "inside"], ["inside", "linked"], ["linked", "linked"]]
    }));
    let limits = Limits { flows: 8, unanswered: 4, fragmented: 4, fragmented_per_owner: 2 };
    let mut tracker = Tracker::new(limits);
    tracker.replace(&filter.expect("the filter is right"));
    tracker
}

// A packet: one byte for its side and the seconds before it, one for its length, its bytes.
fuzz_target!(|bytes: &[u8]| {
    let mut tracker = tracker();
    let mut now = Duration::ZERO;
    let mut rest = bytes;
    while let [head, length, behind @ ..] = rest {
        let (packet, next) = behind.split_at(usize::from(*length).min(behind.len()));
        let direction = if head & 1 == 0 { Direction::FromTunnel } else { Direction::ToTunnel };
        now += Duration::from_secs(u64::from(head >> 1));
        let _ = Packet::read(packet);
        let _ = tracker.check(now, direction, packet);
        assert!(tracker.flows() <= 8, "the table is bounded");
        rest = next;
    }
});
