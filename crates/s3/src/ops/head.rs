//! What is refused by a request's head alone: what this server does not do, rather than to do something else.

use base::AccountId;
use http::{HeaderMap, Uri};

use crate::error::Error;

/// Headers that ask for what there is not, and what to say.
const NOT_HERE: &[(&str, &str)] = &[
    ("x-amz-server-side-encryption", ENCRYPTION),
    ("x-amz-server-side-encryption-aws-kms-key-id", ENCRYPTION),
    ("x-amz-server-side-encryption-context", ENCRYPTION),
    (
        "x-amz-server-side-encryption-customer-algorithm",
        ENCRYPTION,
    ),
    ("x-amz-server-side-encryption-customer-key", ENCRYPTION),
    (
        "x-amz-copy-source-server-side-encryption-customer-key",
        ENCRYPTION,
    ),
    ("x-amz-object-lock-mode", LOCK),
    ("x-amz-object-lock-retain-until-date", LOCK),
    ("x-amz-object-lock-legal-hold", LOCK),
    ("x-amz-bucket-object-lock-enabled", LOCK),
    (
        "x-amz-write-offset-bytes",
        "appending to an object is not one of this server's operations",
    ),
    (
        "x-amz-mfa",
        "MFA delete is not there: no bucket has versions",
    ),
];
const ENCRYPTION: &str = "objects lie on this server's disk as they are; leave the x-amz-server-side-encryption headers out";
const LOCK: &str = "this server has no object lock";

const GRANTS: &[&str] = &[
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
];

/// Canned ACLs that say what is so anyway.
const OWNERS_ACLS: &[&str] = &["bucket-owner-full-control", "private"];

/// Refuses what is not there.
///
/// # Errors
/// [`Error::Unsupported`], [`Error::NoAcl`], [`Error::ExpectedOwner`], [`Error::VersionNotFound`], [`Error::Argument`].
pub(super) fn check(headers: &HeaderMap, uri: &Uri, account: &AccountId) -> Result<(), Error> {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    if let Some((_, said)) = NOT_HERE
        .iter()
        .find(|(name, _)| text(name).is_some_and(|value| value != "false"))
    {
        return Err(Error::Unsupported((*said).to_owned()));
    }
    if GRANTS.iter().any(|name| headers.contains_key(*name)) {
        return Err(Error::NoAcl);
    }
    if text("x-amz-acl").is_some_and(|acl| !OWNERS_ACLS.contains(&acl)) {
        return Err(Error::NoAcl);
    }
    let class = text("x-amz-storage-class").unwrap_or("STANDARD");
    if class != "STANDARD" {
        return Err(Error::Unsupported(format!(
            "storage class `{class}`: this server has STANDARD alone"
        )));
    }
    let owners = [
        "x-amz-expected-bucket-owner",
        "x-amz-source-expected-bucket-owner",
    ];
    if owners
        .iter()
        .filter_map(|name| text(name))
        .any(|owner| owner != account.as_str())
    {
        return Err(Error::ExpectedOwner);
    }
    match version(uri) {
        Some(version) if version != "null" => Err(Error::VersionNotFound {
            version: version.chars().take(128).collect(),
        }),
        _ => Ok(()),
    }
}

fn version(uri: &Uri) -> Option<String> {
    let pairs = uri.query()?.split('&');
    let value = pairs
        .filter_map(|pair| pair.strip_prefix("versionId="))
        .next()?;
    let value = percent_encoding::percent_decode_str(value);
    Some(value.decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_said() {
        let account: AccountId = "123456789012".parse().unwrap();
        let outcome = |name: &'static str, value: &'static str, uri: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            match check(&headers, &uri.parse().unwrap(), &account) {
                Ok(()) => "taken",
                Err(Error::Unsupported(_)) => "unsupported",
                Err(Error::NoAcl) => "no acl",
                Err(Error::ExpectedOwner) => "owner",
                Err(Error::VersionNotFound { .. }) => "version",
                Err(_) => "other",
            }
        };
        for (name, value, uri, expected) in [
            (
                "x-amz-server-side-encryption",
                "AES256",
                "/b/k",
                "unsupported",
            ),
            (
                "x-amz-object-lock-mode",
                "GOVERNANCE",
                "/b/k",
                "unsupported",
            ),
            ("x-amz-bucket-object-lock-enabled", "false", "/b", "taken"),
            ("x-amz-storage-class", "GLACIER", "/b/k", "unsupported"),
            ("x-amz-storage-class", "STANDARD", "/b/k", "taken"),
            ("x-amz-acl", "public-read", "/b/k", "no acl"),
            ("x-amz-acl", "bucket-owner-full-control", "/b/k", "taken"),
            ("x-amz-grant-read", "id=1", "/b/k", "no acl"),
            ("x-amz-expected-bucket-owner", "123456789012", "/b", "taken"),
            ("x-amz-expected-bucket-owner", "210987654321", "/b", "owner"),
            ("x-other", "", "/b/k?versionId=null", "taken"),
            ("x-other", "", "/b/k?versionId=3%2FL4", "version"),
        ] {
            assert_eq!(outcome(name, value, uri), expected, "{name} {value} {uri}");
        }
    }
}
