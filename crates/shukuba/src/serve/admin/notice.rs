//! Problems, acknowledgements and silences.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{Ctx, Fault};
use base::setting::Span;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use watch::notice::matching::{CONDITIONS_MAX, Matcher};
use watch::notice::router::{Error, Shown};
use watch::notice::{Event, Kind, Settings, Severity, Silence};

use super::Desk;
use crate::answers::{Answer, failed, read, refuse, write};

/// The longest comment. Chosen.
const COMMENT_CHARS_MAX: usize = 1000;

/// What people are told of now.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// What is wrong and has a receiver.
    pub(crate) problems: Vec<Shown>,
    /// Silences, those that ended within a day too.
    pub(crate) silences: Vec<Silence>,
    /// The names of receivers.
    pub(crate) receivers: Vec<String>,
}

/// Who is told, to see that it arrives.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    /// The receiver.
    pub(crate) receiver: String,
}

/// Whose problem is taken on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// The source, as the list names it.
    pub(crate) source: String,
    /// Why, or what is being done.
    #[serde(default)]
    pub(crate) comment: String,
}

/// What is silenced.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddSilence {
    /// Labels and patterns.
    #[serde(rename = "match")]
    pub(crate) matcher: Matcher,
    /// For how long.
    #[serde(rename = "for")]
    pub(crate) lasts: Span,
    /// Why.
    #[serde(default)]
    pub(crate) comment: String,
}

/// Which silence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndSilence {
    /// Its id.
    pub(crate) id: String,
}

/// What is wrong, and what is silenced.
pub(super) async fn list(desk: &Desk, _: Bytes) -> Answer {
    let router = &desk.watching()?.router;
    let settings: Settings = desk.live.now().config.notices.clone();
    write(&Listed {
        problems: router.problems().await,
        silences: router.silences().await,
        receivers: settings.receivers.into_keys().collect(),
    })
}

/// Tells a receiver of a problem that is none, and of its end.
pub(super) async fn test(desk: &Desk, input: Bytes) -> Answer {
    let input: Test = read(&input)?;
    let router = &desk.watching()?.router;
    if !router.has_receiver(&input.receiver).await {
        return Err(refuse(format!(
            "there is no receiver `{}` in [notices]",
            input.receiver
        )));
    }
    let id = base::id::uuid();
    for kind in [Kind::Problem, Kind::Recovery] {
        let event = Event {
            id: format!("{id}-{kind:?}"),
            source: format!("test:{id}"),
            kind,
            at: desk.watching()?.clock.now(),
            severity: Severity::Info,
            title: format!("a test for {}", input.receiver),
            detail: "Somebody asked whether notices arrive; nothing is wrong.".to_owned(),
            labels: BTreeMap::from([("test".to_owned(), "true".to_owned())]),
            to: vec![input.receiver.clone()],
            sns: None,
        };
        router.take(&event).await.map_err(fault)?;
    }
    write(&serde_json::json!({}))
}

/// The caller takes a problem on.
pub(super) async fn acknowledge(desk: &Desk, ctx: &Ctx, input: Bytes) -> Answer {
    let input: Acknowledge = read(&input)?;
    check_comment(&input.comment)?;
    let by = ctx.caller.shown();
    let router = &desk.watching()?.router;
    let done = router.acknowledge(&input.source, &by, &input.comment).await;
    done.map_err(fault)?;
    write(&serde_json::json!({}))
}

/// The caller silences what matches.
pub(super) async fn silence(desk: &Desk, ctx: &Ctx, input: Bytes) -> Answer {
    let input: AddSilence = read(&input)?;
    check_comment(&input.comment)?;
    if input.matcher.0.is_empty() || input.matcher.0.len() > CONDITIONS_MAX {
        return Err(refuse(format!(
            "a silence has 1 to {CONDITIONS_MAX} conditions, such as Name=web-*"
        )));
    }
    let lasts: Duration = input.lasts.get();
    let by = ctx.caller.shown();
    let router = &desk.watching()?.router;
    let made = router
        .silence(input.matcher, lasts, &by, &input.comment)
        .await;
    write(&made.map_err(fault)?)
}

/// Ends a silence.
pub(super) async fn end_silence(desk: &Desk, input: Bytes) -> Answer {
    let input: EndSilence = read(&input)?;
    let done = desk.watching()?.router.end_silence(&input.id).await;
    done.map_err(fault)?;
    write(&serde_json::json!({}))
}

fn check_comment(comment: &str) -> Result<(), Fault> {
    match comment.chars().count() > COMMENT_CHARS_MAX {
        true => Err(refuse(format!(
            "a comment has at most {COMMENT_CHARS_MAX} letters"
        ))),
        false => Ok(()),
    }
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Refused(refused) => refuse(refused.to_string()),
        other => failed("the notices were not changed", &other),
    }
}
