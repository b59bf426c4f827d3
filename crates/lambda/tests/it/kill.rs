//! What is left when the server is killed, and what the next one makes of it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use base::SystemClock;
use shukuba_lambda::Fleet;

use crate::bench::{World, call, config, package, ports, runnable, runs, text, until};

const WORK: &str = "SHUKUBA_TEST_WORK";

/// The server of the test below, when that runs this binary; else nothing.
#[tokio::test]
async fn the_server_that_is_killed() {
    let Ok(work) = std::env::var(WORK) else {
        return;
    };
    let package = package();
    let world = Arc::new(World::default());
    *world.package.lock() = package.path().to_owned();
    *world.is_trusted.lock() = true;
    let ports = ports(&world, Arc::new(SystemClock::new()));
    let fleet = Arc::new(Fleet::start(config(work.as_ref()), ports).await.unwrap());
    let mut other = runnable();
    other.version = "1".to_owned();
    let waits = fleet.invoke(&runnable(), call("pid")).await.unwrap();
    let busy = fleet.invoke(&other, call("pid")).await.unwrap();
    let running = Arc::clone(&fleet);
    tokio::spawn(async move { running.invoke(&other, call("sleep 8000")).await });
    until("a call that runs", || {
        world
            .texts()
            .iter()
            .filter(|line| line.starts_with("START"))
            .count()
            == 3
    })
    .await;
    println!("\npids {} {}", text(&waits), text(&busy));
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_server_leaves_nothing_that_the_next_one_does_not_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::the_server_that_is_killed", "--nocapture"])
        .env(WORK, dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("pids ").map(str::to_owned))
        .unwrap();
    let pids: Vec<u32> = line.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.iter().all(|pid| runs(*pid)));
    server.kill().unwrap();
    server.wait().unwrap();
    // The one that was busy goes on for now.
    assert!(runs(pids[1]));
    let world = Arc::new(World::default());
    let fleet = Fleet::start(
        config(dir.path()),
        ports(&world, Arc::new(SystemClock::new())),
    )
    .await
    .unwrap();
    until("the end of both", || !pids.iter().any(|pid| runs(*pid))).await;
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    drop(fleet);
}
