//! The main job through the built binary: lines in, notifications out, what was given up, sent again, and paused, with a
//! ledger that balances at each step and over kill -9.

use crate::house::{House, Process, queue_of};

const SETTINGS: &str = "\
[routes.r]
queue = \"q\"
[scaler]
interval = \"1s\"
[results]
seal_interval = \"200ms\"
[destinations.\"*\"]
allow_cidrs = [\"127.0.0.0/8\"]
[destinations.\"*\".retry]
default = [\"100ms\"]
client = \"never\"
";

/// A send may take longer than any test.
const PATIENT: &str = "\
[destinations.\"127.0.0.1\"]
allow_cidrs = [\"127.0.0.0/8\"]
timeout_total = \"10m\"
timeout_first_byte = \"10m\"
[notifier]
life = \"15m\"
";

fn total(house: &House, queue: &str, state: &str) -> i64 {
    let ledger = house.ledger();
    assert_eq!(ledger["balanced"], true, "{ledger}");
    queue_of(&ledger, queue).0[state].as_i64().unwrap()
}

/// Waits until something has a result; `why` knows what only waits as well.
fn until_tried(house: &House) {
    house.until("it was tried", || {
        let results = house.json(&["results", "list"]);
        !results.as_array().unwrap().is_empty()
    });
}

fn until_done(house: &House, delivered: i64, dead: i64) {
    house.until("all is delivered or dead", || {
        total(house, "q", "delivered") == delivered && total(house, "q", "dead") == dead
    });
    assert_eq!(total(house, "q", "open"), 0);
}

fn start() -> (House, Process, Process, String) {
    let house = House::new(SETTINGS);
    let (sink, url) = house.sink();
    let server = house.serve();
    (house, server, sink, url)
}

#[test]
fn dead_letters_and_delivered_ones_are_sent_again_and_the_ledger_balances() {
    let (house, _server, _sink, url) = start();
    let good = (0..20).map(|n| format!("{url}/flaky?p=0.3&times=1&n={n}"));
    let bad = (20..25).map(|n| format!("{url}/status/404?n={n}"));
    let hopeless = ["no url".to_owned(), "http://10.0.0.1/".to_owned()];
    house.send("q", good.chain(bad).chain(hopeless));
    until_done(&house, 20, 7);

    let letters = house.json(&["dead", "list"]);
    let reasons: Vec<&str> = letters
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| letter["reason"].as_str().unwrap())
        .collect();
    for part in ["status 404", "unparsable", "allow_cidrs"] {
        assert!(
            reasons.iter().any(|reason| reason.contains(part)),
            "{part} in {reasons:?}"
        );
    }
    let retried = house.json(&["dead", "retry", "--reason", "404", "--yes"]);
    assert_eq!(retried["count"], 5);
    until_done(&house, 20, 12);
    assert_eq!(total(&house, "q", "replayed"), 5);
    assert_eq!(total(&house, "q", "moved_in"), 0);
    assert_eq!(total(&house, "q-dead", "moved_out"), 5);
    assert_eq!(house.json(&["dead", "drop", "--yes"])["count"], 7);
    assert_eq!(total(&house, "q-dead", "open"), 0);

    let replay = house.json(&["replay", "--verdict", "delivered", "--rate", "0", "--yes"]);
    assert_eq!(replay["replay"]["sent"], 20, "{replay}");
    until_done(&house, 40, 12);
    assert_eq!(total(&house, "q", "replayed"), 25);
}

#[test]
fn a_replay_stops_with_its_server_and_is_resumed_by_the_next() {
    let (house, server, _sink, url) = start();
    house.send("q", (0..20).map(|n| format!("{url}/ok?n={n}")));
    until_done(&house, 20, 0);
    let replay = house
        .command(&["replay", "--verdict", "delivered", "--rate", "1", "--yes"])
        .spawn();
    let _replay = Process(replay.unwrap());
    let listed = || house.json(&["replay", "--list"])[0].clone();
    house.until("its first message was sent", || {
        listed()["replay"]["sent"].as_u64() > Some(0)
    });
    assert_eq!(server.stop(), Some(0));

    let _server = house.serve();
    let one = listed();
    let sent = one["replay"]["sent"].as_u64().unwrap();
    assert!((1..20).contains(&sent), "{one}");
    assert_eq!(one["is_running"], false, "{one}");
    let id = one["replay"]["id"].as_str().unwrap();
    house.json(&["replay", "--resume", id, "--rate", "0"]);
    until_done(&house, 40, 0);
    assert_eq!(total(&house, "q", "replayed"), 20);
}

#[test]
fn a_paused_route_delays_over_kill_and_restart_and_loses_nothing() {
    let (house, server, _sink, url) = start();
    house.send("q", [format!("{url}/ok?n=1")]);
    until_done(&house, 1, 0);
    house.json(&["pause", "route", "r"]);
    house.send("q", (2..10).map(|n| format!("{url}/ok?n={n}")));
    drop(server); // SIGKILL

    let _server = house.serve();
    let status = house.json(&["status"]);
    assert_eq!(status["routes"][0]["is_paused"], true, "{status}");
    assert_eq!(total(&house, "q", "delivered"), 1);
    house.json(&["resume", "route", "r"]);
    until_done(&house, 9, 0);
    assert_eq!(house.seen().len(), 9);
}

#[test]
fn what_a_killed_server_had_in_hand_is_sent_by_the_next_at_once() {
    let (house, server, _sink, url) = start();
    house.settle(&format!("{SETTINGS}[notifier]\nlease = \"1h\"\n"));
    drop(server);
    let server = house.serve();
    house.send("q", (0..5).map(|n| format!("{url}/slow?ms=3000&n={n}")));
    house.until("all are in flight", || {
        queue_of(&house.ledger(), "q").1["in_flight"] == 5
    });
    drop(server); // SIGKILL

    // Their leases would end in an hour.
    let _server = house.serve();
    until_done(&house, 5, 0);
    assert_eq!(house.seen().len(), 5);
}

#[test]
fn why_knows_each_attempt_and_forgets_when_told() {
    let (house, _server, _sink, url) = start();
    let target = format!("{url}/flaky?p=1&times=1&n=1");
    house.send("q", [target.clone()]);
    until_done(&house, 1, 0);
    let why = house.json(&["why", &target]);
    let attempts = why["stories"][0]["attempts"].as_array().unwrap();
    let verdicts: Vec<_> = attempts
        .iter()
        .map(|one| one["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["retry", "delivered"]);
    let id = why["stories"][0]["notification_id"].as_str().unwrap();
    let forgotten = house.json(&["results", "forget", id, "--yes"]);
    assert_eq!(forgotten["results"], 2, "{forgotten}");
    assert_eq!(house.run(&["why", id]).status.code(), Some(1));
    assert_eq!(total(&house, "q", "delivered"), 1);

    let failing = format!("{url}/status/503?n=2");
    house.send("q", [failing.clone()]);
    until_tried(&house);
    let why = house.json(&["why", &failing]);
    let id = why["stories"][0]["notification_id"].as_str().unwrap();
    let forgotten = house.json(&["results", "forget", id, "--yes"]);
    let waiting = serde_json::json!([{ "route": "r", "count": 1 }]);
    assert_eq!(forgotten["waiting"], waiting, "{forgotten}");
    assert_eq!(
        house
            .run(&["results", "list", "--verdict", "deliverd"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn operators_read_the_data_when_no_server_runs() {
    let (house, server, _sink, url) = start();
    house.send("q", [format!("{url}/ok?n=1")]);
    until_done(&house, 1, 0);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(total(&house, "q", "delivered"), 1);
    assert_eq!(
        house.json(&["results", "list"]).as_array().unwrap().len(),
        1
    );
    assert_eq!(
        house
            .run(&["replay", "--verdict", "delivered", "--yes"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn settings_are_read_again_while_serving() {
    let (house, server, _sink, url) = start();
    house.settle(&format!(
        "{SETTINGS}\n[routes.second]\nqueue = \"second\"\n"
    ));
    server.reload();
    house.until("the second route is there", || {
        house.json(&["status"])["routes"].as_array().unwrap().len() == 2
    });
    house.send("second", [format!("{url}/ok?n=1")]);
    house.until("the second route delivers", || {
        total(&house, "second", "delivered") == 1
    });
}

/// What is in flight when the settings are read again neither ends nor holds up the rest of its route.
#[test]
fn a_send_that_hangs_while_its_notifier_leaves_holds_nobody_up() {
    let house = House::new(&format!("{SETTINGS}{PATIENT}"));
    let (_sink, url) = house.sink();
    let server = house.serve();
    let hanging = format!("{url}/hang?n=0");
    house.send("q", [hanging.clone()]);
    house.until("it hangs", || {
        queue_of(&house.ledger(), "q").1["in_flight"] == 1
    });
    for round in 0..2 {
        server.reload();
        house.send("q", (1..6).map(|n| format!("{url}/ok?n={}", round * 5 + n)));
        house.until("the others are delivered", || {
            total(&house, "q", "delivered") == (round + 1) * 5
        });
        assert_eq!(queue_of(&house.ledger(), "q").1["in_flight"], 1);
    }
    // Its first attempt goes on.
    let why = house.json(&["why", &hanging]);
    let attempts = why["stories"][0]["attempts"].as_array().unwrap();
    assert!(attempts.is_empty(), "{why}");
}

#[test]
fn authorities_are_read_again_with_the_settings() {
    let house = House::new("");
    let (_sink, url) = house.tls_sink("right.pem");
    let (_other, _) = house.tls_sink("ca.pem");
    let file = house.path("ca.pem");
    // One thread, so that no other can have read the right one first.
    house.settle(&format!("[server]\nthreads = 1\n{SETTINGS}").replace(
        "[destinations.\"*\".retry]\n",
        &format!("ca_file = {file:?}\n[destinations.\"*\".retry]\n"),
    ));
    let server = house.serve();
    let target = format!("{url}/ok?n=1");
    house.send("q", [target.clone()]);
    until_tried(&house);
    std::fs::copy(house.path("right.pem"), file).unwrap();
    server.reload();
    until_done(&house, 1, 0);
}

#[test]
fn what_is_shown_says_the_masked_url_and_needs_no_route_for_an_id() {
    let (house, server, _sink, url) = start();
    drop(server);
    house.settle(&format!(
        "{SETTINGS}\n[routes.second]\nqueue = \"second\"\n"
    ));
    let _server = house.serve();
    let long = "x".repeat(80);
    house.send(
        "second",
        [format!("{url}/status?code=404&idfa=AB-12&n=1&{long}=1")],
    );
    house.until("it is given up", || total(&house, "second", "dead") == 1);
    let text = |arguments: &[&str]| {
        let output = house.run(arguments);
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let (_, listed) = text(&["dead", "list", "--route", "second"]);
    assert!(
        listed.contains("idfa=***") && listed.contains('…'),
        "{listed}"
    );
    let (_, listed) = text(&["results", "list"]);
    assert!(
        listed.contains("idfa=***") && listed.contains('…'),
        "{listed}"
    );
    let dead = house.json(&["dead", "list", "--route", "second"]);
    let id = dead[0]["notification_id"].as_str().unwrap();
    let (is_found, shown) = text(&["dead", "show", id]);
    assert!(
        is_found && shown.contains("route            second"),
        "{shown}"
    );

    let (is_done, refused) = text(&[
        "replay",
        "--route",
        "second",
        "--destination",
        "nowhere",
        "--yes",
    ]);
    assert!(
        !is_done && refused.contains("has sent nothing to `nowhere`; its destinations: 127.0.0.1:"),
        "{refused}"
    );

    // Its message is one of the route's queue no more, and says on which route it died all the same.
    let message = id.rsplit_once('/').unwrap().0;
    let forgotten = house.json(&["results", "forget", message, "--yes"]);
    let dead = serde_json::json!([{ "route": "second", "count": 1 }]);
    assert_eq!(
        (&forgotten["dead"], &forgotten["is_dead_cut"]),
        (&dead, &false.into()),
        "{forgotten}"
    );
    assert_eq!(house.json(&["dead", "drop", id, "--yes"])["count"], 1);

    let endpoint = std::fs::read_to_string(house.path("data/endpoint")).unwrap();
    let metrics = get(endpoint.trim(), "/_shukuba/metrics");
    for line in metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
    {
        let name = line.split(' ').next().unwrap();
        assert!(
            metrics.contains(&format!("# HELP {name} ")),
            "{name} says nothing"
        );
    }
}

/// The answer to a plain request.
pub(crate) fn get(url: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
