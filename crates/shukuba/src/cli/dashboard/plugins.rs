//! The graphs of checks as widgets, for `shukuba dashboard generate --plugins`.

use anyhow::Context;
use serde_json::{Value, json};

use super::generate::{Args, sizes};
use crate::app::{self, App};
use crate::cli::operator::{list, text};
use crate::client::admin::{Admin, SERVICE};
use crate::client::cloudwatch::set;
use crate::client::ec2::Instance;
use crate::client::http::Http;

/// A widget for each graph of the checks of `instances`, which the server says that the arguments name. They have a size and no
/// place: they flow.
pub(super) fn widgets(
    app: &App,
    args: &Args,
    instances: &[Instance],
    region: &str,
) -> anyhow::Result<Vec<Value>> {
    let admin = Admin::new(Http::new(args.at.for_operator(app)?, SERVICE)?);
    let mut widgets = Vec::new();
    for instance in instances {
        let input = json!({ "host": instance.id });
        let answer: Value =
            app::block_on(admin.call("check-graphs", &input))?.with_context(|| {
                format!(
                    "the graphs of `{}` are not known; only a Shukuba server has them",
                    instance.name
                )
            })?;
        let sizes = sizes(args);
        let graphs = list(&answer, "graphs").iter();
        widgets.extend(graphs.map(|graph| {
            let mut properties = graph.get("properties").cloned().unwrap_or_default();
            let title = format!("{} {}", instance.name, text(graph, "title"));
            set(&mut properties, "title", json!(title));
            set(&mut properties, "region", json!(region));
            set(&mut properties, "period", json!(sizes.period_secs));
            json!({
                "type": "metric",
                "width": sizes.width,
                "height": sizes.height,
                "properties": properties,
            })
        }));
    }
    Ok(widgets)
}

/// The body with more widgets behind those that it has.
pub(super) fn beside(body: &str, widgets: Vec<Value>) -> anyhow::Result<String> {
    let mut body: Value = serde_json::from_str(body)?;
    let into = body.get_mut("widgets").and_then(Value::as_array_mut);
    into.context("the body has no widgets")?.extend(widgets);
    Ok(format!("{body:#}"))
}

#[cfg(test)]
mod tests {
    use cloudwatch::dashboard::Body;
    use watch::check::plugin::munin;

    use super::*;

    #[test]
    fn the_graphs_of_a_munin_plugin_are_right_widgets_after_the_others() {
        let said = "graph_title eth0 traffic\ngraph_vlabel bits per ${graph_period}\ngraph_args --base 1000 -l 0\ndown.label received\ndown.type DERIVE\ndown.graph no\ndown.cdef down,8,*\nup.label bps\nup.negative down\nup.cdef up,8,*\nup.warning 1000\nup.colour 00cc00\n";
        let graph = munin::config("if_eth0", said).graphs().remove(0);
        let mut properties = graph.properties("i-0123456789abcdef0", "net");
        set(&mut properties, "region", json!("ap-northeast-1"));
        let widget =
            json!({ "type": "metric", "width": 12, "height": 6, "properties": properties });
        let empty = "{\"widgets\": []}";
        let text = beside(empty, vec![widget.clone(), widget.clone(), widget]).unwrap();
        let (body, warnings) = Body::read(&text).unwrap();
        assert_eq!(warnings, []);
        let places: Vec<_> = body
            .widgets
            .iter()
            .map(|it| (it.area.x, it.area.y))
            .collect();
        assert_eq!(places, [(0, 0), (12, 0), (0, 6)], "they flow");
        assert_eq!(body.widgets[0].content.title(), "eth0 traffic");
    }
}
