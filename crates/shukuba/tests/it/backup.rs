//! `shukuba backup` while messages are sent, `restore` elsewhere, and a server on the copy.

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::house::{House, queue_of};

const SETTINGS: &str = "[routes.r]\nqueue = \"q\"\nnotifier = false\n";

fn visible(ledger: &Value) -> u64 {
    queue_of(ledger, "q").1["visible"].as_u64().unwrap()
}

fn line(number: u64) -> String {
    format!("http://a.example/?n={number}")
}

#[test]
fn a_backup_made_while_sending_holds_what_was_acknowledged_before_it() {
    let house = House::new(SETTINGS);
    let server = house.serve();
    house.send("q", (0..1000).map(line));
    let (before, backup, after) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| house.send("q", (1000..3000).map(line)));
        house.until("more is being sent", || visible(&house.ledger()) > 1000);
        let before = visible(&house.ledger());
        let backup = house.json(&["backup", house.path("copy").to_str().unwrap()]);
        let after = visible(&house.ledger());
        sending.join().unwrap();
        (before, backup, after)
    });
    assert_eq!(backup["has_master_key"], false, "{backup}");
    assert!(!house.path("copy/master.key").exists());
    assert_eq!(visible(&house.ledger()), 3000);
    drop(server);

    let restored = house.json_on(
        "elsewhere",
        &["restore", house.path("copy").to_str().unwrap()],
    );
    assert_eq!(restored["journal_files"], backup["journal_files"]);
    // The region that its ARNs name goes with it.
    assert!(house.path("elsewhere/region").exists());
    std::fs::copy(
        house.path("data/master.key"),
        house.path("elsewhere/master.key"),
    )
    .unwrap();
    let _server = house.serve_on("elsewhere");
    let ledger = house.ledger_on("elsewhere");
    let count = visible(&ledger);
    assert!(
        (before..=after).contains(&count),
        "{before} <= {count} <= {after}"
    );
    assert_eq!(ledger["balanced"], true, "{ledger}");
}

#[test]
fn results_and_keys_come_back() {
    let house = House::new("");
    let (_sink, sink) = house.sink();
    house.settle(
        "[routes.r]\nqueue = \"q\"\n[scaler]\ninterval = \"1s\"\nnotifiers_min = 1\n\
         [destinations.\"127.0.0.1\"]\nallow_cidrs = [\"127.0.0.1/32\"]\n",
    );
    // Directories that somebody made are open to all; what is put into them is not.
    for name in ["data", "copy", "elsewhere"] {
        std::fs::create_dir(house.path(name)).unwrap();
    }
    let server = house.serve();
    house.send("q", (0..300).map(|number| format!("{sink}/ok?n={number}")));
    let delivered = |ledger: &Value| queue_of(ledger, "q").0["delivered"].clone();
    house.until("all is delivered", || delivered(&house.ledger()) == 300);
    let copy = house.path("copy");
    let backup = house.json(&["backup", copy.to_str().unwrap(), "--with-master-key"]);
    assert_eq!(backup["has_master_key"], true);
    assert_eq!(server.stop(), Some(0));
    house.json_on("elsewhere", &["restore", copy.to_str().unwrap()]);
    let env = |data: &str| house.json_on(data, &["env"])["AWS_SECRET_ACCESS_KEY"].clone();
    assert_eq!(env("elsewhere"), env("data"), "the same administrator");
    let answers = || {
        let ledger = house.ledger_on("elsewhere");
        assert_eq!(
            (delivered(&ledger), &ledger["balanced"]),
            (300.into(), &true.into()),
            "{ledger}"
        );
        let why = house.json_on("elsewhere", &["why", &format!("{sink}/ok?n=7")]);
        assert!(why.to_string().contains("delivered"), "{why}");
    };
    answers();
    let _server = house.serve_on("elsewhere");
    answers();
    for name in ["data", "copy", "elsewhere"] {
        assert!(open_to_others(&house.path(name)).is_empty());
    }
}

/// What lies in `folder` and more than its owner may read or write.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.metadata().unwrap().permissions().mode() & 0o077 != 0 {
            found.push(entry.path());
        }
        if entry.path().is_dir() {
            found.extend(open_to_others(&entry.path()));
        }
    }
    found
}

#[test]
fn without_a_server_the_directory_itself_is_copied() {
    let house = House::new(SETTINGS);
    let server = house.serve();
    house.send("q", (0..200).map(line));
    assert_eq!(server.stop(), Some(0));
    let backup = house.json(&[
        "backup",
        house.path("copy").to_str().unwrap(),
        "--with-master-key",
    ]);
    assert_eq!(backup["has_master_key"], true);
    house.json_on(
        "elsewhere",
        &["restore", house.path("copy").to_str().unwrap()],
    );
    let _server = house.serve_on("elsewhere");
    assert_eq!(visible(&house.ledger_on("elsewhere")), 200);
}

#[test]
fn a_copy_that_failed_leaves_nothing_and_can_be_made_again() {
    let house = House::new(SETTINGS);
    let server = house.serve();
    house.send("q", (0..200).map(line));
    assert_eq!(server.stop(), Some(0));
    let copy = house.path("copy");
    let copy = copy.to_str().unwrap();
    house.json(&["backup", copy]);
    for data in ["copy", "data"] {
        // What is copied last cannot be: it is no file.
        let (keys, aside) = (house.path(data).join("iam.log"), house.path("aside"));
        std::fs::rename(&keys, &aside).unwrap();
        std::fs::create_dir(&keys).unwrap();
        let make = |to: &str| match data {
            "copy" => house.command_on(to, &["restore", copy]),
            _ => house.command(&["backup", house.path(to).to_str().unwrap()]),
        };
        std::fs::create_dir(house.path("empty")).unwrap();
        for to in ["new", "empty"] {
            let refused = make(to).stderr(Stdio::null()).status().unwrap();
            assert_eq!(refused.code(), Some(1));
        }
        assert!(!house.path("new").exists());
        std::fs::remove_dir(&keys).unwrap();
        std::fs::rename(&aside, &keys).unwrap();
        assert!(make("new").status().unwrap().success());
        assert!(make("empty").status().unwrap().success());
        for made in ["new", "empty"] {
            std::fs::remove_dir_all(house.path(made)).unwrap();
        }
    }
}

#[test]
fn what_is_damaged_is_named_copied_with_the_rest_and_not_restored_as_whole() {
    let house = House::new(SETTINGS);
    let server = house.serve();
    house.send("q", (0..200).map(line));
    let journal = std::fs::read_dir(house.path("data/journal")).unwrap();
    let mut files = journal.map(|entry| entry.unwrap().path());
    let segment = files.find(|path| path.extension().is_some_and(|kind| kind == "seg"));
    let file = std::fs::File::options().write(true).open(segment.unwrap());
    file.unwrap().write_at(b"damaged!", 4096).unwrap();
    let running = house.path("running");
    let running = running.to_str().unwrap();
    let backup = |to: &str| {
        let output = house.run(&["backup", to, "--with-master-key", "--output", "json"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains(&format!("check-data --quarantine --data {to}")),
            "{said}"
        );
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["damage"][0]["kind"], "records", "{report}");
    };
    backup(running);
    assert_eq!(server.stop(), Some(0));
    backup(house.path("at-rest").to_str().unwrap());

    let restore = |to| house.command_on(to, &["restore", running]);
    let refused = restore("new").stderr(Stdio::piped()).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("the backup is damaged"), "{said}");
    house.json_on("running", &["check-data", "--quarantine"]);
    assert!(restore("new").status().unwrap().success());
    let _server = house.serve_on("new");
    assert!(visible(&house.ledger_on("new")) > 0);
}

#[test]
fn what_is_not_empty_is_left_alone() {
    let house = House::new(SETTINGS);
    let server = house.serve();
    std::fs::create_dir(house.path("copy")).unwrap();
    std::fs::write(house.path("copy/mine"), "mine").unwrap();
    for arguments in [
        ["backup", "copy"],
        ["restore", "copy"],
        ["backup", "data/in"],
    ] {
        let output = house
            .command(&arguments)
            .current_dir(house.path(""))
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!said.contains("ServiceUnavailable"), "{said}");
    }
    assert_eq!(server.stop(), Some(0));
    assert!(!house.path("data/in").exists());
    let entries = Command::new("ls").arg(house.path("copy")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&entries.stdout), "mine\n");
}
