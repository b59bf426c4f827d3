//! The subcommands: a file each; here its `mod`, its variant of [`Command`] and its arm in [`Command::run`].

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::{self, App, Global};
use crate::output::Format;

mod access;
mod alarm;
mod api;
mod audit;
mod backup;
mod check;
mod check_data;
mod config;
mod cost;
mod dashboard;
mod dead;
pub(crate) mod env;
mod function;
mod host;
mod import;
mod key;
mod ledger;
mod link;
mod notice;
mod notifier;
mod operator;
mod pause;
mod postbacks;
mod preset;
mod rehearse;
mod replay;
mod results;
mod root;
mod route;
mod scaler;
mod secret;
mod send;
mod serve;
mod ship;
mod simulate;
mod sink;
mod statement;
mod status;
mod torture;
mod verify_aws;
mod version;
mod why;

const AFTER: &str = "\
First steps:
  shukuba serve                                    keep serving on 127.0.0.1:5310
  eval \"$(shukuba env)\"                            point aws-cli and SDKs at it
  echo 'https://example.com/?a=1' | shukuba send --queue s2s
  shukuba status; shukuba ledger; shukuba why URL

Exit codes: 0 done; 1 failed, or found what somebody must look at (not balanced, damaged, nothing found);
2 the arguments or the settings are wrong.
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

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Args),
    Env(env::Args),
    Ship(ship::Args),
    Send(send::Args),
    Notifier(notifier::Args),
    Agent(agent::command::Args),
    Sink(sink::Args),
    Status(status::Args),
    Ledger(ledger::Args),
    /// Link hosts outside to private networks
    Link(link::Args),
    Statement(statement::Args),
    Why(why::Args),
    Replay(replay::Args),
    /// List, show, send again or drop what was given up
    Dead(dead::Args),
    /// Let a route or a destination rest: what is accepted waits; survives restarts
    Pause(pause::Args),
    /// Let it go on
    Resume(pause::Args),
    /// Show what the scaler did and why
    Scaler(scaler::Args),
    Simulate(simulate::Args),
    Cost(cost::Args),
    Rehearse(rehearse::Args),
    VerifyAws(verify_aws::Args),
    /// Try a line on a route without sending it
    Route(route::Args),
    /// List, remove or compact stored results
    Results(results::Args),
    /// Set alarms by the Name of instances, list, test and mute them; here and on AWS
    Alarm(alarm::Args),
    /// Get, compare, apply, generate and draw dashboards; here and on AWS
    Dashboard(dashboard::Args),
    /// Read what functions print; here and on AWS
    Function(function::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    CheckData(check_data::Args),
    /// Check the settings or print their reference
    Config(config::Args),
    /// List and show the rules that receivers document of themselves
    Preset(preset::Args),
    /// Print what the operations of a service take and answer
    Api(api::Args),
    /// Run, list and look into the checks of hosts
    Check(check::Args),
    /// List hosts, and let new ones join
    Host(host::Args),
    /// What people are told of: problems, acknowledgements, silences
    Notice(notice::Args),
    /// Who may do what: the end state of a new account, people who come and go, and reports
    Access(access::Args),
    /// Make, list and remove keys
    Key(key::Args),
    /// Search the trail of calls, or verify that nothing of it was changed
    Audit(audit::Args),
    /// Seal, list and remove the secrets that the settings name
    Secret(secret::Args),
    Import(import::Args),
    /// Set the password of the account's root, look at it, lock it
    Root(root::Args),
    /// Set the root password, as `shukuba root password` does
    #[command(hide = true)]
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
            Self::Serve(_) | Self::Notifier(_) | Self::Agent(_) => "info",
            Self::Link(args) if args.serves() => "info",
            _ => "warn",
        }
    }

    /// Does it.
    pub(crate) fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        if matches!(app.output(), Format::Csv | Format::Html) && !matches!(self, Self::Statement(_))
        {
            return Err(app::usage(
                "--output csv and html are for `shukuba statement`; give table or json",
            ));
        }
        match self {
            Self::Serve(args) => serve::run(app, &args),
            Self::Env(args) => env::run(app, args),
            Self::Import(args) => import::run(app, &args),
            Self::Ship(args) => ship::run(app, args),
            Self::Send(args) => send::run(app, args),
            Self::Notifier(args) => notifier::run(app, args),
            Self::Agent(args) => agent::command::run(args),
            Self::Api(args) => api::run(app, args),
            Self::Access(args) => access::run(app, args),
            Self::Check(args) => check::run(app, args),
            Self::Host(args) => host::run(app, args),
            Self::Notice(args) => notice::run(app, args),
            Self::Key(args) => key::run(app, args),
            Self::Audit(args) => audit::run(app, args),
            Self::Secret(args) => secret::run(app, args),
            Self::Root(args) => root::run(app, args),
            Self::RootPassword(args) => key::password(app, args),
            Self::Preset(args) => preset::run(app, args),
            Self::Config(args) => config::run(app, args),
            Self::Torture(args) => torture::run(app, &args),
            Self::Status(args) => status::run(app, &args),
            Self::Ledger(args) => ledger::run(app, &args),
            Self::Link(args) => link::run(app, args),
            Self::Statement(args) => statement::run(app, &args),
            Self::Why(args) => why::run(app, &args),
            Self::Replay(args) => replay::run(app, &args),
            Self::Dead(args) => dead::run(app, args),
            Self::Pause(args) => pause::run(app, args, "pause"),
            Self::Resume(args) => pause::run(app, args, "resume"),
            Self::Scaler(args) => scaler::run(app, args),
            Self::Simulate(args) => simulate::run(app, args),
            Self::Cost(args) => cost::run(app, &args),
            Self::Rehearse(args) => rehearse::run(app, &args),
            Self::VerifyAws(args) => verify_aws::run(app, args),
            Self::Route(args) => route::run(app, args),
            Self::Results(args) => results::run(app, args),
            Self::Alarm(args) => alarm::run(app, args),
            Self::Dashboard(args) => dashboard::run(app, args),
            Self::Function(args) => function::run(app, args),
            Self::Backup(args) => backup::backup(app, &args),
            Self::Restore(args) => backup::restore(app, &args),
            Self::CheckData(args) => check_data::run(app, &args),
            Self::Sink(args) => sink::run(app, args),
            Self::Postbacks(args) => postbacks::run(&args),
            Self::Version => version::run(app),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_says_what_it_is() {
        check_help(&super::Cli::command(), "");
    }

    #[test]
    fn what_works_on_tells_what_it_does() {
        let level = |line: &str| super::Cli::parse_from(line.split(' ')).command.log_level();
        assert_eq!(level("shukuba serve"), "info");
        let gateway = "shukuba link gateway --vpc v --reached-at g.example:51820";
        assert_eq!(level(gateway), "info");
        assert_eq!(level("shukuba link status"), "warn");
    }

    fn check_help(command: &clap::Command, above: &str) {
        let path = format!("{above} {}", command.get_name());
        for argument in command.get_arguments() {
            let is_shown = !argument.is_hide_set();
            let has_help = argument.get_help().is_some();
            assert!(has_help || !is_shown, "{path}: {}", argument.get_id());
        }
        for below in command.get_subcommands() {
            assert!(below.get_about().is_some(), "{path} {}", below.get_name());
            check_help(below, &path);
        }
    }
}
