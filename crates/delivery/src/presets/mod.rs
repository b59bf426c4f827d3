//! The rules that receivers document of themselves: a file of settings each, taken by `preset = "NAME"` in a destination.
//!
//! A file holds exactly the lines that one could write oneself, with the source of each as a comment; a number that no page
//! gives says "chosen". Which keys of it hold beside a destination's own is in [`crate::config::preset`].

use crate::config::Settings;
use crate::template::nearest;

/// The rules for one kind of receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// As written after `preset =`.
    pub name: &'static str,
    /// The hosts that it is for, the newest first; none for a standard that any host may follow.
    pub hosts: &'static [&'static str],
    /// What it is for, in a few words.
    pub about: &'static str,
    /// The lines, with their sources.
    pub text: &'static str,
}

/// All of them, by name.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "adjust",
        hosts: &["s2s.adjust.com"],
        about: "Adjust events, server to server",
        text: include_str!("adjust.toml"),
    },
    Preset {
        name: "airbridge",
        hosts: &["api.airbridge.io"],
        about: "Airbridge events of apps and of the web, server to server",
        text: include_str!("airbridge.toml"),
    },
    Preset {
        name: "appmetrica",
        hosts: &["api.appmetrica.yandex.ru", "api.appmetrica.yandex.com"],
        about: "AppMetrica events by its Post API",
        text: include_str!("appmetrica.toml"),
    },
    Preset {
        name: "appsflyer",
        hosts: &["api3.appsflyer.com", "api2.appsflyer.com"],
        about: "AppsFlyer in-app events of mobile apps, server to server",
        text: include_str!("appsflyer.toml"),
    },
    Preset {
        name: "singular",
        hosts: &["s2s.singular.net"],
        about: "Singular events, server to server",
        text: include_str!("singular.toml"),
    },
    Preset {
        name: "standard-webhooks",
        hosts: &[],
        about: "Any receiver of Standard Webhooks 1.0.0",
        text: include_str!("standard-webhooks.toml"),
    },
];

/// The preset of that name.
///
/// # Errors
/// Words with the name that was probably meant.
pub fn find(name: &str) -> Result<&'static Preset, String> {
    PRESETS
        .iter()
        .find(|preset| preset.name == name)
        .ok_or_else(|| {
            let names = PRESETS.iter().map(|preset| preset.name);
            format!("there is no preset `{name}`; {}", nearest(name, names))
        })
}

impl Preset {
    /// The keys of its destination, as a TOML table.
    ///
    /// # Errors
    /// Words for a fault in this build: a file that does not hold one destination.
    pub fn table(&self) -> Result<toml::Table, String> {
        let broken = |detail: String| format!("preset `{}` is broken: {detail}", self.name);
        // Read as settings first: an unknown key is found here and not where it is used.
        toml::from_str::<Settings>(self.text).map_err(|error| broken(error.to_string()))?;
        let whole: toml::Table =
            toml::from_str(self.text).map_err(|error| broken(error.to_string()))?;
        let rules = whole.get("destinations").and_then(toml::Value::as_table);
        let rules = rules.and_then(|all| all.values().next());
        let rules = rules.and_then(toml::Value::as_table);
        rules
            .cloned()
            .ok_or_else(|| broken("it has no destination".to_owned()))
    }

    /// The names of the secrets that it needs, in their order.
    #[must_use]
    pub fn secrets(&self) -> Vec<&'static str> {
        let lines = self.text.lines().filter(|line| !line.starts_with('#'));
        let references = lines.flat_map(|line| line.split("${secret:").skip(1));
        let mut names: Vec<&str> = references
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
            .collect();
        names.dedup();
        names
    }

    /// Whether it is for receivers of that name in the settings: a host, a pattern, or `*`.
    #[must_use]
    pub fn is_for(&self, pattern: &str) -> bool {
        let host = match pattern.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            _ => pattern,
        };
        let is_met = |own: &&str| match host.strip_prefix('*') {
            Some(end) if !end.is_empty() => own.ends_with(end),
            _ => *own == host,
        };
        self.hosts.is_empty() || self.hosts.iter().any(is_met)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_one_destination_that_can_be_used() {
        assert!(PRESETS.is_sorted_by_key(|preset| preset.name));
        for preset in PRESETS {
            let settings: Settings = toml::from_str(preset.text).unwrap();
            assert_eq!(settings.problems(), [], "{}", preset.name);
            assert_eq!(settings.warnings(), [], "{}", preset.name);
            let hosts: Vec<&String> = settings.destinations.keys().collect();
            let first = preset.hosts.first().unwrap_or(&"hooks.example.com");
            assert_eq!(hosts, [first]);
            assert!(preset.is_for(first) && !preset.secrets().is_empty());
        }
    }

    #[test]
    fn no_window_of_a_documented_limit_has_more_sends() {
        for (name, sends, window_secs) in [
            ("airbridge", 1_000, 60),
            ("appmetrica", 30, 1),
            ("appsflyer", 60_000, 60),
        ] {
            let settings: Settings = toml::from_str(find(name).unwrap().text).unwrap();
            let rules = settings.destinations.into_values().next().unwrap();
            let rate = rules.rate.unwrap().per_sec();
            // What a bucket lets pass, whose timers may be 0.1s late: see `limit`.
            let most = f64::from(rules.rate_burst.unwrap()) + rate * (f64::from(window_secs) + 0.1);
            assert!(most <= f64::from(sends), "{name}: {most}");
            assert!(most > f64::from(sends) * 0.97, "{name}: {most}");
        }
    }

    #[test]
    fn a_name_that_is_none_brings_the_one_that_was_meant() {
        let error = find("apsflyer").unwrap_err();
        assert!(error.contains("did you mean `appsflyer`?"), "{error}");
        let error = find("nothing-like-it").unwrap_err();
        assert!(error.contains("adjust, airbridge"), "{error}");
    }

    #[test]
    fn a_preset_is_for_the_hosts_of_its_maker() {
        let preset = find("appsflyer").unwrap();
        for (pattern, is_for) in [
            ("api2.appsflyer.com", true),
            ("api3.appsflyer.com:8443", true),
            ("*.appsflyer.com", true),
            ("*.com", true),
            ("*", false),
            ("s2s.adjust.com", false),
            ("*.adjust.com", false),
        ] {
            assert_eq!(preset.is_for(pattern), is_for, "{pattern}");
        }
        assert!(find("standard-webhooks").unwrap().is_for("*"));
    }
}
