//! `shukuba host`: the hosts that are known, and tokens by which new ones join.

use std::process::ExitCode;

use base::setting::Span;
use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{At, list, text};
use crate::app::App;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List hosts by Name
    List {
        #[command(flatten)]
        at: At,
        /// Only those whose Name is like this, with * and ?
        name: Option<String>,
    },
    /// Make a token by which a host joins: shukuba agent --join URL --token TOKEN
    Token {
        #[command(flatten)]
        at: At,
        /// Only for this instance, which RunInstances made
        #[arg(long, value_name = "ID")]
        instance: Option<String>,
        /// Hosts that join by it are inside a private network: in this subnet
        #[arg(long, value_name = "ID", conflicts_with = "instance")]
        subnet: Option<String>,
        /// How long it may be used
        #[arg(long = "for", value_name = "SPAN", default_value = "1h")]
        lasts: Span,
    },
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::List { at, name } => {
            at.show(app, "host-list", &json!({ "name": name }), table)?;
        }
        What::Token {
            at,
            instance,
            subnet,
            lasts,
        } => {
            let input = json!({ "instance": instance, "subnet": subnet, "for": lasts });
            at.show(app, "host-token", &input, |answer| text(answer, "token"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(answer: &Value) -> String {
    let hosts = list(answer, "hosts").iter().map(|host| {
        let silent = text(host, "silent_since");
        let state = match silent.is_empty() {
            true => text(host, "state"),
            false => format!("unreachable since {silent}"),
        };
        let role = host.get("tags").map(|tags| text(tags, "Role"));
        [
            text(host, "name"),
            text(host, "id"),
            state,
            role.unwrap_or_default(),
            text(host, "heard"),
        ]
    });
    output::table(&["name", "id", "state", "role", "heard"], hosts)
}
