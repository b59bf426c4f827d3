//! `shukuba secret set | rotate | list | remove`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use base::{Clock, SystemClock};
use clap::Subcommand;
use gateway::SecretStore;
use gateway::secrets::{Error, PREVIOUS, SECRET_BYTES_MAX, SecretInfo, has_secrets};
use serde::Serialize;

use crate::app::{self, App};
use crate::config::Config;
use crate::{account, output, prompt};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Seal a secret in the data directory, in the place of the one of that name; read from standard input, or asked for
    ///
    /// Line ends behind the value are left out. The settings name it as `${secret:NAME}`.
    Set(Which),
    /// Seal a new value and keep the one before as NAME.previous: signatures are made with both until that is removed
    Rotate(Which),
    /// List the names of secrets, when each was set and which settings use it; never a value
    List,
    /// Remove a secret for ever
    Remove(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The secret's name: 1 to 64 of a-z, A-Z, 0-9 and _.-
    name: String,
}

const RELOAD: &str = "a running server takes it when it reads its settings again: `systemctl reload shukuba`, or SIGHUP";

pub(super) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Set(which) => {
            let value = value_of(&which.name)?;
            // As `env`: the account, and with it the master key, is made before the first start too.
            account::open_or_make(&app.data_dir(), &app.server())?;
            change(app, &which.name, |secrets| {
                secrets.set(&which.name, &value, SystemClock::new().now())
            })?;
        }
        What::Rotate(which) => {
            let value = value_of(&which.name)?;
            change(app, &which.name, |secrets| {
                secrets.rotate(&which.name, &value, SystemClock::new().now())
            })?;
            output::complain(&format!(
                "the value before is kept as `{0}{PREVIOUS}`; when nobody needs it any more: shukuba secret remove {0}{PREVIOUS}",
                which.name
            ));
        }
        What::Remove(which) => change(app, &which.name, |secrets| secrets.remove(&which.name))?,
        What::List => list(app)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn change(
    app: &App,
    name: &str,
    change: impl FnOnce(&SecretStore) -> Result<(), Error>,
) -> anyhow::Result<()> {
    if name.starts_with('@') {
        return Err(app::usage(format!("`{name}` belongs to the server itself")));
    }
    let dir = app.data_dir();
    account::open_kept(&dir, &app.server())?;
    let secrets = account::secrets(&dir)?;
    change(&secrets).map_err(|error| match error {
        Error::Name { .. } | Error::Value { .. } | Error::NotFound { .. } | Error::TooMany => {
            app::usage(error.to_string())
        }
        error => error.into(),
    })?;
    if let Some(config) = settings(app)
        && config.secrets.contains_key(name)
    {
        output::complain(&format!(
            "warning: the settings have `{name}` in [secrets], and that stands over the sealed one until the line is removed"
        ));
    }
    output::complain(RELOAD);
    Ok(())
}

/// The value from standard input: asked for without an echo on a terminal, else all of it without the last line ends.
fn value_of(name: &str) -> anyhow::Result<String> {
    if name.contains('=') {
        return Err(app::usage(
            "give the name alone: arguments are seen by everybody on the machine, so the value is read from standard input",
        ));
    }
    let bytes = prompt::secret(&format!("value of secret `{name}`: "), SECRET_BYTES_MAX + 2)
        .context("cannot read the value")?;
    let text = String::from_utf8(bytes)
        .map_err(|_| app::usage("the value is not UTF-8; give it in hex or base64"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// What is told of a secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    name: String,
    /// `sealed`, the place in `[secrets]`, or `missing`.
    source: String,
    set: Option<String>,
    /// Keys of the settings.
    used_by: Vec<String>,
}

fn list(app: &App) -> anyhow::Result<()> {
    let dir = app.data_dir();
    let known = match has_secrets(&dir) {
        true => account::secrets(&dir)?.list()?,
        false => Vec::new(),
    };
    let rows = rows(&known, &settings(app).unwrap_or_default());
    output::show(app.output(), &rows, |rows| {
        let cells = rows.iter().map(|row| {
            [
                row.name.clone(),
                row.source.clone(),
                row.set.clone().unwrap_or_default(),
                row.used_by.join(", "),
            ]
        });
        output::table(&["secret", "where", "set", "used by"], cells)
    });
    Ok(())
}

/// The settings; a mistake in them is said and stops nobody.
fn settings(app: &App) -> Option<Config> {
    match app.config() {
        Ok(loaded) => Some(loaded.config),
        Err(error) => {
            output::complain(&format!(
                "warning: the settings have a mistake; what they use is not known: {error:#}"
            ));
            None
        }
    }
}

fn rows(known: &[SecretInfo], config: &Config) -> Vec<Row> {
    let uses = uses(config);
    let mut rows = BTreeMap::new();
    for info in known {
        let set = Some(info.set.clone());
        rows.insert(info.name.clone(), ("sealed".to_owned(), set));
    }
    for (name, place) in &config.secrets {
        rows.insert(name.clone(), (place.clone(), None));
    }
    for name in uses.keys() {
        let missing = || ("missing".to_owned(), None);
        rows.entry(name.clone()).or_insert_with(missing);
    }
    let row = |(name, (source, set)): (String, (String, Option<String>))| {
        // The value before is used wherever signatures are made with the new one.
        let of = name.strip_suffix(PREVIOUS).unwrap_or(&name);
        let used_by = uses.get(&name).or_else(|| uses.get(of));
        Row {
            used_by: used_by.cloned().unwrap_or_default(),
            name,
            source,
            set,
        }
    };
    rows.into_iter().map(row).collect()
}

/// The keys of the settings, those of presets too, by the secret that they name.
fn uses(config: &Config) -> BTreeMap<String, Vec<String>> {
    let mut uses = BTreeMap::new();
    // What cannot be written as TOML names nothing.
    if let Ok(table) = toml::Value::try_from(config.filled()) {
        walk(&table, &mut Vec::new(), &mut uses);
    }
    uses
}

fn walk(value: &toml::Value, path: &mut Vec<String>, uses: &mut BTreeMap<String, Vec<String>>) {
    match value {
        toml::Value::String(text) => {
            for name in names_in(text) {
                let at = base::place::dotted(path);
                let keys: &mut Vec<String> = uses.entry(name.to_owned()).or_default();
                if keys.last() != Some(&at) {
                    keys.push(at);
                }
            }
        }
        toml::Value::Array(all) => {
            for value in all {
                walk(value, path, uses);
            }
        }
        toml::Value::Table(table) => {
            for (key, value) in table {
                path.push(key.clone());
                walk(value, path, uses);
                path.pop();
            }
        }
        _ => {}
    }
}

fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let references = text.split("${secret:").skip(1);
    references.filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_is_listed_with_the_settings_that_use_it() {
        let config: Config = toml::from_str(
            "[secrets]\nFILED = \"file:/run/key\"\n[destinations.\"a.example\".headers]\n\
             x-a = \"${secret:SEALED} ${secret:GONE}\"\nx-b = \"${secret:FILED}${secret:SEALED}\"\n",
        )
        .unwrap();
        let info = |name: &str| SecretInfo {
            name: name.to_owned(),
            set: "2026-11-29T00:00:00.000Z".to_owned(),
        };
        let known = [info("IDLE"), info("SEALED"), info("SEALED.previous")];
        let found: Vec<_> = rows(&known, &config)
            .into_iter()
            .map(|row| (row.name, row.source, row.used_by.len()))
            .collect();
        let row = |name: &str, source: &str, uses| (name.to_owned(), source.to_owned(), uses);
        assert_eq!(
            found,
            [
                row("FILED", "file:/run/key", 1),
                row("GONE", "missing", 1),
                row("IDLE", "sealed", 0),
                row("SEALED", "sealed", 2),
                row("SEALED.previous", "sealed", 2),
            ]
        );
        let key = &uses(&config)["GONE"][0];
        assert_eq!(key, "destinations.\"a.example\".headers.x-a");
    }
}
