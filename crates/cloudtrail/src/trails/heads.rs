//! How far the spools go, kept beside them and sealed, so that who cuts off a tail must know the master key to hide it.
//!
//! # Format
//! ```json
//! {"heads":"{\"management\":{\"first\":1,\"next\":7,\"chain\":\"00…\"},\"data\":{…}}","seal":"…"}
//! ```
//! `seal` is the SHA-256 of the text in `heads`, sealed under the master key.

use std::io;

use serde::{Deserialize, Serialize};
use store::disk::{Disk, read_exact_at};
use store::seal::MasterKey;

use crate::digest::sha256;
use crate::spool::{Head, Stream};

/// The file.
pub const FILE: &str = "heads.json";
const NEW_FILE: &str = "heads.json.new";
const BELONGS_TO: &str = "trail/heads";

/// The heads of both spools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heads {
    /// Of management records.
    pub management: Head,
    /// Of data records.
    pub data: Head,
}

impl Heads {
    /// Of one spool.
    #[must_use]
    pub const fn of(&self, stream: Stream) -> &Head {
        match stream {
            Stream::Management => &self.management,
            Stream::Data => &self.data,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    heads: String,
    seal: String,
}

/// What was found of the heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// There are none: nothing was synced yet.
    None,
    /// They are as they were written.
    Heads(Heads),
    /// Something else is there.
    Changed,
}

/// Reads what was kept.
pub(crate) fn read(disk: &dyn Disk, master: &MasterKey) -> io::Result<Kept> {
    let file = match disk.open(FILE) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(usize::MAX)];
    read_exact_at(&*file, 0, &mut bytes)?;
    Ok(parse(&bytes, master).map_or(Kept::Changed, Kept::Heads))
}

fn parse(bytes: &[u8], master: &MasterKey) -> Option<Heads> {
    let written: Written = serde_json::from_slice(bytes).ok()?;
    let sum = master.open(&written.seal, BELONGS_TO).ok()?;
    if sum != sha256(written.heads.as_bytes()) {
        return None;
    }
    serde_json::from_str(&written.heads).ok()
}

/// Keeps `heads`.
pub(crate) fn write(disk: &dyn Disk, master: &MasterKey, heads: &Heads) -> io::Result<()> {
    let text = serde_json::to_string(heads).map_err(io::Error::other)?;
    let written = Written {
        seal: master.seal(&sha256(text.as_bytes()), BELONGS_TO),
        heads: text,
    };
    let bytes = serde_json::to_vec(&written).map_err(io::Error::other)?;
    let file = disk.create(NEW_FILE)?;
    file.write_at(0, &bytes)?;
    file.sync()?;
    disk.rename(NEW_FILE, FILE)?;
    disk.sync_names()
}

#[cfg(test)]
mod tests {
    use store::disk::SimDisk;
    use store::seal::MasterKeySource;

    use super::*;
    use crate::spool::Chain;

    fn master(digits: &str) -> MasterKey {
        let source = MasterKeySource::Hex(digits.repeat(32));
        MasterKey::load(std::path::Path::new("/nowhere"), &source).unwrap()
    }

    #[test]
    fn heads_are_kept_and_a_change_is_seen() {
        let disk = SimDisk::new(1, 1 << 20);
        assert_eq!(read(&disk, &master("11")).unwrap(), Kept::None);
        let head = |next| Head {
            first: 1,
            next,
            chain: Chain([7; 32]),
        };
        let heads = Heads {
            management: head(7),
            data: head(9),
        };
        write(&disk, &master("11"), &heads).unwrap();
        assert_eq!(read(&disk, &master("11")).unwrap(), Kept::Heads(heads));
        assert_eq!(read(&disk, &master("12")).unwrap(), Kept::Changed);
        let size = disk.open(FILE).unwrap().size().unwrap();
        for at in 0..size {
            disk.flip(FILE, at, 1);
            assert_eq!(read(&disk, &master("11")).unwrap(), Kept::Changed, "{at}");
            disk.flip(FILE, at, 1);
        }
    }
}
