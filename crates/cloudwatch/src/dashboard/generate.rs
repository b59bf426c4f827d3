//! A body that shows the same metrics of many hosts, two columns wide.

use serde_json::{Value, json};

use super::layout::COLUMNS;

/// A host to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// What its tag `Name` says; the id where there is none.
    pub name: Option<String>,
}

/// A metric to show of each host, by dimension `InstanceId`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMetric {
    /// Such as `AWS/EC2`.
    pub namespace: String,
    /// Such as `CPUUtilization`.
    pub name: String,
    /// Such as `Average`.
    pub statistic: String,
}

/// How large widgets become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Columns of a widget: two of 12 fill a row.
    pub width: u32,
    /// Rows of a widget.
    pub height: u32,
    /// Seconds of a period.
    pub period_secs: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            width: COLUMNS / 2,
            height: 6,
            period_secs: 300,
        }
    }
}

/// A body with a widget for each host and metric: a row for a host, a column for a metric, in the order given.
#[must_use]
pub fn generate(hosts: &[Host], metrics: &[HostMetric], region: &str, sizes: Sizes) -> String {
    let width = sizes.width.clamp(1, COLUMNS);
    let across = COLUMNS / width;
    let pairs = hosts
        .iter()
        .flat_map(|host| metrics.iter().map(move |metric| (host, metric)));
    let widgets = (0..).zip(pairs).map(|(index, (host, metric))| {
        let index: u32 = index;
        json!({
            "type": "metric",
            "x": (index % across) * width,
            "y": (index / across) * sizes.height,
            "width": width,
            "height": sizes.height,
            "properties": properties(host, metric, region, sizes.period_secs),
        })
    });
    let body = json!({ "widgets": widgets.collect::<Vec<Value>>() });
    format!("{body:#}")
}

fn properties(host: &Host, metric: &HostMetric, region: &str, period_secs: u32) -> Value {
    let id = host.instance_id.as_str();
    let name = host.name.as_deref().unwrap_or(id);
    json!({
        "title": format!("{name} {}", metric.name),
        "view": "timeSeries",
        "stacked": false,
        "region": region,
        "stat": metric.statistic,
        "period": period_secs,
        "metrics": [[metric.namespace, metric.name, "InstanceId", id, { "label": name }]],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::Body;

    #[test]
    fn hosts_stand_in_two_columns() {
        let host = |id: &str, name: Option<&str>| Host {
            instance_id: id.to_owned(),
            name: name.map(str::to_owned),
        };
        let metric = |name: &str| HostMetric {
            namespace: "AWS/EC2".to_owned(),
            name: name.to_owned(),
            statistic: "Average".to_owned(),
        };
        let hosts = [host("i-1", Some("web1")), host("i-2", None)];
        let metrics = [metric("CPUUtilization"), metric("NetworkIn")];
        let text = generate(&hosts, &metrics, "ap-northeast-1", Sizes::default());
        let (body, warnings) = Body::read(&text).unwrap();
        assert_eq!(warnings, []);
        let shown: Vec<_> = body
            .widgets
            .iter()
            .map(|it| (it.content.title(), it.area.x, it.area.y))
            .collect();
        assert_eq!(
            shown,
            [
                ("web1 CPUUtilization", 0, 0),
                ("web1 NetworkIn", 12, 0),
                ("i-2 CPUUtilization", 0, 6),
                ("i-2 NetworkIn", 12, 6),
            ]
        );
    }
}
