//! Alarms: how they are, and one with what it watches, its graph and what happened.

use std::sync::Arc;

use base::Timestamp;
use cloudwatch::alarm::State;
use cloudwatch::alarm::engine::Entry;
use cloudwatch::alarm::engine::history::{Item, Kind as Happened};
use cloudwatch::alarm::engine::settings::{
    Comparison, Kind, Limit, Metric, QueryText, StatText, Watched,
};
use cloudwatch::alarm::past::Question;
use serde_json::{Value, json};
use watch::notice::router::Shown;

use super::{Done, Notices, link, overview, pictures, refused};
use crate::serve::console::html::{
    Look, Table, badge, data, english, escaped, facts, number, segment,
};
use crate::serve::console::lang::Word;
use crate::serve::console::layout::Place;
use crate::serve::console::room::{Answer, Api, Page, Room, Trouble};
use crate::serve::console::words::{alarms, frame};

/// Items of history that are shown.
const HISTORY: usize = 100;
/// The tag and label that names a host.
const NAME: &str = "Name";
/// For how long notices can be stopped here.
const SPANS: [(&str, Word); 3] = [
    ("1h", alarms::FOR_1H),
    ("4h", alarms::FOR_4H),
    ("1d", alarms::FOR_1D),
];
/// The states by which the list can be narrowed, in the order in which it shows them.
const STATES: [(State, Word); 3] = [
    (State::Alarm, alarms::STATE_ALARM),
    (State::InsufficientData, alarms::STATE_INSUFFICIENT),
    (State::Ok, alarms::STATE_OK),
];

pub(super) fn list(room: &Room<'_>) -> Result<Page, Trouble> {
    room.demand(Api::Metrics, "DescribeAlarms", &json!({}))?;
    let book = room.parts.watching.alarms.book();
    let asked = room.query("state");
    let wanted = STATES
        .iter()
        .find(|(state, _)| Some(state.as_str()) == asked.as_deref());
    let rank = |state: State| STATES.iter().position(|(known, _)| *known == state);
    let mut all: Vec<Arc<Entry>> = book
        .alarms()
        .filter(|entry| wanted.is_none_or(|(state, _)| entry.state() == *state))
        .cloned()
        .collect();
    all.sort_by(|a, b| (rank(a.state()), a.name()).cmp(&(rank(b.state()), b.name())));
    let narrowed = STATES.iter().map(|(state, word)| {
        let is_here = wanted.is_some_and(|(wanted, _)| wanted == state);
        (
            room.say(*word),
            format!("alarms?state={}", state.as_str()),
            is_here,
        )
    });
    let everything = (
        room.say(frame::EVERYTHING),
        "alarms".to_owned(),
        wanted.is_none(),
    );
    let filter: Vec<_> = std::iter::once(everything).chain(narrowed).collect();
    let rest = wanted.map_or_else(String::new, |(state, _)| {
        format!("state={}&", state.as_str())
    });
    let table = match all.is_empty() {
        true => format!("<p>{}</p>", room.say(alarms::NO_ALARMS)),
        false => {
            let heads = [frame::NAME, frame::STATE, frame::SINCE, frame::REASON];
            room.paged("alarms", &rest, (frame::ALARMS, &heads), &all, |entry| {
                row(room, entry)
            })
        }
    };
    let body = room.done() + &room.links(frame::FILTER, &filter) + &table;
    Ok(Page::first(room, Place::Alarms, body))
}

fn row(room: &Room<'_>, entry: &Arc<Entry>) -> Vec<String> {
    vec![
        link(&page(entry.name()), entry.name()),
        state(room, entry),
        room.moment(entry.since()),
        english(&entry.alarm.status.now.reason, room.language),
    ]
}

fn page(name: &str) -> String {
    format!("alarms/{}", segment(name))
}

fn state(room: &Room<'_>, entry: &Entry) -> String {
    let off = match entry.alarm.settings.actions_enabled {
        true => String::new(),
        false => format!(" {}", badge(Look::Dim, room.say(alarms::ACTIONS_OFF))),
    };
    told(room, entry.state()) + &off
}

fn told(room: &Room<'_>, state: State) -> String {
    let (look, word) = match state {
        State::Alarm => (Look::Bad, alarms::STATE_ALARM),
        State::InsufficientData => (Look::Warn, alarms::STATE_INSUFFICIENT),
        State::Ok => (Look::Good, alarms::STATE_OK),
    };
    badge(look, room.say(word))
}

/// One alarm; `wrong`: why a form of it was not taken.
pub(super) async fn one(
    room: &Room<'_>,
    name: &str,
    wrong: Option<String>,
) -> Result<Page, Trouble> {
    room.demand(Api::Metrics, "DescribeAlarms", &asked(name))?;
    let alarms = &room.parts.watching.alarms;
    let entry = alarms
        .book()
        .alarm(name)
        .cloned()
        .ok_or(Trouble::NotFound)?;
    let problem = problem(room, &entry).await?;
    let is_refused = wrong.is_some();
    let mut body = room.done() + &wrong.unwrap_or_default();
    body.push_str(&about(room, &entry));
    body.push_str(&deeds(room, &entry, problem.as_ref()));
    body.push_str(&graph(room, &entry));
    body.push_str(&configuration(room, &entry));
    body.push_str(&history(room, name).await?);
    Ok(Page {
        is_refused,
        ..Page::inner(name, Place::Alarms, body)
    })
}

/// One alarm in the words of the API.
fn asked(name: &str) -> Value {
    json!({"AlarmNames": [name]})
}

/// What people are told of the alarm, where that is open to the caller.
async fn problem(room: &Room<'_>, entry: &Entry) -> Result<Option<Shown>, Trouble> {
    let listed = match room.ask::<Notices>("notice-list", &json!({})).await {
        Ok(listed) => listed,
        Err(Trouble::Denied { .. } | Trouble::NotFound) => return Ok(None),
        Err(other) => return Err(other),
    };
    let arn = source(room, entry.name());
    Ok(listed
        .problems
        .into_iter()
        .find(|problem| problem.alert.source == arn))
}

/// As notices call an alarm.
fn source(room: &Room<'_>, name: &str) -> String {
    room.parts.watching.place.alarm(name).to_string()
}

fn about(room: &Room<'_>, entry: &Entry) -> String {
    let description = entry
        .alarm
        .settings
        .description
        .as_deref()
        .unwrap_or_default();
    let pairs = [
        (room.say(frame::STATE), state(room, entry)),
        (room.say(frame::SINCE), room.moment(entry.since())),
        (
            room.say(frame::REASON),
            english(&entry.alarm.status.now.reason, room.language),
        ),
        (
            room.say(alarms::DESCRIPTION),
            match description {
                "" => String::new(),
                text => data(text),
            },
        ),
    ];
    facts(&pairs)
}

fn deeds(room: &Room<'_>, entry: &Entry, problem: Option<&Shown>) -> String {
    let forms = [
        problem.map(|problem| acknowledging(room, entry, problem)),
        room.may(Api::Operator, "silence-add", &json!({}))
            .then(|| silencing(room, entry)),
        switching(room, entry),
    ];
    forms.into_iter().flatten().collect()
}

fn acknowledging(room: &Room<'_>, entry: &Entry, problem: &Shown) -> String {
    let since = room.moment(problem.alert.since);
    let told = room.with(
        alarms::PROBLEM_TEXT,
        &[&since, &data(&problem.receivers.join(", "))],
    );
    let handled = overview::handled(room, problem);
    let may =
        problem.acknowledged.is_none() && room.may(Api::Operator, "notice-acknowledge", &json!({}));
    let form = match may {
        true => format!(
            "{}<input type=\"hidden\" name=\"do\" value=\"acknowledge\">{}<button>{}</button></form>",
            room.form(&page(entry.name())),
            room.comment_field(),
            room.say(frame::ACKNOWLEDGE)
        ),
        false => String::new(),
    };
    format!(
        "<section class=\"narrow\"><h2>{}</h2><p>{told}</p><p>{handled}</p>{form}</section>",
        room.say(alarms::PROBLEM)
    )
}

/// The Name of what an alarm watches, from its tags.
fn name_tag(entry: &Entry) -> Option<&str> {
    let tag = entry.alarm.tags.get(NAME)?;
    Some(tag).filter(|tag| !tag.is_empty()).map(String::as_str)
}

fn silencing(room: &Room<'_>, entry: &Entry) -> String {
    let what = |value: &str, text: &str, checked: &str| {
        format!(
            "<label class=\"box\"><input type=\"radio\" name=\"what\" value=\"{value}\"{checked}> {}</label>",
            escaped(text)
        )
    };
    let by_name = name_tag(entry).map_or_else(String::new, |name| {
        what("name", &room.with(alarms::ALL_OF_NAME, &[name]), "")
    });
    let spans =
        SPANS.map(|(value, word)| format!("<option value=\"{value}\">{}</option>", room.say(word)));
    format!(
        "{}<input type=\"hidden\" name=\"do\" value=\"silence\"><fieldset class=\"narrow\"><legend>{}</legend><div role=\"radiogroup\" aria-label=\"{}\">{}{by_name}</div><label>{} <select name=\"for\">{}</select></label>{}<button>{}</button></fieldset></form>",
        room.form(&page(entry.name())),
        room.say(alarms::SILENCE),
        room.say(alarms::SILENCE_WHAT),
        what("alarm", room.say(alarms::THIS_ALARM), " checked"),
        room.say(alarms::FOR),
        spans.concat(),
        room.comment_field(),
        room.say(alarms::SILENCE),
    )
}

/// The call that switches an alarm's actions to what they are not.
fn switch(entry: &Entry) -> (&'static str, &'static str, Word) {
    match entry.alarm.settings.actions_enabled {
        true => ("disable", "DisableAlarmActions", alarms::DISABLE),
        false => ("enable", "EnableAlarmActions", alarms::ENABLE),
    }
}

fn switching(room: &Room<'_>, entry: &Entry) -> Option<String> {
    let (deed, call, word) = switch(entry);
    room.may(Api::Metrics, call, &asked(entry.name())).then(|| {
        format!(
            "{}<input type=\"hidden\" name=\"do\" value=\"{deed}\"><p><button class=\"quiet\">{}</button></p></form>",
            room.form(&page(entry.name())),
            room.say(word)
        )
    })
}

fn graph(room: &Room<'_>, entry: &Entry) -> String {
    let is_drawn = entry.source.is_some() && room.may_see_metrics();
    if !is_drawn {
        return String::new();
    }
    let range = pictures::Range::asked(room);
    let picture = format!("picture/alarm/{}", segment(entry.name()));
    let image = pictures::image(room, &picture, "", (entry.name(), range), (960, 360));
    let links = range.links(room, &page(entry.name()), "");
    format!("<h2>{}</h2>{links}{image}", room.say(alarms::GRAPH))
}

fn configuration(room: &Room<'_>, entry: &Entry) -> String {
    let settings = &entry.alarm.settings;
    let mut pairs = match &settings.kind {
        Kind::Metric(metric) => watched(room, metric),
        Kind::Composite(composite) => vec![(room.say(alarms::RULE), code(&composite.rule))],
    };
    let actions = STATES.iter().flat_map(|(state, word)| {
        let word = room.say(*word);
        settings
            .actions(*state)
            .iter()
            .map(move |arn| format!("{word}: {}", code(arn)))
    });
    let actions: Vec<String> = actions.collect();
    let tags = entry
        .alarm
        .tags
        .iter()
        .map(|(key, value)| data(&format!("{key}={value}")));
    let tags: Vec<String> = tags.collect();
    pairs.extend([
        (room.say(alarms::ACTIONS), actions.join("<br>")),
        (room.say(alarms::TAGS), tags.join("<br>")),
        (room.say(alarms::ARN), code(&source(room, entry.name()))),
    ]);
    format!(
        "<h2>{}</h2>{}",
        room.say(alarms::CONFIGURATION),
        facts(&pairs)
    )
}

fn code(text: &str) -> String {
    format!("<code class=\"data\">{}</code>", escaped(text))
}

fn watched(room: &Room<'_>, metric: &Metric) -> Vec<(&'static str, String)> {
    let mut pairs = match &metric.watched {
        Watched::One { stat, .. } => one_metric(room, stat),
        Watched::Many(queries) => {
            let lines: Vec<String> = queries.iter().map(|query| code(&line(query))).collect();
            vec![(room.say(alarms::EXPRESSIONS), lines.join("<br>"))]
        }
    };
    let sign = match metric.comparison {
        Comparison::GreaterThanOrEqualToThreshold => "≥",
        Comparison::GreaterThanThreshold | Comparison::GreaterThanUpperThreshold => ">",
        Comparison::LessThanThreshold | Comparison::LessThanLowerThreshold => "<",
        Comparison::LessThanOrEqualToThreshold => "≤",
        Comparison::LessThanLowerOrGreaterThanUpperThreshold => "<, >",
    };
    let limit = match &metric.threshold {
        Limit::Value(value) => number(*value, 6),
        Limit::Band(id) => code(id),
    };
    let counts = [metric.to_alarm(), metric.evaluation_periods].map(|count| count.to_string());
    // English counts the few before the many, Japanese the many before the few.
    let mut counts: Vec<&str> = counts.iter().map(String::as_str).collect();
    if room.language == crate::serve::console::lang::Language::Ja {
        counts.reverse();
    }
    let condition = format!(
        "{} {}: {}",
        escaped(sign),
        limit,
        room.with(alarms::M_OF_N, &counts)
    );
    pairs.extend([
        (room.say(alarms::CONDITION), condition),
        (
            room.say(alarms::MISSING),
            code(metric.treats_missing().as_str()),
        ),
    ]);
    pairs
}

fn one_metric(room: &Room<'_>, stat: &StatText) -> Vec<(&'static str, String)> {
    let dimensions = stat
        .dimensions
        .iter()
        .map(|(name, value)| data(&format!("{name}={value}")));
    let dimensions: Vec<String> = dimensions.collect();
    vec![
        (
            room.say(alarms::METRIC),
            code(&format!("{}/{}", stat.namespace, stat.metric)),
        ),
        (room.say(alarms::DIMENSIONS), dimensions.join("<br>")),
        (room.say(alarms::STATISTIC), code(&stat.statistic)),
        (
            room.say(alarms::PERIOD),
            room.with(frame::SECS, &[&stat.period_secs.to_string()]),
        ),
    ]
}

fn line(query: &QueryText) -> String {
    let what = match (&query.expression, &query.stat) {
        (Some(expression), _) => expression.clone(),
        (None, Some(stat)) => format!("{}/{} {}", stat.namespace, stat.metric, stat.statistic),
        (None, None) => String::new(),
    };
    format!("{} = {what}", query.id)
}

async fn history(room: &Room<'_>, name: &str) -> Result<String, Trouble> {
    let question = json!({"AlarmName": name});
    if !room.may(Api::Metrics, "DescribeAlarmHistory", &question) {
        return Ok(String::new());
    }
    let question = Question {
        alarm: Some(name.to_owned()),
        alarm_kinds: ["MetricAlarm", "CompositeAlarm"]
            .map(str::to_owned)
            .to_vec(),
        kind: None,
        from: Timestamp::from_secs(0),
        to: room.now,
        is_newest_first: true,
        after: None,
        most: HISTORY,
    };
    let kept = room.parts.watching.alarms.clone();
    let found = room.read(move || Ok(kept.history(&question)?)).await?;
    let heads = [frame::WHEN, alarms::KIND, alarms::SUMMARY].map(|head| room.say(head));
    let row = |item: &Item| {
        let kind = match item.kind {
            Happened::StateUpdate => alarms::KIND_STATE,
            Happened::ConfigurationUpdate => alarms::KIND_CONFIGURATION,
            Happened::Action => alarms::KIND_ACTION,
        };
        vec![
            room.moment(Timestamp::from_millis(item.at_ms)),
            room.say(kind).to_owned(),
            english(&item.summary, room.language),
        ]
    };
    let table = Table {
        caption: room.say(alarms::HISTORY),
        heads: &heads,
        rows: found.items.iter().map(row).collect(),
    };
    Ok(format!(
        "<h2>{}</h2>{}",
        room.say(alarms::HISTORY),
        table.html()
    ))
}

/// Does what a form of an alarm's page asks for.
pub(super) async fn change(room: &Room<'_>, name: &str) -> Done {
    let deed = room.field("do").to_owned();
    let comment = room.field("comment");
    let (event, done) = match deed.as_str() {
        "acknowledge" => {
            let input = json!({"source": source(room, name), "comment": comment});
            room.change(Api::Operator, "notice-acknowledge", &input)
                .await
        }
        "silence" => {
            let Some(input) = silence(room, name, comment) else {
                let wrong = format!(
                    "<p class=\"said bad\" role=\"alert\">{}</p>",
                    room.say(alarms::NO_SPAN)
                );
                return (one(room, name, Some(wrong)).await.map(Answer::Page), None);
            };
            room.change(Api::Operator, "silence-add", &input).await
        }
        "enable" => {
            room.change(Api::Metrics, "EnableAlarmActions", &asked(name))
                .await
        }
        "disable" => {
            room.change(Api::Metrics, "DisableAlarmActions", &asked(name))
                .await
        }
        _ => return (Err(Trouble::NotFound), None),
    };
    let shown = match done {
        Ok(()) => Ok(Answer::To(format!("{}?done={deed}", page(name)))),
        Err(trouble) => match refused(room, trouble) {
            Ok(wrong) => one(room, name, Some(wrong)).await.map(Answer::Page),
            Err(trouble) => Err(trouble),
        },
    };
    (shown, Some(event))
}

/// The silence that the form asks for, where it says for how long.
fn silence(room: &Room<'_>, name: &str, comment: &str) -> Option<Value> {
    let span = room.field("for");
    SPANS.iter().find(|(known, _)| *known == span)?;
    let book = room.parts.watching.alarms.book();
    let tag = book
        .alarm(name)
        .and_then(|entry| name_tag(entry).map(str::to_owned));
    let matcher = match (room.field("what"), tag) {
        ("name", Some(tag)) => json!({NAME: plain(&tag)}),
        _ => json!({"alarm": plain(name)}),
    };
    Some(json!({"match": matcher, "for": span, "comment": comment}))
}

/// A name as a pattern. A `!` before it would turn it round; one letter of any kind stands for it.
fn plain(name: &str) -> String {
    match name.strip_prefix('!') {
        Some(rest) => format!("?{rest}"),
        None => name.to_owned(),
    }
}
