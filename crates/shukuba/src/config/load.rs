//! Reading the settings, and saying what is wrong and where.
//!
//! A variable `SHUKUBA_<SECTION>_<KEY>` stands over the file for the sections `server`, `store`, `s3`, `trail`, `metrics`,
//! `watch`, `link`, `functions`, `cost`, `notifier`, `scaler` and `results`: `SHUKUBA_SCALER_INTERVAL=5s`. Keys of nested tables have `_` between the parts.

use std::fmt;
use std::path::{Path, PathBuf};

use base::Clock as _;
use base::nearest;
use base::place::{self, Place, Unfit};
use delivery::config::{Invalid, Secrets};
use serde::Deserialize;
use toml::de::DeTable;

use super::{Config, Server, reference};
use crate::notices;

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
const OTHER_VARIABLES: [&str; 12] = [
    "SHUKUBA_DATA",
    "SHUKUBA_CONFIG",
    "SHUKUBA_LISTEN",
    "SHUKUBA_LOG",
    "SHUKUBA_LOG_FORMAT",
    "SHUKUBA_ENDPOINT",
    "SHUKUBA_MASTER_KEY",
    "SHUKUBA_MASTER_KEY_FILE",
    "SHUKUBA_BIN",
    "SHUKUBA_RESULTS",
    "SHUKUBA_NOTIFIER",
    "SHUKUBA_MEMORY",
];
const SECTIONS: [&str; 13] = [
    "server",
    "store",
    "archive",
    "s3",
    "trail",
    "metrics",
    "watch",
    "link",
    "functions",
    "cost",
    "notifier",
    "scaler",
    "results",
];

/// What nobody needs who only reads the data.
const UNREAD: [&[&str]; 16] = [
    &["notices"],
    &["link"],
    &["functions"],
    &["cost"],
    &["s3"],
    &["destinations"],
    &["secrets"],
    &["notifier"],
    &["scaler"],
    &["server", "public_url"],
    &["server", "tls_certificate"],
    &["server", "tls_key"],
    &["server", "insecure_http"],
    &["server", "threads"],
    &["server", "drain_within"],
    &["server", "limits"],
];

/// Reads `file` and puts `variables` over it.
pub(crate) fn load(file: Option<&Path>, variables: &[(String, String)]) -> Result<Loaded, Wrong> {
    load_without(file, variables, &[])
}

/// The same for those who only read the data: a mistake where they need nothing stops nobody from looking. `Some` with it.
pub(crate) fn load_to_read(
    file: Option<&Path>,
    variables: &[(String, String)],
) -> Result<(Loaded, Option<Wrong>), Wrong> {
    match load(file, variables) {
        Ok(loaded) => Ok((loaded, None)),
        Err(wrong) => match load_without(file, variables, &UNREAD) {
            Ok(loaded) => Ok((loaded, Some(wrong))),
            Err(_) => Err(wrong),
        },
    }
}

fn load_without(
    file: Option<&Path>,
    variables: &[(String, String)],
    unread: &[&[&str]],
) -> Result<Loaded, Wrong> {
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
    let (written, mut problems) = match &text {
        None => (Some(Config::without_file()), Vec::new()),
        Some(text) => parse(&name, text, unread),
    };
    let Some(written) = written else {
        return Err(Wrong { problems });
    };
    let text = text.unwrap_or_default();
    match over(written, variables) {
        Err(wrong) => {
            problems.extend(wrong.problems);
            Err(Wrong { problems })
        }
        Ok((config, mut warnings)) => {
            problems.extend(located(&name, &text, &found(&config)));
            if !problems.is_empty() {
                return Err(Wrong { problems });
            }
            let delivery = config.delivery();
            warnings.extend(located(&name, &text, &delivery.warnings()));
            let now = base::SystemClock::new().now();
            warnings.extend(located(&name, &text, &delivery.ending(now)));
            Ok(Loaded {
                config,
                file: file.map(Path::to_owned),
                warnings,
            })
        }
    }
}

/// What stops those who serve and send: secrets and files that the settings name and this process cannot read.
pub(crate) fn check_sources(loaded: &Loaded, secrets: &dyn Secrets) -> Result<(), Wrong> {
    let missing = loaded.config.delivery().missing(secrets);
    match &missing[..] {
        [] => Ok(()),
        _ => Err(wrong(loaded, &missing)),
    }
}

/// What was `found` wrong later than in reading, with its lines.
pub(crate) fn wrong(loaded: &Loaded, found: &[Invalid]) -> Wrong {
    let file = loaded.file.as_deref();
    let name = file.map_or_else(|| "settings".to_owned(), |path| path.display().to_string());
    let text = file.and_then(|path| std::fs::read_to_string(path).ok());
    Wrong {
        problems: located(&name, &text.unwrap_or_default(), found),
    }
}

/// What a client needs of settings that have a mistake: where the server is, as far as that can be read.
pub(crate) fn server_of(file: &Path) -> Server {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let (config, _) = parse("", &text, &[]);
    config.map(|config| config.server).unwrap_or_default()
}

fn found(config: &Config) -> Vec<Invalid> {
    let mut found = config.server.problems();
    found.extend(config.store.problems());
    found.extend(config.archive.problems());
    found.extend(config.s3.problems());
    found.extend(config.trail.problems());
    found.extend(config.metrics.problems());
    found.extend(config.link.problems());
    found.extend(config.functions.problems());
    found.extend(config.cost.problems());
    found.extend(config.notices.problems().0);
    found.extend(notices::taken(config.routes.keys(), "routes"));
    found.extend(notices::taken(config.destinations.keys(), "destinations"));
    found.extend(config.delivery().problems());
    found
}

fn located(name: &str, text: &str, found: &[Invalid]) -> Vec<String> {
    let root = DeTable::parse(text).ok();
    let place = |key: &str| {
        let at = place::of_key(root.as_ref()?.get_ref(), key)?;
        Some(place::of_byte(text, at))
    };
    let line = |invalid: &Invalid| match place(&invalid.key) {
        Some(Place { line, column }) => format!("{name}:{line}:{column}: {invalid}"),
        None => format!("{name}: {invalid}"),
    };
    found.iter().map(line).collect()
}

/// Problems that one reading gives. Chosen: more than anybody reads.
const PROBLEMS_MAX: usize = 100;

/// What can be read of the text, and a line for each value that cannot: it is left out and the rest is read again. What is
/// `unread` is left out without a word.
fn parse(name: &str, text: &str, unread: &[&[&str]]) -> (Option<Config>, Vec<String>) {
    let of_byte = |at: Option<usize>| {
        at.map_or_else(String::new, |at| {
            let Place { line, column } = place::of_byte(text, at);
            format!("{line}:{column}:")
        })
    };
    let mut problems = Vec::new();
    let owned = |path: &&[&str]| path.iter().map(|key| (*key).to_owned()).collect();
    let mut wrong: Vec<Vec<String>> = unread.iter().map(owned).collect();
    while problems.len() < PROBLEMS_MAX {
        let mut root = match DeTable::parse(text) {
            Ok(root) => root,
            Err(error) => {
                problems.push(format!(
                    "{name}:{} {}",
                    of_byte(error.span().map(|span| span.start)),
                    error.message()
                ));
                return (None, problems);
            }
        };
        for path in &wrong {
            place::remove(root.get_mut(), path);
        }
        let error = match Config::deserialize(toml::Deserializer::from(root.clone())) {
            Ok(config) => return (Some(config), problems),
            Err(error) => error,
        };
        let Unfit { at, path, detail } = Unfit::new(root.get_ref(), &error);
        problems.push(format!("{name}:{} {detail}", of_byte(at)));
        if path.is_empty() {
            return (None, problems);
        }
        wrong.push(path);
    }
    (None, problems)
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
    fn a_mistake_where_a_reader_needs_nothing_does_not_stop_it() {
        let read = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            load_to_read(Some(file.path()), &[])
        };
        let routes = "[routes.r]\nqueue = \"q\"\n";
        let (loaded, wrong) = read(&format!(
            "{routes}[scaler]\ninterval = 5\n[server]\ntls_key = \"key\"\n[secrets]\nt = 1\n[destinations.x]\ntimeout_total = \"99h\"\n"
        ))
        .unwrap();
        assert!(loaded.config.routes.contains_key("r"));
        let wrong = wrong.unwrap().to_string();
        assert_eq!(wrong.lines().count(), 4, "{wrong}");
        assert!(read(routes).unwrap().1.is_none());
        let refused = read("[routes.r]\nqueue = 5\n[scaler]\ninterval = 5\n").unwrap_err();
        assert!(refused.to_string().contains("routes.r.queue"), "{refused}");
    }

    #[test]
    fn every_value_that_cannot_be_read_is_named_with_its_key() {
        let error = read(
            "[server]\nlisten = \"here\"\n[routes.s2s]\nqueue = \"a b\"\nretry_for = 5\n\
             [destinations.\"a.example\"]\nallow_cidrs = [\"10.0.0.1\"]\nreigon = 1\nproxy = \"http://u:SECRET@h/\"\n\
             [destinations.\"a.example\".retry]\nserver = [\"x\"]\n",
            &[],
        )
        .unwrap_err();
        for part in [
            ":2:10: server.listen: ",
            ":4:1: routes.s2s.queue: `a b` is not",
            ":5:13: routes.s2s.retry_for: ",
            ":7:15: destinations.\"a.example\".allow_cidrs: `10.0.0.1` is not a network such as `10.0.0.0/8`, or `10.0.0.1/32`",
            ":8:1: unknown key `reigon`",
            ":11:10: destinations.\"a.example\".retry.server: ",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert!(!error.contains("SECRET"), "{error}");
    }

    #[test]
    fn what_serving_needs_is_checked_with_its_place() {
        let text = "[destinations.\"*\"]\nca_file = \"/nonexistent\"\n[destinations.\"*\".headers]\nx-a = \"${secret:NO}\"\nx-b = \"${foo:x}\"\n";
        let loaded = read(text, &[]).unwrap();
        let error = check_sources(&loaded, &delivery::config::SystemSecrets)
            .unwrap_err()
            .problems;
        assert_eq!(error.len(), 3, "{error:?}");
        assert!(
            error[0].contains("headers.x-a: secret `NO` is not set"),
            "{error:?}"
        );
        assert!(error[2].contains("ca_file `/nonexistent`"), "{error:?}");
        // What no secret could make right is said before any is read.
        let error = read(&format!("{text}x-c = \"${{\"\n"), &[]).unwrap_err();
        assert!(
            error.contains(":6:1: destinations.\"*\".headers.x-c: `${` begins a reference"),
            "{error}"
        );
    }

    #[test]
    fn a_client_reads_where_the_server_is_though_a_route_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.toml");
        std::fs::write(
            &path,
            "[server]\nregion = \"eu-x-1\"\n[routes.a]\nretry = 1\n",
        )
        .unwrap();
        assert_eq!(server_of(&path).region, "eu-x-1");
        std::fs::write(&path, "[server\n").unwrap();
        assert_eq!(server_of(&path), Server::default());
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
