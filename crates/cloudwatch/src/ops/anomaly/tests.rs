//! Operations in process, as the gateway calls them.

use std::sync::Arc;

use api::model;
use api::operation::shapes;
use api::{Caller, Ctx, Fault, Masked, Service};
use base::{Clock, ManualClock, Timestamp};
use serde_json::{Value, json};
use store::tables::Tables;
use wire::Protocol;

use super::{OPERATIONS, service};
use crate::anomaly::{Detectors, TABLES, Trained};
use crate::metric::memory::{Memory, identity};
use crate::ops::Place;

const MODEL: &str = include_str!("../../../models/anomaly-2010-08-01.txt");
const ACCOUNT: &str = "123456789012";
const NOW: u64 = 1_795_392_000;

struct Bench {
    service: Arc<dyn Service>,
    _dir: tempfile::TempDir,
}

impl Bench {
    /// With four days of the metric `N/M`.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
        let detectors = Arc::new(Detectors::open(tables).unwrap());
        let memory = Memory::default();
        let values: Vec<_> = (0..4 * 288)
            .map(|index| Some(f64::from(index % 2)))
            .collect();
        memory.put_all(&identity("N", "M", &[]), NOW - 4 * 86_400, 300, &values);
        let read = Arc::new(Trained::new(Arc::new(memory), Arc::clone(&detectors)));
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(NOW))) as Arc<dyn Clock>;
        let place = Place {
            region: "eu-west-1".parse().unwrap(),
            account: ACCOUNT.parse().unwrap(),
        };
        Self {
            service: service(detectors, read, place, clock),
            _dir: dir,
        }
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json10, body.as_bytes());
        let call = call.unwrap().unwrap();
        let account = ACCOUNT.parse().unwrap();
        let caller = Caller::user(&account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE");
        let ctx = Ctx::inside(Arc::new(caller), Timestamp::from_secs(NOW));
        let access = call.access(&ctx.caller);
        let access: Vec<_> = access
            .iter()
            .map(|it| format!("{} {}", it.action, it.resource))
            .collect();
        assert_eq!(
            access,
            [format!(
                "cloudwatch:{operation} arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:*"
            )]
        );
        let answered = call.run(ctx, Masked::Unwanted).await?;
        Ok(serde_json::from_slice(&answered.body).unwrap())
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input).await {
            Ok(answer) => answer,
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    async fn fault(&self, operation: &str, input: Value) -> (String, String) {
        match self.call(operation, input).await {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => (fault.code.to_owned(), fault.message.into_owned()),
        }
    }

    async fn ids(&self, input: Value) -> Vec<String> {
        let answer = self.ok("DescribeAnomalyDetectors", input).await;
        let found = answer["AnomalyDetectors"].as_array().unwrap();
        found
            .iter()
            .map(|it| it["AnomalyDetectorId"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn single(metric: &str) -> Value {
    json!({"Namespace": "N", "MetricName": metric, "Stat": "Average"})
}

fn math() -> Value {
    let stat =
        json!({"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"});
    json!({"MetricDataQueries": [
        {"Id": "m1", "MetricStat": stat, "ReturnData": false},
        {"Id": "b0", "Expression": "m1 * 2", "Label": "twice"},
    ]})
}

#[test]
fn the_shapes_are_those_of_the_service_model() {
    model::check_shapes(shapes(OPERATIONS), MODEL);
    model::check_table(shapes(OPERATIONS), MODEL);
}

#[tokio::test]
async fn a_detector_is_put_described_and_deleted() {
    let bench = Bench::new();
    let configuration = json!({
        "ExcludedTimeRanges": [{"StartTime": 1_795_000_000, "EndTime": 1_795_003_600}],
        "MetricTimezone": "Asia/Tokyo", "AdaptationSpeed": "FAST", "OutlierFilteringStrength": "STRICT",
    });
    let put = json!({"SingleMetricAnomalyDetector": single("M"), "Configuration": configuration, "MetricCharacteristics": {"PeriodicSpikes": true}});
    let id = bench.ok("PutAnomalyDetector", put).await["AnomalyDetectorId"].clone();
    let described = bench.ok("DescribeAnomalyDetectors", json!({})).await;
    assert_eq!(
        described,
        json!({"AnomalyDetectors": [{
            "AnomalyDetectorId": id, "Namespace": "N", "MetricName": "M", "Dimensions": [], "Stat": "Average",
            "Configuration": configuration, "StateValue": "TRAINED", "MetricCharacteristics": {"PeriodicSpikes": true},
            "SingleMetricAnomalyDetector": {"Namespace": "N", "MetricName": "M", "Dimensions": [], "Stat": "Average"},
        }]})
    );
    // The old members mean the same.
    assert_eq!(
        bench.ok("PutAnomalyDetector", single("M")).await["AnomalyDetectorId"],
        id
    );
    assert_eq!(
        bench.ok("DescribeAnomalyDetectors", json!({})).await["AnomalyDetectors"][0]
            .get("Configuration"),
        None
    );
    assert_eq!(
        bench.ok("DeleteAnomalyDetector", single("M")).await,
        json!({})
    );
    assert!(bench.ids(json!({})).await.is_empty());
}

#[tokio::test]
async fn a_detector_of_an_expression_is_described_as_it_was_put() {
    let bench = Bench::new();
    let id = bench
        .ok(
            "PutAnomalyDetector",
            json!({"MetricMathAnomalyDetector": math()}),
        )
        .await["AnomalyDetectorId"]
        .clone();
    assert!(bench.ids(json!({})).await.is_empty());
    let described = bench
        .ok(
            "DescribeAnomalyDetectors",
            json!({"AnomalyDetectorTypes": ["METRIC_MATH"]}),
        )
        .await;
    assert_eq!(
        described["AnomalyDetectors"],
        json!([{"AnomalyDetectorId": id, "StateValue": "TRAINED", "MetricMathAnomalyDetector": math()}])
    );
    bench
        .ok("DeleteAnomalyDetector", json!({"AnomalyDetectorId": id}))
        .await;
    assert!(
        bench
            .ids(json!({"AnomalyDetectorTypes": ["METRIC_MATH"]}))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn detectors_are_filtered_and_read_page_by_page() {
    let bench = Bench::new();
    for metric in ["M", "Other", "Third"] {
        bench.ok("PutAnomalyDetector", single(metric)).await;
    }
    let with = json!({"Namespace": "N", "MetricName": "M", "Stat": "Average", "Dimensions": [{"Name": "a", "Value": "1"}]});
    let id = bench.ok("PutAnomalyDetector", with).await["AnomalyDetectorId"]
        .as_str()
        .unwrap()
        .to_owned();
    bench
        .ok(
            "PutAnomalyDetector",
            json!({"MetricMathAnomalyDetector": math()}),
        )
        .await;
    for (input, count) in [
        (json!({}), 4),
        (json!({"Namespace": "N"}), 4),
        (json!({"Namespace": "X"}), 0),
        (json!({"MetricName": "M"}), 2),
        (json!({"Dimensions": [{"Name": "a", "Value": "1"}]}), 1),
        (
            json!({"AnomalyDetectorTypes": ["SINGLE_METRIC", "METRIC_MATH"]}),
            5,
        ),
        (json!({"AnomalyDetectorIds": [id, "ad-0"]}), 1),
    ] {
        assert_eq!(bench.ids(input.clone()).await.len(), count, "{input}");
    }
    let first = bench
        .ok("DescribeAnomalyDetectors", json!({"MaxResults": 3}))
        .await;
    assert_eq!(first["AnomalyDetectors"].as_array().unwrap().len(), 3);
    // Of a metric without data nothing is learned.
    let states: Vec<_> = bench
        .ok("DescribeAnomalyDetectors", json!({"MetricName": "Other"}))
        .await["AnomalyDetectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["StateValue"].clone())
        .collect();
    assert_eq!(states, ["TRAINED_INSUFFICIENT_DATA"]);
    let second = bench
        .ok(
            "DescribeAnomalyDetectors",
            json!({"MaxResults": 3, "NextToken": first["NextToken"]}),
        )
        .await;
    assert_eq!(second["AnomalyDetectors"].as_array().unwrap().len(), 1);
    assert_eq!(second.get("NextToken"), None);
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let bench = Bench::new();
    let (value, both, missing) = (
        "InvalidParameterValueException",
        "InvalidParameterCombinationException",
        "MissingRequiredParameterException",
    );
    for (operation, input, code, text) in [
        (
            "PutAnomalyDetector",
            json!({}),
            missing,
            "The parameter Namespace is required.",
        ),
        (
            "PutAnomalyDetector",
            json!({"SingleMetricAnomalyDetector": single("M"), "Namespace": "N"}),
            both,
            "The parameters SingleMetricAnomalyDetector and Namespace are mutually exclusive and you have specified both.",
        ),
        (
            "PutAnomalyDetector",
            json!({"SingleMetricAnomalyDetector": single("M"), "MetricMathAnomalyDetector": math()}),
            both,
            "The parameters SingleMetricAnomalyDetector and MetricMathAnomalyDetector are mutually exclusive and you have specified both.",
        ),
        (
            "PutAnomalyDetector",
            json!({"Namespace": "N", "MetricName": "M", "Stat": "Mean"}),
            value,
            "The value Mean for parameter Stat is not supported.",
        ),
        (
            "PutAnomalyDetector",
            json!({"Namespace": "N", "MetricName": "M", "Stat": "Sum", "Configuration": {"MetricTimezone": "Mars"}}),
            value,
            "The value Mars for parameter MetricTimezone is not supported: a name such as Asia/Tokyo is.",
        ),
        (
            "PutAnomalyDetector",
            json!({"SingleMetricAnomalyDetector": {"AccountId": "1", "Namespace": "N", "MetricName": "M", "Stat": "Sum"}}),
            value,
            "The account 1 is not linked to this one.",
        ),
        (
            "PutAnomalyDetector",
            json!({"MetricMathAnomalyDetector": {}}),
            missing,
            "The parameter MetricDataQueries is required.",
        ),
        (
            "DeleteAnomalyDetector",
            single("M"),
            "ResourceNotFoundException",
            "There is no such anomaly detector.",
        ),
        (
            "DeleteAnomalyDetector",
            json!({"AnomalyDetectorId": "ad-0", "Namespace": "N"}),
            both,
            "The parameters AnomalyDetectorId and a metric are mutually exclusive and you have specified both.",
        ),
        (
            "DescribeAnomalyDetectors",
            json!({"MaxResults": 101}),
            value,
            "The parameter MaxResults must be from 1 to 100.",
        ),
        (
            "DescribeAnomalyDetectors",
            json!({"NextToken": "x"}),
            "InvalidNextToken",
            "The next token is not one that this operation gave.",
        ),
        (
            "DescribeAnomalyDetectors",
            json!({"AnomalyDetectorIds": ["a"], "Namespace": "N"}),
            both,
            "The parameters AnomalyDetectorIds and Namespace are mutually exclusive and you have specified both.",
        ),
        (
            "DescribeAnomalyDetectors",
            json!({"AnomalyDetectorTypes": ["X"]}),
            value,
            "The value X for parameter AnomalyDetectorTypes is not supported: SINGLE_METRIC and METRIC_MATH are.",
        ),
    ] {
        let fault = bench.fault(operation, input).await;
        assert_eq!(fault, (code.to_owned(), text.to_owned()));
    }
}
