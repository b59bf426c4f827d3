//! PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics.

use std::sync::Arc;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_cloudwatch::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudwatch::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::operation::get_metric_statistics::GetMetricStatisticsError;
use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsError;
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::types::builders::MetricDatumBuilder;
use aws_sdk_cloudwatch::types::{
    Dimension, DimensionFilter, Metric, MetricDataQuery, MetricDataResult, MetricDatum, MetricStat,
    RecentlyActive, ScanBy, StandardUnit, Statistic, StatisticSet, StatusCode,
};
use aws_smithy_types::DateTime;
use parking_lot::Mutex;

use super::{client, later, minutes_ago};
use crate::server::Server;

const NAMESPACE: &str = "Sdk/Test";

fn host(value: &str) -> Dimension {
    Dimension::builder().name("Host").value(value).build()
}

fn datum(name: &str, at: DateTime) -> MetricDatumBuilder {
    MetricDatum::builder()
        .metric_name(name)
        .dimensions(host("web 1/&<"))
        .timestamp(at)
        .unit(StandardUnit::Milliseconds)
}

async fn put(client: &Client, data: Vec<MetricDatum>) {
    let put = client.put_metric_data().namespace(NAMESPACE);
    put.set_metric_data(Some(data)).send().await.unwrap();
}

/// Three minutes in the three forms of a datum, the first at `start`.
async fn three_forms(client: &Client, start: DateTime) {
    let set = StatisticSet::builder()
        .sample_count(2.0)
        .sum(5.0)
        .minimum(1.0)
        .maximum(4.0);
    put(
        client,
        vec![
            datum("m", start).value(1.25).build(),
            datum("m", later(start, 60))
                .set_values(Some(vec![1.0, 2.5]))
                .set_counts(Some(vec![3.0, 1.0]))
                .build(),
            datum("m", later(start, 120))
                .statistic_values(set.build())
                .build(),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_in_each_form_is_read_as_statistics() {
    let server = Server::start().await;
    let (client, start) = (client(&server), minutes_ago(10));
    three_forms(&client, start).await;
    let asked = client
        .get_metric_statistics()
        .namespace(NAMESPACE)
        .metric_name("m")
        .dimensions(host("web 1/&<"))
        .start_time(start)
        .end_time(later(start, 180))
        .period(60);
    let all = [
        Statistic::SampleCount,
        Statistic::Sum,
        Statistic::Minimum,
        Statistic::Maximum,
        Statistic::Average,
    ];
    let asked = asked.set_statistics(Some(all.to_vec()));
    let answer = asked.clone().send().await.unwrap();
    assert_eq!(answer.label(), Some("m"));
    let mut points = answer.datapoints().to_vec();
    points.sort_by_key(|point| point.timestamp.unwrap().secs());
    let found: Vec<_> = points
        .iter()
        .map(|point| {
            assert_eq!(point.unit, Some(StandardUnit::Milliseconds));
            let at = point.timestamp.unwrap().secs() - start.secs();
            let [count, sum] = [point.sample_count, point.sum].map(Option::unwrap);
            let [least, most] = [point.minimum, point.maximum].map(Option::unwrap);
            (at, count, sum, least, most, point.average.unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            (0, 1.0, 1.25, 1.25, 1.25, 1.25),
            (60, 4.0, 5.5, 1.0, 2.5, 1.375),
            (120, 2.0, 5.0, 1.0, 4.0, 2.5),
        ]
    );
    // A percentile, and none of the minute that is known by a set alone.
    let answer = asked
        .set_statistics(None)
        .extended_statistics("p100")
        .send()
        .await
        .unwrap();
    let mut highest: Vec<_> = answer
        .datapoints()
        .iter()
        .map(|point| point.extended_statistics().unwrap()["p100"])
        .collect();
    highest.sort_by(f64::total_cmp);
    assert_eq!(highest, [1.25, 2.5]);
}

fn stat(id: &str, name: &str, stat: &str) -> MetricDataQuery {
    let metric = Metric::builder()
        .namespace(NAMESPACE)
        .metric_name(name)
        .dimensions(host("web 1/&<"));
    let stat = MetricStat::builder()
        .metric(metric.build())
        .period(60)
        .stat(stat);
    let query = MetricDataQuery::builder().id(id);
    query.metric_stat(stat.build()).build()
}

fn math(id: &str, expression: &str, label: &str) -> MetricDataQuery {
    let query = MetricDataQuery::builder().id(id).expression(expression);
    query.label(label).build()
}

/// The values of the result `id` in all pages, with their minutes after `start`.
fn values(pages: &[GetMetricDataOutput], id: &str, start: DateTime) -> Vec<(i64, f64)> {
    let results = pages
        .iter()
        .flat_map(GetMetricDataOutput::metric_data_results);
    let of_id = results.filter(|result| result.id() == Some(id));
    of_id
        .flat_map(|result| result.timestamps().iter().zip(result.values()))
        .map(|(at, value)| ((at.secs() - start.secs()) / 60, *value))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_mathematics_come_in_pages() {
    let server = Server::start().await;
    let (client, start) = (client(&server), minutes_ago(10));
    three_forms(&client, start).await;
    let asked = client
        .get_metric_data()
        .start_time(start)
        .end_time(later(start, 300))
        .scan_by(ScanBy::TimestampAscending)
        .set_metric_data_queries(Some(vec![
            stat("sums", "m", "Sum"),
            math("twice", "sums * 2", "twice ${LABEL}"),
            math("filled", "FILL(sums, 7)", "filled"),
            stat("none", "unknown", "Sum"),
        ]));
    let whole = [asked.clone().send().await.unwrap()];
    let sums = [(0, 1.25), (1, 5.5), (2, 5.0)];
    assert_eq!(values(&whole, "sums", start), sums);
    let twice: Vec<_> = sums.iter().map(|(at, value)| (*at, value * 2.0)).collect();
    assert_eq!(values(&whole, "twice", start), twice);
    let filled: Vec<_> = sums.into_iter().chain([(3, 7.0), (4, 7.0)]).collect();
    assert_eq!(values(&whole, "filled", start), filled);
    assert_eq!(values(&whole, "none", start), []);
    let results = whole[0].metric_data_results();
    let is_complete = |result: &MetricDataResult| result.status_code == Some(StatusCode::Complete);
    assert!(results.iter().all(is_complete), "{results:?}");

    let mut paginator = asked.max_datapoints(2).into_paginator().send();
    let mut pages = Vec::new();
    while let Some(page) = paginator.next().await {
        pages.push(page.unwrap());
    }
    assert!(pages.len() > 1, "two datapoints a page: {pages:?}");
    assert_eq!(values(&pages, "sums", start), sums);
    assert_eq!(values(&pages, "twice", start), twice);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_listed_in_pages() {
    let server = Server::start().await;
    let client = client(&server);
    // "Up to 500 metrics are returned for any one call."
    let names: Vec<String> = (0..1100).map(|n| format!("m{n:04}")).collect();
    for names in names.chunks(1000) {
        let data = names.iter();
        let data = data.map(|name| datum(name, minutes_ago(1)).value(1.0).build());
        put(&client, data.collect()).await;
    }
    let filter = DimensionFilter::builder().name("Host");
    let mut paginator = client
        .list_metrics()
        .namespace(NAMESPACE)
        .dimensions(filter.build())
        .recently_active(RecentlyActive::Pt3H)
        .into_paginator()
        .send();
    let (mut found, mut pages) = (Vec::new(), 0);
    while let Some(page) = paginator.next().await {
        let page = page.unwrap();
        assert!(page.metrics().len() <= 500);
        for metric in page.metrics() {
            assert_eq!(metric.dimensions(), [host("web 1/&<")]);
            found.push(metric.metric_name().unwrap().to_owned());
        }
        pages += 1;
    }
    found.sort_unstable();
    assert_eq!((found, pages), (names, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_metrics_comes_as_the_errors_of_the_model() {
    let server = Server::start().await;
    let (client, start) = (client(&server), minutes_ago(10));
    let put = client.put_metric_data().namespace(NAMESPACE);

    let both = datum("m", start).value(1.0).set_values(Some(vec![1.0]));
    let refused = put.clone().metric_data(both.build()).send().await;
    let error = refused.unwrap_err().into_service_error();
    // Recorded.
    let text = "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both.";
    assert!(
        matches!(&error, PutMetricDataError::InvalidParameterCombinationException(of) if of.message() == Some(text)),
        "{error:?}"
    );
    assert_eq!(error.code(), Some("InvalidParameterCombination"));

    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let datum = datum("m", start).value(value);
        let refused = put.clone().metric_data(datum.build()).send().await;
        let error = refused.unwrap_err().into_service_error();
        assert!(
            matches!(error, PutMetricDataError::InvalidParameterValueException(_)),
            "{value}: {error:?}"
        );
    }

    let asked = client.get_metric_statistics().namespace(NAMESPACE);
    let asked = asked.metric_name("m").statistics(Statistic::Sum);
    let refused = asked.clone().period(60).start_time(start).end_time(start);
    let error = refused.send().await.unwrap_err().into_service_error();
    assert!(
        matches!(
            error,
            GetMetricStatisticsError::InvalidParameterValueException(_)
        ),
        "{error:?}"
    );
    let many = asked.period(1).start_time(later(start, -86_400));
    let refused = many.end_time(start).send().await;
    let error = refused.unwrap_err().into_service_error();
    // Recorded.
    let text = "You have requested up to 86400 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.";
    assert!(
        matches!(&error, GetMetricStatisticsError::InvalidParameterCombinationException(of) if of.message() == Some(text)),
        "{error:?}"
    );

    let refused = client.list_metrics().next_token("no token").send().await;
    let error = refused.unwrap_err().into_service_error();
    assert!(
        matches!(error, ListMetricsError::InvalidParameterValueException(_)),
        "{error:?}"
    );

    // The model has no error for this; its code is there all the same.
    let asked = client.get_metric_data();
    let asked = asked.metric_data_queries(math("e1", "m9 * 2", ""));
    let refused = asked.start_time(start).end_time(later(start, 60));
    let error = refused.send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ValidationError"), "{error:?}");
}

/// Keeps what the heads of requests say.
#[derive(Clone, Debug, Default)]
struct Heads(Arc<Mutex<Vec<[Option<String>; 3]>>>);

impl Intercept for Heads {
    fn name(&self) -> &'static str {
        "heads"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request().headers();
        let value = |name: &str| headers.get(name).map(str::to_owned);
        let names = ["smithy-protocol", "content-type", "content-encoding"];
        self.0.lock().push(names.map(value));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_speaks_cbor_and_compresses_what_is_large() {
    let server = Server::start().await;
    let heads = Heads::default();
    let config = client(&server).config().to_builder();
    let config = config.interceptor(heads.clone()).build();
    let (client, start) = (Client::from_conf(config), minutes_ago(10));
    let data = (0..1000).map(|n| datum("many", start).value(f64::from(n)).build());
    put(&client, data.collect()).await;
    put(&client, vec![datum("one", start).value(1.0).build()]).await;
    let [large, small] = heads.0.lock().clone().try_into().unwrap();
    let cbor = |encoding: Option<&str>| {
        let said = [Some("rpc-v2-cbor"), Some("application/cbor"), encoding];
        said.map(|value| value.map(str::to_owned))
    };
    assert_eq!((large, small), (cbor(Some("gzip")), cbor(None)));
    let asked = client.get_metric_data().start_time(start);
    let asked = asked.metric_data_queries(stat("all", "many", "SampleCount"));
    let answer = asked.end_time(later(start, 60)).send().await.unwrap();
    assert_eq!(values(&[answer], "all", start), [(0, 1000.0)]);
}
