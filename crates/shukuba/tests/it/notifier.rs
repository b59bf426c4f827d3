//! `shukuba notifier` on the queue of a server beside it, ended with sends in flight.

use std::collections::BTreeSet;

use crate::house::{House, Process, queue_of, results_in};

/// More than a notifier of eight slots sends in its short life, and more than it receives ahead.
const LINES: u64 = 120;

fn settings(slots: u32) -> String {
    format!(
        "[routes.r]\nqueue = \"q\"\nformat = {{ kind = \"ltsv\" }}\nnotifier = false\n\
         [notifier]\nslots = {slots}\nlease = \"1h\"\nreceive_wait = \"1s\"\n\
         [destinations.\"127.0.0.1\"]\nallow_cidrs = [\"127.0.0.1/32\"]\nin_flight_max = {slots}\n"
    )
}

fn line(sink: &str, number: u64) -> String {
    format!("url:{sink}/slow?ms=300&n={number}\tid:n{number}")
}

fn notifier(house: &House, life: &str) -> Process {
    let results = format!("file://{}", house.path("lone").display());
    let arguments = [
        "notifier",
        "--queue",
        "q",
        "--route",
        "r",
        "--results",
        &results,
        "--for",
        life,
        "--output",
        "json",
    ];
    Process(
        house
            .command(&arguments)
            .env("SHUKUBA_LOG", "warn")
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap(),
    )
}

/// Numbers with a final result.
fn stored(house: &House) -> BTreeSet<u64> {
    let results = results_in(&house.path("lone")).into_iter();
    let delivered = results.filter(|(_, verdict)| verdict == "delivered");
    delivered
        .map(|(notification, _)| notification.trim_start_matches('n').parse().unwrap())
        .collect()
}

/// After a notifier has ended: what it sent has a result and has left the queue, and all else comes again before its lease ends.
fn nothing_is_held(house: &House) {
    // A release may ask for a second's rest; the leases themselves end only after an hour.
    house.until("what was held is handed back", || {
        queue_of(&house.ledger(), "q").1["in_flight"] == 0
    });
    let (total, live) = queue_of(&house.ledger(), "q");
    let stored = stored(house);
    let seen: BTreeSet<u64> = house.seen().into_keys().collect();
    assert!(
        seen.is_subset(&stored),
        "sent without a result: {:?}",
        seen.difference(&stored).collect::<Vec<_>>()
    );
    let waiting = ["visible", "delayed", "retry_wait"]
        .map(|name| live[name].as_u64().unwrap())
        .iter()
        .sum::<u64>();
    assert_eq!(waiting + stored.len() as u64, LINES, "{total} {live}");
}

fn finish(house: &House) {
    house.settle(&settings(256));
    let last = notifier(house, "5m");
    house.until("the queue is empty", || {
        let (_, live) = queue_of(&house.ledger(), "q");
        ["visible", "delayed", "retry_wait", "in_flight"]
            .iter()
            .all(|name| live[*name] == 0)
    });
    assert_eq!(last.stop(), Some(0));
    assert_eq!(
        stored(house),
        (0..LINES).collect(),
        "a result for every line"
    );
    assert_eq!(
        house.seen().into_keys().collect::<Vec<_>>(),
        (0..LINES).collect::<Vec<_>>()
    );
}

#[test]
fn a_life_that_ends_with_sends_in_flight_hands_the_rest_back() {
    let house = House::new(&settings(8));
    let (_sink, sink) = house.sink();
    let _server = house.serve();
    house.send("q", (0..LINES).map(|number| line(&sink, number)));
    assert_eq!(notifier(&house, "2s").wait(), Some(0));
    nothing_is_held(&house);
    finish(&house);
}

#[test]
fn a_signal_with_sends_in_flight_hands_the_rest_back() {
    let house = House::new(&settings(8));
    let (_sink, sink) = house.sink();
    let _server = house.serve();
    house.send("q", (0..LINES).map(|number| line(&sink, number)));
    let first = notifier(&house, "5m");
    house.until("the first requests are in the sink", || {
        house.seen().len() > 2
    });
    assert_eq!(first.stop(), Some(0));
    let sent = house.seen().len() as u64;
    assert!(sent < LINES, "it ended before its work was done");
    nothing_is_held(&house);
    finish(&house);
    let twice = house.seen().values().filter(|times| **times > 1).count();
    assert_eq!(twice, 0, "what was in flight at the signal came to its end");
}

#[test]
fn a_signal_on_an_idle_queue_ends_its_long_poll_and_what_comes_then_is_not_lost() {
    let settings = settings(8).replace("receive_wait = \"1s\"", "receive_wait = \"20s\"");
    let house = House::new(&settings);
    let (_sink, sink) = house.sink();
    let _server = house.serve();
    house.send("q", [line(&sink, 0)]);
    let first = notifier(&house, "5m");
    house.until("the queue is empty", || {
        let (_, live) = queue_of(&house.ledger(), "q");
        live["visible"] == 0 && live["in_flight"] == 0
    });
    assert_eq!(first.stop(), Some(0));
    house.send("q", (1..LINES).map(|number| line(&sink, number)));
    // Its poll is over, or it would hold them for an hour.
    finish(&house);
}

#[test]
fn without_a_place_for_results_or_with_an_unknown_route_it_does_not_start() {
    let house = House::new(&settings(8));
    for (arguments, words) in [
        (["notifier", "--route", "r", "--for", "1s"], "--results"),
        (
            ["notifier", "--route", "x", "--for", "1s"],
            "there is no route `x` in the settings; there are: r",
        ),
        (["notifier", "--route", "r", "--for", "1ms"], "out of range"),
    ] {
        let _server = house.serve();
        let output = house.run(&arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(words), "{text}");
    }
}
