//! A browser, as far as pages notice one.

mod rooms;

use std::sync::Arc;

use api::{Caller, Ctx, Fault, PageAnswer, PageCall, Pages};
use base::{Clock, SystemClock};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::Admin;
use http::{HeaderMap, HeaderValue, Method, header};
use iam::Iam;
use iam::authorizer::Authorizer;
use iam::engine::account::{BillingIs, SetBilling};
use iam::engine::grant::{Attach, PutInline};
use iam::engine::login::Reset;
use iam::engine::{Holder, Kind, user};
use iam::ground::Ground;
use iam::session::Keys;
use iam::signin::SignIn;

use super::{Console, Watching};
use crate::account;
use crate::config::Server;

const FIRST: &str = "First-password-1";
const SECOND: &str = "Second-password-2";

/// The operator's calls that pages make, over the watch alone.
#[derive(Debug)]
struct Desk(Watching);

impl Admin for Desk {
    fn action(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "status" => "shukuba:GetStatus",
            "link-list" => "ec2:DescribeClassicLinkInstances",
            "cost" => "ce:GetCostAndUsage",
            "check-list" | "check-graphs" => "shukuba:ListChecks",
            "check-history" => "shukuba:GetCheck",
            "check-acknowledge" => "shukuba:AcknowledgeCheck",
            "notice-list" => "shukuba:ListNotices",
            "notice-acknowledge" => "shukuba:AcknowledgeNotice",
            "silence-add" | "silence-end" => "shukuba:SilenceNotices",
            _ => return None,
        })
    }

    fn also(&self, name: &str) -> Option<&'static str> {
        (name == "cost").then_some("aws-portal:ViewBilling")
    }

    fn handle<'a>(
        &'a self,
        name: &'a str,
        ctx: Ctx,
        input: Bytes,
    ) -> BoxFuture<'a, Result<Vec<u8>, Fault>> {
        Box::pin(async move {
            let input: serde_json::Value = serde_json::from_slice(&input).unwrap_or_default();
            let router = &self.0.router;
            let by = ctx.caller.shown();
            let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
            Ok(match name {
                "cost" => COST.as_bytes().to_vec(),
                "status" => STATUS.as_bytes().to_vec(),
                "link-list" => LINKS.as_bytes().to_vec(),
                "notice-list" => {
                    let listed = serde_json::json!({
                        "problems": router.problems().await,
                        "silences": router.silences().await,
                        "receivers": [],
                    });
                    listed.to_string().into_bytes()
                }
                "notice-acknowledge" => {
                    let done = router
                        .acknowledge(&text("source"), &by, &text("comment"))
                        .await;
                    done.map_err(|error| crate::answers::refuse(error.to_string()))?;
                    b"{}".to_vec()
                }
                "check-acknowledge" => {
                    let by = watch::check::state::Acknowledged {
                        by,
                        comment: text("comment"),
                        is_sticky: false,
                        at: ctx.at,
                    };
                    let done = self
                        .0
                        .board
                        .acknowledge(&text("host"), &text("check"), by)
                        .await;
                    done.map_err(|error| crate::answers::refuse(error.to_string()))?;
                    b"{}".to_vec()
                }
                "silence-add" => {
                    let matcher = serde_json::from_value(input["match"].clone()).unwrap();
                    let hour = std::time::Duration::from_secs(3600);
                    let made = router.silence(matcher, hour, &by, &text("comment")).await;
                    serde_json::to_vec(&made.unwrap()).unwrap()
                }
                "silence-end" => {
                    router.end_silence(&text("id")).await.unwrap();
                    b"{}".to_vec()
                }
                _ => return Err(Fault::internal()),
            })
        })
    }
}

/// As the operator's call answers, with a route whose name is hostile.
const COST: &str = r#"{"from": "2026-11-22T00:00:00Z", "to": "2026-11-29T00:00:00Z", "hours": 168.0, "region": "us-east-1",
    "currency": "USD", "exchange": {"yen_per_dollar": 150.0, "date": "2026-11-29", "source": "chosen"},
    "prices_from": "2026-06-13", "prices_to": "2026-11-29", "notifications": 7, "total": 12.34, "per_million": 5.0,
    "per_million_inside": 4.0, "parts": {"queue": 12.34}, "functions": [{"name": "<b>f</b>", "count": 1, "amount": 1.0,
    "per_million": 1.0, "parts": {}}], "standing": {"lines": [], "total": 0.0},
    "routes": [{"route": "<b>r</b>", "measured": {"notifications": 7, "messages": 7, "packing": 1.0, "attempts": 7, "retried": 0,
    "bytes_out": 7, "notifier_secs": 1.0, "in_flight": 1.0, "objects": 1}, "per_million": 5.0, "per_million_inside": 4.0,
    "lines": [{"use": "sends", "part": "queue", "quantity": 30850000.0, "unit": "request", "price": 0.4, "per": 1000000.0,
    "currency": "USD", "rate": 1.0, "amount": 12.34, "shown": "USD"}], "total": 12.34,
    "destinations": [{"name": "<b>d</b>", "count": 7, "amount": 12.34, "per_million": 5.0, "parts": {"queue": 12.34}}]}],
    "fixed": [{"server": "t3.medium", "count": 2, "per_hour": 0.0416, "amount": 13.98, "per_million": 9.0, "is_cheaper": false,
    "break_even": {"kind": "from", "per_month": 2500000.0}}]}"#;

const STATUS: &str = r#"{"routes": [{"route": "<b>r</b>", "queue": "q", "is_paused": true, "notifiers": 2, "waiting": 3,
    "retry_wait": 1, "oldest_age_secs": 90, "delivered": 40, "dead": 1, "expired": 1, "open": 4, "accepted_per_sec": 1.5,
    "delivered_per_sec": 1.25}], "disk": {"room": "low"}, "results": {"not_stored_secs": 5}}"#;

/// A network with a gateway and a link of each state, and one with neither.
const LINKS: &str = r#"{"networks": [
    {"id": "vpc-1", "name": "<b>shop</b>", "ranges": ["172.31.0.0/16"], "is_enabled": true,
        "gateway": {"key": "k", "endpoint": "<b>gate</b>:51820", "inside": "172.31.0.1", "heard": "2026-11-30T00:00:00Z", "is_up": true,
            "is_current": false, "problem": "<b>nft</b> is not there", "refused": 1007,
            "refusals": [{"way": "path", "why": "spoofed", "packets": 2}, {"way": "inbound", "why": "no_ingress", "packets": 1005}],
            "recent": [
                {"source": "10.2.0.1", "destination": "172.31.0.10", "protocol": 6, "port": 9090, "packets": 1004,
                    "told": "2026-11-30T00:00:00Z", "way": "inbound", "why": "no_ingress"},
                {"source": "172.31.0.10", "destination": "10.2.9.9", "protocol": 47, "port": null, "packets": 1,
                    "told": null, "way": "path", "why": "unknown"},
                {"source": "10.2.0.3", "destination": "172.31.0.10", "protocol": 17, "port": 53, "packets": 1,
                    "told": null, "way": "inbound", "why": null}]},
        "links": [
            {"instance": "i-1", "name": "<b>web</b>", "address": "10.2.0.1", "groups": ["sg-1", "<b>sg</b>"], "state": "up", "problem": null,
                "endpoint": "192.0.2.1:9500", "handshake_ms_ago": 61000, "received": 5000000, "sent": 10},
            {"instance": "i-2", "name": "", "address": "10.2.0.2", "groups": [], "state": "no-agent", "problem": null, "endpoint": null,
                "handshake_ms_ago": null, "received": 0, "sent": 0},
            {"instance": "i-3", "name": "c", "address": "10.2.0.3", "groups": [], "state": "no-gateway", "problem": "<b>no</b> device",
                "endpoint": null, "handshake_ms_ago": null, "received": 0, "sent": 0},
            {"instance": "i-4", "name": "d", "address": "10.2.0.4", "groups": [], "state": "waiting", "problem": null, "endpoint": null,
                "handshake_ms_ago": null, "received": 0, "sent": 0},
            {"instance": "i-5", "name": "e", "address": "10.2.0.5", "groups": [], "state": "unreachable", "problem": null, "endpoint": null,
                "handshake_ms_ago": null, "received": 0, "sent": 0}]},
    {"id": "vpc-2", "name": "", "ranges": ["172.30.0.0/16"], "is_enabled": false, "gateway": null, "links": []}]}"#;

struct Bench {
    watching: Watching,
    iam: Arc<Iam>,
    console: Console,
    base_url: &'static str,
    _dir: tempfile::TempDir,
}

/// What the browser keeps.
#[derive(Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn take(&mut self, answer: &PageAnswer) -> Vec<String> {
        let lines = answer.response.headers().get_all(header::SET_COOKIE).iter();
        let lines: Vec<String> = lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect();
        for line in &lines {
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.0.retain(|(known, _)| known != name);
            if !rest.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
        lines
    }

    fn token(&self) -> &str {
        let form = self.0.iter().find(|(name, _)| name.ends_with("-form"));
        form.map_or("", |(_, value)| value)
    }
}

impl Bench {
    fn new(base_url: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let iam = Arc::new(account::open_or_make(dir.path(), &Server::default()).unwrap());
        let ground: Arc<dyn Ground> = iam.clone();
        let keys = Arc::new(Keys::new(ground.clone(), &"us-east-1".parse().unwrap()));
        let authorizer = Arc::new(Authorizer::new(ground));
        let sign_in = SignIn::new(iam.clone(), keys, authorizer.clone());
        let region = "us-east-1".parse().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let place = (&iam.account_id(), &region);
        let config = crate::config::Config::default();
        let watching = Watching::open(dir.path(), &config, place, &clock, &iam).unwrap();
        let console = Console::new(
            sign_in,
            authorizer,
            Arc::new(Desk(watching.clone())),
            iam.account_id(),
            watching.clone(),
        );
        Self {
            watching,
            iam,
            console,
            base_url,
            _dir: dir,
        }
    }

    async fn user(&self, name: &str, policy: &str, reset: Reset) {
        self.iam
            .run(user::Create {
                id: iam::new_id(Kind::User),
                name: name.to_owned(),
                path: "/".to_owned(),
                boundary: None,
                tags: Vec::new(),
            })
            .unwrap();
        let holder = Holder::User(name.to_owned());
        match policy.starts_with("arn:") {
            true => self
                .iam
                .run(Attach {
                    holder,
                    arn: policy.to_owned(),
                })
                .unwrap(),
            false => self
                .iam
                .run(PutInline {
                    holder,
                    name: "p".to_owned(),
                    document: policy.to_owned(),
                })
                .unwrap(),
        }
        self.iam.create_login(name, FIRST, reset).await.unwrap();
    }

    async fn ask(&self, jar: &mut Jar, path: &str, form: Option<&[(&str, &str)]>) -> PageAnswer {
        self.ask_from(jar, path, form, self.base_url).await
    }

    async fn ask_from(
        &self,
        jar: &mut Jar,
        path: &str,
        form: Option<&[(&str, &str)]>,
        origin: &str,
    ) -> PageAnswer {
        let mut headers = HeaderMap::new();
        let cookies: Vec<String> = jar
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        headers.insert(
            header::COOKIE,
            HeaderValue::try_from(cookies.join("; ")).unwrap(),
        );
        if path.contains("from-mail") {
            let site = HeaderValue::from_static("cross-site");
            headers.insert("sec-fetch-site", site);
        }
        if form.is_some() {
            headers.insert(header::ORIGIN, HeaderValue::try_from(origin).unwrap());
        }
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        if let Some(pairs) = form {
            text.append_pair("token", jar.token());
            text.extend_pairs(pairs);
        }
        let nobody = Caller::anonymous(&self.iam.account_id(), "");
        let mut ctx = Ctx::inside(Arc::new(nobody), SystemClock::new().now());
        ctx.base_url = Arc::from(self.base_url);
        let answer = self
            .console
            .show(PageCall {
                ctx,
                method: if form.is_some() {
                    Method::POST
                } else {
                    Method::GET
                },
                path: path.split('?').next().unwrap_or_default().to_owned(),
                query: path
                    .split_once('?')
                    .map_or_else(String::new, |(_, query)| query.to_owned()),
                headers,
                form: Bytes::from(text.finish()),
            })
            .await;
        jar.take(&answer);
        answer
    }

    async fn sign_in(&self, jar: &mut Jar, user: &str, password: &str) -> PageAnswer {
        self.ask(jar, "sign-in", None).await;
        self.ask(
            jar,
            "sign-in",
            Some(&[("user", user), ("password", password)]),
        )
        .await
    }
}

fn text(answer: &PageAnswer) -> &str {
    std::str::from_utf8(answer.response.body()).unwrap()
}

fn told(answer: &PageAnswer) -> String {
    let event = answer.event.as_ref().unwrap();
    let how = match &event.outcome {
        Ok(()) => "ok",
        Err(fault) => fault.code,
    };
    format!(
        "{}:{} {} {how}",
        event.service, event.operation, event.caller.arn.resource
    )
}

const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const CHANGE: &str = "arn:aws:iam::aws:policy/IAMUserChangePassword";

#[tokio::test]
async fn cookies_are_for_this_host_and_hidden_from_scripts() {
    for (url, names, flags) in [
        (
            "http://127.0.0.1:5310",
            ["shukuba-form", "shukuba"],
            "Path=/_shukuba/; HttpOnly; SameSite=Strict",
        ),
        (
            "https://queue.example",
            ["__Host-shukuba-form", "__Host-shukuba"],
            "Path=/; HttpOnly; SameSite=Strict; Secure",
        ),
    ] {
        let bench = Bench::new(url);
        bench.user("alice", CHANGE, Reset::NotNeeded).await;
        let mut jar = Jar::default();
        let first = bench.ask(&mut jar, "", None).await;
        let lines = Jar::default().take(&first);
        assert!(
            lines[0].starts_with(names[0]) && lines[0].contains(flags),
            "{lines:?}"
        );
        let signed = bench.sign_in(&mut jar, "alice", FIRST).await;
        let lines = Jar::default().take(&signed);
        assert!(
            lines[0].starts_with(names[1]) && lines[0].contains(flags),
            "{lines:?}"
        );
        assert!(lines[0].ends_with("Max-Age=43200"), "{lines:?}");
        assert_eq!(told(&signed), "signin:ConsoleLogin user/alice ok");
        assert_eq!(signed.response.status(), 303);
        let home = bench.ask(&mut jar, "", None).await;
        assert!(
            text(&home).contains(":user/alice</code>"),
            "{}",
            text(&home)
        );
        bench.ask(&mut jar, "sign-out", Some(&[])).await;
        let home = bench.ask(&mut jar, "", None).await;
        assert!(text(&home).contains("name=\"password\""), "{}", text(&home));
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let bench = Bench::new("http://127.0.0.1:5310");
    bench.user("alice", CHANGE, Reset::NotNeeded).await;
    let form = [("user", "alice"), ("password", FIRST)];
    let mut jar = Jar::default();
    let refused = bench.ask(&mut jar, "sign-in", Some(&form)).await;
    assert_eq!(refused.response.status(), 403);
    assert!(refused.event.is_none());
    for origin in ["http://evil.example", "null", "http://127.0.0.1:5311"] {
        bench.ask(&mut jar, "", None).await;
        let refused = bench
            .ask_from(&mut jar, "sign-in", Some(&form), origin)
            .await;
        assert_eq!(refused.response.status(), 403, "{origin}");
    }
    let mut other = Jar(vec![("shukuba-form".to_owned(), "0".repeat(32))]);
    std::mem::swap(&mut other.0, &mut jar.0);
    let token = other.token().to_owned();
    jar.0.clear();
    let refused = bench
        .ask(
            &mut jar,
            "sign-in",
            Some(&[("token", &token), form[0], form[1]]),
        )
        .await;
    assert_eq!(refused.response.status(), 403);
}

#[tokio::test]
async fn a_first_password_is_changed_and_the_refusal_says_what_refused() {
    let bench = Bench::new("http://127.0.0.1:5310");
    bench.user("alice", CHANGE, Reset::Required).await;
    bench.user("bob", r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}"#, Reset::Required).await;
    let mut jar = Jar::default();
    let refused = bench.sign_in(&mut jar, "alice", FIRST).await;
    assert!(
        text(&refused).contains("change it, then sign in"),
        "{}",
        text(&refused)
    );
    assert_eq!(told(&refused), "signin:ConsoleLogin anonymous AccessDenied");
    assert!(!jar.0.iter().any(|(name, _)| name == "shukuba"));
    let change = async |jar: &mut Jar, user, new, again| {
        let form = [
            ("user", user),
            ("password", FIRST),
            ("new", new),
            ("again", again),
        ];
        bench.ask(jar, "change-password", Some(&form)).await
    };
    let refused = change(&mut jar, "alice", "short", "short").await;
    assert!(
        text(&refused).contains("The password rules refuse it, not a policy"),
        "{}",
        text(&refused)
    );
    let refused = change(&mut jar, "alice", SECOND, FIRST).await;
    assert!(
        text(&refused).contains("are not the same"),
        "{}",
        text(&refused)
    );
    let refused = change(&mut jar, "bob", SECOND, SECOND).await;
    assert!(
        text(&refused).contains("Policies refuse it, not the password rules"),
        "{}",
        text(&refused)
    );
    assert_eq!(told(&refused), "iam:ChangePassword anonymous AccessDenied");
    let changed = change(&mut jar, "alice", SECOND, SECOND).await;
    assert_eq!(told(&changed), "iam:ChangePassword user/alice ok");
    let signed = bench.sign_in(&mut jar, "alice", SECOND).await;
    assert_eq!(signed.response.status(), 303);
}

#[tokio::test]
async fn the_bill_is_seen_by_whom_switch_and_policies_let() {
    let bench = Bench::new("http://127.0.0.1:5310");
    let view = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["aws-portal:ViewAccount","aws-portal:ViewBilling"],"Resource":"*"}}"#;
    bench.user("operator", view, Reset::NotNeeded).await;
    bench.user("developer", CHANGE, Reset::NotNeeded).await;
    bench.user("admin", ADMINISTRATOR, Reset::NotNeeded).await;
    let root = "correct horse battery";
    bench.iam.set_root_password(Some(root)).unwrap();
    for (billing, seen) in [
        (BillingIs::Closed, [false, false, false]),
        (BillingIs::Open, [true, false, true]),
    ] {
        bench.iam.run(SetBilling(billing)).unwrap();
        for (user, sees) in ["operator", "developer", "admin"].into_iter().zip(seen) {
            let mut jar = Jar::default();
            bench.sign_in(&mut jar, user, FIRST).await;
            let page = bench.ask(&mut jar, "billing", None).await;
            assert_eq!(text(&page).contains("$12.34"), sees, "{user} {billing:?}");
            let how = if sees { "ok" } else { "AccessDenied" };
            assert_eq!(
                told(&page),
                format!("billing:ViewBilling user/{user} {how}")
            );
        }
        let mut jar = Jar::default();
        bench.ask(&mut jar, "", None).await;
        let form = [("root", "on"), ("password", root)];
        let signed = bench.ask(&mut jar, "sign-in", Some(&form)).await;
        assert_eq!(told(&signed), "signin:ConsoleLogin root ok");
        let page = bench.ask(&mut jar, "billing", None).await;
        assert!(text(&page).contains("$12.34"), "{}", text(&page));
    }
}
