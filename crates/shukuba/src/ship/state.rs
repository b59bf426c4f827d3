//! What has been sent, on disk: one small file, written whole and synced before anything relies on it.
//!
//! INVARIANT: a pack of several lines is in `planned` before it is first sent, and `offset` moves only over what the
//! queue has acknowledged (or what was set aside). So a crash at any point sends again at most what was under way,
//! in the same packs with the same ids.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::pack::Bounds;
use super::source::{Node, Tail};

/// Finished files that are remembered. Chosen: years of daily logs.
const DONE_LIMIT: usize = 2000;
const FORMAT: u32 = 1;

/// The queue at `url`, whichever way leads there: the server of an account may be reached at another port, by another
/// name or with TLS the next time. Accounts of Amazon's have a queue in each region, and one without a number may be
/// anybody's: there the host counts.
fn identity(url: &str) -> String {
    let Ok(parsed) = url::Url::parse(url) else {
        return url.to_owned();
    };
    let host = parsed.host_str().unwrap_or_default();
    let parts: Vec<&str> = parsed.path().trim_matches('/').split('/').collect();
    let is_account = |text: &str| {
        text.len() == 12
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.bytes().any(|byte| byte != b'0')
    };
    let is_amazon = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"]
        .iter()
        .any(|domain| host.ends_with(domain));
    match parts.as_slice() {
        [.., account, name] if !is_amazon && is_account(account) => format!("{account}/{name}"),
        _ => format!(
            "{}/{}",
            parsed.origin().ascii_serialization(),
            parts.join("/")
        ),
    }
}

/// The directory under `home` for the state of the queue at `url`: the one that was used last for it, else a new one. What
/// an earlier version made is named by a hash of the whole URL.
pub(crate) fn default_dir(home: &Path, url: &str) -> PathBuf {
    let identity = identity(url);
    let name = url.rsplit('/').next().unwrap_or("queue");
    let digest = hex::encode(Sha256::digest(identity.as_bytes()));
    let short = digest.get(..8).unwrap_or(&digest);
    let is_of_queue = |dir: &PathBuf| {
        let kept = fs::read(dir.join("state.json")).ok();
        let kept: Option<Kept> = kept.and_then(|text| serde_json::from_slice(&text).ok());
        kept.is_some_and(|kept| self::identity(&kept.queue) == identity)
    };
    let written = |dir: &PathBuf| {
        let state = fs::metadata(dir.join("state.json"));
        state.and_then(|state| state.modified()).ok()
    };
    let dirs = fs::read_dir(home).into_iter().flatten().flatten();
    let known = dirs.map(|entry| entry.path()).filter(is_of_queue);
    known
        .max_by_key(written)
        .unwrap_or_else(|| home.join(format!("{name}-{short}")))
}

/// Everything that is known of one queue's files.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    format: u32,
    queue: String,
    files: Vec<FileState>,
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    /// Its name in ids: the fingerprint, with `.2` and so on behind it for other files with the same first line.
    pub(crate) id: String,
    /// The hash of its first line.
    pub(crate) fingerprint: String,
    /// Where it was last seen.
    pub(crate) path: PathBuf,
    /// What the system called it.
    pub(crate) node: Node,
    /// For a compressed file, what it is on disk; it does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compressed: Option<OnDisk>,
    /// Everything before is accepted, set aside or blank.
    pub(crate) offset: u64,
    /// The hash of the text before `tail_at`.
    #[serde(default)]
    pub(crate) tail: Option<Tail>,
    /// Where `tail` was taken: at `offset` or, in a compressed file, before it. `offset` where it is not given.
    #[serde(default)]
    pub(crate) tail_at: Option<u64>,
    /// Its last change when it was last seen under the followed name, in nanoseconds since 1970: what was rotated
    /// away after it is not older.
    #[serde(default)]
    pub(crate) written: Option<u64>,
    /// Packs that may have been sent and are not acknowledged.
    #[serde(default)]
    pub(crate) planned: Vec<Bounds>,
    /// Lines that the queue accepted.
    pub(crate) accepted: u64,
    /// Lines that were set aside.
    pub(crate) set_aside: u64,
    /// Nothing more is expected: a finished rotated or compressed file.
    pub(crate) is_done: bool,
}

impl FileState {
    /// An offset and the hash of the text before it, by which the file is known again.
    pub(crate) fn proof(&self) -> Option<(u64, &Tail)> {
        let tail = self.tail.as_ref()?;
        Some((self.tail_at.unwrap_or(self.offset), tail))
    }
}

/// The bytes of a compressed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OnDisk {
    pub(crate) size: u64,
    pub(crate) tail: Tail,
}

/// The state directory of one queue, locked while it is used.
#[derive(Debug)]
pub(crate) struct State {
    dir: PathBuf,
    queue: String,
    /// The files, in the order in which they were first seen.
    pub(crate) files: Vec<FileState>,
    /// The numbers of files that are being read: no second name may go on with them.
    pub(crate) in_use: std::collections::HashSet<usize>,
    /// Files came in that are not on disk yet.
    pub(crate) is_changed: bool,
    _lock: File,
}

impl State {
    /// Opens the state of `queue` under `dir`, or begins it.
    pub(crate) fn open(dir: &Path, queue: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
        let lock = File::create(dir.join("lock"))
            .with_context(|| format!("cannot write in `{}`", dir.display()))?;
        lock.try_lock()
            .with_context(|| format!("`{}` is in use by another `shukuba ship`", dir.display()))?;
        let path = dir.join("state.json");
        let mut files = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
            }
            Ok(text) => {
                let kept: Kept = serde_json::from_slice(&text)
                    .with_context(|| format!("`{}` is not in form", path.display()))?;
                anyhow::ensure!(
                    kept.format == FORMAT,
                    "`{}` has format {}, and this version reads {FORMAT}",
                    path.display(),
                    kept.format
                );
                anyhow::ensure!(
                    identity(&kept.queue) == identity(queue),
                    "`{}` belongs to the queue {}; give another --state",
                    path.display(),
                    kept.queue
                );
                kept.files
            }
        };
        for file in &mut files {
            file.tail_at.get_or_insert(file.offset); // The offset moves on without the tail where it cannot be taken.
        }
        Ok(Self {
            dir: dir.to_owned(),
            queue: queue.to_owned(),
            files,
            in_use: std::collections::HashSet::new(),
            is_changed: false,
            _lock: lock,
        })
    }

    /// Where it lies.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// An id for a file with this first line that no other file has.
    pub(crate) fn free_id(&self, fingerprint: &str) -> String {
        let is_taken = |id: &str| self.files.iter().any(|file| file.id == id);
        if !is_taken(fingerprint) {
            return fingerprint.to_owned();
        }
        let numbered = |number: u32| format!("{fingerprint}.{number}");
        (2..=u32::MAX)
            .map(numbered)
            .find(|id| !is_taken(id))
            .unwrap_or_default()
    }

    /// Writes it; on disk when this returns.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let done = self.files.iter().filter(|file| file.is_done).count();
        let mut surplus = done.saturating_sub(DONE_LIMIT);
        let files = self.files.iter().filter(|file| {
            let is_old = file.is_done && surplus > 0;
            surplus -= usize::from(is_old);
            !is_old
        });
        let kept = Kept {
            format: FORMAT,
            queue: self.queue.clone(),
            files: files.cloned().collect(),
        };
        let text = serde_json::to_vec(&kept).context("cannot write the state as JSON")?;
        replace(&self.dir, "state.json", &text)
            .with_context(|| format!("cannot write the state in `{}`", self.dir.display()))
    }
}

fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&temporary, dir.join(name))?;
    File::open(dir)?.sync_all()
}

/// Appends whole lines to a file and syncs it.
#[derive(Debug)]
pub(crate) struct Appender {
    path: PathBuf,
    file: Option<File>,
}

impl Appender {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends `text`, on disk when this returns; the file is made with the first line.
    pub(crate) fn append(&mut self, text: &[u8]) -> anyhow::Result<()> {
        let failed = |path: &Path| format!("cannot write `{}`", path.display());
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let opened = open_whole(&self.path);
                self.file
                    .insert(opened.with_context(|| failed(&self.path))?)
            }
        };
        file.write_all(text)
            .and_then(|()| file.sync_data())
            .with_context(|| failed(&self.path))
    }
}

/// Opens a file of lines to append to it. A last line that a crash tore gets its end, so that the next is one of its own.
fn open_whole(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let mut file = options.create(true).read(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: &str) -> FileState {
        FileState {
            id: id.to_owned(),
            fingerprint: "f".to_owned(),
            path: PathBuf::from("log"),
            node: Node::default(),
            compressed: None,
            offset: 7,
            tail: None,
            tail_at: Some(7),
            written: None,
            planned: vec![Bounds { start: 7, end: 9 }],
            accepted: 3,
            set_aside: 1,
            is_done: false,
        }
    }

    #[test]
    fn what_was_saved_is_there_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(dir.path(), "q").unwrap();
        state.files.push(file("f"));
        state.save().unwrap();
        assert!(
            State::open(dir.path(), "q")
                .unwrap_err()
                .to_string()
                .contains("in use")
        );
        drop(state);
        assert_eq!(State::open(dir.path(), "q").unwrap().files, [file("f")]);
        assert!(
            State::open(dir.path(), "other")
                .unwrap_err()
                .to_string()
                .contains("belongs to the queue q")
        );
    }

    #[test]
    fn a_queue_is_the_same_at_another_address_of_its_server() {
        let ours = "http://127.0.0.1:5310/210987654321/s2s";
        let amazon = "https://sqs.eu-west-1.amazonaws.com/210987654321/s2s";
        let emulated = "http://127.0.0.1:4566/000000000000/s2s";
        for (one, other, is_same) in [
            (ours, "http://127.0.0.1:41234/210987654321/s2s", true),
            (ours, "https://queues.example/210987654321/s2s", true),
            (ours, "https://queues.example/sqs/210987654321/s2s", true),
            (ours, "http://127.0.0.1:5310/210987654321/other", false),
            (ours, "http://127.0.0.1:5310/210987654322/s2s", false),
            (amazon, amazon, true),
            (
                amazon,
                "https://sqs.us-east-1.amazonaws.com/210987654321/s2s",
                false,
            ),
            (amazon, ours, false),
            (emulated, emulated, true),
            (emulated, "http://127.0.0.1:4567/000000000000/s2s", false),
            ("http://h/queue/s2s", "http://g/queue/s2s", false),
        ] {
            assert_eq!(identity(one) == identity(other), is_same, "{one} {other}");
        }
    }

    #[test]
    fn the_state_is_found_again_at_another_address() {
        let home = tempfile::tempdir().unwrap();
        let at = |port: u16| format!("http://127.0.0.1:{port}/210987654321/s2s");
        let first = default_dir(home.path(), &at(1));
        assert_eq!(first, default_dir(home.path(), &at(2)));
        // As versions before named it.
        let old = home.path().join("s2s-0123abcd");
        let mut state = State::open(&old, &at(1)).unwrap();
        state.files.push(file("f"));
        state.save().unwrap();
        drop(state);
        assert_eq!(default_dir(home.path(), &at(2)), old);
        assert_eq!(State::open(&old, &at(2)).unwrap().files, [file("f")]);
        let other = "http://127.0.0.1:1/210987654321/other";
        assert_ne!(default_dir(home.path(), other), old);
    }

    #[test]
    fn files_with_the_same_first_line_have_ids_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(dir.path(), "q").unwrap();
        assert_eq!(state.free_id("f"), "f");
        state.files.push(file("f"));
        assert_eq!(state.free_id("f"), "f.2");
        state.files.push(file("f.2"));
        assert_eq!(state.free_id("f"), "f.3");
    }
}
