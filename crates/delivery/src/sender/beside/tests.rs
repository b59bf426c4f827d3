//! A second URL over senders that answer as they are told.

use std::collections::BTreeMap;

use base::SystemClock;
use bytes::Bytes;
use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::config::{self, Settings};
use crate::destinations::Destinations;
use crate::port::{ErrorClass, NotSendable, Request};
use crate::sender::{Tools, blank};

/// What a host answers.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Status(u16),
    Error(ErrorClass),
    /// Nothing until the budget is over.
    Hangs,
}

/// Answers by host; keeps what came: the rules' name, and the notification.
#[derive(Debug, Default)]
struct Fake {
    answers: BTreeMap<&'static str, Answer>,
    got: Mutex<Vec<(String, Notification, Duration)>>,
}

impl Sender for Fake {
    fn schemes(&self) -> &[&'static str] {
        &["http", "https"]
    }

    fn check(&self, _: &Request, _: &DestinationRules) -> Result<(), NotSendable> {
        Ok(())
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
        rules: &'a DestinationRules,
        budget: Duration,
    ) -> BoxFuture<'a, Attempt> {
        let host = notification.request.url.host_str().unwrap().to_owned();
        let got = (rules.name.to_string(), notification.clone(), budget);
        self.got.lock().push(got);
        let answer = self.answers.get(host.as_str()).copied();
        Box::pin(async move {
            let mut attempt = blank(notification.attempt, Timestamp::from_secs(1));
            match answer.unwrap_or(Answer::Status(200)) {
                Answer::Status(status) => attempt.status = Some(status),
                Answer::Error(error) => attempt.error = Some(error),
                Answer::Hangs => {
                    tokio::time::sleep(budget).await;
                    attempt.error = Some(ErrorClass::TotalTimeout);
                }
            }
            attempt.sent = true;
            attempt
        })
    }
}

#[derive(Debug)]
struct Fixed;

impl config::Secrets for Fixed {
    fn env(&self, name: &str) -> Result<String, String> {
        Ok(format!("secret-{}", name.to_lowercase()))
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("there is no `{path}`"))
    }
}

struct Scene {
    fake: Arc<Fake>,
    senders: Senders,
    destinations: Destinations,
}

fn scene(settings: &str, answers: &[(&'static str, Answer)]) -> Scene {
    let settings: Settings = toml::from_str(settings).unwrap();
    assert_eq!(settings.problems(), []);
    let fake = Arc::new(Fake {
        answers: answers.iter().copied().collect(),
        got: Mutex::default(),
    });
    let all: Vec<Arc<dyn Sender>> = vec![fake.clone()];
    Scene {
        senders: Senders {
            tools: Tools::new(Arc::new(SystemClock::new())),
            schemes: ["http", "https"].into(),
            all: all.into(),
        },
        destinations: Destinations::new(&settings, &Fixed).unwrap(),
        fake,
    }
}

const SHADOW: &str = "[destinations.\"old.example\".shadow]\nto = \"https://new.example/base/\"\n[destinations.\"new.example\"]\n";
const CANARY: &str = "[destinations.\"old.example\".canary]\nto = \"https://new.example\"\nshare = 1.0\n[destinations.\"new.example\"]\n";
const BUDGET: Duration = Duration::from_secs(15);

fn notification(id: &str, attempt: u32) -> Notification {
    Notification {
        id: id.into(),
        request: Request {
            url: "https://old.example/p/%7Ba%7D?idfa=7&n=a%20b#part"
                .parse()
                .unwrap(),
            method: http::Method::POST,
            headers: vec![
                ("Authorization".into(), "Bearer line".into()),
                ("X-Shukuba-Shadow".into(), "forged".into()),
                ("X-Event".into(), "install".into()),
            ],
            body: Bytes::from_static(b"a=1"),
        },
        attempt,
        expires_at: None,
        line: 1,
        message_id: "m".into(),
        origin: None,
        replay: None,
    }
}

impl Scene {
    async fn send(&self, notification: &Notification) -> Attempt {
        let rules = self.destinations.of_url(&notification.request.url);
        self.senders.send(notification, rules, BUDGET).await
    }

    /// What became of it, once it has ended.
    async fn beside(&self, attempt: &Attempt) -> Beside {
        let mut beside = attempt.beside.as_deref().unwrap().clone();
        beside.ended().await;
        beside
    }

    /// Hosts and paths that were sent to, in order, with the name of their rules.
    fn got(&self) -> Vec<(String, Notification, Duration)> {
        self.fake.got.lock().clone()
    }

    fn names(&self) -> Vec<String> {
        self.got().into_iter().map(|(name, _, _)| name).collect()
    }
}

const ANSWERS: [Answer; 8] = [
    Answer::Status(200),
    Answer::Status(204),
    Answer::Status(302),
    Answer::Status(404),
    Answer::Status(429),
    Answer::Status(503),
    Answer::Error(ErrorClass::Connect),
    Answer::Hangs,
];

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_shadow_changes_nothing() {
    for own in ANSWERS {
        let alone = scene("", &[("old.example", own)]);
        let expected = alone.send(&notification("n", 1)).await;
        for other in ANSWERS {
            let both = scene(SHADOW, &[("old.example", own), ("new.example", other)]);
            let mut attempt = both.send(&notification("n", 1)).await;
            let beside = both.beside(&attempt).await;
            attempt.beside = None;
            assert_eq!(attempt, expected, "{own:?} {other:?}");
            let is_success = |answer| matches!(answer, Answer::Status(200 | 204));
            let compared = match (own, other) {
                (_, Answer::Error(_) | Answer::Hangs) => Compared::Failed,
                (Answer::Error(_) | Answer::Hangs, _) => Compared::Alone,
                (Answer::Status(a), Answer::Status(b)) if a == b => Compared::Agrees,
                (a, b) if is_success(a) && is_success(b) => Compared::Agrees,
                _ => Compared::Differs,
            };
            assert_eq!(beside.compared(), Some(compared), "{own:?} {other:?}");
            assert!(!beside.is_delivered());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_shadow_that_hangs_holds_nothing_up_and_is_left_out_beyond_its_places() {
    let settings = SHADOW.replace("/base/\"", "/\"\nin_flight_max = 2");
    let scene = scene(&settings, &[("new.example", Answer::Hangs)]);
    let begun = tokio::time::Instant::now();
    let mut attempts = Vec::new();
    for n in 0..5 {
        attempts.push(scene.send(&notification(&n.to_string(), 1)).await);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let fates = attempts.iter().map(|one| one.beside.as_ref().unwrap());
    let busy: Vec<bool> = fates
        .map(|one| one.fate == Fate::Skipped(Skip::Busy))
        .collect();
    assert_eq!(busy, [false, false, true, true, true]);
    let ended = scene.beside(&attempts[0]).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    assert_eq!(ended.compared(), Some(Compared::Failed));
    // Its place is free again.
    let attempt = scene.send(&notification("6", 1)).await;
    assert!(attempt.beside.unwrap().is_underway());
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_nobody_waits_for_is_given_up() {
    let settings = SHADOW.replace("/base/\"", "/\"\nin_flight_max = 1");
    let scene = scene(&settings, &[("new.example", Answer::Hangs)]);
    let attempt = scene.send(&notification("1", 1)).await;
    assert!(attempt.beside.as_ref().unwrap().is_underway());
    drop(attempt);
    tokio::task::yield_now().await;
    let attempt = scene.send(&notification("2", 1)).await;
    assert!(attempt.beside.unwrap().is_underway());
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_not_copied_and_a_canary_is_tried_again() {
    let failing = [
        ("old.example", Answer::Status(503)),
        ("new.example", Answer::Status(503)),
    ];
    let shadow = scene(SHADOW, &failing);
    assert!(shadow.send(&notification("n", 2)).await.beside.is_none());
    let canary = scene(CANARY, &failing);
    for attempt in [1, 2] {
        canary.send(&notification("n", attempt)).await;
    }
    let both = ["new.example", "*"];
    let old = canary.destinations.find("old.example").name.to_string();
    let names = canary.names();
    assert_eq!(names, [both[0], &old, both[0], &old]);
}

#[tokio::test(start_paused = true)]
async fn what_a_canary_takes_is_delivered_and_all_else_goes_to_the_receiver() {
    for other in ANSWERS {
        for own in ANSWERS {
            let alone = scene("", &[("old.example", own)]);
            let expected = alone.send(&notification("n", 1)).await;
            let both = scene(CANARY, &[("old.example", own), ("new.example", other)]);
            let mut attempt = both.send(&notification("n", 1)).await;
            let beside = both.beside(&attempt).await;
            attempt.beside = None;
            if let Answer::Status(status @ (200 | 204)) = other {
                assert_eq!(both.names(), ["new.example"]);
                assert_eq!(attempt.status, Some(status));
                assert_eq!(beside.compared(), Some(Compared::Delivered));
                continue;
            }
            assert_eq!(attempt, expected, "{own:?} {other:?}");
            assert_eq!(both.names(), ["new.example", "old.example"]);
            assert_eq!(beside.compared(), Some(Compared::Failed));
            assert!(!beside.is_delivered());
            // What it took is missing to the receiver: no attempt is longer than its budget.
            let took = Duration::from_secs(if matches!(other, Answer::Hangs) { 2 } else { 0 });
            assert_eq!(both.got()[1].2, BUDGET - took, "{other:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_hangs_gets_its_places_and_half_of_the_time_at_most() {
    let settings = format!("{CANARY}[destinations.\"old.example\"]\nsuccess = [\"200\"]\n");
    let settings = settings.replace("share", "timeout = \"60s\"\nin_flight_max = 1\nshare");
    let scene = scene(&settings, &[("new.example", Answer::Hangs)]);
    let (first, second) = (notification("1", 1), notification("2", 1));
    let (first, second) = tokio::join!(scene.send(&first), scene.send(&second));
    assert_eq!(scene.got()[0].2, BUDGET / 2);
    assert!((first.status, second.status) == (Some(200), Some(200)));
    assert_eq!(second.beside.unwrap().fate, Fate::Skipped(Skip::Busy));
}

#[tokio::test]
async fn what_the_receiver_would_not_call_a_success_is_none_of_its_canary() {
    let settings = format!("{CANARY}[destinations.\"old.example\"]\nsuccess = [\"200\"]\n");
    let scene = scene(&settings, &[("new.example", Answer::Status(204))]);
    let attempt = scene.send(&notification("n", 1)).await;
    assert_eq!(scene.names(), ["new.example", "old.example"]);
    let beside = scene.beside(&attempt).await;
    assert_eq!(attempt.status, Some(200));
    assert_eq!(beside.compared(), Some(Compared::Failed));
}

/// The request that went to the second URL.
async fn copied(settings: &str, made: impl FnOnce(&mut Request)) -> Result<Notification, Skip> {
    let scene = scene(settings, &[]);
    let mut notification = notification("n-1", 1);
    made(&mut notification.request);
    let attempt = scene.send(&notification).await;
    if let Fate::Skipped(skip) = &attempt.beside.as_ref().unwrap().fate {
        return Err(skip.clone());
    }
    scene.beside(&attempt).await;
    let mut got = scene.got().into_iter();
    let (_, copy, _) = got.find(|(name, _, _)| name == "new.example").unwrap();
    Ok(copy)
}

fn header<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    let headers = request.headers.iter();
    headers
        .filter(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect()
}

#[tokio::test]
async fn a_copy_has_path_query_headers_body_and_id_and_says_what_it_is() {
    let copy = copied(SHADOW, |_| {}).await.unwrap();
    let request = &copy.request;
    assert_eq!(
        request.url.as_str(),
        "https://new.example/base/p/%7Ba%7D?idfa=7&n=a%20b"
    );
    assert_eq!((&*copy.id, request.method.as_str()), ("n-1", "POST"));
    assert_eq!(&*request.body, b"a=1");
    assert_eq!(header(request, "x-event"), ["install"]);
    assert_eq!(header(request, "x-shukuba-shadow"), ["1"]);
    assert_eq!(header(request, "authorization"), [""; 0]);
}

#[tokio::test]
async fn a_header_of_the_line_that_is_a_secret_goes_there_where_that_is_said() {
    let settings = SHADOW.replace("/base/\"", "/\"\npass_headers = [\"authorization\"]");
    let copy = copied(&settings, |_| {}).await.unwrap();
    assert_eq!(header(&copy.request, "authorization"), ["Bearer line"]);
}

/// As admission leaves the request: with what the receiver's templates made.
#[tokio::test]
async fn what_templates_made_with_a_secret_does_not_go_there() {
    let settings = format!(
        "{SHADOW}[destinations.\"old.example\".request]\nquery = {{ key = \"${{env:K}}\", sig = \"{{@body|hmac_sha256:MAC}}\", v = \"2\" }}\n\
         [destinations.\"old.example\".headers]\nx-app = \"${{env:K}} {{@id}}\"\nx-plain = \"{{@id}}\"\n[secrets]\nMAC = \"env:MAC\"\n"
    );
    let copy = copied(&settings, |request| {
        request.url = "https://old.example/p?key=secret-k&n=1&v=2&s%69g=abc&k=7"
            .parse()
            .unwrap();
        request.headers.push(("X-App".into(), "secret-k n".into()));
        request.headers.push(("x-plain".into(), "n".into()));
    });
    let request = copy.await.unwrap().request;
    assert_eq!(
        request.url.as_str(),
        "https://new.example/base/p?n=1&v=2&k=7"
    );
    assert_eq!(header(&request, "x-app"), [""; 0]);
    assert_eq!(header(&request, "x-plain"), ["n"]);
    // Wherever else one of them stands, the copy is left out.
    for place in 0..4 {
        let skipped = copied(&settings, |request| match place {
            0 => request.body = Bytes::from_static(b"{\"k\":\"secret-k\"}"),
            1 => request.headers.push(("x-b".into(), "a secret-mac".into())),
            2 => request.url = "https://old.example/secret-k/p".parse().unwrap(),
            _ => request.url = "https://old.example/?other=secret%2Dk".parse().unwrap(),
        });
        assert_eq!(skipped.await.unwrap_err(), Skip::Secret, "{place}");
    }
}

#[tokio::test]
async fn secrets_of_a_route_do_not_go_there() {
    let settings = format!(
        "{SHADOW}[routes.r]\nqueue = \"r\"\nformat.kind = \"json\"\n[routes.r.request]\nurl = \"https://old.example/?t=${{env:ROUTE}}&n={{n}}\"\n"
    );
    let made = |request: &mut Request| {
        request.url = "https://old.example/?t=secret-route&n=1".parse().unwrap();
    };
    assert_eq!(copied(&settings, made).await.unwrap_err(), Skip::Secret);
}

#[tokio::test]
async fn the_rules_of_the_second_host_hold_there() {
    let settings = format!(
        "{SHADOW}headers = {{ x-key = \"${{env:NEW}}\" }}\n[destinations.\"new.example\".request]\nquery = {{ v = \"{{@id}}\" }}\n"
    );
    let copy = copied(&settings, |_| {}).await.unwrap();
    assert_eq!(copy.request.url.query(), Some("idfa=7&n=a%20b&v=n-1"));
    let scene = scene(&settings, &[]);
    let (_, second) = scene.destinations.seconds().next().unwrap();
    let rules = second.rules().unwrap();
    assert_eq!((&*rules.name, rules.headers.len()), ("new.example", 1));
}

/// Where ids lie from 0 to 1, by an implementation of FNV-1a and of the last step of `MurmurHash3` in Python, the first checked
/// by the vectors of its authors (`a`: af63dc4c8601ec8c, `foobar`: 85944171f73967e8).
const PLACES: [(&str, f64); 4] = [
    ("a", 0.510_294_517_656_571_1),
    ("foobar", 0.172_395_305_972_548_04),
    (
        "5fea7756-0ea4-451a-a703-a558b933e274/1",
        0.874_469_364_758_579_1,
    ),
    ("m-1/2", 0.054_871_289_023_084_024),
];

#[test]
fn the_hash_is_that_of_the_books() {
    for (id, place) in PLACES {
        assert!(!is_chosen(id, place - 1e-15), "{id}");
        assert!(is_chosen(id, place + 1e-15), "{id}");
    }
}

#[test]
fn shares_are_kept() {
    for share in [0.01, 0.05, 0.5, 0.9] {
        let ids = (0..100_000).map(|n| format!("5fea7756-0ea4-451a-a703-a558b933e274/{n}"));
        let chosen = ids.filter(|id| is_chosen(id, share)).count();
        // Five standard deviations of a fair draw.
        let bound = 5.0 * (100_000.0 * share * (1.0_f64 - share)).sqrt();
        let off = (f64::from(u32::try_from(chosen).unwrap()) - 100_000.0 * share).abs();
        assert!(off < bound, "{share}: {chosen}");
    }
}

proptest! {
    #[test]
    fn a_choice_is_stable_and_a_larger_share_holds_a_smaller(
        id in ".{0,60}", a in 0.0001_f64..=1.0, b in 0.0001_f64..=1.0,
    ) {
        let (less, more) = (a.min(b), a.max(b));
        prop_assert_eq!(is_chosen(&id, less), is_chosen(&id, less));
        prop_assert!(!is_chosen(&id, less) || is_chosen(&id, more));
        prop_assert!(is_chosen(&id, 1.0));
    }

    #[test]
    fn no_secret_of_the_receiver_is_in_a_copy(
        path in "[a-z/%2]{0,20}", body in "[a-k-]{0,20}", place in 0..3_usize, at in 0..8_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let settings = format!("{SHADOW}[destinations.\"old.example\"]\nheaders = {{ x-k = \"${{env:K}}\" }}\n");
        let put = |text: &str| {
            let at = text.floor_char_boundary(at.min(text.len()));
            format!("{}secret-k{}", &text[..at], &text[at..])
        };
        let copy = runtime.block_on(copied(&settings, |request| match place {
            0 => request.url = format!("https://old.example/{}", put(&path).replace('%', "")).parse().unwrap(),
            1 => request.body = put(&body).into_bytes().into(),
            _ => request.headers.push(("x-other".into(), put(&body))),
        }));
        prop_assert_eq!(copy.unwrap_err(), Skip::Secret);
    }
}
