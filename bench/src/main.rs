//! Measures the built server from outside and prints ratios taken in one run.
//!
//! `cargo run --release -p shukuba-bench -- [--quick] [FIGURE…]`; without names, every figure in order.
//! The server is the binary that `SHUKUBA_BIN` names, started on a directory of its own below `BENCH_DIR`
//! (default: the temporary directory). These machines are noisy and shared: every rate is printed beside a
//! floor that was measured in the same run, and no figure passes or fails.
//!
//! - [`figure`]: one file per figure of `docs/benchmarks.md`
//! - [`burst`]: the main job once, from the first send to the last stored result
//! - [`load`]: connections that send signed requests as fast as they are answered
//! - [`sign`]: signs with an implementation that is not ours
//! - [`server`], [`sink`], [`wrk`]: the processes that take part; [`process`]: what the kernel says of them
//! - [`receivers`]: receivers within this process that note when requests come
//! - [`disk`]: what the disk itself can do; [`pace`]: ticks; [`spread`]: what many turns say together

use std::process::ExitCode;

mod burst;
mod disk;
mod figure;
mod http;
mod load;
mod pace;
mod process;
mod queue;
mod receivers;
mod server;
mod sign;
mod sink;
mod spread;
mod wrk;

/// How much work a figure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// Seconds: shows that the benchmark works.
    Quick,
    /// As recorded in `docs/benchmarks.md`.
    Full,
}

impl Size {
    /// `full`, or a twentieth of it for a quick run.
    pub(crate) fn of(self, full: u64) -> u64 {
        match self {
            Self::Quick => full / 20,
            Self::Full => full,
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let size = if arguments.iter().any(|argument| argument == "--quick") {
        Size::Quick
    } else {
        Size::Full
    };
    let names: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|name| !name.starts_with("--"))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(figure::run(&names, size)))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
