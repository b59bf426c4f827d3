//! What notices say, in English and Japanese.

use super::super::engine::{Alert, Notice, NoticeKind};
use super::super::settings::Language;
use super::Reader;

/// Alerts that a text names one by one. Chosen: a mail of a screen or two.
const NAMED_MAX: usize = 50;

/// One line: `[PROBLEM] web-1-CPUUtilization is in ALARM`.
pub(super) fn subject(notice: &Notice, language: Language) -> String {
    let about = match notice.firing.is_empty() {
        true => &notice.recovered,
        false => &notice.firing,
    };
    let first = about.first().map_or("", |alert| alert.title.as_str());
    let head = head(&notice.kind, language);
    match (about.len(), language) {
        (0 | 1, _) => format!("{head}{first}"),
        (count, Language::En) => format!("{head}{count} problems: {first}, …"),
        (count, Language::Ja) => format!("{head}{count}件: {first} ほか"),
    }
}

fn head(kind: &NoticeKind, language: Language) -> String {
    let (english, japanese) = match kind {
        NoticeKind::Problem => ("PROBLEM", "異常"),
        NoticeKind::Recovery => ("RECOVERY", "復旧"),
        NoticeKind::Update => ("PARTLY RECOVERED", "一部復旧"),
        NoticeKind::Repeat => ("STILL", "継続中"),
        NoticeKind::Escalation { from } => {
            return match language {
                Language::En => format!("[ESCALATED from {from}] "),
                Language::Ja => format!("【{from}からのエスカレーション】"),
            };
        }
    };
    match language {
        Language::En => format!("[{english}] "),
        Language::Ja => format!("【{japanese}】"),
    }
}

/// All of it, in plain text.
pub(super) fn text(notice: &Notice, reader: &Reader) -> String {
    let mut parts = Vec::new();
    let (wrong, right) = match reader.language {
        Language::En => ("Wrong now:", "Right again:"),
        Language::Ja => ("異常:", "復旧:"),
    };
    for (title, alerts) in [(wrong, &notice.firing), (right, &notice.recovered)] {
        if alerts.is_empty() {
            continue;
        }
        parts.push(title.to_owned());
        parts.extend(alerts.iter().take(NAMED_MAX).map(|one| alert(one, reader)));
        if let Some(more) = alerts.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
            parts.push(match reader.language {
                Language::En => format!("and {more} more"),
                Language::Ja => format!("ほか{more}件"),
            });
        }
    }
    if !reader.url.is_empty() {
        parts.push(reader.url.clone());
    }
    parts.join("\n\n")
}

/// A paragraph about one alert.
pub(super) fn alert(alert: &Alert, reader: &Reader) -> String {
    let mut lines = vec![alert.title.clone()];
    if !alert.detail.is_empty() {
        lines.push(alert.detail.clone());
    }
    let since = reader.time(alert.since);
    lines.push(match (alert.ended, reader.language) {
        (None, Language::En) => format!("since {since}"),
        (None, Language::Ja) => format!("発生 {since}"),
        (Some(ended), Language::En) => format!("from {since} to {}", reader.time(ended)),
        (Some(ended), Language::Ja) => format!("発生 {since}、復旧 {}", reader.time(ended)),
    });
    let labels: Vec<String> = alert
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !labels.is_empty() {
        lines.push(labels.join(" "));
    }
    lines.join("\n")
}
