//! `shukuba check-data` on the data of a server.

use std::os::unix::fs::FileExt;

use crate::flow::get;
use crate::house::{House, queue_of};

const SETTINGS: &str = "[routes.r]\nqueue = \"q\"\nnotifier = false\n";

#[test]
fn a_server_does_not_begin_anew_where_its_journal_is_gone() {
    let house = House::new(SETTINGS);
    assert_eq!(house.serve().stop(), Some(0));
    for entry in std::fs::read_dir(house.path("data/journal")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let refused = house.run(&["serve", "--listen", "127.0.0.1:0"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("holds no journal"), "{text}");
    let checked = house.run(&["check-data", "--output", "json"]);
    assert_eq!(checked.status.code(), Some(1));
}

#[test]
fn a_damaged_journal_is_found_cut_out_and_booked_as_lost() {
    let house = House::new(SETTINGS);
    let server = house.serve();
    house.send(
        "q",
        (0..500).map(|number| format!("http://a.example/?n={number}")),
    );
    let refused = house.run(&["check-data"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("stop the server first"), "{text}");
    assert_eq!(server.stop(), Some(0));

    let sound = house.json(&["check-data"]);
    assert_eq!(sound["sound"], true, "{sound}");
    // In the middle of what was written.
    let segments = std::fs::read_dir(house.path("data/journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let segment = segments
        .filter(|path| path.extension().is_some_and(|kind| kind == "seg"))
        .min()
        .unwrap();
    let file = std::fs::File::options().write(true).open(segment).unwrap();
    file.write_at(b"damaged!", 4096 + sound["bytes"].as_u64().unwrap() / 2)
        .unwrap();

    let damaged = house.run(&["check-data", "--output", "json"]);
    assert_eq!(damaged.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&damaged.stdout).unwrap();
    assert_eq!(
        (&report["sound"], &report["damage"][0]["kind"]),
        (&false.into(), &"records".into()),
        "{report}"
    );
    let refused = house.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(
        refused.status.code(),
        Some(1),
        "a server does not start on it"
    );
    // What can be done, check-data says: it has looked at everything.
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`shukuba check-data`"));

    let cut = house.json(&["check-data", "--quarantine"]);
    assert_eq!(cut["booked_as_lost"].as_array().unwrap().len(), 1, "{cut}");
    let again = house.json(&["check-data"]);
    assert_eq!(
        (&again["sound"], &again["damage"]),
        (&true.into(), &serde_json::json!([])),
        "{again}"
    );

    let _server = house.serve();
    let ledger = house.ledger();
    assert_eq!(ledger["balanced"], false);
    let drifts = ledger["drifts"].as_array().unwrap();
    assert!(
        drifts.iter().any(|drift| drift["kind"] == "stretch"),
        "{ledger}"
    );
    let endpoint = std::fs::read_to_string(house.path("data/endpoint")).unwrap();
    house.until("the alarm is up", || {
        let metrics = get(endpoint.trim(), "/_shukuba/metrics");
        let is_there = |line| metrics.lines().any(|one| one == line);
        is_there("shukuba_ledger_balanced 0") && is_there("shukuba_ledger_drifts 1")
    });
    let (_, live) = queue_of(&ledger, "q");
    let left = live["visible"].as_u64().unwrap();
    assert!(
        (1..500).contains(&left),
        "most of it is still there: {live}"
    );
}

#[test]
fn what_is_no_data_directory_is_refused_and_nothing_is_made() {
    let house = House::new(SETTINGS);
    let output = house.run(&["check-data"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no data directory"));
    assert!(!house.path("data").exists());
}
