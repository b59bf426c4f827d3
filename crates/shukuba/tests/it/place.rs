//! Results that lone notifiers stored, asked and acted on without a server of their own.

use crate::house::House;

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

/// Runs a lone notifier for `life` to its end; it stores into `lone`.
fn notify(house: &House, life: &str) {
    let results = place(house);
    let arguments = [
        "notifier",
        "--route",
        "r",
        "--results",
        &results,
        "--for",
        life,
    ];
    let output = house
        .command(&arguments)
        .env("SHUKUBA_LOG", "warn")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
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
    notify(&house, "3s");
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
    assert_eq!(code, Some(1));
    assert!(
        said.contains("there is no folder `no-such-folder`"),
        "{said}"
    );
}
