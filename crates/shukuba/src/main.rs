//! The command line of Shukuba: reads the arguments, runs one command, gives its exit code.
//!
//! Exit codes: 0 done; 1 failed, or found what somebody must look at; 2 the arguments or the settings are wrong, with what
//! they name: a directory that is none, a route that the settings do not have.
//!
//! Where Lambda starts it, it has no arguments and is a function instead, see [`function`].

use std::process::ExitCode;

use clap::Parser;

mod access;
mod account;
mod alarms;
mod answers;
mod app;
mod archive;
mod boards;
mod check;
mod cli;
mod client;
mod config;
mod cost;
mod data;
mod function;
mod import;
mod keep;
mod keys;
mod links;
mod lone;
mod notices;
mod output;
mod place;
mod postbacks;
mod progress;
mod prompt;
mod route_test;
mod secrets;
mod serve;
mod ship;
mod signal;
mod sink;
mod statement;
mod torture;
mod verify;

/// Messages are made on one thread and dropped on another, many times a message: measured, the C library's allocator
/// took a fifth of a notifier's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Bodies, results and keys are for the owner alone, wherever they are put: files 0600, folders 0700.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    if let Some(api) = function::called() {
        return function::run(&api);
    }
    let cli = cli::Cli::parse();
    let app = app::App::new(cli.global);
    app::start_log(cli.command.log_level());
    match cli.command.run(&app) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&format!("error: {error:#}"));
            ExitCode::from(app::exit_code_of(&error))
        }
    }
}
