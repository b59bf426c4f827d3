use super::*;

fn rule(expression: &str, duration: &str, timezone: Option<&str>) -> Settings {
    Settings {
        name: "m".to_owned(),
        description: None,
        expression: expression.to_owned(),
        duration: duration.to_owned(),
        timezone: timezone.map(str::to_owned),
        targets: None,
        start_ms: None,
        expire_ms: None,
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// When the window that `now` lies in ends.
fn until(rule: &Settings, now: &str) -> Option<String> {
    let end = Schedule::of(rule).unwrap().muted_until(at(now))?;
    Some(end.rfc3339_secs())
}

fn check(rule: &Settings, cases: &[(&str, Option<&str>)]) {
    for (now, expected) in cases {
        assert_eq!(
            until(rule, now).as_deref(),
            *expected,
            "{} {now}",
            rule.expression
        );
    }
}

#[test]
fn windows_begin_as_the_expression_says_and_last_as_long_as_the_duration() {
    check(
        &rule("cron(0 2 * * *)", "PT2H", None),
        &[
            ("2026-11-23T01:59:59Z", None),
            ("2026-11-23T02:00:00Z", Some("2026-11-23T04:00:00Z")),
            ("2026-11-23T03:59:59Z", Some("2026-11-23T04:00:00Z")),
            ("2026-11-23T04:00:00Z", None),
        ],
    );
    // 2026-11-20 is a Friday.
    check(
        &rule("cron(0 18 * * FRI)", "P2DT12H", None),
        &[
            ("2026-11-20T17:59:00Z", None),
            ("2026-11-23T05:59:00Z", Some("2026-11-23T06:00:00Z")),
            ("2026-11-23T06:00:00Z", None),
        ],
    );
    check(
        &rule("cron(30 23 31 DEC *)", "P1D", None),
        &[
            ("2026-12-31T23:29:00Z", None),
            ("2027-01-01T12:00:00Z", Some("2027-01-01T23:30:00Z")),
        ],
    );
    check(
        &rule("cron(0 9-10 * * MON-FRI)", "PT1M", None),
        &[
            ("2026-11-23T10:00:30Z", Some("2026-11-23T10:01:00Z")),
            ("2026-11-22T10:00:30Z", None),
        ],
    );
    // The first of the month or a Sunday, as cron has it.
    check(
        &rule("cron(0 1 1 * SUN)", "PT1H", None),
        &[
            ("2026-11-22T01:30:00Z", Some("2026-11-22T02:00:00Z")),
            ("2026-12-01T01:30:00Z", Some("2026-12-01T02:00:00Z")),
            ("2026-12-02T01:30:00Z", None),
        ],
    );
}

#[test]
fn windows_that_touch_are_one() {
    check(
        &rule("cron(0,30 12 * * *)", "PT30M", None),
        &[("2026-11-23T12:10:00Z", Some("2026-11-23T13:00:00Z"))],
    );
}

#[test]
fn zones_and_their_summers_count() {
    check(
        &rule("cron(0 2 * * *)", "PT1H", Some("Asia/Tokyo")),
        &[
            ("2026-11-22T17:30:00Z", Some("2026-11-22T18:00:00Z")),
            ("2026-11-23T02:30:00Z", None),
        ],
    );
    let berlin = rule("cron(0 12 * * *)", "PT1H", Some("Europe/Berlin"));
    check(
        &berlin,
        &[
            ("2026-07-01T10:00:00Z", Some("2026-07-01T11:00:00Z")),
            ("2026-12-01T11:00:00Z", Some("2026-12-01T12:00:00Z")),
        ],
    );
    // 2026-03-29 02:30 does not exist in Berlin; it is 03:30 summer time.
    check(
        &rule("cron(30 2 * * *)", "PT10M", Some("Europe/Berlin")),
        &[("2026-03-29T01:35:00Z", Some("2026-03-29T01:40:00Z"))],
    );
}

#[test]
fn one_window_is_over_after_it() {
    let once = rule("at(2026-11-23T14:00)", "PT1H", Some("Asia/Tokyo"));
    let schedule = Schedule::of(&once).unwrap();
    assert!(schedule.is_once());
    for (now, expected) in [
        ("2026-11-23T04:59:00Z", Status::Scheduled),
        ("2026-11-23T05:00:00Z", Status::Active),
        ("2026-11-23T06:00:00Z", Status::Expired),
    ] {
        assert_eq!(schedule.status(at(now)), expected, "{now}");
    }
}

#[test]
fn start_and_expiry_bound_the_windows() {
    let mut bounded = rule("cron(0 0 * * *)", "PT12H", None);
    bounded.start_ms = Some(at("2026-11-23T01:00:00Z").as_millis());
    bounded.expire_ms = Some(at("2026-11-24T06:00:00Z").as_millis());
    check(
        &bounded,
        &[
            ("2026-11-23T02:00:00Z", None),
            ("2026-11-24T02:00:00Z", Some("2026-11-24T06:00:00Z")),
            ("2026-11-24T06:00:00Z", None),
        ],
    );
    let schedule = Schedule::of(&bounded).unwrap();
    assert_eq!(schedule.status(at("2026-11-24T06:00:00Z")), Status::Expired);
    bounded.expire_ms = bounded.start_ms;
    assert_eq!(Schedule::of(&bounded).unwrap_err(), Wrong::Order);
}

#[test]
fn what_is_no_schedule_is_refused() {
    for expression in [
        "",
        "cron()",
        "cron(0 2 * *)",
        "cron(0 2 * * * *)",
        "cron(60 2 * * *)",
        "cron(0 24 * * *)",
        "cron(0 2 0 * *)",
        "cron(0 2 * 13 *)",
        "cron(0 2 * * 8)",
        "cron(*/5 * * * *)",
        "cron(5-1 * * * *)",
        "cron(0 2 * * FUNDAY)",
        "cron(+1 2 * * *)",
        "rate(5 minutes)",
        "at(2026-11-23)",
        "at(2026-11-23T14:00:00)",
        "at(2026-13-23T14:00)",
        "at(2026-11-23 14:00)",
        "0 2 * * *",
    ] {
        assert!(
            Schedule::of(&rule(expression, "PT1H", None)).is_err(),
            "{expression}"
        );
    }
    let wrong = Schedule::of(&rule("cron(0 2 * * *)", "PT1S", None)).unwrap_err();
    assert_eq!(wrong, Wrong::Duration("PT1S".to_owned()));
    let wrong = Schedule::of(&rule("cron(0 2 * * *)", "PT1H", Some("Mars/Olympus"))).unwrap_err();
    assert_eq!(wrong, Wrong::Timezone("Mars/Olympus".to_owned()));
}
