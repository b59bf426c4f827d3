//! What goes wrong with a function, and what is left of it.

use std::time::Duration;

use shukuba_lambda::Outcome;
use shukuba_lambda::fleet::Refused;

use crate::bench::{Bench, call, runnable, runs, text, until, with, with_init};

fn kind(outcome: &Outcome) -> (&str, bool) {
    let error = outcome.error.as_ref().unwrap();
    (error.kind.as_str(), error.is_reported)
}

fn message(outcome: &Outcome) -> String {
    let json: serde_json::Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(json["errorType"], kind(outcome).0);
    let message = json["errorMessage"].as_str().unwrap();
    let (_, rest) = message.split_once(" Error: ").unwrap();
    rest.to_owned()
}

#[tokio::test]
async fn the_end_of_the_runtime_is_an_error_and_the_next_call_starts_anew() {
    let bench = Bench::new().await;
    for (command, said) in [
        ("exit 1", "Runtime exited with error: exit status 1"),
        ("exit 0", "Runtime exited without providing a reason"),
    ] {
        let outcome = bench.run(command).await;
        assert_eq!(kind(&outcome), ("Runtime.ExitError", false));
        assert_eq!(message(&outcome), said);
        let report = bench.world.texts().pop().unwrap();
        assert!(
            report.ends_with("Status: error\tError Type: Runtime.ExitError"),
            "{report}"
        );
    }
    assert_eq!(text(&bench.run("count").await), "1");
    bench.stop().await;
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed() {
    let bench = Bench::new().await;
    let slow = with(|settings| settings.timeout_secs = 1);
    let pid: u32 = text(&bench.run_with(&slow, "pid").await).parse().unwrap();
    let outcome = bench.run_with(&slow, "sleep 60000").await;
    assert_eq!(kind(&outcome), ("Sandbox.Timedout", false));
    assert_eq!(message(&outcome), "Task timed out after 1.00 seconds");
    assert!(outcome.report.billed_ms >= 1_000 && outcome.report.billed_ms < 3_000);
    let texts = bench.world.texts();
    assert!(
        texts
            .iter()
            .any(|line| line.ends_with(" Task timed out after 1.00 seconds"))
    );
    assert!(texts.last().unwrap().ends_with("Status: timeout"));
    assert!(!runs(pid));
    bench.stop().await;
}

#[tokio::test]
async fn what_a_function_began_ends_with_it_wherever_it_went() {
    let bench = Bench::new().await;
    let answer = text(&bench.run("children").await);
    let pids: Vec<u32> = answer.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.iter().all(|pid| runs(*pid)));
    bench.run("exit 1").await;
    until("the end of the children", || {
        !pids.iter().any(|pid| runs(*pid))
    })
    .await;
    bench.stop().await;
}

#[tokio::test]
async fn stopping_leaves_nothing_behind() {
    let bench = Bench::new().await;
    let answer = text(&bench.run("children").await);
    let pids: Vec<u32> = answer.split(' ').map(|pid| pid.parse().unwrap()).collect();
    let fleet = std::sync::Arc::clone(&bench.fleet);
    let running = tokio::spawn(async move { fleet.invoke(&runnable(), call("sleep 60000")).await });
    let name = runnable().name;
    until("a call that runs", || bench.fleet.running(&name) == 1).await;
    bench.fleet.stop(Duration::from_millis(100)).await;
    assert!(matches!(running.await.unwrap(), Err(Refused::Stopping)));
    assert!(!pids.iter().any(|pid| runs(*pid)));
    assert_eq!(std::fs::read_dir(bench.work.path()).unwrap().count(), 0);
    let refused = bench.fleet.invoke(&runnable(), call("echo")).await;
    assert!(matches!(refused, Err(Refused::Stopping)));
}

#[tokio::test]
async fn a_stop_waits_for_what_runs() {
    let bench = Bench::new().await;
    let fleet = std::sync::Arc::clone(&bench.fleet);
    let running = tokio::spawn(async move { fleet.invoke(&runnable(), call("sleep 300")).await });
    let name = runnable().name;
    until("a call that runs", || bench.fleet.running(&name) == 1).await;
    bench.fleet.stop(Duration::from_secs(30)).await;
    assert_eq!(running.await.unwrap().unwrap().error, None);
}

#[tokio::test]
async fn a_dropped_fleet_kills_its_environments() {
    let bench = Bench::new().await;
    let pid: u32 = text(&bench.run("pid").await).parse().unwrap();
    assert!(runs(pid));
    drop(bench);
    until("the end of the process", || !runs(pid)).await;
}

#[tokio::test]
async fn a_start_that_fails_is_tried_again_within_the_call() {
    let bench = Bench::new().await;
    let outcome = bench.run_with(&with_init("flaky", 10), "echo again").await;
    assert_eq!(text(&outcome), "\"again\"");
    assert_eq!(outcome.report.init, None);
    let first = bench.world.texts()[0].clone();
    assert!(first.starts_with("INIT_REPORT Init Duration: "), "{first}");
    assert!(
        first.ends_with(" ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"),
        "{first}"
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_start_that_fails_twice_is_the_call_s_error() {
    let bench = Bench::new().await;
    let outcome = bench.run_with(&with_init("exit", 10), "echo").await;
    assert_eq!(kind(&outcome), ("Runtime.ExitError", false));
    assert_eq!(
        message(&outcome),
        "Runtime exited with error: exit status 7"
    );
    let texts = bench.world.texts();
    let shapes: Vec<&str> = texts
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        shapes,
        [
            "starting",
            "INIT_REPORT",
            "starting",
            "INIT_REPORT",
            "START",
            "RequestId:",
            "Runtime.ExitError",
            "END",
            "REPORT"
        ]
    );
    assert!(texts[3].contains("\tPhase: invoke\t"), "{}", texts[3]);
    bench.stop().await;
}

#[tokio::test]
async fn what_a_runtime_says_of_its_start_is_what_the_caller_is_told() {
    let bench = Bench::new().await;
    let outcome = bench.run_with(&with_init("error", 10), "echo").await;
    assert_eq!(kind(&outcome), ("Probe.Init", false));
    assert_eq!(
        text(&outcome),
        r#"{"errorMessage":"no configuration","errorType":"Probe.Init"}"#
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_start_without_end_is_ended_by_the_function_s_time() {
    let bench = Bench::with(|config| config.init_max = Duration::from_millis(300)).await;
    let outcome = bench.run_with(&with_init("hang", 1), "echo").await;
    assert_eq!(message(&outcome), "Task timed out after 1.00 seconds");
    let first = bench.world.texts()[0].clone();
    assert!(first.ends_with("Phase: init\tStatus: timeout"), "{first}");
    bench.stop().await;
}

#[tokio::test]
async fn a_package_without_a_program_is_told_in_aws_words() {
    let bench = Bench::new().await;
    bench.empty_package();
    let outcome = bench.run("echo").await;
    assert_eq!(kind(&outcome), ("Runtime.InvalidEntrypoint", false));
    assert_eq!(
        message(&outcome),
        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    );
    bench.stop().await;
}

#[tokio::test]
async fn more_memory_than_it_has_ends_a_function() {
    let bench = Bench::new().await;
    let outcome = bench.run("alloc 300").await;
    assert_eq!(kind(&outcome), ("Runtime.OutOfMemory", false));
    assert_eq!(
        message(&outcome),
        "Runtime exited with error: signal: killed"
    );
    let large = with(|settings| settings.memory_mib = 512);
    let outcome = bench.run_with(&large, "alloc 200").await;
    assert_eq!(outcome.error, None);
    assert!(outcome.report.memory_used_mib >= 200 && outcome.report.memory_used_mib < 260);
    bench.stop().await;
}

#[tokio::test]
async fn more_files_than_it_may_have_end_a_function() {
    let bench = Bench::new().await;
    let little = with(|settings| settings.storage_mib = 8);
    let outcome = bench.run_with(&little, "fill 16").await;
    assert_eq!(kind(&outcome), ("Runtime.ExitError", false));
    assert!(
        bench
            .world
            .texts()
            .iter()
            .any(|line| line.contains("ephemeral storage"))
    );
    bench.stop().await;
}

#[tokio::test]
async fn an_answer_counts_though_the_runtime_ends_after_it() {
    let bench = Bench::new().await;
    let outcome = bench.run("answer-exit").await;
    assert_eq!((text(&outcome).as_str(), &outcome.error), ("1", &None));
    assert_eq!(text(&bench.run("count").await), "1");
    bench.stop().await;
}

#[tokio::test]
async fn an_answer_is_not_held_up_by_what_the_runtime_does_after_it() {
    let bench = Bench::new().await;
    let outcome = bench.run("late 400").await;
    assert!(outcome.report.duration < Duration::from_millis(400));
    // Meanwhile another environment serves; later the first one does again.
    assert_eq!(text(&bench.run("count").await), "1");
    bench.stop().await;
}

#[tokio::test]
async fn a_role_that_does_not_trust_functions_is_told() {
    let bench = Bench::new().await;
    *bench.world.is_trusted.lock() = false;
    let refused = bench
        .fleet
        .invoke(&runnable(), call("echo"))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Role(_)), "{refused}");
    assert_eq!(bench.fleet.running(&runnable().name), 0);
    bench.stop().await;
}

#[tokio::test]
async fn a_process_that_dies_while_it_waits_is_replaced_unseen() {
    let bench = Bench::new().await;
    let number: u32 = text(&bench.run("pid").await).parse().unwrap();
    let pid = rustix::process::Pid::from_raw(number.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until("its end", || !runs(number)).await;
    assert_eq!(text(&bench.run("count").await), "1");
    bench.stop().await;
}
