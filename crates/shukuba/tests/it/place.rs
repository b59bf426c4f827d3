//! Results that lone notifiers stored, asked and acted on without a server of their own.

use std::process::Stdio;

use crate::house::{House, Process, queue_of};

const SETTINGS: &str = "\
[routes.r]
queue = \"q\"
notifier = false
format = { kind = \"ltsv\" }
[notifier]
receive_wait = \"1s\"
[destinations.\"*\"]
allow_cidrs = [\"127.0.0.0/8\"]
[destinations.\"*\".retry]
default = [\"100ms\"]
client = \"never\"
";

fn line(url: &str, path: &str, id: &str) -> String {
    format!("url:{url}{path}\tid:{id}")
}

/// Starts a lone notifier that stores into `lone`.
fn notifier(house: &House) -> Process {
    let results = place(house);
    let arguments = [
        "notifier",
        "--route",
        "r",
        "--results",
        &results,
        "--for",
        "5m",
    ];
    let mut command = house.command(&arguments);
    command.env("SHUKUBA_LOG", "warn").stdout(Stdio::null());
    Process(command.spawn().unwrap())
}

/// Lets lone notifiers work until the queue is empty.
fn notify(house: &House, notifiers: usize) {
    let working: Vec<Process> = (0..notifiers).map(|_| notifier(house)).collect();
    house.until("the queue is empty", || {
        let (_, live) = queue_of(&house.ledger(), "q");
        let states = ["visible", "delayed", "retry_wait", "in_flight"];
        states.iter().all(|state| live[*state] == 0)
    });
    for one in working {
        assert_eq!(one.stop(), Some(0));
    }
}

fn place(house: &House) -> String {
    house.path("lone").display().to_string()
}

/// Runs a command that fails, and gives its exit code and what it said.
fn refused(house: &House, arguments: &[&str]) -> (Option<i32>, String) {
    let output = house.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn what_became_of_one_is_told_from_stored_results_alone() {
    let house = House::new(SETTINGS);
    let (_sink, url) = house.sink();
    let server = house.serve();
    let lost = "/status/404?n=2";
    house.send("q", [line(&url, "/ok?n=1", "a"), line(&url, lost, "b")]);
    notify(&house, 1);
    assert_eq!(server.stop(), Some(0));

    let place = place(&house);
    let place = place.as_str();
    let why = house.json(&["why", "--results", place, "b"]);
    let story = &why["stories"][0];
    assert_eq!(story["state"], "dead", "{why}");
    assert_eq!(story["attempts"][0]["status"], 404, "{why}");
    let by_url = house.json(&["why", "--results", place, &format!("{url}{lost}")]);
    assert_eq!(by_url["stories"][0]["notification_id"], "b", "{by_url}");

    let list = |more: &[&str]| {
        let all = ["results", "list", "--results", place];
        house.json(&[&all, more].concat())
    };
    assert_eq!(list(&[]).as_array().unwrap().len(), 2);
    let dead = list(&["--route", "r", "--verdict", "dead"]);
    assert_eq!(dead[0]["notification_id"], "b", "{dead}");

    let none = house.run(&["why", "--results", place, "nobody"]);
    assert_eq!(none.status.code(), Some(1));
    let (code, said) = refused(
        &house,
        &["results", "list", "--results", place, "--route", "x"],
    );
    assert_eq!(code, Some(2));
    assert!(
        said.contains("no results of route `x`") && said.contains("there are: r"),
        "{said}"
    );
    let (code, said) = refused(&house, &["why", "--results", "no-such-folder", "b"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("there is no folder `no-such-folder`"),
        "{said}"
    );
}

/// Ships lines as a file of their own, with manifests beside them.
fn ship(house: &House, name: &str, lines: &[String]) {
    let path = house.path(name);
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let manifests = house.path("manifests").display().to_string();
    let file = path.display().to_string();
    let shipped = house.json(&[
        "ship",
        "--queue",
        "q",
        "--once",
        "--pack",
        "--manifests",
        &manifests,
        &file,
    ]);
    assert_eq!(shipped["accepted"], lines.len(), "{shipped}");
}

/// The ledger of the place, with its exit code.
fn ledger(house: &House, more: &[&str]) -> (Option<i32>, serde_json::Value) {
    let (results, manifests) = (place(house), house.path("manifests").display().to_string());
    let arguments = [
        "ledger",
        "--results",
        &results,
        "--manifests",
        &manifests,
        "--output",
        "json",
    ];
    let output = house.run(&[&arguments, more].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let answer = serde_json::from_slice(&output.stdout);
    (
        output.status.code(),
        answer.unwrap_or_else(|_| panic!("{said}")),
    )
}

#[test]
fn what_was_shipped_balances_with_what_lone_notifiers_stored() {
    let house = House::new(SETTINGS);
    let (_sink, url) = house.sink();
    let _server = house.serve();
    // With ids of their own and without, which their sender knows by file and offset.
    let own = (0..30).map(|n| {
        line(
            &url,
            &format!("/flaky?p=0.3&times=1&n={n}"),
            &format!("o{n}"),
        )
    });
    let plain = (30..60).map(|n| format!("url:{url}/ok?n={n}"));
    let bad = [line(&url, "/status/404", "bad"), "no url".to_owned()];
    ship(
        &house,
        "a.log",
        &own.chain(plain).chain(bad).collect::<Vec<_>>(),
    );
    notify(&house, 2);
    let (code, answer) = ledger(&house, &["--queue", "q"]);
    assert_eq!(
        (code, &answer["balanced"]),
        (Some(0), &true.into()),
        "{answer}"
    );
    let total = &answer["queues"][0]["total"];
    for (state, count) in [
        ("accepted", 62),
        ("delivered", 60),
        ("dead", 2),
        ("open", 0),
        ("unknown_origin", 0),
    ] {
        assert_eq!(total[state], count, "{state} in {answer}");
    }

    ship(&house, "b.log", &[line(&url, "/ok", "late")]);
    let (code, answer) = ledger(&house, &["--queue", "q"]);
    assert_eq!(code, Some(0), "{answer}");
    let queue = &answer["queues"][0];
    assert_eq!(
        (&queue["total"]["untried"], &queue["live"]["visible"]),
        (&1.into(), &1.into())
    );

    house.send("q", [line(&url, "/ok", "stranger")]);
    notify(&house, 1);
    let (code, answer) = ledger(&house, &[]);
    assert_eq!(
        (code, &answer["balanced"]),
        (Some(1), &false.into()),
        "{answer}"
    );
    assert_eq!(answer["drifts"][0]["kind"], "unknown-origin", "{answer}");
    assert_eq!(
        answer["queues"][0]["total"]["unknown_origin"], 1,
        "{answer}"
    );
}

#[test]
fn dead_ones_and_others_of_lone_notifiers_are_sent_again() {
    let house = House::new(SETTINGS);
    let (_sink, url) = house.sink();
    let _server = house.serve();
    let lost = (0..3).map(|n| line(&url, &format!("/status/404?n={n}"), &format!("lost-{n}")));
    let good = (3..8).map(|n| format!("url:{url}/ok?n={n}"));
    ship(
        &house,
        "a.log",
        &lost
            .chain(good)
            .chain(["no url".to_owned()])
            .collect::<Vec<_>>(),
    );
    notify(&house, 1);

    let place = place(&house);
    let dead = |arguments: &[&str]| {
        let (verb, rest) = arguments.split_first().unwrap();
        house.json(&[&["dead", *verb, "--results", place.as_str()], rest].concat())
    };
    let listed = dead(&["list"]);
    assert_eq!(listed.as_array().unwrap().len(), 4, "{listed}");
    let shown = dead(&["show", "lost-1"]);
    assert_eq!(shown[0]["line"], line(&url, "/status/404?n=1", "lost-1"));
    assert_eq!(shown[0]["url"], format!("{url}/status/404?n=1"));
    assert_eq!(shown[0]["route"], "r");
    assert!(
        shown[0]["reason"].as_str().unwrap().contains("404"),
        "{shown}"
    );

    // Without --yes nothing is done; with it, each is sent once however often it is asked for.
    let (code, said) = refused(&house, &["dead", "retry", "--results", &place, "lost-1"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("send 1 again: nothing done"), "{said}");
    assert_eq!(
        dead(&["retry", "--yes", "--queue", "q", "lost-1"])["count"],
        1
    );
    assert_eq!(dead(&["retry", "--yes", "--reason", "404"])["count"], 2);
    assert_eq!(dead(&["drop", "--yes"])["count"], 1);
    assert_eq!(dead(&["list"]), serde_json::json!([]));

    notify(&house, 1);
    let again: Vec<u64> = (0..3).map(|n| house.seen()[&n]).collect();
    assert_eq!(again, [2, 2, 2]);
    assert_eq!(
        dead(&["list"]).as_array().unwrap().len(),
        3,
        "they died again"
    );
    let (code, answer) = ledger(&house, &["--queue", "q"]);
    assert_eq!(code, Some(0), "{answer}");
    let total = &answer["queues"][0]["total"];
    assert_eq!(
        (&total["dead"], &total["second_results"]),
        (&4.into(), &3.into())
    );

    let replay = |arguments: &[&str]| {
        let all = [
            "replay",
            "--results",
            place.as_str(),
            "--rate",
            "0",
            "--yes",
        ];
        house.json(&[&all, arguments].concat())
    };
    assert_eq!(replay(&["--verdict", "delivered"])["replay"]["sent"], 5);
    assert_eq!(replay(&["--new-id", "lost-2"])["replay"]["sent"], 1);
    assert_eq!(
        house
            .json(&["replay", "--results", &place, "--list"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    notify(&house, 1);
    let again: Vec<u64> = (2..8).map(|n| house.seen()[&n]).collect();
    assert_eq!(again, [3, 2, 2, 2, 2, 2]);
    let (code, answer) = ledger(&house, &["--queue", "q"]);
    assert_eq!(code, Some(0), "new ids are named too: {answer}");
    assert_eq!(answer["queues"][0]["total"]["accepted"], 10, "{answer}");
}

#[test]
fn what_lone_notifiers_stored_is_compacted_and_tells_the_same() {
    let house = House::new(SETTINGS);
    let (_sink, url) = house.sink();
    let _server = house.serve();
    // A slow trickle makes an object now and then.
    let working = notifier(&house);
    for n in 0..3 {
        house.send("q", [line(&url, &format!("/ok?n={n}"), &format!("o{n}"))]);
        house.until("it was sent", || house.seen().contains_key(&n));
    }
    assert_eq!(working.stop(), Some(0));
    assert!(house.path("lone/upkeep/route=r.json").exists());
    house.send("q", [line(&url, "/status/404?n=3", "o3")]);
    notify(&house, 1);
    age(&house.path("lone/route=r"));

    let place = place(&house);
    let list = || {
        let listed = house.json(&["results", "list", "--results", &place]);
        let mut ids: Vec<_> = listed.as_array().unwrap().iter().map(text_id).collect();
        ids.sort();
        ids
    };
    assert_eq!(list(), ["o0", "o1", "o2", "o3"]);
    let done = house.json(&["results", "compact", "--results", &place]);
    assert!(done["before"].as_u64() >= Some(2), "{done}");
    assert_eq!(list(), ["o0", "o1", "o2", "o3"]);
    let dead = house.json(&["dead", "list", "--results", &place]);
    assert_eq!(dead[0]["notification_id"], "o3", "{dead}");
    let why = house.json(&["why", "--results", &place, &format!("{url}/ok?n=1")]);
    assert_eq!(why["stories"][0]["state"], "delivered", "{why}");

    let forgotten = house.json(&["results", "forget", "--results", &place, "--yes", "o1"]);
    assert_eq!(forgotten["results"], 1, "{forgotten}");
    assert_eq!(list(), ["o0", "o2", "o3"]);
    let objects = walk(&house.path("lone")).into_iter();
    let objects = objects.filter(|name| name.ends_with(".ndjson.zst"));
    assert_eq!(objects.count(), done["after"], "what was replaced is gone");
}

fn text_id(result: &serde_json::Value) -> String {
    result["notification_id"].as_str().unwrap().to_owned()
}

/// Makes the days below a folder days of long ago, whose hours are over.
fn age(folder: &std::path::Path) {
    let days = std::fs::read_dir(folder).unwrap();
    let mut days: Vec<_> = days.map(|day| day.unwrap().path()).collect();
    days.sort();
    for (number, day) in days.into_iter().enumerate() {
        std::fs::rename(day, folder.join(format!("dt=2026-01-0{}", number + 1))).unwrap();
    }
}

/// All files below a folder.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path.display().to_string()),
        }
    }
    found
}
