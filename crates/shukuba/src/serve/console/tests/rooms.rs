//! The rooms as a browser gets them: in both languages, by permission, with hostile names.

use std::collections::BTreeMap;

use base::Timestamp;
use cloudwatch::alarm::Settings;
use cloudwatch::alarm::State;
use cloudwatch::alarm::engine::settings::{Comparison, Kind, Metric, StatText, Watched};
use iam::engine::account::{BillingIs, SetBilling};
use iam::engine::login::Reset;
use watch::check::board::{self, Report};
use watch::check::plugin::{Graph, Series};
use watch::check::state::Rules;
use watch::check::{Outcome, Status};
use watch::notice::{Event, Kind as EventKind, Severity};

use super::{ADMINISTRATOR, Bench, FIRST, Jar, text, told};
use api::PageAnswer;

const URL: &str = "http://127.0.0.1:5310";
const HOSTILE: &str = "\"><script>alert('x')</script>";
const ALARM: &str = "alarms/%22%3E%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E";
const CHECK: &str = "checks/i-0123456789abcdef0/http";

impl Bench {
    /// With an alarm that has a problem, a check that has one, and a dashboard; each name is hostile where names may be.
    async fn furnished() -> Self {
        let bench = Self::new(URL);
        let watching = &bench.watching;
        let settings = Settings {
            name: HOSTILE.to_owned(),
            description: Some(HOSTILE.to_owned()),
            actions_enabled: true,
            ok_actions: Vec::new(),
            alarm_actions: Vec::new(),
            insufficient_data_actions: Vec::new(),
            kind: Kind::Metric(Metric {
                watched: Watched::One {
                    stat: StatText {
                        namespace: "AWS/EC2".to_owned(),
                        metric: "CPUUtilization".to_owned(),
                        dimensions: vec![("InstanceId".to_owned(), HOSTILE.to_owned())],
                        statistic: "Average".to_owned(),
                        period_secs: 60,
                        unit: None,
                    },
                    is_extended: false,
                },
                comparison: Comparison::GreaterThanThreshold,
                threshold: 80.5.into(),
                evaluation_periods: 5,
                datapoints_to_alarm: Some(3),
                treatment: None,
                low_samples: None,
            }),
        };
        let tags = BTreeMap::from([("Name".to_owned(), "web-1".to_owned())]);
        let arn = watching.place.alarm(HOSTILE).to_string();
        let put = watching.alarms.blocking(move |alarms| {
            alarms.put(settings, tags)?;
            alarms.set_state(HOSTILE, State::Alarm, "Threshold Crossed".to_owned(), None)
        });
        put.await.unwrap();
        bench.problem(&arn).await;
        bench.check().await;
        let body = r#"{"widgets": [{"type": "text", "properties": {"markdown": "<b>hi</b>"}}]}"#;
        watching
            .dashboards
            .put("web", body.to_owned(), BTreeMap::new())
            .await
            .unwrap();
        bench
    }

    async fn problem(&self, source: &str) {
        let settings = serde_json::json!({
            "receivers": {"ops": {"webhook": "http://127.0.0.1:9/"}},
            "routes": [{"to": ["ops"]}],
        });
        let router = &self.watching.router;
        router
            .set_settings(serde_json::from_value(settings).unwrap())
            .await;
        let event = Event {
            id: "e1".to_owned(),
            source: source.to_owned(),
            kind: EventKind::Problem,
            at: self.watching.clock.now(),
            severity: Severity::Critical,
            title: HOSTILE.to_owned(),
            detail: HOSTILE.to_owned(),
            labels: BTreeMap::new(),
            to: vec!["ops".to_owned()],
            sns: None,
        };
        router.take(&event).await.unwrap();
    }

    async fn check(&self) {
        let (board, now) = (&self.watching.board, self.watching.clock.now());
        let host = board::Host {
            name: HOSTILE.to_owned(),
            ..board::Host::default()
        };
        let checks = BTreeMap::from([
            ("http".to_owned(), Rules::default()),
            ("disk".to_owned(), Rules::default()),
        ]);
        board
            .assign("i-0123456789abcdef0", host, checks, now)
            .await
            .unwrap();
        let line = Series {
            name: "up".to_owned(),
            label: HOSTILE.to_owned(),
            warning: vec![100.0],
            ..Series::default()
        };
        let graph = Graph {
            name: "if_eth0".to_owned(),
            title: HOSTILE.to_owned(),
            unit: HOSTILE.to_owned(),
            namespace: "Shukuba/Munin".to_owned(),
            series: vec![line],
            ..Graph::default()
        };
        let graphs = BTreeMap::from([("http".to_owned(), vec![graph])]);
        board.draw("i-0123456789abcdef0", graphs).await.unwrap();
        let result = |check: &str, status, text: &str| {
            let outcome = Outcome::of(status, text);
            Report::of(check, format!("{check}-1"), 1, now, 12, &outcome)
        };
        let results = vec![
            result("disk", Status::Ok, "fine"),
            result("http", Status::Critical, HOSTILE),
        ];
        board.report("i-0123456789abcdef0", results).await.unwrap();
    }

    async fn guest(&self, name: &str, policy: &str) -> Jar {
        self.user(name, policy, Reset::NotNeeded).await;
        let mut jar = Jar::default();
        let signed = self.sign_in(&mut jar, name, FIRST).await;
        assert_eq!(signed.response.status(), 303);
        jar
    }
}

fn status(answer: &PageAnswer) -> u16 {
    answer.response.status().as_u16()
}

fn to(answer: &PageAnswer) -> &str {
    answer.response.headers()["location"].to_str().unwrap()
}

/// What a page says itself: without what is marked as somebody's data or as English.
fn own_words(html: &str) -> String {
    let mut rest = html;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        out.push(' ');
        let (tag, inner) = after.split_once('>').unwrap();
        rest = inner;
        let name = tag.split(' ').next().unwrap();
        let is_foreign =
            tag.contains("class=\"data\"") || tag.contains("lang=\"en\"") || name == "textarea";
        if is_foreign && !tag.starts_with("html") {
            // None of these holds one of its own kind.
            let end = format!("</{name}>");
            rest = rest.split_once(end.as_str()).map_or("", |(_, rest)| rest);
        }
    }
    out
}

const PAGES: &[&str] = &[
    "",
    "hosts",
    "checks",
    "checks?show=problems",
    CHECK,
    "alarms",
    "alarms?state=ALARM",
    ALARM,
    "dashboards",
    "dashboards/web",
    "dashboards/platform",
    "dashboards/web/edit",
    "dashboards/web/delete",
    "new-dashboard",
    "links",
    "silences",
    "billing",
    "nothing-here",
];

#[tokio::test]
async fn every_page_is_there_in_both_languages_and_escapes_what_is_not_ours() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    for path in PAGES {
        let expected = match *path {
            "billing" => 403,
            "nothing-here" => 404,
            _ => 200,
        };
        for language in ["en", "ja"] {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = bench
                .ask(&mut jar, &format!("{path}{sign}lang={language}"), None)
                .await;
            let html = text(&page);
            assert_eq!(status(&page), expected, "{path} {html}");
            assert!(
                html.contains(&format!("<html lang=\"{language}\">")),
                "{path}"
            );
            assert!(
                !html.contains("<script") && !html.contains("<b>"),
                "{path} {html}"
            );
            assert_eq!(html.matches("<h1>").count(), 1, "{path}");
            assert!(!html.contains("style="), "{path} {html}");
            if language == "ja" {
                let words = own_words(html);
                let plain = |word: &&str| {
                    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase())
                };
                let mut row = 0;
                for word in words.split_whitespace() {
                    row = if plain(&word) { row + 1 } else { 0 };
                    assert!(row < 3, "English on {path}: {words}");
                }
            }
        }
    }
    // The choice was kept.
    let page = bench.ask(&mut jar, "alarms", None).await;
    assert!(text(&page).contains("<html lang=\"ja\">"));
}

#[tokio::test]
async fn what_one_may_not_see_is_not_linked_and_is_refused_with_words() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("nobody", r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}"#).await;
    for path in PAGES {
        let page = bench.ask(&mut jar, path, None).await;
        let expected = match *path {
            "" => 200,
            "nothing-here" => 404,
            _ => 403,
        };
        assert_eq!(status(&page), expected, "{path} {}", text(&page));
        assert!(!text(&page).contains("href=\"/_shukuba/alarms\""), "{path}");
    }
    let page = bench.ask(&mut jar, "alarms", None).await;
    assert!(
        text(&page).contains("You may not do cloudwatch:DescribeAlarms here"),
        "{}",
        text(&page)
    );
    let looks = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["cloudwatch:Describe*","cloudwatch:Get*","cloudwatch:List*","shukuba:List*","shukuba:Get*","ec2:Describe*"],"Resource":"*"}}"#;
    let mut jar = bench.guest("reader", looks).await;
    for (path, absent) in [
        (ALARM, "<button>"),
        (CHECK, "<button>"),
        ("dashboards/web", "/edit\""),
        ("dashboards", "new-dashboard"),
    ] {
        let page = bench.ask(&mut jar, path, None).await;
        assert_eq!(status(&page), 200, "{path}");
        assert!(!text(&page).contains(absent), "{path} {}", text(&page));
    }
    for (path, form, denied) in [
        (
            ALARM,
            &[("do", "disable")][..],
            "monitoring:DisableAlarmActions user/reader AccessDenied",
        ),
        (
            ALARM,
            &[("do", "silence"), ("for", "1h")],
            "shukuba:SilenceNotices user/reader AccessDenied",
        ),
        (
            CHECK,
            &[],
            "shukuba:AcknowledgeCheck user/reader AccessDenied",
        ),
        (
            "dashboards/web/delete",
            &[],
            "monitoring:DeleteDashboards user/reader AccessDenied",
        ),
    ] {
        let page = bench.ask(&mut jar, path, Some(form)).await;
        assert_eq!(
            (status(&page), told(&page).as_str()),
            (403, denied),
            "{path}"
        );
    }
    assert!(bench.watching.dashboards.get("web").is_ok());
}

#[tokio::test]
async fn links_say_how_they_are_and_those_that_do_not_work_come_first() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    let page = bench.ask(&mut jar, "links?lang=en", None).await;
    let html = text(&page);
    let said = own_words(html);
    for word in [
        "Behind",
        "Takes no links",
        "Waits for the gateway",
        "No handshake",
        "61 s ago",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let place = |text: &str| html.find(text).unwrap();
    assert!(place("hosts/i-5") < place("hosts/i-1"), "{html}");
    assert!(html.contains("192.0.2.1:9500") && html.contains("4.8 MiB"));
    // A policy that shows hosts shows no links.
    let hosts = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"}}"#;
    let mut jar = bench.guest("hosts", hosts).await;
    let page = bench.ask(&mut jar, "links", None).await;
    assert_eq!(status(&page), 403);
    let page = bench.ask(&mut jar, "hosts", None).await;
    assert!(!text(&page).contains("/_shukuba/links"));
}

#[tokio::test]
async fn links_say_what_was_refused_why_and_to_whom() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    let page = bench.ask(&mut jar, "links?lang=en", None).await;
    let html = text(&page);
    let (_, refused) = html.split_once("What gateways refused").unwrap();
    let in_order = [
        "&lt;b&gt;shop&lt;/b&gt;",
        "no_ingress",
        "Into the network",
        "1,005",
        "spoofed",
        "No path between",
        "hosts/i-1",
        "10.2.0.1 \u{2192} 172.31.0.10 tcp 9090",
        "datetime=\"2026-11-30T00:00:00Z\"",
        "groups do not let it in",
        "1,004",
        "172.31.0.10 \u{2192} 10.2.9.9 protocol 47",
        "An address is nobody's",
        "10.2.0.3 \u{2192} 172.31.0.10 udp 53",
        "They let it",
    ];
    let mut rest = refused;
    for text in in_order {
        let (_, after) = rest
            .split_once(text)
            .unwrap_or_else(|| panic!("{text}: {refused}"));
        rest = after;
    }
    assert!(refused.contains("shukuba link doctor"));
    // One that refused nothing has no part.
    assert!(!refused.contains("vpc-2"), "{refused}");
    let page = bench.ask(&mut jar, "links?lang=ja", None).await;
    assert!(text(&page).contains("宛先のセキュリティグループが受信を許可していません。"));
}

#[tokio::test]
async fn an_alarm_is_taken_on_silenced_and_switched() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    let page = bench.ask(&mut jar, ALARM, None).await;
    assert!(
        text(&page).contains("value=\"acknowledge\"") && text(&page).contains("web-1"),
        "{}",
        text(&page)
    );
    for (form, event) in [
        (
            &[("do", "acknowledge"), ("comment", "mine")][..],
            "shukuba:AcknowledgeNotice user/admin ok",
        ),
        (
            &[("do", "silence"), ("for", "4h"), ("what", "name")],
            "shukuba:SilenceNotices user/admin ok",
        ),
        (
            &[("do", "disable")],
            "monitoring:DisableAlarmActions user/admin ok",
        ),
    ] {
        let done = bench.ask(&mut jar, ALARM, Some(form)).await;
        assert_eq!(
            (status(&done), told(&done).as_str()),
            (303, event),
            "{}",
            text(&done)
        );
        let next = to(&done).strip_prefix("/_shukuba/").unwrap().to_owned();
        assert!(next.starts_with(&format!("{ALARM}?done=")), "{next}");
        let page = bench.ask(&mut jar, &next, None).await;
        assert!(text(&page).contains("role=\"status\""), "{next}");
    }
    let problems = bench.watching.router.problems().await;
    assert_eq!(problems[0].acknowledged.as_ref().unwrap().comment, "mine");
    let book = bench.watching.alarms.book();
    assert!(!book.alarm(HOSTILE).unwrap().alarm.settings.actions_enabled);
    let silences = bench.watching.router.silences().await;
    assert_eq!(silences[0].matcher.0["Name"], "web-1");
    let page = bench.ask(&mut jar, "silences", None).await;
    assert!(text(&page).contains("Name=web-1") && text(&page).contains(&silences[0].id));
    let ended = bench
        .ask(&mut jar, "silences", Some(&[("id", &silences[0].id)]))
        .await;
    assert_eq!(told(&ended), "shukuba:SilenceNotices user/admin ok");
    // Nothing is silenced for a span that the form does not offer.
    let page = bench
        .ask(&mut jar, ALARM, Some(&[("do", "silence"), ("for", "9d")]))
        .await;
    assert_eq!(status(&page), 400);
    assert!(page.event.is_none() && text(&page).contains("Choose for how long"));
}

#[tokio::test]
async fn a_check_s_problem_is_taken_on_once() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    let list = bench.ask(&mut jar, "checks", None).await;
    let places = [
        "checks/i-0123456789abcdef0/http\"",
        "checks/i-0123456789abcdef0/disk\"",
    ]
    .map(|it| text(&list).find(it).unwrap());
    assert!(places[0] < places[1], "problems come first");
    let list = bench.ask(&mut jar, "checks?show=problems", None).await;
    assert!(!text(&list).contains("/disk\""));
    let done = bench
        .ask(&mut jar, CHECK, Some(&[("comment", "mine")]))
        .await;
    assert_eq!(told(&done), "shukuba:AcknowledgeCheck user/admin ok");
    let page = bench.ask(&mut jar, CHECK, None).await;
    assert!(
        text(&page).contains("user/admin") && !text(&page).contains("<button>"),
        "{}",
        text(&page)
    );
    let page = bench
        .ask(&mut jar, "checks/i-0123456789abcdef0/disk", Some(&[]))
        .await;
    assert_eq!(status(&page), 400, "{}", text(&page));
    assert!(text(&page).contains("has no problem"));
}

#[tokio::test]
async fn a_dashboard_is_edited_and_a_slip_loses_nothing() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    let opened = |page: &PageAnswer| {
        let (_, rest) = text(page).split_once("name=\"opened\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let page = bench.ask(&mut jar, "dashboards/web/edit", None).await;
    assert!(text(&page).contains("&lt;b&gt;hi&lt;/b&gt;"));
    let first = opened(&page);
    let save = async |jar: &mut Jar, opened: &str, body: &str| {
        let form = [("opened", opened), ("body", body)];
        bench.ask(jar, "dashboards/web/edit", Some(&form)).await
    };
    let broken = "{\n\"widgets\": [}";
    let page = save(&mut jar, &first, broken).await;
    assert_eq!(
        (status(&page), told(&page).as_str()),
        (
            400,
            "monitoring:PutDashboard user/admin DashboardInvalidInputError"
        )
    );
    assert!(
        text(&page).contains("line 2, column 13")
            && text(&page).contains("{\n&quot;widgets&quot;: [}"),
        "{}",
        text(&page)
    );
    let wrong = r#"{"widgets": [{"type": "text", "properties": {"markdown": 7}}]}"#;
    let page = save(&mut jar, &first, wrong).await;
    assert!(
        text(&page).contains("Should be string") && text(&page).contains("markdown"),
        "{}",
        text(&page)
    );
    assert!(text(&page).contains("&quot;markdown&quot;: 7"));
    let right = r#"{"widgets": []}"#;
    let page = save(&mut jar, &first, right).await;
    assert_eq!(
        (status(&page), to(&page)),
        (303, "/_shukuba/dashboards/web?done=save")
    );
    assert_eq!(bench.watching.dashboards.get("web").unwrap().body, right);
    // Somebody who had opened it before does not overwrite that unasked.
    let page = save(&mut jar, "1", wrong).await;
    assert_eq!(status(&page), 400);
    assert!(
        text(&page).contains("somebody else changed it")
            && text(&page).contains("&quot;markdown&quot;: 7")
    );
    let page = save(&mut jar, &opened(&page), "{\r\n\"widgets\": []}").await;
    assert_eq!(status(&page), 303);
    assert_eq!(
        bench.watching.dashboards.get("web").unwrap().body,
        "{\n\"widgets\": []}"
    );
}

#[tokio::test]
async fn a_dashboard_is_made_not_over_another_and_deleted_after_a_question() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    for (name, expected, says) in [
        ("web", 400, "there is a dashboard of this name"),
        ("no good", 400, "invalid characters"),
        ("db", 303, ""),
    ] {
        let form = [("name", name), ("body", "{\"widgets\": []}")];
        let page = bench.ask(&mut jar, "new-dashboard", Some(&form)).await;
        assert_eq!(status(&page), expected, "{name} {}", text(&page));
        assert!(text(&page).contains(says), "{name} {}", text(&page));
    }
    let page = bench.ask(&mut jar, "dashboards/db/delete", None).await;
    assert!(text(&page).contains("Delete db?"));
    assert!(bench.watching.dashboards.get("db").is_ok());
    let done = bench.ask(&mut jar, "dashboards/db/delete", Some(&[])).await;
    assert_eq!(told(&done), "monitoring:DeleteDashboards user/admin ok");
    assert!(bench.watching.dashboards.get("db").is_err());
    // What is built in is there, and is not deleted.
    let page = bench.ask(&mut jar, "dashboards", None).await;
    assert!(text(&page).contains("dashboards/platform"));
    assert_eq!(
        status(
            &bench
                .ask(&mut jar, "dashboards/platform/delete", None)
                .await
        ),
        404
    );
}

#[tokio::test]
async fn pictures_are_svg_in_two_sizes_and_files_are_kept() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    let alarm = ALARM.replace("alarms/", "picture/alarm/");
    for path in [
        alarm.as_str(),
        "picture/dashboard/web/0",
        "picture/dashboard/platform/0",
        "picture/host/i-0123456789abcdef0/http/if_eth0",
    ] {
        for (size, width) in [("?size=narrow", "width=\"358\""), ("?range=1w", "viewBox")] {
            let answer = bench.ask(&mut jar, &format!("{path}{size}"), None).await;
            assert_eq!(
                answer.response.headers()["content-type"],
                "image/svg+xml",
                "{path} {}",
                text(&answer)
            );
            assert!(
                text(&answer).starts_with("<svg") && text(&answer).contains(width),
                "{path}"
            );
            assert!(!text(&answer).contains("<script"));
        }
    }
    for path in [
        "picture/dashboard/web/1",
        "picture/host/i-1/cpu",
        "picture/host/i-0123456789abcdef0/http/none",
        "picture/host/i-0123456789abcdef0/none/if_eth0",
        "picture/x/y",
        "picture/alarm/none",
    ] {
        assert_eq!(
            status(&bench.ask(&mut jar, path, None).await),
            404,
            "{path}"
        );
    }
    let home = bench.ask(&mut Jar::default(), "", None).await;
    let (_, rest) = text(&home)
        .split_once("stylesheet\" href=\"/_shukuba/")
        .unwrap();
    let style = bench
        .ask(&mut Jar::default(), rest.split('"').next().unwrap(), None)
        .await;
    assert!(
        style.response.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    assert_eq!(
        style.response.headers()["content-type"],
        "text/css; charset=utf-8"
    );
}

#[tokio::test]
async fn whoever_asked_for_a_page_is_there_after_signing_in_and_nowhere_else() {
    let bench = Bench::furnished().await;
    bench.user("admin", ADMINISTRATOR, Reset::NotNeeded).await;
    for (next, expected) in [
        ("alarms/a%2Fb", "/_shukuba/alarms/a%2Fb"),
        ("/evil.example/", "/_shukuba/"),
        ("https://evil.example", "/_shukuba/"),
        ("a\r\nSet-Cookie:x", "/_shukuba/"),
    ] {
        let mut jar = Jar::default();
        bench.ask(&mut jar, "alarms", None).await;
        let form = [("user", "admin"), ("password", FIRST), ("next", next)];
        let signed = bench.ask(&mut jar, "sign-in", Some(&form)).await;
        assert_eq!(to(&signed), expected, "{next}");
    }
    let page = bench.ask(&mut Jar::default(), "alarms/x", None).await;
    assert!(text(&page).contains("name=\"next\" value=\"alarms/x\""));
}

#[tokio::test]
async fn long_lists_have_pages() {
    let bench = Bench::furnished().await;
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    let now = Timestamp::from_secs(1_795_410_000);
    let checks = (0..450)
        .map(|number| (format!("check-{number:03}"), Rules::default()))
        .collect();
    bench
        .watching
        .board
        .assign("i-1", board::Host::default(), checks, now)
        .await
        .unwrap();
    for (path, rows, says) in [
        ("checks", 200, "Page 1 of 3, 454 rows"),
        ("checks?page=3", 54, "Page 3 of 3"),
        ("checks?page=99", 54, "Page 3 of 3"),
        ("checks?page=x", 200, "Page 1 of 3"),
    ] {
        let page = bench.ask(&mut jar, path, None).await;
        let found = text(&page).matches("scope=\"row\"").count();
        assert_eq!(found, rows, "{path} {}", own_words(text(&page)));
        assert!(text(&page).contains(says), "{path}");
    }
}

#[tokio::test]
async fn a_link_in_a_mail_leads_on_once_from_here() {
    let bench = Bench::furnished().await;
    let page = bench
        .ask(&mut Jar::default(), "alarms/a%22b?from-mail", None)
        .await;
    let refresh = &page.response.headers()["refresh"];
    assert_eq!(refresh, "0; url=/_shukuba/alarms/a%22b");
    assert!(!text(&page).contains("name=\"password\""));
    // Whoever is signed in and seen is not sent round.
    let mut jar = bench.guest("admin", ADMINISTRATOR).await;
    let page = bench.ask(&mut jar, "alarms?from-mail", None).await;
    assert!(page.response.headers().get("refresh").is_none());
}

#[tokio::test]
async fn what_is_no_page_is_none_for_strangers_too() {
    let bench = Bench::new(URL);
    for (path, expected) in [
        ("none", 404),
        ("style-0.css", 404),
        ("alarms/x", 200),
        ("hosts", 200),
    ] {
        let page = bench.ask(&mut Jar::default(), path, None).await;
        assert_eq!(status(&page), expected, "{path}");
    }
}

#[tokio::test]
async fn the_first_page_shows_the_cost_to_those_who_may_see_the_bill() {
    let bench = Bench::furnished().await;
    let of = |action: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}"#
        )
    };
    for (user, action, may) in [
        ("new", "ce:GetCostAndUsage", true),
        ("old", "aws-portal:ViewBilling", true),
        ("other", "shukuba:*", false),
    ] {
        bench.iam.run(SetBilling(BillingIs::Open)).unwrap();
        let mut jar = bench.guest(user, &of(action)).await;
        for path in ["", "billing"] {
            let page = bench.ask(&mut jar, path, None).await;
            assert_eq!(text(&page).contains("$12.34"), may, "{user} {path}");
            assert!(!text(&page).contains("<b>"), "{user} {path}");
        }
        let page = bench.ask(&mut jar, "billing?lang=ja", None).await;
        assert_eq!(text(&page).contains("月2.5百万件以上"), may, "{user}");
        bench.iam.run(SetBilling(BillingIs::Closed)).unwrap();
        let page = bench.ask(&mut jar, "", None).await;
        assert!(!text(&page).contains("$12.34"), "{user}");
    }
}
