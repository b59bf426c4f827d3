//! Examples of "CloudWatch search expression syntax", and what Grafana sends.

use serde_json::Value;

use super::tokens::{pieces, whole};
use super::{Error, SEARCH_CHARS_MAX, Terms};
use crate::metric::Identity;
use crate::metric::memory::identity;

#[test]
fn tokens_are_those_of_the_guide() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    for (text, expected) in vectors["search_tokens"].as_object().unwrap() {
        let mut tokens = vec![whole(text)];
        tokens.extend(pieces(text).iter().map(|piece| piece.to_lowercase()));
        let expected: Vec<_> = expected
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
            .collect();
        assert_eq!(tokens, expected, "{text}");
    }
}

fn finds(search: &str, metric: &Identity) -> bool {
    Terms::parse(search).unwrap().has(metric)
}

#[test]
fn terms_match_names_as_in_the_guide() {
    for (term, name, expected) in [
        ("count", "CustomCount1", true),
        ("Count", "CustomCount1", true),
        ("COUNT", "CustomCount1", true),
        ("couNT", "CustomCount1", false),
        ("CustomCount", "CustomCount1", true),
        ("Count1", "CustomCount1", true),
        ("customcount", "CustomCount1", false),
        ("count1", "CustomCount1", false),
        ("customcount1", "CustomCount1", true),
        ("\"CustomCount1\"", "CustomCount1", true),
        ("\"customcount1\"", "CustomCount1", false),
        ("\"Custom\"", "CustomCount1", false),
        ("network/errors", "Network-Errors-2", true),
        ("network+errors", "NetworkErrors2", true),
        ("network-errors", "Network-Errors-2", true),
        ("Network_Errors", "NetworkErrors2", true),
        ("\"Network-Errors-2\"", "Network-Errors-2", true),
        ("\"Network_Errors_2\"", "Network-Errors-2", false),
        (
            r#""Europe\\France Traffic\(Network\)""#,
            r"Europe\France Traffic(Network)",
            true,
        ),
        ("failure", "SDBFailure", true),
        ("sdb", "SDBFailure", true),
    ] {
        let metric = identity("Own", name, &[]);
        assert_eq!(finds(term, &metric), expected, "{term} in {name}");
        let designated = format!("MetricName={term}");
        assert_eq!(finds(&designated, &metric), expected, "{designated}");
        let namespace = format!("Namespace={term}");
        assert!(!finds(&namespace, &metric), "{namespace}");
    }
}

#[test]
fn searches_find_metrics_as_in_the_guide() {
    let cpu = identity(
        "AWS/EC2",
        "CPUUtilization",
        &[("InstanceId", "i-1234567890123456")],
    );
    let packets = identity("AWS/EC2", "NetworkPacketsIn", &[("InstanceId", "i-1")]);
    let micro = identity("AWS/EC2", "CPUUtilization", &[("InstanceType", "t2.micro")]);
    let errors = identity("AWS/Lambda", "Errors", &[("FunctionName", "pay")]);
    let invoked = identity(
        "AWS/Lambda",
        "Invocations",
        &[("FunctionName", "ProjectA-pay")],
    );
    let ebs = identity("AWS/EBS", "VolumeReadOps", &[("VolumeId", "vol-1")]);
    let own = identity(
        "My Namespace",
        "Custom:Name[Special_Characters",
        &[("Dimension@Name", "x")],
    );
    let all = [&cpu, &packets, &micro, &errors, &invoked, &ebs, &own];
    for (search, expected) in [
        (
            r#" {AWS/EC2,InstanceId} MetricName="CPUUtilization" "#,
            vec![&cpu],
        ),
        ("{AWS/EC2,InstanceId} network AND packets", vec![&packets]),
        ("{AWS/EC2,InstanceId} network packets ", vec![&packets]),
        ("{AWS/EC2,InstanceId}", vec![&cpu, &packets]),
        ("{AWS/EC2}", vec![]),
        (
            r#"{AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT i-1234567890123456"#,
            vec![],
        ),
        ("NOT Namespace=AWS ", vec![&own]),
        (" InstanceType=micro ", vec![&micro]),
        (
            r#" InstanceType="t2.micro" Namespace="AWS/EC2" "#,
            vec![&micro],
        ),
        (" \"CPUUtilization\" ", vec![&cpu, &micro]),
        (" (EC2 OR EBS) AND MetricName=ReadOps ", vec![&ebs]),
        (" (EC2 OR EBS) MetricName=ReadOps ", vec![&ebs]),
        (
            r#"{AWS/Lambda,FunctionName} MetricName="Errors" OR (MetricName="Invocations" AND (ProjectA OR ProjectB))"#,
            vec![&errors, &invoked],
        ),
        (
            r#" {"My Namespace", "Dimension@Name"}, "Custom:Name[Special_Characters" "#,
            vec![&own],
        ),
        (
            r#"{AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT "ProjectA" NOT "ProjectB""#,
            vec![&cpu],
        ),
        // As Grafana writes it.
        (
            r#"{"AWS/EC2","InstanceId"} MetricName="NetworkPacketsIn" "InstanceId"=("i-1" OR "i-2")"#,
            vec![&packets],
        ),
        (
            r#"{"AWS/EC2","InstanceId"} MetricName="NetworkPacketsIn" "InstanceId"="i-2""#,
            vec![],
        ),
    ] {
        let found: Vec<_> = all.into_iter().filter(|it| finds(search, it)).collect();
        assert_eq!(found, expected, "{search}");
    }
}

#[test]
fn searches_that_cannot_be_read_say_why() {
    for (search, expected) in [
        ("", "a search has a schema, a term or both"),
        ("{}", "a schema is `{namespace, dimension, …}`"),
        ("{AWS/EC2", "a schema is `{namespace, dimension, …}`"),
        ("\"open", "a text without its end"),
        ("(a", "expected `)`, found the end"),
        ("a)", "expected a term, found `)`"),
        ("a AND", "expected a term, found the end"),
        ("OR a", "expected a term, found `OR`"),
        ("MetricName=", "expected a term, found the end"),
        ("--", "expected a letter or a digit, found `--`"),
    ] {
        let error = Terms::parse(search).unwrap_err();
        assert_eq!(error.to_string(), expected, "{search}");
    }
    let deep = "(".repeat(100);
    assert_eq!(Terms::parse(&deep), Err(Error::Depth));
    let long = "a".repeat(SEARCH_CHARS_MAX + 1);
    assert_eq!(Terms::parse(&long), Err(Error::Length));
}
