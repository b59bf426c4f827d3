use std::path::Path;
use std::time::Duration;

use base::{SystemClock, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::check::Status;
use crate::check::config::Form;

fn tools(state: &Path) -> Arc<Tools> {
    Arc::new(Tools::new(Arc::new(SystemClock::new()), state.to_owned()))
}

fn settings(text: &str) -> Arc<Settings> {
    Arc::new(Settings::parse("t", text, Form::Toml).unwrap())
}

fn script(dir: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

async fn run(tools: &Arc<Tools>, text: &str) -> Outcome {
    let settings = settings(text);
    let (name, check) = settings.checks.iter().next().unwrap();
    tools.run(name, check).await.outcome
}

/// A server that answers each connection with `answer` after the request's head.
async fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_nagios_plugin_is_run_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let plugin = script(
        dir.path(),
        "check_it",
        "echo \"WARNING - $1 $2 | x=5%;1;9\"; exit 1",
    );
    let outcome = run(
        &tools(dir.path()),
        &format!("[checks.it]\nplugin = \"{plugin} -w 'a b'\"\n"),
    )
    .await;
    assert_eq!(
        (outcome.status, outcome.text.as_str()),
        (Status::Warning, "WARNING - -w a b")
    );
    assert_eq!(outcome.metrics[0].dimensions[CHECK], "it");
    let slow = run(
        &tools(dir.path()),
        "[checks.it]\nplugin = \"sleep 60\"\ntimeout = \"200ms\"\n",
    )
    .await;
    assert_eq!(slow.status, Status::Critical);
    let none = run(
        &tools(dir.path()),
        "[checks.it]\nplugin = \"no_such_check\"\n",
    )
    .await;
    assert_eq!(none.status, Status::Unknown);
    assert!(
        none.text.contains("`no_such_check` is not found"),
        "{}",
        none.text
    );
    let killed = run(
        &tools(dir.path()),
        "[checks.it]\nplugin = \"kill -9 $$\"\nshell = true\n",
    )
    .await;
    assert_eq!(killed.status, Status::Unknown);
}

#[tokio::test]
async fn a_mackerel_plugin_is_asked_for_its_graphs_and_its_values() {
    let dir = tempfile::tempdir().unwrap();
    let plugin = script(
        dir.path(),
        "mackerel-plugin-x",
        "if [ -n \"$MACKEREL_AGENT_PLUGIN_META\" ]; then echo '# mackerel-agent-plugin'; echo '{\"graphs\":{\"x\":{\"label\":\"X\",\"unit\":\"percentage\",\"metrics\":[{\"name\":\"y\",\"label\":\"Y\"}]}}}'; else printf 'x.y\\t95\\t1790000000\\n'; fi",
    );
    let text =
        format!("[checks.x]\nmackerel = \"{plugin}\"\ncritical = {{ \"x.y\" = \"~:90\" }}\n");
    let outcome = run(&tools(dir.path()), &text).await;
    assert_eq!(
        (outcome.status, outcome.text.as_str()),
        (Status::Critical, "x.y is 95")
    );
    assert_eq!(outcome.metrics[0].unit, crate::Unit::Percent);
    assert_eq!(outcome.graphs[0].title, "X");
}

#[tokio::test]
async fn a_munin_plugin_is_asked_for_its_config_and_its_values() {
    let dir = tempfile::tempdir().unwrap();
    let plugin = script(
        dir.path(),
        "load",
        "if [ \"$1\" = config ]; then echo 'graph_title Load'; echo 'load.label load'; echo 'load.warning 5'; else echo load.value 7; fi",
    );
    let outcome = run(
        &tools(dir.path()),
        &format!("[checks.l]\nmunin = \"{plugin}\"\n"),
    )
    .await;
    assert_eq!(
        (outcome.status, outcome.text.as_str()),
        (Status::Warning, "load.load is 7")
    );
    assert_eq!(outcome.graphs[0].title, "Load");
    let broken = script(dir.path(), "broken", "echo no >&2; exit 1");
    let outcome = run(
        &tools(dir.path()),
        &format!("[checks.l]\nmunin = \"{broken}\"\n"),
    )
    .await;
    assert_eq!(
        (outcome.status, outcome.text.as_str()),
        (Status::Unknown, "exit code 1: no")
    );
}

#[tokio::test]
async fn a_page_is_held_to_its_status_and_its_text() {
    let dir = tempfile::tempdir().unwrap();
    let tools = tools(dir.path());
    let well = serve("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let broken = serve("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n").await;
    let cut = serve("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello").await;
    for (http, status, text) in [
        (format!("\"http://{well}/a?b=c\""), Status::Ok, "200 in "),
        (
            format!("{{ url = \"http://{well}/\", contains = \"^hel+o$\" }}"),
            Status::Ok,
            "200 in ",
        ),
        (
            format!("{{ url = \"http://{well}/\", contains = \"bye\" }}"),
            Status::Critical,
            "status 200, but the page does not hold `bye`",
        ),
        (
            format!("{{ url = \"http://{well}/\", status = [204] }}"),
            Status::Critical,
            "status 200",
        ),
        (
            format!("\"http://{broken}/\""),
            Status::Critical,
            "status 500",
        ),
        (
            format!("{{ url = \"http://{broken}/\", status = [500] }}"),
            Status::Ok,
            "500 in ",
        ),
        (
            format!("\"http://{cut}/\""),
            Status::Critical,
            "no whole page",
        ),
        (
            "\"http://127.0.0.1:1/\"".to_owned(),
            Status::Critical,
            "cannot connect",
        ),
    ] {
        let outcome = run(&tools, &format!("[checks.w]\nhttp = {http}\n")).await;
        assert_eq!(outcome.status, status, "{http}: {}", outcome.text);
        assert!(outcome.text.contains(text), "{http}: {}", outcome.text);
    }
    let slow = format!("[checks.w]\nhttp = \"http://{well}/\"\nwarning = \"@0:\"\n");
    assert_eq!(run(&tools, &slow).await.status, Status::Warning);
}

#[tokio::test]
async fn a_page_over_tls_is_trusted_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut piece = [0; 1024];
            let _ = stream.read(&mut piece).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let text = format!("[checks.w]\nhttp = \"https://{address}/\"\n");
    let stranger = run(&tools(dir.path()), &text).await;
    assert_eq!(stranger.status, Status::Critical);
    assert!(stranger.text.contains("no TLS"), "{}", stranger.text);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(signed.cert.der().clone()).unwrap();
    let mut trusting = Tools::new(Arc::new(SystemClock::new()), dir.path().to_owned());
    trusting.tls = Tls::trusting(roots);
    let outcome = run(&Arc::new(trusting), &text).await;
    assert_eq!(outcome.status, Status::Ok, "{}", outcome.text);
}

#[tokio::test]
async fn a_port_opens_and_says_what_it_must() {
    let dir = tempfile::tempdir().unwrap();
    let tools = tools(dir.path());
    let address = serve("220 mail.example ESMTP\r\n").await;
    for (tcp, status) in [
        (format!("\"{address}\""), Status::Ok),
        (
            format!(
                "{{ address = \"{address}\", send = \"x\\r\\n\\r\\n\", contains = \"^220 \" }}"
            ),
            Status::Ok,
        ),
        (
            format!(
                "{{ address = \"{address}\", send = \"x\\r\\n\\r\\n\", contains = \"^250 \" }}"
            ),
            Status::Critical,
        ),
        ("\"127.0.0.1:1\"".to_owned(), Status::Critical),
    ] {
        let outcome = run(&tools, &format!("[checks.p]\ntcp = {tcp}\n")).await;
        assert_eq!(outcome.status, status, "{tcp}: {}", outcome.text);
    }
}

struct Bench {
    settings: watch::Sender<Arc<Settings>>,
    now: mpsc::Sender<String>,
    results: mpsc::Receiver<Ran>,
    stop: watch::Sender<bool>,
    runner: tokio::task::JoinHandle<()>,
    began: Instant,
}

fn begin(dir: &Path, text: &str) -> Bench {
    let (settings, watched) = watch::channel(settings(text));
    let (now, asked) = mpsc::channel(8);
    let (sender, results) = mpsc::channel(8);
    let (stop, stopping) = watch::channel(false);
    let runner = Runner {
        tools: tools(dir),
        host: "i-1".to_owned(),
        settings: watched,
        now: asked,
        results: sender,
    };
    Bench {
        settings,
        now,
        results,
        stop,
        runner: tokio::spawn(runner.run(stopping)),
        began: Instant::now(),
    }
}

impl Bench {
    async fn next(&mut self) -> (String, Status, u64) {
        let ran = self.results.recv().await.unwrap();
        (
            ran.check,
            ran.outcome.status,
            self.began.elapsed().as_secs(),
        )
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_answer_is_asked_again_soon_until_it_is_hard() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let text = format!(
        "[checks.f]\nfile = \"{}\"\nevery = \"60s\"\nretry_every = \"5s\"\nattempts = 3\n",
        file.display()
    );
    let mut bench = begin(dir.path(), &text);
    let (_, status, first) = bench.next().await;
    assert!(first < 30 && status == Status::Critical);
    assert_eq!(
        bench.next().await,
        ("f".to_owned(), Status::Critical, first + 5)
    );
    assert_eq!(
        bench.next().await,
        ("f".to_owned(), Status::Critical, first + 10)
    );
    // Hard now: at its turn, a minute after the last due time.
    assert_eq!(
        bench.next().await,
        ("f".to_owned(), Status::Critical, first + 70)
    );
    std::fs::write(&file, "x").unwrap();
    assert_eq!(
        bench.next().await,
        ("f".to_owned(), Status::Ok, first + 130)
    );
    bench.now.send("f".to_owned()).await.unwrap();
    assert_eq!(bench.next().await.2, first + 130);
    bench.stop.send(true).unwrap();
    bench.runner.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn new_settings_hold_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = begin(dir.path(), "");
    bench
        .settings
        .send(settings("[checks.a]\nfile = \"/etc/passwd\"\n"))
        .unwrap();
    assert_eq!(bench.next().await.0, "a");
    bench
        .settings
        .send(settings(
            "[checks.b]\nfile = \"/etc/passwd\"\n[checks.c]\nexpect = \"1h\"\n",
        ))
        .unwrap();
    assert_eq!(bench.next().await.0, "b");
    assert_eq!(bench.next().await.0, "b");
    bench.stop.send(true).unwrap();
    bench.runner.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_log_found_before_the_end_is_handed_on_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("app.log");
    std::fs::write(&log, "ERROR 1\n").unwrap();
    let text = format!(
        "[checks.l]\nlog = {{ path = \"{}\", pattern = \"ERROR\", from_start = true }}\n",
        log.display()
    );
    let mut bench = begin(dir.path(), &text);
    let first = bench.results.recv().await.unwrap();
    assert_eq!(first.outcome.status, Status::Critical);
    bench.stop.send(true).unwrap();
    bench.runner.await.unwrap();
    let mut bench = begin(dir.path(), &text);
    let again = bench.results.recv().await.unwrap();
    assert_eq!(
        (again.id, again.at, again.outcome.status),
        (first.id, first.at, Status::Critical)
    );
    assert_eq!(bench.next().await.1, Status::Ok);
}

#[tokio::test]
async fn time_comes_from_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(base::ManualClock::at(Timestamp::from_secs(1000)));
    let tools = Arc::new(Tools::new(clock.clone(), dir.path().to_owned()));
    clock.advance(Duration::from_secs(5));
    let settings = settings("[checks.x]\nplugin = \"true\"\n");
    let ran = tools.run("x", &settings.checks["x"]).await;
    assert_eq!((ran.at, ran.took_ms), (Timestamp::from_secs(1005), 0));
}
