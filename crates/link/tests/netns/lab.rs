//! Machines and the network between them.
//!
//! ```text
//!   out ─ 198.51.100.0/24 ─┐
//!                         inet ─ 203.0.113.0/24 ─ gw  ─ 10.77.0.0/24 ─ priv
//!                          └──── 192.0.2.0/24 ─── gw2 ─ 10.88.0.0/24 ─ priv2
//! ```

use std::process::{Command, Output};
use std::time::Duration;

use base::time::{Clock, SystemClock};

use crate::node::Node;

/// Namespaces, which go with this.
pub(crate) struct Lab {
    names: Vec<&'static str>,
    pub(crate) folder: tempfile::TempDir,
}

impl Lab {
    /// A host outside, a gateway, and a host behind it.
    pub(crate) fn one() -> Self {
        let mut lab = Self {
            names: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["out", "inet", "gw", "priv"] {
            lab.add(name);
        }
        lab.join("out", "198.51.100.2/24", "inet", "198.51.100.1/24");
        lab.join("gw", "203.0.113.2/24", "inet", "203.0.113.1/24");
        lab.join("priv", "10.77.0.10/24", "gw", "10.77.0.1/24");
        lab.ip("-n out addr add 2001:db8:1::2/64 dev out-inet nodad");
        lab.ip("-n inet addr add 2001:db8:1::1/64 dev inet-out nodad");
        lab.ip("-n gw addr add 2001:db8:2::2/64 dev gw-inet nodad");
        lab.ip("-n inet addr add 2001:db8:2::1/64 dev inet-gw nodad");
        lab.ip("-n out route add default via 198.51.100.1");
        lab.ip("-n out route add default via 2001:db8:1::1");
        lab.ip("-n gw route add default via 203.0.113.1");
        lab.ip("-n gw route add default via 2001:db8:2::1");
        lab.forward("inet");
        lab.forward("gw");
        lab
    }

    /// … and another gateway with a host behind it.
    pub(crate) fn two() -> Self {
        let mut lab = Self::one();
        lab.add("gw2");
        lab.add("priv2");
        lab.join("gw2", "192.0.2.2/24", "inet", "192.0.2.1/24");
        lab.join("priv2", "10.88.0.10/24", "gw2", "10.88.0.1/24");
        lab.ip("-n gw2 route add default via 192.0.2.1");
        lab.ip("-n priv2 route add default via 10.88.0.1");
        lab.ip("-n priv route add default via 10.77.0.1");
        lab.forward("gw2");
        lab
    }

    pub(crate) fn add(&mut self, name: &'static str) {
        self.ip(&format!("netns add {name}"));
        self.ip(&format!("-n {name} link set lo up"));
        self.names.push(name);
    }

    /// Joins two by a cable; its ends are named `A-B` and `B-A`.
    pub(crate) fn join(&self, a: &str, a_address: &str, b: &str, b_address: &str) {
        self.ip(&format!(
            "link add {a}-{b} netns {a} type veth peer name {b}-{a} netns {b}"
        ));
        for (own, other, address) in [(a, b, a_address), (b, a, b_address)] {
            self.ip(&format!("-n {own} addr add {address} dev {own}-{other}"));
            self.ip(&format!("-n {own} link set {own}-{other} up"));
        }
    }

    pub(crate) fn forward(&self, name: &str) {
        self.run(
            name,
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
        );
    }

    /// `ip …`
    pub(crate) fn ip(&self, words: &str) -> String {
        let mut command = Command::new("ip");
        good(command.args(words.split_whitespace()), words)
    }

    /// A command in a namespace, which must go well.
    pub(crate) fn run(&self, name: &str, words: &str) -> String {
        let mut command = within(name);
        good(command.args(words.split_whitespace()), words)
    }

    /// A command in a namespace, whatever becomes of it.
    pub(crate) fn try_run(&self, name: &str, words: &str) -> Output {
        let mut command = within(name);
        command.args(words.split_whitespace()).output().unwrap()
    }

    /// Rules of nftables in a namespace.
    pub(crate) fn nft(&self, name: &str, rules: &str) {
        let path = self.folder.path().join("rules.nft");
        std::fs::write(&path, rules).unwrap();
        self.run(name, &format!("nft -f {}", path.display()));
    }

    /// Asks a service by TCP from a namespace.
    pub(crate) fn ask(&self, from: &str, to: &str) -> Answer {
        self.ask_as(from, to, "0.0.0.0")
    }

    /// … from one of its addresses.
    pub(crate) fn ask_as(&self, from: &str, to: &str, address: &str) -> Answer {
        let own = std::env::current_exe().unwrap();
        let words = format!("{} role ask {to} {address}", own.display());
        let said = self.run(from, &words);
        let (kind, rest) = said.trim_end_matches('\n').split_once(' ').unwrap();
        match kind {
            "answered" => Answer::From(rest.to_owned()),
            "refused" => Answer::Error(rest.to_owned()),
            "silence" => Answer::Silence,
            _ => panic!("{said}"),
        }
    }

    /// Starts a service by TCP that says who asked.
    pub(crate) fn serve(&self, name: &str, at: &str) -> Node {
        Node::start(name, &["serve", at])
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in &self.names {
            self.ip(&format!("netns del {name}"));
        }
    }
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was answered, and this is who the service saw.
    From(String),
    /// An error came at once.
    Error(String),
    /// Nothing came, for a second and a half.
    Silence,
}

impl Answer {
    pub(crate) fn from(who: &str) -> Self {
        Self::From(who.to_owned())
    }

    pub(crate) fn unreachable() -> Self {
        Self::Error("HostUnreachable".to_owned())
    }
}

pub(crate) fn within(name: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", name]);
    command
}

fn good(command: &mut Command, words: &str) -> String {
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{words}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

/// Waits until it is so; a busy machine has time for it.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let began = SystemClock::new();
    while !is_so() {
        assert!(
            began.monotonic() < Duration::from_secs(40),
            "{what}: not in 40 s"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    began.monotonic()
}
