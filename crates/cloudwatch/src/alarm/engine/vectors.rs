//! Where the vectors of states and suppression are read for tests.

/// `tests/data/alarm-vectors.json`: rows of the CloudWatch User Guide's tables (awsdocs/amazon-cloudwatch-user-guide, commit
/// b355497), with what follows from its rules.
pub(crate) fn read() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../tests/data/alarm-vectors.json")).unwrap()
}
