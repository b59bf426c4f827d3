//! A server of our own: started on a fresh directory, watched through /proc, stopped by its process id.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// What a signed call needs.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// `address:port`.
    pub(crate) host: String,
    /// Access key id.
    pub(crate) key: String,
    /// Secret access key.
    pub(crate) secret: String,
    /// Region of the signature's scope.
    pub(crate) region: String,
}

/// A running `shukuba serve`.
pub(crate) struct Server {
    child: Child,
    directory: PathBuf,
    config: PathBuf,
}

/// What the kernel has counted for a process so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time, in seconds.
    pub(crate) cpu_secs: f64,
    /// Bytes that it caused to be written to the disk.
    pub(crate) written_bytes: u64,
}

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// VmRSS.
    pub(crate) resident: u64,
    /// RssAnon.
    pub(crate) anonymous: u64,
}

const START_SECS_MAX: u64 = 60;

impl Server {
    /// Starts on a fresh directory below `parent` with the settings `config`.
    pub(crate) fn fresh(parent: &Path, name: &str, config: &str) -> Result<Self> {
        let directory = parent.join(format!("shukuba-bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let config_path = directory.join("shukuba.toml");
        std::fs::write(&config_path, config)?;
        let child = spawn(&directory, &config_path)?;
        let mut server = Self {
            child,
            directory,
            config: config_path,
        };
        server.wait_until_healthy()?;
        Ok(server)
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same directory; returns the time until its health answers.
    pub(crate) fn restart(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        self.child = spawn(&self.directory, &self.config)?;
        self.wait_until_healthy()?;
        Ok(begun.elapsed())
    }

    /// The key of the directory's administrator and the address.
    pub(crate) fn access(&self) -> Result<Access> {
        let output = command("env", &self.directory, &self.config)
            .output()
            .context("running `shukuba env`")?;
        let text = String::from_utf8(output.stdout)?;
        let find = |name: &str| {
            let line = text.lines().find_map(|line| {
                line.strip_prefix("export ")?
                    .strip_prefix(name)?
                    .strip_prefix('=')
            });
            line.map(|value| value.trim_matches(['\'', '"']).to_owned())
                .with_context(|| format!("`shukuba env` gives no {name}"))
        };
        let endpoint = find("AWS_ENDPOINT_URL")?;
        Ok(Access {
            host: endpoint
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned(),
            key: find("AWS_ACCESS_KEY_ID")?,
            secret: find("AWS_SECRET_ACCESS_KEY")?,
            region: find("AWS_DEFAULT_REGION")?,
        })
    }

    /// Runs one of our commands against this directory and returns its standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let (name, rest) = arguments.split_first().context("a command")?;
        let output = command(name, &self.directory, &self.config)
            .args(rest)
            .output()?;
        if !output.status.success() {
            bail!(
                "`shukuba {}`: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// CPU time and bytes written so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let pid = self.child.id();
        let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
        Ok(Usage {
            cpu_secs: process::cpu_secs(pid)?,
            written_bytes: number_after(&io, "\nwrite_bytes:"),
        })
    }

    /// Resident memory now.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = |name: &str| number_after(&status, name) * 1024;
        Ok(Memory {
            resident: kib("VmRSS:"),
            anonymous: kib("RssAnon:"),
        })
    }

    /// A counter among its metrics, summed over its labels.
    pub(crate) fn counted(&self, name: &str) -> Result<f64> {
        let answer = self.get("/_shukuba/metrics")?;
        let values = answer.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let is_it = rest.starts_with([' ', '{']);
            is_it.then(|| line.rsplit_once(' ')?.1.parse::<f64>().ok())?
        });
        Ok(values.sum())
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn wait_until_healthy(&mut self) -> Result<()> {
        let begun = Instant::now();
        while !self.is_healthy() {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "serve ended with {status}: {}",
                    std::fs::read_to_string(self.directory.join("serve.log"))?
                );
            }
            if begun.elapsed() > Duration::from_secs(START_SECS_MAX) {
                bail!(
                    "serve did not come up: see {}",
                    self.directory.join("serve.log").display()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn is_healthy(&self) -> bool {
        self.get("/_shukuba/health")
            .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// What an unsigned GET answers, head and all.
    fn get(&self, path: &str) -> Result<String> {
        use std::io::{Read, Write};
        let host = self.access()?.host;
        let mut stream = std::net::TcpStream::connect(&host)?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The binary under test.
pub(crate) fn binary() -> String {
    std::env::var("SHUKUBA_BIN").unwrap_or_else(|_| "target/release/shukuba".to_owned())
}

/// Where the servers' directories go.
pub(crate) fn parent() -> PathBuf {
    std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from)
}

fn command(name: &str, directory: &Path, config: &Path) -> Command {
    let mut command = Command::new(binary());
    command
        .arg(name)
        .arg("--data")
        .arg(directory.join("data"))
        .arg("--config")
        .arg(config);
    command
}

fn spawn(directory: &Path, config: &Path) -> Result<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.join("serve.log"))?;
    command("serve", directory, config)
        .args(["--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", binary()))
}

fn number_after(text: &str, name: &str) -> u64 {
    let rest = text
        .split_once(name)
        .map_or("", |(_, rest)| rest)
        .trim_start();
    let digits = rest
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    digits.parse().unwrap_or_default()
}
