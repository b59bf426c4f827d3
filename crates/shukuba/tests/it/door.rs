//! What goes through the door and what does not: TLS under a private authority, and secrets.

use std::os::unix::fs::PermissionsExt;

use crate::house::House;

/// Writes a certificate for another name than the server's address, and gives the settings for it.
fn certify(house: &House) -> String {
    let issued = rcgen::generate_simple_self_signed(vec!["sqs.example".to_owned()]).unwrap();
    let (certificate, key) = (house.path("cert.pem"), house.path("key.pem"));
    std::fs::write(&certificate, issued.cert.pem()).unwrap();
    std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    format!(
        "[server]\ntls_certificate = {certificate:?}\ntls_key = {key:?}\n[routes.r]\nqueue = \"q\"\nnotifier = false\n"
    )
}

#[test]
fn commands_reach_their_own_server_under_any_certificate() {
    let house = House::new("");
    house.settle(&certify(&house));
    house.json(&["config", "check"]);
    let _server = house.serve();
    house.send("q", ["http://a.example/".to_owned()]);
    assert_eq!(house.ledger()["balanced"], true);
    house.json(&["status"]);
    house.json(&["backup", house.path("copy").to_str().unwrap()]);
    let env = house.json(&["env"]);
    assert_eq!(
        env["AWS_CA_BUNDLE"],
        house.path("cert.pem").to_str().unwrap()
    );
    let lines = house.run(&["env"]).stdout;
    assert!(String::from_utf8_lossy(&lines).contains("\nunset AWS_SESSION_TOKEN"));
}

#[test]
fn config_check_looks_at_the_certificate() {
    let house = House::new("");
    let other = rcgen::generate_simple_self_signed(vec!["b.example".to_owned()]).unwrap();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, text, setting) in [
        (
            "key.pem",
            Some(other.signing_key.serialize_pem()),
            "tls_key",
        ),
        ("key.pem", Some(other.cert.pem()), "tls_key"),
        ("key.pem", None, "tls_key"),
        (
            "cert.pem",
            Some(other.signing_key.serialize_pem()),
            "tls_certificate",
        ),
        ("cert.pem", Some(garbage.to_owned()), "tls_certificate"),
        ("cert.pem", None, "tls_certificate"),
    ] {
        house.settle(&certify(&house));
        match text {
            Some(text) => std::fs::write(house.path(name), text).unwrap(),
            None => std::fs::remove_file(house.path(name)).unwrap(),
        }
        let refused = house.run(&["config", "check"]);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{text}");
        let line = if setting == "tls_key" { 3 } else { 2 };
        let place = format!("shukuba.toml:{line}:1: server.{setting}: ");
        assert!(text.contains(&place), "{text}");
        let refused = house.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(refused.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&refused.stderr), text);
    }
}

#[test]
fn plain_http_beyond_loopback_is_no_more_for_config_check_than_for_serve() {
    let house = House::new("[server]\nlisten = \"0.0.0.0:0\"\n");
    for command in [&["config", "check"][..], &["serve"]] {
        let refused = house.run(command);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(text.contains("shukuba.toml:2:1: server.listen: "), "{text}");
    }
    house.json(&["config", "check", "--insecure-http"]);
    house.json(&["config", "check", "--listen", "127.0.0.1:0"]);
    let refused = house.run(&["config", "check", "--listen", "0.0.0.0:1"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.starts_with("error: --listen: `0.0.0.0:1`"), "{text}");
    house.settle("[server]\nlisten = \"0.0.0.0:0\"\ninsecure_http = true\n");
    house.json(&["config", "check"]);
}

#[test]
fn a_secret_goes_to_a_file_of_its_owner_and_into_no_pipe() {
    let house = House::new("");
    let create = ["key", "create", "--role", "sender", "--name", "app"];
    house.json(&["env"]);
    let refused = house.run(&create);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(house.json(&["key", "list"]).as_array().unwrap().len(), 1);
    let path = house.path("secret");
    let path = path.to_str().unwrap();
    let shown = house.json(&[&create[..], &["--secret-file", path]].concat());
    assert!(shown["AccessKeyId"].is_string() && shown.get("SecretAccessKey").is_none());
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(written["SecretAccessKey"].as_str().unwrap().len(), 40);
    let failed = house.path("failed");
    let nameless = ["key", "create", "--role", "sender", "--name", "a b"];
    let file = ["--secret-file", failed.to_str().unwrap()];
    let refused = house.run(&[&nameless[..], &file].concat());
    assert_eq!(refused.status.code(), Some(2));
    assert!(!failed.exists(), "no key, no file");
    let again = house.run(&[&create[..], &["--secret-file", path]].concat());
    assert_eq!(again.status.code(), Some(2), "no file is written over");
    assert_eq!(house.json(&["key", "list"]).as_array().unwrap().len(), 2);
}

#[test]
fn config_check_refuses_another_account_than_that_of_the_data() {
    let house = House::new("");
    drop(house.serve()); // makes the data
    house.settle("[server]\naccount_id = \"000000000001\"\n");
    let output = house.run(&["config", "check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("000000000001"), "{said}");
}
