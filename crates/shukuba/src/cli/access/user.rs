//! `shukuba access user add`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::access::credentials::{self, Credentials};
use crate::access::people::{self, Key, Newcomer};
use crate::access::place::{Place, Where};
use crate::app::{self, App};
use crate::output;

/// Add people
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a user in its groups, with a made-up password that must be changed at the first sign-in
    Add(Add),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The user's name: 1 to 64 of a-z, A-Z, 0-9 and +=,.@_-
    name: String,
    /// A group to put it into; may be given more than once
    #[arg(long = "group", value_name = "NAME", required = true)]
    groups: Vec<String>,
    /// Make an access key too
    #[arg(long)]
    key: bool,
    /// Write password and key to this new file (mode 0600), in the form of the console's credentials.csv, instead of showing
    /// them; secrets are printed to a terminal only
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    #[command(flatten)]
    at: Where,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let What::Add(args) = args.what;
    if args.credentials.is_none() && !output::is_terminal() {
        return Err(app::usage(
            "a password is printed to a terminal only: give --credentials FILE, a file that is made for its owner alone",
        ));
    }
    let place = Place::open(app, &args.at)?;
    let who = Newcomer {
        url: place.sign_in_url(&place.account()?),
        user: args.name,
        groups: args.groups,
        key: match args.key {
            true => Key::Wanted,
            false => Key::Unwanted,
        },
    };
    match args.credentials {
        None => people::add(place.calls(), &who, |made| {
            show(app, made);
            Ok(())
        })?,
        Some(path) => {
            let added = add_into(&place, &who, &path);
            if added.is_err()
                && path.exists()
                && let Err(error) = std::fs::remove_file(&path)
            {
                output::complain(&format!("warning: `{}` is left: {error}", path.display()));
            }
            added?;
            output::complain(&format!(
                "made `{}`; hand `{}` over and remove it",
                who.user,
                path.display()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the user and writes its credentials. The file comes first: what cannot be handed over is not made.
fn add_into(place: &Place, who: &Newcomer, path: &Path) -> anyhow::Result<()> {
    let mut file = credentials::new_file(path)?;
    people::add(place.calls(), who, |made| made.write(&mut file, path))
}

fn show(app: &App, made: &Credentials) {
    let (id, secret) = made.key.as_ref().map(|(id, secret)| (id, secret)).unzip();
    let whole = json!({
        "UserName": made.user, "Password": made.password, "AccessKeyId": id, "SecretAccessKey": secret,
        "ConsoleLoginLink": made.url,
    });
    let mut rows = vec![
        ("user", made.user.clone()),
        ("password", made.password.clone()),
    ];
    rows.extend(id.map(|id| ("access key", id.clone())));
    rows.extend(secret.map(|secret| ("secret", secret.clone())));
    rows.push(("sign in at", made.url.clone()));
    output::show(app.output(), &whole, |_| output::pairs(&rows));
}
