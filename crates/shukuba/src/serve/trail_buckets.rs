//! The buckets that trails deliver into: those of this server, asked in the process.

use std::sync::Arc;

use async_trait::async_trait;
use cloudtrail::bucket::{Buckets, Error, Object};
use s3::Objects;
use s3::objects::{Paging, Put};
use s3::rows::About;

/// The most bytes of an object that is read. Chosen: many times the longest that a trail puts.
const OBJECT_BYTES_MAX: u64 = 256 << 20;

/// Keys of a page, as S3 has it.
const PAGE: usize = 1000;

/// Buckets as a trail asks for them.
#[derive(Clone, Debug)]
pub(super) struct TrailBuckets(pub(super) Arc<Objects>);

fn failed(error: s3::Error) -> Error {
    match error {
        s3::Error::BucketNotFound { bucket } => Error::NoBucket { bucket },
        error => Error::Failed {
            why: format!("{:#}", anyhow::Error::new(error)),
        },
    }
}

#[async_trait]
impl Buckets for TrailBuckets {
    async fn policy(&self, bucket: &str) -> Result<Option<String>, Error> {
        let found = self.0.bucket(bucket).await.map_err(failed)?;
        Ok(found.policy)
    }

    async fn put(&self, bucket: &str, key: &str, object: Object) -> Result<(), Error> {
        let about = About {
            content_type: Some("application/json".to_owned()),
            content_encoding: Some("gzip".to_owned()),
            metadata: object.metadata.into_iter().collect(),
            ..About::default()
        };
        let put = Put {
            about,
            ..Put::default()
        };
        let put = self.0.put_bytes(bucket, key, put, object.content).await;
        put.map(|_| ()).map_err(failed)
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Object>, Error> {
        let got = self.0.get_bytes(bucket, key, OBJECT_BYTES_MAX).await;
        match got {
            Ok((object, content)) => Ok(Some(Object {
                content,
                metadata: object.about.metadata.into_iter().collect(),
            })),
            Err(s3::Error::KeyNotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn list(&self, bucket: &str, prefix: &str, after: &str) -> Result<Vec<String>, Error> {
        let paging = Paging {
            prefix: prefix.to_owned(),
            delimiter: None,
            after: Some(after.to_owned()).filter(|after| !after.is_empty()),
            max: PAGE,
        };
        let page = self.0.list(bucket, paging).await.map_err(failed)?;
        Ok(page.entries.into_iter().map(|(key, _)| key).collect())
    }
}

#[cfg(test)]
mod tests {
    use base::SystemClock;

    use super::*;

    #[tokio::test]
    async fn the_buckets_of_a_server_do_what_a_trail_needs() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock::new());
        let objects = Objects::open(dir.path(), clock, s3::Limits::default()).unwrap();
        objects.create_bucket("there", Vec::new()).await.unwrap();
        let buckets = TrailBuckets(objects);
        cloudtrail::bucket::contract::buckets(&buckets, "there", "nowhere").await;
    }
}
