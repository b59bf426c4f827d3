//! What alarms do over time, with crashes between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Timestamp;

use super::engine::book::Tags;
use super::engine::history::Kind as ItemKind;
use super::engine::mute;
use super::engine::settings::{Kind, Suppressor, Treatment, Watched};
use super::past::Question;
use super::testing::{World, composite, metric_alarm, topic};
use super::{Error, Outcome, Settings, State};

/// A world in which the metric `cpu` has been 10 for an hour.
fn world() -> World {
    let world = World::new();
    let before = world.now().minus(Duration::from_secs(3600));
    world.values.set("cpu", before, Some(10.0));
    world
}

fn with_treatment(name: &str, treatment: Treatment) -> Settings {
    let mut settings = metric_alarm(name, 1, 1);
    if let Kind::Metric(metric) = &mut settings.kind {
        metric.treatment = Some(treatment);
    }
    settings
}

fn suppressed(name: &str, rule: &str, by: &str, wait_secs: u32, extension_secs: u32) -> Settings {
    let mut settings = composite(name, rule);
    if let Kind::Composite(composite) = &mut settings.kind {
        composite.suppressor = Some(Suppressor {
            alarm: by.to_owned(),
            wait_secs,
            extension_secs,
        });
    }
    settings
}

fn force(world: &World, name: &str, state: State) {
    world
        .alarms
        .set_state(name, state, "test".to_owned(), None)
        .unwrap();
}

fn history(world: &World, name: Option<&str>) -> Vec<String> {
    let question = Question {
        alarm: name.map(str::to_owned),
        alarm_kinds: vec!["MetricAlarm".to_owned(), "CompositeAlarm".to_owned()],
        kind: None,
        from: Timestamp::EPOCH,
        to: Timestamp::MAX,
        is_newest_first: false,
        after: None,
        most: 1000,
    };
    let answer = world.alarms.history(&question).unwrap();
    answer.items.into_iter().map(|item| item.summary).collect()
}

fn refusal(result: Result<(), Error>) -> String {
    result.unwrap_err().to_string()
}

fn put(world: &World, settings: Settings) -> Result<(), Error> {
    world.alarms.put(settings, Tags::new())
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_alarm_is_evaluated_at_once_and_then_each_minute() {
    let world = world();
    world.put(metric_alarm("cpu", 1, 1));
    assert_eq!(world.state("cpu"), "INSUFFICIENT_DATA");
    world.pass(1);
    assert_eq!(world.state("cpu"), "OK");
    assert_eq!(world.drain(), ["ok: cpu INSUFFICIENT_DATA -> OK"]);
    world.set("cpu", Some(99.5));
    world.pass(180);
    assert_eq!(world.state("cpu"), "ALARM");
    assert_eq!(world.drain(), ["ops: cpu OK -> ALARM"]);
    let book = world.alarms.book();
    let reason = &book.alarm("cpu").unwrap().alarm.status.now.reason;
    assert!(
        reason
            .starts_with("Threshold Crossed: 1 out of the last 1 datapoints [99.5 (23/11/26 05:0"),
        "{reason}"
    );
    assert!(reason.ends_with("was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition)."), "{reason}");
}

#[test]
fn alarms_of_ten_seconds_are_evaluated_each_ten_seconds() {
    let world = world();
    let mut fast = metric_alarm("cpu", 1, 1);
    if let Kind::Metric(metric) = &mut fast.kind
        && let Watched::One { stat, .. } = &mut metric.watched
    {
        stat.period_secs = 10;
    }
    world.put(fast);
    world.pass(1);
    world.set("cpu", Some(80.0));
    world.pass(30);
    assert_eq!(world.state("cpu"), "ALARM");
}

#[test]
fn a_metric_that_stops_keeps_its_answer_for_the_rest_of_the_range() {
    let world = world();
    world.put(metric_alarm("cpu", 1, 1));
    world.put(with_treatment("gone", Treatment::Breaching));
    world.pass(1);
    assert_eq!(world.state("gone"), "ALARM");
    world.set("cpu", None);
    world.pass(150);
    assert_eq!(world.state("cpu"), "OK");
    world.pass(120);
    assert_eq!(world.state("cpu"), "INSUFFICIENT_DATA");
}

#[test]
fn states_history_and_actions_outlive_the_process() {
    let world = world();
    world.put(metric_alarm("cpu", 1, 1));
    world.pass(1);
    let world = world.reopen();
    assert_eq!(world.state("cpu"), "OK");
    let call = world.alarms.pending_actions(0, 10).unwrap().remove(0);
    assert_eq!(call.target, topic("ok"));
    world
        .alarms
        .action_done(call.number, &Outcome::Later)
        .unwrap();
    assert_eq!(world.actions().len(), 1);
    world
        .alarms
        .action_done(call.number, &Outcome::Done)
        .unwrap();
    world
        .alarms
        .action_done(call.number, &Outcome::Done)
        .unwrap();
    let world = world.reopen();
    assert_eq!(world.actions(), Vec::<String>::new());
    let acted = format!("Successfully executed action {}", topic("ok"));
    assert_eq!(
        history(&world, Some("cpu")),
        [
            "Alarm \"cpu\" created",
            "Alarm updated from INSUFFICIENT_DATA to OK",
            acted.as_str()
        ]
    );
}

#[test]
fn an_action_that_fails_is_remembered_as_such() {
    let world = world();
    world.put(metric_alarm("cpu", 1, 1));
    world.pass(1);
    let call = world.alarms.pending_actions(0, 10).unwrap().remove(0);
    let outcome = Outcome::Failed("no such topic".to_owned());
    world.alarms.action_done(call.number, &outcome).unwrap();
    let failed = format!("Failed to execute action {}", topic("ok"));
    assert_eq!(history(&world, Some("cpu")).last(), Some(&failed));
}

#[test]
fn a_state_that_is_set_lasts_until_the_next_evaluation() {
    let world = world();
    world.put(metric_alarm("cpu", 1, 1));
    world.pass(1);
    world.drain();
    force(&world, "cpu", State::Alarm);
    assert_eq!(world.drain(), ["ops: cpu OK -> ALARM"]);
    force(&world, "cpu", State::Alarm);
    assert_eq!(world.drain(), Vec::<String>::new());
    world.pass(60);
    assert_eq!(world.state("cpu"), "OK");
    let gone = world
        .alarms
        .set_state("none", State::Ok, String::new(), None);
    assert!(matches!(
        gone,
        Err(Error::Refused(super::engine::Error::NoAlarm(_)))
    ));
}

#[test]
fn an_update_keeps_the_state_and_what_was_found_before_it_counts_for_nothing() {
    let world = world();
    world.put(metric_alarm("cpu", 1, 1));
    world.pass(1);
    let revision = world
        .alarms
        .book()
        .alarm("cpu")
        .unwrap()
        .alarm
        .status
        .revision;
    world.put(metric_alarm("cpu", 2, 3));
    assert_eq!(world.state("cpu"), "OK");
    let stale = super::engine::Finding {
        alarm: "cpu".into(),
        revision,
        state: State::Alarm,
        reason: String::new(),
        data: String::new(),
    };
    world
        .alarms
        .change(|draft| {
            draft.found(stale);
            Ok(())
        })
        .unwrap();
    assert_eq!(world.state("cpu"), "OK");
    let other = refusal(put(&world, composite("cpu", "TRUE")));
    assert_eq!(other, "The alarm cpu already exists and is a MetricAlarm");
}

#[test]
fn actions_run_only_while_they_are_switched_on() {
    let world = world();
    world.put(metric_alarm("cpu", 1, 1));
    world
        .alarms
        .change(|draft| {
            draft.switch_actions(&names(&["cpu", "none"]), false);
            Ok(())
        })
        .unwrap();
    force(&world, "cpu", State::Alarm);
    assert_eq!(world.actions(), Vec::<String>::new());
    world
        .alarms
        .change(|draft| {
            draft.switch_actions(&names(&["cpu"]), true);
            Ok(())
        })
        .unwrap();
    force(&world, "cpu", State::Ok);
    assert_eq!(world.actions(), ["ok: cpu ALARM -> OK"]);
}

#[test]
fn each_change_is_told_beside_the_alarm_s_own_actions() {
    let world = world();
    let mut silent = metric_alarm("cpu", 1, 1);
    silent.alarm_actions.clear();
    world.put(silent);
    let set = |state| {
        let book = world.alarms.book();
        let mut draft = super::engine::Draft::new(&book, world.alarms.place(), world.now())
            .telling(Some("shukuba:notices"));
        draft.set_state("cpu", state, String::new(), None).unwrap();
        let calls = draft.finish().1.actions;
        calls
            .into_iter()
            .map(|call| call.target)
            .collect::<Vec<_>>()
    };
    assert_eq!(set(State::Alarm), ["shukuba:notices"]);
    assert_eq!(set(State::Ok), [topic("ok"), "shukuba:notices".to_owned()]);
    assert_eq!(set(State::InsufficientData), Vec::<String>::new());
}

#[test]
fn scaling_runs_again_each_minute_while_the_state_lasts() {
    let world = world();
    world.values.set("cpu", Timestamp::EPOCH, Some(90.0));
    world.set("cpu", Some(90.0));
    let mut settings = metric_alarm("cpu", 1, 1);
    settings.alarm_actions = vec![
        "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:p:autoScalingGroupName/g:policyName/up".to_owned(),
        topic("ops"),
    ];
    world.put(settings);
    force(&world, "cpu", State::Alarm);
    assert_eq!(world.drain().len(), 2);
    world.values.set(
        "cpu",
        world.now().minus(Duration::from_secs(3600)),
        Some(90.0),
    );
    world.pass(181);
    let again = world.drain();
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(
        again
            .iter()
            .all(|shown| shown.starts_with("policyName/up")
                || shown.starts_with("autoScalingGroupName")),
        "{again:?}"
    );
}

#[test]
fn a_composite_alarm_follows_its_children() {
    let world = world();
    world.put(metric_alarm("a", 1, 1));
    world.put(metric_alarm("b", 1, 1));
    world.put(composite(
        "both",
        "ALARM(a) AND ALARM(\"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:b\")",
    ));
    assert_eq!(world.state("both"), "OK");
    let reason = |name: &str| {
        world
            .alarms
            .book()
            .alarm(name)
            .unwrap()
            .alarm
            .status
            .now
            .clone()
    };
    assert_eq!(
        reason("both").reason,
        "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:both was created and its alarm rule evaluates to OK"
    );
    assert_eq!(
        reason("both").data.unwrap(),
        r#"{"triggeringAlarms":[{"arn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a","state":{"timestamp":"2026-11-23T05:00:00.000+0000","value":"INSUFFICIENT_DATA"}},{"arn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:b","state":{"timestamp":"2026-11-23T05:00:00.000+0000","value":"INSUFFICIENT_DATA"}}]}"#
    );
    force(&world, "a", State::Alarm);
    assert_eq!(world.state("both"), "OK");
    force(&world, "b", State::Alarm);
    assert_eq!(world.state("both"), "ALARM");
    assert_eq!(
        reason("both").reason,
        "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:b transitioned to ALARM at Monday 23 November, 2026 05:00:00 UTC"
    );
    assert!(
        world
            .actions()
            .contains(&"ops: both OK -> ALARM".to_owned())
    );
    // What is set lasts until a child changes.
    force(&world, "both", State::Ok);
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.state("both"), "OK");
    force(&world, "a", State::Ok);
    force(&world, "a", State::Alarm);
    assert_eq!(world.state("both"), "ALARM");
    world.put(composite("both", "FALSE"));
    assert_eq!(world.state("both"), "OK");
    assert_eq!(
        reason("both").reason,
        "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:both was updated and its alarm rule evaluates to OK"
    );
}

#[test]
fn composite_alarms_over_each_other_change_once() {
    let world = world();
    world.put(metric_alarm("m", 1, 1));
    world.put(composite("left", "ALARM(m)"));
    world.put(composite("right", "NOT ALARM(m)"));
    // Always FALSE between changes: whoever evaluates it with one side old sees TRUE.
    world.put(composite("top", "ALARM(left) AND ALARM(right)"));
    world.drain();
    force(&world, "m", State::Alarm);
    force(&world, "m", State::Ok);
    let top: Vec<_> = world
        .actions()
        .into_iter()
        .filter(|shown| shown.contains("top"))
        .collect();
    assert_eq!(top, Vec::<String>::new());
    assert_eq!(
        (world.state("left"), world.state("right")),
        ("OK".to_owned(), "ALARM".to_owned())
    );
}

#[test]
fn a_cycle_is_accepted_stops_evaluation_and_blocks_deletion() {
    let world = world();
    world.put(metric_alarm("m", 1, 1));
    world.put(composite("a", "FALSE"));
    world.put(composite("b", "ALARM(a) OR ALARM(m)"));
    world.put(composite("a", "ALARM(b)"));
    force(&world, "m", State::Alarm);
    assert_eq!(world.state("b"), "OK");
    for (name, text) in [
        (
            "a",
            "Cannot delete a as there are composite alarm(s) depending on it.",
        ),
        (
            "b",
            "Cannot delete b as there are composite alarm(s) depending on it.",
        ),
        (
            "m",
            "Cannot delete m as there are composite alarm(s) depending on it.",
        ),
    ] {
        assert_eq!(refusal(world.alarms.delete(&names(&[name]))), text);
    }
    world.put(composite("a", "FALSE"));
    world.put(composite("b", "ALARM(m)"));
    assert_eq!(world.state("b"), "ALARM");
    let two = refusal(world.alarms.delete(&names(&["a", "b"])));
    assert_eq!(
        two,
        "Cannot delete more than one composite alarm in one request."
    );
    world.alarms.delete(&names(&["b", "m", "none"])).unwrap();
    world.put(composite("self", "FALSE"));
    world.put(composite("self", "ALARM(self)"));
    assert!(world.alarms.delete(&names(&["self"])).is_err());
}

#[test]
fn rules_name_alarms_that_are_there_and_not_in_too_many_rules() {
    let world = world();
    world.put(metric_alarm("m", 1, 1));
    assert_eq!(
        refusal(put(&world, composite("x", "ALARM(m) OR ALARM(gone)"))),
        "Could not save the composite alarm as alarms [gone] in the alarm rule do not exist"
    );
    let suppressor = put(&world, suppressed("x", "ALARM(m)", "gone", 1, 1));
    assert_eq!(
        refusal(suppressor),
        "Could not save the composite alarm as the actions suppressor gone does not exist"
    );
    world
        .alarms
        .change(|draft| {
            (0..150)
                .try_for_each(|i| draft.put(composite(&format!("c{i}"), "ALARM(m)"), Tags::new()))
        })
        .unwrap();
    let many = put(&world, composite("one-more", "ALARM(m)"));
    assert!(matches!(
        many,
        Err(Error::Refused(super::engine::Error::TooMany(_)))
    ));
    world.put(composite("c7", "NOT ALARM(m)"));
}

#[test]
fn a_suppressor_holds_actions_back_over_a_restart() {
    let world = world();
    world.put(metric_alarm("m", 1, 1));
    world.put(composite("s", "FALSE"));
    world.put(suppressed("c", "ALARM(m)", "s", 20, 30));
    // The first state waits for the suppressor as any other.
    world.pass(20);
    world.drain();
    force(&world, "m", State::Alarm);
    let own = |world: &World| -> Vec<String> {
        world
            .drain()
            .into_iter()
            .filter(|shown| shown.contains(" c "))
            .collect()
    };
    world.pass(10);
    force(&world, "s", State::Alarm);
    let world = world.reopen();
    world.pass(60);
    force(&world, "m", State::Alarm);
    assert_eq!(own(&world), Vec::<String>::new());
    let by = world
        .alarms
        .book()
        .alarm("c")
        .unwrap()
        .alarm
        .status
        .suppression
        .by();
    assert_eq!(by, Some("Alarm"));
    force(&world, "s", State::Ok);
    world.pass(29);
    assert_eq!(own(&world), Vec::<String>::new());
    let world = world.reopen();
    world.pass(1);
    assert_eq!(own(&world).len(), 1);
}

#[test]
fn what_a_suppressor_kept_back_runs_once_when_it_is_taken_away() {
    for (rule, expected) in [
        ("ALARM(m)", "ops: c OK -> ALARM"),
        ("NOT ALARM(m)", "ok: c ALARM -> OK"),
    ] {
        let world = world();
        world.put(metric_alarm("m", 1, 1));
        world.put(composite("s", "FALSE"));
        world.put(composite("c", "ALARM(m)"));
        world.put(suppressed("c", "ALARM(m)", "s", 60, 60));
        world
            .alarms
            .set_state("m", State::Alarm, String::new(), None)
            .unwrap();
        world.drain();
        world.put(composite("c", rule));
        assert_eq!(world.drain(), [expected], "{rule}");
        world.pass(61);
        let later = world.drain();
        assert!(!later.contains(&expected.to_owned()), "{later:?}");
    }
}

fn mute_rule(expression: &str, targets: &[&str]) -> mute::Settings {
    mute::Settings {
        name: "night".to_owned(),
        description: None,
        expression: expression.to_owned(),
        duration: "PT10M".to_owned(),
        timezone: Some("Asia/Tokyo".to_owned()),
        targets: Some(targets.iter().map(|target| (*target).to_owned()).collect()),
        start_ms: None,
        expire_ms: None,
    }
}

fn put_mute(world: &World, settings: mute::Settings) {
    world
        .alarms
        .change(|draft| draft.put_mute(settings, Tags::new()))
        .unwrap();
}

#[test]
fn a_muted_alarm_acts_after_the_window_if_its_state_is_another() {
    let world = world();
    world.put(composite("c", "FALSE"));
    world.put(composite("d", "FALSE"));
    world.drain();
    // The clock shows 14:00 in Tokyo.
    put_mute(&world, mute_rule("cron(0 14 * * *)", &["c", "d"]));
    force(&world, "c", State::Alarm);
    force(&world, "d", State::Alarm);
    world.pass(300);
    force(&world, "d", State::Ok);
    assert_eq!(world.actions(), Vec::<String>::new());
    assert_eq!(world.state("c"), "ALARM");
    let world = world.reopen();
    world.pass(299);
    assert_eq!(world.actions(), Vec::<String>::new());
    world.pass(1);
    let calls = world.alarms.pending_actions(0, 10).unwrap();
    assert_eq!(world.actions(), ["ops: c OK -> ALARM"]);
    let body: serde_json::Value = serde_json::from_str(&calls[0].sns_body).unwrap();
    assert_eq!(body["ActionExecutedAfterMuteWindow"], true);
    world.drain();
    force(&world, "c", State::Ok);
    let call = world.alarms.pending_actions(0, 10).unwrap().remove(0);
    let body: serde_json::Value = serde_json::from_str(&call.sns_body).unwrap();
    assert_eq!(body["ActionExecutedAfterMuteWindow"], false);
}

#[test]
fn deleting_a_mute_rule_ends_the_mute_at_once() {
    let world = world();
    world.put(composite("c", "FALSE"));
    world.drain();
    put_mute(&world, mute_rule("cron(0 14 * * *)", &["c"]));
    force(&world, "c", State::Alarm);
    assert_eq!(world.actions(), Vec::<String>::new());
    let delete = |world: &World| {
        world
            .alarms
            .change(|draft| {
                draft.delete_mute("night");
                Ok(())
            })
            .unwrap()
    };
    delete(&world);
    assert_eq!(world.drain(), ["ops: c OK -> ALARM"]);
    delete(&world);
    let gone = world
        .alarms
        .change(|draft| draft.put_mute(mute_rule("cron(0 14 * * *)", &["none"]), Tags::new()));
    assert!(matches!(
        gone,
        Err(Error::Refused(super::engine::Error::NoAlarm(_)))
    ));
}

#[test]
fn history_outlives_the_alarm_and_ends_after_fourteen_days() {
    let world = world();
    world.put(metric_alarm("m", 1, 1));
    force(&world, "m", State::Alarm);
    world.put(metric_alarm("mm", 1, 1));
    world.alarms.delete(&names(&["m"])).unwrap();
    let expected = [
        "Alarm \"m\" created",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        "Alarm \"m\" deleted",
    ];
    assert_eq!(history(&world, Some("m")), expected);
    assert_eq!(history(&world, None).len(), 4);
    world.clock.advance(Duration::from_secs(14 * 86_400));
    world.pass(1);
    assert_eq!(history(&world, Some("m")), Vec::<String>::new());
}

#[test]
fn history_is_given_in_pages_and_by_kind_and_time() {
    let world = world();
    world.put(metric_alarm("m", 1, 1));
    for i in 0..10 {
        world.clock.advance(Duration::from_secs(1));
        force(
            &world,
            "m",
            if i % 2 == 0 { State::Alarm } else { State::Ok },
        );
    }
    let mut question = Question {
        alarm: Some("m".to_owned()),
        alarm_kinds: vec!["MetricAlarm".to_owned()],
        kind: Some(ItemKind::StateUpdate),
        from: world.now().minus(Duration::from_secs(7)),
        to: world.now().minus(Duration::from_secs(1)),
        is_newest_first: true,
        after: None,
        most: 3,
    };
    for newest_first in [true, false] {
        question.is_newest_first = newest_first;
        question.after = None;
        let mut moments = Vec::new();
        loop {
            let answer = world.alarms.history(&question).unwrap();
            moments.extend(answer.items.iter().map(|item| item.at_ms));
            question.after = answer.next;
            if answer.next.is_none() {
                break;
            }
        }
        assert_eq!(moments.len(), 7);
        let mut sorted = moments.clone();
        sorted.sort_unstable();
        if newest_first {
            sorted.reverse();
        }
        assert_eq!(moments, sorted);
    }
}

#[test]
fn expressions_are_checked_when_they_are_put() {
    let world = world();
    let query = |id: &str| super::engine::settings::QueryText {
        id: id.to_owned(),
        stat: None,
        expression: Some("m1 + 1".to_owned()),
        label: None,
        is_returned: None,
        period_secs: Some(60),
        account: None,
    };
    let mut settings = metric_alarm("math", 1, 1);
    let watch = |settings: &mut Settings, id| {
        if let Kind::Metric(metric) = &mut settings.kind {
            metric.watched = Watched::Many(vec![query(id)]);
        }
    };
    watch(&mut settings, "wrong");
    assert_eq!(
        refusal(put(&world, settings.clone())),
        "Error in expression 'wrong'"
    );
    watch(&mut settings, "e1");
    world.values.set("e1", Timestamp::EPOCH, Some(51.0));
    world.put(settings);
    world.pass(1);
    assert_eq!(world.state("math"), "ALARM");
}

#[test]
fn tags_are_kept_and_bounded() {
    let world = world();
    let tags: BTreeMap<_, _> = [("team".to_owned(), "a".to_owned())].into();
    world.alarms.put(metric_alarm("m", 1, 1), tags).unwrap();
    let ignored: BTreeMap<_, _> = [("other".to_owned(), "x".to_owned())].into();
    world.alarms.put(metric_alarm("m", 1, 2), ignored).unwrap();
    let world = world.reopen();
    let tags = world.alarms.book().alarm("m").unwrap().alarm.tags.clone();
    assert_eq!(
        tags.into_iter().collect::<Vec<_>>(),
        [("team".to_owned(), "a".to_owned())]
    );
    let many: Tags = (0..51).map(|i| (format!("k{i}"), String::new())).collect();
    let of = super::engine::draft::muting::Tagged::Alarm("m".to_owned());
    let refused = world.alarms.change(|draft| draft.tag(&of, many, &[]));
    assert_eq!(
        refusal(refused),
        "There can be at most 50 tags, these would be 52."
    );
}

#[tokio::test]
async fn actions_run_in_order_and_one_that_waits_holds_back_its_own_alarm() {
    use futures_util::FutureExt;
    #[derive(Debug, Default)]
    struct Port(parking_lot::Mutex<Vec<String>>);
    impl super::Act for Port {
        fn act(&self, call: super::ActionCall) -> futures_util::future::BoxFuture<'_, Outcome> {
            let shown = format!("{} {}", call.alarm, call.state);
            let is_first = !self.0.lock().contains(&shown);
            self.0.lock().push(shown);
            let waits = is_first && call.alarm == "a";
            async move { if waits { Outcome::Later } else { Outcome::Done } }.boxed()
        }
    }
    let world = World::new();
    let alarms = std::sync::Arc::clone(&world.alarms);
    tokio::task::spawn_blocking(move || {
        for name in ["a", "b"] {
            alarms.put(metric_alarm(name, 1, 1), Tags::new()).unwrap();
        }
        for state in [State::Alarm, State::Ok] {
            for name in ["a", "b"] {
                alarms.set_state(name, state, String::new(), None).unwrap();
            }
        }
    })
    .await
    .unwrap();
    let port = Port::default();
    assert_eq!(world.alarms.run_actions(&port).await.unwrap(), 2);
    assert_eq!(*port.0.lock(), ["a ALARM", "b ALARM", "b OK"]);
    port.0.lock().clear();
    port.0
        .lock()
        .extend(["a ALARM".to_owned(), "a OK".to_owned()]);
    assert_eq!(world.alarms.run_actions(&port).await.unwrap(), 2);
    assert_eq!(world.alarms.run_actions(&port).await.unwrap(), 0);
    let ticked = world.alarms.evaluate_due(world.now()).await.unwrap();
    assert_eq!(ticked.evaluated, 2);
}
