//! No buckets at all: what trails deliver into where nothing keeps objects.

use async_trait::async_trait;

use super::{Buckets, Error, Object};

/// Keeps nothing: there is no bucket of any name.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

fn missing<T>(bucket: &str) -> Result<T, Error> {
    Err(Error::NoBucket {
        bucket: bucket.to_owned(),
    })
}

#[async_trait]
impl Buckets for Nowhere {
    async fn policy(&self, bucket: &str) -> Result<Option<String>, Error> {
        missing(bucket)
    }

    async fn put(&self, bucket: &str, _key: &str, _object: Object) -> Result<(), Error> {
        missing(bucket)
    }

    async fn get(&self, bucket: &str, _key: &str) -> Result<Option<Object>, Error> {
        missing(bucket)
    }

    async fn list(&self, bucket: &str, _prefix: &str, _after: &str) -> Result<Vec<String>, Error> {
        missing(bucket)
    }
}
