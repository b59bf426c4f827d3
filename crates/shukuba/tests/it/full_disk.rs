//! A real file system that fills and frees under a server: sends are refused, settles go on, and it resumes alone.
//!
//! The journal lies on a tmpfs of 16 MiB in a mount namespace of the server's own. Where that is not permitted, the test says
//! what is missing and checks nothing.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::house::{House, Process, queue_of};

const SETTINGS: &str = "\
[store]
segment_bytes = \"1MiB\"
reserve_bytes = \"1MiB\"
[routes.r]
queue = \"q\"
[routes.big]
queue = \"big\"
notifier = false
[scaler]
interval = \"1s\"
[destinations.\"*\"]
allow_cidrs = [\"127.0.0.0/8\"]
";

/// Puts a file system of `size` over the folder `$0`, with what is in it, and becomes the rest of the command.
const ON_TMPFS: &str = "\
cp -a \"$0\" \"$0.copy\" && mount -t tmpfs -o size=16m,mode=700 none \"$0\" && cp -a \"$0.copy/.\" \"$0\" && exec \"$@\"";

/// How a mount namespace is made here; `Err` with what every way says.
fn namespace(house: &House) -> Result<&'static str, String> {
    let mut refused = String::new();
    let place = house.path("probe");
    std::fs::create_dir(&place).unwrap();
    for how in ["-Urm", "-m"] {
        let mut probe = Command::new("unshare");
        probe.args([how, "mount", "-t", "tmpfs", "-o", "size=1m", "none"]);
        match probe.arg(&place).output() {
            Ok(output) if output.status.success() => return Ok(how),
            Ok(output) => refused.push_str(&String::from_utf8_lossy(&output.stderr)),
            Err(error) => refused.push_str(&format!("unshare: {error}\n")),
        }
    }
    Err(refused)
}

/// A server whose journal is on the small disk, and where the disk is seen from outside.
fn serve(house: &House, how: &str) -> (Process, PathBuf) {
    let plain = house.command(&["serve", "--listen", "127.0.0.1:0"]);
    let journal = house.path("data/journal");
    let mut command = Command::new("unshare");
    command.args([how, "sh", "-c", ON_TMPFS]).arg(&journal);
    command.arg(plain.get_program()).args(plain.get_args());
    command.env_clear().stdin(Stdio::null());
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let server = house.serve_by(command);
    let seen = format!("/proc/{}/root{}", server.0.id(), journal.display());
    (server, PathBuf::from(seen))
}

/// Writes until nothing more goes in.
fn fill(disk: &std::path::Path) -> PathBuf {
    let filler = disk.join("filler");
    let mut file = File::create(&filler).unwrap();
    let block = [0x55; 64 << 10];
    while file.write_all(&block).is_ok() {}
    filler
}

fn room(house: &House) -> String {
    house.json(&["status"])["disk"]["room"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A house on whose small disk a server can run, and how; `None`, and why, where that is not permitted.
#[expect(clippy::print_stderr, reason = "it says that nothing is checked")]
fn house_with_namespace() -> Option<(House, &'static str)> {
    let house = House::new(SETTINGS);
    match namespace(&house) {
        Ok(how) => Some((house, how)),
        Err(refused) => {
            eprintln!(
                "SKIPPED: no file system of a size can be mounted here (root or user namespaces are needed):\n{refused}"
            );
            None
        }
    }
}

fn delivered(house: &House) -> u64 {
    let (book, _) = queue_of(&house.ledger(), "q");
    book["delivered"].as_u64().unwrap()
}

/// Far more than the reserve has room for waits; what was sent of it has its result, and the rest is sent later, once.
#[test]
fn nothing_is_sent_whose_result_has_no_room() {
    const LINES: u64 = 6000;
    let Some((house, how)) = house_with_namespace() else {
        return;
    };
    let (_sink, url) = house.sink();
    assert_eq!(house.serve().stop(), Some(0));
    let (server, disk) = serve(&house, how);
    house.json(&["pause", "route", "r"]);
    house.send("q", (0..LINES).map(|n| format!("{url}/ok?n={n}")));
    let filler = fill(&disk);
    let big = house.sending(
        "big",
        (0..40).map(|n| format!("http://a.example/{n}/{}", "x".repeat(100_000))),
    );
    house.until("the disk is full", || room(&house) == "reserve");

    house.json(&["resume", "route", "r"]);
    let sent = || house.seen().values().sum::<u64>();
    let mut before = 0;
    house.until("it stops, and all that was sent has a result", || {
        let now = sent();
        let has_stopped = now > 0 && now == std::mem::replace(&mut before, now);
        has_stopped && delivered(&house) == now
    });
    assert!(before < LINES, "the reserve took all of it");

    std::fs::remove_file(filler).unwrap();
    assert_eq!(big.wait(), Some(0));
    house.until("the rest is sent", || delivered(&house) == LINES);
    assert_eq!((house.seen().len() as u64, sent()), (LINES, LINES));
    assert_eq!(house.ledger()["balanced"], true);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn sends_are_refused_settles_go_on_and_it_resumes_alone() {
    let Some((house, how)) = house_with_namespace() else {
        return;
    };
    let (_sink, url) = house.sink();
    assert_eq!(house.serve().stop(), Some(0));
    let (server, disk) = serve(&house, how);
    house.json(&["pause", "route", "r"]);
    house.send("q", (0..100).map(|n| format!("{url}/ok?n={n}")));
    let filler = fill(&disk);

    // What is left of the segments takes some of these, until sends are refused.
    let big = house.sending(
        "big",
        (0..40).map(|n| format!("http://a.example/{n}/{}", "x".repeat(100_000))),
    );
    house.until("the disk is full", || room(&house) == "reserve");
    let accepted = |queue: &str| {
        queue_of(&house.ledger(), queue).0["accepted"]
            .as_i64()
            .unwrap()
    };
    assert!(accepted("big") < 40, "the disk took all of it");
    let late = house.sending("q", (100..110).map(|n| format!("{url}/ok?n={n}")));

    // What is there is sent, and its results are stored.
    house.json(&["resume", "route", "r"]);
    house.until("settles go on", || delivered(&house) >= 100);
    // A segment that goes may give back room for a moment: what is accepted is looked at while there is none.
    house.until("nothing is accepted meanwhile", || {
        let looked = || (room(&house), accepted("big"), accepted("q"));
        let before = looked();
        before.0 == "reserve" && looked() == before
    });
    assert!(accepted("big") < 40, "sends went on");

    std::fs::remove_file(filler).unwrap();
    assert_eq!(
        (big.wait(), late.wait()),
        (Some(0), Some(0)),
        "what was refused is accepted by itself"
    );
    house.until("the rest is sent", || delivered(&house) == 110);
    house.until("there is room", || room(&house) == "normal");
    let ledger = house.ledger();
    assert_eq!(
        (&ledger["balanced"], accepted("big")),
        (&true.into(), 40),
        "{ledger}"
    );
    assert_eq!(house.seen().len(), 110);
    assert_eq!(server.stop(), Some(0));
}
