//! A folder with settings and data, and the processes that work on it. Everything ends with the test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

/// How long a process may take for one step on a busy machine. Nothing is asserted of it.
const STEP_MAX: Duration = Duration::from_secs(120);

/// Where everything of a test lies.
pub(crate) struct House {
    folder: tempfile::TempDir,
    /// Where its sinks listen.
    sinks: Mutex<Vec<String>>,
}

impl House {
    pub(crate) fn new(settings: &str) -> Self {
        let house = Self {
            folder: tempfile::tempdir().unwrap(),
            sinks: Mutex::default(),
        };
        house.settle(settings);
        house
    }

    /// Writes the settings.
    pub(crate) fn settle(&self, settings: &str) {
        std::fs::write(self.path("shukuba.toml"), settings).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command on the data directory `data` with nothing from the environment but what finding programs takes.
    pub(crate) fn command_on(&self, data: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shukuba"));
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/bin:/bin");
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        if arguments.first() != Some(&"sink") {
            command
                .arg("--data")
                .arg(self.path(data))
                .arg("--config")
                .arg(self.path("shukuba.toml"));
        }
        command
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_on("data", arguments)
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stderr(Stdio::piped())
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed, and reads its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.json_on("data", arguments)
    }

    pub(crate) fn json_on(&self, data: &str, arguments: &[&str]) -> Value {
        let output = self
            .command_on(data, arguments)
            .args(["--output", "json"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts a server on the data directory `data` and waits until it says that it serves.
    pub(crate) fn serve_on(&self, data: &str) -> Process {
        self.serve_by(self.command_on(data, &["serve", "--listen", "127.0.0.1:0"]))
    }

    /// The same by another command that becomes the server.
    pub(crate) fn serve_by(&self, mut command: Command) -> Process {
        let socket = UnixDatagram::bind(self.path("notify")).unwrap();
        socket.set_read_timeout(Some(STEP_MAX)).unwrap();
        let server = Process(
            command
                .env("NOTIFY_SOCKET", self.path("notify"))
                .env("SHUKUBA_LOG", "warn")
                .spawn()
                .unwrap(),
        );
        let mut word = [0; 512];
        loop {
            let count = socket
                .recv(&mut word)
                .expect("the server says that it serves");
            if word[..count].starts_with(b"READY=1") {
                std::fs::remove_file(self.path("notify")).unwrap();
                return server;
            }
        }
    }

    pub(crate) fn serve(&self) -> Process {
        self.serve_on("data")
    }

    /// Starts a sink, whose log is `sink.log`.
    pub(crate) fn sink(&self) -> (Process, String) {
        let log = self.path("sink.log");
        self.sink_with(&["--log", log.to_str().unwrap()])
    }

    /// Starts a sink that offers TLS, and writes the file of its authority.
    pub(crate) fn tls_sink(&self, authority: &str) -> (Process, String) {
        let file = self.path(authority);
        self.sink_with(&[
            "--tls-names",
            "127.0.0.1",
            "--tls-ca",
            file.to_str().unwrap(),
        ])
    }

    fn sink_with(&self, options: &[&str]) -> (Process, String) {
        let mut command = self.command(&["sink", "--listen", "127.0.0.1:0"]);
        command.args(options);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line.trim().to_owned();
        self.sinks.lock().unwrap().push(url.clone());
        (Process(child), url)
    }

    /// Sends lines, each in a message of its own; all are acknowledged when it returns.
    pub(crate) fn send(&self, queue: &str, lines: impl IntoIterator<Item = String>) {
        assert_eq!(self.sending(queue, lines).wait(), Some(0), "sending");
    }

    /// The same, which goes on beside the test.
    pub(crate) fn sending(&self, queue: &str, lines: impl IntoIterator<Item = String>) -> Process {
        let mut command = self.command(&["send", "--queue", queue]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
        Process(child)
    }

    /// What the ledger says, balanced or not.
    pub(crate) fn ledger_on(&self, data: &str) -> Value {
        let output = self
            .command_on(data, &["ledger", "--output", "json"])
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("the ledger: {error}: {output:?}"))
    }

    pub(crate) fn ledger(&self) -> Value {
        self.ledger_on("data")
    }

    /// Asks until `is_so`: a process has no other way to say how far it is.
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = std::time::Instant::now();
        while !is_so() {
            assert!(
                begun.elapsed() < STEP_MAX,
                "{what}: not within {} s",
                STEP_MAX.as_secs()
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// The log of the sinks, with all that they have answered by now.
    pub(crate) fn sink_log(&self) -> String {
        for sink in self.sinks.lock().unwrap().iter() {
            // Who asks for the counts finds the log written. One that has ended wrote it then.
            if let Ok(mut stream) = TcpStream::connect(sink.trim_start_matches("http://")) {
                let ask = "GET /_sink/stats HTTP/1.1\r\nhost: sink\r\nconnection: close\r\n\r\n";
                stream.write_all(ask.as_bytes()).unwrap();
                stream.read_to_end(&mut Vec::new()).unwrap();
            }
        }
        std::fs::read_to_string(self.path("sink.log")).unwrap_or_default()
    }

    /// The numbers in the sink's log, with how often each came.
    pub(crate) fn seen(&self) -> BTreeMap<u64, u64> {
        let mut seen = BTreeMap::new();
        for line in self.sink_log().lines() {
            let target = line.split('\t').nth(2).unwrap_or_default();
            if let Some(number) = target
                .split_once("n=")
                .and_then(|(_, number)| number.parse().ok())
            {
                *seen.entry(number).or_default() += 1;
            }
        }
        seen
    }
}

/// The counts of a queue in a ledger: those by state, and how its messages divide now.
pub(crate) fn queue_of(ledger: &Value, name: &str) -> (Value, Value) {
    let queues = ledger["queues"].as_array().unwrap();
    let queue = queues
        .iter()
        .find(|queue| queue["queue"] == name)
        .unwrap_or_else(|| panic!("`{name}` in {ledger}"));
    (queue["total"].clone(), queue["live"].clone())
}

/// The results in the objects under `folder`: notification and verdict each.
pub(crate) fn results_in(folder: &Path) -> Vec<(String, String)> {
    let (mut results, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".ndjson.zst") {
                let text =
                    zstd::stream::decode_all(std::fs::read(&path).unwrap().as_slice()).unwrap();
                results.extend(
                    text.split(|byte| *byte == b'\n')
                        .filter(|line| !line.is_empty())
                        .map(result),
                );
            }
        }
    }
    results
}

fn result(line: &[u8]) -> (String, String) {
    let result: Value = serde_json::from_slice(line).unwrap();
    let text = |name: &str| {
        result[name]
            .as_str()
            .unwrap_or_else(|| panic!("`{name}` in {result}"))
            .to_owned()
    };
    (text("notification_id"), text("verdict"))
}

/// A running process; killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Asks it to end and gives its exit code.
    pub(crate) fn stop(self) -> Option<i32> {
        self.ask();
        self.wait()
    }

    /// Asks it to end.
    pub(crate) fn ask(&self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(asked.success());
    }

    /// Asks it to read its settings again.
    pub(crate) fn reload(&self) {
        let asked = Command::new("kill")
            .args(["-HUP", &self.0.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
    }

    /// Waits for its own end and gives its exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
