use std::collections::BTreeSet;

use async_trait::async_trait;
use base::{ManualClock, Timestamp};

use super::super::protocol::{
    Batch, Command, Definitions, Goodbye, LinkRequest, SyncAnswer, SyncRequest, What,
};
use super::*;
use crate::check::Status;
use crate::check::board::{Board, Host, TABLES};
use crate::check::config::Form;

/// A server with a real board, that can be away and can lose its answers.
#[derive(Debug)]
struct Fake {
    board: Board,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    is_away: bool,
    loses_answers: bool,
    loses_puts: bool,
    joins: Vec<String>,
    requests: Vec<SyncRequest>,
    answers: Vec<SyncAnswer>,
    batches: Vec<Batch>,
    goodbyes: usize,
    repeated: usize,
    unknown: BTreeSet<String>,
}

impl Fake {
    fn new(dir: &tempfile::TempDir) -> Arc<Self> {
        let tables = store::Tables::open(&dir.path().join("tables"), TABLES).unwrap();
        Arc::new(Self {
            board: Board::new(Arc::new(tables)),
            inner: Mutex::default(),
        })
    }

    fn reach(&self) -> Result<(), Failed> {
        match self.inner.lock().is_away {
            true => Err(Failed::Away("connection refused".to_owned())),
            false => Ok(()),
        }
    }

    fn answered<T>(&self, answer: T) -> Result<T, Failed> {
        match self.inner.lock().loses_answers {
            true => Err(Failed::Away("the answer is lost".to_owned())),
            false => Ok(answer),
        }
    }

    fn set(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner.lock());
    }

    /// Waits until something is so; with the clock paused this is no real time.
    async fn until(&self, what: &str, is_so: impl Fn(&Inner) -> bool) {
        for _ in 0..20_000 {
            if is_so(&self.inner.lock()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: {:#?}", self.inner.lock());
    }
}

#[async_trait]
impl Server for Fake {
    async fn join(&self, request: JoinRequest) -> Result<Joined, Failed> {
        self.reach()?;
        self.inner.lock().joins.push(request.id);
        self.answered(Joined {
            instance_id: "i-1".to_owned(),
            access_key_id: "AKIA1".to_owned(),
            secret_access_key: "secret".to_owned(),
        })
    }

    async fn sync(&self, who: &Joined, request: SyncRequest) -> Result<SyncAnswer, Failed> {
        self.reach()?;
        let (board, id, sent) = (self.board.clone(), who.instance_id.clone(), request.clone());
        // A clock that is paused stands still while a thread blocks, not while the tables' own thread works.
        let on_board = move || {
            let runtime = tokio::runtime::Handle::current();
            runtime.block_on(async {
                if let Some(checks) = sent.checks {
                    let host = Host {
                        name: "web-1".to_owned(),
                        parents: Vec::new(),
                        hash: sent.checks_hash,
                    };
                    board.assign(&id, host, checks, sent.at).await.unwrap();
                }
                let reported = board.report(&id, sent.results).await.unwrap();
                (reported, board.host(&id).unwrap().unwrap_or_default())
            })
        };
        let (reported, known) = tokio::task::spawn_blocking(on_board).await.unwrap();
        let mut inner = self.inner.lock();
        inner.repeated += reported.repeated;
        inner.unknown.extend(reported.unknown);
        let mut answer = match inner.loses_answers || inner.answers.is_empty() {
            true => SyncAnswer::default(),
            false => inner.answers.remove(0),
        };
        answer.wants_checks |= known.hash != request.checks_hash;
        inner.requests.push(request);
        drop(inner);
        self.answered(answer)
    }

    async fn put(&self, _: &Joined, batch: Batch) -> Result<(), Failed> {
        self.reach()?;
        let is_lost = {
            let mut inner = self.inner.lock();
            inner.batches.push(batch);
            inner.loses_puts
        };
        match is_lost {
            true => Err(Failed::Away("the answer is lost".to_owned())),
            false => Ok(()),
        }
    }

    async fn link(&self, _: &Joined, _: LinkRequest) -> Result<Option<net::HostPlan>, Failed> {
        std::future::pending().await
    }

    async fn goodbye(&self, _: &Joined, _: Goodbye) -> Result<(), Failed> {
        self.reach()?;
        self.inner.lock().goodbyes += 1;
        Ok(())
    }
}

struct Bench {
    dir: tempfile::TempDir,
    server: Arc<Fake>,
}

struct Running {
    stop: watch::Sender<bool>,
    agent: tokio::task::JoinHandle<Result<End, Error>>,
}

impl Running {
    async fn stop(self) -> End {
        self.stop.send(true).unwrap();
        self.agent.await.unwrap().unwrap()
    }
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Fake::new(&dir);
        Self { dir, server }
    }

    fn own(&self, text: &str) {
        std::fs::write(self.dir.path().join("checks.toml"), text).unwrap();
    }

    fn config(&self) -> Config {
        let facts = Facts {
            name: "web-1".to_owned(),
            roles: vec!["web".to_owned()],
            ..Facts::default()
        };
        let own = self.dir.path().join("checks.toml");
        Config {
            settings: own.exists().then_some(own),
            sample_every: Duration::from_secs(10),
            ..Config::new(self.dir.path().join("state"), facts)
        }
    }

    fn start(&self) -> Running {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
        let agent = Agent::open(self.config(), self.server.clone(), clock).unwrap();
        let (stop, stopping) = watch::channel(false);
        Running {
            stop,
            agent: tokio::spawn(agent.run(stopping)),
        }
    }

    fn status(&self, check: &str) -> Option<Status> {
        let known = self.server.board.check("i-1", check).unwrap()?;
        known.state.checked_at.map(|_| known.state.hard)
    }
}

fn definitions(text: &str) -> Definitions {
    let settings = Settings::parse("t", text, Form::Toml).unwrap();
    Definitions {
        hash: settings.hash(),
        settings,
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_joins_once_tells_what_it_finds_and_says_goodbye() {
    let bench = Bench::new();
    bench.own("[checks.passwd]\nfile = \"/etc/passwd\"\n[checks.db]\nfile = \"/etc/passwd\"\nroles = \"db\"\n");
    let running = bench.start();
    bench
        .server
        .until("a result", |inner| {
            inner
                .requests
                .iter()
                .any(|request| !request.results.is_empty())
        })
        .await;
    bench
        .server
        .until("metrics", |inner| inner.batches.len() > 2)
        .await;
    assert_eq!(bench.status("passwd"), Some(Status::Ok));
    assert_eq!(bench.status("db"), None, "it has another role");
    let has_graphs = |inner: &Inner| {
        let last = inner
            .requests
            .iter()
            .rev()
            .find_map(|it| it.graphs.as_ref());
        last.is_some_and(|graphs| graphs.contains_key("passwd"))
    };
    bench.server.until("graphs", has_graphs).await;
    assert_eq!(running.stop().await, End::Stopped);
    let running = bench.start();
    bench
        .server
        .until("the second start", |inner| {
            inner
                .requests
                .iter()
                .filter(|request| request.facts.is_some())
                .count()
                == 2
        })
        .await;
    let is_drawn = |it: &&SyncRequest| it.graphs.as_ref().is_some_and(|it| !it.is_empty());
    bench
        .server
        .until("graphs again", |inner| {
            inner.requests.iter().filter(is_drawn).count() == 2
        })
        .await;
    running.stop().await;
    let inner = bench.server.inner.lock();
    assert_eq!(
        (inner.joins.len(), inner.goodbyes, inner.repeated),
        (1, 2, 0)
    );
    assert!(inner.unknown.is_empty());
    let drawn = inner.requests.iter().filter_map(|it| it.graphs.as_ref());
    let drawn: Vec<_> = drawn.filter_map(|it| it.get("passwd")).collect();
    assert_eq!(drawn.len(), 2, "graphs are told once of each start");
    assert_eq!(drawn[0][0].title, "passwd");
    let names: BTreeSet<_> = inner
        .batches
        .iter()
        .flat_map(|batch| &batch.data)
        .map(|datum| datum.name.as_str())
        .collect();
    for name in ["StatusCheckFailed", "mem_used_percent", "size"] {
        assert!(names.contains(name), "{name} in {names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_found_while_the_server_is_away_is_told_afterwards_and_once() {
    let bench = Bench::new();
    bench.own("[checks.gone]\nfile = \"/nonexistent\"\nevery = \"10s\"\nattempts = 1\n");
    let running = bench.start();
    bench
        .server
        .until("a first result", |inner| {
            inner
                .requests
                .iter()
                .any(|request| !request.results.is_empty())
        })
        .await;
    bench.server.set(|inner| inner.loses_puts = true);
    tokio::time::sleep(Duration::from_secs(60)).await;
    bench.server.set(|inner| inner.loses_answers = true);
    tokio::time::sleep(Duration::from_secs(60)).await;
    bench.server.set(|inner| inner.is_away = true);
    tokio::time::sleep(Duration::from_secs(60)).await;
    // The agent is restarted meanwhile.
    running.stop().await;
    let running = bench.start();
    tokio::time::sleep(Duration::from_secs(30)).await;
    bench.server.set(|inner| {
        (inner.is_away, inner.loses_answers, inner.loses_puts) = (false, false, false);
    });
    let told = bench.server.inner.lock().requests.len();
    bench
        .server
        .until("all", |inner| {
            inner.requests.len() > told + 3 && inner.batches.len() > 15
        })
        .await;
    running.stop().await;
    let inner = bench.server.inner.lock();
    let numbers: BTreeSet<u64> = inner
        .requests
        .iter()
        .flat_map(|request| &request.results)
        .map(|result| result.number)
        .collect();
    assert!(numbers.len() > 12, "{numbers:?}");
    let span = numbers.last().unwrap() - numbers.first().unwrap();
    // A block of numbers is passed over at a restart.
    assert!(span < 100 + numbers.len() as u64, "{numbers:?}");
    assert!(inner.repeated > 0, "answers were lost");
    drop(inner);
    let events = bench.server.board.pending(100).unwrap();
    let told = events.iter().filter(|event| event.check == "gone").count();
    assert_eq!(told, 1, "{events:?}");
    let ids: Vec<_> = bench
        .server
        .inner
        .lock()
        .batches
        .iter()
        .map(|batch| batch.id.clone())
        .collect();
    let unique: BTreeSet<_> = ids.iter().collect();
    assert!(
        unique.len() < ids.len(),
        "a batch whose answer was lost has the same id again"
    );
}

#[tokio::test(start_paused = true)]
async fn checks_come_by_role_and_a_status_is_told_at_once() {
    let bench = Bench::new();
    let dir = bench.dir.path().display().to_string();
    let text = format!(
        "[checks.flag]\nfile = \"{dir}/flag\"\nevery = \"5s\"\nattempts = 1\n[checks.other]\nfile = \"/x\"\nroles = \"db\"\n"
    );
    let given = definitions(&text);
    bench.server.set(|inner| {
        inner.answers.push(SyncAnswer {
            every_secs: Some(3000),
            definitions: Some(given.clone()),
            ..SyncAnswer::default()
        });
    });
    let running = bench.start();
    let is_told = |inner: &Inner, status| {
        inner
            .requests
            .iter()
            .flat_map(|request| &request.results)
            .any(|result| result.status == status)
    };
    // Though the server said to ask every 50 minutes.
    bench
        .server
        .until("critical", |inner| is_told(inner, Status::Critical))
        .await;
    assert_eq!(bench.status("flag"), Some(Status::Critical));
    assert_eq!(bench.status("other"), None);
    std::fs::write(bench.dir.path().join("flag"), "").unwrap();
    bench
        .server
        .until("well", |inner| is_told(inner, Status::Ok))
        .await;
    assert_eq!(
        bench
            .server
            .inner
            .lock()
            .requests
            .last()
            .unwrap()
            .definitions,
        given.hash
    );
    running.stop().await;
    // They hold after a restart, the server being away.
    bench.server.set(|inner| inner.requests.clear());
    let running = bench.start();
    bench
        .server
        .until("a result", |inner| is_told(inner, Status::Ok))
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn commands_are_done_once_and_answered() {
    let bench = Bench::new();
    bench.own("[checks.passwd]\nfile = \"/etc/passwd\"\nevery = \"1h\"\n");
    let command = |id: &str, what| Command {
        id: id.to_owned(),
        what,
    };
    let check = |check: &str| What::RunCheck {
        check: check.to_owned(),
    };
    let run = |commands| SyncAnswer {
        commands,
        ..SyncAnswer::default()
    };
    let running = bench.start();
    bench
        .server
        .until("a first result", |inner| {
            inner
                .requests
                .iter()
                .any(|request| !request.results.is_empty())
        })
        .await;
    bench.server.set(|inner| {
        inner.answers.push(run(vec![
            command("c1", check("passwd")),
            command("c2", check("none")),
        ]));
        inner
            .answers
            .push(run(vec![command("c1", check("passwd"))]));
        inner.requests.clear();
    });
    bench
        .server
        .until("answers", |inner| {
            inner
                .requests
                .iter()
                .flat_map(|request| &request.done)
                .count()
                >= 3
        })
        .await;
    let done: Vec<_> = bench
        .server
        .inner
        .lock()
        .requests
        .iter()
        .flat_map(|request| request.done.clone())
        .collect();
    assert_eq!((done[0].id.as_str(), done[0].problem.clone()), ("c1", None));
    assert_eq!(
        done[1].problem.as_deref(),
        Some("`none` is not checked here")
    );
    assert_eq!(done[2].id, "c1");
    let results = bench
        .server
        .inner
        .lock()
        .requests
        .iter()
        .map(|request| request.results.len())
        .sum::<usize>();
    assert_eq!(results, 1, "it ran once");
    bench.server.set(|inner| {
        inner.answers.push(run(vec![command("c3", What::Stop)]));
        inner.requests.clear();
    });
    bench
        .server
        .until("no checks", |inner| {
            inner
                .requests
                .last()
                .and_then(|request| request.checks.as_ref())
                .is_some_and(BTreeMap::is_empty)
        })
        .await;
    bench.server.set(|inner| {
        inner
            .answers
            .push(run(vec![command("c4", What::Terminate)]))
    });
    assert_eq!(running.agent.await.unwrap().unwrap(), End::Terminated);
    let state = StateDir::open(&bench.dir.path().join("state")).unwrap();
    assert_eq!(state.identity().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn the_hosts_own_file_is_read_again_and_a_wrong_one_is_told() {
    let bench = Bench::new();
    bench.own("[checks.a]\nfile = \"/etc/passwd\"\n");
    let running = bench.start();
    bench
        .server
        .until("a", |inner| {
            inner
                .requests
                .iter()
                .any(|request| !request.results.is_empty())
        })
        .await;
    bench.own("[checks.a]\nfil = \"/etc/passwd\"\n");
    bench
        .server
        .until("the problem", |inner| {
            inner.requests.last().is_some_and(|request| {
                request
                    .problems
                    .iter()
                    .any(|problem| problem.contains("did you mean `file`?"))
            })
        })
        .await;
    bench.own("[checks.b]\nfile = \"/etc/passwd\"\n");
    bench
        .server
        .until("b", |inner| {
            inner.requests.last().is_some_and(|request| {
                request.results.iter().any(|result| result.check == "b")
                    && request.problems.is_empty()
            })
        })
        .await;
    assert_eq!(bench.status("a"), None);
    running.stop().await;
    bench.own("nonsense");
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let refused = Agent::open(bench.config(), bench.server.clone(), clock);
    assert!(matches!(refused, Err(Error::Settings(_))));
}

#[tokio::test(start_paused = true)]
async fn joining_is_tried_until_the_server_is_there_and_makes_one_host() {
    let bench = Bench::new();
    bench.server.set(|inner| inner.is_away = true);
    let running = bench.start();
    tokio::time::sleep(Duration::from_secs(300)).await;
    bench
        .server
        .set(|inner| (inner.is_away, inner.loses_answers) = (false, true));
    bench
        .server
        .until("an attempt", |inner| !inner.joins.is_empty())
        .await;
    running.stop().await;
    bench.server.set(|inner| inner.loses_answers = false);
    let running = bench.start();
    bench
        .server
        .until("a sync", |inner| !inner.requests.is_empty())
        .await;
    running.stop().await;
    let attempts: BTreeSet<String> = bench.server.inner.lock().joins.iter().cloned().collect();
    assert_eq!(attempts.len(), 1, "all attempts have one id");
}
