//! Reading packages: zip files from anybody.
//!
//! What a package says of itself is not believed: names are looked at one by one, bytes are counted as they come. Refused are names that
//! are absolute, have `..` or come twice, files that share bytes, links that lead out, and more than [`UNPACKED_BYTES_MAX`] or
//! [`ENTRIES_MAX`].

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use bytes::Bytes;
use zip::ZipArchive;

use super::Error;

/// Most bytes of a package's files. Source: Lambda quotas, "Deployment package size", unzipped.
pub const UNPACKED_BYTES_MAX: u64 = 250 * 1024 * 1024;
/// Most files and folders of a package. Chosen.
pub const ENTRIES_MAX: usize = 50_000;
/// Longest name, and longest target of a link, in bytes. Chosen; Linux takes 4,096 with the folders above.
const NAME_BYTES_MAX: usize = 1_024;
/// With what an entry of the directory at a package's end begins.
const ENTRY: &[u8] = b"PK\x01\x02";
/// What is left of a file's mode: nothing of it is anybody's but its owner's to write, and it runs as nobody else.
const MODE_MASK: u32 = 0o755;

/// Why a package is not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is nothing in it.
    #[error("the package is empty")]
    Empty,
    /// It is no zip file, or one that is broken or encrypted.
    #[error("the package is no zip file that can be read: {0}")]
    Unreadable(String),
    /// It is too large when it is unpacked.
    #[error("the package has more than {UNPACKED_BYTES_MAX} bytes unpacked")]
    TooLarge,
    /// It has too many files.
    #[error("the package has more than {ENTRIES_MAX} files")]
    TooMany,
    /// A name that leads elsewhere, or is none.
    #[error("the package has a file with the name `{0}`")]
    Name(String),
    /// A name that comes twice, or is that of a file and a folder.
    #[error("the package has `{0}` twice")]
    Twice(String),
    /// A link that leads out of it.
    #[error("the package has a link `{0}` that leads out of it")]
    Link(String),
    /// Something that is no file, folder or link.
    #[error("the package has `{0}`, which is no file, folder or link")]
    Kind(String),
}

/// Whether a package says which files are executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// It does, at least of its bootstrap.
    Given,
    /// It does not say it of its bootstrap.
    Missing,
}

/// Checks a package to the last byte.
///
/// # Errors
/// [`Unfit`].
pub fn check(bytes: &Bytes) -> Result<(), Unfit> {
    check_within(bytes, UNPACKED_BYTES_MAX)
}

/// As [`check`], of `room` bytes.
pub(super) fn check_within(bytes: &Bytes, mut room: u64) -> Result<(), Unfit> {
    let mut archive = open(bytes)?;
    let plan = plan(&mut archive)?;
    for entry in &plan.files {
        read(&mut archive, entry.index, &mut room, &mut io::sink()).map_err(
            |error| match error {
                Error::Unfit(unfit) => unfit,
                Error::Io(error) => Unfit::Unreadable(error.to_string()),
            },
        )?;
    }
    Ok(())
}

/// Unpacks a package into `folder`, which is made.
///
/// # Errors
/// When it is not fit, or something cannot be written; then some of it may be there.
pub fn unpack(bytes: &Bytes, folder: &Path) -> Result<Modes, Error> {
    let mut archive = open(bytes)?;
    let plan = plan(&mut archive)?;
    make_folder(folder)?;
    for name in &plan.folders {
        make_folder(&folder.join(name))?;
    }
    let mut room = UNPACKED_BYTES_MAX;
    let mut modes = Modes::Given;
    for entry in &plan.files {
        let is_bootstrap = entry.name == "bootstrap";
        let mode = match entry.mode {
            Some(mode) => (mode | 0o400) & MODE_MASK,
            None if is_bootstrap => {
                modes = Modes::Missing;
                0o755
            }
            None => 0o644,
        };
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(&entry.name))?;
        read(&mut archive, entry.index, &mut room, &mut file)?;
        // Not left to the mask of this process.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    // Last, so that nothing is written through them.
    for (name, target) in &plan.links {
        std::os::unix::fs::symlink(target, folder.join(name))?;
    }
    Ok(modes)
}

/// What is in a package. A folder stands before what is in it.
#[derive(Debug, Default)]
struct Plan {
    folders: Vec<String>,
    files: Vec<File>,
    links: Vec<(String, String)>,
}

#[derive(Debug)]
struct File {
    index: usize,
    name: String,
    /// Its mode, where the package says it.
    mode: Option<u32>,
}

type Archive = ZipArchive<Cursor<Bytes>>;

fn open(bytes: &Bytes) -> Result<Archive, Unfit> {
    if bytes.is_empty() {
        return Err(Unfit::Empty);
    }
    // Counted before the reader makes something of each. A stored archive within counts too.
    let entries = memchr::memmem::find_iter(bytes, ENTRY);
    if entries.take(ENTRIES_MAX + 1).count() > ENTRIES_MAX {
        return Err(Unfit::TooMany);
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes.clone())).map_err(unreadable)?;
    if archive.is_empty() {
        return Err(Unfit::Empty);
    }
    if archive.has_duplicate_names() {
        return Err(Unfit::Twice("a name".to_owned()));
    }
    if archive.has_overlapping_files().map_err(unreadable)? {
        return Err(Unfit::Unreadable("files share bytes".to_owned()));
    }
    Ok(archive)
}

/// Kinds of files in the mode of Unix.
const KIND: u32 = 0o170_000;
const KIND_FILE: u32 = 0o100_000;
const KIND_FOLDER: u32 = 0o040_000;
const KIND_LINK: u32 = 0o120_000;

fn plan(archive: &mut Archive) -> Result<Plan, Unfit> {
    let mut plan = Plan::default();
    // What stands where: folders may come often, all else once.
    let mut taken: BTreeMap<String, bool> = BTreeMap::new();
    for index in 0..archive.len() {
        let (raw, is_folder, mode) = {
            let entry = archive.by_index_data(index).map_err(unreadable)?;
            let raw = entry.name().map_err(unreadable)?.into_owned();
            let mode = entry.external_attributes() >> 16;
            let has_mode = entry.system() == zip::System::Unix && mode != 0;
            (raw, entry.is_dir(), has_mode.then_some(mode))
        };
        let name = name(&raw)?;
        let kind = mode.map_or(0, |mode| mode & KIND);
        let is_folder = is_folder || kind == KIND_FOLDER;
        for above in above(&name) {
            take(&mut taken, above, true, &mut plan.folders)?;
        }
        if is_folder {
            if !name.is_empty() {
                take(&mut taken, &name, true, &mut plan.folders)?;
            }
            continue;
        }
        if name.is_empty() {
            return Err(Unfit::Name(shown(&raw)));
        }
        take(&mut taken, &name, false, &mut Vec::new())?;
        match kind {
            0 | KIND_FILE => plan.files.push(File { index, name, mode }),
            KIND_LINK => {
                let target = target(archive, index, &name)?;
                plan.links.push((name, target));
            }
            _ => return Err(Unfit::Kind(shown(&name))),
        }
    }
    Ok(plan)
}

/// Takes a place; a folder that is new goes to `folders`.
fn take(
    taken: &mut BTreeMap<String, bool>,
    name: &str,
    is_folder: bool,
    folders: &mut Vec<String>,
) -> Result<(), Unfit> {
    match taken.get(name) {
        // Folders that no entry names count too.
        None if taken.len() >= ENTRIES_MAX => Err(Unfit::TooMany),
        None => {
            taken.insert(name.to_owned(), is_folder);
            if is_folder {
                folders.push(name.to_owned());
            }
            Ok(())
        }
        Some(true) if is_folder => Ok(()),
        Some(_) => Err(Unfit::Twice(shown(name))),
    }
}

/// The folders above `a/b/c`: `a`, `a/b`.
fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

/// A name without `.` and needless slashes; nothing for the root.
fn name(raw: &str) -> Result<String, Unfit> {
    let mut parts = Vec::new();
    for part in raw.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(Unfit::Name(shown(raw))),
            part => parts.push(part),
        }
    }
    let is_unfit = raw.starts_with('/') || raw.contains('\0') || raw.len() > NAME_BYTES_MAX;
    match is_unfit || parts.iter().any(|part| part.len() > 255) {
        true => Err(Unfit::Name(shown(raw))),
        false => Ok(parts.join("/")),
    }
}

/// Where a link leads: up at most to the root and from there only down, so that links in a row do not lead out either.
fn target(archive: &mut Archive, index: usize, name: &str) -> Result<String, Unfit> {
    let mut entry = archive.by_index(index).map_err(unreadable)?;
    let most = u64::try_from(NAME_BYTES_MAX).unwrap_or(u64::MAX);
    let mut target = String::new();
    let read = entry.by_ref().take(most + 1).read_to_string(&mut target);
    read.map_err(|error| Unfit::Unreadable(error.to_string()))?;
    let depth = name.matches('/').count();
    let mut parts = target
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .peekable();
    let mut ups = 0;
    while parts.next_if_eq(&"..").is_some() {
        ups += 1;
    }
    let leads_out = target.starts_with('/') || ups > depth || parts.any(|part| part == "..");
    match leads_out || target.is_empty() || target.contains('\0') || target.len() > NAME_BYTES_MAX {
        true => Err(Unfit::Link(shown(name))),
        false => Ok(target),
    }
}

/// Reads a file of at most `room` bytes, which it takes from it. The zip file's own check of the bytes is made at their end.
fn read(
    archive: &mut Archive,
    index: usize,
    room: &mut u64,
    to: &mut dyn io::Write,
) -> Result<(), Error> {
    let entry = archive.by_index(index).map_err(unreadable)?;
    let mut limited = entry.take(room.saturating_add(1));
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = limited
            .read(&mut buffer)
            .map_err(|error| Unfit::Unreadable(error.to_string()))?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        *room = room.checked_sub(count).ok_or(Unfit::TooLarge)?;
        to.write_all(bytes)?;
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o755).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn unreadable(error: zip::result::ZipError) -> Unfit {
    Unfit::Unreadable(error.to_string())
}

fn shown(name: &str) -> String {
    name.chars().take(200).collect()
}
