//! The dashboard that shows this platform itself.

use serde_json::{Value, json};

/// A widget: its title, and an expression for each of its rows.
type Plan = (&'static str, &'static [&'static str]);

/// All widgets, two in a row.
const PLANS: &[Plan] = &[
    (
        "Queues: messages sent",
        &["SEARCH('{AWS/SQS,QueueName} MetricName=\"NumberOfMessagesSent\"', 'Sum', 60)"],
    ),
    (
        "Queues: messages waiting",
        &[
            "SEARCH('{AWS/SQS,QueueName} MetricName=\"ApproximateNumberOfMessagesVisible\"', 'Maximum', 60)",
        ],
    ),
    (
        "Queues: age of the oldest message",
        &[
            "SEARCH('{AWS/SQS,QueueName} MetricName=\"ApproximateAgeOfOldestMessage\"', 'Maximum', 60)",
        ],
    ),
    (
        "Notifications delivered and failed",
        &[
            "SEARCH('Namespace=\"Shukuba/Delivery\" MetricName=\"Delivered\"', 'Sum', 60)",
            "SEARCH('Namespace=\"Shukuba/Delivery\" MetricName=\"Failed\"', 'Sum', 60)",
        ],
    ),
    (
        "Latency of deliveries (p99)",
        &["SEARCH('Namespace=\"Shukuba/Delivery\" MetricName=\"DeliveryLatency\"', 'p99', 60)"],
    ),
    (
        "Hosts: CPU",
        &["SEARCH('{AWS/EC2,InstanceId} MetricName=\"CPUUtilization\"', 'Average', 60)"],
    ),
];

/// Columns and rows of a widget.
const WIDTH: u32 = 12;
const HEIGHT: u32 = 6;

/// The body of the dashboard that shows the platform: its queues, its deliveries, its hosts.
#[must_use]
pub fn platform(region: &str) -> String {
    let widgets = (0..).zip(PLANS).map(|(index, (title, rows))| {
        let index: u32 = index;
        json!({
            "type": "metric",
            "x": (index % 2) * WIDTH,
            "y": (index / 2) * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": {
                "title": title,
                "view": "timeSeries",
                "region": region,
                "period": 60,
                "yAxis": { "left": { "min": 0 } },
                "metrics": rows.iter().map(|it| json!([{ "expression": it }])).collect::<Vec<Value>>(),
            },
        })
    });
    let body = json!({ "start": "-PT3H", "widgets": widgets.collect::<Vec<Value>>() });
    format!("{body:#}")
}

#[cfg(test)]
mod tests {
    use crate::dashboard::Body;

    #[test]
    fn the_platforms_dashboard_is_a_right_one() {
        let (body, warnings) = Body::read(&super::platform("ap-northeast-1")).unwrap();
        assert_eq!((body.widgets.len(), warnings), (6, vec![]));
    }
}
