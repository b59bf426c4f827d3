//! What the checks need of the system, and the way into namespaces of their own.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Under it, to be skipped is to fail.
const REQUIRED: &str = "NETNS_REQUIRED";

/// Runs this binary again in namespaces of its own; says what is missing if it cannot.
pub(crate) fn enter(arguments: &[String]) -> ExitCode {
    let missing = missing();
    let Some(way) = way() else {
        let what = "user namespaces, or CAP_SYS_ADMIN and CAP_NET_ADMIN";
        return skip(&[missing, vec![what.to_owned()]].concat());
    };
    if !missing.is_empty() {
        return skip(&missing);
    }
    let own = std::env::current_exe().unwrap();
    let names = arguments.iter().filter(|name| !name.starts_with('-'));
    let mut command = Command::new("unshare");
    command
        .args(way)
        .arg("--")
        .arg(own)
        .arg("inside")
        .args(names);
    let error = command.exec();
    panic!("unshare: {error}");
}

fn skip(missing: &[String]) -> ExitCode {
    println!("missing: {}; skipped", missing.join("; "));
    match is_required() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

/// Whether to be skipped is to fail.
pub(crate) fn is_required() -> bool {
    std::env::var_os(REQUIRED).is_some()
}

fn missing() -> Vec<String> {
    let programs = [
        ("ip", "the program `ip` (iproute2)"),
        ("nft", "the program `nft` (nftables)"),
        ("ping", "the program `ping` (iputils-ping)"),
    ];
    let programs = programs.into_iter().filter(|(name, _)| !has(name));
    let mut missing: Vec<_> = programs.map(|(_, what)| what.to_owned()).collect();
    if std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .is_err()
    {
        missing.push("/dev/net/tun, for reading and writing".to_owned());
    }
    missing
}

/// Where `scripts/boringtun.sh` puts its program.
const BORINGTUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.cache/boringtun/bin/");

/// Whether a program is there.
pub(crate) fn has(program: &str) -> bool {
    find(program).is_some()
}

/// Where a program is. Those of the system may be outside an ordinary user's path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin", BORINGTUN]);
    let mut found = folders.map(|folder| Path::new(folder).join(program));
    found.find(|program| program.exists())
}

/// How to unshare: as whoever we are in a user namespace; where there are none, as root without one.
fn way() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["-Urnm"], &["-nm"]];
    ways.into_iter().find(|way| {
        let mut command = Command::new("unshare");
        command.args(*way).args(["--", "true"]);
        command.stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}
