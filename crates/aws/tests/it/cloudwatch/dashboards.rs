//! Dashboards and pictures.

use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::operation::delete_dashboards::DeleteDashboardsError;
use aws_sdk_cloudwatch::operation::get_dashboard::GetDashboardError;
use aws_sdk_cloudwatch::operation::put_dashboard::PutDashboardError;
use aws_sdk_cloudwatch::types::MetricDatum;

use super::{client, minutes_ago};
use crate::server::Server;

const BODY: &str = "{ \"widgets\" : [],\n  \"start\": \"-PT6H\" }";

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_is_kept_as_it_was_put_listed_and_deleted() {
    let server = Server::start().await;
    let client = client(&server);
    for name in ["web-1", "web-2", "other"] {
        let put = client.put_dashboard().dashboard_name(name);
        let answer = put.dashboard_body(BODY).send().await.unwrap();
        assert_eq!(answer.dashboard_validation_messages(), []);
    }
    let got = client.get_dashboard().dashboard_name("web-1");
    let got = got.send().await.unwrap();
    assert_eq!(got.dashboard_body(), Some(BODY));
    let mut pages = client
        .list_dashboards()
        .dashboard_name_prefix("web-")
        .into_paginator()
        .items()
        .send();
    let mut listed = Vec::new();
    while let Some(entry) = pages.next().await {
        let entry = entry.unwrap();
        assert!(entry.last_modified().is_some());
        listed.push((entry.dashboard_name.unwrap(), entry.size.unwrap()));
    }
    let size = i64::try_from(BODY.len()).unwrap();
    assert_eq!(
        listed,
        [("web-1".to_owned(), size), ("web-2".to_owned(), size)]
    );
    let delete = client.delete_dashboards().dashboard_names("web-1");
    delete.clone().send().await.unwrap();
    let error = delete.send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ResourceNotFound"));
    assert!(DeleteDashboardsError::message(&error).is_some());
    let gone = client.get_dashboard().dashboard_name("web-1");
    let error = gone.send().await.unwrap_err().into_service_error();
    assert!(
        matches!(error, GetDashboardError::DashboardNotFoundError(_)),
        "{error:?}"
    );
    assert_eq!(error.code(), Some("ResourceNotFound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_comes_with_a_message_for_each_fault() {
    let server = Server::start().await;
    let client = client(&server);
    let put = client.put_dashboard().dashboard_name("web");
    let wrong = r#"{"widgets":[{"type":"metric","properties":{"region":"us-east-1"}}]}"#;
    let refused = put.clone().dashboard_body(wrong).send().await;
    let error = refused.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("InvalidParameterInput"));
    let PutDashboardError::DashboardInvalidInputError(told) = error else {
        panic!("{error:?}");
    };
    // Recorded.
    let head = "The dashboard body is invalid, there are 3 validation errors:";
    assert!(told.message().unwrap().starts_with(head), "{told:?}");
    let messages: Vec<_> = told
        .dashboard_validation_messages()
        .iter()
        .map(|one| (one.data_path().unwrap(), one.message().unwrap()))
        .collect();
    let faults = [
        "Should have required property 'metrics'",
        "The metric widget should have specified a region and a data source or an alarm annotation",
        "Should have required property 'annotations'",
    ];
    assert_eq!(messages, faults.map(|text| ("/widgets/0/properties", text)));

    // What is only doubtful is kept, with a warning.
    let doubtful = put.dashboard_body(r#"{"widgets":[],"unknown":1}"#);
    let answer = doubtful.send().await.unwrap();
    assert_eq!(answer.dashboard_validation_messages().len(), 1);

    let refused = client.put_dashboard().dashboard_name("a b");
    let refused = refused.dashboard_body(BODY).send().await;
    let error = refused.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("InvalidParameterValue"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_a_png_of_the_size_that_was_asked_for() {
    let server = Server::start().await;
    let client = client(&server);
    let data = (0..30).map(|minute| {
        let datum = MetricDatum::builder().metric_name("m");
        let datum = datum.timestamp(minutes_ago(minute));
        datum
            .value(f64::from(u32::try_from(minute % 7).unwrap()))
            .build()
    });
    let put = client.put_metric_data().namespace("Sdk/Test");
    let put = put.set_metric_data(Some(data.collect()));
    put.send().await.unwrap();
    let widget = r#"{"metrics":[["Sdk/Test","m"]],"title":"使用率","width":640,"height":320,"start":"-PT1H","period":60}"#;
    let asked = client.get_metric_widget_image();
    let answer = asked.clone().metric_widget(widget).send().await.unwrap();
    let picture = answer.metric_widget_image.unwrap().into_inner();
    // RFC 2083, 3.1 and 11.2.1.
    assert_eq!(picture[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!(picture[12..16], *b"IHDR");
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), (640, 320));

    let refused = asked.metric_widget("no json").send().await;
    let error = refused.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ValidationError"), "{error:?}");
}
