//! `shukuba key create | list | on | off | delete` and `shukuba root-password set`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use iam::engine::key::Status;
use iam::{Iam, NewKey};

use crate::app::{self, App};
use crate::keys::{self, Role};
use crate::output::Format;
use crate::{account, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key and show its secret, this once
    Create {
        /// Whose key it is: 1 to 64 of a-z, A-Z, 0-9 and +=,.@_-
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What it may do: administrator, sender, notifier or reader
        #[arg(long, value_name = "ROLE")]
        role: String,
        /// Write the key with its secret to this new file (mode 0600) instead of showing the secret; a secret is printed to
        /// a terminal only
        #[arg(long, value_name = "PATH")]
        secret_file: Option<PathBuf>,
    },
    /// List the keys, without their secrets
    List,
    /// Take a key's signatures again
    On(Which),
    /// Take a key's signatures no longer
    Off(Which),
    /// Remove a key for ever
    Delete(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Which one, such as AKIA0123456789ABCDEF: the first column of `shukuba key list`
    key_id: String,
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
    let server = app.server();
    let iam = account::open_kept(&app.data_dir(), &server)?;
    match args.what {
        What::Create {
            name,
            role,
            secret_file,
        } => {
            let role: Role = role.parse()?;
            create(app, &iam, &name, role, secret_file.as_deref())?;
            output::complain(RESTART);
        }
        What::List => list(app, &iam),
        What::On(key) => keys::set_status(&iam, &key.key_id, Status::Active)?,
        What::Off(key) => keys::set_status(&iam, &key.key_id, Status::Inactive)?,
        What::Delete(key) => keys::remove(&iam, &key.key_id)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn create(
    app: &App,
    iam: &Iam,
    name: &str,
    role: Role,
    secret_file: Option<&Path>,
) -> anyhow::Result<()> {
    if secret_file.is_none() && !output::is_terminal() {
        return Err(app::usage(
            "a secret is printed to a terminal only: give --secret-file PATH, a file that is made for its owner alone",
        ));
    }
    let Some(path) = secret_file else {
        let key = keys::create(iam, name, role)?;
        let (whole, lines) = forms(&key, role);
        output::show(app.output(), &whole, |_| lines);
        return Ok(());
    };
    // Before the key: what cannot be handed over is not made.
    let file = new_file(path)?;
    let made = make_into(file, path, app.output(), iam, name, role);
    if made.is_err()
        && let Err(error) = std::fs::remove_file(path)
    {
        output::complain(&format!("warning: `{}` is left: {error}", path.display()));
    }
    let id = made?;
    let shown = serde_json::json!({ "AccessKeyId": id, "Role": role.to_string() });
    output::show(app.output(), &shown, |_| {
        format!("export AWS_ACCESS_KEY_ID={id}")
    });
    Ok(())
}

/// Makes a key and writes it into `file`; gives its id. A key that cannot be written is not left.
fn make_into(
    mut file: File,
    path: &Path,
    format: Format,
    iam: &Iam,
    name: &str,
    role: Role,
) -> anyhow::Result<String> {
    let key = keys::create(iam, name, role)?;
    let (whole, lines) = forms(&key, role);
    let text = match format {
        Format::Json => output::json(&whole),
        _ => lines,
    };
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    if written.is_err() {
        keys::remove(iam, &key.key.id)?;
    }
    written.with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(key.key.id)
}

/// A key with its secret as JSON and as lines for a shell.
fn forms(key: &NewKey, role: Role) -> (serde_json::Value, String) {
    let (id, secret) = (&key.key.id, key.secret.expose());
    let whole = serde_json::json!({
        "AccessKeyId": id, "SecretAccessKey": secret, "Role": role.to_string(),
    });
    let lines = format!("export AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={secret}");
    (whole, lines)
}

fn new_file(path: &Path) -> anyhow::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(|error| {
        app::usage(format!(
            "--secret-file: cannot make `{}`: {error}",
            path.display()
        ))
    })
}

fn list(app: &App, iam: &Iam) {
    let list = keys::list(iam);
    let objects: Vec<_> = list
        .iter()
        .map(|key| {
            serde_json::json!({
                "AccessKeyId": key.id, "UserName": key.user, "Role": key.role.map(Role::as_str),
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
                key.user.clone(),
                key.role.map_or("-", Role::as_str).to_owned(),
                status.to_owned(),
                key.created.clone(),
            ]
        });
        output::table(&["key", "user", "role", "status", "created"], rows)
    });
}

pub(super) fn password(app: &App, args: PasswordArgs) -> anyhow::Result<ExitCode> {
    let PasswordWhat::Set = args.what;
    let iam = account::open_kept(&app.data_dir(), &app.server())?;
    super::root::set_password(&iam)?;
    Ok(ExitCode::SUCCESS)
}
