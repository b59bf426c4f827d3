//! Reading the settings, and saying what is wrong and where.
//!
//! A variable `SHUKUBA_<SECTION>_<KEY>` stands over the file for the sections `server`, `store`, `notifier`,
//! `scaler` and `results`: `SHUKUBA_SCALER_INTERVAL=5s`. Keys of nested tables have `_` between the parts.

use std::fmt;
use std::path::{Path, PathBuf};

use delivery::config::Invalid;

use super::place::{self, Place};
use super::{Config, reference};

/// Settings and where they came from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// What holds.
    pub(crate) config: Config,
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// Variables that look like settings and are none.
    pub(crate) warnings: Vec<String>,
}

/// Settings that cannot be used: all that is wrong, a line each.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) struct Wrong {
    problems: Vec<String>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n       "))
    }
}

/// Variables that are read elsewhere.
const OTHER_VARIABLES: [&str; 9] = [
    "SHUKUBA_DATA",
    "SHUKUBA_CONFIG",
    "SHUKUBA_LISTEN",
    "SHUKUBA_LOG",
    "SHUKUBA_LOG_FORMAT",
    "SHUKUBA_ENDPOINT",
    "SHUKUBA_MASTER_KEY",
    "SHUKUBA_MASTER_KEY_FILE",
    "SHUKUBA_BIN",
];
const SECTIONS: [&str; 5] = ["server", "store", "notifier", "scaler", "results"];

/// Reads `file` and puts `variables` over it.
pub(crate) fn load(file: Option<&Path>, variables: &[(String, String)]) -> Result<Loaded, Wrong> {
    let text = match file {
        None => None,
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| Wrong {
            problems: vec![format!(
                "cannot read the settings `{}`: {error}",
                path.display()
            )],
        })?),
    };
    let name = file.map_or_else(|| "settings".to_owned(), |path| path.display().to_string());
    let written = match &text {
        None => Config::without_file(),
        Some(text) => parse(&name, text)?,
    };
    let (config, warnings) = over(written, variables)?;
    let problems = problems(&config, &name, text.as_deref().unwrap_or(""));
    if problems.is_empty() {
        Ok(Loaded {
            config,
            file: file.map(Path::to_owned),
            warnings,
        })
    } else {
        Err(Wrong { problems })
    }
}

fn problems(config: &Config, name: &str, text: &str) -> Vec<String> {
    let mut found = config.server.problems();
    found.extend(config.store.problems());
    found.extend(config.delivery().problems());
    found
        .iter()
        .map(|invalid| located(name, text, invalid))
        .collect()
}

fn located(name: &str, text: &str, invalid: &Invalid) -> String {
    match place::of_key(text, &invalid.key) {
        Some(Place { line, column }) => format!("{name}:{line}:{column}: {invalid}"),
        None => format!("{name}: {invalid}"),
    }
}

fn parse(name: &str, text: &str) -> Result<Config, Wrong> {
    toml::from_str(text).map_err(|error| {
        let place = error.span().map(|span| place::of_byte(text, span.start));
        let at = place.map_or_else(String::new, |Place { line, column }| {
            format!("{line}:{column}:")
        });
        let problem = format!("{name}:{at} {}", with_suggestion(error.message()));
        Wrong {
            problems: vec![problem],
        }
    })
}

/// Puts the nearest known name into serde's ``unknown field `x`, expected one of `a`, `b` ``.
fn with_suggestion(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return message.to_owned();
    };
    let mut names = rest.split('`');
    let unknown = names.next().unwrap_or_default();
    let known: Vec<&str> = names.skip(1).step_by(2).collect();
    let hint = match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; known here: {}", known.join(", ")),
    };
    format!("unknown key `{unknown}`{hint}")
}

/// The known name nearest to `unknown`, where one is near enough to be meant.
pub(crate) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().min(unknown.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn over(written: Config, variables: &[(String, String)]) -> Result<(Config, Vec<String>), Wrong> {
    let settings: Vec<_> = variables
        .iter()
        .filter(|(name, _)| is_setting(name))
        .collect();
    if settings.is_empty() {
        return Ok((written, Vec::new()));
    }
    let wrong = |text: String| Wrong {
        problems: vec![text],
    };
    let known = reference::variables();
    let mut table = toml::Table::try_from(&written).map_err(|error| wrong(error.to_string()))?;
    let mut warnings = Vec::new();
    let mut config = written;
    for (name, value) in settings {
        let Some((_, path)) = known.iter().find(|(variable, _)| variable == name) else {
            warnings.push(unknown_variable(name, &known));
            continue;
        };
        put(&mut table, path, value);
        config = table
            .clone()
            .try_into()
            .or_else(|_| {
                put_text(&mut table, path, value);
                table.clone().try_into()
            })
            .map_err(|error: toml::de::Error| {
                wrong(format!("{name}={value}: {}", error.message()))
            })?;
    }
    Ok((config, warnings))
}

fn is_setting(name: &str) -> bool {
    // A Kubernetes service called `shukuba` gives each container SHUKUBA_SERVICE_… and SHUKUBA_PORT…
    name.strip_prefix("SHUKUBA_").is_some_and(|rest| {
        !OTHER_VARIABLES.contains(&name)
            && !rest.starts_with("SERVICE_")
            && !rest.starts_with("PORT")
    })
}

fn unknown_variable(name: &str, known: &[(String, Vec<String>)]) -> String {
    let names = known
        .iter()
        .map(|(variable, _)| variable.as_str())
        .chain(OTHER_VARIABLES);
    match nearest(name, names) {
        Some(near) => format!("unknown variable `{name}` is ignored; did you mean `{near}`?"),
        None => format!("unknown variable `{name}` is ignored"),
    }
}

/// Sets a value that is written as in the file (`5`, `true`, `["a"]`), or as bare text.
fn put(table: &mut toml::Table, path: &[String], text: &str) {
    let value = format!("v = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("v"));
    set(
        table,
        path,
        value.unwrap_or_else(|| toml::Value::String(text.to_owned())),
    );
}

fn put_text(table: &mut toml::Table, path: &[String], text: &str) {
    set(table, path, toml::Value::String(text.to_owned()));
}

fn set(table: &mut toml::Table, path: &[String], value: toml::Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = table
                .entry(first.clone())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// The sections that variables may set.
pub(crate) fn is_settable(section: &str) -> bool {
    SECTIONS.contains(&section)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shukuba.toml");
        std::fs::write(&path, text).unwrap();
        let variables: Vec<_> = variables
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        load(Some(&path), &variables).map_err(|error| error.to_string())
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name_and_its_place() {
        let error = read("[server]\nlisten = \"127.0.0.1:1\"\nreigon = \"x\"\n", &[]).unwrap_err();
        assert!(
            error.contains("shukuba.toml:3:1: unknown key `reigon`; did you mean `region`?"),
            "{error}"
        );
        let error = read("[routes.s2s]\nqueue = \"s2s\"\nretry_four = \"1h\"\n", &[]).unwrap_err();
        assert!(
            error.contains(":3:1: unknown key `retry_four`; did you mean `retry_for`?"),
            "{error}"
        );
        let error = read("[scalr]\n", &[]).unwrap_err();
        assert!(
            error.contains(":1:2: unknown key `scalr`; did you mean `scaler`?"),
            "{error}"
        );
    }

    #[test]
    fn every_wrong_value_is_named_with_its_line_and_what_would_be_right() {
        let error = read(
            "[server]\naccount_id = \"12\"\n[routes.s2s]\nqueue = \"s2s\"\nretry_for = \"99d\"\n[scaler]\nnotifiers_max = 0\n",
            &[],
        )
        .unwrap_err();
        for part in [
            ":2:1: server.account_id: account id `12` is not 12 digits",
            ":5:1: routes.s2s.retry_for:",
            ":7:1: scaler.notifiers_max: 0 is out of range: 1 to 1000",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn the_environment_stands_over_the_file() {
        let loaded = read(
            "[scaler]\ninterval = \"1m\"\n",
            &[
                ("SHUKUBA_SCALER_INTERVAL", "5s"),
                ("SHUKUBA_SERVER_ACCOUNT_ID", "000123456789"),
                ("SHUKUBA_SERVER_INSECURE_HTTP", "true"),
                ("SHUKUBA_SERVER_LIMITS_CONNECTIONS", "7"),
                ("SHUKUBA_SERVICE_HOST", "10.0.0.1"),
                ("SHUKUBA_SCALER_INTERVALL", "5s"),
                ("HOME", "/"),
            ],
        )
        .unwrap();
        let config = loaded.config;
        assert_eq!(config.scaler.interval.to_string(), "5s");
        assert_eq!(config.server.account_id.as_deref(), Some("000123456789"));
        assert!(config.server.insecure_http);
        assert_eq!(config.server.limits.connections, 7);
        assert_eq!(
            loaded.warnings,
            [
                "unknown variable `SHUKUBA_SCALER_INTERVALL` is ignored; did you mean `SHUKUBA_SCALER_INTERVAL`?"
            ]
        );
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error = read("", &[("SHUKUBA_SCALER_INTERVAL", "soon")]).unwrap_err();
        assert!(error.contains("SHUKUBA_SCALER_INTERVAL=soon"), "{error}");
    }

    #[test]
    fn without_a_file_there_is_one_route() {
        let loaded = load(None, &[]).unwrap();
        assert_eq!(loaded.config.routes.keys().collect::<Vec<_>>(), ["s2s"]);
        assert!(read("", &[]).unwrap().config.routes.is_empty());
    }
}
