//! The names of the objects that a trail puts.
//!
//! ```text
//! [PREFIX/]AWSLogs/ACCOUNT/CloudTrail/REGION/2026/11/29/ACCOUNT_CloudTrail_REGION_20261129T0642Z_9nYN7gp2eWAJHIfT.json.gz
//! [PREFIX/]AWSLogs/ACCOUNT/CloudTrail-Digest/REGION/2026/11/29/ACCOUNT_CloudTrail-Digest_REGION_TRAIL_REGION_20261129T064210Z.json.gz
//! ```
//! Source: CloudTrail user guide, log file name format and digest file structure.

use base::{AccountId, Region, Timestamp};
use sha2::{Digest, Sha256};

use super::state::Settings;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Under what all keys of a trail lie: `[PREFIX/]AWSLogs/ACCOUNT/`.
#[must_use]
pub fn root(prefix: Option<&str>, account: &AccountId) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}/AWSLogs/{account}/"),
        None => format!("AWSLogs/{account}/"),
    }
}

/// The key of a log file whose newest event is of `newest`. `unique` tells it from others of that minute: the same
/// bytes give the same key.
#[must_use]
pub fn log(
    settings: &Settings,
    account: &AccountId,
    region: &Region,
    newest: Timestamp,
    unique: &[u8],
) -> String {
    let root = root(settings.prefix.as_deref(), account);
    let time = Digits::of(newest);
    let (day, minute) = (time.path(), time.minute());
    let unique = letters(unique);
    format!(
        "{root}CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{minute}_{unique}.json.gz"
    )
}

/// The key of a digest whose time ends at `end`.
#[must_use]
pub fn digest(
    settings: &Settings,
    account: &AccountId,
    region: &Region,
    trail: &str,
    end: Timestamp,
) -> String {
    let root = root(settings.prefix.as_deref(), account);
    let time = Digits::of(end);
    let (day, second) = (time.path(), time.second());
    format!(
        "{root}CloudTrail-Digest/{region}/{day}/{account}_CloudTrail-Digest_{region}_{trail}_{region}_{second}.json.gz"
    )
}

/// 16 letters that stand for `bytes`.
fn letters(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let letter = |byte: &u8| LETTERS.get(usize::from(*byte) % LETTERS.len()).copied();
    hash.iter()
        .take(16)
        .filter_map(letter)
        .map(char::from)
        .collect()
}

/// A time as the digits of keys.
struct Digits {
    /// `2026-11-29T06:42:10.000Z`
    text: String,
}

impl Digits {
    fn of(at: Timestamp) -> Self {
        Self { text: at.rfc3339() }
    }

    fn part(&self, range: std::ops::Range<usize>) -> String {
        let part = self.text.get(range).unwrap_or_default();
        part.chars().filter(char::is_ascii_digit).collect()
    }

    /// `2026/11/29`
    fn path(&self) -> String {
        self.text.get(..10).unwrap_or_default().replace('-', "/")
    }

    /// `20261129T0642Z`
    fn minute(&self) -> String {
        format!("{}T{}Z", self.part(0..10), self.part(11..16))
    }

    /// `20261129T064210Z`
    fn second(&self) -> String {
        format!("{}T{}Z", self.part(0..10), self.part(11..19))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are those of the user guide's samples, with the minute and the unique part of ours.
    #[test]
    fn keys_are_those_of_the_guide() {
        let settings = |prefix: Option<&str>| Settings {
            bucket: "b".to_owned(),
            prefix: prefix.map(str::to_owned),
            global: true,
            multi_region: false,
            validation: true,
        };
        let account = "111122223333".parse().unwrap();
        let region = "us-east-2".parse().unwrap();
        let at = Timestamp::parse_rfc3339("2015-08-17T15:01:31Z").unwrap();
        assert_eq!(
            digest(&settings(None), &account, &region, "your-trail-name", at),
            "AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/111122223333_CloudTrail-Digest_us-east-2_your-trail-name_us-east-2_20150817T150131Z.json.gz"
        );
        let key = log(&settings(Some("a/b")), &account, &region, at, b"1");
        let begin = "a/b/AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/17/111122223333_CloudTrail_us-east-2_20150817T1501Z_";
        let unique = key
            .strip_prefix(begin)
            .unwrap()
            .strip_suffix(".json.gz")
            .unwrap();
        assert!(
            unique.len() == 16 && unique.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{unique}"
        );
        assert_eq!(
            key,
            log(&settings(Some("a/b")), &account, &region, at, b"1")
        );
        assert_ne!(
            key,
            log(&settings(Some("a/b")), &account, &region, at, b"2")
        );
    }
}
