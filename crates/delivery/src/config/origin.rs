//! Where each rule for a receiver comes from: its own table, its preset, or `[destinations."*"]`.
//!
//! For people who ask. What is done is decided by [`Destination::resolve`] alone.

use toml::{Table, Value};

use super::preset::{OPEN, fill, give_way};
use super::{Destination, Invalid, Settings};

/// One rule as it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The key, dotted, such as `retry.client`.
    pub key: String,
    /// As in the settings; literal secrets are masked.
    pub value: Value,
    /// Where it stands.
    pub from: Origin,
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the destination of that name.
    Own(String),
    /// In the preset of that name.
    Preset(String),
}

impl Settings {
    /// The name of the table whose rules a receiver `host` or `host:port` meets first; `None` where there is none at all.
    #[must_use]
    pub fn table_of(&self, authority: &str) -> Option<&str> {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            _ => authority,
        };
        let wild = self.destinations.keys().filter(|name| {
            name.strip_prefix('*')
                .is_some_and(|end| end.starts_with('.') && host.ends_with(end))
        });
        let longest = wild.max_by_key(|name| name.len());
        [authority, host]
            .iter()
            .find_map(|name| self.destinations.get_key_value(*name))
            .map(|(name, _)| name)
            .or(longest)
            .or_else(|| self.destinations.get_key_value("*").map(|(name, _)| name))
            .map(String::as_str)
    }

    /// Every rule that is written for the table `name`, with what comes to it from its preset and from `*`; what is built in
    /// is not among them.
    ///
    /// # Errors
    /// [`Invalid`] for a preset that cannot be taken.
    pub fn origins(&self, name: &str) -> Result<Vec<Rule>, Invalid> {
        let mut known = Table::new();
        let mut rules = Vec::new();
        for name in [name, "*"] {
            let Some(own) = self.destinations.get(name) else {
                continue;
            };
            let preset = own.preset.as_ref().map(|used| used.name.clone());
            let from = |own: &Table, key: &str| match (lookup(own, key), &preset) {
                (None, Some(preset)) => Origin::Preset(preset.clone()),
                _ => Origin::Own(name.to_owned()),
            };
            let own_table = written(own, name)?;
            let mut given = written(&own.filled(name)?.shown(), name)?;
            give_way(&known, &mut given);
            for (key, value) in flat(&given) {
                if !has(&known, &key) {
                    let from = from(&own_table, &key);
                    rules.push(Rule { key, value, from });
                }
            }
            fill(&mut known, given, "");
            if name == "*" {
                break;
            }
        }
        rules.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(rules)
    }
}

/// As a table, without what is empty and so not written.
fn written(own: &Destination, name: &str) -> Result<Table, Invalid> {
    let mut table = Table::try_from(own)
        .map_err(|error| Invalid::new(&format!("destinations.\"{name}\""), error))?;
    table.remove("preset");
    prune(&mut table);
    Ok(table)
}

fn prune(table: &mut Table) {
    table.retain(|_, value| match value {
        Value::Table(inner) => {
            prune(inner);
            !inner.is_empty()
        }
        Value::Array(list) => !list.is_empty(),
        _ => true,
    });
}

/// Its values by their dotted keys.
fn flat(table: &Table) -> Vec<(String, Value)> {
    fn walk(table: &Table, path: &str, all: &mut Vec<(String, Value)>) {
        for (key, value) in table {
            let here = match path {
                "" => key.clone(),
                path => format!("{path}.{key}"),
            };
            match value {
                Value::Table(inner) if OPEN.contains(&here.as_str()) => walk(inner, &here, all),
                value => all.push((here, value.clone())),
            }
        }
    }
    let mut all = Vec::new();
    walk(table, "", &mut all);
    all
}

/// What stands under a dotted key as [`flat`] makes them; headers know no case.
fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    if let Some(header) = key.strip_prefix("headers.") {
        let headers = table.get("headers")?.as_table()?;
        let found = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(header));
        return found.map(|(_, value)| value);
    }
    let open = OPEN
        .iter()
        .filter(|open| key.starts_with(&format!("{open}.")));
    let Some(open) = open.max_by_key(|open| open.len()) else {
        return table.get(key);
    };
    let mut inner = table;
    for step in open.split('.') {
        inner = inner.get(step)?.as_table()?;
    }
    inner.get(key.get(open.len() + 1..)?)
}

fn has(table: &Table, key: &str) -> bool {
    lookup(table, key).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(text: &str, name: &str) -> Vec<String> {
        let settings: Settings = toml::from_str(text).unwrap();
        let rules = settings.origins(name).unwrap();
        let told = |rule: Rule| match rule.from {
            Origin::Own(name) => format!("{} {} {name}", rule.key, rule.value),
            Origin::Preset(name) => format!("{} {} preset {name}", rule.key, rule.value),
        };
        rules.into_iter().map(told).collect()
    }

    #[test]
    fn every_rule_says_where_it_stands() {
        let text = r#"
            [destinations."*"]
            rate = "5/s"
            rate_burst = 7
            timeout_total = "4s"
            proxy = "http://p:1"
            headers = { X-A = "1", Content-Type = "text/plain" }
            retry = { server = ["3s"], client = ["4s"] }
            [destinations."h"]
            preset = "airbridge"
            rate = "10/s"
            connect_to = "127.0.0.1:9"
            headers = { authorization = "Bearer SECRET" }
            retry = { default = ["1s"] }
        "#;
        assert_eq!(
            origins(text, "h"),
            [
                "connect_to \"127.0.0.1:9\" h",
                "expires_after \"23h\" preset airbridge",
                "headers.X-A \"1\" *",
                "headers.authorization \"***\" h",
                "headers.content-type \"application/json\" preset airbridge",
                "rate \"10/s\" h",
                "request.method \"POST\" preset airbridge",
                "retry.client \"never\" preset airbridge",
                "retry.default [\"1s\"] h",
                "success [\"200-299\"] preset airbridge",
                "timeout_total \"4s\" *",
            ]
        );
        let all = origins(text, "*");
        assert!(all.iter().all(|rule| rule.ends_with(" *")), "{all:?}");
    }

    #[test]
    fn a_host_meets_the_most_specific_table() {
        let tables = ["*", "*.b.c", "*.c", "a.b.c", "a.b.c:81"];
        let destinations = tables.map(|name| (name.to_owned(), Destination::default()));
        let settings = Settings {
            destinations: destinations.into(),
            ..Settings::default()
        };
        for (host, table) in [
            ("a.b.c:81", "a.b.c:81"),
            ("a.b.c:82", "a.b.c"),
            ("x.b.c", "*.b.c"),
            ("b.c", "*.c"),
            ("c", "*"),
        ] {
            assert_eq!(settings.table_of(host), Some(table), "{host}");
        }
        assert_eq!(Settings::default().table_of("h"), None);
    }
}
