//! Pictures of alarms, hosts and widgets: each an SVG of its own, wide or as narrow as a phone, drawn when it is looked at.
//!
//! Pages hold `<img>`, so that words in a picture keep their size on a phone and nothing in it can run.

use std::time::Duration;

use cloudwatch::dashboard::widget::{Content, Graph};
use cloudwatch::dashboard::{self, Body};
use cloudwatch::picture::{self, Around, Drawing, Size};
use serde_json::{Value, json};
use watch::check::board::CHECKS_MAX;

use super::boards;
use crate::serve::console::html::escaped;
use crate::serve::console::lang::{Language, Word};
use crate::serve::console::room::{Api, Room, Trouble};
use crate::serve::console::words::{frame, hosts};

/// The graphs of a host: what addresses call them, and their titles.
pub(super) const HOST_GRAPHS: [(&str, Word); 4] = [
    ("cpu", hosts::GRAPH_CPU),
    ("network", hosts::GRAPH_NETWORK),
    ("memory", hosts::GRAPH_MEMORY),
    ("disk", hosts::GRAPH_DISK),
];

/// The width of a picture on a phone.
const NARROW: u32 = 358;
/// Points of a line. Chosen: more than pixels say nothing.
const POINTS_MAX: u64 = 1440;
/// Pixels of a column and a row of a dashboard.
const COLUMN: u32 = 50;
const ROW: u32 = 50;

/// The time that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range(&'static (&'static str, u64, Word));

const RANGES: &[(&str, u64, Word)] = &[
    ("1h", 3600, frame::LAST_1H),
    ("3h", 3 * 3600, frame::LAST_3H),
    ("12h", 12 * 3600, frame::LAST_12H),
    ("1d", 86_400, frame::LAST_1D),
    ("1w", 7 * 86_400, frame::LAST_1W),
    ("30d", 30 * 86_400, frame::LAST_30D),
    ("1y", 365 * 86_400, frame::LAST_1Y),
];

impl Range {
    /// The one that the address asks for; three hours where it asks for none.
    pub(super) fn asked(room: &Room<'_>) -> Self {
        Self::of(room.query("range").as_deref().unwrap_or_default())
    }

    fn of(text: &str) -> Self {
        const USUAL: &(&str, u64, Word) = &("3h", 3 * 3600, frame::LAST_3H);
        Self(
            RANGES
                .iter()
                .find(|(known, ..)| *known == text)
                .unwrap_or(USUAL),
        )
    }

    /// As addresses say it.
    pub(super) const fn text(self) -> &'static str {
        self.0.0
    }

    /// Links to the same page with each time. `rest`: what else stands behind the `?`, with `&` at its end.
    pub(super) fn links(self, room: &Room<'_>, path: &str, rest: &str) -> String {
        let links = RANGES.iter().map(|(text, _, word)| {
            let to = format!("{path}?{rest}range={text}");
            (room.say(*word), to, *text == self.text())
        });
        let links: Vec<_> = links.collect();
        room.links(frame::RANGE, &links)
    }

    fn shown(self, room: &Room<'_>) -> dashboard::Range {
        dashboard::Range {
            from: room.now.minus(Duration::from_secs(self.0.1)),
            to: room.now,
        }
    }
}

/// The element of a picture. `class`: of its place; `size`: where there is room for it.
pub(super) fn image(
    room: &Room<'_>,
    path: &str,
    class: &str,
    (title, range): (&str, Range),
    (width, height): (u32, u32),
) -> String {
    let address = |size: &str| {
        escaped(&format!(
            "/_shukuba/{path}?range={}&size={size}",
            range.text()
        ))
    };
    let alt = room.with(frame::GRAPH_OF, &[title, room.say(range.0.2)]);
    let low = narrow_height(width, height);
    format!(
        "<figure class=\"chart {class}\"><picture><source media=\"(max-width: 47.99em)\" srcset=\"{}\" width=\"{NARROW}\" height=\"{low}\"><img src=\"{}\" alt=\"{}\" width=\"{width}\" height=\"{height}\" loading=\"lazy\"></picture></figure>",
        address("narrow"),
        address(&format!("{width}x{height}")),
        escaped(&alt),
    )
}

/// How high a picture is on a phone: as high as it is wide at most, and never flat.
fn narrow_height(width: u32, height: u32) -> u32 {
    (height * NARROW / width.max(1)).clamp(200, 480)
}

/// The size that the address asks for.
fn size(room: &Room<'_>, (width, height): (u32, u32)) -> Size {
    match room.query("size").as_deref() {
        Some("narrow") => Size {
            width: NARROW,
            height: narrow_height(width, height),
        },
        _ => Size { width, height },
    }
}

/// The size of a widget where there is room.
pub(super) const fn widget_size(area: dashboard::Area) -> (u32, u32) {
    let height = area.height * ROW;
    let height = if height < 60 { 60 } else { height };
    let height = if height > 1600 { 1600 } else { height };
    (area.width * COLUMN, height)
}

/// What is to be drawn.
enum Wanted {
    Graph(Box<Graph>, (u32, u32)),
    Widget(Box<dashboard::Widget>),
    /// What the caller may not see: its title, and why.
    Note(String, String, (u32, u32)),
}

/// A picture as SVG, where the caller may see what is on it.
pub(super) async fn draw(
    room: &Room<'_>,
    kind: &str,
    name: &str,
    rest: &[&str],
) -> Result<String, Trouble> {
    let wanted = match (kind, rest) {
        ("alarm", []) => alarm(room, name)?,
        ("host", [graph]) => host(room, name, graph)?,
        ("host", [check, graph]) => measured(room, name, check, graph).await?,
        ("dashboard", [index]) => widget(room, name, index).await?,
        _ => return Err(Trouble::NotFound),
    };
    room.demand_metrics()?;
    let permit = room.parts.pictures.acquire().await;
    let (pictures, range) = (room.parts.watching.pictures.clone(), Range::asked(room));
    let around = Around {
        now: room.now,
        range: Some(range.shown(room)),
        zone_minutes: room.zone_minutes(),
        points_max: POINTS_MAX,
        language: match room.language {
            Language::Ja => picture::Language::Japanese,
            Language::En => picture::Language::English,
        },
    };
    let size = match &wanted {
        Wanted::Graph(_, whole) => size(room, *whole),
        Wanted::Widget(widget) => size(room, widget_size(widget.area)),
        Wanted::Note(.., whole) => size(room, *whole),
    };
    let read = move || {
        let drawing = match wanted {
            Wanted::Graph(graph, _) => {
                Drawing::Chart(Box::new(picture::chart(&graph, pictures.as_ref(), around)?))
            }
            Wanted::Widget(widget) => picture::draw(&widget.content, pictures.as_ref(), around),
            Wanted::Note(title, text, _) => Drawing::Note { title, text },
        };
        Ok(picture::svg(&drawing, size))
    };
    let drawn = room.read(read).await;
    drop(permit);
    drawn
}

fn alarm(room: &Room<'_>, name: &str) -> Result<Wanted, Trouble> {
    room.demand(
        Api::Metrics,
        "DescribeAlarms",
        &json!({"AlarmNames": [name]}),
    )?;
    let watching = &room.parts.watching;
    watching
        .alarms
        .book()
        .alarm(name)
        .ok_or(Trouble::NotFound)?;
    let arn = watching.place.alarm(name).to_string();
    let graph = Graph::of(&json!({"title": name, "annotations": {"alarms": [arn]}}));
    Ok(Wanted::Graph(Box::new(graph), (960, 360)))
}

fn host(room: &Room<'_>, id: &str, kind: &str) -> Result<Wanted, Trouble> {
    room.demand(Api::Hosts, "DescribeInstances", &json!({}))?;
    let id: ec2::InstanceId = id.parse().map_err(|_| Trouble::NotFound)?;
    room.parts
        .watching
        .instances
        .get(&id)
        .ok_or(Trouble::NotFound)?;
    let title = HOST_GRAPHS.iter().find(|(known, _)| *known == kind);
    let (_, title) = title.ok_or(Trouble::NotFound)?;
    let graph = Graph::of(&host_graph(&id.to_string(), kind, room.say(*title)));
    Ok(Wanted::Graph(Box::new(graph), (720, 320)))
}

/// A graph of what a check measures.
async fn measured(room: &Room<'_>, id: &str, check: &str, name: &str) -> Result<Wanted, Trouble> {
    room.demand(Api::Hosts, "DescribeInstances", &json!({}))?;
    room.demand(Api::Operator, "check-graphs", &json!({}))?;
    let (board, host) = (room.parts.watching.board.clone(), id.to_owned());
    let drawn = room
        .read(move || Ok(board.graphs(&host, CHECKS_MAX)?))
        .await?;
    let graphs = drawn.get(check).ok_or(Trouble::NotFound)?;
    let graph = graphs.iter().find(|graph| graph.name == name);
    let mut properties = graph.ok_or(Trouble::NotFound)?.properties(id, check);
    if let Some(properties) = properties.as_object_mut() {
        // As fine as it is measured; longer times have longer periods by themselves.
        properties.insert("period".to_owned(), json!(60));
    }
    let graph = Graph::of(&properties);
    Ok(Wanted::Graph(Box::new(graph), (720, 320)))
}

/// A host's graph as a widget's properties.
fn host_graph(id: &str, kind: &str, title: &str) -> Value {
    let of =
        |namespace: &str, name: &str| json!([namespace, name, "InstanceId", id, {"label": name}]);
    let (metrics, most, statistic) = match kind {
        "cpu" => (vec![of("AWS/EC2", "CPUUtilization")], Some(100), "Average"),
        "network" => (
            vec![of("AWS/EC2", "NetworkIn"), of("AWS/EC2", "NetworkOut")],
            None,
            "Sum",
        ),
        "memory" => (
            vec![of("CWAgent", "mem_used_percent")],
            Some(100),
            "Average",
        ),
        _ => {
            let search = format!(
                "SEARCH('{{CWAgent,InstanceId,path,device,fstype}} MetricName=\"disk_used_percent\" InstanceId=\"{id}\"', 'Average', 60)"
            );
            (vec![json!([{"expression": search}])], Some(100), "Average")
        }
    };
    let mut axis = json!({"min": 0});
    if let (Some(most), Some(axis)) = (most, axis.as_object_mut()) {
        axis.insert("max".to_owned(), json!(most));
    }
    json!({"title": title, "metrics": metrics, "stat": statistic, "period": 60, "yAxis": {"left": axis}})
}

async fn widget(room: &Room<'_>, name: &str, index: &str) -> Result<Wanted, Trouble> {
    let kept = boards::body(room, name).await?;
    let index: usize = index.parse().map_err(|_| Trouble::NotFound)?;
    let body = match serde_json::from_str(&kept.body) {
        Ok(value) => Body::of(&value),
        Err(_) => return Err(Trouble::NotFound),
    };
    let widget = body
        .widgets
        .into_iter()
        .nth(index)
        .ok_or(Trouble::NotFound)?;
    let tells_hosts = matches!(widget.content, Content::Explorer(_));
    if tells_hosts && !room.may(Api::Hosts, "DescribeInstances", &json!({})) {
        let title = widget.content.title().to_owned();
        let why = room.with(frame::DENIED, &["ec2:DescribeInstances"]);
        return Ok(Wanted::Note(title, why, widget_size(widget.area)));
    }
    Ok(Wanted::Widget(Box::new(widget)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graphs_of_a_host_are_right_widgets() {
        for (kind, _) in HOST_GRAPHS {
            let properties = host_graph("i-0123456789abcdef0", kind, "t");
            let mut properties = properties;
            properties["region"] = json!("ap-northeast-1");
            properties["view"] = json!("timeSeries");
            let body = json!({"widgets": [{"type": "metric", "properties": properties}]});
            let (body, warnings) = Body::read(&body.to_string()).unwrap();
            assert_eq!((body.widgets.len(), warnings), (1, vec![]), "{kind}");
        }
    }

    #[test]
    fn pictures_fit_a_phone_and_are_never_flat() {
        for (whole, expected) in [
            ((720, 320), 200),
            ((960, 360), 200),
            ((300, 300), 358),
            ((50, 1600), 480),
        ] {
            assert_eq!(narrow_height(whole.0, whole.1), expected, "{whole:?}");
        }
        assert_eq!(Range::of("nonsense").text(), "3h");
        assert_eq!(Range::of("1w").text(), "1w");
    }
}
