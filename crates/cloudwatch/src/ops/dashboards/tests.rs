//! Operations in process, as the gateway calls them.

use std::sync::Arc;

use api::model;
use api::operation::shapes;
use api::{Caller, Ctx, Fault, Masked, Service};
use base::{Clock, ManualClock, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use resvg::tiny_skia::Pixmap;
use serde_json::{Value, json};
use store::tables::Tables;
use wire::{Detail, Protocol};

use super::{OPERATIONS, service};
use crate::dashboard::{Dashboards, TABLES};
use crate::ops::Place;
use crate::picture::tests::data;

const MODEL: &str = include_str!("../../../models/dashboards-2010-08-01.txt");
const ACCOUNT: &str = "123456789012";

struct Bench {
    service: Arc<dyn Service>,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_795_000_000)));
        let place = Place {
            region: "ap-northeast-1".parse().unwrap(),
            account: ACCOUNT.parse().unwrap(),
        };
        let tables = Arc::new(Tables::open(dir.path(), TABLES).unwrap());
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let dashboards = Arc::new(Dashboards::open(tables, place, Arc::clone(&shared)));
        Self {
            service: service(dashboards, Arc::new(data()), shared),
            clock,
            _dir: dir,
        }
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        match self
            .call(operation, Protocol::Json10, &input.to_string())
            .await
        {
            Ok(answer) => serde_json::from_str(&answer).unwrap(),
            Err(fault) => panic!("{operation}: {fault}"),
        }
    }

    async fn fault(&self, operation: &str, input: Value) -> Fault {
        match self
            .call(operation, Protocol::Json10, &input.to_string())
            .await
        {
            Ok(answer) => panic!("{operation}: {answer}"),
            Err(fault) => fault,
        }
    }

    async fn call(&self, operation: &str, protocol: Protocol, body: &str) -> Result<String, Fault> {
        let call = self.service.decode(operation, protocol, body.as_bytes());
        let call = call.unwrap().unwrap();
        let ctx = self.ctx();
        let access = call.access(&ctx.caller);
        assert!(
            access
                .iter()
                .all(|it| it.action == format!("cloudwatch:{operation}"))
        );
        assert!(!access.is_empty());
        let answered = call.run(ctx, Masked::Unwanted).await?;
        Ok(String::from_utf8(answered.body.to_vec()).unwrap())
    }

    fn reach(&self, operation: &str, input: &Value) -> Vec<String> {
        let body = input.to_string();
        let call = self
            .service
            .decode(operation, Protocol::Json10, body.as_bytes());
        let access = call.unwrap().unwrap().access(&self.ctx().caller);
        access.iter().map(|it| it.resource.to_string()).collect()
    }

    fn ctx(&self) -> Ctx {
        let account = ACCOUNT.parse().unwrap();
        let caller = Caller::user(&account, "/", "administrator", "AIDAEXAMPLE", "AKIAEXAMPLE");
        Ctx::inside(Arc::new(caller), self.clock.now())
    }
}

#[test]
fn the_shapes_are_those_of_the_service_model() {
    model::check_shapes(shapes(OPERATIONS), MODEL);
    model::check_table(shapes(OPERATIONS), MODEL);
}

#[tokio::test]
async fn a_dashboard_is_put_got_listed_and_deleted() {
    let bench = Bench::new();
    let body = "{ \"widgets\": [] }";
    let put = bench
        .ok(
            "PutDashboard",
            json!({"DashboardName": "web", "DashboardBody": body}),
        )
        .await;
    assert_eq!(put, json!({"DashboardValidationMessages": []}));
    let arn = format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/web");
    let got = bench
        .ok("GetDashboard", json!({"DashboardName": "web"}))
        .await;
    assert_eq!(
        got,
        json!({"DashboardArn": arn, "DashboardBody": body, "DashboardName": "web"})
    );
    let listed = bench
        .ok("ListDashboards", json!({"DashboardNamePrefix": "w"}))
        .await;
    let entry = json!({"DashboardName": "web", "DashboardArn": arn, "LastModified": 1_795_000_000, "Size": 17});
    assert_eq!(listed["DashboardEntries"], json!([entry]));
    let deleted = bench
        .ok("DeleteDashboards", json!({"DashboardNames": ["web"]}))
        .await;
    assert_eq!(deleted, json!({}));
    assert_eq!(
        bench.ok("ListDashboards", json!({})).await,
        json!({"DashboardEntries": []})
    );
}

// The texts of the first three were recorded from AWS by others.
#[tokio::test]
async fn each_fault_of_a_body_is_a_member_of_the_error() {
    let bench = Bench::new();
    let body = "{\"widgets\": [{\"type\": \"alarm\", \"properties\": {\"alarms\": []}}]}";
    let input = json!({"DashboardName": "a", "DashboardBody": body});
    let fault = bench.fault("PutDashboard", input).await;
    let message = vec![
        ("DataPath", "/widgets/0/properties/alarms".to_owned()),
        ("Message", "Should NOT have less than 1 items".to_owned()),
    ];
    let details = [("dashboardValidationMessages", Detail::List(vec![message]))];
    assert_eq!(fault.details, details);
}

#[tokio::test]
async fn faults_are_awss() {
    let bench = Bench::new();
    let put = |name: &str, body: &str| json!({"DashboardName": name, "DashboardBody": body});
    let bad_widget = "{\"widgets\": [{\"type\": \"metric\", \"properties\": {}}]}";
    let invalid = "The dashboard body is invalid, there are 3 validation errors:\n[\n  {\n    \"dataPath\": \"/widgets/0/properties\",\n    \"message\": \"Should have required property 'metrics'\"\n  },\n  {\n    \"dataPath\": \"/widgets/0/properties\",\n    \"message\": \"The metric widget should have specified a region and a data source or an alarm annotation\"\n  },\n  {\n    \"dataPath\": \"/widgets/0/properties\",\n    \"message\": \"Should have required property 'annotations'\"\n  }\n]";
    let bad_name = "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).\n";
    for (operation, input, code, status, text) in [
        (
            "PutDashboard",
            put("a b", "{}"),
            "InvalidParameterValue",
            400,
            bad_name,
        ),
        (
            "PutDashboard",
            put("a", bad_widget),
            "InvalidParameterInput",
            400,
            invalid,
        ),
        (
            "GetDashboard",
            json!({"DashboardName": "x"}),
            "ResourceNotFound",
            404,
            "Dashboard x does not exist",
        ),
        (
            "PutDashboard",
            put("a", "[1]"),
            "InvalidParameterInput",
            400,
            "The field DashboardBody must be a valid JSON object",
        ),
        (
            "DeleteDashboards",
            json!({"DashboardNames": ["x"]}),
            "ResourceNotFound",
            404,
            "Dashboard x does not exist",
        ),
        (
            "ListDashboards",
            json!({"NextToken": "?"}),
            "InvalidParameterValue",
            400,
            "The parameter NextToken is invalid.",
        ),
        (
            "GetMetricWidgetImage",
            json!({"MetricWidget": "x"}),
            "ValidationError",
            400,
            "The metric widget must be a valid JSON object",
        ),
        (
            "GetMetricWidgetImage",
            json!({"MetricWidget": "{\"metrics\": 1}"}),
            "ValidationError",
            400,
            "The metric widget is invalid: /metrics: Should be array",
        ),
        (
            "GetMetricWidgetImage",
            json!({"MetricWidget": "{\"metrics\": [[\"N\", \"M\"]], \"width\": 2001}"}),
            "ValidationError",
            400,
            "The metric widget is invalid: /width: Should be <= 2000",
        ),
        (
            "GetMetricWidgetImage",
            json!({"MetricWidget": "{\"metrics\": [[{\"expression\": \"m1 +\", \"id\": \"e1\"}]]}"}),
            "ValidationError",
            400,
            "error in expression `e1`: ",
        ),
        (
            "GetMetricWidgetImage",
            json!({"MetricWidget": "{}", "OutputFormat": "gif"}),
            "InvalidParameterValue",
            400,
            "The parameter OutputFormat must be png or image/png.",
        ),
    ] {
        let fault = bench.fault(operation, input).await;
        assert_eq!((fault.query_code, fault.status), (code, status));
        // What comes behind the id is metric math's.
        let is_said =
            fault.message == text || (text.ends_with(": ") && fault.message.starts_with(text));
        assert!(is_said, "{}", fault.message);
    }
}

#[tokio::test]
async fn warnings_come_with_a_dashboard_that_is_kept() {
    let bench = Bench::new();
    let body = "{\"widgets\": [], \"name\": 1}";
    let put = bench.ok("PutDashboard", json!({"DashboardName": "a", "DashboardBody": body, "Tags": [{"Key": "k", "Value": "v"}]})).await;
    let message = json!({"DataPath": "/name", "Message": "Should NOT have additional properties"});
    assert_eq!(put, json!({"DashboardValidationMessages": [message]}));
    assert_eq!(
        bench
            .ok("GetDashboard", json!({"DashboardName": "a"}))
            .await["DashboardBody"],
        body
    );
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let bench = Bench::new();
    // All at once, so that they share their syncs.
    let input = |number| json!({"DashboardName": format!("d{number:04}"), "DashboardBody": "{\"widgets\":[]}"});
    let puts = (0..1001).map(|number| bench.ok("PutDashboard", input(number)));
    futures_util::future::join_all(puts).await;
    let first = bench.ok("ListDashboards", json!({})).await;
    assert_eq!(first["DashboardEntries"].as_array().unwrap().len(), 1000);
    let second = bench
        .ok("ListDashboards", json!({"NextToken": first["NextToken"]}))
        .await;
    assert_eq!(second["DashboardEntries"][0]["DashboardName"], "d1000");
    assert_eq!(second.get("NextToken"), None);
}

#[tokio::test]
async fn a_widget_is_answered_as_a_picture() {
    let bench = Bench::new();
    for (widget, size) in [
        (
            json!({"metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]], "title": "使用率"}),
            (600, 400),
        ),
        (
            json!({"metrics": [["N", "M"]], "width": 300, "height": 200, "start": "-PT1H", "view": "singleValue"}),
            (300, 200),
        ),
        (
            json!({"annotations": {"alarms": ["arn:aws:cloudwatch:r:1:alarm:a"]}, "width": 1, "height": 1}),
            (1, 1),
        ),
    ] {
        let answer = bench
            .ok(
                "GetMetricWidgetImage",
                json!({"MetricWidget": widget.to_string()}),
            )
            .await;
        let png = STANDARD
            .decode(answer["MetricWidgetImage"].as_str().unwrap())
            .unwrap();
        let pixels = Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), size);
    }
}

const PICTURE: &str = "Action=GetMetricWidgetImage&Version=2010-08-01&MetricWidget=%7B%22metrics%22%3A%5B%5B%22N%22%2C%22M%22%5D%5D%7D";

#[tokio::test]
async fn the_query_protocol_has_a_picture_in_its_xml() {
    let bench = Bench::new();
    for format in ["", "&OutputFormat=png"] {
        let form = format!("{PICTURE}{format}");
        let answer = bench.call("GetMetricWidgetImage", Protocol::Query, &form);
        let answer = answer.await.unwrap();
        assert!(
            answer.contains("<MetricWidgetImage>iVBORw0KGgo"),
            "{answer}"
        );
    }
}

// "If you specify image/png, the HTTP response has a content-type set to image/png, and the body of the response is a PNG
// image."
#[tokio::test]
async fn the_picture_itself_is_answered_where_it_is_asked_for() {
    let bench = Bench::new();
    let widget = json!({"metrics": [["N", "M"]]}).to_string();
    let json = json!({"MetricWidget": widget, "OutputFormat": "image/png"}).to_string();
    let form = format!("{PICTURE}&OutputFormat=image%2Fpng");
    for (protocol, body) in [(Protocol::Query, form), (Protocol::Json10, json)] {
        let call = bench
            .service
            .decode("GetMetricWidgetImage", protocol, body.as_bytes());
        let call = call.unwrap().unwrap();
        let answered = call.run(bench.ctx(), Masked::Unwanted).await.unwrap();
        assert_eq!(answered.content_type, Some("image/png"));
        let pixels = Pixmap::decode_png(&answered.body).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (600, 400));
    }
}

#[tokio::test]
async fn access_is_asked_for_each_dashboard() {
    let bench = Bench::new();
    let arn = |name: &str| format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}");
    let names = json!({"DashboardNames": ["a", "b"]});
    assert_eq!(
        bench.reach("DeleteDashboards", &names),
        [arn("a"), arn("b")]
    );
    let put = json!({"DashboardName": "a", "DashboardBody": ""});
    assert_eq!(bench.reach("PutDashboard", &put), [arn("a")]);
    // A name that no dashboard can have is decided on too.
    let long = "x".repeat(100_000);
    assert_eq!(
        bench.reach("GetDashboard", &json!({"DashboardName": long})),
        [arn(&long)]
    );
}
