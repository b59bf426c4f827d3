//! Comparing a file with what was put.

use std::fs::File;
use std::io::{self, Read};

use md5::{Digest, Md5};

use super::Held;
use crate::rows::Id;

/// How much is read at once. Chosen.
const STEP_BYTES: usize = 256 << 10;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("its file is not there")]
    Missing,
    #[error("its file cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("its file has {found} bytes, not {expected}")]
    Length { found: u64, expected: u64 },
    #[error("its bytes have the MD5 sum {found}, not {expected}")]
    Sum { found: String, expected: String },
}

impl Held {
    /// Reads all of the file `id` and compares it. Blocks.
    pub(crate) fn compare(&self, id: Id, bytes: u64, md5: &str) -> Result<(), Problem> {
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Problem::Missing,
            _ => Problem::Unreadable(error),
        };
        let mut file = File::open(self.path(id)).map_err(refused)?;
        let mut buffer = vec![0; STEP_BYTES];
        let (mut hash, mut found) = (Md5::new(), 0);
        loop {
            let count = file.read(&mut buffer).map_err(Problem::Unreadable)?;
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
                break;
            };
            hash.update(read);
            found += read.len() as u64;
        }
        if found != bytes {
            let expected = bytes;
            return Err(Problem::Length { found, expected });
        }
        let sum = hex::encode(hash.finalize());
        match sum == md5 {
            true => Ok(()),
            false => Err(Problem::Sum {
                found: sum,
                expected: md5.to_owned(),
            }),
        }
    }
}
