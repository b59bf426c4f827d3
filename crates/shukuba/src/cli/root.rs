//! `shukuba root show | password | lock | unlock | end-sessions`: the account's root, for the owner of the data directory.

use std::process::ExitCode;

use clap::Subcommand;
use iam::Iam;
use iam::engine::account::{EndRootSessions, RootIs, SetRoot};
use iam::identities::{ROOT, ROOT_PASSWORD_CHARS_MIN};

use crate::app::{self, App};
use crate::{account, output, prompt};

/// The most bytes of a password that are read: 128 characters, and the end of the line.
const PASSWORD_BYTES_MAX: usize = 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show whether root has a password, when it was used, and what it may do
    Show,
    /// Set the password of root, for signing in alone; asked for, or read from standard input
    Password {
        /// Take the password away: nobody signs in as root then
        #[arg(long)]
        remove: bool,
    },
    /// Let root see the account and the bill, and nothing else: as it is from the beginning
    Lock,
    /// Let root do everything
    Unlock,
    /// End what is signed in as root
    EndSessions,
}

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let iam = account::open_kept(&app.data_dir(), &app.server())?;
    match args.what {
        What::Show => show(app, &iam),
        What::Password { remove } => return password(&iam, remove),
        What::Lock => iam.run(SetRoot(RootIs::Locked))?,
        What::Unlock => {
            iam.run(SetRoot(RootIs::Unlocked))?;
            output::complain(
                "root may do everything now; `shukuba root lock` ends that. Every use of it is counted in shukuba_root_uses_total",
            );
        }
        What::EndSessions => iam.run(EndRootSessions)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(app: &App, iam: &Iam) {
    let state = iam.newest();
    let root = state.account();
    let has_password = root.root_password.is_some();
    let may = match root.root {
        RootIs::Locked => "see the account and the bill",
        RootIs::Unlocked => "do everything",
    };
    let used = iam.last_use(ROOT).map(|used| used.at.rfc3339());
    let shown = serde_json::json!({
        "AccountId": state.account_id().to_string(),
        "HasPassword": has_password,
        "HasAccessKey": false,
        "Unlocked": root.root == RootIs::Unlocked,
        "LastSignIn": used,
    });
    output::show(app.output(), &shown, |_| {
        let password = if has_password { "set" } else { "none" };
        let used = used.as_deref().unwrap_or("never");
        format!(
            "account: {}\npassword: {password}\naccess key: none, and none can be made\nmay: {may}\nlast sign-in: {used}",
            state.account_id()
        )
    });
}

fn password(iam: &Iam, remove: bool) -> anyhow::Result<ExitCode> {
    if remove {
        iam.set_root_password(None)?;
        output::complain("nobody signs in as root any more");
        return Ok(ExitCode::SUCCESS);
    }
    set_password(iam)?;
    Ok(ExitCode::SUCCESS)
}

/// Asks for the password and sets it.
pub(super) fn set_password(iam: &Iam) -> anyhow::Result<()> {
    let question =
        format!("the new root password, at least {ROOT_PASSWORD_CHARS_MIN} characters: ");
    let bytes = prompt::secret(&question, PASSWORD_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|_| app::usage("the password is not UTF-8"))?;
    let password = text.trim_end_matches(['\n', '\r']);
    iam.set_root_password(Some(password))
        .map_err(|error| match error {
            iam::Error::Refused(refused) => app::usage(refused.to_string()),
            error => error.into(),
        })?;
    output::complain("the root password is set");
    Ok(())
}
