//! Processes of this binary in a namespace, to which one talks in lines.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use net::plan::PeerReport;
use net::{GatewayPlan, HostPlan, PublicKey};

use crate::lab::within;

/// A process that plays a part.
pub(crate) struct Node {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// What it said first.
    pub(crate) hello: String,
}

impl Node {
    /// Starts it and waits for its first line.
    pub(crate) fn start(namespace: &str, role: &[&str]) -> Self {
        Self::start_by(namespace, &[], role)
    }

    /// … by another program.
    pub(crate) fn start_by(namespace: &str, by: &[&str], role: &[&str]) -> Self {
        let mut command = within(namespace);
        command
            .args(by)
            .arg(std::env::current_exe().unwrap())
            .arg("role")
            .args(role);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut node = Self {
            child,
            to,
            from,
            hello: String::new(),
        };
        node.hello = node.hear();
        node
    }

    /// Says something, and hears what it answers.
    pub(crate) fn tell(&mut self, words: &str) -> String {
        writeln!(self.to, "{words}").unwrap();
        self.hear()
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the process has ended");
        line.trim_end().to_owned()
    }

    /// The key that it says it has.
    pub(crate) fn key(&mut self) -> PublicKey {
        self.tell("key").parse().unwrap()
    }

    /// Has it carry out a plan of a gateway; returns what went wrong.
    pub(crate) fn gateway(&mut self, plan: &GatewayPlan) -> String {
        let plan = serde_json::to_string(plan).unwrap();
        self.tell(&format!("apply {plan}"))
    }

    /// Has it carry out a plan of a host; returns what went wrong.
    pub(crate) fn host(&mut self, plan: &HostPlan) -> String {
        let plan = serde_json::to_string(plan).unwrap();
        self.tell(&format!("apply {plan}"))
    }

    /// What a gateway knows of its peers.
    pub(crate) fn peers(&mut self) -> Vec<PeerReport> {
        serde_json::from_str(&self.tell("peers")).unwrap()
    }

    /// What it knows of the one with this key.
    pub(crate) fn peer(&mut self, key: PublicKey) -> PeerReport {
        let mut peers = self.peers().into_iter();
        peers.find(|peer| peer.key == key).unwrap()
    }

    /// Its resident memory.
    pub(crate) fn memory_mib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }

    /// Ends it by a signal, and waits until it is gone.
    pub(crate) fn end(&mut self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &id])
            .status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
