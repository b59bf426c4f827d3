//! How many run at once, and which environment serves.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, SystemClock};
use shukuba_lambda::fleet::{Refused, Throttle};
use tokio::task::JoinSet;

use crate::bench::{Bench, call, runnable, runs, text, until, with};

#[tokio::test]
async fn calls_at_once_have_environments_of_their_own() {
    let bench = Bench::new().await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let fleet = Arc::clone(&bench.fleet);
        calls.spawn(async move { fleet.invoke(&runnable(), call("sleep 300")).await.unwrap() });
    }
    let outcomes = calls.join_all().await;
    assert!(outcomes.iter().all(|outcome| outcome.report.init.is_some()));
    assert_eq!(std::fs::read_dir(bench.work.path()).unwrap().count(), 8);
    assert_eq!(bench.fleet.running(&runnable().name), 0);
    bench.stop().await;
}

#[tokio::test]
async fn reserved_concurrency_bounds_a_function() {
    let bench = Bench::new().await;
    let mut bound = runnable();
    bound.reserved = Some(1);
    let (fleet, first) = (Arc::clone(&bench.fleet), bound.clone());
    let running = tokio::spawn(async move { fleet.invoke(&first, call("sleep 400")).await });
    until("a call that runs", || bench.fleet.running(&bound.name) == 1).await;
    let refused = bench.fleet.invoke(&bound, call("echo")).await.unwrap_err();
    assert_eq!(refused, Refused::Throttled(Throttle::Reserved));
    assert!(running.await.unwrap().is_ok());
    bound.reserved = Some(0);
    let refused = bench.fleet.invoke(&bound, call("echo")).await.unwrap_err();
    assert_eq!(refused, Refused::Throttled(Throttle::Reserved));
    assert_eq!(bench.world.count("Throttles").0, 2.0);
    bench.stop().await;
}

#[tokio::test]
async fn what_others_have_reserved_is_not_shared() {
    let bench = Bench::with(|config| config.concurrency = 10).await;
    bench.fleet.set_reserved(10);
    let refused = bench
        .fleet
        .invoke(&runnable(), call("echo"))
        .await
        .unwrap_err();
    assert_eq!(refused, Refused::Throttled(Throttle::Concurrency));
    bench.stop().await;
}

#[tokio::test]
async fn a_newer_revision_ends_the_environments_of_the_older() {
    let bench = Bench::new().await;
    let pid: u32 = text(&bench.run("pid").await).parse().unwrap();
    let mut newer = runnable();
    newer.revision = 2;
    assert_eq!(text(&bench.run_with(&newer, "count").await), "1");
    until("the end of the older", || !runs(pid)).await;
    bench.fleet.forget(&newer.name);
    until("the end of all", || {
        std::fs::read_dir(bench.work.path()).unwrap().count() == 0
    })
    .await;
    bench.stop().await;
}

#[tokio::test]
async fn an_environment_that_waits_too_long_ends() {
    let bench = Bench::with(|config| config.idle = Duration::from_millis(50)).await;
    let pid: u32 = text(&bench.run("pid").await).parse().unwrap();
    until("the end of the process", || !runs(pid)).await;
    until("the end of its folder", || {
        std::fs::read_dir(bench.work.path()).unwrap().count() == 0
    })
    .await;
    assert_eq!(text(&bench.run("count").await), "1");
    bench.stop().await;
}

#[tokio::test]
async fn an_environment_that_waits_makes_room_for_another_function() {
    let bench = Bench::with(|config| config.environments_max = 1).await;
    let pid: u32 = text(&bench.run("pid").await).parse().unwrap();
    let other = with(|settings| settings.memory_mib = 256);
    let other = shukuba_lambda::Runnable {
        version: "1".to_owned(),
        ..other
    };
    assert_eq!(text(&bench.run_with(&other, "count").await), "1");
    until("the end of the first", || !runs(pid)).await;
    bench.stop().await;
}

#[tokio::test]
async fn credentials_that_end_soon_end_their_environment() {
    let bench = Bench::new().await;
    let now = SystemClock::new().now();
    *bench.world.keys_until.lock() = Some(now.plus(Duration::from_secs(30)));
    assert_eq!(text(&bench.run("count").await), "1");
    *bench.world.keys_until.lock() = None;
    assert_eq!(text(&bench.run("count").await), "1");
    assert_eq!(text(&bench.run("count").await), "2");
    bench.stop().await;
}

#[tokio::test]
async fn a_call_goes_on_when_who_asked_is_gone() {
    let bench = Bench::new().await;
    let fleet = Arc::clone(&bench.fleet);
    let asking = tokio::spawn(async move { fleet.invoke(&runnable(), call("sleep 200")).await });
    until("a call that runs", || {
        bench
            .world
            .texts()
            .iter()
            .any(|line| line.starts_with("START"))
    })
    .await;
    asking.abort();
    until("its end", || {
        bench
            .world
            .texts()
            .iter()
            .any(|line| line.starts_with("REPORT"))
    })
    .await;
    until("its place", || bench.fleet.running(&runnable().name) == 0).await;
    assert_eq!(text(&bench.run("count").await), "2");
    bench.stop().await;
}
