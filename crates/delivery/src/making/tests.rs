//! Requests made by the templates of settings as they are written.

use std::collections::BTreeMap;

use base::Timestamp;
use bytes::Bytes;

use super::*;
use crate::config::{DestinationRules, Secrets, Settings};
use crate::destinations::Destinations;
use crate::port::Request;

struct Fixed;

impl Secrets for Fixed {
    fn env(&self, name: &str) -> Result<String, String> {
        match name {
            "KEY" => Ok("s3cr3t&{x}".to_owned()),
            _ => Err("not set".to_owned()),
        }
    }
    fn file(&self, _: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}

fn settings(text: &str) -> Settings {
    let settings: Settings = toml::from_str(text).unwrap();
    assert_eq!(settings.problems(), [], "{text}");
    settings
}

struct Bench {
    format: Format,
    destinations: Destinations,
    attributes: BTreeMap<String, String>,
}

impl Bench {
    /// The route `r` of these settings.
    fn new(text: &str) -> Self {
        let settings = settings(text);
        Self {
            format: settings.routes["r"]
                .reader("r", &settings.secrets, &Fixed)
                .unwrap(),
            destinations: Destinations::new(&settings, &Fixed).unwrap(),
            attributes: BTreeMap::from([("campaign".to_owned(), "c 1".to_owned())]),
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            id: "m/1",
            takes_own_id: true,
            attempt: 3,
            attributes: Some(&self.attributes),
            at: Timestamp::from_millis(1_795_410_190_250),
            accepted_at: Timestamp::from_secs(1_795_410_000),
        }
    }

    fn parse(&self, line: &str) -> Result<Parsed, format::Error> {
        let line = Bytes::copy_from_slice(line.as_bytes());
        self.format.parse_with(&line, &self.facts())
    }

    fn make(&self, line: &str) -> Result<Request, format::Error> {
        let raw = Bytes::copy_from_slice(line.as_bytes());
        let made = make(&self.format, &self.destinations, &raw, &self.facts());
        made.map(|parsed| parsed.request)
    }

    fn rules(&self, host: &str) -> &DestinationRules {
        self.destinations.find(host)
    }
}

fn shown(request: &Request) -> String {
    let headers: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    format!(
        "{} {} [{}] {}",
        request.method,
        request.url,
        headers.join(", "),
        String::from_utf8_lossy(&request.body)
    )
}

const ROUTE: &str = r#"
[routes.r]
queue = "q"
[routes.r.request]
url = "https://h.example/{app.name}/e?gaid={gaid|lower}&items={app.items.1}&cb={cb|default:\"none\"}"
"#;

#[test]
fn any_field_of_a_json_line_is_reached_by_its_path() {
    let bench = Bench::new(&format!("{ROUTE}[routes.r.format]\nkind = \"json\"\n"));
    let line = r#"{"url":"https://other.example/","method":"paypal","headers":5,"id":"n-7","gaid":"AB-1","app":{"name":"a/b","items":[1,2.50]},"cb":null}"#;
    let parsed = bench.parse(line).unwrap();
    assert_eq!(
        shown(&parsed.request),
        "GET https://h.example/a%2Fb/e?gaid=ab-1&items=2.50&cb=none [] "
    );
    assert_eq!(parsed.id.as_deref(), Some("n-7"));
    // A member of the whole name comes before one that is stepped into, and the last of its name counts.
    let line = r#"{"app.name":"x","app":{"name":"y","items":["a",{"z":1}]},"gaid":"1","gaid":"2"}"#;
    assert_eq!(
        bench.make(line).unwrap().url.as_str(),
        "https://h.example/x/e?gaid=2&items=%7B%22z%22%3A1%7D&cb=none"
    );
}

#[test]
fn fields_of_ltsv_and_regex_lines_are_reached_by_their_names() {
    let request = "[routes.r.request]\nurl = \"https://h.example/{app}?v={v}\"\n";
    let ltsv = Bench::new(&format!(
        "[routes.r]\nqueue = \"q\"\nformat = {{ kind = \"ltsv\" }}\n{request}"
    ));
    assert_eq!(
        ltsv.make("app:a\tv:1:2 \theader.x:y\tnone")
            .unwrap()
            .url
            .as_str(),
        "https://h.example/a?v=1%3A2%20"
    );
    let regex = Bench::new(&format!(
        "[routes.r]\nqueue = \"q\"\nformat = {{ kind = \"regex\", pattern = '^(?P<app>\\w+) (?P<v>\\S+)$' }}\n{request}"
    ));
    assert_eq!(
        regex.make("a 1&b").unwrap().url.as_str(),
        "https://h.example/a?v=1%26b"
    );
}

#[test]
fn a_macro_that_gives_nothing_is_unresolved_and_the_line_still_bears_its_receiver() {
    let bench = Bench::new(&format!("{ROUTE}[routes.r.format]\nkind = \"json\"\n"));
    for line in [
        r#"{"app":{"name":"a","items":[1,2]}}"#,
        r#"{"app":{"name":"a","items":[1,2]},"gaid":""}"#,
        r#"{"app":{"name":"a","items":[1,2]},"gaid":null}"#,
    ] {
        let error = bench.make(line).unwrap_err();
        let format::Error::Unresolved(detail) = &error else {
            panic!("{line}: {error}");
        };
        assert!(detail.contains("macro `{gaid}` gives nothing"), "{detail}");
        let raw = Bytes::copy_from_slice(line.as_bytes());
        let borne = bench.format.bearing(&raw).unwrap();
        assert_eq!(
            borne.request.url.as_str(),
            "https://h.example/a/e?gaid={gaid}&items=2&cb=none"
        );
    }
}

#[test]
fn a_routes_request_is_whole_or_over_that_of_the_line() {
    let whole = Bench::new(
        r#"
        [routes.r]
        queue = "q"
        format = { kind = "json" }
        [routes.r.request]
        url = "https://h.example/e"
        body = '{{"id":"{@id}","price":{price},"at":{@time.unix},"n":{@attempt},"c":"{@attr.campaign}","first":"{@accepted.iso}"}}'
        body_kind = "json"
        headers = { x-key = "${env:KEY}", x-name = "{name|trim}" }
        "#,
    );
    let made = whole
        .make(r#"{"price":1.10,"name":" é ","headers":{"x-name":"line","y":"z"},"body":"b"}"#)
        .unwrap();
    assert_eq!(
        shown(&made),
        "POST https://h.example/e [x-key: s3cr3t&{x}, x-name: é, content-type: application/json] \
         {\"id\":\"m/1\",\"price\":1.10,\"at\":1795410190,\"n\":3,\"c\":\"c 1\",\"first\":\"2026-11-23T05:00:00.000Z\"}"
    );
    assert_eq!(whole.format.hide("a s3cr3t&{x} b"), "a *** b");
    let over = Bench::new(
        r#"
        [routes.r]
        queue = "q"
        format = { kind = "json" }
        [routes.r.request]
        method = "put"
        headers = { x-name = "{name}" }
        "#,
    );
    let made = over
        .make(r#"{"url":"https://h.example/l","name":"n","headers":{"X-Name":"line","y":"z"},"body":"b"}"#)
        .unwrap();
    assert_eq!(shown(&made), "PUT https://h.example/l [y: z, x-name: n] b");
}

#[test]
fn a_destination_changes_all_but_the_receiver() {
    let bench = Bench::new(
        r#"
        [routes.r]
        queue = "q"
        format = { kind = "json" }
        [destinations."*"]
        headers = { x-all = "all", x-both = "all" }
        request = { query = { src = "shukuba", k = "all" } }
        [destinations."h.example"]
        headers = { x-both = "{@attempt}", x-sig = "{@body|hmac_sha256:KEY}", x-url = "{@url}", braces = "{{}}" }
        [destinations."h.example".request]
        method = "POST"
        query = { "k[]" = "<{v}>${secret:KEY}", "a b" = "{@query.x}" }
        body = "v={v}&u={@query.x|default:\"\"}"
        body_kind = "form"
        [secrets]
        KEY = "env:KEY"
        "#,
    );
    let line = r#"{"url":"https://h.example/p?x=1%2B2&&k%5B%5D=9&y=%7e&k[]=8&a+b=0#f","v":"a&b","headers":{"Content-Type":"text/plain","X-Url":"l"}}"#;
    let made = bench.make(line).unwrap();
    // HMAC computed with Python's hmac: key `s3cr3t&{x}`, text `v=a%26b&u=1%2B2`.
    assert_eq!(
        shown(&made),
        "POST https://h.example/p?x=1%2B2&&k%5B%5D=%3Ca%26b%3Es3cr3t%26%7Bx%7D&y=%7e&a%20b=1%2B2&k=all&src=shukuba#f \
         [content-type: application/x-www-form-urlencoded, x-both: 3, x-sig: 89befc1f954f7d35d7ffbb8e72cb193b19a954fd5bc7df3bcae3466d57af474c, x-url: https://h.example/p?x=1%2B2&&k%5B%5D=%3Ca%26b%3Es3cr3t%26%7Bx%7D&y=%7e&a%20b=1%2B2&k=all&src=shukuba] \
         v=a%26b&u=1%2B2"
    );
    let rules = bench.rules("h.example");
    let fixed: Vec<(&str, &str)> = rules
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(fixed, [("x-all", "all"), ("braces", "{}")]);
    for text in ["s3cr3t&{x}", "s3cr3t%26%7Bx%7D"] {
        assert_eq!(rules.hide(text.as_bytes()).as_ref(), b"***");
        let hidden = secrets(&bench.format, &bench.destinations);
        assert!(hidden.iter().any(|secret| secret == text));
    }
    let error = bench
        .make(r#"{"url":"https://h.example/p?x=1"}"#)
        .unwrap_err();
    assert!(error.to_string().contains("macro `{v}`"), "{error}");
    // A mail has none of these.
    let mail = bench.make(r#"{"url":"mailto:a@h.example","body":"b"}"#);
    assert_eq!(shown(&mail.unwrap()), "POST mailto:a@h.example [] b");
}

#[test]
fn what_uses_no_template_has_none() {
    let bench = Bench::new(
        "[routes.r]\nqueue = \"q\"\n[destinations.\"*\"]\nheaders = { a = \"${env:KEY}\" }\n",
    );
    assert!(bench.format.request().is_none());
    assert!(bench.rules("x").request.is_none());
    assert!(secrets(&bench.format, &bench.destinations).is_empty());
}

#[test]
fn bad_templates_name_the_key_and_what_would_be_right() {
    let url = "[routes.r]\nqueue = \"q\"\n";
    let json = "[routes.r]\nqueue = \"q\"\nformat = { kind = \"json\" }\n";
    for (text, key, right) in [
        (format!("{json}request = {{ url = \"https://h/{{a|lowr}}\" }}"), "routes.r.request.url", "did you mean `lower`"),
        (format!("{json}request = {{ url = \"{{a}}\" }}"), "routes.r.request.url", "|raw"),
        (format!("{url}request = {{ url = \"https://h/\" }}"), "routes.r.request.url", "leave it out"),
        (format!("{url}request = {{ body = \"{{a}}\" }}"), "routes.r.request", "format.kind"),
        (format!("{json}request = {{ body_kind = \"json\" }}"), "routes.r.request.body_kind", "without `body`"),
        (format!("{json}request = {{ method = \"GRAB\" }}"), "routes.r.request.method", "no method"),
        (format!("{json}request = {{ headers = {{ host = \"a\" }} }}"), "routes.r.request.headers.host", "cannot be set"),
        (format!("{json}request = {{ body = '{{\"a\":1}}', body_kind = \"json\" }}"), "routes.r.request.body", "written `{{`"),
        ("[routes.r]\nqueue = \"q\"\nformat = { kind = \"regex\", pattern = '(?P<a>x)' }\nrequest = { url = \"https://h/{b}\" }".to_owned(), "routes.r.request", "it has a"),
        ("[destinations.h]\nheaders = { a = \"{\" }".to_owned(), "destinations.\"h\".headers.a", "written `{{`"),
        ("[destinations.h]\nheaders = { a = \"${secret:NO}\" }".to_owned(), "destinations.\"h\".headers.a", "[secrets]"),
        ("[destinations.h]\nrequest = { query = { a = \"{@tim.unix}\" } }".to_owned(), "destinations.\"h\".request.query.a", "@time.unix"),
        ("[destinations.h]\nrequest = { body = \"x\" }".to_owned(), "destinations.\"h\".request.body", "method = \"POST\""),
        (format!("{json}request = {{ url = \"https://h/${{secret:NO}}\" }}"), "routes.r.request.url", "[secrets]"),
    ] {
        let settings: Settings = toml::from_str(&text).unwrap();
        let mut found = settings.problems();
        found.extend(settings.missing(&Fixed));
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].starts_with(&format!("{key}: ")) && told[0].contains(right), "{text}: {told:?}");
        let is_made = Destinations::new(&settings, &Fixed).is_ok()
            && settings.routes.iter().all(|(name, route)| route.reader(name, &settings.secrets, &Fixed).is_ok());
        let is_of_kind = key == "routes.r.request" || right == "leave it out";
        assert!(!is_made || is_of_kind, "{text}");
    }
}
