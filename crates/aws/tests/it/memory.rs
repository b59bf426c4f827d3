//! [`memory_at`] keeps the contract of scalers' memories in buckets of real servers, and what notifiers tell is heard there.

use std::time::Duration;

use aws::{Account, memory_at, read_object, reports_at};
use base::{Clock, SystemClock};
use delivery::contract::scaler_memory;
use delivery::port::{Life, Memory, StartEvent};
use delivery::share::Share;

use crate::server::{Kind, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_the_contract_of_memories() {
    for kind in [Kind::Ours, Kind::Moto] {
        let server = Server::of(kind).await;
        let account = server.account().at(&server.endpoint);
        server.bucket("memories").await;
        scaler_memory(&memory_at(&account, "s3://memories/scaler").unwrap()).await;
        scaler_memory(&memory_at(&account, "s3://memories").unwrap()).await;
        let state = read_object(&account, "s3://memories/scaler/state.json").await;
        assert!(state.unwrap().starts_with(b"{"));
        let none = read_object(&account, "s3://memories/none").await;
        assert!(!none.unwrap_err().is_passing());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notifier_is_heard_until_its_deadline() {
    for kind in [Kind::Ours, Kind::Moto] {
        let server = Server::of(kind).await;
        let account = server.account().at(&server.endpoint);
        server.bucket("reports").await;
        let reports = reports_at(&account, "s3://reports/scaler").unwrap();
        let now = SystemClock::new().now();
        let event = |index, secs| StartEvent {
            route: "s2s".to_owned(),
            plan: 3,
            index,
            count: 2,
            share: Share::WHOLE,
            deadline_ms: now.plus(Duration::from_secs(secs)).as_millis(),
        };
        let (lives, ended) = (event(0, 300), event(1, 60));
        let telling = reports.keep_telling(&lives, || vec!["a.example".into()]);
        let told = tokio::time::timeout(Duration::from_secs(3), telling).await;
        assert!(told.is_err(), "it tells for as long as it lives");
        reports.tell_end(&ended).await;
        let heard = reports.heard("s2s", now).await.unwrap();
        let mut found: Vec<_> = heard
            .reports
            .iter()
            .map(|one| (one.index, one.life))
            .collect();
        found.sort_by_key(|(index, _)| *index);
        assert_eq!(found, [(0, Life::Lives), (1, Life::Ended)]);
        assert!(heard.destinations.iter().eq(["a.example"]));
        for report in &heard.reports {
            // The server is on this machine: its clock is ours, to the second that S3 tells.
            assert!(report.at.plus(Duration::from_secs(2)) >= now);
        }
        let late = now.plus(Duration::from_secs(61));
        assert_eq!(reports.heard("s2s", late).await.unwrap().reports.len(), 1);
        let none = reports.heard("other", now).await.unwrap();
        assert!(none.reports.is_empty() && none.destinations.is_empty());
    }
}

#[tokio::test]
async fn a_memory_that_cannot_be_reached_is_an_error_and_not_a_fresh_one() {
    let account = Account::with_key("id", "secret", "eu-west-1").unwrap();
    for folder in ["folder", "file:///folder", "http://host/scaler"] {
        assert!(!memory_at(&account, folder).unwrap_err().is_passing());
    }
    let server = Server::start().await;
    let account = server.account().at(&server.endpoint);
    let missing = memory_at(&account, "s3://none/scaler").unwrap();
    let saved = missing.save(&Default::default(), &Default::default()).await;
    assert!(saved.is_err(), "{saved:?}");
}
