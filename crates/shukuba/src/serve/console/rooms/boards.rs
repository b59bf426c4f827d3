//! Dashboards: which there are, and one drawn.

use cloudwatch::dashboard::kept::Listed;
use cloudwatch::dashboard::widget::Content;
use cloudwatch::dashboard::{self, Body, Message};
use serde_json::{Value, json};

use super::{link, pictures};
use crate::serve::console::html::{Look, badge, data, english, escaped, segment};
use crate::serve::console::lang::Language;
use crate::serve::console::layout::Place;
use crate::serve::console::room::{Api, Page, Room, Trouble};
use crate::serve::console::words::{boards, frame};

/// The dashboard that is always there; one that is kept under this name stands in its place.
pub(super) const PLATFORM: &str = "platform";
/// Widgets that are shown on one page. Source: the bound of a body.
const WIDGETS_MAX: usize = dashboard::body::WIDGETS_MAX;

/// A body, with when it changed; never of what is built in.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) body: String,
    pub(super) modified_ms: Option<u64>,
}

/// The built-in dashboard with its titles in the reader's language.
fn platform(room: &Room<'_>) -> String {
    let region = room.parts.watching.place.region.as_str();
    titled(dashboard::platform(region), room.language)
}

fn titled(body: String, language: Language) -> String {
    let titles = [
        boards::PLATFORM_SENT,
        boards::PLATFORM_WAITING,
        boards::PLATFORM_AGE,
        boards::PLATFORM_DELIVERED,
        boards::PLATFORM_LATENCY,
        boards::PLATFORM_CPU,
    ];
    titles.iter().fold(body, |body, title| {
        let quoted = |title: &str| format!("\"{title}\"");
        body.replace(&quoted(title.en), &quoted(title.said(language)))
    })
}

pub(super) fn asked(name: &str) -> Value {
    json!({"DashboardName": name})
}

/// The body of a dashboard, where the caller may get it.
pub(super) async fn body(room: &Room<'_>, name: &str) -> Result<Kept, Trouble> {
    room.demand(Api::Metrics, "GetDashboard", &asked(name))?;
    let kept = room.parts.watching.dashboards.clone();
    let wanted = name.to_owned();
    let found = room.read(move || match kept.get(&wanted) {
        Ok(kept) => Ok(Some(kept)),
        Err(
            dashboard::Error::NotFound { .. }
            | dashboard::Error::NameForm { .. }
            | dashboard::Error::NameLength,
        ) => Ok(None),
        Err(error) => Err(error.into()),
    });
    match found.await? {
        Some(kept) => Ok(Kept {
            modified_ms: Some(kept.modified().as_millis()),
            body: kept.body,
        }),
        None if name == PLATFORM => Ok(Kept {
            body: platform(room),
            modified_ms: None,
        }),
        None => Err(Trouble::NotFound),
    }
}

pub(super) async fn list(room: &Room<'_>) -> Result<Page, Trouble> {
    room.demand(Api::Metrics, "ListDashboards", &json!({}))?;
    let kept = room.parts.watching.dashboards.clone();
    let read = move || {
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let after = all.last().map(|last| last.name.clone());
            let (batch, more) = kept.list("", after.as_deref())?;
            all.extend(batch);
            if more == dashboard::kept::More::No {
                return Ok(all);
            }
        }
    };
    let all = room.read(read).await?;
    let is_replaced = all.iter().any(|listed| listed.name == PLATFORM);
    let built_in = (!is_replaced).then_some(None);
    let rows: Vec<Option<&Listed>> = built_in.into_iter().chain(all.iter().map(Some)).collect();
    let heads = [frame::NAME, boards::CHANGED, boards::SIZE];
    let table = room.paged(
        "dashboards",
        "",
        (frame::DASHBOARDS, &heads),
        &rows,
        |listed| row(room, *listed),
    );
    let new = match room.may(Api::Metrics, "PutDashboard", &put("new", "{}")) {
        true => format!(
            "<p><a class=\"button\" href=\"/_shukuba/{}\">{}</a></p>",
            super::editor::NEW,
            room.say(boards::NEW)
        ),
        false => String::new(),
    };
    Ok(Page::first(
        room,
        Place::Dashboards,
        room.done() + &table + &new,
    ))
}

/// A dashboard to put, in the words of the API.
pub(super) fn put(name: &str, body: &str) -> Value {
    json!({"DashboardName": name, "DashboardBody": body})
}

fn row(room: &Room<'_>, listed: Option<&Listed>) -> Vec<String> {
    match listed {
        None => vec![
            link(&format!("dashboards/{PLATFORM}"), PLATFORM),
            badge(Look::Dim, room.say(boards::BUILT_IN)),
            String::new(),
        ],
        Some(listed) => vec![
            link(
                &format!("dashboards/{}", segment(&listed.name)),
                &listed.name,
            ),
            room.moment(listed.modified),
            room.with(boards::BYTES, &[&listed.bytes.to_string()]),
        ],
    }
}

/// One, drawn.
pub(super) async fn one(room: &Room<'_>, name: &str) -> Result<Page, Trouble> {
    let kept = body(room, name).await?;
    let path = format!("dashboards/{}", segment(name));
    let range = pictures::Range::asked(room);
    let (is_live, line) = room.live(&path, &format!("range={}&", range.text()));
    let mut out = room.done() + &warnings(room, &kept.body);
    let rest = match is_live {
        true => "",
        false => "live=0&",
    };
    out.push_str(&range.links(room, &path, rest));
    out.push_str(&line);
    out.push_str(&drawn(room, name, &kept.body, range));
    out.push_str(&deeds(room, name, &path, kept.modified_ms.is_some()));
    Ok(Page {
        is_live,
        ..Page::inner(name, Place::Dashboards, out)
    })
}

fn deeds(room: &Room<'_>, name: &str, path: &str, is_kept: bool) -> String {
    let path = escaped(path);
    let mut out = String::from("<p class=\"deeds\">");
    if room.may(Api::Metrics, "PutDashboard", &put(name, "{}")) {
        let text = room.say(boards::EDIT);
        out.push_str(&format!(
            "<a class=\"button\" href=\"/_shukuba/{path}/edit\">{text}</a>"
        ));
    }
    let deleted = json!({"DashboardNames": [name]});
    if is_kept && room.may(Api::Metrics, "DeleteDashboards", &deleted) {
        let text = room.say(boards::DELETE);
        out.push_str(&format!(
            "<a class=\"button quiet\" href=\"/_shukuba/{path}/delete\">{text}</a>"
        ));
    }
    out.push_str("</p>");
    out
}

/// The pictures of its widgets, each where it stands.
fn drawn(room: &Room<'_>, name: &str, text: &str, range: pictures::Range) -> String {
    if !room.may_see_metrics() {
        return format!("<p class=\"said\">{}</p>", room.say(boards::NO_PICTURES));
    }
    let body = serde_json::from_str(text).map(|value| Body::of(&value));
    let mut widgets: Vec<_> = body
        .map(|body| body.widgets)
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .collect();
    if widgets.is_empty() {
        return format!("<p>{}</p>", room.say(boards::EMPTY));
    }
    widgets.sort_by_key(|(index, widget)| (widget.area.y, widget.area.x, *index));
    let name = segment(name);
    let pictures = widgets.iter().take(WIDGETS_MAX).map(|(index, widget)| {
        let path = format!("picture/dashboard/{name}/{index}");
        let class = format!("w{}", widget.area.width.clamp(1, 24));
        let title = title(room, &widget.content);
        pictures::image(
            room,
            &path,
            &class,
            (&title, range),
            pictures::widget_size(widget.area),
        )
    });
    format!(
        "<div class=\"board\">{}</div>",
        pictures.collect::<String>()
    )
}

/// What a widget is called; of a text, what it says.
fn title(room: &Room<'_>, content: &Content) -> String {
    let kind = match content {
        Content::Graph(_) => boards::WIDGET_METRIC,
        Content::Text(text) => {
            let text: String = text.markdown.chars().take(500).collect();
            return format!("{}: {text}", room.say(boards::WIDGET_TEXT));
        }
        Content::Alarms(_) => boards::WIDGET_ALARM,
        Content::Explorer(_) => boards::WIDGET_EXPLORER,
        Content::Other { .. } => boards::WIDGET_OTHER,
    };
    match content.title() {
        "" => room.say(kind).to_owned(),
        title => title.to_owned(),
    }
}

/// The platform's own dashboard for the first page, where the caller may see it.
pub(super) fn built_in(room: &Room<'_>) -> Option<String> {
    let may = room.may(Api::Metrics, "GetDashboard", &asked(PLATFORM)) && room.may_see_metrics();
    let text = platform(room);
    may.then(|| drawn(room, PLATFORM, &text, pictures::Range::asked(room)))
}

/// What was warned of when it was put.
fn warnings(room: &Room<'_>, text: &str) -> String {
    match Body::read(text) {
        Ok((_, warnings)) if !warnings.is_empty() => format!(
            "<div class=\"said\"><p>{}</p>{}</div>",
            room.say(boards::WARNINGS),
            messages(room, &warnings)
        ),
        _ => String::new(),
    }
}

/// What the check of a body says, with where.
pub(super) fn messages(room: &Room<'_>, messages: &[Message]) -> String {
    let line = |message: &Message| {
        let place = match message.path.as_str() {
            "" => room.say(boards::AT_TOP).to_owned(),
            path => format!("<code>{}</code>", data(path)),
        };
        format!(
            "<li>{place}: {}</li>",
            english(&message.text, room.language)
        )
    };
    format!("<ul>{}</ul>", messages.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_dashboard_is_titled_in_both_languages() {
        for language in Language::ALL {
            let body = titled(dashboard::platform("ap-northeast-1"), language);
            let (body, warnings) = Body::read(&body).unwrap();
            assert_eq!(warnings, []);
            for widget in &body.widgets {
                let is_english = widget.content.title().is_ascii();
                assert_eq!(is_english, language == Language::En, "{widget:?}");
            }
        }
    }
}
