//! `preset` of a destination: which rules of a [`Preset`] hold beside its own.
//!
//! A destination's own key stands over the preset's, and that over the key of `*`. Both are merged as they are written, before
//! anything is resolved, so that every key that a destination can have can stand in a preset.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};

use super::destination::key_of;
use super::{Destination, Invalid, Problems};
use crate::presets::{self, Preset};

/// Tables whose keys are taken one by one; of any other key all is one's own or all is the preset's.
pub(super) const OPEN: [&str; 4] = ["headers", "request", "request.query", "retry"];

/// `preset = "appsflyer"`, or `{ name = "appsflyer", without = ["headers.authentication"] }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetUse {
    /// Which.
    pub name: String,
    /// Keys of it that do not hold, in their dotted form.
    pub without: Vec<String>,
}

/// The table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    name: String,
    #[serde(default)]
    without: Vec<String>,
}

impl Serialize for PresetUse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.without.is_empty() {
            return serializer.serialize_str(&self.name);
        }
        let (name, without) = (self.name.clone(), self.without.clone());
        Full { name, without }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PresetUse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = PresetUse;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a preset (`shukuba preset list`), or a table with `name` and `without`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PresetUse, E> {
                let name = text.to_owned();
                Ok(PresetUse {
                    name,
                    without: Vec::new(),
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PresetUse, A::Error> {
                let Full { name, without } = Full::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PresetUse { name, without })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Destination {
    /// Its rules with those of its preset where it has none of its own.
    ///
    /// # Errors
    /// [`Invalid`] for a preset that there is not, or one that cannot be taken here.
    pub fn filled(&self, name: &str) -> Result<Cow<'_, Self>, Invalid> {
        let Some(own) = &self.preset else {
            return Ok(Cow::Borrowed(self));
        };
        let at = |detail: String| Invalid::new(&key_of(name, "preset"), detail);
        let preset = presets::find(&own.name).map_err(at)?;
        if name == "*" && !preset.is_for(name) {
            let host = preset.hosts.first().unwrap_or(&"");
            return Err(at(format!(
                "`{}` is for {host}, and `*` is every receiver, whom its secrets must not reach; write it in [destinations.\"{host}\"]",
                own.name
            )));
        }
        let mut rules = Table::try_from(self).map_err(|error| at(error.to_string()))?;
        let mut given = preset.table().map_err(at)?;
        for key in &own.without {
            let detail = || format!("`without` names `{key}`, which `{}` does not set", own.name);
            take_away(&mut given, key).ok_or_else(|| at(detail()))?;
        }
        give_way(&rules, &mut given);
        fill(&mut rules, given, "");
        let filled: Self = Value::Table(rules)
            .try_into()
            .map_err(|error: toml::de::Error| at(error.to_string()))?;
        Ok(Cow::Owned(filled))
    }

    /// Adds that a preset stands at a host that it is not made for. A mock on this machine is not said.
    fn warn_of_preset(&self, name: &str, problems: &mut Problems) {
        let Some(preset) = self.preset().filter(|preset| !preset.is_for(name)) else {
            return;
        };
        if name.starts_with("127.") || name.starts_with("localhost") || name.starts_with("[::1]") {
            return;
        }
        problems.push(
            &key_of(name, "preset"),
            format!(
                "`{}` is for {}: `{name}` gets its rules and its secrets",
                preset.name,
                preset.hosts.join(" and ")
            ),
        );
    }

    fn preset(&self) -> Option<&'static Preset> {
        presets::find(&self.preset.as_ref()?.name).ok()
    }
}

/// Destinations with the rules of their presets; one whose preset cannot be taken is left out and said in `problems`.
pub(super) fn filled<'a>(
    all: &'a BTreeMap<String, Destination>,
    problems: &mut Problems,
) -> BTreeMap<&'a str, Cow<'a, Destination>> {
    let mut filled = BTreeMap::new();
    for (name, own) in all {
        match own.filled(name) {
            Ok(rules) => {
                filled.insert(name.as_str(), rules);
            }
            Err(invalid) => problems.0.push(invalid),
        }
    }
    filled
}

/// Adds which presets stand where they were not made for.
pub(super) fn warn(all: &BTreeMap<String, Destination>, problems: &mut Problems) {
    for (name, own) in all {
        own.warn_of_preset(name, problems);
    }
}

/// Takes a dotted key out of `table`; `None` where it is not there.
fn take_away(table: &mut Table, key: &str) -> Option<Value> {
    if let Some(found) = table.remove(key) {
        return Some(found);
    }
    let (first, rest) = key.split_once('.')?;
    take_away(table.get_mut(first)?.as_table_mut()?, rest)
}

/// Leaves out of `given` what one's own keys of another name speak for as well.
pub(super) fn give_way(own: &Table, given: &mut Table) {
    if own.contains_key("rate") {
        given.remove("rate_burst");
    }
    for (key, other) in [("connect_to", "proxy"), ("proxy", "connect_to")] {
        if own.contains_key(key) {
            given.remove(other);
        }
    }
    let headers = own.get("headers").and_then(Value::as_table);
    let is_authorization = |name: &String| name.eq_ignore_ascii_case("authorization");
    if headers.is_some_and(|headers| headers.keys().any(is_authorization)) {
        given.remove("auth");
    }
    let of_retry = |table: &Table| table.get("retry").and_then(Value::as_table).cloned();
    let has_default = of_retry(own).is_some_and(|retry| retry.contains_key("default"));
    if let (true, Some(Value::Table(retry))) = (has_default, given.get_mut("retry")) {
        for class in ["network", "timeout", "server", "limited"] {
            retry.remove(class);
        }
    }
}

/// Puts into `own` what it has not. `path`: where `own` is, in a dotted form.
pub(super) fn fill(own: &mut Table, given: Table, path: &str) {
    for (key, value) in given {
        let here = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        // Headers know no case.
        let known = own.keys().find(|own| match path {
            "headers" => own.eq_ignore_ascii_case(&key),
            _ => **own == key,
        });
        match (known.cloned(), value) {
            (None, value) => {
                own.insert(key, value);
            }
            (Some(known), Value::Table(given)) if OPEN.contains(&here.as_str()) => {
                if let Some(Value::Table(own)) = own.get_mut(&known) {
                    fill(own, given, &here);
                }
            }
            (Some(_), _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::presets::PRESETS;

    fn read(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    fn filled(own: &str) -> Destination {
        let settings = read(&format!("[destinations.\"h.example\"]\n{own}"));
        settings.destinations["h.example"]
            .filled("h.example")
            .unwrap()
            .into_owned()
    }

    /// What `config show` prints is what holds.
    fn assert_filled_again_is_the_same(rules: &Destination) {
        let written = toml::to_string(rules).unwrap();
        let read: Destination = toml::from_str(&written).unwrap();
        assert_eq!(
            read.filled("h.example").unwrap().as_ref(),
            rules,
            "{written}"
        );
    }

    #[test]
    fn a_preset_alone_is_the_lines_that_it_shows() {
        for preset in PRESETS {
            let shown = read(preset.text);
            let mut used = filled(&format!("preset = \"{}\"", preset.name));
            assert_filled_again_is_the_same(&used);
            used.preset = None;
            let shown = shown.destinations.into_values().next();
            assert_eq!(Some(used), shown, "{}", preset.name);
        }
    }

    #[test]
    fn ones_own_key_stands_over_that_of_the_preset() {
        let own = filled(
            "preset = \"appsflyer\"\nrate = \"10/s\"\nheaders = { Authentication = \"k\", x-a = \"1\" }\n\
             retry = { default = [\"1s\"] }\nsuccess = [\"201\"]\nrequest.query.a = \"1\"",
        );
        assert_filled_again_is_the_same(&own);
        let headers: Vec<(&str, &str)> = own
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            headers,
            [
                ("Authentication", "k"),
                ("content-type", "application/json"),
                ("x-a", "1"),
            ]
        );
        assert_eq!(
            own.rate.map(|rate| rate.to_string()).as_deref(),
            Some("10/s")
        );
        assert_eq!(own.rate_burst, None);
        assert_eq!(own.request.method.as_deref(), Some("POST"));
        assert_eq!(
            own.retry.client.as_ref(),
            Some(&crate::config::Schedule::Never)
        );
        assert_eq!(
            own.success
                .and_then(|rules| rules.statuses().map(<[_]>::len)),
            Some(1)
        );
        let own = filled("preset = \"appmetrica\"\nretry.default = [\"1s\"]");
        assert_eq!(
            own.retry.limited, None,
            "a default of one's own is for all classes"
        );
        let own = filled("preset = \"adjust\"\nauth = { kind = \"none\" }");
        assert_eq!(own.auth.and_then(|auth| auth.token), None);
        let own = filled("preset = \"adjust\"\nheaders = { authorization = \"Bearer x\" }");
        assert_eq!(own.auth, None);
    }

    #[test]
    fn keys_that_are_left_out_do_not_hold() {
        let own = filled(
            "preset = { name = \"appmetrica\", without = [\"request.query.post_api_key\", \"rate\"] }",
        );
        assert!(own.request.query.is_empty() && own.rate.is_none());
        assert_eq!(own.rate_burst, Some(1));
        assert_filled_again_is_the_same(&own);
    }

    #[test]
    fn a_preset_that_cannot_be_taken_says_why() {
        for (lines, says) in [
            (
                "[destinations.\"h\"]\npreset = \"adjst\"",
                "did you mean `adjust`?",
            ),
            (
                "[destinations.\"*\"]\npreset = \"adjust\"",
                "`*` is every receiver",
            ),
            (
                "[destinations.\"h\"]\npreset = { name = \"adjust\", without = [\"rate\"] }",
                "`without` names `rate`, which `adjust` does not set",
            ),
        ] {
            let found = read(lines).problems();
            let is_said = found.len() == 1
                && found[0].key.ends_with(".preset")
                && found[0].detail.contains(says);
            assert!(is_said, "{lines}: {found:?}");
        }
        let error = toml::from_str::<Settings>("[destinations.\"h\"]\npreset = 1").unwrap_err();
        assert!(
            error.to_string().contains("the name of a preset"),
            "{error}"
        );
    }

    #[test]
    fn what_a_preset_needs_is_missing_under_its_destination() {
        struct Nothing;
        impl crate::config::Secrets for Nothing {
            fn env(&self, name: &str) -> Result<String, String> {
                Err(name.to_owned())
            }
            fn file(&self, path: &str) -> Result<String, String> {
                Err(path.to_owned())
            }
        }
        for preset in PRESETS {
            let settings = read(&format!(
                "[destinations.\"127.0.0.1\"]\npreset = \"{}\"",
                preset.name
            ));
            let missing = settings.missing(&Nothing);
            assert_eq!(missing.len(), preset.secrets().len(), "{missing:?}");
            for (invalid, secret) in missing.iter().zip(preset.secrets()) {
                assert!(
                    invalid.key.starts_with("destinations.\"127.0.0.1\"."),
                    "{invalid}"
                );
                assert!(invalid.detail.contains(secret), "{invalid}");
            }
            assert_eq!(settings.problems(), []);
            assert_eq!(settings.warnings(), []);
        }
        let elsewhere = read("[destinations.\"h.example\"]\npreset = \"adjust\"").warnings();
        assert!(elsewhere.len() == 1 && elsewhere[0].detail.contains("is for s2s.adjust.com"));
    }
}
