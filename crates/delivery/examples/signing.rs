//! What one signature costs: `cargo run --release -p shukuba-delivery --example signing`.
//!
//! Prints nanoseconds a signature by kind and length of the body, the least of ten runs.

use std::collections::BTreeMap;

use base::{Clock, SystemClock, Timestamp};
use bytes::Bytes;
use shukuba_delivery::config::{Destination, DestinationRules, SystemSecrets};
use shukuba_delivery::port::{Notification, Request};
use shukuba_delivery::sign::Facts;

const KINDS: [(&str, &str); 5] = [
    (
        "standard-webhooks, HMAC",
        "kind = \"standard-webhooks\"\nsecrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]",
    ),
    (
        "the same, two secrets",
        "kind = \"standard-webhooks\"\nsecrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"]",
    ),
    (
        "standard-webhooks, ed25519",
        "kind = \"standard-webhooks\"\nsecrets = [\"whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=\"]",
    ),
    ("stripe", "kind = \"stripe\"\nsecrets = [\"secret\"]"),
    (
        "hmac by templates",
        "kind = \"hmac\"\nsecrets = [\"secret\"]\ncontent = \"{@time.unix}.{@body}\"\nheaders = { x = \"t={@time.unix},v1={signatures}\" }",
    ),
];
const ROUNDS: u32 = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = SystemClock::new();
    for (name, sign) in KINDS {
        let own: Destination = toml::from_str(&format!("[sign]\n{sign}"))?;
        let none = BTreeMap::new();
        let rules = own.resolve("h", &DestinationRules::default(), &none, &SystemSecrets)?;
        let signer = rules.sign.ok_or("it signs")?;
        for bytes in [256, 4 << 10, 64 << 10] {
            let notification = notification(bytes)?;
            let at = Timestamp::from_secs(1_614_265_330);
            let mut least = f64::MAX;
            for _ in 0..10 {
                let begun = clock.monotonic();
                for _ in 0..ROUNDS {
                    let facts = Facts {
                        notification: &notification,
                        at,
                    };
                    signer.sign(&facts, &mut |name, value| {
                        std::hint::black_box((name, value));
                    })?;
                }
                least =
                    least.min((clock.monotonic() - begun).as_nanos() as f64 / f64::from(ROUNDS));
            }
            #[expect(clippy::print_stdout, reason = "its result")]
            {
                println!("{name}, body of {bytes} bytes: {least:.0} ns");
            }
        }
    }
    Ok(())
}

fn notification(bytes: usize) -> Result<Notification, url::ParseError> {
    Ok(Notification {
        id: "01JDXW3W3V0000000000000000/1".into(),
        request: Request {
            url: "https://hooks.partner.example/p?q=1".parse()?,
            method: http::Method::POST,
            headers: Vec::new(),
            body: Bytes::from(vec![b'x'; bytes]),
        },
        attempt: 1,
        expires_at: None,
        line: 1,
        message_id: "m".into(),
        origin: None,
        replay: None,
    })
}
