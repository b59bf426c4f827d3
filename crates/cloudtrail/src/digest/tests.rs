//! Digests against the user guide's sample, and keys against an independent implementation.

use store::seal::{MasterKey, MasterKeySource};

use super::*;
use crate::engine::state::{Digests, Millis, Settings, Status, TrailId};

pub(crate) fn master() -> MasterKey {
    let source = MasterKeySource::Hex("11".repeat(32));
    MasterKey::load(std::path::Path::new("/nowhere"), &source).unwrap()
}

fn at(text: &str) -> Millis {
    Timestamp::parse_rfc3339(text).unwrap().into()
}

fn trail(digests: Digests) -> Trail {
    Trail {
        id: TrailId(1),
        slot: 0,
        name: "your-trail-name".to_owned(),
        settings: Settings {
            bucket: "S3-bucket-name".to_owned(),
            prefix: None,
            global: true,
            multi_region: false,
            validation: true,
        },
        selectors: None,
        tags: std::collections::BTreeMap::new(),
        is_logging: true,
        started_at: None,
        stopped_at: None,
        is_closing: false,
        delivered: crate::engine::state::Delivered::default(),
        file: None,
        digests,
        status: Status::default(),
    }
}

/// The sample of the user guide, with a signature cut short.
const SAMPLE: &str = r#"{"awsAccountId":"111122223333","digestStartTime":"2015-08-17T14:01:31Z","digestEndTime":"2015-08-17T15:01:31Z","digestS3Bucket":"S3-bucket-name","digestS3Object":"AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/111122223333_CloudTrail-Digest_us-east-2_your-trail-name_us-east-2_20150817T150131Z.json.gz","digestPublicKeyFingerprint":"31e8b5433410dfb61a9dc45cc65b22ff","digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":"2015-08-17T14:52:27Z","oldestEventTime":"2015-08-17T14:42:27Z","previousDigestS3Bucket":"S3-bucket-name","previousDigestS3Object":"AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/111122223333_CloudTrail-Digest_us-east-2_your-trail-name_us-east-2_20150817T140131Z.json.gz","previousDigestHashValue":"97fb791cf91ffc440d274f8190dbdd9aa09c34432aba82739df18b6d3c13df2d","previousDigestHashAlgorithm":"SHA-256","previousDigestSignature":"50887ccf","logFiles":[{"s3Bucket":"S3-bucket-name","s3Object":"AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/17/111122223333_CloudTrail_us-east-2_20150817T1445Z_9nYN7gp2eWAJHIfT.json.gz","hashValue":"9bb6196fc6b84d6f075a56548feca262bd99ba3c2de41b618e5b6e22c1fc71f6","hashAlgorithm":"SHA-256","newestEventTime":"2015-08-17T14:52:27Z","oldestEventTime":"2015-08-17T14:42:27Z"}]}"#;

#[test]
fn a_digest_is_that_of_the_guide() {
    let begin = "AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/111122223333_CloudTrail-Digest_us-east-2_your-trail-name_us-east-2_2015081";
    let account = "111122223333".parse().unwrap();
    let trail = trail(Digests {
        files: vec![LogFile {
            bucket: "S3-bucket-name".to_owned(),
            key: "AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/17/111122223333_CloudTrail_us-east-2_20150817T1445Z_9nYN7gp2eWAJHIfT.json.gz".to_owned(),
            hash: "9bb6196fc6b84d6f075a56548feca262bd99ba3c2de41b618e5b6e22c1fc71f6".to_owned(),
            oldest: at("2015-08-17T14:42:27Z"),
            newest: at("2015-08-17T14:52:27Z"),
        }],
        last: Some(Digest {
            number: 1,
            bucket: "S3-bucket-name".to_owned(),
            key: format!("{begin}7T140131Z.json.gz"),
            hash: "97fb791cf91ffc440d274f8190dbdd9aa09c34432aba82739df18b6d3c13df2d".to_owned(),
            signature: "50887ccf".to_owned(),
            end: at("2015-08-17T14:01:31Z"),
        }),
        plan: None,
    });
    let plan = DigestPlan {
        start: at("2015-08-17T14:01:31Z"),
        end: at("2015-08-17T15:01:31Z"),
        files: 1,
        fingerprint: "31e8b5433410dfb61a9dc45cc65b22ff".to_owned(),
        bucket: "S3-bucket-name".to_owned(),
        key: format!("{begin}7T150131Z.json.gz"),
        is_last: false,
    };
    let document = Document::planned(&account, &trail, &plan);
    let encoded = document.encode();
    assert_eq!(std::str::from_utf8(&encoded).unwrap(), SAMPLE);
    assert_eq!(
        serde_json::from_slice::<Document>(&encoded).unwrap(),
        document
    );
    let hash = sha256(SAMPLE.as_bytes());
    assert_eq!(
        document.to_sign(&encoded),
        format!("2015-08-17T15:01:31Z\nS3-bucket-name/{begin}7T150131Z.json.gz\n{hash}\n50887ccf")
    );
}

#[test]
fn the_first_digest_of_a_chain_has_nothing_before_it_and_may_be_empty() {
    let account = "111122223333".parse().unwrap();
    let plan = DigestPlan {
        start: Millis(0),
        end: Millis(1000),
        files: 0,
        fingerprint: "f".to_owned(),
        bucket: "b".to_owned(),
        key: "k".to_owned(),
        is_last: false,
    };
    let document = Document::planned(&account, &trail(Digests::default()), &plan);
    let value: serde_json::Value = serde_json::from_slice(&document.encode()).unwrap();
    for member in [
        "newestEventTime",
        "oldestEventTime",
        "previousDigestS3Bucket",
        "previousDigestS3Object",
        "previousDigestHashValue",
        "previousDigestHashAlgorithm",
        "previousDigestSignature",
    ] {
        assert_eq!(
            value.get(member),
            Some(&serde_json::Value::Null),
            "{member}"
        );
    }
    assert_eq!(value["logFiles"], serde_json::json!([]));
    assert!(document.to_sign(b"").ends_with("\nnull"));
}

/// `rsa` reads the public half and checks the signature; it shares no code with what signs.
#[test]
fn a_signature_is_taken_by_another_implementation() {
    use rsa::pkcs1::DecodeRsaPublicKey;
    use sha2::Digest as _;

    let key = KeyPair::make(&master(), Timestamp::from_secs(5)).unwrap();
    let pair = KeyPair::open(&master(), &key).unwrap();
    assert_eq!(
        (key.from, key.until),
        (Millis(5000), Millis(31_536_005_000))
    );
    assert_eq!(pair.fingerprint(), key.fingerprint);
    assert_eq!(key.fingerprint.len(), 32);
    let signature = pair.sign(b"message").unwrap();
    assert_eq!(signature.len(), 512);
    assert_eq!(pair.sign(b"message").unwrap(), signature);
    let public = hex::decode(&key.public).unwrap();
    let other = rsa::PublicKey::from_pkcs1_der(&public).unwrap();
    let padding = rsa::Pkcs1v15Sign::new_unprefixed();
    let prefixed = [
        hex::decode("3031300d060960864801650304020105000420").unwrap(),
        Sha256::digest(b"message").to_vec(),
    ]
    .concat();
    let bytes = hex::decode(&signature).unwrap();
    other.verify(padding, &prefixed, &bytes).unwrap();
    let public = PublicKey(public);
    assert!(public.verifies(b"message", &signature));
    assert!(!public.verifies(b"massage", &signature));
    assert!(!public.verifies(b"message", "00"));
    assert!(!public.verifies(b"message", "x"));
}

#[test]
fn a_key_opens_only_under_its_master_and_its_name() {
    let key = KeyPair::make(&master(), Timestamp::EPOCH).unwrap();
    let source = MasterKeySource::Hex("12".repeat(32));
    let other = MasterKey::load(std::path::Path::new("/nowhere"), &source).unwrap();
    assert!(KeyPair::open(&other, &key).is_err());
    let swapped = crate::engine::state::SigningKey {
        fingerprint: "0".repeat(32),
        ..key.clone()
    };
    assert!(KeyPair::open(&master(), &swapped).is_err());
    assert!(!format!("{:?}", KeyPair::open(&master(), &key).unwrap()).contains(&key.sealed));
}
