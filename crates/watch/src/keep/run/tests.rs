use std::path::Path;

use base::SystemClock;

use super::*;
use crate::check::Status;
use crate::check::config::Form;

struct Bench {
    dir: tempfile::TempDir,
    stop: watch::Sender<bool>,
    orders: mpsc::Sender<Order>,
    told: mpsc::Receiver<Told>,
    states: Arc<Mutex<BTreeMap<String, Kept>>>,
    keeper: tokio::task::JoinHandle<()>,
    _settings: watch::Sender<Arc<Settings>>,
}

/// Keeps what `text` says, in which `DIR` is a folder of the test's own.
fn begin(text: &str) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let text = text.replace("DIR", &dir.path().display().to_string());
    let settings = Settings::parse("t", &text, Form::Toml).unwrap();
    let (sender, settings) = watch::channel(Arc::new(settings));
    let (orders, ordered) = mpsc::channel(8);
    let (telling, told) = mpsc::channel(64);
    let (stop, stopping) = watch::channel(false);
    let states = Arc::new(Mutex::new(BTreeMap::new()));
    let keeper = Keeper {
        clock: Arc::new(SystemClock::new()),
        proc: Proc::default(),
        folders: Vec::new(),
        settings,
        orders: ordered,
        told: telling,
        states: Arc::clone(&states),
    };
    Bench {
        dir,
        stop,
        orders,
        told,
        states,
        keeper: tokio::spawn(keeper.run(stopping)),
        _settings: sender,
    }
}

impl Bench {
    /// Waits until a process is told to be in this state.
    async fn until(&mut self, name: &str, status: Status, text: &str) -> String {
        let waiting = async {
            loop {
                let told = self.told.recv().await.unwrap();
                let Some(outcome) = told.outcome else {
                    continue;
                };
                if told.check == check_name(name)
                    && outcome.status == status
                    && outcome.text.contains(text)
                {
                    return outcome.text;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .unwrap()
    }

    fn pid(&self, name: &str) -> u32 {
        self.states.lock()[name].pid.unwrap()
    }

    async fn end(self, names: &[&str]) {
        self.stop.send(true).unwrap();
        self.keeper.await.unwrap();
        for name in names {
            let pid = self.states.lock()[*name].pid;
            pid.into_iter().for_each(kill);
        }
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .count()
}

#[tokio::test]
async fn a_killed_process_is_back_within_a_cycle() {
    let mut bench = begin(
        "[keep.a]\nprocess = { matching = \"^sleep 4711.5$\" }\nstart = \"sleep 4711.5\"\nevery = \"1s\"\n",
    );
    bench
        .until("a", Status::Warning, "does not run; restart 1 of 5")
        .await;
    bench.until("a", Status::Ok, "runs").await;
    let first = bench.pid("a");
    kill(first);
    bench
        .until("a", Status::Warning, "does not run; restart 2 of 5")
        .await;
    bench.until("a", Status::Ok, "runs").await;
    assert_ne!(bench.pid("a"), first);
    let pid = bench.pid("a");
    let proc = Proc::default();
    bench.stop.send(true).unwrap();
    (&mut bench.keeper).await.unwrap();
    assert!(proc.process(pid).is_some(), "it lives on");
    kill(pid);
}

#[tokio::test]
async fn what_does_not_stay_is_given_up_and_told_and_taken_up_again() {
    let mut bench = begin(
        "[keep.a]\nprocess = { pidfile = \"DIR/pid\" }\nstart = \"echo x >> DIR/starts; exit 1\"\nshell = true\nevery = \"1s\"\ngive_up = \"2 in 10\"\n",
    );
    let text = bench
        .until(
            "a",
            Status::Critical,
            "given up after 2 restarts in 10 cycles",
        )
        .await;
    assert!(text.starts_with("does not run"), "{text}");
    assert_eq!(lines(&bench.dir.path().join("starts")), 2);
    bench
        .orders
        .send(Order::Watch("a".to_owned()))
        .await
        .unwrap();
    bench.until("a", Status::Warning, "restart 1 of 2").await;
    bench.end(&[]).await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let mut bench = begin(
        "[keep.a]\nprocess = { pidfile = \"DIR/pid\" }\nstart = \"no_such_server\"\nevery = \"1s\"\n",
    );
    bench
        .until(
            "a",
            Status::Warning,
            "cannot be started: command `no_such_server` is not found",
        )
        .await;
    bench.end(&[]).await;
}

#[tokio::test]
async fn what_depends_on_a_restarted_process_is_restarted_after_it() {
    let mut bench = begin(concat!(
        "[keep.db]\nprocess = { pidfile = \"DIR/db\" }\nstart = \"echo start db >> DIR/log; sleep 4712.5 & echo $! > DIR/db\"\nshell = true\nevery = \"1s\"\n",
        "[keep.web]\nprocess = { pidfile = \"DIR/web\" }\nstart = \"echo start web >> DIR/log; sleep 4713.5 & echo $! > DIR/web\"\nstop = \"echo stop web >> DIR/log; kill $(cat DIR/web)\"\nshell = true\nevery = \"1s\"\ndepends_on = \"db\"\n",
    ));
    bench.until("web", Status::Ok, "runs").await;
    let (db, web) = (bench.pid("db"), bench.pid("web"));
    bench
        .orders
        .send(Order::Restart("db".to_owned()))
        .await
        .unwrap();
    bench.until("web", Status::Warning, "depends on").await;
    bench.until("web", Status::Ok, "runs").await;
    assert_ne!((bench.pid("db"), bench.pid("web")), (db, web));
    let log = std::fs::read_to_string(bench.dir.path().join("log")).unwrap();
    assert_eq!(log, "start db\nstart web\nstop web\nstart db\nstart web\n");
    bench.end(&["db", "web"]).await;
}

#[tokio::test]
async fn too_much_memory_for_too_long_is_a_restart() {
    let mut bench = begin(
        "[keep.a]\nprocess = { matching = \"^sleep 4714.5$\" }\nstart = \"sleep 4714.5\"\nevery = \"1s\"\nmemory_max = \"1KiB\"\nfor_cycles = 1\ngive_up = \"2 in 10\"\n",
    );
    bench
        .until("a", Status::Warning, "more than 1KiB, for 1 cycles")
        .await;
    bench.until("a", Status::Critical, "given up").await;
    bench
        .orders
        .send(Order::Unwatch("a".to_owned()))
        .await
        .unwrap();
    bench.until("a", Status::Ok, "left alone").await;
    bench.end(&["a"]).await;
}
