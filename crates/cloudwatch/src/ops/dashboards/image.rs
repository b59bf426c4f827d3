//! `GetMetricWidgetImage`.

use std::sync::Arc;

use api::{Access, Audit, Caller, Ctx, Fault, Operation, Plain};
use base::Timestamp;
use serde_json::Value;
use wire::{Blob, Shape};

use super::{Desk, fault};
use crate::dashboard::widget::{Graph, check_graph};
use crate::dashboard::{Report, check};
use crate::picture::{self, Around, Data, Drawing, Failed, SIDE_MAX, SIDE_MIN, Size};

/// Bytes of a widget. Source: CloudWatch API Reference, `GetMetricWidgetImage`.
const WIDGET_BYTES_MAX: usize = 100 * 1024;

const PNG: &str = "image/png";

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "GetMetricWidgetImageInput")]
pub(super) struct Input {
    #[shape(required)]
    metric_widget: String,
    output_format: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "GetMetricWidgetImageOutput")]
pub(super) struct Output {
    metric_widget_image: Option<Blob>,
}

/// Draws a widget.
pub(super) struct GetMetricWidgetImage;

impl Operation<Desk> for GetMetricWidgetImage {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "GetMetricWidgetImage";

    fn access(&self, desk: &Desk, _caller: &Caller, _input: &Input) -> Vec<Access> {
        vec![Access::new(
            "cloudwatch:GetMetricWidgetImage",
            desk.dashboards.place().all(),
        )]
    }

    fn audit(&self) -> Audit {
        Audit::Data
    }

    /// `png` answers in the form of the protocol, `image/png` with the picture itself, for requests that are written by hand.
    ///
    /// Source: CloudWatch API Reference, `GetMetricWidgetImage`, "OutputFormat".
    fn plain(&self, input: &Input) -> Option<fn(&Output) -> Plain> {
        let is_plain = input.output_format.as_deref() == Some(PNG);
        is_plain.then_some(|output| Plain {
            content_type: PNG,
            body: output.metric_widget_image.clone().unwrap_or_default().0,
        })
    }

    async fn call(&self, desk: &Arc<Desk>, _ctx: Ctx, input: Input) -> Result<Output, Fault> {
        if let Some("png" | PNG) | None = input.output_format.as_deref() {
            let widget = read(&input.metric_widget)?;
            let permit = desk
                .pictures
                .acquire()
                .await
                .map_err(|_| Fault::internal())?;
            let (data, now) = (Arc::clone(&desk.data), desk.clock.now());
            let drawn = tokio::task::spawn_blocking(move || paint(&widget, data.as_ref(), now));
            let png = drawn.await.map_err(|_| Fault::internal())??;
            drop(permit);
            return Ok(Output {
                metric_widget_image: Some(Blob::from(png)),
            });
        }
        Err(fault::invalid(
            "The parameter OutputFormat must be png or image/png.",
        ))
    }
}

/// A widget to draw.
#[derive(Debug)]
struct Widget {
    graph: Graph,
    size: Size,
}

fn read(text: &str) -> Result<Widget, Fault> {
    if text.len() > WIDGET_BYTES_MAX {
        return Err(fault::widget(format!(
            "The metric widget has {} bytes; the limit is {WIDGET_BYTES_MAX}.",
            text.len()
        )));
    }
    let value: Option<Value> = serde_json::from_str(text).ok();
    let value = value.filter(Value::is_object);
    let value =
        value.ok_or_else(|| fault::widget("The metric widget must be a valid JSON object"))?;
    let mut report = Report::default();
    check_graph(&mut report, "", &value);
    for side in ["width", "height"] {
        if let Some(wanted) = value.get(side) {
            let (min, max) = (i64::from(SIDE_MIN), i64::from(SIDE_MAX));
            check::check(
                &mut report,
                &format!("/{side}"),
                wanted,
                &check::Is::Whole { min, max },
            );
        }
    }
    let has = |name: &str| value.get(name).is_some();
    if !has("metrics") && !has("annotations") {
        report.error("", "Should have required property 'metrics'");
    }
    match report.errors.as_slice() {
        [] => Ok(Widget {
            graph: Graph::of(&value),
            size: size(&value),
        }),
        errors => Err(fault::widget(fault::widget_told(errors))),
    }
}

fn size(value: &Value) -> Size {
    let default = Size::default();
    let side = |name: &str| {
        let side = value.get(name).and_then(Value::as_f64)?;
        (1..=SIDE_MAX).find(|known| f64::from(*known) == side)
    };
    Size {
        width: side("width").unwrap_or(default.width),
        height: side("height").unwrap_or(default.height),
    }
}

fn paint(widget: &Widget, data: &dyn Data, now: Timestamp) -> Result<Vec<u8>, Fault> {
    let chart = picture::chart(&widget.graph, data, Around::at(now)).map_err(failed)?;
    let svg = picture::svg(&Drawing::Chart(Box::new(chart)), widget.size);
    picture::png(&svg).map_err(|error| {
        tracing::error!(%error, "a picture was not painted");
        Fault::internal()
    })
}

fn failed(failed: Failed) -> Fault {
    match failed {
        Failed::Expression(why) => fault::widget(why),
        Failed::Unreadable(error) => {
            tracing::error!(%error, "metrics of a picture were not read");
            Fault::internal()
        }
    }
}
