use super::*;
use crate::config::route::BodyKind;

fn format(kind: FormatKind) -> Format {
    Format::new(&RouteFormat {
        kind,
        ..RouteFormat::default()
    })
    .unwrap()
}

fn parse(kind: FormatKind, line: &str) -> Result<Parsed, Error> {
    format(kind).parse(&Bytes::from(line.to_owned()))
}

#[track_caller]
fn check(
    kind: FormatKind,
    line: &str,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) {
    let request = parse(kind, line).unwrap().request;
    let found: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(request.method.as_str(), method, "{line}");
    assert_eq!(request.url.as_str(), url, "{line}");
    assert_eq!(found, headers, "{line}");
    assert_eq!(request.body, body.as_bytes(), "{line}");
}

#[test]
fn a_bare_url_is_a_request() {
    use FormatKind::Url;
    let url = "https://app.example.com/e?id=7&a=%20b";
    check(Url, url, "GET", url, &[], "");
    check(Url, &format!("  \u{feff}{url}\r"), "GET", url, &[], "");
    check(Url, &format!("\u{feff}\"{url}\""), "GET", url, &[], "");
    check(Url, &format!("<{url}>"), "GET", url, &[], "");
    check(Url, &format!("POST {url}"), "POST", url, &[], "");
    check(Url, &format!("post {url}"), "POST", url, &[], "");
    check(
        Url,
        "mailto:a@example.com?subject=x",
        "GET",
        "mailto:a@example.com?subject=x",
        &[],
        "",
    );
}

#[test]
fn a_method_is_one_that_is_sent() {
    for (kind, line, says) in [
        (
            FormatKind::Url,
            "PSOT https://a.example/",
            "`PSOT` is no method",
        ),
        (
            FormatKind::Url,
            "trace https://a.example/",
            "TRACE is not allowed",
        ),
        (
            FormatKind::Url,
            "Connect https://a.example/",
            "CONNECT is not allowed",
        ),
        (
            FormatKind::Ltsv,
            "url:https://a.example/\tmethod:G3T",
            "`G3T` is no method",
        ),
    ] {
        let error = parse(kind, line).unwrap_err().to_string();
        assert!(error.contains(says), "{line}: {error}");
    }
}

#[test]
fn a_url_that_names_nobody_is_refused_and_shows_no_secret() {
    for (line, says) in [
        ("mailto:?subject=x", "names no mail address"),
        ("mailto:ops", "names no mail address"),
        ("tel:+81312345678", "a `tel:` URL names no host"),
        ("file:///etc/passwd", "a `file:` URL names no host"),
        ("https:///", "no host"),
        ("https:///postback?token=SECRET", "no host"),
        ("HTTP:/postback", "no host"),
        ("http:postback", "no host"),
        ("http:\\\\postback", "no host"),
        ("https://ann:SECRET@:1/?token=SECRET", "no URL"),
    ] {
        let error = parse(FormatKind::Url, line).unwrap_err().to_string();
        assert!(error.contains(says), "{line}: {error}");
        assert!(
            !error.contains("SECRET") && !error.contains("8131"),
            "{error}"
        );
    }
    let to = parse(FormatKind::Url, "mailto:?to=a@b.example").unwrap();
    assert_eq!(crate::destinations::authority(&to.request.url), "b.example");
}

#[test]
fn a_json_line_keeps_every_byte_of_its_body() {
    use FormatKind::Json;
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    check(
        Json,
        r#"{"x":[1,{"url":"no"}],"url":"https://a.example/e","body":{"v": 1.10,"big":12345678901234567890.0}}"#,
        "POST",
        "https://a.example/e",
        &[json],
        r#"{"v": 1.10,"big":12345678901234567890.0}"#,
    );
    check(
        Json,
        r#"{"url":"https://a.example/","form":{"amount":1.99,"n":1e3,"t":"a b&c","l":[1,"2"],"z":null}}"#,
        "POST",
        "https://a.example/",
        &[form],
        "amount=1.99&n=1e3&t=a+b%26c&l=1&l=2",
    );
    check(
        Json,
        r#"{"url":"https://a.example/","method":"put","headers":{"a":"b","n":1},"body":"l\nm\u00e9"}"#,
        "PUT",
        "https://a.example/",
        &[("a", "b"), ("n", "1")],
        "l\nmé",
    );
    let line = r#"{"url":"https://a.example/","body_base64":"AQ-_"}"#;
    assert_eq!(parse(Json, line).unwrap().request.body, &[1, 15, 191][..]);
}

#[test]
fn fields_may_have_other_names_and_lie_deep() {
    let settings = RouteFormat {
        kind: FormatKind::Json,
        fields: [
            ("url", "postback.target.url"),
            ("id", "postback.uuid"),
            ("body", "payload"),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .into(),
        body: BodyKind::Form,
        ..RouteFormat::default()
    };
    let line = r#"{"url":"ignored","postback":{"uuid":77,"target":{"url":"http://a.example/x"}},"payload":{"a":1.0}}"#;
    let parsed = Format::new(&settings)
        .unwrap()
        .parse(&Bytes::from(line))
        .unwrap();
    assert_eq!(parsed.request.url.as_str(), "http://a.example/x");
    assert_eq!(parsed.id.as_deref(), Some("77"));
    assert_eq!(parsed.request.body, "a=1.0");
}

#[test]
fn a_body_at_the_end_keeps_its_white_space() {
    let line = " url:http://a.example/\tid:7 \tbody:  x  ";
    let parsed = parse(FormatKind::Ltsv, line).unwrap();
    assert_eq!(parsed.request.body, "  x  ");
    let parsed = parse(FormatKind::Ltsv, "url:http://a.example/\tid:7 ").unwrap();
    assert_eq!(parsed.id.as_deref(), Some("7"));
    let regex = |pattern: &str, line: &'static str| {
        let settings = RouteFormat {
            kind: FormatKind::Regex,
            pattern: Some(pattern.to_owned()),
            ..RouteFormat::default()
        };
        let format = Format::new(&settings).unwrap();
        format.parse(&Bytes::from(line)).unwrap().request
    };
    let request = regex(r"^(?P<url>\S+) (?P<body>.*)$", "http://a.example/   x  ");
    assert_eq!(request.body, "  x  ");
    let request = regex(r"^(?P<url>\S+)$", "http://a.example/  ");
    assert_eq!(request.url.as_str(), "http://a.example/");
}

#[test]
fn an_ltsv_line_keeps_backslashes() {
    check(
        FormatKind::Ltsv,
        "time:12:00\turl:https://a.example/e\tmethod:POST\theader.authentication:k:1\tbody:{\"a\":\"x\\ny\"}\tid:9",
        "POST",
        "https://a.example/e",
        &[("authentication", "k:1")],
        r#"{"a":"x\ny"}"#,
    );
    check(
        FormatKind::Ltsv,
        "url:http://a.example/\theaders:{\"A\":\"b\"}",
        "GET",
        "http://a.example/",
        &[("A", "b")],
        "",
    );
    check(
        FormatKind::Ltsv,
        "url:http://a.example/\tbody_base64:YQpi",
        "POST",
        "http://a.example/",
        &[],
        "a\nb",
    );
}

#[test]
fn a_pattern_finds_its_groups() {
    let settings = RouteFormat {
        kind: FormatKind::Regex,
        pattern: Some(
            r#"^\S+ (?:(?P<method>[A-Z]+) )?(?P<url>https?://\S+)(?: (?P<body>.*))?$"#.to_owned(),
        ),
        ..RouteFormat::default()
    };
    let format = Format::new(&settings).unwrap();
    let parsed = format
        .parse(&Bytes::from("10:00 PUT https://a.example/b {x}"))
        .unwrap();
    assert_eq!(
        (parsed.request.method.as_str(), &parsed.request.body[..]),
        ("PUT", &b"{x}"[..])
    );
    assert!(format.parse(&Bytes::from("nothing")).is_err());
    for pattern in ["", "(", "(?P<other>x)"] {
        let settings = RouteFormat {
            pattern: Some(pattern.to_owned()),
            ..settings.clone()
        };
        assert!(Format::new(&settings).is_err(), "{pattern}");
    }
}

#[test]
fn ids_and_deadlines_are_read() {
    let line = |expires: &str| {
        format!(r#"{{"url":"http://a.example","id":"a/1","expires_at":{expires}}}"#)
    };
    for (text, millis) in [
        ("\"2026-11-23T05:03:10Z\"", 1_795_410_190_000),
        ("1795410190", 1_795_410_190_000),
        ("1795410190250", 1_795_410_190_250),
        ("\"1795410190\"", 1_795_410_190_000),
        ("1795410190.25", 1_795_410_190_000),
    ] {
        let parsed = parse(FormatKind::Json, &line(text)).unwrap();
        assert_eq!(
            parsed.expires_at,
            Some(Timestamp::from_millis(millis)),
            "{text}"
        );
        assert_eq!(parsed.id.as_deref(), Some("a/1"));
    }
    assert!(parse(FormatKind::Json, &line("\"soon\"")).is_err());
}

#[test]
fn what_is_not_allowed_is_refused_and_what_is_no_line_is_unparsable() {
    use FormatKind::{Json, Ltsv, Url};
    let refused = [
        (Url, "CONNECT https://a.example/"),
        (Json, r#"{"url":"https://a.example/","method":"connect"}"#),
        (
            Json,
            r#"{"url":"https://a.example/","headers":{"a":"b\r\nc: d"}}"#,
        ),
        (
            Json,
            r#"{"url":"https://a.example/","headers":{"Connection":"close"}}"#,
        ),
        (
            Json,
            r#"{"url":"https://a.example/","headers":{"transfer-encoding":"chunked"}}"#,
        ),
        (
            Json,
            r#"{"url":"https://a.example/","headers":{"a b":"c"}}"#,
        ),
        (
            Json,
            r#"{"url":"https://a.example/","headers":{"host":"evil.example"}}"#,
        ),
        (
            Json,
            r#"{"url":"https://a.example/","body":"ab","headers":{"content-length":"3"}}"#,
        ),
        (Json, r#"{"url":"https://a.example/\r\nx"}"#),
    ];
    for (kind, line) in refused {
        assert!(
            matches!(parse(kind, line), Err(Error::Refused(_))),
            "{line}: {:?}",
            parse(kind, line)
        );
    }
    let unparsable = [
        (Url, ""),
        (Url, "   "),
        (Url, "hello"),
        (Url, "app.example.com/e"),
        (Json, "[]"),
        (Json, "{"),
        (Json, r#"{"url":1}"#),
        (Json, r#"{"x":"https://a.example/"}"#),
        (Json, r#"{"url":"http://a.example"} trailing"#),
        (Json, r#"{"url":"http://a.example","body":"a","form":{}}"#),
        (Ltsv, "https//a.example"),
        (Ltsv, "uri:https://a.example/"),
        (Ltsv, "url:https://a.example/\tbody_base64:%%"),
        (Json, r#"{"url":"https://a.example/","expires_at":1.9e9}"#),
        (Json, r#"{"url":"https://a.example/","expires_at":19E8}"#),
        (
            Json,
            r#"{"url":"https://a.example/","expires_at":-1900000000}"#,
        ),
        (Ltsv, "url:https://a.example/\texpires_at:+1900000000"),
        (Ltsv, "url:https://a.example/\texpires_at:1900000000."),
        (Ltsv, "url:https://a.example/\texpires_at:1900000000.5s"),
    ];
    for (kind, line) in unparsable {
        assert!(
            matches!(parse(kind, line), Err(Error::Unparsable(_))),
            "{line}: {:?}",
            parse(kind, line)
        );
    }
    let text = parse(Json, r#"{"url":"http://a.example","form":"a=b"}"#).unwrap_err();
    assert!(
        text.to_string().contains("form is not a JSON object"),
        "{text}"
    );
    check(
        Json,
        r#"{"url":"http://a.example:81/","body":"ab","headers":{"Host":"a.example:81","content-length":"2"}}"#,
        "POST",
        "http://a.example:81/",
        &[],
        "ab",
    );
    check(
        Json,
        r#""https://a.example/x""#,
        "GET",
        "https://a.example/x",
        &[],
        "",
    );
}

proptest::proptest! {
    #[test]
    fn no_line_panics(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        for kind in [FormatKind::Url, FormatKind::Json, FormatKind::Ltsv] {
            let _ = format(kind).parse(&Bytes::from(line.clone()));
        }
    }

    #[test]
    fn a_json_body_is_sent_byte_for_byte(digits in "[1-9][0-9]{0,30}(\\.[0-9]{1,30})?") {
        let line = format!(r#"{{"url":"http://a.example","body":{{"v":{digits}}}}}"#);
        let parsed = parse(FormatKind::Json, &line).unwrap();
        proptest::prop_assert_eq!(parsed.request.body, format!(r#"{{"v":{digits}}}"#));
    }
}

#[test]
fn only_what_has_a_host_is_told_what_its_body_is() {
    for (url, headers) in [("https://a.example/", 1), ("mailto:ops@a.example", 0)] {
        let line = format!(r#"{{"url":"{url}","body":{{"v":1}}}}"#);
        let parsed = parse(FormatKind::Json, &line).unwrap();
        assert_eq!(parsed.request.headers.len(), headers, "{url}");
    }
}
