//! Which rules apply to a receiver: the longest path below its host, exact host (with port, then without), the longest
//! `*.domain`, then `*`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::hidden::with_more;
use crate::config::{DestinationRules, Invalid, Secrets, Settings};
use crate::port::{BESIDE_DETAIL_BYTES_MAX, BESIDE_EXCERPT_BYTES_MAX};
use crate::sender::beside::Second;

/// The rules of all destinations, resolved.
#[derive(Clone, Debug)]
pub struct Destinations {
    /// By name: a host, or a host with a path.
    exact: HashMap<String, Arc<DestinationRules>, FixedState>,
    /// The paths that have rules of their own, by host. Most settings have none, and then URLs are asked for their host alone.
    paths: HashMap<String, Paths, FixedState>,
    /// By domain, without `*.`.
    wild: HashMap<String, Arc<DestinationRules>, FixedState>,
    default: Arc<DestinationRules>,
}

/// Paths of a host. Thousands may have rules of their own, so they are looked up, not walked through.
#[derive(Clone, Debug, Default)]
struct Paths {
    all: HashSet<String, FixedState>,
    bytes_max: usize,
}

impl Paths {
    fn add(&mut self, path: &str) {
        self.all.insert(path.to_owned());
        self.bytes_max = self.bytes_max.max(path.len());
    }

    /// The longest of these that `path` is or lies below. What is longer than all of them is not looked at: a URL may have
    /// thousands of `/`.
    fn longest_above(&self, path: &str) -> Option<&str> {
        let mut above = match path.get(..=self.bytes_max) {
            Some(longest) => cut(longest)?,
            None => path,
        };
        loop {
            if let Some(found) = self.all.get(above) {
                return Some(found);
            }
            above = cut(above)?;
        }
    }
}

/// What a path lies below.
fn cut(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(above, _)| above)
}

impl Default for Destinations {
    fn default() -> Self {
        Self {
            exact: HashMap::default(),
            paths: HashMap::default(),
            wild: HashMap::default(),
            default: Arc::new(DestinationRules::default()),
        }
    }
}

impl Destinations {
    /// Resolves `[destinations]` of the settings.
    ///
    /// # Errors
    /// [`Invalid`] when a secret cannot be read.
    pub fn new(settings: &Settings, secrets: &dyn Secrets) -> Result<Self, Invalid> {
        let mut all = Self::default();
        if let Some(own) = settings.destinations.get("*") {
            let own = own.filled("*")?;
            let rules = own.resolve("*", &all.default, &settings.secrets, secrets)?;
            all.default = Arc::new(rules);
        }
        for (name, own) in settings
            .destinations
            .iter()
            .filter(|(name, _)| *name != "*")
        {
            let own = own.filled(name)?;
            let rules = own.resolve(name, &all.default, &settings.secrets, secrets)?;
            if let (host, Some(path)) = split(name) {
                let paths = all.paths.entry(host.to_owned()).or_default();
                paths.add(path);
            }
            match name.strip_prefix("*.") {
                Some(domain) => all.wild.insert(domain.to_owned(), Arc::new(rules)),
                None => all.exact.insert(name.clone(), Arc::new(rules)),
            };
        }
        // A token server is a receiver like any other: the rules of its host hold.
        for auth in all.all().filter_map(|rules| rules.auth.as_ref()) {
            auth.set_rules(all.of_url(auth.url()));
        }
        all.join_seconds(settings, secrets)?;
        Ok(all)
    }

    /// Tells second URLs the rules of their hosts, and what must not go there: what the receiver hides, and what the templates
    /// of routes hold.
    fn join_seconds(&self, settings: &Settings, secrets: &dyn Secrets) -> Result<(), Invalid> {
        if !self.has_seconds() {
            return Ok(());
        }
        let mut made = Vec::new();
        for (name, route) in &settings.routes {
            let format = route.reader(name, &settings.secrets, secrets)?;
            made.extend(format.hidden().iter().cloned());
        }
        for rules in self.all() {
            if let Some(second) = &rules.beside {
                let forbidden = with_more(&rules.hidden, made.clone());
                second.set_there(self.of_url(second.to()), forbidden);
            }
        }
        Ok(())
    }

    /// Takes over the figures of second URLs that were there before.
    pub fn go_on(&self, before: &Self) {
        for (rules, second) in self.seconds() {
            let mut others = before.seconds();
            if let Some((_, other)) = others.find(|(other, _)| other.name == rules.name) {
                second.go_on(other);
            }
        }
    }

    /// Whether any receiver has a second URL.
    #[must_use]
    pub fn has_seconds(&self) -> bool {
        self.all().any(|rules| rules.beside.is_some())
    }

    /// The rules of receivers that have a second URL, with it.
    pub fn seconds(&self) -> impl Iterator<Item = (&Arc<DestinationRules>, &Arc<Second>)> {
        self.all()
            .filter_map(|rules| Some((rules, rules.beside.as_ref()?)))
    }

    /// The rules for a receiver as [`Destinations::write_receiver`] names it, such as `api2.appsflyer.com`, `127.0.0.1:8080` or
    /// `hooks.example/of/team`.
    #[must_use]
    pub fn find(&self, receiver: &str) -> &Arc<DestinationRules> {
        let (authority, path) = split(receiver);
        let host = host_of(authority);
        let with_path = |path: &str| {
            let of_host = || self.exact.get(&format!("{host}{path}"));
            self.exact.get(receiver).or_else(of_host)
        };
        path.and_then(with_path)
            .or_else(|| self.exact.get(authority))
            .or_else(|| self.exact.get(host))
            .or_else(|| self.find_wild(host))
            .unwrap_or(&self.default)
    }

    /// The rules for the receiver of a URL.
    #[must_use]
    pub fn of_url(&self, url: &Url) -> &Arc<DestinationRules> {
        let mut receiver = String::new();
        self.write_receiver(url, &mut receiver);
        self.find(&receiver)
    }

    /// Writes what names the receiver of a URL into `name`, which is emptied first: its [`authority`], with the path that has
    /// rules of its own behind it.
    pub(crate) fn write_receiver(&self, url: &Url, name: &mut String) {
        write_authority(url, name);
        if !self.paths.is_empty()
            && let Some(path) = self.path_of(name, url.path())
        {
            name.push_str(path);
        }
    }

    /// The longest path with rules that `path` is or lies below. One of `host:port` stands over those of the host.
    fn path_of(&self, authority: &str, path: &str) -> Option<&str> {
        let longest = |host: &str| self.paths.get(host)?.longest_above(path);
        let host = host_of(authority);
        let of_host = || (host != authority).then(|| longest(host)).flatten();
        longest(authority).or_else(of_host)
    }

    /// The longest time that any attempt may take.
    #[must_use]
    pub fn longest_attempt(&self) -> Duration {
        let all = self.all().map(|rules| rules.timeout_total);
        all.max().unwrap_or_default()
    }

    /// The longest excerpts of answers, in bytes, that any result may hold.
    #[must_use]
    pub fn longest_excerpt(&self) -> usize {
        let beside = |rules: &DestinationRules| match &rules.beside {
            None => 0,
            Some(second) => {
                second.to().as_str().len() + BESIDE_DETAIL_BYTES_MAX + BESIDE_EXCERPT_BYTES_MAX
            }
        };
        let all = self
            .all()
            .map(|rules| rules.response_excerpt_bytes + beside(rules));
        all.max().unwrap_or_default()
    }

    /// What the secrets in templates of requests gave.
    pub(crate) fn template_secrets(&self) -> Vec<String> {
        let requests = self.all().filter_map(|rules| rules.request.as_deref());
        requests.flat_map(|request| request.secrets()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<DestinationRules>> {
        let named = self.exact.values().chain(self.wild.values());
        named.chain([&self.default])
    }

    /// The longest time that an attempt may take where no rules name the receiver.
    #[must_use]
    pub fn default_attempt(&self) -> Duration {
        self.default.timeout_total
    }

    fn find_wild(&self, host: &str) -> Option<&Arc<DestinationRules>> {
        if self.wild.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, domain)) = rest.split_once('.') {
            if let Some(rules) = self.wild.get(domain) {
                return Some(rules);
            }
            rest = domain;
        }
        None
    }
}

/// A receiver's authority, and its path where it has one.
fn split(receiver: &str) -> (&str, Option<&str>) {
    match receiver
        .find('/')
        .and_then(|at| receiver.split_at_checked(at))
    {
        Some((authority, path)) => (authority, Some(path)),
        None => (receiver, None),
    }
}

/// What names a receiver's machine: host and, where it is not the scheme's own, port; of `mailto:` the domain.
#[must_use]
pub fn authority(url: &Url) -> String {
    let mut name = String::new();
    write_authority(url, &mut name);
    name
}

/// Writes [`authority`] into `name`, which is emptied first.
pub(crate) fn write_authority(url: &Url, name: &mut String) {
    use std::fmt::Write as _;
    name.clear();
    match url.host_str() {
        Some(host) => name.push_str(host.strip_suffix('.').unwrap_or(host)),
        None => name.push_str(&mail_domain(url).unwrap_or_default()),
    }
    if let Some(port) = url.port() {
        let _ = write!(name, ":{port}");
    }
}

/// The domain of a `mailto` URL's last address, or of the last one in its `to` (RFC 6068 has both).
pub(crate) fn mail_domain(url: &Url) -> Option<String> {
    let of = |addresses: &str| {
        let text = percent_decode_str(addresses).decode_utf8().ok()?;
        let (_, domain) = text.trim().rsplit_once('@')?;
        let domain = domain.trim_end_matches('>');
        let is_domain = !domain.is_empty() && domain.bytes().all(|byte| byte.is_ascii_graphic());
        is_domain.then(|| domain.to_ascii_lowercase())
    };
    let to = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        name.eq_ignore_ascii_case("to").then(|| of(value))?
    };
    let in_query = || url.query()?.split('&').find_map(to);
    of(url.path()).or_else(in_query)
}

/// The authority of a receiver, without its path.
pub(crate) fn authority_of(receiver: &str) -> &str {
    split(receiver).0
}

/// The host of a receiver, without its port and path.
#[must_use]
pub fn host_of(receiver: &str) -> &str {
    let (authority, _) = split(receiver);
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Destination, SystemSecrets};

    /// The rule as it is written down: of all paths that are the path or above it, the longest.
    fn longest_of<'a>(all: &[&'a str], path: &str) -> Option<&'a str> {
        let is_above = |above: &&&str| {
            let below = path.strip_prefix(**above);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let above = all.iter().filter(is_above);
        above.max_by_key(|path| path.len()).copied()
    }

    proptest::proptest! {
        #[test]
        fn the_longest_path_above_is_found(all in proptest::collection::vec("(/[ab]{0,2}){1,4}", 0..8), path in "(/[abc]{0,2}){0,6}") {
            let all: Vec<&str> = all.iter().map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty()).collect();
            let mut paths = Paths::default();
            all.iter().for_each(|path| paths.add(path));
            proptest::prop_assert_eq!(paths.longest_above(&path), longest_of(&all, &path));
        }
    }

    #[test]
    fn a_url_of_many_parts_is_not_walked_through() {
        let mut paths = Paths::default();
        (0..10_000).for_each(|number| paths.add(&format!("/hooks/{number}")));
        let long = format!("/hooks/77{}", "/".repeat(1 << 20));
        assert_eq!(paths.longest_above(&long), Some("/hooks/77"));
        let long = format!("/hooks{}", "/".repeat(1 << 20));
        assert_eq!(paths.longest_above(&long), None);
    }

    #[test]
    fn the_most_specific_wins() {
        let names = [
            "*",
            "*.appsflyer.com",
            "*.eu.appsflyer.com",
            "api2.appsflyer.com",
            "127.0.0.1:81",
            "127.0.0.1",
            "127.0.0.1:81/a",
            "127.0.0.1/a/b",
            "[::1]",
            "[::1]/p",
            "hooks.example/of/team",
            "hooks.example/of/team/a%20b",
            "hooks.example/of",
        ];
        let settings = Settings {
            destinations: names
                .map(|name| (name.to_owned(), Destination::default()))
                .into(),
            ..Settings::default()
        };
        assert_eq!(settings.problems(), []);
        let all = Destinations::new(&settings, &SystemSecrets).unwrap();
        for (url, name) in [
            ("https://api2.appsflyer.com/x", "api2.appsflyer.com"),
            ("https://API2.appsflyer.com.:8443/x", "api2.appsflyer.com"),
            ("https://api3.appsflyer.com/x", "*.appsflyer.com"),
            ("https://a.eu.appsflyer.com/x", "*.eu.appsflyer.com"),
            ("https://eu.appsflyer.com/x", "*.appsflyer.com"),
            ("https://appsflyer.com/x", "*"),
            ("http://127.0.0.1:81/", "127.0.0.1:81"),
            ("http://127.0.0.1:82/", "127.0.0.1"),
            ("http://[::1]:82/", "[::1]"),
            ("http://[::1]:82/p/q", "[::1]/p"),
            ("http://127.0.0.1:81/a/b", "127.0.0.1:81/a"),
            ("http://127.0.0.1:82/a/b/", "127.0.0.1/a/b"),
            ("http://127.0.0.1:82/a/bc", "127.0.0.1"),
            (
                "https://hooks.example/of/team?x=/of",
                "hooks.example/of/team",
            ),
            ("https://hooks.example/of/./team/", "hooks.example/of/team"),
            ("https://hooks.example/of/teams", "hooks.example/of"),
            ("https://hooks.example/Of/team", "*"),
            ("https://hooks.example/?/of/team", "*"),
            (
                "https://hooks.example:8443/of/team/a b/c",
                "hooks.example/of/team/a%20b",
            ),
            ("mailto:a@X.appsflyer.com", "*.appsflyer.com"),
            ("mailto:a%40x.appsflyer.com", "*.appsflyer.com"),
            ("mailto:?subject=x&To=b@x.appsflyer.com", "*.appsflyer.com"),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(&*all.of_url(&url).name, name, "{url}");
        }
    }
}
