//! Manifests: which ids a queue accepted, so that a ledger elsewhere has an *accepted* of its own (contract 5).
//!
//! # Format
//! A file `<id of the log file>.ndjson` for each log file, a JSON object for each run of accepted packs:
//! `{"at":1795410190250,"path":"/var/log/s2s.log","start":4096,"end":8192,"lines":3,"packs":[2,1],"steps":"gAGCAQ…"}`.
//! `steps`: base64 of LEB128 numbers, for each line the bytes to the next one; `packs`: lines of each message. So a
//! line costs two to four bytes. The id of the line in a message is `<id>-<offset in hex>/<number from 1>`. A run that
//! was acknowledged just before a crash may stand here twice; ids are a set.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use serde_json::json;

use super::flight::Landed;
use super::state::Appender;

/// Writes the manifests of a state directory.
#[derive(Debug)]
pub(crate) struct Manifests {
    dir: PathBuf,
    open: Option<(String, Appender)>,
}

impl Manifests {
    pub(crate) fn new(dir: &Path) -> anyhow::Result<Self> {
        let dir = dir.join("manifests");
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot make `{}`", dir.display()))?;
        Ok(Self { dir, open: None })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds accepted packs of one file, in order; on disk when this returns.
    pub(crate) fn append(
        &mut self,
        id: &str,
        path: &Path,
        at_ms: u64,
        packs: &[Landed],
    ) -> anyhow::Result<()> {
        let (Some(first), Some(last)) = (packs.first(), packs.last()) else {
            return Ok(());
        };
        let lines: u32 = packs.iter().map(|pack| pack.lines).sum();
        if lines == 0 {
            return Ok(());
        }
        let mut steps = Vec::new();
        for step in packs.iter().flat_map(|pack| &pack.steps) {
            push_leb128(&mut steps, *step);
        }
        let is_packed = packs.iter().any(|pack| pack.lines != 1);
        let counts: Vec<u32> = packs
            .iter()
            .filter(|_| is_packed)
            .map(|pack| pack.lines)
            .collect();
        let mut text = json!({
            "at": at_ms,
            "path": path.display().to_string(),
            "start": first.start,
            "end": last.end,
            "lines": lines,
            "packs": counts,
            "steps": base64::engine::general_purpose::STANDARD_NO_PAD.encode(&steps),
        })
        .to_string();
        text.push('\n');
        self.file(id).append(text.as_bytes())
    }

    fn file(&mut self, id: &str) -> &mut Appender {
        if self.open.as_ref().is_none_or(|(open, _)| open != id) {
            self.open = None;
        }
        let path = self.dir.join(format!("{id}.ndjson"));
        &mut self
            .open
            .get_or_insert_with(|| (id.to_owned(), Appender::new(path)))
            .1
    }
}

fn push_leb128(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_costs_a_few_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifests = Manifests::new(dir.path()).unwrap();
        let packs: Vec<_> = (0..10u64)
            .map(|index| Landed {
                file: 0,
                start: index * 60_000,
                end: (index + 1) * 60_000,
                lines: 200,
                set_aside: 0,
                steps: vec![300; 200],
            })
            .collect();
        manifests.append("f1", Path::new("log"), 1, &packs).unwrap();
        let text = std::fs::read_to_string(dir.path().join("manifests/f1.ndjson")).unwrap();
        assert!(text.len() < 2000 * 4, "{}", text.len());
        let value: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(
            (value["lines"].as_u64(), value["end"].as_u64()),
            (Some(2000), Some(600_000))
        );
    }
}
