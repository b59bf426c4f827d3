//! Requests and answers, in process as the gateway calls them.

use std::sync::Arc;

use api::operation::shapes;
use api::{Caller, Ctx, Fault, Masked, Service, model};
use base::{AccountId, ManualClock, Timestamp};
use serde_json::{Value, json};
use wire::Protocol;

use super::{OPERATIONS, service};
use crate::metric::memory::{Memory, identity};
use crate::metric::{Listing, Read, Summaries, Unit, Unreadable, Wanted, read::Found};
use crate::ops::Place;

/// 2026-11-29T06:40:00Z.
const START: u64 = 1_795_934_400;

const MODEL: &str = include_str!("../../../models/data-2010-08-01.txt");

#[test]
fn the_shapes_are_those_of_the_service_model() {
    model::check_shapes(shapes(OPERATIONS), MODEL);
    model::check_table(shapes(OPERATIONS), MODEL);
}

struct Bench {
    memory: Arc<Memory>,
    service: Arc<dyn Service>,
}

fn over(read: Arc<dyn Read>) -> Arc<dyn Service> {
    let place = Place {
        region: "eu-west-1".parse().unwrap(),
        account: "123456789012".parse().unwrap(),
    };
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(START + 3600)));
    service(read, place, clock)
}

async fn call(
    service: &Arc<dyn Service>,
    protocol: Protocol,
    body: &[u8],
) -> Result<Vec<u8>, Fault> {
    let call = service
        .decode("GetMetricData", protocol, body)
        .unwrap()
        .unwrap();
    let account: AccountId = "123456789012".parse().unwrap();
    let caller = Caller::user(&account, "/", "admin", "AIDAEXAMPLE", "AKIAEXAMPLE");
    let access = call.access(&caller);
    assert_eq!(access[0].action, "cloudwatch:GetMetricData");
    assert_eq!(
        access[0].resource.to_string(),
        "arn:aws:cloudwatch:eu-west-1:123456789012:*"
    );
    let ctx = Ctx::inside(Arc::new(caller), Timestamp::from_secs(START));
    let answered = call.run(ctx, Masked::Unwanted).await?;
    Ok(answered.body.to_vec())
}

impl Bench {
    fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let load = identity("Own", "load", &[("Host", "a")]);
        memory.put_all(&load, START, 60, &[Some(1.0), Some(2.0), None, Some(4.0)]);
        let calls = identity("Own", "calls", &[]);
        memory.put_all(&calls, START, 60, &[Some(10.0), Some(20.0)]);
        let service = over(Arc::<Memory>::clone(&memory));
        Self { memory, service }
    }

    async fn call(&self, input: &Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let body = call(&self.service, Protocol::Json10, body.as_bytes()).await?;
        Ok(serde_json::from_slice(&body).unwrap())
    }

    async fn ok(&self, input: Value) -> Value {
        self.call(&input).await.unwrap()
    }

    async fn fault(&self, input: Value) -> Fault {
        self.call(&input).await.unwrap_err()
    }
}

fn load(id: &str) -> Value {
    json!({"Id": id, "MetricStat": {
        "Metric": {"Namespace": "Own", "MetricName": "load", "Dimensions": [{"Name": "Host", "Value": "a"}]},
        "Period": 60, "Stat": "Average"}})
}

fn calls(id: &str) -> Value {
    json!({"Id": id, "MetricStat": {"Metric": {"Namespace": "Own", "MetricName": "calls"}, "Period": 60, "Stat": "Sum"}})
}

fn request(queries: &Value, more: Value) -> Value {
    let mut request =
        json!({"MetricDataQueries": queries, "StartTime": START, "EndTime": START + 240});
    let more = more.as_object().unwrap().clone();
    request.as_object_mut().unwrap().extend(more);
    request
}

#[tokio::test]
async fn metrics_and_expressions_are_answered_newest_first() {
    let bench = Bench::new();
    let mut hidden = calls("m2");
    hidden["ReturnData"] = json!(false);
    let rate = json!({"Id": "e1", "Expression": "m2 / m1", "Label": "rate ${LAST}"});
    let queries = json!([load("m1"), hidden, rate]);
    let expected = json!({"Messages": [], "MetricDataResults": [
        {"Id": "m1", "Label": "load", "StatusCode": "Complete",
         "Timestamps": [START + 180, START + 60, START], "Values": [4, 2, 1]},
        {"Id": "e1", "Label": "rate 0", "StatusCode": "Complete",
         "Timestamps": [START + 180, START + 60, START], "Values": [0, 10, 10]},
    ]});
    assert_eq!(bench.ok(request(&queries, json!({}))).await, expected);
    let ascending = json!({"ScanBy": "TimestampAscending"});
    let found = bench.ok(request(&json!([load("m1")]), ascending)).await;
    assert_eq!(found["MetricDataResults"][0]["Values"], json!([1, 2, 4]));
}

#[tokio::test]
async fn nothing_is_complete_and_several_units_are_said() {
    let bench = Bench::new();
    let none = json!([{"Id": "m1", "MetricStat": {"Metric": {"Namespace": "Own", "MetricName": "none"}, "Period": 60, "Stat": "p99"}}]);
    let found = bench.ok(request(&none, json!({}))).await;
    let expected = json!([{"Id": "m1", "Label": "none", "StatusCode": "Complete", "Timestamps": [], "Values": []}]);
    assert_eq!(found["MetricDataResults"], expected);
    for unit in [Unit::Seconds, Unit::Milliseconds] {
        bench
            .memory
            .put_with(&identity("Own", "none", &[]), unit, START, 1.0);
    }
    let found = bench.ok(request(&none, json!({}))).await;
    let expected = json!([{"Code": "MultipleUnits", "Value": "Multiple units returned: '[Milliseconds, Seconds]'"}]);
    assert_eq!(found["MetricDataResults"][0]["Messages"], expected);
    let search = json!([{"Id": "e1", "Expression": "SEARCH('nowhere', 'Sum', 60)"}]);
    let found = bench.ok(request(&search, json!({}))).await;
    assert_eq!(found, json!({"MetricDataResults": [], "Messages": []}));
}

#[tokio::test]
async fn pages_hold_every_point_once() {
    let bench = Bench::new();
    let queries = json!([load("m1"), calls("m2"), load("m3")]);
    for scan in ["TimestampDescending", "TimestampAscending"] {
        let whole = bench.ok(request(&queries, json!({"ScanBy": scan}))).await;
        for max in 1..=9 {
            let mut token = Value::Null;
            let mut seen = vec![Vec::new(); 3];
            loop {
                let more = json!({"ScanBy": scan, "MaxDatapoints": max, "NextToken": token});
                let page = bench.ok(request(&queries, more)).await;
                let mut count = 0;
                for result in page["MetricDataResults"].as_array().unwrap() {
                    let index = ["m1", "m2", "m3"]
                        .iter()
                        .position(|id| result["Id"] == *id)
                        .unwrap();
                    let values = result["Values"].as_array().unwrap();
                    count += values.len();
                    seen[index].extend(values.clone());
                }
                assert!(count <= max);
                token = page["NextToken"].clone();
                if token.is_null() {
                    break;
                }
                // A page that is not the last is full.
                assert_eq!(count, max);
            }
            for (index, values) in seen.into_iter().enumerate() {
                assert_eq!(
                    whole["MetricDataResults"][index]["Values"],
                    json!(values),
                    "{scan} {max}"
                );
            }
        }
    }
    let cut = bench
        .ok(request(&queries, json!({"MaxDatapoints": 2})))
        .await;
    assert_eq!(cut["MetricDataResults"][0]["StatusCode"], "PartialData");
    let token = cut["NextToken"].as_str().unwrap().to_owned();
    for (queries, token) in [
        (json!([load("m1")]), token.as_str()),
        (queries, "0--"),
        (json!([load("m1")]), "x"),
    ] {
        let fault = bench
            .fault(request(&queries, json!({"NextToken": token})))
            .await;
        assert_eq!(fault.code, "InvalidNextToken");
    }
}

#[tokio::test]
async fn labels_have_the_time_zone_that_is_asked_for() {
    let bench = Bench::new();
    let mut query = load("m1");
    query["Label"] = json!("${LAST_TIME}");
    for (zone, expected) in [
        ("+0900", "2026-11-29 15:43:00 +0900"),
        ("-0330", "2026-11-29 03:13:00 -0330"),
    ] {
        let more = json!({"LabelOptions": {"Timezone": zone}});
        let found = bench.ok(request(&json!([query]), more)).await;
        assert_eq!(found["MetricDataResults"][0]["Label"], expected);
    }
}

#[tokio::test]
async fn the_start_is_rounded_down() {
    let bench = Bench::new();
    let more = json!({"StartTime": START + 119});
    let found = bench.ok(request(&json!([load("m1")]), more)).await;
    assert_eq!(found["MetricDataResults"][0]["Values"], json!([4, 2]));
    let old = START - 20 * 86_400;
    bench.memory.put(&identity("Own", "calls", &[]), old, 5.0);
    let more = json!({"StartTime": old + 299, "EndTime": old + 300});
    let found = bench.ok(request(&json!([calls("m2")]), more)).await;
    assert_eq!(found["MetricDataResults"][0]["Values"], json!([5]));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let bench = Bench::new();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut query = load("m1");
        change(&mut query);
        request(&json!([query]), json!({}))
    };
    let more = |more: Value| request(&json!([load("m1")]), more);
    let many: Vec<_> = (0..501).map(|index| load(&format!("m{index}"))).collect();
    for (input, expected) in [
        (
            more(json!({"EndTime": START})),
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
        (
            with(&|it| it["Id"] = json!("M1")),
            "The values for parameter id in MetricDataQueries are not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
        ),
        (
            request(&json!([load("m1"), load("m1")]), json!({})),
            "The values for parameter id in MetricDataQueries are not unique.",
        ),
        (
            request(&json!(many), json!({})),
            "The collection MetricDataQueries must not have a size greater than 500.",
        ),
        (
            request(&json!([]), json!({})),
            "The collection MetricDataQueries must not be empty.",
        ),
        (
            with(&|it| it["Expression"] = json!("m1")),
            "The parameters MetricDataQuery Expression and MetricStat are mutually exclusive and you have specified both.",
        ),
        (
            request(&json!([{"Id": "m1"}]), json!({})),
            "The parameters MetricDataQuery Expression and MetricStat must not both be null.",
        ),
        (
            with(&|it| it["AccountId"] = json!("210987654321")),
            "The account 210987654321 is not linked to this one.",
        ),
        (
            with(&|it| it["MetricStat"]["Period"] = json!(45)),
            "The parameter MetricDataQueries.member.1.MetricStat.Period must be one of 1, 5, 10, 20 and 30, or a multiple of 60 up to 86400.",
        ),
        (
            with(&|it| it["MetricStat"]["Stat"] = json!("Mean")),
            "The value Mean for parameter MetricDataQueries.member.1.MetricStat.Stat is not supported.",
        ),
        (
            with(&|it| it["MetricStat"]["Metric"]["Namespace"] = Value::Null),
            "The parameter MetricDataQueries.member.1.MetricStat.Metric.Namespace is required.",
        ),
        (
            with(&|it| it["MetricStat"]["Metric"]["Namespace"] = json!(":a")),
            "The value :a for parameter MetricDataQueries.member.1.MetricStat.Metric.Namespace is invalid.",
        ),
        (
            with(&|it| it["MetricStat"]["Metric"]["MetricName"] = json!("")),
            "The parameter MetricDataQueries.member.1.MetricStat.Metric.MetricName must have a length from 1 to 255.",
        ),
        (
            with(&|it| {
                it["MetricStat"]["Metric"]["Dimensions"] =
                    json!(vec![json!({"Name": "a", "Value": "b"}); 31])
            }),
            "The collection MetricDataQueries.member.1.MetricStat.Metric.Dimensions must not have a size greater than 30.",
        ),
        (
            more(json!({"ScanBy": "Up"})),
            "1 validation error detected: Value 'Up' at 'scanBy' failed to satisfy constraint: Member must satisfy enum value set: [TimestampDescending, TimestampAscending]",
        ),
        (
            more(json!({"MaxDatapoints": 0})),
            "The parameter MaxDatapoints must be from 1 to 100800.",
        ),
        (
            more(json!({"LabelOptions": {"Timezone": "JST"}})),
            "The value JST for parameter LabelOptions.Timezone is not + or - and four digits of hours and minutes.",
        ),
        (
            request(&json!([{"Id": "e1", "Expression": "m9 + 1"}]), json!({})),
            "Error in expression 'e1': there is no query `m9`",
        ),
        (
            request(&json!([{"Id": "e1", "Expression": "e1 + 1"}]), json!({})),
            "Error in expression 'e1': it needs its own result",
        ),
    ] {
        let fault = bench.fault(input).await;
        assert_eq!((fault.code, &*fault.message), ("ValidationError", expected));
    }
    let unit = bench
        .fault(with(&|it| it["MetricStat"]["Unit"] = json!("Miles")))
        .await;
    assert!(
        unit.message
            .starts_with("1 validation error detected: Value 'Miles' at 'unit' failed")
    );
    let own = with(&|it| it["AccountId"] = json!("123456789012"));
    bench.ok(own).await;
    let long = json!([{"Id": "e1", "Expression": "TIME_SERIES(1)", "Period": 1}]);
    let fault = bench.fault(request(&long, json!({"StartTime": 0}))).await;
    assert_eq!(fault.code, "LimitExceeded");
}

/// As Terraform, Grafana and older SDKs ask.
#[tokio::test]
async fn the_query_protocol_is_spoken_too() {
    let bench = Bench::new();
    let body = "Action=GetMetricData&Version=2010-08-01&StartTime=2026-11-29T06%3A40%3A00Z&EndTime=2026-11-29T06%3A44%3A00Z\
        &MetricDataQueries.member.1.Id=m1&MetricDataQueries.member.1.MetricStat.Period=60&MetricDataQueries.member.1.MetricStat.Stat=Average\
        &MetricDataQueries.member.1.MetricStat.Metric.Namespace=Own&MetricDataQueries.member.1.MetricStat.Metric.MetricName=load\
        &MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Name=Host&MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Value=a";
    let answer = call(&bench.service, Protocol::Query, body.as_bytes())
        .await
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.contains("<Timestamps><member>2026-11-29T06:43:00Z</member>"),
        "{answer}"
    );
    assert!(answer.contains("<Values><member>4"), "{answer}");
}

/// A disk that is gone.
#[derive(Debug)]
struct Broken;

impl Read for Broken {
    fn series(&self, _: &Wanted<'_>) -> Result<Found, Unreadable> {
        Err(broken())
    }

    fn summaries(&self, _: &Wanted<'_>) -> Result<Vec<Summaries>, Unreadable> {
        Err(broken())
    }

    fn list(&self, _: &Listing<'_>) -> Vec<Arc<crate::metric::Identity>> {
        Vec::new()
    }
}

fn broken() -> Unreadable {
    store::tables::Error::from(store::Poisoned::new("the disk is gone")).into()
}

#[tokio::test]
async fn a_disk_that_is_gone_is_an_internal_failure() {
    let service = over(Arc::new(Broken));
    let body = request(&json!([load("m1")]), json!({})).to_string();
    let fault = call(&service, Protocol::Json10, body.as_bytes())
        .await
        .unwrap_err();
    assert_eq!(fault.code, "InternalFailure");
}
