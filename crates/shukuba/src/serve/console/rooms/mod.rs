//! The rooms: which address is which, and what is said where there is none.

mod alarms;
mod boards;
mod checks;
mod editor;
mod hosts;
mod links;
mod overview;
mod pictures;
mod refused;
mod silences;

use api::PageEvent;
use http::{Method, StatusCode};
use watch::notice::Silence;
use watch::notice::router::Shown;

use super::html::{english, escaped, said, unsegmented};
use super::layout::Place;
use super::room::{Answer, Room, Trouble};
use super::words::frame;

/// What a room came to: what it shows, and what it did.
type Done = (Result<Answer, Trouble>, Option<PageEvent>);

/// The notices that people are told of.
#[derive(Debug, serde::Deserialize)]
struct Notices {
    problems: Vec<Shown>,
    silences: Vec<Silence>,
}

/// Whether a path can lead to a room.
pub(super) fn has(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let is_place = Place::ALL.iter().any(|place| place.path() == first);
    is_place || matches!(first, editor::NEW | "picture")
}

/// Whether the form of the page at `path` holds a dashboard.
pub(super) fn has_board(path: &str) -> bool {
    path == editor::NEW || path.starts_with("dashboards/")
}

/// The page that was asked for.
pub(super) async fn show(room: &Room<'_>) -> Done {
    let parts: Option<Vec<String>> = room.visit.call.path.split('/').map(unsegmented).collect();
    let Some(parts) = parts else {
        return (Err(Trouble::NotFound), None);
    };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match room.visit.call.method == Method::POST {
        true => change(room, &parts).await,
        false => (look(room, &parts).await, None),
    }
}

async fn look(room: &Room<'_>, parts: &[&str]) -> Result<Answer, Trouble> {
    let page = match parts {
        [""] => overview::show(room).await?,
        ["hosts"] => hosts::list(room).await?,
        ["hosts", id] => hosts::one(room, id).await?,
        ["checks"] => checks::list(room).await?,
        ["checks", host, check] => checks::one(room, host, check, None).await?,
        ["alarms"] => alarms::list(room)?,
        ["alarms", name] => alarms::one(room, name, None).await?,
        ["dashboards"] => boards::list(room).await?,
        [editor::NEW] => editor::new(room)?,
        ["dashboards", name] => boards::one(room, name).await?,
        ["dashboards", name, "edit"] => editor::edit(room, name).await?,
        ["dashboards", name, "delete"] => editor::ask_to_delete(room, name).await?,
        ["links"] => links::list(room).await?,
        ["silences"] => silences::list(room, None).await?,
        ["picture", kind, name, rest @ ..] => {
            let svg = pictures::draw(room, kind, name, rest).await?;
            return Ok(Answer::Picture(svg));
        }
        _ => return Err(Trouble::NotFound),
    };
    Ok(Answer::Page(page))
}

async fn change(room: &Room<'_>, parts: &[&str]) -> Done {
    match parts {
        ["checks", host, check] => checks::acknowledge(room, host, check).await,
        ["alarms", name] => alarms::change(room, name).await,
        [editor::NEW] => editor::create(room).await,
        ["dashboards", name, "edit"] => editor::save(room, name).await,
        ["dashboards", name, "delete"] => editor::delete(room, name).await,
        ["silences"] => silences::end(room).await,
        _ => (Err(Trouble::NotFound), None),
    }
}

/// What is said instead of a page: status, title and body.
pub(super) fn trouble(room: &Room<'_>, trouble: &Trouble) -> (StatusCode, &'static str, String) {
    let back = format!(
        "<p><a href=\"/_shukuba/\">{}</a></p>",
        room.say(frame::BACK)
    );
    let (status, title, body) = match trouble {
        Trouble::Denied { action, reason } => (
            StatusCode::FORBIDDEN,
            frame::NOT_PERMITTED,
            format!(
                "{}<p class=\"pale\">{} {}</p>",
                said(Some(&room.with(frame::DENIED, &[action]))),
                room.say(frame::REASON_OF_POLICY),
                english(reason, room.language),
            ),
        ),
        Trouble::NotFound => (
            StatusCode::NOT_FOUND,
            frame::FAILED,
            said(Some(room.say(frame::NO_PAGE))),
        ),
        Trouble::Failed(fault) => (
            StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            frame::FAILED,
            format!(
                "<p class=\"said bad\" role=\"alert\">{} {}</p>",
                room.say(frame::FAILED_BECAUSE),
                english(&fault.message, room.language)
            ),
        ),
    };
    (status, room.say(title), body + &back)
}

/// What is wrong with a form that was not taken, for its page.
fn refused(room: &Room<'_>, trouble: Trouble) -> Result<String, Trouble> {
    match trouble {
        Trouble::Failed(fault) if fault.status < 500 => Ok(format!(
            "<p class=\"said bad\" role=\"alert\">{} {}</p>",
            room.say(frame::FAILED_BECAUSE),
            english(&fault.message, room.language)
        )),
        other => Err(other),
    }
}

/// A link to a page behind `/_shukuba/`; the text is escaped.
fn link(to: &str, text: &str) -> String {
    format!(
        "<a class=\"data\" href=\"/_shukuba/{}\">{}</a>",
        escaped(to),
        escaped(text)
    )
}
