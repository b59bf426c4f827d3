//! The states of alarms, a card each.

use super::super::canvas::{Anchor, BASE, Canvas, INK, PALE, Rect, Style};
use super::super::data::{Alarm, AlarmState};
use super::super::{Language, hours, words};
use super::{SMALL, left_out, tile};

const CARD: f64 = 46.0;
const WIDTH: f64 = 220.0;
const GAP: f64 = 8.0;

const fn colour(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Alarm => "#d13212",
        AlarmState::InsufficientData => "#687078",
        AlarmState::Ok => "#1d8102",
    }
}

pub(super) fn draw(
    canvas: &mut Canvas,
    alarms: &[Alarm],
    (zone_minutes, language): (i32, Language),
    area: Rect,
) {
    if alarms.is_empty() {
        return super::note(canvas, language.no_alarms(), area);
    }
    let across = ((area.width + GAP) / (WIDTH + GAP)).floor().max(1.0);
    let down = ((area.height + GAP) / (CARD + GAP)).floor().max(1.0);
    let width = (area.width - GAP * (across - 1.0)) / across;
    let fit = across * down;
    let shown = (1..=alarms.len())
        .take_while(|count| *count as f64 <= fit)
        .last()
        .unwrap_or(0);
    let rest = alarms.len() - shown;
    for (index, alarm) in (0_u32..).zip(alarms.iter().take(shown)) {
        let place = tile(area, index, across, (width, CARD), GAP);
        card(canvas, alarm, (zone_minutes, language), place);
    }
    left_out(canvas, rest, language, area);
}

fn card(canvas: &mut Canvas, alarm: &Alarm, (zone_minutes, language): (i32, Language), area: Rect) {
    let state = colour(alarm.state);
    canvas.card(area.without(0.5, 0.5, 0.5, 0.5), "#ffffff", BASE, 3.0);
    canvas.rect(Rect::new(area.x, area.y, 5.0, area.height), state);
    let name = words::fitted(&alarm.name, 13.0, area.width - 22.0);
    canvas.text((area.x + 14.0, area.y + 19.0), &name, Style::new(13.0, INK));
    let since = hours::moment(alarm.since, zone_minutes);
    let base = area.y + 36.0;
    canvas.text(
        (area.right() - 8.0, base),
        &since,
        Style::new(SMALL, PALE).at(Anchor::End),
    );
    canvas.text(
        (area.x + 14.0, base),
        language.state(alarm.state),
        Style::new(SMALL, state).bold(),
    );
}
