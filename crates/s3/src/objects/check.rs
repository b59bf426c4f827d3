//! Reading every byte and comparing it with what was put.

use store::tables::View;

use super::{Objects, pieces};
use crate::error::Error;
use crate::files::{Held, Problem};
use crate::rows::{self, BUCKETS, Bucket, Content, Id, OBJECTS, Object, PARTS, Piece, UPLOADS};

/// The most damaged objects that are named. Chosen: the first ones say it.
const DAMAGED_MAX: usize = 1000;

/// What was read, and what of it is not as it was put.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Objects, and parts of uploads that are not complete.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many are damaged.
    pub damaged: u64,
    /// The first of them.
    pub first: Vec<Damaged>,
}

/// An object, or a part of an upload, that is not as it was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, or the one that the upload is for.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The content of a file.
struct Expected<'a> {
    file: Option<Id>,
    bytes: u64,
    md5: &'a str,
}

impl<'a> Expected<'a> {
    fn of(piece: &'a Piece) -> Self {
        Self {
            file: piece.file,
            bytes: piece.bytes,
            md5: &piece.etag,
        }
    }
}

struct Check<'a> {
    held: Held,
    view: &'a View,
    checked: Checked,
}

impl Objects {
    /// Reads all objects and compares them with their lengths and MD5 sums. Blocks; not for an asynchronous thread.
    ///
    /// # Errors
    /// When the tables cannot be read. A file that cannot be read is damage.
    pub fn check(&self) -> Result<Checked, Error> {
        let held = self.files.hold();
        let view = self.tables.view();
        let mut check = Check {
            held,
            view: &view,
            checked: Checked::default(),
        };
        for row in view.prefix(BUCKETS, b"") {
            let (name, row) = row?;
            let bucket: Bucket = rows::read(BUCKETS, &row)?;
            let name = String::from_utf8_lossy(&name);
            check.objects(&name, bucket.id)?;
            check.uploads(&name, bucket.id)?;
        }
        Ok(check.checked)
    }
}

impl Check<'_> {
    fn objects(&mut self, bucket: &str, id: Id) -> Result<(), Error> {
        for row in self.view.prefix(OBJECTS, &id.to_be_bytes()) {
            let (key, row) = row?;
            let object: Object = rows::read(OBJECTS, &row)?;
            let problem = self.object(&object)?;
            let key = rows::key_of(&key).unwrap_or_default();
            self.note(bucket, key, object.bytes, problem);
        }
        Ok(())
    }

    fn object(&self, object: &Object) -> Result<Option<String>, Error> {
        let one = |file| Expected {
            file,
            bytes: object.bytes,
            md5: &object.etag,
        };
        match object.content {
            Content::None => Ok(self.compared(&one(None))),
            Content::File(id) => Ok(self.compared(&one(Some(id)))),
            Content::Parts { id, count } => {
                let parts = pieces(self.view, id)?;
                let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
                if parts.len() != usize::from(count) || bytes != object.bytes {
                    let found = parts.len();
                    return Ok(Some(format!(
                        "{found} of its {count} parts are known, with {bytes} of {} bytes",
                        object.bytes
                    )));
                }
                let found = |part| {
                    let problem = self.compared(&Expected::of(part))?;
                    Some(format!("part {}: {problem}", part.number))
                };
                Ok(parts.iter().find_map(found))
            }
        }
    }

    fn uploads(&mut self, bucket: &str, id: Id) -> Result<(), Error> {
        for row in self.view.prefix(UPLOADS, &id.to_be_bytes()) {
            let (row, _) = row?;
            let Some((key, upload)) = rows::upload_of(&row) else {
                continue;
            };
            for part in self.view.prefix(PARTS, &upload) {
                let part: Piece = rows::read(PARTS, &part?.1)?;
                let problem = self.compared(&Expected::of(&part));
                let problem =
                    problem.map(|problem| format!("part {} of an upload: {problem}", part.number));
                self.note(bucket, key, part.bytes, problem);
            }
        }
        Ok(())
    }

    fn compared(&self, expected: &Expected<'_>) -> Option<String> {
        let Some(file) = expected.file else {
            return (expected.bytes > 0).then(|| Problem::Missing.to_string());
        };
        let problem = self.held.compare(file, expected.bytes, expected.md5);
        problem.err().map(|problem| problem.to_string())
    }

    fn note(&mut self, bucket: &str, key: &str, bytes: u64, problem: Option<String>) {
        let checked = &mut self.checked;
        checked.objects += 1;
        checked.bytes += bytes;
        let Some(problem) = problem else {
            return;
        };
        checked.damaged += 1;
        if checked.first.len() < DAMAGED_MAX {
            checked.first.push(Damaged {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                problem,
            });
        }
    }
}
