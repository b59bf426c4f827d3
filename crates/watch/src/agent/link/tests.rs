use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::protocol::{Batch, Goodbye, JoinRequest, SyncAnswer, SyncRequest};
use super::*;

fn plan(generation: u64) -> HostPlan {
    HostPlan {
        generation,
        ..HostPlan::default()
    }
}

/// A driver that notes what it is told.
#[derive(Debug)]
struct Driver {
    key: Mutex<PublicKey>,
    news: Notify,
    told: Mutex<Vec<u64>>,
    problem: Mutex<Option<String>>,
    is_stopped: Mutex<bool>,
}

#[async_trait]
impl LinkDriver for Driver {
    fn key(&self) -> PublicKey {
        *self.key.lock()
    }

    async fn changed(&self) {
        self.news.notified().await;
    }

    async fn apply(&self, plan: &HostPlan) -> Result<(), String> {
        self.told.lock().push(plan.generation);
        self.problem.lock().clone().map_or(Ok(()), Err)
    }

    fn handshake_ms_ago(&self) -> Option<u64> {
        None
    }

    async fn stop(&self) {
        *self.is_stopped.lock() = true;
    }
}

/// A server that answers what it was told to, and nothing after that.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Result<Option<HostPlan>, Failed>>>,
    asked: Mutex<Vec<HostReport>>,
}

#[async_trait]
impl Server for Script {
    async fn join(&self, _: JoinRequest) -> Result<Joined, Failed> {
        Err(Failed::Unknown)
    }

    async fn sync(&self, _: &Joined, _: SyncRequest) -> Result<SyncAnswer, Failed> {
        Err(Failed::Unknown)
    }

    async fn put(&self, _: &Joined, _: Batch) -> Result<(), Failed> {
        Err(Failed::Unknown)
    }

    async fn link(&self, _: &Joined, request: LinkRequest) -> Result<Option<HostPlan>, Failed> {
        self.asked.lock().push(request.report);
        let next = self.answers.lock().pop_front();
        match next {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    async fn goodbye(&self, _: &Joined, _: Goodbye) -> Result<(), Failed> {
        Err(Failed::Unknown)
    }
}

struct Bench {
    dir: tempfile::TempDir,
    driver: Arc<Driver>,
    server: Arc<Script>,
}

impl Bench {
    fn new(answers: Vec<Result<Option<HostPlan>, Failed>>) -> Self {
        let driver = Driver {
            key: Mutex::new(PublicKey::new([1; 32])),
            news: Notify::new(),
            told: Mutex::default(),
            problem: Mutex::default(),
            is_stopped: Mutex::default(),
        };
        let server = Script::default();
        server.answers.lock().extend(answers);
        Self {
            dir: tempfile::tempdir().unwrap(),
            driver: Arc::new(driver),
            server: Arc::new(server),
        }
    }

    fn kept(&self) -> PathBuf {
        self.dir.path().join("link.json")
    }

    /// Works until the server has been asked `times`; ends then if `is_over`, or is killed.
    async fn until_asked(&self, times: usize, is_over: bool) -> Vec<HostReport> {
        let linker = Linker {
            driver: self.driver.clone(),
            server: self.server.clone(),
            who: Joined {
                instance_id: "i-1".to_owned(),
                access_key_id: "AKIA1".to_owned(),
                secret_access_key: "secret".to_owned(),
            },
            run: "run".to_owned(),
            kept: self.kept(),
        };
        let (over, ending) = watch::channel(false);
        let working = tokio::spawn(linker.run(ending));
        for _ in 0..10_000 {
            if self.server.asked.lock().len() >= times {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        match is_over {
            true => {
                over.send_replace(true);
                working.await.unwrap();
            }
            false => working.abort(),
        }
        let asked = self.server.asked.lock().clone();
        assert_eq!(asked.len(), times);
        asked
    }

    fn generations(&self) -> Vec<u64> {
        self.server
            .asked
            .lock()
            .iter()
            .map(|it| it.generation)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn each_plan_is_carried_out_and_its_generation_told() {
    let bench = Bench::new(vec![Ok(Some(plan(3))), Ok(None), Ok(Some(plan(4)))]);
    bench.until_asked(4, true).await;
    assert_eq!(*bench.driver.told.lock(), [3, 4]);
    assert_eq!(bench.generations(), [0, 3, 3, 4]);
    assert!(*bench.driver.is_stopped.lock(), "nothing is left of it");
    assert!(!bench.kept().exists());
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_killed_carries_on_while_the_server_is_away() {
    let bench = Bench::new(vec![Ok(Some(plan(3)))]);
    bench.until_asked(2, false).await;
    let away = || Err(Failed::Away("refused".to_owned()));
    let again = Bench {
        dir: bench.dir,
        ..Bench::new(vec![away(), away(), away(), Ok(Some(plan(5)))])
    };
    again.until_asked(5, true).await;
    assert_eq!(*again.driver.told.lock(), [3, 5]);
    assert_eq!(again.generations(), [3, 3, 3, 3, 5]);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_told_and_tried_again() {
    let bench = Bench::new(vec![Ok(Some(plan(3))), Ok(None)]);
    *bench.driver.problem.lock() = Some("no device".to_owned());
    let asked = bench.until_asked(3, true).await;
    assert_eq!(*bench.driver.told.lock(), [3, 3]);
    assert_eq!(asked[1].problem.as_deref(), Some("no device"));
    assert_eq!(asked[1].generation, 3, "it is not asked for again at once");
}

#[tokio::test(start_paused = true)]
async fn another_key_is_told_at_once() {
    let bench = Bench::new(Vec::new());
    let (driver, server) = (bench.driver.clone(), bench.server.clone());
    tokio::spawn(async move {
        while server.asked.lock().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        *driver.key.lock() = PublicKey::new([2; 32]);
        driver.news.notify_one();
    });
    let asked = bench.until_asked(2, true).await;
    assert_eq!(asked[1].key, PublicKey::new([2; 32]));
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_cannot_be_read_is_asked_for_anew() {
    let bench = Bench::new(vec![Ok(Some(plan(7)))]);
    std::fs::write(bench.kept(), "{").unwrap();
    bench.until_asked(2, true).await;
    assert_eq!(bench.generations(), [0, 7]);
}
