//! The private link with real packets: hosts, gateways, a NAT and the network between them, in namespaces that are made for it.
//!
//! The binary runs itself again in namespaces of its own (`unshare`), as an ordinary user too where the system allows that; nothing of
//! the machine is touched. Where something is missing it says what and that it was skipped; with `NETNS_REQUIRED=1`
//! that is a failure. `cargo test -p shukuba-link --test netns -- NAME…` runs those checks whose names contain one of NAME.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod need;
#[cfg(test)]
mod node;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod role;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("role") => role::play(arguments.get(1..).unwrap_or_default()),
        Some("inside") => cases::run(arguments.get(1..).unwrap_or_default()),
        // As the standard harness is asked by tools that list tests.
        Some("--list") => ExitCode::SUCCESS,
        _ => need::enter(&arguments),
    }
}
