//! Requests by templates on their way through the dispatcher: facts of the message, and what is kept of the line.

use super::*;

const SETTINGS: &str = r#"
[routes.r]
queue = "q"
format = { kind = "json" }
[routes.r.request]
url = "http://{host}.example/e?id={@id}&n={@attempt}&c={@attr.campaign|default:\"-\"}&first={@accepted.unix}&now={@time.unix_ms}"
[destinations."a.example"]
headers = { x-line = "{host} {@id} {@query.n}" }
request = { query = { v = "{v}" } }
"#;

fn dispatcher_by_templates() -> Dispatcher {
    let settings: config::Settings = toml::from_str(SETTINGS).unwrap();
    let mut parts = unqueued(FormatKind::Json);
    let secrets = &config::SystemSecrets;
    let format = settings.routes["r"].reader("r", &settings.secrets, secrets);
    parts.format = format.unwrap();
    parts.destinations = Arc::new(Destinations::new(&settings, secrets).unwrap());
    dispatcher_of(false, 32, parts)
}

/// The request of the one line that is sent, as method, URL and headers.
fn sent(actions: &[Action]) -> (String, Vec<(String, String)>) {
    let sends = sends(actions);
    assert_eq!(sends.len(), 1);
    let request = &sends[0].notification.request;
    (
        format!("{} {}", request.method, request.url),
        request.headers.clone(),
    )
}

#[test]
fn a_request_is_made_anew_of_the_line_for_each_attempt() {
    let mut dispatcher = dispatcher_by_templates();
    act(&mut dispatcher, 0);
    let mut message = received(1, "", r#"{"host":"a","v":"1&2"}"#);
    message.attributes = BTreeMap::from([("campaign".to_owned(), "c 1".to_owned())]);
    let mut again = message.clone();
    dispatcher.received(at(1500), vec![message], 10);
    let (request, headers) = sent(&act(&mut dispatcher, 1500));
    assert_eq!(
        request,
        "GET http://a.example/e?id=m1%2F1&n=1&c=c%201&first=1000000&now=1000001500&v=1%262"
    );
    assert_eq!(headers, [("x-line".to_owned(), "a m1/1 1".to_owned())]);

    let mut dispatcher = dispatcher_by_templates();
    act(&mut dispatcher, 0);
    again.attempt = 4;
    dispatcher.received(at(9000), vec![again], 10);
    let (request, headers) = sent(&act(&mut dispatcher, 9000));
    assert!(
        request.contains("&n=5&") && request.contains("&first=1000000&now=1000009000&"),
        "{request}"
    );
    assert_eq!(headers, [("x-line".to_owned(), "a m1/1 5".to_owned())]);
}

#[test]
fn a_lines_own_id_counts_but_for_one_that_is_sent_anew() {
    for (attribute, id) in [(None, "own"), (Some(travel::NEW_ID), "m1%2F1")] {
        let mut dispatcher = dispatcher_by_templates();
        act(&mut dispatcher, 0);
        let mut message = received(1, "", r#"{"host":"a","v":1,"id":"own"}"#);
        let attribute = attribute.map(|name| (name.to_owned(), "1".to_owned()));
        message.attributes = attribute.into_iter().collect();
        dispatcher.received(at(1), vec![message], 10);
        let (request, _) = sent(&act(&mut dispatcher, 1));
        assert!(request.contains(&format!("?id={id}&")), "{request}");
    }
}

#[test]
fn what_is_unresolved_is_dead_with_its_receiver_and_its_line_as_it_came() {
    let mut dispatcher = dispatcher_by_templates();
    act(&mut dispatcher, 0);
    // Of the destination, of the route, and of the route where not even the receiver is known.
    let lines = [r#"{"host":"a"}"#, r#"{"host":"b","id":""}"#, r#"{"v":1}"#];
    let messages = (1..).zip(lines);
    let messages = messages.map(|(n, line)| received(n, "", line)).collect();
    dispatcher.received(at(1), messages, 10);
    let mut counted = BTreeMap::new();
    dispatcher.take_counts(|name, counts| {
        counted.insert(name.to_string(), (counts.dead, counts.unresolved));
    });
    let actions = act(&mut dispatcher, 100);
    let outcomes = actions.iter().find_map(|action| match action {
        Action::Settle { outcomes, .. } => Some(outcomes),
        _ => None,
    });
    let outcomes = outcomes.unwrap();
    let of = |n: usize| &outcomes[n].lines[0];
    assert_eq!(&*of(0).destination, "a.example");
    for (n, line) in lines.into_iter().enumerate() {
        assert_eq!(&of(n).raw[..], line.as_bytes());
    }
    let unresolved = |n: usize, name: &str| match &of(n).verdict {
        Verdict::Dead { reason } => {
            let told = reason.to_string();
            assert!(matches!(reason, Reason::Unresolved { .. }), "{told}");
            assert!(
                told.contains(&format!("unresolved: macro `{{{name}}}` gives nothing")),
                "{told}"
            );
        }
        other => panic!("{other:?}"),
    };
    unresolved(0, "v");
    unresolved(2, "host");
    // An empty id is none.
    unresolved(1, "@id");
    assert_eq!(counted["a.example"], (1, 1));
    assert_eq!(counted.values().map(|(dead, _)| dead).sum::<u64>(), 3);
}
