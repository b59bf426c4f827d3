//! Checks and generators for the developers: `cargo xtask tidy`.
//!
//! - [`tidy`]: what the compiler cannot see: floors, tables, engines without the wire
//! - [`source`]: reads the tree's files once, for the checks

use std::path::PathBuf;
use std::process::ExitCode;

mod source;
mod tidy;

fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    match command.as_deref() {
        Some("tidy") => report(tidy::run(&root())),
        _ => {
            eprintln!("usage: cargo xtask tidy");
            ExitCode::from(2)
        }
    }
}

/// The workspace's root: two folders above this crate.
fn root() -> PathBuf {
    // As `cargo run` says now: the one that it was built in may be another clone, where they share a target directory.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

fn report(outcome: anyhow::Result<Vec<String>>) -> ExitCode {
    match outcome {
        Ok(faults) if faults.is_empty() => {
            println!("tidy: nothing to say");
            ExitCode::SUCCESS
        }
        Ok(faults) => {
            for fault in &faults {
                eprintln!("tidy: {fault}");
            }
            eprintln!("tidy: {} faults", faults.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy: {error:#}");
            ExitCode::FAILURE
        }
    }
}
