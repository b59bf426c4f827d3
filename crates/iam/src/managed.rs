//! Managed policies that are there in every account: AWS's, and those of the platform.
//!
//! AWS's documents are facts, taken on 2026-11-29 from the data of moto 5.2.5 by `scripts/aws-managed-policies.py`, which
//! says how to take newer ones. Descriptions are not in that data and left empty. The platform's own policies stand
//! for what keys could do before there were policies.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::LazyLock;

use base::Timestamp;
use serde::Deserialize;

const PACKED: &[u8] = include_bytes!("../data/aws-managed.json.gz");

/// A managed policy that is there in every account.
#[derive(Debug)]
pub struct Managed {
    /// Its ARN, such as `arn:aws:iam::aws:policy/AdministratorAccess`.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its path, such as `/` or `/job-function/`.
    pub path: String,
    /// The unique id.
    pub id: String,
    /// For people.
    pub description: &'static str,
    /// Its only version here, such as `v12`.
    pub version: String,
    /// When it was made.
    pub created: Timestamp,
    /// When this version was made.
    pub updated: Timestamp,
    /// What it says.
    pub document: String,
}

/// As the data file has it.
#[derive(Deserialize)]
struct Row {
    name: String,
    path: String,
    id: String,
    version: String,
    created: String,
    updated: String,
    document: String,
}

/// May send to queues.
pub const SENDER: &str = "arn:aws:iam::aws:policy/ShukubaSender";
/// May take from queues, finish messages, and send what must be tried again.
pub const NOTIFIER: &str = "arn:aws:iam::aws:policy/ShukubaNotifier";
/// May look.
pub const READER: &str = "arn:aws:iam::aws:policy/ShukubaReader";
/// May do everything.
pub const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// The platform's own: ARN, id, description, document.
const OWN: &[(&str, &str, &str, &str)] = &[
    (
        SENDER,
        "ANPASHUKUBASENDER0001",
        "Sends messages to queues.",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage","sqs:GetQueueUrl","sqs:GetQueueAttributes"],"Resource":"*"}]}"#,
    ),
    (
        NOTIFIER,
        "ANPASHUKUBANOTIFY0001",
        "Takes messages from queues, also from those of routes, finishes them, and sends what must be tried again.",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:ChangeMessageVisibility","sqs:SendMessage","sqs:GetQueueUrl","sqs:GetQueueAttributes","shukuba:TakeFromRoute"],"Resource":"*"}]}"#,
    ),
    (
        READER,
        "ANPASHUKUBAREADER0001",
        "Looks at queues, routes, their ledger and their figures; takes no message.",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:Get*","sqs:List*","shukuba:Get*","shukuba:List*","shukuba:Describe*","shukuba:Lookup*","cloudwatch:Get*","cloudwatch:List*","cloudwatch:Describe*"],"Resource":"*"}]}"#,
    ),
];

/// When the platform's own policies came to be.
const OWN_SINCE: Timestamp = Timestamp::from_secs(1_795_910_400);

static ALL: LazyLock<BTreeMap<String, Managed>> = LazyLock::new(|| {
    let aws = unpack().into_iter().map(Managed::from);
    let own = OWN.iter().map(Managed::own);
    aws.chain(own)
        .map(|policy| (policy.arn.clone(), policy))
        .collect()
});

/// The policy with an ARN.
#[must_use]
pub fn get(arn: &str) -> Option<&'static Managed> {
    ALL.get(arn)
}

/// All, by ARN.
pub fn all() -> impl Iterator<Item = &'static Managed> {
    ALL.values()
}

/// The rows of the data file, which is part of the program: a test reads it, and nothing else can be in it.
fn unpack() -> Vec<Row> {
    let mut text = Vec::new();
    let read = flate2::read::GzDecoder::new(PACKED).read_to_end(&mut text);
    debug_assert!(read.is_ok());
    serde_json::from_slice(&text).unwrap_or_default()
}

impl From<Row> for Managed {
    fn from(row: Row) -> Self {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap_or_default();
        Self {
            arn: format!("arn:aws:iam::aws:policy{}{}", row.path, row.name),
            created: at(&row.created),
            updated: at(&row.updated),
            name: row.name,
            path: row.path,
            id: row.id,
            description: "",
            version: row.version,
            document: row.document,
        }
    }
}

impl Managed {
    fn own((arn, id, description, document): &(&str, &str, &'static str, &str)) -> Self {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        Self {
            arn: (*arn).to_owned(),
            name: name.to_owned(),
            path: "/".to_owned(),
            id: (*id).to_owned(),
            description,
            version: "v1".to_owned(),
            created: OWN_SINCE,
            updated: OWN_SINCE,
            document: (*document).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::document;

    #[test]
    fn every_policy_that_is_named_is_there_and_in_form() {
        for name in [
            "AdministratorAccess",
            "PowerUserAccess",
            "ReadOnlyAccess",
            "IAMUserChangePassword",
            "SecurityAudit",
            "AWSBillingReadOnlyAccess",
            "job-function/ViewOnlyAccess",
            "job-function/Billing",
            "ShukubaSender",
            "ShukubaNotifier",
            "ShukubaReader",
        ] {
            let policy = get(&format!("arn:aws:iam::aws:policy/{name}")).unwrap();
            assert_eq!(
                document::check(&policy.document, policy::Kind::Identity),
                Ok(()),
                "{name}"
            );
            assert!(
                policy.created > Timestamp::default() && policy.updated >= policy.created,
                "{name}"
            );
            assert_eq!(policy.id.len(), 21, "{name}");
        }
        assert!(get("arn:aws:iam::aws:policy/Nonsense").is_none());
    }
}
