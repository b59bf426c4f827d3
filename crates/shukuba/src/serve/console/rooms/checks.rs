//! Checks: problems first, and one with what it said.

use serde_json::json;
use watch::check::Status;
use watch::check::board::{Entry, HOST, Known, Listed};

use super::{Done, link, refused};
use crate::serve::console::html::{Look, Table, badge, data, escaped, facts, segment};
use crate::serve::console::layout::Place;
use crate::serve::console::room::{Answer, Api, Page, Room, Trouble};
use crate::serve::console::words::{frame, hosts};

/// Checks that are looked at for one page. Chosen: a thousand hosts with twenty each.
const LOOKED_AT_MAX: usize = 20_000;
/// Checks that are read at once.
const BATCH: usize = 1000;
/// Changes of a check that are shown.
const HISTORY: usize = 100;

pub(super) async fn list(room: &Room<'_>) -> Result<Page, Trouble> {
    room.demand(Api::Operator, "check-list", &json!({}))?;
    let board = room.parts.watching.board.clone();
    let read = move || {
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let after = all
                .last()
                .map(|last| (last.host.as_str(), last.check.as_str()));
            let batch = board.list(None, after, BATCH)?;
            let is_last = batch.len() < BATCH;
            all.extend(batch);
            if is_last || all.len() >= LOOKED_AT_MAX {
                return Ok((all, !is_last));
            }
        }
    };
    let (mut all, is_cut) = room.read(read).await?;
    let only = room.query("show").as_deref() == Some("problems");
    if only {
        all.retain(is_problem);
    }
    sort(&mut all);
    let filter = room.links(
        frame::FILTER,
        &[
            (room.say(frame::EVERYTHING), "checks".to_owned(), !only),
            (
                room.say(hosts::ONLY_PROBLEMS),
                "checks?show=problems".to_owned(),
                only,
            ),
        ],
    );
    let rest = if only { "show=problems&" } else { "" };
    let cut = match is_cut {
        true => format!("<p class=\"said\">{}</p>", room.say(hosts::CUT)),
        false => String::new(),
    };
    let table = match (all.is_empty(), only) {
        (true, true) => format!("<p>{}</p>", badge(Look::Good, room.say(hosts::NO_PROBLEMS))),
        _ => table(room, &all, "checks", rest),
    };
    Ok(Page::first(
        room,
        Place::Checks,
        room.done() + &filter + &cut + &table,
    ))
}

fn is_problem(listed: &Listed) -> bool {
    listed.known.state.status != Status::Ok
}

/// Problems first, the worst first; then by host and name.
pub(super) fn sort(all: &mut [Listed]) {
    let weight = |status: Status| match status {
        Status::Critical => 0,
        Status::Unknown => 1,
        Status::Warning => 2,
        Status::Ok => 3,
    };
    all.sort_by(|a, b| {
        let key = |it: &Listed| weight(it.known.state.status);
        let names = |it: &Listed| (it.host_name.clone(), it.host.clone(), it.check.clone());
        key(a).cmp(&key(b)).then_with(|| names(a).cmp(&names(b)))
    });
}

/// Checks as a table.
pub(super) fn table(room: &Room<'_>, listed: &[Listed], path: &str, rest: &str) -> String {
    if listed.is_empty() {
        return format!("<p>{}</p>", room.say(hosts::NO_CHECKS));
    }
    let heads = [
        frame::CHECK,
        frame::HOST,
        frame::STATE,
        frame::SINCE,
        frame::TEXT,
    ];
    room.paged(path, rest, (frame::CHECKS, &heads), listed, |one| {
        row(room, one)
    })
}

fn row(room: &Room<'_>, listed: &Listed) -> Vec<String> {
    let state = &listed.known.state;
    let page = format!(
        "checks/{}/{}",
        segment(&listed.host),
        segment(&listed.check)
    );
    vec![
        link(&page, name(room, &listed.check)),
        data(match listed.host_name.as_str() {
            "" => &listed.host,
            name => name,
        }),
        status(room, &listed.known),
        match state.checked_at {
            Some(_) => room.moment(state.since),
            None => String::new(),
        },
        data(&state.text),
    ]
}

fn name<'a>(room: &Room<'_>, check: &'a str) -> &'a str {
    match check {
        HOST => room.say(hosts::THE_HOST),
        other => other,
    }
}

/// How a check is, with what makes it other than it looks.
fn status(room: &Room<'_>, known: &Known) -> String {
    let state = &known.state;
    if state.checked_at.is_none() && state.status == Status::Ok {
        return badge(Look::Dim, room.say(hosts::NOT_YET));
    }
    let mut out = told(room, state.status);
    if state.is_soft() {
        let counts = [state.attempt, known.rules.attempts].map(|count| count.to_string());
        let counts: Vec<&str> = counts.iter().map(String::as_str).collect();
        let text = room.with(hosts::ATTEMPT, &counts);
        out.push_str(&format!(" <span class=\"pale\">{text}</span>"));
    }
    if state.flap.is_on {
        out.push_str(&format!(" {}", badge(Look::Dim, room.say(hosts::FLAPPING))));
    }
    if let Some(acknowledged) = &state.acknowledged {
        let text = room.with(frame::ACKNOWLEDGED_BY, &[&data(&acknowledged.by)]);
        out.push_str(&format!(" <span class=\"pale\">{text}</span>"));
    }
    out
}

fn told(room: &Room<'_>, status: Status) -> String {
    let (look, word) = match status {
        Status::Ok => (Look::Good, frame::OK),
        Status::Warning => (Look::Warn, frame::WARNING),
        Status::Critical => (Look::Bad, frame::CRITICAL),
        Status::Unknown => (Look::Dim, frame::UNKNOWN),
    };
    badge(look, room.say(word))
}

/// One check; `wrong`: why a form of it was not taken.
pub(super) async fn one(
    room: &Room<'_>,
    host: &str,
    check: &str,
    wrong: Option<String>,
) -> Result<Page, Trouble> {
    room.demand(Api::Operator, "check-history", &json!({}))?;
    let board = room.parts.watching.board.clone();
    let (id, named) = (host.to_owned(), check.to_owned());
    let read = move || {
        let known = board.check(&id, &named)?;
        let host = board.host(&id)?.unwrap_or_default();
        Ok((known, host, board.history(&id, &named, HISTORY)?))
    };
    let (known, its_host, entries) = room.read(read).await?;
    let known = known.ok_or(Trouble::NotFound)?;
    let is_refused = wrong.is_some();
    let mut body = room.done() + &wrong.unwrap_or_default();
    body.push_str(&about(room, (host, &its_host.name), &known));
    body.push_str(&deeds(room, (host, check), &known));
    body.push_str(&history(room, &entries));
    let title = format!(
        "{}: {}",
        match its_host.name.as_str() {
            "" => host,
            name => name,
        },
        name(room, check)
    );
    Ok(Page {
        is_refused,
        ..Page::inner(&title, Place::Checks, body)
    })
}

fn about(room: &Room<'_>, (host, host_name): (&str, &str), known: &Known) -> String {
    let state = &known.state;
    let host_name = if host_name.is_empty() {
        host
    } else {
        host_name
    };
    let long = match known.long.as_str() {
        "" => String::new(),
        long => format!("<pre class=\"data\" tabindex=\"0\">{}</pre>", escaped(long)),
    };
    let pairs = [
        (room.say(frame::STATE), status(room, known)),
        (room.say(frame::SINCE), room.moment(state.since)),
        (
            room.say(frame::TEXT),
            match state.text.as_str() {
                "" => String::new(),
                text => data(text),
            },
        ),
        (
            room.say(frame::HOST),
            link(&format!("hosts/{}", segment(host)), host_name),
        ),
        (
            room.say(hosts::CHECKED),
            state
                .checked_at
                .map_or_else(String::new, |at| room.moment(at)),
        ),
        (
            room.say(hosts::TOOK),
            room.with(hosts::MILLIS, &[&known.took_ms.to_string()]),
        ),
        (
            room.say(hosts::NOTIFIES),
            match known.rules.notify.as_slice() {
                [] => String::new(),
                notify => data(&notify.join(", ")),
            },
        ),
        (
            room.say(frame::COMMENT),
            match &state.acknowledged {
                Some(acknowledged) if !acknowledged.comment.is_empty() => {
                    data(&acknowledged.comment)
                }
                _ => String::new(),
            },
        ),
    ];
    facts(&pairs) + &long
}

fn deeds(room: &Room<'_>, (host, check): (&str, &str), known: &Known) -> String {
    let is_open = known.state.hard != Status::Ok && known.state.acknowledged.is_none();
    if !is_open || !room.may(Api::Operator, "check-acknowledge", &json!({})) {
        return String::new();
    }
    let action = format!("checks/{}/{}", segment(host), segment(check));
    format!(
        "{}<fieldset class=\"narrow\"><legend>{}</legend>{}<button>{}</button></fieldset></form>",
        room.form(&action),
        room.say(frame::ACKNOWLEDGE),
        room.comment_field(),
        room.say(frame::ACKNOWLEDGE),
    )
}

fn history(room: &Room<'_>, entries: &[Entry]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let heads = [frame::WHEN, frame::STATE, frame::TEXT].map(|head| room.say(head));
    let row = |entry: &Entry| {
        let held = entry.held_by.as_ref();
        let held = held.map(|by| room.with(hosts::HELD_BY, &[&data(by)]));
        let held = held.map_or_else(String::new, |held| {
            format!(" <span class=\"pale\">{held}</span>")
        });
        vec![
            room.moment(entry.at),
            told(room, entry.status) + &held,
            data(&entry.text),
        ]
    };
    let table = Table {
        caption: room.say(hosts::HISTORY),
        heads: &heads,
        rows: entries.iter().map(row).collect(),
    };
    format!("<h2>{}</h2>{}", room.say(hosts::HISTORY), table.html())
}

/// Takes a problem on.
pub(super) async fn acknowledge(room: &Room<'_>, host: &str, check: &str) -> Done {
    let input = json!({"host": host, "check": check, "comment": room.field("comment")});
    let (event, done) = room
        .change(Api::Operator, "check-acknowledge", &input)
        .await;
    let shown = match done {
        Ok(()) => Ok(Answer::To(format!(
            "checks/{}/{}?done=acknowledge",
            segment(host),
            segment(check)
        ))),
        Err(trouble) => match refused(room, trouble) {
            Ok(wrong) => one(room, host, check, Some(wrong)).await.map(Answer::Page),
            Err(trouble) => Err(trouble),
        },
    };
    (shown, Some(event))
}
