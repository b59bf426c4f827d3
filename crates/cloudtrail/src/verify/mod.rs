//! Verifying: whether everything is as it was written, in the spools and in the buckets.
//!
//! What `aws cloudtrail validate-logs` finds is found here too, and what it cannot: a tail that was cut off. It begins at
//! the newest digest that it sees in the bucket; this begins at the one that the trail knows to be the newest, and counts.
//! Of the spools every record is compared with the chain, and the chain with the heads.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use flate2::bufread::GzDecoder;
use serde::Serialize;

use crate::bucket::{self, Buckets, Object};
use crate::digest::{self, Document, PublicKey, SIGNATURE, SIGNATURE_ALGORITHM, sha256};
use crate::engine::state::{Digest, State, Trail};
use crate::engine::{key, name};
use crate::spool::Stream;
use crate::trails::{Error, Trails, heads::Heads};

/// The most bytes of an object that is taken apart. Chosen: many times the longest that is put.
const CONTENT_BYTES_MAX: u64 = 1 << 30;

/// The most findings that are told. Chosen: the first ones say it.
pub const FINDINGS_MAX: usize = 1000;

/// How much later than due a digest may be. Chosen.
const GRACE: Duration = Duration::from_secs(600);

/// What is verified.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only this trail's digests; all where nothing is said.
    pub trail: Option<String>,
    /// Only digests whose time ends later; all where nothing is said.
    pub since: Option<Timestamp>,
    /// Heads that somebody wrote down elsewhere.
    pub heads: Option<Heads>,
    /// Whether the buckets are left out.
    pub is_without_buckets: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Management records that were compared with the chain.
    pub management_records: u64,
    /// Data records that were.
    pub data_records: u64,
    /// Whether digests and log files were read; without a server they are not.
    pub are_buckets_read: bool,
    /// Digests that are as they were written.
    pub digests: u64,
    /// Log files that are.
    pub log_files: u64,
    /// What is not.
    pub findings: Vec<Finding>,
    /// How far the spools go: to be written down elsewhere and given to a later verification.
    pub heads: Option<Heads>,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The object (`s3://…`), the trail, or the spool.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A verification under way.
struct Work<'a> {
    trails: &'a Arc<Trails>,
    buckets: &'a dyn Buckets,
    state: Arc<State>,
    since: Timestamp,
    report: Report,
}

/// What is known of a digest before it is read.
#[derive(Clone)]
struct Known {
    bucket: String,
    key: String,
    hash: Option<String>,
    signature: Option<String>,
}

impl Trails {
    /// Verifies everything that is `wanted`. Reads all records, digests and log files.
    ///
    /// # Errors
    /// When a spool cannot be read at all.
    pub async fn verify(
        self: &Arc<Self>,
        buckets: &dyn Buckets,
        wanted: &Wanted,
    ) -> Result<Report, Error> {
        let mut work = Work {
            trails: self,
            buckets,
            state: self.state(),
            since: wanted.since.unwrap_or(Timestamp::EPOCH),
            report: Report {
                are_buckets_read: !wanted.is_without_buckets,
                ..Report::default()
            },
        };
        work.spools(wanted.heads).await?;
        if wanted.is_without_buckets {
            return Ok(work.report);
        }
        let state = Arc::clone(&work.state);
        let is_wanted = |name: &str| wanted.trail.as_ref().is_none_or(|it| it == name);
        for trail in state.all().filter(|trail| is_wanted(&trail.name)) {
            work.freshness(trail);
            if let Some(last) = &trail.digests.last {
                work.chain(&trail.name, last).await;
            }
            work.strangers(trail).await;
            for file in &trail.digests.files {
                work.log_file(&file.bucket, &file.key, &file.hash).await;
            }
        }
        for end in state.ends.iter().filter(|end| is_wanted(&end.trail)) {
            work.chain(&end.trail, &end.digest).await;
        }
        Ok(work.report)
    }
}

impl Work<'_> {
    fn find(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(Finding {
                place: place.into(),
                problem: problem.into(),
            });
        }
    }

    async fn spools(&mut self, elsewhere: Option<Heads>) -> Result<(), Error> {
        let walked = self.trails.blocking(move |trails| {
            let kept = trails.kept_heads().map_err(Error::NotWritten)?;
            let mut walked = Vec::new();
            for stream in Stream::ALL {
                let known = kept.as_ref().map(|heads| *heads.of(stream));
                let others: Vec<_> = elsewhere.iter().map(|heads| *heads.of(stream)).collect();
                let spool = trails.spool(stream);
                walked.push((
                    stream,
                    spool
                        .verify(known.as_ref(), &others)
                        .map_err(Error::NotWritten)?,
                ));
            }
            Ok((kept, walked))
        });
        let (kept, walked) = walked.await?;
        for (stream, walked) in walked {
            match stream {
                Stream::Management => self.report.management_records = walked.records,
                Stream::Data => self.report.data_records = walked.records,
            }
            for fault in walked.faults {
                self.find(format!("{} records", stream.as_str()), fault.to_string());
            }
        }
        if kept.is_none() {
            self.find(
                "heads.json",
                "it is missing or was changed: whether a tail was cut off cannot be told from it",
            );
        }
        self.report.heads = kept;
        Ok(())
    }

    /// A trail whose newest digest is older than it should be.
    fn freshness(&mut self, trail: &Trail) {
        if !trail.is_logging || !trail.settings.validation {
            return;
        }
        let newest = trail.digests.last.as_ref().map(|last| last.end);
        let Some(newest) = newest.or(trail.started_at).map(Timestamp::from) else {
            return;
        };
        let age = self.trails.now().since(newest);
        if age > self.trails.rules().digest_every + GRACE {
            let why = trail
                .status
                .digest_error
                .as_deref()
                .unwrap_or("no reason is known");
            let problem = format!(
                "no digest was delivered since {}: {why}",
                newest.rfc3339_secs()
            );
            self.find(format!("trail {}", trail.name), problem);
        }
    }

    /// Follows a chain of digests back from its newest.
    async fn chain(&mut self, trail: &str, newest: &Digest) {
        let mut left = newest.number;
        let mut next = Some(Known {
            bucket: newest.bucket.clone(),
            key: newest.key.clone(),
            hash: Some(newest.hash.clone()),
            signature: Some(newest.signature.clone()),
        });
        while let Some(known) = next.take() {
            left = left.saturating_sub(1);
            let place = format!("s3://{}/{}", known.bucket, known.key);
            match self.digest(&known).await {
                Ok(document) => {
                    if Timestamp::parse_rfc3339(&document.digest_end_time)
                        .is_some_and(|end| end < self.since)
                    {
                        return;
                    }
                    self.report.digests += 1;
                    for entry in &document.log_files {
                        self.log_file(&entry.s3_bucket, &entry.s3_object, &entry.hash_value)
                            .await;
                    }
                    next = before(&document);
                    if next.is_none() && left > 0 {
                        self.find(
                            place,
                            format!(
                                "it begins its chain, and {left} digests before it are missing"
                            ),
                        );
                    }
                }
                Err((problem, document)) => {
                    self.find(place, problem);
                    next = document.as_ref().and_then(before);
                    if next.is_none() && left > 0 {
                        next = self.older(trail, &known).await;
                    }
                }
            }
        }
    }

    /// Reads a digest and compares it with what is known of it.
    async fn digest(&self, known: &Known) -> Result<Document, (String, Option<Document>)> {
        let only = |problem: String| (problem, None);
        let object = self.buckets.get(&known.bucket, &known.key).await;
        let object = object
            .map_err(|error| only(error.to_string()))?
            .ok_or_else(|| only("the digest is missing".to_owned()))?;
        let content = unpack(&object).map_err(only)?;
        let document: Document = serde_json::from_slice(&content)
            .map_err(|error| only(format!("the digest is none: {error}")))?;
        match self.compare(known, &object, &content, &document) {
            Ok(()) => Ok(document),
            Err(problem) => Err((problem, Some(document))),
        }
    }

    fn compare(
        &self,
        known: &Known,
        object: &Object,
        content: &[u8],
        document: &Document,
    ) -> Result<(), String> {
        let is_here =
            document.digest_s3_bucket == known.bucket && document.digest_s3_object == known.key;
        if !is_here {
            return Err("the digest was moved from its place".to_owned());
        }
        let signature = object.metadata(SIGNATURE).unwrap_or_default();
        if object.metadata(SIGNATURE_ALGORITHM) != Some(digest::ALGORITHM) || signature.is_empty() {
            return Err("the digest has no signature".to_owned());
        }
        let fingerprint = &document.digest_public_key_fingerprint;
        let key = self
            .state
            .keys
            .iter()
            .find(|key| key.fingerprint == *fingerprint);
        let Some(key) = key.and_then(|key| hex::decode(&key.public).ok()) else {
            return Err(format!(
                "the digest is signed by a key that is not ours, `{fingerprint}`"
            ));
        };
        if !PublicKey(key).verifies(document.to_sign(content).as_bytes(), signature) {
            return Err("the signature is not that of the digest".to_owned());
        }
        let is_known = known.signature.as_ref().is_none_or(|it| it == signature)
            && known.hash.as_ref().is_none_or(|it| *it == sha256(content));
        match is_known {
            true => Ok(()),
            false => Err("it is another digest than the one that was written here".to_owned()),
        }
    }

    /// The newest digest of the trail that is older than one that cannot tell which that is.
    async fn older(&mut self, trail: &str, known: &Known) -> Option<Known> {
        let place = self.trails.place();
        let at = known.key.find("AWSLogs/")?;
        let prefix = format!(
            "{}AWSLogs/{account}/CloudTrail-Digest/{region}/",
            known.key.get(..at)?,
            account = place.account,
            region = place.region
        );
        let keys = self.all_keys(&known.bucket, &prefix).await.ok()?;
        let is_of = |key: &&String| key.as_str() < known.key.as_str() && is_digest_of(key, trail);
        let key = keys.iter().rfind(is_of)?.clone();
        Some(Known {
            bucket: known.bucket.clone(),
            key,
            hash: None,
            signature: None,
        })
    }

    /// Digests that lie where the trail's lie and are not its own.
    async fn strangers(&mut self, trail: &Trail) {
        let place = self.trails.place().clone();
        let Some(newest) = trail.digests.last.clone() else {
            return;
        };
        let root = key::root(trail.settings.prefix.as_deref(), &place.account);
        let prefix = format!("{root}CloudTrail-Digest/{}/", place.region);
        let Ok(keys) = self.all_keys(&newest.bucket, &prefix).await else {
            return;
        };
        let planned = trail.digests.plan.as_ref().map(|plan| plan.key.clone());
        let is_strange = |key: &&String| {
            is_digest_of(key, &trail.name) && **key > newest.key && Some(*key) != planned.as_ref()
        };
        for key in keys.iter().filter(is_strange) {
            let arn = name::arn(&place.region, &place.account, &trail.name);
            self.find(
                format!("s3://{}/{key}", newest.bucket),
                format!("it is newer than the newest digest of {arn} and was not written by it"),
            );
        }
    }

    async fn all_keys(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> Result<BTreeSet<String>, bucket::Error> {
        let mut keys: BTreeSet<String> = BTreeSet::new();
        loop {
            let after = keys.last().cloned().unwrap_or_default();
            let page = self.buckets.list(bucket, prefix, &after).await?;
            let before = keys.len();
            keys.extend(page);
            if keys.len() == before {
                return Ok(keys);
            }
        }
    }

    async fn log_file(&mut self, bucket: &str, key: &str, hash: &str) {
        let place = format!("s3://{bucket}/{key}");
        match self.buckets.get(bucket, key).await {
            Err(error) => self.find(place, error.to_string()),
            Ok(None) => self.find(place, "the log file is missing"),
            Ok(Some(object)) => match unpack(&object) {
                Err(problem) => self.find(place, problem),
                Ok(content) if sha256(&content) != hash => {
                    self.find(place, "the log file was changed: its hash is another");
                }
                Ok(_) => self.report.log_files += 1,
            },
        }
    }
}

/// The digest before, as a digest names it.
fn before(document: &Document) -> Option<Known> {
    Some(Known {
        bucket: document.previous_digest_s3_bucket.clone()?,
        key: document.previous_digest_s3_object.clone()?,
        hash: document.previous_digest_hash_value.clone(),
        signature: document.previous_digest_signature.clone(),
    })
}

fn is_digest_of(key: &str, trail: &str) -> bool {
    let file = key.rsplit('/').next().unwrap_or_default();
    // ACCOUNT_CloudTrail-Digest_REGION_TRAIL_REGION_TIME.json.gz: names of trails may hold `_`, regions may not.
    let Some((_, rest)) = file.split_once("_CloudTrail-Digest_") else {
        return false;
    };
    let its_name = rest
        .split_once('_')
        .and_then(|(_, rest)| rest.rsplit_once('_'))
        .and_then(|(rest, _)| rest.rsplit_once('_'))
        .map(|(name, _)| name);
    its_name == Some(trail)
}

/// The content of an object before compression.
fn unpack(object: &Object) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    let mut decoder = GzDecoder::new(&*object.content).take(CONTENT_BYTES_MAX + 1);
    decoder
        .read_to_end(&mut content)
        .map_err(|error| format!("it is not compressed as it was: {error}"))?;
    if content.len() as u64 > CONTENT_BYTES_MAX {
        return Err("it is larger than anything that is written here".to_owned());
    }
    match decoder.into_inner().into_inner().is_empty() {
        true => Ok(content),
        false => Err("something was put behind its end".to_owned()),
    }
}
