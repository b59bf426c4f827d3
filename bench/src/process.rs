//! The CPU time of processes, as the kernel counts it.

use anyhow::{Context, Result};

/// proc(5) counts in these; USER_HZ is 100 on every Linux.
const TICKS_PER_SEC: f64 = 100.0;

/// User and system time of a process, in seconds.
pub(crate) fn cpu_secs(pid: u32) -> Result<f64> {
    times(&pid.to_string(), 14)
}

/// The same of all children of this process that have ended.
pub(crate) fn ended_children_cpu_secs() -> Result<f64> {
    times("self", 16)
}

/// The sum of two neighbouring fields of /proc/PID/stat, counted from 1 as proc(5) does.
fn times(process: &str, field: usize) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in brackets and may hold spaces.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .context("the form of /proc/PID/stat")?
        .1
        .split_whitespace()
        .collect();
    let ticks = fields[field - 3].parse::<f64>()? + fields[field - 2].parse::<f64>()?;
    Ok(ticks / TICKS_PER_SEC)
}
