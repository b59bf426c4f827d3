//! The port `Objects` over the buckets of this server.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lambda::port::{Objects, Trouble};
use policy::Document;

/// Objects of this server; there are none where the data directory is only read.
#[derive(Debug)]
pub(in crate::serve) struct OwnObjects(pub(in crate::serve) Option<Arc<s3::Objects>>);

#[async_trait]
impl Objects for OwnObjects {
    async fn read(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        bytes_max: u64,
    ) -> Result<Bytes, Trouble> {
        // Buckets keep no versions: what is there is the one called `null`.
        if version.is_some_and(|version| version != "null") {
            return Err(Trouble::Lasting(
                "The specified version does not exist.".to_owned(),
            ));
        }
        let objects = self.0.as_ref();
        let objects = objects.ok_or_else(|| Trouble::Passing("there are no buckets".to_owned()))?;
        match objects.get_bytes(bucket, key, bytes_max).await {
            Ok((_, bytes)) => Ok(bytes),
            Err(error @ (s3::Error::BucketNotFound { .. } | s3::Error::TooLarge { .. })) => {
                Err(Trouble::Lasting(error.to_string()))
            }
            Err(s3::Error::KeyNotFound { .. }) => Err(Trouble::Lasting(
                "The specified key does not exist.".to_owned(),
            )),
            Err(error) => Err(Trouble::Passing(format!("{:#}", anyhow::Error::new(error)))),
        }
    }

    fn policy(&self, bucket: &str) -> Option<Arc<Document>> {
        self.0.as_ref()?.policy(bucket).ok()?
    }
}
