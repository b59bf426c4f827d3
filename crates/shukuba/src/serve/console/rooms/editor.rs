//! Dashboards made, edited and deleted. What is refused is said with where, and the text that was typed stays.

use cloudwatch::dashboard::{Body, Refused};
use serde_json::json;

use super::boards::{asked, body, messages, put};
use super::{Done, refused};
use crate::serve::console::html::{escaped, segment};
use crate::serve::console::lang::Word;
use crate::serve::console::layout::Place;
use crate::serve::console::room::{Answer, Api, Page, Room, Trouble};
use crate::serve::console::words::boards;

/// The address where one is made.
pub(super) const NEW: &str = "new-dashboard";
/// What a new one begins with.
const FIRST: &str = "{\n  \"widgets\": [\n    {\n      \"type\": \"text\",\n      \"width\": 24,\n      \"height\": 2,\n      \"properties\": { \"markdown\": \"# Title\" }\n    }\n  ]\n}\n";

/// What the form of a dashboard shows.
struct Form<'a> {
    /// Of one that is there.
    name: Option<&'a str>,
    /// The name that was typed for a new one.
    typed: &'a str,
    text: &'a str,
    /// When it had changed as it was opened, in milliseconds; nothing of what is not kept yet.
    opened: &'a str,
    /// What is wrong, as HTML.
    wrong: Option<String>,
}

fn page(room: &Room<'_>, form: &Form<'_>) -> Page {
    let (title, action, button) = match form.name {
        Some(name) => (
            room.with(boards::EDIT_TITLE, &[name]),
            format!("dashboards/{}/edit", segment(name)),
            boards::SAVE,
        ),
        None => (
            room.say(boards::NEW).to_owned(),
            NEW.to_owned(),
            boards::CREATE,
        ),
    };
    let name = match form.name {
        Some(_) => String::new(),
        None => format!(
            "<label>{} <input name=\"name\" required maxlength=\"255\" pattern=\"[A-Za-z0-9_\\-]+\" autocomplete=\"off\" value=\"{}\"></label>",
            room.say(boards::NAME_FORM),
            escaped(form.typed)
        ),
    };
    // A browser drops one line end at the beginning.
    let body = format!(
        "{}{}{name}<input type=\"hidden\" name=\"opened\" value=\"{}\"><label>{} <textarea name=\"body\" spellcheck=\"false\" autocapitalize=\"off\" autocomplete=\"off\">\n{}</textarea></label><p class=\"deeds\"><button>{}</button></p></form>",
        form.wrong.clone().unwrap_or_default(),
        room.form(&action),
        escaped(form.opened),
        room.say(boards::BODY),
        escaped(form.text),
        room.say(button),
    );
    Page {
        is_refused: form.wrong.is_some(),
        ..Page::inner(&title, Place::Dashboards, body)
    }
}

/// The form of a new one.
pub(super) fn new(room: &Room<'_>) -> Result<Page, Trouble> {
    room.demand(Api::Metrics, "PutDashboard", &put("new", "{}"))?;
    let form = Form {
        name: None,
        typed: "",
        text: FIRST,
        opened: "",
        wrong: None,
    };
    Ok(page(room, &form))
}

/// The form of one that is there.
pub(super) async fn edit(room: &Room<'_>, name: &str) -> Result<Page, Trouble> {
    room.demand(Api::Metrics, "PutDashboard", &put(name, "{}"))?;
    let kept = body(room, name).await?;
    let form = Form {
        name: Some(name),
        typed: "",
        text: &kept.body,
        opened: &opened(kept.modified_ms),
        wrong: None,
    };
    Ok(page(room, &form))
}

fn opened(modified_ms: Option<u64>) -> String {
    modified_ms.map_or_else(String::new, |ms| ms.to_string())
}

/// Keeps what was typed over one that is there.
pub(super) async fn save(room: &Room<'_>, name: &str) -> Done {
    let now = match body(room, name).await {
        Ok(kept) => opened(kept.modified_ms),
        Err(Trouble::NotFound) => String::new(),
        Err(trouble) => return (Err(trouble), None),
    };
    let text = typed(room);
    let form = |opened, wrong| {
        let form = Form {
            name: Some(name),
            typed: "",
            text: &text,
            opened,
            wrong: Some(wrong),
        };
        Ok(Answer::Page(page(room, &form)))
    };
    if now != room.field("opened") {
        return (form(&now, sentence(room, boards::CHANGED_MEANWHILE)), None);
    }
    let (event, done) = room
        .change(Api::Metrics, "PutDashboard", &put(name, &text))
        .await;
    let shown = match done {
        Ok(()) => Ok(Answer::To(format!(
            "dashboards/{}?done=save",
            segment(name)
        ))),
        Err(trouble) => match wrong(room, &text, trouble) {
            Ok(wrong) => form(&now, wrong),
            Err(trouble) => Err(trouble),
        },
    };
    (shown, Some(event))
}

/// Makes one, not over another.
pub(super) async fn create(room: &Room<'_>) -> Done {
    let (name, text) = (room.field("name").trim(), typed(room));
    let form = |wrong| {
        let form = Form {
            name: None,
            typed: name,
            text: &text,
            opened: "",
            wrong: Some(wrong),
        };
        Ok(Answer::Page(page(room, &form)))
    };
    match body(room, name).await {
        Ok(kept) if kept.modified_ms.is_some() => {
            return (form(sentence(room, boards::EXISTS)), None);
        }
        Ok(_) | Err(Trouble::NotFound | Trouble::Denied { .. }) => {}
        Err(trouble) => return (Err(trouble), None),
    }
    let (event, done) = room
        .change(Api::Metrics, "PutDashboard", &put(name, &text))
        .await;
    let shown = match done {
        Ok(()) => Ok(Answer::To(format!(
            "dashboards/{}?done=save",
            segment(name)
        ))),
        Err(trouble) => match wrong(room, &text, trouble) {
            Ok(wrong) => form(wrong),
            Err(trouble) => Err(trouble),
        },
    };
    (shown, Some(event))
}

/// What was typed. Browsers end lines as HTTP's forms want it.
fn typed(room: &Room<'_>) -> String {
    room.field("body").replace("\r\n", "\n")
}

fn sentence(room: &Room<'_>, word: Word) -> String {
    format!(
        "<p class=\"said bad\" role=\"alert\">{}</p>",
        room.say(word)
    )
}

/// What is wrong with what was typed, as HTML.
fn wrong(room: &Room<'_>, text: &str, trouble: Trouble) -> Result<String, Trouble> {
    let told = match Body::read(text) {
        // It is something else, such as the name.
        Ok(_) => return refused(room, trouble),
        Err(Refused::Invalid(found)) => messages(room, &found),
        Err(Refused::NotObject) => {
            let place = serde_json::from_str::<serde_json::Value>(text).err();
            let place = place.map(|error| [error.line(), error.column()].map(|it| it.to_string()));
            let text = match &place {
                Some([line, column]) => room.with(boards::NOT_JSON, &[line, column]),
                None => room.say(boards::NOT_OBJECT).to_owned(),
            };
            format!("<ul><li>{text}</li></ul>")
        }
        Err(Refused::TooLong { .. }) => return refused(room, trouble),
    };
    match trouble {
        Trouble::Failed(_) => Ok(format!(
            "<div class=\"said bad\" role=\"alert\"><p>{}</p>{told}</div>",
            room.say(boards::NOT_SAVED)
        )),
        other => Err(other),
    }
}

/// Asks once more before one is deleted.
pub(super) async fn ask_to_delete(room: &Room<'_>, name: &str) -> Result<Page, Trouble> {
    room.demand(
        Api::Metrics,
        "DeleteDashboards",
        &json!({"DashboardNames": [name]}),
    )?;
    room.demand(Api::Metrics, "GetDashboard", &asked(name))?;
    let kept = body(room, name).await?;
    kept.modified_ms.ok_or(Trouble::NotFound)?;
    let path = format!("dashboards/{}", segment(name));
    let text = escaped(&room.with(boards::DELETE_TEXT, &[name]));
    let body = format!(
        "<p>{text}</p>{}<p class=\"deeds\"><button>{}</button> <a class=\"button quiet\" href=\"/_shukuba/{}\">{}</a></p></form>",
        room.form(&format!("{path}/delete")),
        room.say(boards::DELETE),
        escaped(&path),
        room.say(boards::KEEP),
    );
    let title = room.with(boards::DELETE_TITLE, &[name]);
    Ok(Page::inner(&title, Place::Dashboards, body))
}

/// Deletes one.
pub(super) async fn delete(room: &Room<'_>, name: &str) -> Done {
    let input = json!({"DashboardNames": [name]});
    let (event, done) = room.change(Api::Metrics, "DeleteDashboards", &input).await;
    let shown = done.map(|()| Answer::To("dashboards?done=delete".to_owned()));
    (shown, Some(event))
}
