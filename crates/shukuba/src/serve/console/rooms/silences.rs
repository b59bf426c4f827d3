//! What nobody is told of, until when, and its end.

use serde_json::json;
use watch::notice::Silence;

use super::{Done, Notices, refused};
use crate::serve::console::html::{Look, badge, data, escaped};
use crate::serve::console::layout::Place;
use crate::serve::console::room::{Answer, Api, Page, Room, Trouble};
use crate::serve::console::words::{alarms, frame};

/// The list; `wrong`: why a form of it was not taken.
pub(super) async fn list(room: &Room<'_>, wrong: Option<String>) -> Result<Page, Trouble> {
    let mut listed = room.ask::<Notices>("notice-list", &json!({})).await?;
    listed
        .silences
        .sort_by_key(|silence| std::cmp::Reverse(silence.until));
    let is_refused = wrong.is_some();
    let mut body = room.done() + &wrong.unwrap_or_default();
    if listed.silences.is_empty() {
        body.push_str(&format!("<p>{}</p>", room.say(alarms::NO_SILENCES)));
    } else {
        let may = room.may(Api::Operator, "silence-end", &json!({}));
        let heads = [
            alarms::MATCH,
            alarms::UNTIL,
            alarms::BY,
            frame::COMMENT,
            alarms::FROM,
            alarms::END,
        ];
        let table = room.paged(
            "silences",
            "",
            (frame::SILENCES, &heads),
            &listed.silences,
            |silence| row(room, silence, may),
        );
        body.push_str(&table);
    }
    Ok(Page {
        is_refused,
        ..Page::first(room, Place::Silences, body)
    })
}

fn what(silence: &Silence) -> String {
    let pairs = silence.matcher.0.iter();
    let pairs: Vec<String> = pairs
        .map(|(label, pattern)| format!("{label}={pattern}"))
        .collect();
    pairs.join(", ")
}

fn row(room: &Room<'_>, silence: &Silence, may: bool) -> Vec<String> {
    let what = what(silence);
    let is_over = silence.until <= room.now;
    let until = match is_over {
        true => format!(
            "{} {}",
            room.time(silence.until),
            badge(Look::Dim, room.say(alarms::IS_OVER))
        ),
        false => room.time(silence.until),
    };
    let end = match may && !is_over {
        true => format!(
            "{}<input type=\"hidden\" name=\"id\" value=\"{}\"><button class=\"quiet\" aria-label=\"{}\">{}</button></form>",
            room.form("silences"),
            escaped(&silence.id),
            escaped(&room.with(alarms::END_OF, &[&what])),
            room.say(alarms::END)
        ),
        false => String::new(),
    };
    let comment = match silence.comment.as_str() {
        "" => String::new(),
        comment => data(comment),
    };
    vec![
        data(&what),
        until,
        data(&silence.by),
        comment,
        room.time(silence.from),
        end,
    ]
}

/// Ends one.
pub(super) async fn end(room: &Room<'_>) -> Done {
    let input = json!({"id": room.field("id")});
    let (event, done) = room.change(Api::Operator, "silence-end", &input).await;
    let shown = match done {
        Ok(()) => Ok(Answer::To("silences?done=end".to_owned())),
        Err(trouble) => match refused(room, trouble) {
            Ok(wrong) => list(room, Some(wrong)).await.map(Answer::Page),
            Err(trouble) => Err(trouble),
        },
    };
    (shown, Some(event))
}
