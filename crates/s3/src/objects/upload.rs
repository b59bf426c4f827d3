//! Uploads in parts: begin, put parts, complete or abort.
//!
//! A completed object lies in the files of its parts. Parts that it does not name go.

use store::tables::{Changes, View};

use super::copy::From;
use super::{Matches, Objects, bucket, check_key, discard_piece, find, put, replace, tag};
use crate::error::Error;
use crate::files::{Source, Written};
use crate::limits::{OBJECT_BYTES_MAX, OBJECT_TAGS_MAX, PART_BYTES_MIN, PARTS_MAX, PUT_BYTES_MAX};
use crate::rows::{
    self, About, Content, Id, Object, PARTS, PIECES, Piece, Tag, UPLOADS, Upload, UploadId,
    part_key, upload_key,
};
use crate::sums::{self, Algorithm, Kind};

/// An upload that begins.
#[derive(Clone, Debug, Default)]
pub struct NewUpload {
    /// Who begins it.
    pub by: String,
    /// What is said of the object.
    pub about: About,
    /// The object's tags.
    pub tags: Vec<Tag>,
    /// Which checksum its parts have, and of what the object's is.
    pub sums: Option<(Algorithm, Option<Kind>)>,
}

/// A part to put.
#[derive(Debug, Default)]
pub struct PutPart {
    /// 1 to 10,000.
    pub number: u16,
    /// How long it says to be.
    pub length: Option<u64>,
    /// What it must be.
    pub digests: put::Digests,
}

/// A part of which the object is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Its number.
    pub number: u16,
    /// Its ETag, without quotes.
    pub etag: String,
    /// Its checksum, where it is said.
    pub sum: Option<(Algorithm, String)>,
}

/// An upload that ends.
#[derive(Clone, Debug, Default)]
pub struct Complete {
    /// Its parts, by ascending numbers.
    pub parts: Vec<Chosen>,
    /// When it may be put.
    pub matches: Matches,
    /// The object's checksum, where it is said.
    pub sum: Option<(Algorithm, String)>,
    /// Of what that is.
    pub kind: Option<Kind>,
    /// The object's length, where it is said.
    pub bytes: Option<u64>,
}

impl Objects {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`Error::BucketNotFound`], the bounds'; [`Error::Argument`] for a checksum that cannot be of what it says.
    pub async fn begin_upload(
        &self,
        bucket_name: &str,
        key: &str,
        new: NewUpload,
    ) -> Result<(String, Option<(Algorithm, Kind)>), Error> {
        check_key(key)?;
        put::check_about(&new.about)?;
        tag::check_tags(&new.tags, OBJECT_TAGS_MAX)?;
        self.files.check_room(0)?;
        let sums = new.sums.map(kind_of).transpose()?;
        let id: UploadId = base::id::random_bytes();
        let upload = Upload {
            begun: self.clock.now(),
            by: new.by,
            about: new.about,
            tags: new.tags,
            sums,
        };
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        self.change(move |view, changes| {
            let bucket = bucket(view, &bucket_name)?.id;
            rows::put(changes, UPLOADS, upload_key(bucket, &key, &id), &upload)
        })
        .await?;
        Ok((hex::encode(id), sums))
    }

    /// Puts a part, in the place of the one that has its number.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`], the bounds', the checksums'.
    pub async fn put_part(
        &self,
        bucket_name: &str,
        key: &str,
        upload: &str,
        mut part: PutPart,
        source: Source,
    ) -> Result<Piece, Error> {
        check_number(part.number)?;
        let (id, found) = self.upload(bucket_name, key, upload).await?;
        let digests = &mut part.digests;
        match (found.sums, digests.algorithm) {
            (Some((wanted, _)), Some(sent)) if wanted != sent => {
                return Err(Error::Malformed(format!(
                    "the upload's parts have {}, not {}",
                    wanted.as_str(),
                    sent.as_str()
                )));
            }
            (Some((wanted, _)), None) => digests.algorithm = Some(wanted),
            _ => {}
        }
        digests.check_form()?;
        let algorithm = digests.algorithm();
        let written = self
            .files
            .write(source, part.length, PUT_BYTES_MAX, algorithm)
            .await?;
        part.digests.check(&written)?;
        self.place_part(bucket_name, key, id, part.number, written)
            .await
    }

    /// Copies a part out of an object.
    ///
    /// # Errors
    /// As getting and putting a part.
    pub async fn copy_part(
        &self,
        bucket_name: &str,
        key: &str,
        upload: &str,
        number: u16,
        from: From,
    ) -> Result<Piece, Error> {
        check_number(number)?;
        let (id, found) = self.upload(bucket_name, key, upload).await?;
        let opened = self.open_from(&from).await?;
        let algorithm = found
            .sums
            .map_or(Algorithm::Crc64Nvme, |(algorithm, _)| algorithm);
        let written = self.write_again(opened, algorithm).await?;
        self.place_part(bucket_name, key, id, number, written).await
    }

    /// Makes an object of an upload's parts.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`], [`Error::PartNotFound`], [`Error::PartOrder`], [`Error::PartTooSmall`], the conditions',
    /// the checksums'.
    pub async fn complete(
        &self,
        bucket_name: &str,
        key: &str,
        upload: &str,
        complete: Complete,
    ) -> Result<Object, Error> {
        let id = upload_id(upload)?;
        check_order(&complete.parts)?;
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        let modified = self.clock.now();
        let object = self
            .change(move |view, changes| {
                let bucket = bucket(view, &bucket_name)?.id;
                let upload = get_upload(view, bucket, &key, &id)?;
                complete
                    .matches
                    .check_write(&key, find(view, bucket, &key)?.as_ref())?;
                let (chosen, others) = choose(parts(view, &id)?, &complete.parts)?;
                let object = assembled(upload, &chosen, &complete, modified)?;
                replace(view, changes, bucket, &key, &object)?;
                if let Content::Parts { id, .. } = object.content {
                    rows::put(changes, PIECES, id.to_be_bytes().to_vec(), &chosen)?;
                }
                others
                    .iter()
                    .for_each(|piece| discard_piece(changes, piece));
                end_upload(view, changes, bucket, &key, &id);
                Ok(object)
            })
            .await?;
        self.files.told_of_trash();
        Ok(object)
    }

    /// Ends an upload without an object.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`].
    pub async fn abort(&self, bucket_name: &str, key: &str, upload: &str) -> Result<(), Error> {
        let id = upload_id(upload)?;
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        self.change(move |view, changes| {
            let bucket = bucket(view, &bucket_name)?.id;
            get_upload(view, bucket, &key, &id)?;
            abort(view, changes, bucket, &key, &id)
        })
        .await?;
        self.files.told_of_trash();
        Ok(())
    }

    /// Ends all uploads of a bucket, one after the other.
    pub(super) async fn abort_all(&self, bucket_name: &str) -> Result<(), Error> {
        loop {
            let bucket_name = bucket_name.to_owned();
            let has_more = self
                .change(move |view, changes| {
                    let bucket = bucket(view, &bucket_name)?.id;
                    let Some(row) = view.prefix(UPLOADS, &bucket.to_be_bytes()).next() else {
                        return Ok(false);
                    };
                    let (row, _) = row?;
                    match rows::upload_of(&row) {
                        Some((key, id)) => abort(view, changes, bucket, key, &id)?,
                        None => changes.remove(UPLOADS, row.to_vec()),
                    }
                    Ok(true)
                })
                .await?;
            if !has_more {
                self.files.told_of_trash();
                return Ok(());
            }
        }
    }

    /// An upload that is not complete.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`].
    pub(super) async fn upload(
        &self,
        bucket_name: &str,
        key: &str,
        upload: &str,
    ) -> Result<(UploadId, Upload), Error> {
        let id = upload_id(upload)?;
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        self.look(move |view| {
            let bucket = bucket(view, &bucket_name)?.id;
            Ok((id, get_upload(view, bucket, &key, &id)?))
        })
        .await
    }

    async fn place_part(
        &self,
        bucket_name: &str,
        key: &str,
        id: UploadId,
        number: u16,
        written: Written,
    ) -> Result<Piece, Error> {
        let (bucket_name, key) = (bucket_name.to_owned(), key.to_owned());
        let modified = self.clock.now();
        let piece = self
            .change(move |view, changes| {
                let bucket = bucket(view, &bucket_name)?.id;
                get_upload(view, bucket, &key, &id)?;
                let row = part_key(&id, number);
                if let Some(old) = rows::get::<Piece>(view, PARTS, &row)? {
                    discard_piece(changes, &old);
                }
                let piece = Piece {
                    number,
                    file: written.draft.as_ref().map(crate::files::Draft::id),
                    bytes: written.bytes,
                    etag: written.hashed.etag(),
                    modified,
                    sum: Some(written.hashed.sum.clone()),
                };
                rows::put(changes, PARTS, row, &piece)?;
                put::keep(changes, written);
                Ok(piece)
            })
            .await?;
        self.files.told_of_trash();
        Ok(piece)
    }
}

fn kind_of((algorithm, kind): (Algorithm, Option<Kind>)) -> Result<(Algorithm, Kind), Error> {
    let kind = kind.unwrap_or(algorithm.usual_kind());
    match algorithm.can_be(kind) {
        true => Ok((algorithm, kind)),
        false => Err(Error::argument(
            "x-amz-checksum-type",
            format!(
                "a {} of an upload cannot be {}",
                algorithm.as_str(),
                kind.as_str()
            ),
        )),
    }
}

fn check_number(number: u16) -> Result<(), Error> {
    match (1..=PARTS_MAX).contains(&number) {
        true => Ok(()),
        false => Err(Error::argument(
            "partNumber",
            format!("is a number from 1 to {PARTS_MAX}"),
        )),
    }
}

fn check_order(parts: &[Chosen]) -> Result<(), Error> {
    if parts.is_empty() {
        return Err(Error::Malformed("the list of parts is empty".to_owned()));
    }
    let is_ascending = parts
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.number < b.number));
    match is_ascending {
        true => Ok(()),
        false => Err(Error::PartOrder),
    }
}

fn upload_id(text: &str) -> Result<UploadId, Error> {
    let mut id = UploadId::default();
    match hex::decode_to_slice(text, &mut id) {
        Ok(()) => Ok(id),
        Err(_) => Err(not_found(text)),
    }
}

fn not_found(text: &str) -> Error {
    Error::UploadNotFound {
        upload: text.chars().take(128).collect(),
    }
}

fn get_upload(view: &View, bucket: Id, key: &str, id: &UploadId) -> Result<Upload, Error> {
    let found = rows::get(view, UPLOADS, &upload_key(bucket, key, id))?;
    found.ok_or_else(|| not_found(&hex::encode(id)))
}

/// The parts of an upload, by number.
pub(super) fn parts(view: &View, id: &UploadId) -> Result<Vec<Piece>, Error> {
    view.prefix(PARTS, id)
        .map(|row| rows::read(PARTS, &row?.1))
        .collect()
}

fn end_upload(view: &View, changes: &mut Changes, bucket: Id, key: &str, id: &UploadId) {
    for (row, _) in view.prefix(PARTS, id).flatten() {
        changes.remove(PARTS, row.to_vec());
    }
    changes.remove(UPLOADS, upload_key(bucket, key, id));
}

/// Takes an upload out with its parts.
pub(super) fn abort(
    view: &View,
    changes: &mut Changes,
    bucket: Id,
    key: &str,
    id: &UploadId,
) -> Result<(), Error> {
    for piece in parts(view, id)? {
        discard_piece(changes, &piece);
    }
    end_upload(view, changes, bucket, key, id);
    Ok(())
}

/// The parts that were chosen, and the others.
fn choose(there: Vec<Piece>, chosen: &[Chosen]) -> Result<(Vec<Piece>, Vec<Piece>), Error> {
    let mut wanted = chosen.iter().peekable();
    let mut taken = Vec::with_capacity(chosen.len());
    let mut others = Vec::new();
    for piece in there {
        match wanted.next_if(|one| one.number == piece.number) {
            Some(one) => {
                check_chosen(one, &piece)?;
                taken.push(piece);
            }
            None => others.push(piece),
        }
    }
    match wanted.next() {
        Some(missing) => Err(Error::PartNotFound {
            number: missing.number,
        }),
        None => Ok((taken, others)),
    }
}

fn check_chosen(chosen: &Chosen, piece: &Piece) -> Result<(), Error> {
    let has_sum = match (&chosen.sum, &piece.sum) {
        (Some((algorithm, value)), Some(sum)) => sum.algorithm != *algorithm || sum.value == *value,
        _ => true,
    };
    match chosen.etag == piece.etag && has_sum {
        true => Ok(()),
        false => Err(Error::PartNotFound {
            number: piece.number,
        }),
    }
}

/// The object that the chosen parts make.
pub(super) fn assembled(
    upload: Upload,
    chosen: &[Piece],
    complete: &Complete,
    modified: base::Timestamp,
) -> Result<Object, Error> {
    let all_but_last = chosen.split_last().map_or(&[][..], |(_, rest)| rest);
    if let Some(small) = all_but_last
        .iter()
        .find(|piece| piece.bytes < PART_BYTES_MIN)
    {
        return Err(Error::PartTooSmall {
            number: small.number,
            bytes: small.bytes,
        });
    }
    let bytes = chosen.iter().map(|piece| piece.bytes).sum();
    if bytes > OBJECT_BYTES_MAX {
        return Err(Error::TooLarge {
            limit: OBJECT_BYTES_MAX,
        });
    }
    if complete.bytes.is_some_and(|said| said != bytes) {
        return Err(Error::argument(
            "x-amz-mp-object-size",
            format!("the parts have {bytes} bytes"),
        ));
    }
    let etags = chosen.iter().map(|piece| piece.etag.as_str());
    let content = chosen.iter().find_map(|piece| piece.file);
    Ok(Object {
        bytes,
        modified,
        etag: sums::etag_of_parts(etags),
        content: content.map_or(Content::None, |id| Content::Parts {
            id,
            count: u16::try_from(chosen.len()).unwrap_or(PARTS_MAX),
        }),
        about: upload.about,
        tags: upload.tags,
        sum: sum_of(upload.sums, chosen, complete)?,
    })
}

fn sum_of(
    sums: Option<(Algorithm, Kind)>,
    chosen: &[Piece],
    complete: &Complete,
) -> Result<Option<sums::Sum>, Error> {
    let (algorithm, kind) = sums.unwrap_or((Algorithm::Crc64Nvme, Kind::Full));
    if let (Some(_), Some(said)) = (sums, complete.kind)
        && said != kind
    {
        return Err(Error::argument(
            "x-amz-checksum-type",
            format!("the upload was begun with {}", kind.as_str()),
        ));
    }
    let parts: Vec<_> = chosen
        .iter()
        .map(|piece| (piece.sum.as_ref(), piece.bytes))
        .collect();
    let sum = sums::sum_of_parts(algorithm, kind, &parts);
    if let (Some((said_of, said)), Some(sum)) = (&complete.sum, &sum)
        && *said_of == sum.algorithm
        && *said != sum.value
        && Some(said.as_str()) != sum.value.split('-').next()
    {
        return Err(Error::Digest {
            algorithm: algorithm.as_str(),
            computed: sum.value.clone(),
        });
    }
    Ok(sum)
}
