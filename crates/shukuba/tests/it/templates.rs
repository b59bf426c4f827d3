//! Requests made by templates, from a line to the bytes that a receiver gets and the result that is stored.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use serde_json::Value;

use crate::house::House;

/// A receiver that gives each request's bytes and answers 200; it ends with the test.
fn receiver() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            let mut length = 0;
            while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {
                let line = request.lines().last().unwrap_or_default();
                if let Some(said) = line.strip_prefix("content-length: ") {
                    length = said.parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            request.push_str(&String::from_utf8(body).unwrap());
            let mut stream = stream;
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            stream.write_all(answer.as_bytes()).unwrap();
            if tell.send(request).is_err() {
                return;
            }
        }
    });
    (address, told)
}

fn settings(house: &House, address: &str) -> String {
    let key = house.path("key");
    std::fs::write(&key, "s3cr3t&key\n").unwrap();
    format!(
        r#"
[routes.r]
queue = "q"
format = {{ kind = "json" }}
[routes.r.request]
url = "http://{address}/{{app}}/postback?gaid={{device.gaid|lower}}&key=${{secret:TRACKER}}"
method = "POST"
body = '{{{{"id":"{{@id}}","price":{{price}},"name":"{{name|trim}}"}}}}'
body_kind = "json"
[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
headers = {{ x-signature = "{{@body|hmac_sha256:TRACKER}}" }}
request = {{ query = {{ try = "{{@attempt}}", token2 = "${{secret:TRACKER}}" }} }}
[secrets]
TRACKER = "file:{}"
"#,
        key.display()
    )
}

const LINE: &str =
    r#"{"id":"n 7","app":"a/b","device":{"gaid":"AB-1"},"price":1.10,"name":" \"x\" "}"#;

/// HMAC by Python's hmac over `{"id":"n 7","price":1.10,"name":"\"x\""}`, key `s3cr3t&key`.
const EXPECTED: &str = "POST /a%2Fb/postback?gaid=ab-1&key=s3cr3t%26key&token2=s3cr3t%26key&try=1 HTTP/1.1\r\n\
host: HOST\r\n\
content-type: application/json\r\n\
x-signature: 623ca257d78029ed80063e36504e6bfac5d474e7199d5514a8697081f4c7407c\r\n\
x-notification-id: n 7\r\n";

#[test]
fn what_is_sent_is_what_route_test_shows_and_results_hold_no_secret() {
    let house = House::new("");
    let (address, told) = receiver();
    house.settle(&settings(&house, &address));
    let server = house.serve();
    house.send("q", [LINE.to_owned()]);
    let sent = told.recv().unwrap();
    let expected = EXPECTED.replace("HOST", &address);
    assert!(sent.starts_with(&expected), "{sent}");
    assert!(
        sent.ends_with("\r\n\r\n{\"id\":\"n 7\",\"price\":1.10,\"name\":\"\\\"x\\\"\"}"),
        "{sent}"
    );

    let shown = house.run(&["route", "test", "--bytes", LINE]);
    assert_eq!(shown.status.code(), Some(0));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown, sent.replace("s3cr3t%26key", "***"));

    house.until("it is delivered", || !results(&house, &[]).is_empty());
    let found = results(&house, &[]);
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(found[0]["verdict"], "delivered");
    assert!(!text.contains("s3cr3t"), "{text}");
    let url = found[0]["url"].as_str().unwrap();
    assert!(url.contains("/a%2Fb/postback?gaid=***&key=***&"), "{url}");
    assert_eq!(server.stop(), Some(0));
}

fn results(house: &House, more: &[&str]) -> Vec<Value> {
    let arguments = [&["results", "list"], more].concat();
    match house.json(&arguments) {
        Value::Array(found) => found,
        other => panic!("{other}"),
    }
}

#[test]
fn what_a_line_lacks_makes_it_dead_by_name_and_sends_nothing_empty() {
    let house = House::new("");
    let (address, told) = receiver();
    house.settle(&settings(&house, &address));
    let server = house.serve();
    let lacking = LINE.replace("AB-1", "");
    house.send("q", [lacking.clone(), LINE.to_owned()]);
    // The second one is sent; the first never was.
    assert!(told.recv().unwrap().contains("gaid=ab-1&"));
    house.until("both have ended", || results(&house, &[]).len() == 2);
    let found = results(&house, &["--class", "unresolved"]);
    assert_eq!(found.len(), 1, "{found:?}");
    let reason = found[0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("unresolved: macro `{device.gaid}` gives nothing: device.gaid is empty"),
        "{reason}"
    );
    assert_eq!(found[0]["destination"], "127.0.0.1");
    let dead = house.json(&["dead", "list"]);
    assert_eq!(dead[0]["line"], Value::String(lacking));
    assert!(!dead.to_string().contains("s3cr3t"), "{dead}");
    assert!(told.try_recv().is_err());

    // What the line lacked is not asked for any more: it is sent again by the settings that hold then.
    assert_eq!(server.stop(), Some(0));
    let with_default =
        settings(&house, &address).replace("|lower}", "|lower|default:\\\"none\\\"}");
    house.settle(&with_default);
    let server = house.serve();
    assert_eq!(house.json(&["dead", "retry", "--yes"])["count"], 1);
    assert!(told.recv().unwrap().contains("gaid=none&"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_file_is_tried_without_sending_anything() {
    let house = House::new("");
    let (address, told) = receiver();
    house.settle(&settings(&house, &address));
    let file = house.path("lines.log");
    let lacking = LINE.replace("\"app\"", "\"App\"");
    std::fs::write(&file, format!("{LINE}\n\n{lacking}\nno json\n{LINE}")).unwrap();
    let try_file = |more: &[&str]| {
        let arguments = [&["route", "test", "--file", file.to_str().unwrap()], more].concat();
        let output = house.run(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = try_file(&[]);
    assert_eq!(code, Some(1));
    for part in [
        "route `r`: 4 lines, 2 would be sent, 2 would not; nothing was sent",
        "line 3: macro `{app}` gives nothing: app is no field of the line",
        "line 4: the line is no JSON object",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, text) = try_file(&["--output", "json"]);
    let dry: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&dry["lines"], &dry["empty"]), (&4.into(), &1.into()));
    assert_eq!(dry["destinations"]["127.0.0.1"]["would_be_sent"], 2);
    assert_eq!(dry["problems"]["unresolved"]["first"][0]["line"], 3);
    let (_, text) = try_file(&["--each"]);
    assert!(
        text.starts_with(&format!(
            "1  sent  POST http://{address}/a%2Fb/postback?gaid=ab-1&key=***&"
        )),
        "{text}"
    );
    std::fs::write(&file, LINE).unwrap();
    assert_eq!(try_file(&[]).0, Some(0));
    assert!(told.try_recv().is_err());
}

#[test]
fn config_check_says_where_a_bad_template_stands_and_what_would_be_right() {
    let house = House::new("");
    let bad = settings(&house, "h.example")
        .replace("{price}", "{price|uper}")
        .replace("${secret:TRACKER}\" }", "${secret:TRAKER}\" }");
    house.settle(&bad);
    let output = house.run(&["config", "check"]);
    assert_ne!(output.status.code(), Some(0));
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    for part in [
        "shukuba.toml:8:",
        "routes.r.request.body: there is no filter `uper`; did you mean `upper`? (at character 31)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let unknown = settings(&house, "h.example").replace(
        "token2 = \"${secret:TRACKER}",
        "token2 = \"${secret:TRAKER}",
    );
    house.settle(&unknown);
    let output = house.run(&["config", "check"]);
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(
        text.contains("destinations.\"127.0.0.1\".request.query.token2: ")
            && text.contains("`TRAKER` is not set"),
        "{text}"
    );
}
