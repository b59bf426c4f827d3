//! The floor of every sending figure: what `wrk -t1 -c64` reaches against the same sink in the same run, and what that costs it.

use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// What `wrk` reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    pub(crate) requests_per_sec: f64,
    /// Its own CPU time for a million requests, in seconds.
    pub(crate) cpu_secs_per_million: f64,
}

/// `wrk -t1 -c64` on `url` for `secs` seconds.
pub(crate) fn measure(url: &str, secs: u64) -> Result<Floor> {
    let before = process::ended_children_cpu_secs()?;
    let output = Command::new("wrk")
        .args(["-t1", "-c64", &format!("-d{secs}s"), url])
        .output()
        .context("`wrk` is missing: apt-get update && apt-get install -y wrk")?;
    let text = String::from_utf8(output.stdout)?;
    let number = |label: &str| {
        let line = text.lines().find(|line| line.contains(label))?;
        line.split_whitespace().find_map(|word| word.parse().ok())
    };
    let requests: f64 = number(" requests in ").context("wrk printed no number of requests")?;
    Ok(Floor {
        requests_per_sec: number("Requests/sec:").context("wrk printed no Requests/sec")?,
        cpu_secs_per_million: (process::ended_children_cpu_secs()? - before) * 1e6 / requests,
    })
}
