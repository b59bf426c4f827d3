//! `shukuba serve`.

use std::net::SocketAddr;
use std::process::ExitCode;

use crate::app::App;
use crate::serve;

/// Keep serving: the SQS wire, notifiers, scaler, results and the operator's API.
///
/// SIGHUP reads the settings again; SIGTERM ends it after what is under way. Everything lies in the data directory.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:5310]
    #[arg(
        long,
        env = "SHUKUBA_LISTEN",
        value_name = "ADDR:PORT",
        hide_env_values = true
    )]
    listen: Option<SocketAddr>,

    /// Offer plain HTTP beyond loopback: somebody else encrypts, or nobody listens
    #[arg(long)]
    insecure_http: bool,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    serve::run(
        app,
        serve::Over {
            listen: args.listen,
            insecure_http: args.insecure_http,
        },
    )?;
    Ok(ExitCode::SUCCESS)
}
