//! The floor of every sending figure: what `wrk -t1 -c64` reaches against the same sink in the same run.

use std::process::Command;

use anyhow::{Context, Result};

/// Requests a second over `secs` seconds of `wrk -t1 -c64` on `url`.
pub(crate) fn requests_per_sec(url: &str, secs: u64) -> Result<f64> {
    let output = Command::new("wrk")
        .args(["-t1", "-c64", &format!("-d{secs}s"), url])
        .output()
        .context("`wrk` is missing: apt-get update && apt-get install -y wrk")?;
    let text = String::from_utf8(output.stdout)?;
    let rate = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    Ok(rate
        .context("wrk printed no Requests/sec")?
        .trim()
        .parse()?)
}
