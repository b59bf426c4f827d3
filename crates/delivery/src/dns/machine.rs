//! What this machine says of names: `/etc/resolv.conf`, `/etc/hosts`, `/etc/nsswitch.conf` (resolv.conf(5), hosts(5)).

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Servers that are asked, as the system's own resolver asks them (MAXNS of resolv.conf(5)).
const SERVERS_MAX: usize = 3;

/// Domains that are searched (as in resolv.conf(5) before glibc 2.26).
const SEARCH_MAX: usize = 6;

/// More of a file is not read (chosen: hosts of a hundred thousand lines).
const FILE_BYTES_MAX: u64 = 8 << 20;

/// Where they are; other places for tests.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) resolv: PathBuf,
    pub(super) hosts: PathBuf,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            resolv: "/etc/resolv.conf".into(),
            hosts: "/etc/hosts".into(),
        }
    }
}

/// How the machine asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolv {
    pub(super) servers: Vec<SocketAddr>,
    search: Vec<String>,
    ndots: usize,
    /// For one answer.
    pub(super) timeout: Duration,
    /// Rounds through all servers.
    pub(super) attempts: usize,
}

impl Resolv {
    /// What `text` says; what it does not say is as in resolv.conf(5), except that an answer is waited for shorter.
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(2),
            attempts: 2,
        };
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    conf.servers
                        .extend(address.map(|address| SocketAddr::new(address, 53)));
                }
                Some("domain" | "search") => {
                    let domains = words.map(|word| word.trim_end_matches('.').to_ascii_lowercase());
                    conf.search = domains
                        .filter(|word| !word.is_empty())
                        .take(SEARCH_MAX)
                        .collect();
                }
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        conf.servers.truncate(SERVERS_MAX);
        if conf.servers.is_empty() {
            conf.servers.push(SocketAddr::from(([127, 0, 0, 1], 53)));
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let number = |text: &str, max: usize| text.parse::<usize>().ok().map(|n| n.min(max));
        match word.split_once(':') {
            Some(("ndots", text)) => self.ndots = number(text, 15).unwrap_or(self.ndots),
            Some(("attempts", text)) => {
                self.attempts = number(text, 5).unwrap_or(self.attempts).max(1)
            }
            Some(("timeout", text)) => {
                let secs = number(text, 5).map(|secs| secs.max(1) as u64);
                self.timeout = secs.map_or(self.timeout, Duration::from_secs);
            }
            _ => {}
        }
    }

    /// The names that are asked for in the place of `host`, in order; a dot at its end says that it is whole.
    pub(super) fn candidates(&self, host: &str) -> Vec<String> {
        if let Some(whole) = host.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let searched = self.search.iter().map(|domain| format!("{host}.{domain}"));
        let mut all: Vec<String> = searched.collect();
        let is_whole = host.matches('.').count() >= self.ndots;
        all.insert(if is_whole { 0 } else { all.len() }, host.to_owned());
        all
    }
}

/// The addresses of `host` in a text of hosts(5), in its order.
pub(super) fn in_hosts(text: &str, host: &str) -> Vec<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else {
            continue;
        };
        if words.any(|name| name.eq_ignore_ascii_case(host)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// Whether names are found by files and DNS alone, so that asking DNS ourselves finds the same (nsswitch.conf(5)).
/// `resolve` and `myhostname` answer for what is in DNS or is this machine's own name.
pub(super) fn is_plain(nsswitch: &str) -> bool {
    let line = nsswitch
        .lines()
        .find_map(|line| line.trim().strip_prefix("hosts:"));
    let Some(line) = line else { return true };
    let line = line.split('#').next().unwrap_or_default();
    let sources = line
        .split_ascii_whitespace()
        .filter(|word| !word.starts_with('['));
    let known = ["files", "dns", "resolve", "myhostname"];
    // `[!UNAVAIL=return]` and the like stand in brackets, and may hold a space.
    sources
        .filter(|word| !word.ends_with(']'))
        .all(|word| known.contains(&word))
}

/// The content of a file, empty where there is none.
pub(super) fn read(path: &std::path::Path) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_settings_are_read_as_its_own_resolver_does() {
        let conf = Resolv::parse(
            "# made by hand\nnameserver 192.0.2.53\nnameserver 2001:db8::53 ; second\nnameserver nonsense\n\
             domain old.example\nsearch a.example B.example.\noptions ndots:2 timeout:1 attempts:9 rotate\n",
        );
        assert_eq!(
            conf.servers,
            [
                "192.0.2.53:53".parse().unwrap(),
                "[2001:db8::53]:53".parse().unwrap()
            ]
        );
        assert_eq!((conf.timeout, conf.attempts), (Duration::from_secs(1), 5));
        assert_eq!(conf.candidates("h"), ["h.a.example", "h.b.example", "h"]);
        assert_eq!(
            conf.candidates("x.y.z"),
            ["x.y.z", "x.y.z.a.example", "x.y.z.b.example"]
        );
        assert_eq!(conf.candidates("h."), ["h"]);
        let nothing = Resolv::parse("");
        assert_eq!(nothing.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!(nothing.candidates("h.example"), ["h.example"]);
        let many = Resolv::parse(&"nameserver 192.0.2.1\nsearch a b c d e f g h\n".repeat(9));
        assert_eq!(
            (many.servers.len(), many.search.len()),
            (SERVERS_MAX, SEARCH_MAX)
        );
    }

    #[test]
    fn hosts_are_found_by_every_name_of_their_line() {
        let text = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n192.0.2.7 App.Example app # app2\nnonsense app\n";
        assert_eq!(
            in_hosts(text, "localhost"),
            [
                "127.0.0.1".parse::<IpAddr>().unwrap(),
                "::1".parse().unwrap()
            ]
        );
        assert_eq!(
            in_hosts(text, "app.example."),
            ["192.0.2.7".parse::<IpAddr>().unwrap()]
        );
        assert_eq!(in_hosts(text, "app2"), [] as [IpAddr; 0]);
    }

    #[test]
    fn other_sources_of_names_are_left_to_the_machine() {
        for (text, plain) in [
            ("", true),
            ("hosts: files dns\n", true),
            (
                "passwd: sss\nhosts:  files resolve [!UNAVAIL=return] dns myhostname # x\n",
                true,
            ),
            ("hosts: files mdns4_minimal [NOTFOUND=return] dns\n", false),
            ("hosts: files sss dns\n", false),
        ] {
            assert_eq!(is_plain(text), plain, "{text}");
        }
    }
}
