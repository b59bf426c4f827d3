//! Lines that cannot travel, set aside in a file with the reason, so that none is lost in silence.
//!
//! # Format
//! One JSON object a line: `{"at":"…","file":"/var/log/s2s.log","offset":12,"bytes":5,"reason":"…","line":"…"}`;
//! `line_base64` in place of `line` where it is not UTF-8. Of an overlong line the beginning.

use std::path::PathBuf;

use base::{Clock, SystemClock};
use base64::Engine;
use serde_json::json;

use super::line::Bad;
use super::pipeline::Place;
use super::state::Appender;

/// Gathers set-aside lines; [`Aside::flush`] puts them on disk.
#[derive(Debug)]
pub(crate) struct Aside {
    out: Appender,
    names: Vec<PathBuf>,
    pending: Vec<u8>,
    count: u64,
    clock: SystemClock,
}

impl Aside {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            out: Appender::new(path),
            names: Vec::new(),
            pending: Vec::new(),
            count: 0,
            clock: SystemClock::new(),
        }
    }

    /// The file's path, where anything was set aside.
    pub(crate) fn path_if_any(&self) -> Option<&std::path::Path> {
        (self.count > 0).then(|| self.out.path())
    }

    /// The name of the file with this number.
    pub(crate) fn name_file(&mut self, file: usize, path: PathBuf) {
        while self.names.len() <= file {
            self.names.push(PathBuf::new());
        }
        if let Some(name) = self.names.get_mut(file) {
            *name = path;
        }
    }

    /// Sets a line aside.
    pub(crate) fn note(&mut self, place: Place, bytes: usize, line: &[u8], why: &Bad) {
        let name = self
            .names
            .get(place.file)
            .map(|path| path.display().to_string());
        let mut object = json!({
            "at": self.clock.now().rfc3339(),
            "file": name,
            "offset": place.start,
            "bytes": bytes,
            "reason": why.to_string(),
        });
        if let Some(fields) = object.as_object_mut() {
            match std::str::from_utf8(line) {
                Ok(text) => fields.insert("line".to_owned(), json!(text)),
                Err(_) => {
                    let text = base64::engine::general_purpose::STANDARD.encode(line);
                    fields.insert("line_base64".to_owned(), json!(text))
                }
            };
        }
        self.count += 1;
        self.pending
            .extend_from_slice(object.to_string().as_bytes());
        self.pending.push(b'\n');
    }

    /// Puts what was set aside on disk.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.out.append(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}
