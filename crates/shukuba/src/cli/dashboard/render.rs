//! `shukuba dashboard render`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use base::setting::Span;
use base::{Clock, SystemClock, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudwatch::dashboard::Widget;
use cloudwatch::dashboard::time::{Range, SPAN_DEFAULT, range};
use cloudwatch::picture::{self, Around, SIDE_MAX, Size};
use serde_json::{Value, json};

use crate::alarms::apply::text;
use crate::app::{self, App};
use crate::boards::kept;
use crate::boards::lines::Lines;
use crate::boards::source::{self, Source};
use crate::cli::alarm::cloudwatch;
use crate::client::cloudwatch::{CloudWatch, Wire, set};
use crate::client::ec2;
use crate::client::service::{Forms, Name, Service, Where};
use crate::output;

/// Pixels of a column and of a row, as boards have them.
const COLUMN: u32 = 60;
const ROW: u32 = 52;

/// Draw a dashboard, or one widget of it, as PNG or SVG
///
/// It is drawn here, of data that is asked for; so it looks the same for a server and for AWS.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dashboard's name; or a file with a body, which has a `.` or `/` in its name, or `-`
    #[arg(value_name = "NAME|FILE")]
    what: String,
    /// The picture: a file that ends in .png or .svg
    #[arg(short = 'o', long = "to", value_name = "FILE")]
    to: PathBuf,
    /// From then on, such as 6h (before now), -PT6H or 2026-11-29T09:00:00Z [default: as the dashboard says, else 3h]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    start: Option<String>,
    /// Until then [default: now]
    #[arg(
        long,
        value_name = "WHEN",
        requires = "start",
        allow_hyphen_values = true
    )]
    end: Option<String>,
    /// Only this widget: its title, or its number in the body, from 1
    #[arg(long, value_name = "TITLE|N")]
    widget: Option<String>,
    /// Let the server draw the widget (`GetMetricWidgetImage`), as PNG
    #[arg(long, requires = "widget")]
    by_server: bool,
    #[command(flatten)]
    at: Where,
}

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Png,
    Svg,
}

pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let form = form(&args.to)?;
    let now = SystemClock::new().now();
    let wanted = wanted(args.start.as_deref(), args.end.as_deref(), now)?;
    let cloudwatch = cloudwatch(app, &args.at)?;
    let inventory = Forms::new(Service::open(app, &args.at, Name::Ec2)?, ec2::VERSION);
    let source = source(&cloudwatch, &args.what)?;
    for region in elsewhere(&source.value, cloudwatch.region()) {
        output::complain(&format!(
            "warning: widgets of region `{region}` are drawn with data of `{}`",
            cloudwatch.region()
        ));
    }
    let bytes = match (&args.widget, args.by_server) {
        (Some(widget), true) => {
            let (index, _) = found(&source, widget)?;
            if form != Form::Png {
                return Err(app::usage("a server draws PNG only: give -o FILE.png"));
            }
            drawn_there(&cloudwatch, &source, index, wanted)?
        }
        (Some(widget), false) => {
            let (_, widget) = found(&source, widget)?;
            written(
                drawn(
                    &lines(cloudwatch, inventory),
                    &source,
                    widget,
                    around(now, wanted),
                ),
                form,
            )?
        }
        (None, _) => written(
            board(
                &lines(cloudwatch, inventory),
                &args.what,
                &source,
                around(now, wanted),
            ),
            form,
        )?,
    };
    std::fs::write(&args.to, &bytes)
        .with_context(|| format!("cannot write `{}`", args.to.display()))?;
    let outcome = json!({ "File": args.to.display().to_string(), "Bytes": bytes.len() });
    output::show(app.output(), &outcome, |_| {
        format!(
            "{}  {}",
            args.to.display(),
            output::bytes(bytes.len() as u64)
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn form(to: &Path) -> anyhow::Result<Form> {
    let extension = to
        .extension()
        .and_then(|it| it.to_str())
        .map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("png") => Ok(Form::Png),
        Some("svg") => Ok(Form::Svg),
        _ => Err(app::usage(format!(
            "`{}` ends neither in .png nor in .svg",
            to.display()
        ))),
    }
}

/// The dashboard that is kept under a name, or the body in a file. No dashboard has a `.` or `/` in its name.
fn source(cloudwatch: &dyn CloudWatch, what: &str) -> anyhow::Result<Source> {
    if what == "-" || what.contains(['.', '/']) {
        let text = source::read(Path::new(what))?;
        return match source::checked(what, &text) {
            Ok((source, _)) => Ok(source),
            Err(lines) => anyhow::bail!(lines.join("\n")),
        };
    }
    match kept::get(cloudwatch, what)? {
        Some(answer) => source::unchecked(kept::body(&answer)),
        None => anyhow::bail!(
            "no dashboard is called `{what}`; a file is named with its folder, such as `./{what}`"
        ),
    }
}

/// The time that is asked for.
fn wanted(start: Option<&str>, end: Option<&str>, now: Timestamp) -> anyhow::Result<Option<Range>> {
    let Some(start) = start else {
        return Ok(None);
    };
    let (start, end) = (iso(start), end.map(iso));
    let range = range(Some(&start), end.as_deref(), now);
    range.map(Some).ok_or_else(|| {
        app::usage(
            "--start and --end are no time that can be shown: such as `6h` (before now), `-PT6H` or `2026-11-29T09:00:00Z`, start before end, at most 455 days",
        )
    })
}

/// `6h` as dashboards write it; other texts as they are.
fn iso(text: &str) -> String {
    match text.parse::<Span>() {
        Ok(span) => format!("-PT{}S", span.get().as_secs()),
        Err(_) => text.to_owned(),
    }
}

fn around(now: Timestamp, range: Option<Range>) -> Around {
    Around {
        range,
        ..Around::at(now)
    }
}

/// Regions that widgets name and that are not asked.
fn elsewhere(body: &Value, region: &str) -> Vec<String> {
    let widgets = body
        .get("widgets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let named = widgets.filter_map(|it| it.get("properties")?.get("region")?.as_str());
    let mut others: Vec<String> = named
        .filter(|it| *it != region)
        .map(str::to_owned)
        .collect();
    others.sort_unstable();
    others.dedup();
    others
}

/// The widget that is called so, or has this number, with its place in the body.
fn found<'a>(source: &'a Source, wanted: &str) -> anyhow::Result<(usize, &'a Widget)> {
    let widgets = &source.body.widgets;
    let of_title = widgets.iter().position(|it| it.content.title() == wanted);
    let of_number = || wanted.parse::<usize>().ok()?.checked_sub(1);
    let index = of_title.or_else(of_number);
    let widget = index.and_then(|index| Some((index, widgets.get(index)?)));
    widget.with_context(|| {
        format!(
            "no widget has the title `{wanted}`, nor is it a number from 1 to {}",
            widgets.len()
        )
    })
}

fn lines(cloudwatch: Wire, inventory: Forms) -> Lines {
    Lines {
        cloudwatch: Arc::new(cloudwatch),
        inventory: Arc::new(inventory),
    }
}

fn board(data: &Lines, name: &str, source: &Source, around: Around) -> String {
    let name = Path::new(name)
        .file_stem()
        .and_then(|it| it.to_str())
        .unwrap_or(name);
    picture::board(name, &picture::dashboard(&source.body, data, around))
}

fn drawn(data: &Lines, source: &Source, widget: &Widget, around: Around) -> String {
    let of_body = range(
        source.body.start.as_deref(),
        source.body.end.as_deref(),
        around.now,
    );
    let around = Around {
        range: around.range.or(of_body),
        ..around
    };
    picture::svg(&picture::draw(&widget.content, data, around), size(widget))
}

fn size(widget: &Widget) -> Size {
    Size {
        width: (widget.area.width * COLUMN).min(SIDE_MAX),
        height: (widget.area.height * ROW).min(SIDE_MAX),
    }
}

fn written(svg: String, form: Form) -> anyhow::Result<Vec<u8>> {
    match form {
        Form::Svg => Ok(svg.into_bytes()),
        Form::Png => Ok(picture::png(&svg)?),
    }
}

/// A widget as the server draws it.
fn drawn_there(
    cloudwatch: &dyn CloudWatch,
    source: &Source,
    index: usize,
    wanted: Option<Range>,
) -> anyhow::Result<Vec<u8>> {
    let input = image(source, index, wanted)?;
    let answer = cloudwatch.call("GetMetricWidgetImage", &input)?;
    let png = STANDARD.decode(text(&answer, "MetricWidgetImage"));
    png.context("the server's answer is no picture")
}

/// What `GetMetricWidgetImage` is asked.
fn image(source: &Source, index: usize, wanted: Option<Range>) -> anyhow::Result<Value> {
    let widget = source
        .value
        .get("widgets")
        .and_then(|it| it.get(index))
        .cloned()
        .unwrap_or_default();
    anyhow::ensure!(
        text(&widget, "type") == "metric",
        "a server draws widgets of metrics only; leave --by-server out"
    );
    let mut properties = widget.get("properties").cloned().unwrap_or_default();
    let size = source.body.widgets.get(index).map(size).unwrap_or_default();
    set(&mut properties, "width", json!(size.width));
    set(&mut properties, "height", json!(size.height));
    if let Some(range) = wanted {
        set(&mut properties, "start", json!(range.from.rfc3339()));
        set(&mut properties, "end", json!(range.to.rfc3339()));
    } else if properties.get("start").is_none() {
        let span = format!("-PT{}H", SPAN_DEFAULT.as_secs() / 3600);
        set(
            &mut properties,
            "start",
            json!(source.body.start.clone().unwrap_or(span)),
        );
        if let Some(end) = &source.body.end {
            set(&mut properties, "end", json!(end));
        }
    }
    Ok(json!({ "MetricWidget": properties.to_string(), "OutputFormat": "png" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::cloudwatch::tests::Told;
    use crate::client::ec2::tests::NoHosts;

    const BODY: &str = r#"{"start": "-PT6H", "widgets": [
        {"type": "text", "x": 0, "y": 0, "width": 6, "height": 2, "properties": {"markdown": "a"}},
        {"type": "metric", "x": 6, "y": 0, "width": 12, "height": 6, "properties": {
            "title": "CPU 東京", "region": "eu-west-1", "metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]]}}]}"#;

    fn body() -> Source {
        source::checked("d.json", BODY).unwrap().0
    }

    #[test]
    fn a_picture_is_written_as_its_name_ends() {
        assert_eq!(form(Path::new("a/d.PNG")).unwrap(), Form::Png);
        assert_eq!(form(Path::new("d.svg")).unwrap(), Form::Svg);
        for wrong in ["d", "d.jpg", "png"] {
            assert!(form(Path::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_spans_before_now_or_as_dashboards_write_them() {
        let now = Timestamp::parse_rfc3339("2026-11-29T12:00:00Z").unwrap();
        for (start, end, from, to) in [
            (
                "6h",
                None,
                "2026-11-29T06:00:00.000Z",
                "2026-11-29T12:00:00.000Z",
            ),
            (
                "-PT6H",
                Some("1h"),
                "2026-11-29T06:00:00.000Z",
                "2026-11-29T11:00:00.000Z",
            ),
            (
                "2026-11-28T00:00:00Z",
                Some("2026-11-29T00:00:00Z"),
                "2026-11-28T00:00:00.000Z",
                "2026-11-29T00:00:00.000Z",
            ),
        ] {
            let range = wanted(Some(start), end, now).unwrap().unwrap();
            assert_eq!(
                (range.from.rfc3339().as_str(), range.to.rfc3339().as_str()),
                (from, to)
            );
        }
        assert_eq!(wanted(None, None, now).unwrap(), None);
        for (start, end) in [("soon", None), ("1h", Some("2h")), ("9999d", None)] {
            assert!(wanted(Some(start), end, now).is_err(), "{start}");
        }
    }

    #[test]
    fn a_widget_is_found_by_title_or_number() {
        let source = body();
        assert_eq!(found(&source, "CPU 東京").unwrap().0, 1);
        assert_eq!(found(&source, "1").unwrap().0, 0);
        for wrong in ["0", "3", "cpu", ""] {
            let index = found(&source, wrong).map(|it| it.0);
            // A text has no title, and so the empty one.
            assert!(index.is_err() || wrong.is_empty(), "{wrong}");
        }
    }

    #[test]
    fn a_server_is_asked_for_the_widget_in_its_size_and_time() {
        let told = Told::new([(
            "GetMetricWidgetImage",
            json!({"MetricWidgetImage": "iVBORw=="}),
        )]);
        let png = drawn_there(&told, &body(), 1, None).unwrap();
        assert_eq!(png, b"\x89PNG");
        let asked = &told.asked("GetMetricWidgetImage")[0];
        let widget: Value = serde_json::from_str(asked["MetricWidget"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&widget["width"], &widget["height"], &widget["start"]),
            (&json!(720), &json!(312), &json!("-PT6H"))
        );
        assert_eq!(widget["metrics"][0][1], "CPUUtilization");
        assert!(image(&body(), 0, None).is_err());
    }

    #[test]
    fn a_name_is_a_dashboard_and_a_path_a_file() {
        let told = Told::new([("GetDashboard", json!({"DashboardBody": BODY}))]);
        assert_eq!(source(&told, "web").unwrap().body.widgets.len(), 2);
        let error = source(&told, "./nothing.json").unwrap_err();
        assert!(error.to_string().contains("nothing.json"));
        assert_eq!(elsewhere(&body().value, "us-east-1"), ["eu-west-1"]);
        assert!(elsewhere(&body().value, "eu-west-1").is_empty());
    }

    #[test]
    fn a_board_is_drawn_of_the_answers_of_calls() {
        let result = json!({"Id": "w1", "Label": "i-1", "StatusCode": "Complete",
            "Timestamps": [1_795_424_400.0, 1_795_424_700.0], "Values": [20.0, 40.0]});
        let told = Told::new([("GetMetricData", json!({"MetricDataResults": [result]}))]);
        let now = Timestamp::from_secs(1_795_428_000);
        let data = Lines {
            cloudwatch: Arc::new(told),
            inventory: Arc::new(NoHosts),
        };
        let svg = picture::board(
            "web",
            &picture::dashboard(&body().body, &data, around(now, None)),
        );
        assert!(svg.contains("CPU 東京") && svg.contains("i-1"), "{svg}");
        assert!(written(svg, Form::Png).unwrap().starts_with(b"\x89PNG"));
    }
}
