//! A fleet with ports that remember.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Clock, MetricSink, SystemClock, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use shukuba_lambda::fleet::{Config, Ports};
use shukuba_lambda::function::CodeId;
use shukuba_lambda::port::{
    Catalog, EventRules, Lines, Meter, Packages, QueueAttribute, QueueFacts, QueueMessage,
    QueuePort, RoleKeys, Roles, Trouble, Usage,
};
use shukuba_lambda::{Call, Fleet, FunctionName, Outcome, Qualifier, Runnable, Settings};
use tempfile::TempDir;

pub(crate) const ARN: &str = "arn:aws:lambda:ap-northeast-1:123456789012:function:probe";
pub(crate) const GROUP: &str = "/aws/lambda/probe";

/// The function of the tests.
pub(crate) fn probe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_shukuba-function-probe"))
}

/// A package with the function of the tests.
pub(crate) fn package() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(probe(), dir.path().join("bootstrap")).unwrap();
    dir
}

/// A queue, a message, its attributes.
type Sent = (String, String, Vec<(String, QueueAttribute)>);

/// All ports in one.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) package: Mutex<PathBuf>,
    pub(crate) lines: Mutex<Vec<(String, String, String)>>,
    pub(crate) counts: Mutex<BTreeMap<String, (f64, u32)>>,
    pub(crate) used: Mutex<Vec<Usage>>,
    pub(crate) keys_until: Mutex<Option<Timestamp>>,
    pub(crate) is_trusted: Mutex<bool>,
    pub(crate) denied: Mutex<Option<String>>,
    pub(crate) sent: Mutex<Vec<Sent>>,
    pub(crate) queue_trouble: Mutex<Vec<Trouble>>,
    pub(crate) function: Mutex<Option<Runnable>>,
    pub(crate) rules: Mutex<EventRules>,
}

impl World {
    pub(crate) fn texts(&self) -> Vec<String> {
        let lines = self.lines.lock();
        lines.iter().map(|(_, _, line)| line.clone()).collect()
    }

    /// The sum of a metric, such as `Errors`, and how often it was counted.
    pub(crate) fn count(&self, name: &str) -> (f64, u32) {
        let key = format!("AWS/Lambda {name} FunctionName=probe");
        self.counts.lock().get(&key).copied().unwrap_or_default()
    }

    fn counted(&self, namespace: &str, name: &str, dimensions: &[(&str, &str)], value: f64) {
        let pairs: Vec<String> = dimensions
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let key = format!("{namespace} {name} {}", pairs.join(","));
        let mut counts = self.counts.lock();
        let (sum, count) = counts.entry(key).or_default();
        *sum += value;
        *count += 1;
    }
}

impl MetricSink for World {
    fn add(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
    ) {
        self.counted(namespace, name, dimensions, value);
    }

    fn record(
        &self,
        namespace: &'static str,
        name: &'static str,
        dimensions: &[(&'static str, &str)],
        value: f64,
    ) {
        self.counted(namespace, name, dimensions, value);
    }
}

impl Lines for World {
    fn line(&self, group: &str, stream: &str, _: Timestamp, line: &str) {
        let line = (group.to_owned(), stream.to_owned(), line.to_owned());
        self.lines.lock().push(line);
    }
}

impl Meter for World {
    fn used(&self, usage: &Usage) {
        self.used.lock().push(usage.clone());
    }
}

#[async_trait]
impl Packages for World {
    async fn unpacked(&self, _: &CodeId) -> Result<Arc<Path>, Trouble> {
        Ok(self.package.lock().as_path().into())
    }
}

#[async_trait]
impl Roles for World {
    async fn assume(&self, role: &str, service: &str, session: &str) -> Result<RoleKeys, Trouble> {
        assert_eq!((service, session), ("lambda.amazonaws.com", "probe"));
        if !*self.is_trusted.lock() {
            return Err(Trouble::Lasting(format!("`{role}` does not trust it")));
        }
        Ok(RoleKeys {
            access_key_id: "ASIAPROBE".to_owned(),
            secret: "secret".to_owned(),
            token: "token".to_owned(),
            until: self.keys_until.lock().unwrap_or(Timestamp::MAX),
        })
    }

    async fn may(&self, _: &str, action: &str, _: &str) -> Result<bool, Trouble> {
        Ok(self.denied.lock().as_deref() != Some(action))
    }
}

#[async_trait]
impl QueuePort for World {
    async fn send(&self, arn: &str, body: String, group: Option<&str>) -> Result<(), Trouble> {
        assert_eq!(group, None);
        self.send_with(arn, body, Vec::new()).await
    }

    async fn send_with(
        &self,
        arn: &str,
        body: String,
        attributes: Vec<(String, QueueAttribute)>,
    ) -> Result<(), Trouble> {
        if let Some(trouble) = self.queue_trouble.lock().pop() {
            return Err(trouble);
        }
        self.sent.lock().push((arn.to_owned(), body, attributes));
        Ok(())
    }

    async fn receive(&self, _: &str, _: u32, _: Duration) -> Result<Vec<QueueMessage>, Trouble> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str, _: Vec<String>) -> Result<(), Trouble> {
        Ok(())
    }

    async fn give_back(&self, _: &str, _: Vec<String>, _: u32) -> Result<(), Trouble> {
        Ok(())
    }

    async fn facts(&self, _: &str) -> Option<QueueFacts> {
        None
    }
}

impl Catalog for World {
    fn runnable(&self, name: &FunctionName, _: Option<&Qualifier>) -> Option<Runnable> {
        let function = self.function.lock();
        function.clone().filter(|function| function.name == *name)
    }

    fn event_rules(&self, _: &FunctionName, _: Option<&Qualifier>) -> EventRules {
        self.rules.lock().clone()
    }
}

/// A fleet, its world, and the folders of both.
pub(crate) struct Bench {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) world: Arc<World>,
    pub(crate) work: TempDir,
    package: TempDir,
}

pub(crate) fn config(work: &Path) -> Config {
    Config {
        work: work.to_owned(),
        region: "ap-northeast-1".to_owned(),
        endpoint: "http://127.0.0.1:4566".to_owned(),
        account: None,
        is_bounded_by_kernel: false,
        init_max: Duration::from_secs(10),
        concurrency: 1_000,
        environments_max: 64,
        idle: Duration::from_secs(60),
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::at(Arc::new(SystemClock::new()), change).await
    }

    pub(crate) async fn at(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Config)) -> Self {
        let (work, package) = (tempfile::tempdir().unwrap(), package());
        let world = Arc::new(World::default());
        *world.package.lock() = package.path().to_owned();
        *world.is_trusted.lock() = true;
        *world.function.lock() = Some(runnable());
        let mut config = config(work.path());
        change(&mut config);
        let fleet = Fleet::start(config, ports(&world, clock)).await.unwrap();
        Self {
            fleet: Arc::new(fleet),
            world,
            work,
            package,
        }
    }

    /// Takes the program out of the package.
    pub(crate) fn empty_package(&self) {
        std::fs::remove_file(self.package.path().join("bootstrap")).unwrap();
    }

    pub(crate) async fn run(&self, text: &str) -> Outcome {
        self.fleet.invoke(&runnable(), call(text)).await.unwrap()
    }

    pub(crate) async fn run_with(&self, runnable: &Runnable, text: &str) -> Outcome {
        self.fleet.invoke(runnable, call(text)).await.unwrap()
    }

    /// Nothing is left in the folder of environments, nor any process of them.
    pub(crate) async fn stop(self) {
        self.fleet.stop(Duration::from_secs(5)).await;
        assert_eq!(std::fs::read_dir(self.work.path()).unwrap().count(), 0);
    }
}

pub(crate) fn ports(world: &Arc<World>, clock: Arc<dyn Clock>) -> Ports {
    Ports {
        clock,
        roles: Arc::clone(world) as Arc<dyn Roles>,
        packages: Arc::clone(world) as Arc<dyn Packages>,
        lines: Arc::clone(world) as Arc<dyn Lines>,
        metrics: Arc::clone(world) as Arc<dyn MetricSink>,
        meter: Arc::clone(world) as Arc<dyn Meter>,
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        runtime: "provided.al2023".to_owned(),
        handler: "main".to_owned(),
        role: "arn:aws:iam::123456789012:role/probe".to_owned(),
        description: String::new(),
        memory_mib: 128,
        timeout_secs: 10,
        storage_mib: 512,
        architecture: "x86_64".to_owned(),
        environment: BTreeMap::new(),
        dead_letters: None,
        tracing: "PassThrough".to_owned(),
        log_group: None,
    }
}

pub(crate) fn runnable() -> Runnable {
    with(|_| {})
}

pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Runnable {
    let mut settings = settings();
    change(&mut settings);
    Runnable {
        name: "probe".parse().unwrap(),
        version: "$LATEST".to_owned(),
        invoked_arn: ARN.to_owned(),
        revision: 1,
        settings: Arc::new(settings),
        code: CodeId([7; 32]),
        reserved: None,
    }
}

/// A function with something in its environment.
pub(crate) fn with_init(init: &str, timeout_secs: u32) -> Runnable {
    with(|settings| {
        settings.timeout_secs = timeout_secs;
        settings
            .environment
            .insert("PROBE_INIT".to_owned(), init.to_owned());
    })
}

pub(crate) fn call(text: &str) -> Call {
    Call {
        request_id: base::id::uuid(),
        payload: Bytes::from(format!("\"{text}\"")),
        client_context: None,
        trace: None,
    }
}

pub(crate) fn text(outcome: &Outcome) -> String {
    String::from_utf8_lossy(&outcome.payload).into_owned()
}

/// Whether the process runs; a dead one that nobody has taken note of does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().next());
    state.is_some_and(|state| !matches!(state, "Z" | "X"))
}

/// Waits until something is so; the kernel and other tasks take a moment.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..15_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{what} did not come to be");
}
