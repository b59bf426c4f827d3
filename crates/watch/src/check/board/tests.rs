use super::*;
use crate::check::state::Kind::{FlappingStart, Problem, Recovery, Removed};

struct Bench {
    dir: tempfile::TempDir,
    board: Board,
    number: u64,
}

fn open(dir: &tempfile::TempDir) -> Board {
    Board::new(Arc::new(Tables::open(dir.path(), TABLES).unwrap()))
}

fn rules(attempts: u32, fresh_secs: u64) -> Rules {
    Rules {
        attempts,
        fresh_for: Duration::from_secs(fresh_secs),
        notify: vec!["ops".to_owned()],
        ..Rules::default()
    }
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn kinds(events: &[Event]) -> Vec<(String, Kind)> {
    events
        .iter()
        .map(|event| (event.check.clone(), event.kind))
        .collect()
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let board = open(&dir);
        Self {
            dir,
            board,
            number: 0,
        }
    }

    /// The process is gone and another begins.
    fn restart(self) -> Self {
        let Self { dir, board, number } = self;
        drop(board);
        let board = open(&dir);
        Self { dir, board, number }
    }

    async fn assign(&self, id: &str, name: &str, checks: &[(&str, Rules)]) -> Vec<Event> {
        let host = Host {
            name: name.to_owned(),
            ..Host::default()
        };
        let checks = checks
            .iter()
            .map(|(name, rules)| ((*name).to_owned(), rules.clone()));
        self.board
            .assign(id, host, checks.collect(), at(0))
            .await
            .unwrap()
    }

    fn result(&mut self, check: &str, secs: u64, status: Status) -> Report {
        self.number += 1;
        let outcome = Outcome::of(status, format!("{status} at {secs}"));
        Report::of(
            check,
            format!("r{}", self.number),
            self.number,
            at(secs),
            5,
            &outcome,
        )
    }

    async fn report(&mut self, host: &str, check: &str, secs: u64, status: Status) -> Reported {
        let result = self.result(check, secs, status);
        self.board.report(host, vec![result]).await.unwrap()
    }
}

#[tokio::test]
async fn a_result_its_state_and_its_event_survive_a_restart_together() {
    let mut bench = Bench::new();
    bench.assign("i-1", "web-1", &[("load", rules(2, 0))]).await;
    let soft = bench.report("i-1", "load", 10, Status::Critical).await;
    assert_eq!((soft.events.len(), soft.soft), (0, vec!["load".to_owned()]));
    let mut bench = bench.restart();
    let hard = bench.report("i-1", "load", 20, Status::Critical).await;
    assert_eq!(hard.events[0].id, "i-1/load@0#1");
    assert_eq!(hard.events[0].host_name, "web-1");
    assert_eq!(hard.events[0].notify, ["ops"]);
    assert_eq!(hard.metrics[0].value, 2.0);
    let bench = bench.restart();
    assert_eq!(bench.board.pending(10).unwrap(), hard.events);
    bench.board.done("i-1/load@0#1").await.unwrap();
    bench.board.done("i-1/load@0#1").await.unwrap();
    assert_eq!(bench.board.pending(10).unwrap(), []);
    let history = bench.board.history("i-1", "load", 10).unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|entry| (entry.is_hard, entry.told.clone()))
        .collect();
    assert_eq!(told, [(true, vec![Problem]), (false, vec![])]);
}

#[tokio::test]
async fn a_result_that_comes_twice_counts_once() {
    let mut bench = Bench::new();
    bench
        .assign(
            "i-1",
            "web-1",
            &[("load", rules(2, 0)), ("backup", rules(1, 0))],
        )
        .await;
    let first = bench.result("load", 10, Status::Critical);
    let sent = vec![first.clone(), first.clone()];
    let reported = bench.board.report("i-1", sent).await.unwrap();
    assert_eq!((reported.repeated, reported.events.len()), (1, 0));
    assert_eq!(
        bench
            .board
            .report("i-1", vec![first])
            .await
            .unwrap()
            .repeated,
        1
    );
    // Those who do not count are known by their ids.
    let mut passive = bench.result("backup", 11, Status::Critical);
    passive.number = 0;
    assert_eq!(
        bench
            .board
            .report("i-1", vec![passive.clone()])
            .await
            .unwrap()
            .events
            .len(),
        1
    );
    assert_eq!(
        bench
            .board
            .report("i-1", vec![passive])
            .await
            .unwrap()
            .repeated,
        1
    );
}

#[tokio::test]
async fn what_a_host_does_not_check_is_told_back() {
    let mut bench = Bench::new();
    bench.assign("i-1", "web-1", &[]).await;
    let reported = bench.report("i-1", "load", 10, Status::Ok).await;
    assert_eq!(reported.unknown, ["load"]);
    assert_eq!(
        bench
            .report("i-1", HOST, 10, Status::Critical)
            .await
            .unknown,
        [HOST]
    );
    let host = Host::default();
    let bad = bench
        .board
        .assign(
            "i-1",
            host,
            BTreeMap::from([("a\0b".to_owned(), rules(1, 0))]),
            at(0),
        )
        .await;
    assert!(matches!(bad, Err(Error::BadName(_))));
}

#[tokio::test]
async fn a_result_that_does_not_come_is_missed() {
    let mut bench = Bench::new();
    bench
        .assign(
            "i-1",
            "web-1",
            &[("backup", rules(1, 60)), ("load", rules(1, 0))],
        )
        .await;
    assert_eq!(bench.board.tick(at(60)).await.unwrap().events, []);
    let missed = bench.board.tick(at(61)).await.unwrap();
    assert_eq!(kinds(&missed.events), [("backup".to_owned(), Problem)]);
    assert_eq!(missed.events[0].text, "no result within 1m");
    assert_eq!(missed.events[0].status, Status::Unknown);
    assert_eq!(
        bench.board.tick(at(121)).await.unwrap().events,
        [],
        "told once"
    );
    let back = bench.report("i-1", "backup", 130, Status::Ok).await;
    assert_eq!(kinds(&back.events), [("backup".to_owned(), Recovery)]);
    assert_eq!(
        bench.board.tick(at(190)).await.unwrap(),
        Reported::default()
    );
    let again = bench.board.tick(at(191)).await.unwrap();
    assert_eq!(
        again.events[0].text,
        "no result within 1m; the last is of 1970-01-01T00:02:10Z"
    );
}

#[tokio::test]
async fn after_a_restart_of_the_server_what_was_kept_may_still_come() {
    let bench = Bench::new();
    bench
        .assign("i-1", "web-1", &[("backup", rules(1, 86_400))])
        .await;
    let mut bench = bench.restart();
    bench.board.resume(at(90_000)).await.unwrap();
    assert_eq!(bench.board.tick(at(90_100)).await.unwrap().events, []);
    bench.report("i-1", "backup", 80_000, Status::Ok).await;
    assert_eq!(bench.board.tick(at(90_181)).await.unwrap().events, []);
}

#[tokio::test]
async fn a_silent_host_is_told_and_its_checks_are_not() {
    let mut bench = Bench::new();
    bench
        .assign("i-1", "web-1", &[("load", rules(1, 60))])
        .await;
    let gone = bench
        .board
        .on_host_gone("i-1", "silent for 1m", at(50))
        .await
        .unwrap();
    assert_eq!(kinds(&gone), [(HOST.to_owned(), Problem)]);
    assert_eq!(bench.board.tick(at(70)).await.unwrap().events, []);
    assert_eq!(
        bench
            .report("i-1", "load", 80, Status::Critical)
            .await
            .events,
        []
    );
    let held = bench.board.check("i-1", "load").unwrap().unwrap();
    assert_eq!(held.state.held_by.as_deref(), Some("i-1"));
    assert_eq!(
        kinds(&bench.board.on_host_back("i-1", at(90)).await.unwrap()),
        [(HOST.to_owned(), Recovery)]
    );
    let now = bench.report("i-1", "load", 100, Status::Critical).await;
    assert_eq!(kinds(&now.events), [("load".to_owned(), Problem)]);
    assert!(matches!(
        bench.board.on_host_back("i-9", at(90)).await,
        Err(Error::CheckNotFound { .. })
    ));
}

#[tokio::test]
async fn checks_behind_a_router_are_silent_while_it_is_down() {
    let mut bench = Bench::new();
    let behind = |depends_on: &str| Rules {
        depends_on: vec![depends_on.to_owned()],
        ..rules(1, 0)
    };
    bench
        .assign("i-r", "router", &[("ping", rules(3, 0))])
        .await;
    bench
        .assign(
            "i-1",
            "web-1",
            &[("http", behind("router/ping")), ("page", behind("http"))],
        )
        .await;
    // The router's problem is still soft; that is enough.
    bench.report("i-r", "ping", 10, Status::Critical).await;
    let http = bench.result("http", 11, Status::Critical);
    let page = bench.result("page", 11, Status::Critical);
    let reported = bench.board.report("i-1", vec![http, page]).await.unwrap();
    assert_eq!(reported.events, []);
    // The router is well again: what lasts is told, the cause alone.
    bench.report("i-r", "ping", 20, Status::Ok).await;
    assert_eq!(
        kinds(
            &bench
                .report("i-1", "page", 21, Status::Critical)
                .await
                .events
        ),
        []
    );
    assert_eq!(
        kinds(
            &bench
                .report("i-1", "http", 21, Status::Critical)
                .await
                .events
        ),
        [("http".to_owned(), Problem)]
    );
    assert_eq!(
        bench
            .board
            .check("i-1", "page")
            .unwrap()
            .unwrap()
            .state
            .held_by
            .as_deref(),
        Some("http")
    );
}

#[tokio::test]
async fn a_host_behind_a_silent_parent_is_not_told() {
    let bench = Bench::new();
    bench.assign("i-r", "router", &[]).await;
    let host = Host {
        name: "web-1".to_owned(),
        parents: vec!["router".to_owned()],
        hash: "h".to_owned(),
    };
    bench
        .board
        .assign("i-1", host, BTreeMap::new(), at(0))
        .await
        .unwrap();
    assert_eq!(
        bench
            .board
            .on_host_gone("i-r", "silent", at(10))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        bench
            .board
            .on_host_gone("i-1", "silent", at(11))
            .await
            .unwrap(),
        []
    );
    assert_eq!(bench.board.host("i-1").unwrap().unwrap().hash, "h");
}

#[tokio::test]
async fn what_is_removed_takes_its_problem_with_it() {
    let mut bench = Bench::new();
    bench
        .assign(
            "i-1",
            "web-1",
            &[("load", rules(1, 60)), ("disk", rules(1, 0))],
        )
        .await;
    bench.report("i-1", "load", 10, Status::Critical).await;
    let removed = bench.assign("i-1", "web-1", &[("disk", rules(1, 0))]).await;
    assert_eq!(kinds(&removed), [("load".to_owned(), Removed)]);
    assert_eq!(bench.board.history("i-1", "load", 10).unwrap(), []);
    assert_eq!(
        bench.board.tick(at(1000)).await.unwrap(),
        Reported::default()
    );
    bench.report("i-1", "disk", 20, Status::Warning).await;
    let left = bench.board.on_host_left("i-1", at(30)).await.unwrap();
    assert_eq!(kinds(&left), [("disk".to_owned(), Removed)]);
    assert_eq!(bench.board.list(None, None, 10).unwrap(), []);
    assert_eq!(bench.board.host("i-1").unwrap(), None);
}

#[tokio::test]
async fn a_problem_is_taken_on_once_it_is_there() {
    let mut bench = Bench::new();
    bench.assign("i-1", "web-1", &[("load", rules(1, 0))]).await;
    let by = Acknowledged {
        by: "hanako".to_owned(),
        comment: "looking".to_owned(),
        is_sticky: true,
        at: at(20),
    };
    let none = bench.board.acknowledge("i-1", "load", by.clone()).await;
    assert!(matches!(none, Err(Error::NoProblem { .. })));
    bench.report("i-1", "load", 10, Status::Critical).await;
    let events = bench.board.acknowledge("i-1", "load", by).await.unwrap();
    assert_eq!(
        (events[0].kind, events[0].text.as_str()),
        (Kind::Acknowledged, "hanako: looking")
    );
    let listed = bench.board.list(Some("i-1"), None, 10).unwrap();
    let names: Vec<_> = listed.iter().map(|listed| listed.check.as_str()).collect();
    assert_eq!(names, [HOST, "load"]);
    assert_eq!(
        bench
            .board
            .list(None, Some(("i-1", HOST)), 10)
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn history_is_bounded_and_flapping_is_an_event() {
    let mut bench = Bench::new();
    let flapping = Rules {
        flapping: Some((5.0, 20.0)),
        ..rules(1, 0)
    };
    bench.assign("i-1", "web-1", &[("load", flapping)]).await;
    let mut results = Vec::new();
    for second in 0..HISTORY_MAX + 50 {
        let status = if second % 2 == 0 {
            Status::Critical
        } else {
            Status::Ok
        };
        results.push(bench.result("load", second, status));
    }
    let reported = bench.board.report("i-1", results).await.unwrap();
    assert_eq!(reported.events.last().unwrap().kind, FlappingStart);
    let history = bench.board.history("i-1", "load", 1_000).unwrap();
    assert_eq!(history.len() as u64, HISTORY_MAX);
    assert_eq!(history[0].at, at(HISTORY_MAX + 49));
    let many = vec![bench.result("load", 1, Status::Ok); RESULTS_MAX + 1];
    assert!(matches!(
        bench.board.report("i-1", many).await,
        Err(Error::TooMany { .. })
    ));
}

#[tokio::test]
async fn graphs_are_kept_with_their_checks_and_go_with_them() {
    let bench = Bench::new();
    let graph = |title: &str| Graph {
        name: "g".to_owned(),
        title: title.to_owned(),
        series: vec![super::super::plugin::Series::default()],
        ..Graph::default()
    };
    let graphs = |said: &[(&str, &str)]| -> BTreeMap<String, Vec<Graph>> {
        said.iter()
            .map(|(check, title)| ((*check).to_owned(), vec![graph(title)]))
            .collect()
    };
    let two = [("disk", rules(1, 0)), ("load", rules(1, 0))];
    bench.assign("i-1", "web-1", &two).await;
    let said = graphs(&[("disk", "Disk"), ("load", "Load"), ("nobody's", "X")]);
    bench.board.draw("i-1", said).await.unwrap();
    let bench = bench.restart();
    let expected = graphs(&[("disk", "Disk"), ("load", "Load")]);
    assert_eq!(bench.board.graphs("i-1", 10).unwrap(), expected);
    assert_eq!(bench.board.graphs("i-1", 1).unwrap().len(), 1);
    assert!(bench.board.graphs("i-10", 10).unwrap().is_empty());
    // What is said later holds; what is not said any more is gone.
    let said = graphs(&[("load", "Load average")]);
    bench.board.draw("i-1", said.clone()).await.unwrap();
    assert_eq!(bench.board.graphs("i-1", 10).unwrap(), said);
    bench.assign("i-1", "web-1", &two[..1]).await;
    assert!(bench.board.graphs("i-1", 10).unwrap().is_empty());
    bench
        .board
        .draw("i-1", graphs(&[("disk", "Disk")]))
        .await
        .unwrap();
    bench.board.on_host_left("i-1", at(9)).await.unwrap();
    assert!(bench.board.graphs("i-1", 10).unwrap().is_empty());
}
