//! The built-in checks of processes and of a file.

use std::io::{self, Read as _};
use std::path::Path;

use base::Timestamp;
use sha2::Digest as _;

use crate::check::config::{Check, File, Process, Span};
use crate::check::{Outcome, Status};
use crate::datum::{Measured, PLUGINS, Unit};
use crate::procfs::Proc;

/// Bytes of a file that are looked through for what it must hold.
const LOOKED_THROUGH: u64 = 1 << 20;

/// Counts processes. Without ranges, none is critical.
pub(super) fn process(check: &Check, process: &Process, proc: &Proc) -> Outcome {
    let found = match proc.find(process) {
        Ok(found) => found,
        Err(error) => return Outcome::unknown(format!("cannot look for processes: {error}")),
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "processes and bytes of one host"
    )]
    let (count, memory) = (
        found.len() as f64,
        found.iter().map(|one| one.memory).sum::<u64>() as f64,
    );
    let is_ranged =
        check.critical.of_main("count").is_some() || check.warning.of_main("count").is_some();
    let status = match (is_ranged, found.is_empty()) {
        (true, _) => check.judge_main("count", count),
        (false, true) => Status::Critical,
        (false, false) => Status::Ok,
    };
    let text = match &found[..] {
        [] => "no such process runs".to_owned(),
        [one] => format!("process {} runs", one.pid),
        all => format!("{} processes run", all.len()),
    };
    let mut outcome = Outcome::of(status, text);
    outcome
        .metrics
        .push(Measured::new(PLUGINS, "count", Unit::Count, count));
    outcome
        .metrics
        .push(Measured::new(PLUGINS, "memory", Unit::Bytes, memory));
    outcome
}

/// Looks at a file. May read the disk for long.
pub(super) fn file(check: &Check, file: &File, now: Timestamp) -> Outcome {
    let path = file.path.display();
    let must_exist = file.exists.unwrap_or(true);
    let metadata = match std::fs::metadata(&file.path) {
        Ok(_) if !must_exist => return Outcome::of(Status::Critical, format!("`{path}` is there")),
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match must_exist {
                true => Outcome::of(Status::Critical, format!("`{path}` is not there")),
                false => Outcome::of(Status::Ok, format!("`{path}` is not there")),
            };
        }
        Err(error) => return Outcome::unknown(format!("`{path}` cannot be looked at: {error}")),
    };
    let modified = metadata.modified().ok();
    let modified = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let age = modified.map(|at| now.since(Timestamp::EPOCH.plus(at)));
    let size = metadata.len();
    let wrong = match wrong(file, age.map(Span), size) {
        Ok(wrong) => wrong,
        Err(error) => return Outcome::unknown(format!("`{path}` cannot be read: {error}")),
    };
    #[expect(clippy::cast_precision_loss, reason = "bytes of a file")]
    let values = [
        age.map(|age| ("age", Unit::Seconds, age.as_secs_f64())),
        Some(("size", Unit::Bytes, size as f64)),
    ];
    let values = || values.into_iter().flatten();
    let ranged = values()
        .map(|(name, _, value)| check.judge(name, value))
        .fold(Status::Ok, Status::worse);
    let mut outcome = match wrong.is_empty() {
        true => Outcome::of(ranged, format!("`{path}`: {size} bytes")),
        false => Outcome::of(Status::Critical, format!("`{path}` {}", wrong.join("; "))),
    };
    outcome
        .metrics
        .extend(values().map(|(name, unit, value)| Measured::new(PLUGINS, name, unit, value)));
    outcome
}

fn wrong(file: &File, age: Option<Span>, size: u64) -> io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    if let (Some(max), Some(age)) = (file.max_age, age.filter(|age| Some(*age) > file.max_age)) {
        let secs = Span::secs(age.get().as_secs());
        wrong.push(format!("is {secs} old, more than {max}"));
    }
    if let Some(max) = file.max_bytes.filter(|max| size > max.0.get()) {
        wrong.push(format!("has {size} bytes, more than {max}"));
    }
    if let Some(min) = file.min_bytes.filter(|min| size < min.0.get()) {
        wrong.push(format!("has {size} bytes, less than {min}"));
    }
    if let Some(expected) = &file.checksum {
        let found = checksum(&file.path)?;
        if !found.eq_ignore_ascii_case(expected) {
            wrong.push(format!("has the checksum {found}"));
        }
    }
    if let Some(pattern) = &file.contains {
        let mut text = Vec::new();
        std::fs::File::open(&file.path)?
            .take(LOOKED_THROUGH)
            .read_to_end(&mut text)?;
        if !pattern.is_in(&String::from_utf8_lossy(&text)) {
            wrong.push(format!("does not hold `{pattern}`"));
        }
    }
    Ok(wrong)
}

fn checksum(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut digest = sha2::Sha256::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(hex::encode(digest.finalize()));
        }
        digest.update(piece.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::config::{Form, Settings};

    fn look(path: &Path, rest: &str, at_secs: u64) -> (Status, String) {
        let text = format!(
            "[checks.f]\nfile = {{ path = \"{}\"{rest} }}\n",
            path.display()
        );
        let settings = Settings::parse("t", &text, Form::Toml).unwrap();
        let check = &settings.checks["f"];
        let modified = std::fs::metadata(path)
            .ok()
            .and_then(|found| found.modified().ok());
        let modified = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let now = Timestamp::EPOCH
            .plus(modified.unwrap_or_default())
            .plus(std::time::Duration::from_secs(at_secs));
        let outcome = file(check, check.file.as_ref().unwrap(), now);
        (outcome.status, outcome.text)
    }

    #[test]
    fn a_file_is_held_to_what_is_said_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert_eq!(look(&path, "", 0).0, Status::Critical);
        assert_eq!(look(&path, ", exists = false", 0).0, Status::Ok);
        std::fs::write(&path, "hello\n").unwrap();
        assert_eq!(look(&path, "", 0).0, Status::Ok);
        assert_eq!(look(&path, ", exists = false", 0).0, Status::Critical);
        let (status, text) = look(&path, ", max_age = \"1m\", min_bytes = \"1KiB\"", 90);
        assert_eq!(status, Status::Critical);
        assert!(
            text.ends_with("is 90s old, more than 1m; has 6 bytes, less than 1KiB"),
            "{text}"
        );
        assert_eq!(
            look(
                &path,
                ", max_age = \"1m\", max_bytes = \"6B\", contains = \"^hell\"",
                60
            )
            .0,
            Status::Ok
        );
        assert_eq!(look(&path, ", contains = \"world\"", 0).0, Status::Critical);
        // printf 'hello\n' | sha256sum
        let digest = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(
            look(&path, &format!(", checksum = \"{digest}\""), 0).0,
            Status::Ok
        );
        std::fs::write(&path, "changed\n").unwrap();
        assert_eq!(
            look(&path, &format!(", checksum = \"{digest}\""), 0).0,
            Status::Critical
        );
    }

    #[test]
    fn processes_are_counted() {
        let own = format!(
            "[checks.p]\nprocess = {{ pidfile = \"{}\" }}\n",
            "/nonexistent/pid"
        );
        let settings = Settings::parse("t", &own, Form::Toml).unwrap();
        let check = &settings.checks["p"];
        let outcome = process(check, check.process.as_ref().unwrap(), &Proc::default());
        assert_eq!(
            (outcome.status, outcome.metrics[0].value),
            (Status::Critical, 0.0)
        );
        let none = "[checks.p]\nprocess = { pidfile = \"/nonexistent/pid\" }\ncritical = \"0\"\n";
        let settings = Settings::parse("t", none, Form::Toml).unwrap();
        let check = &settings.checks["p"];
        assert_eq!(
            process(check, check.process.as_ref().unwrap(), &Proc::default()).status,
            Status::Ok
        );
    }
}
