use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("{text}Z")).unwrap()
}

/// The moments of `expression` that follow `after`.
fn moments(expression: &str, after: &str, count: usize) -> Vec<String> {
    let schedule: Schedule = expression.parse().unwrap();
    let (anchor, mut now) = (at(after), at(after));
    let mut moments = Vec::new();
    while moments.len() < count
        && let Some(next) = schedule.next(anchor, now)
    {
        moments.push(next.rfc3339_secs().trim_end_matches(":00Z").to_owned());
        now = next;
    }
    moments
}

/// The examples of the EventBridge User Guide, "Cron expressions reference", from Sunday, 29 November 2026, 20:47:52 on.
#[test]
fn the_examples_of_the_guide_mean_what_it_says() {
    let cases = [
        // 10:00 AM (UTC) every day.
        (
            "0 10 * * ? *",
            ["2026-11-30T10:00", "2026-12-01T10:00", "2026-12-02T10:00"],
        ),
        // 12:15 PM (UTC) every day.
        (
            "15 12 * * ? *",
            ["2026-11-30T12:15", "2026-12-01T12:15", "2026-12-02T12:15"],
        ),
        // 6:00 PM (UTC) every Monday through Friday.
        (
            "0 18 ? * MON-FRI *",
            ["2026-11-30T18:00", "2026-12-01T18:00", "2026-12-02T18:00"],
        ),
        // 8:00 AM (UTC) every first day of the month.
        (
            "0 8 1 * ? *",
            ["2026-12-01T08:00", "2027-01-01T08:00", "2027-02-01T08:00"],
        ),
        // Every 15 minutes.
        (
            "0/15 * * * ? *",
            ["2026-11-29T21:00", "2026-11-29T21:15", "2026-11-29T21:30"],
        ),
        // Every 10 minutes on weekdays.
        (
            "0/10 * ? * MON-FRI *",
            ["2026-11-30T00:00", "2026-11-30T00:10", "2026-11-30T00:20"],
        ),
        // Every 5 minutes on weekdays between 8:00 AM and 5:55 PM (UTC).
        (
            "0/5 8-17 ? * MON-FRI *",
            ["2026-11-30T08:00", "2026-11-30T08:05", "2026-11-30T08:10"],
        ),
        // 9:00 AM (UTC) on the first Monday of each month.
        (
            "0 9 ? * 2#1 *",
            ["2026-12-07T09:00", "2027-01-04T09:00", "2027-02-01T09:00"],
        ),
        // Every 30 minutes on weekdays from 8 PM to 2 AM: on Monday from midnight too.
        (
            "0/30 20-2 ? * MON-FRI *",
            ["2026-11-30T00:00", "2026-11-30T00:30", "2026-11-30T01:00"],
        ),
        // The last Friday of the month.
        (
            "15 10 ? * 6L *",
            ["2026-12-25T10:15", "2027-01-29T10:15", "2027-02-26T10:15"],
        ),
        // "1/10": every tenth minute from the first on.
        (
            "1/10 * * * ? *",
            ["2026-11-29T20:51", "2026-11-29T21:01", "2026-11-29T21:11"],
        ),
        // "JAN,FEB,MAR".
        (
            "0 0 1 JAN,FEB,MAR ? *",
            ["2027-01-01T00:00", "2027-02-01T00:00", "2027-03-01T00:00"],
        ),
        // "3W": the weekday nearest to the third; 3 January 2027 is a Sunday, 3 April a Saturday.
        (
            "0 0 3W 1,4 ? *",
            ["2027-01-04T00:00", "2027-04-02T00:00", "2028-01-03T00:00"],
        ),
        // "3#2": the second Tuesday.
        (
            "0 0 ? * 3#2 *",
            ["2026-12-08T00:00", "2027-01-12T00:00", "2027-02-09T00:00"],
        ),
        // The last day of the month, of the week.
        (
            "0 0 L * ? *",
            ["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-31T00:00"],
        ),
        (
            "0 0 ? * L *",
            ["2026-12-05T00:00", "2026-12-12T00:00", "2026-12-19T00:00"],
        ),
        // The nearest weekday stays in the month: 1 May 2027 is a Saturday, 31 January a Sunday.
        (
            "0 0 1W 5 ? *",
            ["2027-05-03T00:00", "2028-05-01T00:00", "2029-05-01T00:00"],
        ),
        (
            "0 0 31W 1 ? *",
            ["2027-01-29T00:00", "2028-01-31T00:00", "2029-01-31T00:00"],
        ),
        // Leap days; fifth Mondays.
        (
            "0 0 29 2 ? *",
            ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"],
        ),
        (
            "59 23 ? * MON#5 *",
            ["2026-11-30T23:59", "2027-03-29T23:59", "2027-05-31T23:59"],
        ),
        (
            "0 0 ? * FRI-MON *",
            ["2026-11-30T00:00", "2026-12-04T00:00", "2026-12-05T00:00"],
        ),
    ];
    for (fields, expected) in cases {
        let found = moments(&format!("cron({fields})"), "2026-11-29T20:47:52", 3);
        assert_eq!(found, expected, "{fields}");
    }
}

#[test]
fn a_calendar_that_is_over_has_no_further_moment() {
    assert_eq!(
        moments("cron(15 10 ? * 6L 2022-2023)", "2023-11-30T00:00:00", 3),
        ["2023-12-29T10:15"]
    );
    assert!(moments("cron(0 0 31 2 ? *)", "2026-11-29T20:47:52", 1).is_empty());
    assert!(moments("cron(* * * * ? *)", "2199-12-31T23:59:00", 1).is_empty());
}

#[test]
fn a_rate_is_counted_from_its_anchor() {
    let found = moments("rate(5 minutes)", "2026-11-29T20:47:00", 3);
    assert_eq!(
        found,
        ["2026-11-29T20:52", "2026-11-29T20:57", "2026-11-29T21:02"]
    );
    let found = moments("rate(1 hour)", "2026-11-29T20:47:00", 2);
    assert_eq!(found, ["2026-11-29T21:47", "2026-11-29T22:47"]);
    let schedule: Schedule = "rate(7 days)".parse().unwrap();
    let anchor = at("2026-11-29T20:47:52");
    assert_eq!(
        schedule.next(anchor, Timestamp::EPOCH),
        Some(at("2026-12-06T20:47:52"))
    );
    assert_eq!(
        schedule.next(anchor, at("2026-12-06T20:47:52")),
        Some(at("2026-12-13T20:47:52"))
    );
    assert_eq!(schedule.next(Timestamp::MAX, Timestamp::MAX), None);
}

#[test]
fn what_is_no_schedule_is_refused_with_a_reason() {
    let cases = [
        ("", "neither"),
        ("every 5 minutes", "neither"),
        ("rate(5 minutes", "neither"),
        ("Rate(5 minutes)", "neither"),
        ("at(2026-11-29T00:00:00)", "neither"),
        ("rate(1 minutes)", "is not a number"),
        ("rate(5 minute)", "is not a number"),
        ("rate(0 minutes)", "is not a number"),
        ("rate(-5 minutes)", "is not a number"),
        ("rate(+5 minutes)", "is not a number"),
        ("rate(30 seconds)", "is not a number"),
        ("rate(5minutes)", "is not a number"),
        ("rate(99999999999 days)", "is not a number"),
        ("cron(0 10 * * ?)", "has 5"),
        ("cron(0 0 10 * * ? *)", "has 7"),
        ("cron(0 10 * * * *)", "is `?`"),
        ("cron(0 10 1 * MON *)", "is `?`"),
        ("cron(0 10 ? * ? *)", "is `?`"),
        ("cron(60 10 * * ? *)", "`60` cannot stand for minutes"),
        ("cron(0 24 * * ? *)", "`24` cannot stand for hours"),
        ("cron(0 10 0 * ? *)", "`0` cannot stand for day of month"),
        ("cron(0 10 * 13 ? *)", "`13` cannot stand for month"),
        ("cron(0 10 ? * 8 *)", "`8` cannot stand for day of week"),
        ("cron(0 10 ? * 3#1,6#3 *)", "cannot stand for day of week"),
        ("cron(0 10 ? * 3#6 *)", "cannot stand for day of week"),
        ("cron(0 10 L-3 * ? *)", "cannot stand for day of month"),
        ("cron(0 10 LW * ? *)", "cannot stand for day of month"),
        (
            "cron(0/0 10 * * ? *)",
            "`0` cannot stand for minutes: it is no step",
        ),
        ("cron(0 10 * * ? 1969)", "`1969` cannot stand for year"),
        ("cron(? 10 * * ? *)", "`?` cannot stand for minutes"),
        ("cron(0,,5 10 * * ? *)", "`` cannot stand for minutes"),
        ("cron(-5 10 * * ? *)", "`` cannot stand for minutes"),
    ];
    for (text, why) in cases {
        let refused = text.parse::<Schedule>().unwrap_err().to_string();
        assert!(refused.contains(why), "{text}: {refused}");
    }
    let long = format!("cron({} 10 * * ? *)", "0,".repeat(200));
    assert_eq!(long.parse::<Schedule>(), Err(Invalid::TooLong));
}

fn part(low: u16, high: u16) -> impl Strategy<Value = String> {
    let value = low..=high;
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => value.clone().prop_map(|value| value.to_string()),
        1 => (value.clone(), value.clone()).prop_map(|(from, to)| format!("{from}-{to}")),
        1 => (value.clone(), 1..=high.min(20)).prop_map(|(from, step)| format!("{from}/{step}")),
        1 => (value.clone(), value).prop_map(|(one, other)| format!("{one},{other}")),
    ]
}

fn days() -> impl Strategy<Value = (String, String)> {
    let of_month = prop_oneof![
        4 => part(1, 31),
        1 => Just("L".to_owned()),
        1 => (1_u16..=28).prop_map(|day| format!("{day}W")),
    ];
    let of_week = prop_oneof![
        4 => part(1, 7),
        1 => (1_u16..=7).prop_map(|day| format!("{day}L")),
        1 => (1_u16..=7, 1_u16..=5).prop_map(|(day, nth)| format!("{day}#{nth}")),
    ];
    prop_oneof![
        of_month.prop_map(|day| (day, "?".to_owned())),
        of_week.prop_map(|day| ("?".to_owned(), day)),
    ]
}

prop_compose! {
    fn cron()(minutes in part(0, 59), hours in part(0, 23), (month_day, week_day) in days(), month in part(1, 12)) -> String {
        format!("{minutes} {hours} {month_day} {month} {week_day} *")
    }
}

/// The minutes that are looked at one by one: about three weeks.
const LOOKED_AT: u64 = 30_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_next_minute_is_meant_and_none_between_is(fields in cron(), after_ms in 0_u64..7_000_000_000_000) {
        let cron: Cron = fields.parse().unwrap();
        let after = Timestamp::from_millis(after_ms);
        let next = cron.next(after);
        if let Some(next) = next {
            prop_assert!(next > after && cron.holds(next) && next.as_millis().is_multiple_of(60_000));
            prop_assert_eq!(cron.latest(after, next), Some(next));
            prop_assert_eq!(cron.latest(after, Timestamp::from_millis(next.as_millis() - 1)), None);
        }
        let end = next.map_or(u64::MAX, Timestamp::as_minutes);
        for minute in (after.as_minutes() + 1..end).take(usize::try_from(LOOKED_AT).unwrap()) {
            prop_assert!(!cron.holds(Timestamp::from_secs(minute * 60)), "{}", minute);
        }
    }

    #[test]
    fn the_latest_minute_is_the_last_that_next_would_reach(fields in cron(), after_ms in 0_u64..7_000_000_000_000, passes in 0_u64..100_000_000) {
        let cron: Cron = fields.parse().unwrap();
        let (after, now) = (Timestamp::from_millis(after_ms), Timestamp::from_millis(after_ms + passes));
        let (mut last, mut at) = (None, after);
        while let Some(next) = cron.next(at).filter(|next| *next <= now) {
            (last, at) = (Some(next), next);
        }
        prop_assert_eq!(cron.latest(after, now), last);
    }

    #[test]
    fn a_rate_keeps_its_distance(count in 2_u32..10_000, anchor in 0_u64..5_000_000_000_000, passes in 0_u64..5_000_000_000_000) {
        let rate: Rate = format!("{count} minutes").parse().unwrap();
        let (anchor, now) = (Timestamp::from_millis(anchor), Timestamp::from_millis(anchor + passes));
        let next = rate.next(anchor, now).unwrap();
        let period = u64::from(count) * 60_000;
        prop_assert!(next > now && next.since(now).as_millis() <= u128::from(period));
        prop_assert_eq!((next.as_millis() - anchor.as_millis()) % period, 0);
        let latest = rate.latest(anchor, anchor, now);
        prop_assert_eq!(latest.is_some(), passes >= period);
        prop_assert!(latest.is_none_or(|latest| rate.next(anchor, latest) == Some(next)));
    }

    #[test]
    fn no_text_breaks_it(text in "\\PC{0,40}", fields in "[0-9*?LW#/,A-Z -]{0,40}") {
        let _ = text.parse::<Schedule>();
        let _ = format!("cron({fields})").parse::<Schedule>();
        let _ = format!("rate({fields})").parse::<Schedule>();
    }
}
