//! Receivers that fail in every way, through the built binary: each result bears the class of its failure, what its
//! schedule tries again comes again and no other, and the ledger balances.

use std::collections::BTreeMap;

use crate::house::{House, queue_of};

/// For some seconds all classes are tried again but those that are final by default.
const SETTINGS: &str = "\
[routes.r]
queue = \"q\"
format = { kind = \"ltsv\" }
retry_for = \"5s\"
[scaler]
interval = \"1s\"
[results]
seal_interval = \"200ms\"
[destinations.\"127.0.0.1\"]
allow_cidrs = [\"127.0.0.0/8\"]
success = { body = [{ pointer = \"/status\", is = \"ok\" }] }
[destinations.\"127.0.0.1\".retry]
default = [\"1s\"]
retry_after_max = \"1s\"
";

/// What the sink is asked for, the class of that, whether it is tried again.
const FAULTS: [(&str, &str, bool); 15] = [
    ("status/404", "client", false),
    ("status/500", "server", true),
    ("status/503", "server", true),
    ("status/429", "limited", true),
    ("status/429?retry_after=1", "limited", true),
    ("status/503?retry_after=1", "limited", true),
    ("redirect?to=/ok", "redirect", false),
    ("drip?ms=20", "timeout", true),
    ("hang", "timeout", true),
    ("close", "network", true),
    ("reset", "network", true),
    ("garbage", "server", true),
    ("huge?bytes=10000000000", "unrecorded", false),
    ("ok", "unrecorded", false),
    // Plain HTTP where TLS is spoken.
    ("tls", "network", true),
];

#[test]
fn each_failure_has_its_class_and_its_schedule_and_the_ledger_balances() {
    let house = House::new("");
    // Each has a receiver of its own: one that fails, or asks for a pause, holds up no other.
    let sinks: Vec<_> = FAULTS.iter().map(|_| house.sink()).collect();
    let (mut settings, mut lines) = (SETTINGS.to_owned(), Vec::new());
    for (number, ((path, class, _), (_, url))) in FAULTS.iter().zip(&sinks).enumerate() {
        let url = match *path {
            "tls" => url.replace("http://", "https://"),
            _ => url.clone(),
        };
        lines.push(format!("url:{url}/{path}\tid:f{number}"));
        if *class == "timeout" {
            let host = url.trim_start_matches("http://");
            settings += &format!(
                "[destinations.\"{host}\"]\nallow_cidrs = [\"127.0.0.0/8\"]\ntimeout_total = \"200ms\"\nretry.default = [\"1s\"]\n"
            );
        }
    }
    house.settle(&settings);
    let _server = house.serve();
    house.send("q", lines);
    let count = i64::try_from(FAULTS.len()).unwrap();
    house.until("all are dead", || {
        let ledger = house.ledger();
        assert_eq!(ledger["balanced"], true, "{ledger}");
        queue_of(&ledger, "q").0["dead"] == count
    });
    let (total, _) = queue_of(&house.ledger(), "q");
    assert_eq!(
        (&total["open"], &total["delivered"]),
        (&0.into(), &0.into()),
        "{total}"
    );

    let results = house.json(&["results", "list", "--max", "1000"]);
    let mut seen: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for result in results.as_array().unwrap() {
        let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
        let found = seen.entry(text("notification_id")).or_default();
        found.push((text("class"), text("verdict")));
    }
    for (number, (path, class, is_retried)) in FAULTS.iter().enumerate() {
        let found = &seen[&format!("f{number}")];
        assert!(
            found.iter().all(|(own, _)| own == class),
            "{path}: {found:?}"
        );
        assert_eq!(found.len() > 1, *is_retried, "{path}: {found:?}");
        let dead = found
            .iter()
            .filter(|(_, verdict)| verdict == "dead")
            .count();
        assert_eq!(dead, 1, "{path}: {found:?}");
    }

    let story = house.json(&["why", "f13"])["stories"][0].clone();
    let attempt = &story["attempts"][0];
    assert_eq!(
        (&attempt["status"], &attempt["class"]),
        (&200.into(), &"unrecorded".into()),
        "{story}"
    );
    let of_class = house.json(&["results", "list", "--class", "unrecorded"]);
    assert_eq!(of_class.as_array().unwrap().len(), 2);
}
