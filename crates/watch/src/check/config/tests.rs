use super::*;

fn read(text: &str) -> Result<Settings, String> {
    Settings::parse("checks.toml", text, Form::Toml).map_err(|wrong| wrong.to_string())
}

fn read_json(text: &str) -> Result<Settings, String> {
    Settings::parse("checks.json", text, Form::Json).map_err(|wrong| wrong.to_string())
}

const WHOLE: &str = r#"
[checks.load]
plugin = "check_load -w 5 -c 10"

[checks.web]
http = { url = "https://a.example/health", status = [200], contains = "ok" }
every = "30s"
retry_every = "5s"
attempts = 4
timeout = "10s"
roles = ["web", "edge"]
warning = "200"
critical = { time = "500" }
parents = "router"
depends_on = ["port", "db/mysql"]
flapping = { low = 10.0, high = 30.0 }
notify = "ops"
labels = { team = "web" }

[checks.port]
tcp = "127.0.0.1:80"
flapping = false

[checks.cert]
tls = "www.example.com:443"

[checks.mail_cert]
tls = { address = "192.0.2.1:465", name = "mail.example.com" }
warning = "30:"

[checks.router]
ping = "192.0.2.1"

[checks.far]
ping = { host = "far.example.com", count = 20 }
critical = { loss = "50", time = "800" }

[checks.name]
dns = "www.example.com"

[checks.cron]
process = { matching = "cron" }
critical = "1:"

[checks.backup]
file = { path = "/var/backup/last", max_age = "25h", min_bytes = "1KiB" }

[checks.errors]
log = { path = "/var/log/app.log", pattern = "ERROR", warning_pattern = "WARN", ignore = "test" }

[checks.memcached]
mackerel = "mackerel-plugin-memcached --port 11211"
warning = { "memcached.cmd.cmd_get" = "~:100" }

[checks.if_eth0]
munin = "/etc/munin/plugins/if_eth0"
user = "munin"

[checks.nightly]
expect = "25h"

[keep.db]
process = { pidfile = "/run/db.pid" }
start = "/usr/bin/db --daemon"
stop = "/usr/bin/db --stop"

[keep.web]
process = { matching = "webserver" }
start = "webserver | logger"
shell = true
every = "5s"
give_up = "5 in 10"
again_after = "10m"
memory_max = "200MiB"
cpu_max = "90%"
for_cycles = 2
port = "127.0.0.1:80"
depends_on = "db"
"#;

#[test]
fn a_file_says_everything_and_goes_to_json_and_back() {
    let settings = read(WHOLE).unwrap();
    assert_eq!(settings.checks.len(), 14);
    assert_eq!(settings.checks["load"].every(), Span::secs(60));
    assert_eq!(settings.checks["web"].rules().attempts, 4);
    assert_eq!(settings.checks["errors"].rules().attempts, 1);
    assert_eq!(settings.checks["port"].rules().flapping, None);
    assert_eq!(
        settings.checks["web"].judge_main("time", 300.0),
        crate::check::Status::Warning
    );
    assert_eq!(
        settings.checks["web"].judge_main("time", 501.0),
        crate::check::Status::Critical
    );
    assert_eq!(
        settings.checks["nightly"].rules().fresh_for.as_secs(),
        25 * 3600
    );
    let text = serde_json::to_string_pretty(&settings).unwrap();
    assert_eq!(read_json(&text).unwrap(), settings);
    assert_eq!(read_json(&text).unwrap().hash(), settings.hash());
    assert_ne!(Settings::default().hash(), settings.hash());
}

#[test]
fn two_lines_watch_one_host() {
    let settings = read("[checks.load]\nplugin = \"check_load -w 5 -c 10\"\n").unwrap();
    assert_eq!(
        settings.checks["load"].kind(),
        Some(Kind::Plugin("check_load -w 5 -c 10"))
    );
}

#[test]
fn a_kind_of_another_shape_is_told_once_with_what_would_be_right() {
    for (text, right) in [
        ("process = \"nginx\"", "{ matching = \"nginx\" }"),
        ("log = \"/x\"", "critical = \"ERROR\""),
    ] {
        let error = read(&format!("[checks.a]\n{text}\n")).unwrap_err();
        assert!(error.contains(right), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn every_problem_is_told_with_its_file_line_and_key() {
    let error = read(concat!(
        "[checks.load]\nplugin = \"check_load\"\nevry = \"5s\"\n",
        "[checks.web]\nhttp = \"ftp://x\"\ntcp = \"x\"\nattempts = 0\nretry_every = \"2m\"\n",
        "[checks.none]\nevery = \"5\"\n",
        "[checks.log]\nlog = { path = \"x\", pattern = \"(\" }\n",
        "[checks.\"a b\"]\nfile = \"/x\"\nuser = \"y\"\n",
        "[checks.cert]\ntls = \"www\"\n[checks.cert2]\ntls = { address = \"a:1\", name = \"a b\" }\n",
        "[checks.ping]\nping = { host = \"a b\", count = 0 }\n[checks.slow]\nping = { host = \"a\", count = 50 }\ntimeout = \"10s\"\n",
        "[checks.name]\ndns = \"http://a/\"\n[checks.name2]\ndns = { name = \"a\", address = \"b\" }\n",
        "[keep.a]\nprocess = { matching = \"a\" }\nstart = \"a\"\ndepends_on = \"b\"\n",
        "[keep.b]\nprocess = {}\nstart = \"'b\"\ndepends_on = \"a\"\ncpu_max = \"90\"\n",
    ))
    .unwrap_err();
    for part in [
        "checks.toml:3:1: unknown key `evry`; did you mean `every`?",
        ":5:1: checks.web.http: `ftp://x` is not a URL",
        ":4:9: checks.web: http and tcp are given; give one of plugin,",
        ":7:1: checks.web.attempts: 0 is out of range: 1 to 100",
        ":8:1: checks.web.retry_every: 2m is out of range: 1s to 1m",
        "checks.none.every: `5` is not a span of time",
        ":9:9: checks.none: says nothing to check",
        "checks.log.log.pattern: is no regular expression: unclosed group",
        "checks.\"a b\": a name is 1 to 80 of",
        ":15:1: checks.\"a b\".user: is for commands",
        "checks.cert.tls: `www` is not `host:port`",
        "checks.cert2.tls: `a b` is no name of a host",
        "checks.ping.ping: `a b` is no name or address of a host",
        "checks.ping.ping.count: 0 is out of range: 1 to 100",
        "checks.slow.ping: 50 requests take up to 11.5 s, and `timeout` is shorter",
        "checks.name.dns: `http://a/` is no name or address",
        "checks.name2.dns.address: invalid IP address",
        "keep.a.depends_on: depends on itself",
        "keep.b.process: give `matching` or `pidfile`",
        "keep.b.start: `'b` is not a command line",
        "keep.b.cpu_max: `90` is not a share",
    ] {
        assert!(error.contains(part), "{part} in\n{error}");
    }
}

#[test]
fn json_is_told_of_in_its_own_lines() {
    let error = read_json("{\n \"checks\": {\n  \"load\": {\"plugn\": \"x\",\n   \"attempts\": 1000, \"roles\": [\"a\", \"b\"]}\n}}\n").unwrap_err();
    assert!(
        error.contains("checks.json:3:12: unknown key `plugn`; did you mean `plugin`?"),
        "{error}"
    );
    assert!(
        error.contains("checks.json:4:4: checks.load.attempts: 1000 is out of range"),
        "{error}"
    );
    for (text, part) in [
        ("{\n\"checks\": }", "checks.json:2:11: expected value"),
        ("[]", "an object is expected"),
        ("{\"checks\": null}", "checks.json:1:12: leave out"),
        ("{\"checks\": {}, \"checks\": {}}", "is there twice"),
    ] {
        let error = read_json(text).unwrap_err();
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn a_host_has_what_its_roles_need_and_its_own_over_it() {
    let settings = read("[checks.a]\ntcp = \"a:1\"\nroles = \"web\"\n[checks.b]\ntcp = \"b:1\"\n[checks.c]\ntcp = \"c:1\"\nroles = [\"db\"]\n").unwrap();
    let web = settings.for_roles(&["web".to_owned()]);
    assert_eq!(web.checks.keys().collect::<Vec<_>>(), ["a", "b"]);
    let own = read("[checks.b]\ntcp = \"own:1\"\n").unwrap();
    let both = web.with(&own);
    assert_eq!(both.checks["b"].tcp.as_ref().unwrap().address, "own:1");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = read(&text);
        let _ = read_json(&text);
        let _ = words(&text);
        let _ = text.parse::<crate::check::range::Range>();
    }
}
