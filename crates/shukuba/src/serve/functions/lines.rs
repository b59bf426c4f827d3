//! What functions print, in files of the data directory: `functions-logs/NAME/current.log` and older ones, `1.log` to `7.log`.
//!
//! ```text
//! 2026-11-29T12:00:00.123Z 2026/11/29/[$LATEST]0123456789abcdef0123456789abcdef START RequestId: 8f507cfc-… Version: $LATEST
//! ```
//!
//! Lines go through one thread, so that who prints never waits; what finds no room is counted and left out. All is bounded: what
//! waits, a file, the files of a function, and for how many functions there are files.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use base::Timestamp;
use lambda::port::Lines;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Bytes that wait to be written, at most. Chosen.
const WAITING_MAX: usize = 16 << 20;
/// Bytes of a file. Chosen.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Files of a function, with the current one. Chosen.
const FILES: u32 = 8;
/// Functions that have files; beyond it, those go that printed longest ago. Chosen: some 8 GB at most.
const FOLDERS_MAX: usize = 1000;
/// Files that are open at once. Chosen.
const OPEN_MAX: usize = 64;
/// What a line costs beside its text, for the bound on what waits.
const LINE_COST: usize = 128;
/// Bytes of a folder's name before the hash that stands for the rest; file systems take 255. Chosen.
const FOLDER_BYTES_MAX: usize = 180;
/// What stands before a function's name in its group.
const GROUP: &str = "/aws/lambda/";

/// Takes lines and has them written.
#[derive(Debug)]
pub(super) struct Files {
    lines: Mutex<Option<Sender<Line>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    waiting: Arc<AtomicUsize>,
    lost: AtomicUsize,
}

/// A line on its way.
#[derive(Debug)]
struct Line {
    group: String,
    text: String,
}

impl Line {
    const fn cost(&self) -> usize {
        self.group.len() + self.text.len() + LINE_COST
    }
}

impl Files {
    /// Files in `dir`, which is made.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let (lines, taken) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let folders = Folders {
            dir: dir.to_owned(),
            open: HashMap::new(),
        };
        let counted = waiting.clone();
        let thread = std::thread::Builder::new().name("function-logs".to_owned());
        let thread = thread.spawn(move || write_all(folders, &taken, &counted))?;
        Ok(Self {
            lines: Mutex::new(Some(lines)),
            thread: Mutex::new(Some(thread)),
            waiting,
            lost: AtomicUsize::new(0),
        })
    }

    /// Writes what waits, and takes no more. Blocks.
    pub(super) fn close(&self) {
        drop(self.lines.lock().take());
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("writing the logs of functions broke");
        }
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "lines of functions found no room in their logs");
        }
    }
}

impl Lines for Files {
    fn line(&self, group: &str, stream: &str, at: Timestamp, line: &str) {
        let line = Line {
            group: group.to_owned(),
            text: format!("{} {stream} {line}\n", at.rfc3339()),
        };
        let cost = line.cost();
        let is_taken = self.waiting.fetch_add(cost, Ordering::Relaxed) < WAITING_MAX
            && self
                .lines
                .lock()
                .as_ref()
                .is_some_and(|lines| lines.send(line).is_ok());
        if !is_taken {
            self.waiting.fetch_sub(cost, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(mut folders: Folders, lines: &Receiver<Line>, waiting: &AtomicUsize) {
    let mut is_failing = false;
    while let Ok(line) = lines.recv() {
        let written = folders.write(&line);
        waiting.fetch_sub(line.cost(), Ordering::Relaxed);
        if let Err(error) = &written
            && !is_failing
        {
            tracing::error!(%error, group = line.group, "what functions print is not kept");
        }
        is_failing = written.is_err();
    }
}

/// The folders of all functions.
struct Folders {
    dir: PathBuf,
    open: HashMap<String, Current>,
}

/// The file that is written.
struct Current {
    file: File,
    bytes: u64,
}

impl Folders {
    fn write(&mut self, line: &Line) -> io::Result<()> {
        let folder = self.dir.join(folder_of(&line.group));
        let text = line.text.as_bytes();
        let more = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let mut current = match self.open.remove(&line.group) {
            Some(current) => current,
            None => self.begin(&folder)?,
        };
        if current.bytes > 0 && current.bytes.saturating_add(more) > FILE_BYTES_MAX {
            rotate(&folder)?;
            current = open(&folder)?;
        }
        current.file.write_all(text)?;
        current.bytes = current.bytes.saturating_add(more);
        if self.open.len() >= OPEN_MAX {
            self.open.clear();
        }
        self.open.insert(line.group.clone(), current);
        Ok(())
    }

    fn begin(&self, folder: &Path) -> io::Result<Current> {
        if !folder.is_dir() {
            self.make_room()?;
            fs::create_dir(folder)?;
        }
        open(folder)
    }

    /// Removes the folder that was written longest ago where there are too many.
    fn make_room(&self) -> io::Result<()> {
        let folders: Vec<PathBuf> = fs::read_dir(&self.dir)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<_>>()?;
        if folders.len() < FOLDERS_MAX {
            return Ok(());
        }
        let written = |folder: &PathBuf| {
            let current = fs::metadata(folder.join(CURRENT));
            current.and_then(|it| it.modified()).ok()
        };
        match folders.into_iter().min_by_key(written) {
            Some(oldest) => fs::remove_dir_all(oldest),
            None => Ok(()),
        }
    }
}

const CURRENT: &str = "current.log";

fn open(folder: &Path) -> io::Result<Current> {
    let path = folder.join(CURRENT);
    let file = File::options().create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok(Current { file, bytes })
}

/// Each file becomes the next older; the oldest goes.
fn rotate(folder: &Path) -> io::Result<()> {
    let name = |number: u32| match number {
        0 => folder.join(CURRENT),
        number => folder.join(format!("{number}.log")),
    };
    for number in (0..FILES - 1).rev() {
        match fs::rename(name(number), name(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The folder of a group: the function's name, or `@` and the group where it has another.
fn folder_of(group: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if let Some(name) = group.strip_prefix(GROUP)
        && !name.is_empty()
        && name.bytes().all(is_plain)
    {
        return name.to_owned();
    }
    let mut folder = "@".to_owned();
    for byte in group.bytes() {
        match is_plain(byte) {
            true => folder.push(char::from(byte)),
            false => folder.push_str(&format!("%{byte:02X}")),
        }
    }
    if folder.len() > FOLDER_BYTES_MAX {
        folder.truncate(FOLDER_BYTES_MAX);
        folder.push('~');
        folder.push_str(&hex::encode(Sha256::digest(group.as_bytes())));
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(folder: &Path) -> u64 {
        let files = fs::read_dir(folder).unwrap();
        files.map(|it| it.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn lines_are_kept_and_files_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap();
        let at = Timestamp::from_secs(1_795_410_190);
        files.line("/aws/lambda/f", "s", at, "hello");
        files.close();
        files.line("/aws/lambda/f", "s", at, "too late");
        let current = dir.path().join("f").join(CURRENT);
        let kept = fs::read_to_string(&current).unwrap();
        assert!(
            kept.ends_with("Z s hello\n") && !kept.contains("late"),
            "{kept}"
        );
        let mut folders = Folders {
            dir: dir.path().to_owned(),
            open: HashMap::new(),
        };
        let line = Line {
            group: "/aws/lambda/f".to_owned(),
            text: format!("{}\n", "x".repeat(400_000)),
        };
        for _ in 0..40 {
            folders.write(&line).unwrap();
        }
        let folder = dir.path().join("f");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 8);
        assert!(all(&folder) <= u64::from(FILES) * FILE_BYTES_MAX);
    }

    #[test]
    fn groups_name_folders_and_cannot_leave_theirs() {
        assert_eq!(folder_of("/aws/lambda/a-b_1"), "a-b_1");
        assert_eq!(folder_of("/aws/lambda/.."), "@%2Faws%2Flambda%2F%2E%2E");
        assert_eq!(folder_of("../etc"), "@%2E%2E%2Fetc");
        assert_eq!(folder_of("f"), "@f");
        assert!(folder_of(&"/".repeat(512)).len() <= 255);
    }

    #[test]
    fn the_oldest_folder_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..FOLDERS_MAX {
            fs::create_dir(dir.path().join(format!("f{number}"))).unwrap();
        }
        let mut folders = Folders {
            dir: dir.path().to_owned(),
            open: HashMap::new(),
        };
        let line = Line {
            group: "/aws/lambda/new".to_owned(),
            text: "x\n".to_owned(),
        };
        folders.write(&line).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), FOLDERS_MAX);
        assert!(dir.path().join("new").is_dir());
    }
}
