//! What every implementation of [`Buckets`] must do.
#![expect(clippy::unwrap_used, reason = "this is a test: it fails by panicking")]

use bytes::Bytes;

use super::{Buckets, Error, Object};

/// What every implementation of [`Buckets`] must do: run it on one that has the bucket `there` and not `nowhere`.
///
/// # Panics
/// Where it does not.
pub async fn buckets(buckets: &dyn Buckets, there: &str, nowhere: &str) {
    let object = |text: &str| Object {
        content: Bytes::copy_from_slice(text.as_bytes()),
        metadata: vec![("signature".to_owned(), "00ff".to_owned())],
    };
    let is_missing =
        |error: Error| matches!(error, Error::NoBucket { bucket } if bucket == nowhere);
    assert!(is_missing(buckets.policy(nowhere).await.unwrap_err()));
    assert!(is_missing(
        buckets.put(nowhere, "a", object("1")).await.unwrap_err()
    ));
    assert!(is_missing(buckets.get(nowhere, "a").await.unwrap_err()));
    assert_eq!(buckets.get(there, "a/b").await, Ok(None));
    buckets.put(there, "a/b", object("1")).await.unwrap();
    buckets.put(there, "a/b", object("2")).await.unwrap();
    assert_eq!(buckets.get(there, "a/b").await, Ok(Some(object("2"))));
    assert_eq!(buckets.get(there, "a").await, Ok(None));
    assert!(is_missing(buckets.list(nowhere, "", "").await.unwrap_err()));
    for key in ["a/d", "a/c", "b"] {
        buckets.put(there, key, object("3")).await.unwrap();
    }
    let listed = async |prefix, after| buckets.list(there, prefix, after).await.unwrap();
    assert_eq!(listed("a/", "").await, ["a/b", "a/c", "a/d"]);
    assert_eq!(listed("a/", "a/c").await, ["a/d"]);
    assert_eq!(listed("", "a/d").await, ["b"]);
    assert_eq!(listed("x", "").await, [""; 0]);
}
