//! `shukuba ship` as built: killed at any time, it loses nothing and keeps the ids.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use crate::house::{House, Process, queue_of};

const SETTINGS: &str = "\
[routes.r]
queue = \"q\"
[scaler]
interval = \"1s\"
[destinations.\"*\"]
allow_cidrs = [\"127.0.0.0/8\"]
";

/// The ids in the sink's log, by the number in the line.
fn ids(house: &House) -> BTreeMap<String, Vec<String>> {
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in house.sink_log().lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let number = parts[2].split("n=").nth(1).unwrap();
        ids.entry(number.to_owned())
            .or_default()
            .push(parts[3].to_owned());
    }
    ids
}

fn accepted(house: &House) -> i64 {
    queue_of(&house.ledger(), "q").0["accepted"]
        .as_i64()
        .unwrap()
}

#[test]
fn killed_and_started_again_it_sends_every_line_with_its_id() {
    let house = House::new(SETTINGS);
    let (_sink, url) = house.sink();
    let _server = house.serve();
    let log = house.path("app.log");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&log).unwrap());
    for number in 0..5000 {
        writeln!(out, "{url}/ok?n={number}").unwrap();
    }
    drop(out);
    let state = house.path("ship");
    let arguments = [
        "ship",
        "--queue",
        "q",
        "--pack=4KiB",
        "--calls",
        "2",
        "--state",
        state.to_str().unwrap(),
        log.to_str().unwrap(),
    ];
    for share in 1..=3 {
        let shipper = Process(house.command(&arguments).spawn().unwrap());
        house.until("some is accepted", || accepted(&house) >= share * 1000);
        drop(shipper); // SIGKILL
    }
    let report = house.json(&[&arguments[..], &["--once"]].concat());
    assert_eq!(report["pending"], 0, "{report}");
    house.until("all is delivered", || {
        let (total, _) = queue_of(&house.ledger(), "q");
        total["delivered"] == total["accepted"]
    });
    let ids = ids(&house);
    assert_eq!(ids.len(), 5000, "every line arrived");
    for (number, mut all) in ids {
        all.dedup();
        assert_eq!(all.len(), 1, "line {number} has one id");
    }
    let again = house.json(&[&arguments[..], &["--once"]].concat());
    assert_eq!(again["lines_read"], 0, "{again}");
}

#[test]
fn started_before_the_server_it_waits_for_it() {
    let house = House::new(SETTINGS);
    drop(house.serve()); // makes the data
    let log = house.path("app.log");
    std::fs::write(&log, "https://a.example/\n").unwrap();
    let (log, state) = (log.to_str().unwrap(), house.path("ship"));
    let arguments = ["ship", "--queue", "q", "--once", "--state"];
    let arguments = [&arguments[..], &[state.to_str().unwrap(), log]].concat();
    let mut command = house.command(&arguments);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped());
    let mut shipper = Process(command.spawn().unwrap());
    let mut said = std::io::BufReader::new(shipper.0.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("does not take messages now"), "{line}");
    let _server = house.serve();
    house.until("the line is accepted", || accepted(&house) == 1);
    assert!(shipper.0.wait().unwrap().success());
}

#[test]
fn it_ends_while_its_queue_is_away_and_goes_on_at_another_address() {
    let house = House::new(SETTINGS);
    let (_sink, url) = house.sink();
    let server = house.serve();
    let log = house.path("app.log");
    std::fs::write(&log, format!("{url}/ok?n=1\n")).unwrap();
    let ship = ["ship", "--queue", "q", "--pack=4KiB", "--calls=1"];
    let ship = [&ship[..], &[log.to_str().unwrap()]].concat();
    let once = [&ship[..], &["--once"]].concat();
    assert_eq!(house.json(&once)["accepted"], 1);

    let mut command = house.command(&ship);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped());
    let mut shipper = Process(command.spawn().unwrap());
    let mut said = std::io::BufReader::new(shipper.0.stderr.take().unwrap()).lines();
    let mut out = std::fs::File::options().append(true).open(&log).unwrap();
    writeln!(out, "{url}/ok?n=2").unwrap();
    house.until("it follows", || accepted(&house) == 2);
    drop(server);
    // More than calls, batches that wait and the one that is gathered hold.
    let mut lines = String::new();
    for number in 3..10_000 {
        lines.push_str(&format!("{url}/ok?n={number}\n"));
    }
    out.write_all(lines.as_bytes()).unwrap();
    assert!(said.any(|line| line.unwrap().contains("does not take messages now")));
    shipper.ask();
    // Not before it heard the first, or both count as one.
    assert!(said.any(|line| line.unwrap().contains("a second signal ends at once")));
    assert_eq!(shipper.stop(), Some(1), "something is left");

    let _server = house.serve(); // on another port
    let report = house.json(&once);
    assert_eq!(
        (&report["accepted"], &report["pending"]),
        (&9997.into(), &0.into()),
        "{report}"
    );
    house.until("all is delivered", || {
        let (total, _) = queue_of(&house.ledger(), "q");
        total["delivered"] == 9999
    });
    assert_eq!(accepted(&house), 9999, "none is sent twice");
}

#[test]
fn lines_that_were_set_aside_show_in_the_exit_code() {
    let house = House::new(SETTINGS);
    let _server = house.serve();
    let log = house.path("app.log");
    std::fs::write(&log, "https://a.example/\nno url\n").unwrap();
    let ship = ["ship", "--queue", "q", "--once", "--format", "url"];
    let ship = [&ship[..], &[log.to_str().unwrap()]].concat();
    let codes: Vec<Option<i32>> = (0..2).map(|_| house.run(&ship).status.code()).collect();
    assert_eq!(codes, [Some(1), Some(0)], "told of once");
}
