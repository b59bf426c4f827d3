//! `shukuba route test` shows a line's request and sends nothing.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::house::House;

fn settings(more: &str) -> String {
    format!("[routes.r]\nqueue = \"q\"\nformat = {{ kind = \"ltsv\" }}\n{more}")
}

fn test(house: &House, line: &str) -> (Option<i32>, Value) {
    let output = house.run(&["route", "test", line, "--output", "json"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {text}")),
    )
}

#[test]
fn a_line_is_shown_as_it_would_be_sent_and_is_not_sent() {
    let house = House::new("");
    let (_sink, sink) = house.sink();
    let host = sink.trim_start_matches("http://");
    house.settle(&settings(
        "[destinations.\"127.0.0.1\"]\nallow_cidrs = [\"127.0.0.1/32\"]\nrate = \"10/s\"\n\
         headers = { authorization = \"Bearer s3cret\", x-plain = \"p\" }\n",
    ));
    let line = format!("url:{sink}/ok?n=1\tmethod:POST\tbody:a=%31\tid:n1");
    let (code, shown) = test(&house, &line);
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(shown["method"], "POST");
    assert_eq!(shown["url"], format!("{sink}/ok?n=1"));
    assert_eq!(
        (&shown["id"], &shown["body"], &shown["body_bytes"]),
        (&json!("n1"), &json!("a=%31"), &json!(5))
    );
    assert_eq!(shown["destination"], "127.0.0.1");
    assert_eq!(shown["addresses"], json!([host]));
    assert_eq!(shown["rules"]["rate"], "10/s", "{shown}");
    assert!(!shown.to_string().contains("s3cret"), "{shown}");
    assert!(house.seen().is_empty());
}

#[test]
fn a_refused_address_comes_with_the_line_that_would_allow_it() {
    let house = House::new(&settings(""));
    let (code, shown) = test(&house, "url:http://10.1.2.3/x");
    assert_eq!(code, Some(1));
    let problem = shown["problem"].as_str().unwrap();
    assert!(
        problem.contains("add `allow_cidrs = [\"10.1.2.3/32\"]` under [destinations.\"10.1.2.3\"]"),
        "{problem}"
    );
    assert_eq!(shown["is_sent"], false);
}

#[test]
fn a_line_whose_time_is_over_would_expire_and_steers_no_terminal() {
    let house = House::new(&settings(
        "[destinations.\"*\"]\nconnect_to = \"127.0.0.1:9\"\n",
    ));
    let line =
        "url:https://a.example/x\texpires_at:1700000000\tid:7\theader.X-Notification-Id:forged";
    let (code, shown) = test(&house, line);
    assert_eq!((code, &shown["is_sent"]), (Some(1), &json!(false)));
    assert_eq!(
        shown["problem"],
        "its time was over at 2023-11-14T22:13:20.000Z"
    );
    assert_eq!(shown["headers"], json!([["x-notification-id", "7"]]));
    let line = "url:https://a.example/x\tbody:\u{1b}[2J";
    let output = house.run(&["route", "test", line]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("\\u{1b}[2J") && !text.contains('\u{1b}'),
        "{text}"
    );
}

#[test]
fn a_line_without_form_is_a_problem_in_words() {
    let house = House::new(&settings(""));
    let (code, shown) = test(&house, "no labels here");
    assert_eq!((code, &shown["is_sent"]), (Some(1), &json!(false)));
    assert!(!shown["problem"].as_str().unwrap().is_empty());
}

/// A shell word in `'…'` or `$'…'`.
fn unquoted(word: &str) -> String {
    let plain = word
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    if let Some(plain) = plain {
        return plain.to_owned();
    }
    let inner = word
        .strip_prefix("$'")
        .and_then(|rest| rest.strip_suffix('\''));
    let inner = inner.unwrap_or_else(|| panic!("`{word}` is not quoted"));
    inner.replace("\\t", "\t")
}

/// The settings of an example: what it says, and an address that needs no name server.
fn settings_of(said: &str) -> String {
    let everywhere =
        "[destinations.\"*\"]\nconnect_to = \"127.0.0.1:9\"\nallow_cidrs = [\"127.0.0.0/8\"]\n";
    let more = if said.contains("[destinations.\"*\"]") {
        ""
    } else {
        everywhere
    };
    format!("[routes.r]\nqueue = \"q\"\n{said}\n{more}")
}

#[test]
fn the_page_on_lines_tells_the_truth() {
    assert!(examples_of("lines.md") > 10);
}

#[test]
fn the_page_on_templates_tells_the_truth() {
    assert_eq!(examples_of("templates.md"), 5);
}

/// What a page shows is what the command says: each line of an answer stands in it, blanks aside. Gives how many it shows.
fn examples_of(page: &str) -> usize {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(page);
    let page = std::fs::read_to_string(page).unwrap();
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let house = House::new("");
    let mut calls = 0;
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let said: Vec<&str> = block
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .collect();
        house.settle(&settings_of(&said.join("\n")));
        for call in block.split("$ shukuba route test ").skip(1) {
            let (word, answer) = call.split_once('\n').unwrap();
            let mut command = house.command(&["route", "test", &unquoted(word)]);
            let command = command.env("TEMPLATE_KEY", "Jefe").stderr(Stdio::piped());
            let output = command.output().unwrap();
            let text = [&output.stdout[..], &output.stderr[..]].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            let told: Vec<String> = text.lines().map(squeezed).collect();
            for line in answer.lines().filter(|line| !line.is_empty()) {
                assert!(
                    told.contains(&squeezed(line)),
                    "`{line}` of {word} is not in\n{text}"
                );
            }
            calls += 1;
        }
    }
    calls
}
