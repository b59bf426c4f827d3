//! `shukuba key create | list | on | off | delete` and `shukuba root-password set`.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use anyhow::Context;
use api::Role;
use clap::Subcommand;
use gateway::keys::Status;

use crate::app::{self, App};
use crate::{data, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key and print its secret, this once
    Create {
        /// Whose key it is: 1 to 64 of a-z, A-Z, 0-9 and +=,.@_-
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What it may do: administrator, sender, notifier or reader
        #[arg(long, value_name = "ROLE")]
        role: String,
    },
    /// List the keys, without their secrets
    List,
    /// Take a key's signatures again
    On { key_id: String },
    /// Take a key's signatures no longer
    Off { key_id: String },
    /// Remove a key for ever
    Delete { key_id: String },
}

#[derive(Debug, clap::Args)]
pub(crate) struct PasswordArgs {
    #[command(subcommand)]
    what: PasswordWhat,
}

#[derive(Debug, Subcommand)]
enum PasswordWhat {
    /// Set the root password, for signing in to the console; read from standard input
    Set,
}

const RESTART: &str = "a running server takes the change within a second";

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let server = app.config()?.config.server;
    let keys = data::open_keys(&app.data_dir(), &server)?;
    match args.what {
        What::Create { name, role } => {
            let role: Role = role.parse().map_err(|_| {
                app::usage(format!(
                    "--role `{role}` is none of administrator, sender, notifier, reader"
                ))
            })?;
            let key = keys.create(&name, role)?;
            let object = serde_json::json!({ "AccessKeyId": key.key_id, "SecretAccessKey": key.secret.expose(), "Role": role.to_string() });
            output::show(app.output(), &object, |_| {
                format!(
                    "export AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY={}",
                    key.key_id,
                    key.secret.expose()
                )
            });
            output::complain(RESTART);
        }
        What::List => list(app, &keys),
        What::On { key_id } => keys.set_status(&key_id, Status::Active)?,
        What::Off { key_id } => keys.set_status(&key_id, Status::Inactive)?,
        What::Delete { key_id } => keys.remove(&key_id)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(app: &App, keys: &gateway::KeyStore) {
    let list = keys.list();
    let objects: Vec<_> = list
        .iter()
        .map(|key| {
            serde_json::json!({
                "AccessKeyId": key.id, "UserName": key.name, "Role": key.role.to_string(),
                "Active": key.status == Status::Active, "CreateDate": key.created,
            })
        })
        .collect();
    output::show(app.output(), &objects, |_| {
        let rows = list.iter().map(|key| {
            let status = if key.status == Status::Active {
                "on"
            } else {
                "off"
            };
            [
                key.id.clone(),
                key.name.clone(),
                key.role.to_string(),
                status.to_owned(),
                key.created.clone(),
            ]
        });
        output::table(&["key", "user", "role", "status", "created"], rows)
    });
}

pub(super) fn password(app: &App, args: PasswordArgs) -> anyhow::Result<ExitCode> {
    let PasswordWhat::Set = args.what;
    if std::io::stdin().is_terminal() {
        output::complain(
            "type the new root password and press Enter (it is shown as you type; or use a pipe):",
        );
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password")?;
    let server = app.config()?.config.server;
    let keys = data::open_keys(&app.data_dir(), &server)?;
    keys.set_root_password(line.trim_end_matches(['\n', '\r']))?;
    output::complain("the root password is set");
    Ok(ExitCode::SUCCESS)
}
