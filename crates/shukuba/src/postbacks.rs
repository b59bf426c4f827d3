//! Postbacks as an ad platform logs them, made up from a seed: the examples of the repository and loads for tests.
//!
//! The forms are those that measurement tools take; every id, token and key is fictional.
//!
//! # Format
//! LTSV, one notification a line (`\t` is a tab):
//! ```text
//! AppsFlyer  time:…\tid:…\turl:https://api2.appsflyer.com/inappevent/APP\tmethod:POST\theader.authentication:KEY\theader.content-type:application/json\tbody:{…}
//! Adjust     time:…\tid:…\turl:https://s2s.adjust.com/event?s2s=1&app_token=…&event_token=…   (one in five as a POSTed form)
//! Singular   time:…\tid:…\turl:https://s2s.singular.net/api/v1/evt?a=KEY&p=Android&i=APP&n=EVENT…
//! ```
//! Sources: the tools' public pages on server-to-server events.

use std::fmt::Write;

use base::Timestamp;

/// The first postback's time; the examples do not change with the day.
const START: &str = "2026-11-23T00:00:00Z";

/// A generator with 64 bits of state (splitmix64: Steele, Lea, Flood 2014).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> Option<&'a T> {
        let index = self.below(u64::try_from(list.len()).unwrap_or(1));
        list.get(usize::try_from(index).unwrap_or(0)).copied()
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            let _ = write!(text, "{:016x}", self.next());
        }
        text.truncate(digits);
        text
    }

    fn uuid(&mut self) -> String {
        let [high, low] = [self.next(), self.next()];
        let mut bytes = [0; 16];
        let (first, last) = bytes.split_at_mut(8);
        first.copy_from_slice(&high.to_be_bytes());
        last.copy_from_slice(&low.to_be_bytes());
        base::id::format_uuid(base::id::as_version_4(bytes))
    }
}

const APPS: [&str; 6] = [
    "jp.example.tabi",
    "jp.example.manga",
    "com.example.battle",
    "com.example.recipe",
    "com.example.fleamarket",
    "jp.example.puzzle",
];
const EVENTS: [&str; 6] = [
    "install",
    "tutorial_complete",
    "level_achieved",
    "purchase",
    "add_to_cart",
    "subscribe",
];
const COUNTRIES: [&str; 5] = ["JP", "JP", "US", "TW", "KR"];
const PRICES: [&str; 5] = ["120.00", "1.99", "480", "9800", "0.50"];

/// `lines` postbacks, each with its newline, the same for the same `seed`.
pub(crate) fn generate(seed: u64, lines: u64) -> impl Iterator<Item = String> {
    let mut random = Random(seed);
    let start = Timestamp::parse_rfc3339(START)
        .unwrap_or_default()
        .as_millis();
    let mut at_ms = start;
    (0..lines).map(move |_| {
        at_ms += random.below(9);
        line(&mut random, Timestamp::from_millis(at_ms))
    })
}

fn line(random: &mut Random, at: Timestamp) -> String {
    let mut text = format!("time:{at}\tid:{}", random.uuid());
    match random.below(10) {
        0..4 => appsflyer(random, at, &mut text),
        4..8 => adjust(random, at, &mut text),
        _ => singular(random, at, &mut text),
    }
    text.push('\n');
    text
}

fn appsflyer(random: &mut Random, at: Timestamp, text: &mut String) {
    let app = random.pick(&APPS).unwrap_or("app");
    let event = random.pick(&EVENTS).unwrap_or("install");
    let price = random.pick(&PRICES).unwrap_or("1");
    let (millis, key, gaid) = (random.below(10_000_000_000), random.hex(18), random.uuid());
    let ip = address(random);
    let time = at.rfc3339().replace('T', " ").replace('Z', "");
    let _ = write!(
        text,
        "\turl:https://api2.appsflyer.com/inappevent/{app}\tmethod:POST\theader.authentication:demo-{key}\theader.content-type:application/json\tbody:{{\"appsflyer_id\":\"{}-{millis}\",\"advertising_id\":\"{gaid}\",\"eventName\":\"{event}\",\"eventValue\":\"{{\\\"af_revenue\\\":{price},\\\"af_currency\\\":\\\"JPY\\\"}}\",\"eventTime\":\"{time}\",\"ip\":\"{ip}\"}}",
        at.as_millis(),
    );
}

fn adjust(random: &mut Random, at: Timestamp, text: &mut String) {
    let (token, event, gaid) = (random.hex(12), random.hex(6), random.uuid());
    let price = random.pick(&PRICES).unwrap_or("1");
    let country = random.pick(&COUNTRIES).unwrap_or("JP");
    let fields = format!(
        "s2s=1&app_token={token}&event_token={event}&gps_adid={gaid}&created_at_unix={}&revenue={price}&currency=JPY&country={country}&ip_address={}",
        at.as_secs(),
        address(random),
    );
    if random.below(5) == 0 {
        let _ = write!(
            text,
            "\turl:https://s2s.adjust.com/event\tmethod:POST\tform:{fields}"
        );
    } else {
        let _ = write!(text, "\turl:https://s2s.adjust.com/event?{fields}");
    }
}

fn singular(random: &mut Random, at: Timestamp, text: &mut String) {
    let app = random.pick(&APPS).unwrap_or("app");
    let event = random.pick(&EVENTS).unwrap_or("install");
    let (key, aifa) = (random.hex(16), random.uuid());
    let _ = write!(
        text,
        "\turl:https://s2s.singular.net/api/v1/evt?a=demo_{key}&p=Android&i={app}&n={event}&aifa={aifa}&utime={}&ip={}",
        at.as_secs(),
        address(random),
    );
}

/// An address of those that are kept for documentation (RFC 5737).
fn address(random: &mut Random) -> String {
    let net = random
        .pick(&["192.0.2", "198.51.100", "203.0.113"])
        .unwrap_or("192.0.2");
    format!("{net}.{}", random.below(254) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use delivery::config::{FormatKind, RouteFormat};
    use delivery::format::Format;

    /// What `make examples` writes into the repository.
    const SEED: u64 = 53;

    #[test]
    fn a_seed_gives_the_same_postbacks_and_the_route_reads_them_all() {
        let rules = RouteFormat {
            kind: FormatKind::Ltsv,
            ..RouteFormat::default()
        };
        let format = Format::new(&rules).unwrap();
        let lines: Vec<String> = generate(SEED, 2000).collect();
        assert_eq!(lines, generate(SEED, 2000).collect::<Vec<_>>());
        let mut hosts = std::collections::BTreeMap::new();
        for line in &lines {
            let parsed = format
                .parse(&bytes::Bytes::from(line.trim_end().to_owned()))
                .unwrap();
            assert!(parsed.id.is_some());
            *hosts
                .entry(parsed.request.url.host_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
        assert_eq!(hosts.len(), 3);
        assert!(hosts.values().all(|count| *count > 300), "{hosts:?}");
    }

    #[test]
    fn the_example_in_the_repository_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/postbacks.ltsv");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        let made: String = generate(SEED, 20_000).collect();
        assert!(
            kept == made,
            "examples/postbacks.ltsv is stale: run `make examples`"
        );
    }
}
