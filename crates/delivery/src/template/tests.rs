//! Templates by examples, by the vectors of the RFCs, and by properties.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::config::secret;

/// Names and values, the values as they are found in lines.
struct Fixed(BTreeMap<String, Value<'static>>);

impl Lookup for Fixed {
    fn value(&self, name: &Name) -> Option<Value<'_>> {
        self.0.get(&name.to_string()).cloned()
    }
}

fn of(pairs: &[(&str, Value<'static>)]) -> Fixed {
    let pair = |(name, value): &(&str, Value<'static>)| ((*name).to_owned(), value.clone());
    Fixed(pairs.iter().map(pair).collect())
}

fn text(text: &str) -> Value<'static> {
    Value::owned(text.to_owned())
}

fn json(text: &str) -> Value<'static> {
    Value::Json(Cow::Owned(text.to_owned()))
}

fn reveal(reference: &str) -> Result<String, secret::Error> {
    match reference {
        "secret:KEY" => Ok("Jefe".to_owned()),
        "secret:B" => Ok("\u{b}".repeat(20)),
        "secret:BRACES" => Ok("a{b}|c\"&d".to_owned()),
        "secret:LINES" => Ok("a\r\nb: c".to_owned()),
        "secret:NONE" => Ok(String::new()),
        _ => Err(secret::Error::Unknown {
            name: reference.to_owned(),
        }),
    }
}

fn parse(text: &str, place: Place) -> Result<Template, Invalid> {
    Template::parse(text, place, Scope::Request, &reveal)
}

fn render(template: &str, place: Place, values: &Fixed) -> Result<String, Unfilled> {
    parse(template, place)
        .unwrap_or_else(|error| panic!("{template}: {error}"))
        .render_text(values)
}

const ALL: [Place; 6] = [
    Place::Url,
    Place::Query,
    Place::Header,
    Place::Json,
    Place::Form,
    Place::Raw,
];

#[test]
fn each_place_escapes_in_its_own_way() {
    let values = of(&[
        ("v", text("a b&\"ü/")),
        ("n", json("1.10")),
        ("o", json("{\"a\":1}")),
    ]);
    for (template, place, expected) in [
        (
            "https://h/{v}?a={v}",
            Place::Url,
            "https://h/a%20b%26%22%C3%BC%2F?a=a%20b%26%22%C3%BC%2F",
        ),
        ("{v|raw}", Place::Url, "a b&\"ü/"),
        ("/{v|url}", Place::Url, "/a%20b%26%22%C3%BC%2F"),
        (
            "/{v|url|url}",
            Place::Url,
            "/a%2520b%2526%2522%25C3%25BC%252F",
        ),
        (
            "x={v}&n={n}",
            Place::Query,
            "x%3Da%20b%26%22%C3%BC%2F%26n%3D1.10",
        ),
        ("v={v}&n={n}", Place::Form, "v=a+b%26%22%C3%BC%2F&n=1.10"),
        ("v={v|url}", Place::Form, "v=a%20b%26%22%C3%BC%2F"),
        ("{v} {n}", Place::Header, "a b&\"ü/ 1.10"),
        ("{v} {n}", Place::Raw, "a b&\"ü/ 1.10"),
        (
            r#"{{"v":"{v}","w":{v},"n":{n},"s":"{n}"}}"#,
            Place::Json,
            r#"{"v":"a b&\"ü/","w":"a b&\"ü/","n":1.10,"s":"1.10"}"#,
        ),
        (
            r#"{{"o":{o},"s":"{o}"}}"#,
            Place::Json,
            r#"{"o":{"a":1},"s":"{\"a\":1}"}"#,
        ),
        (
            r#"[{n|raw}, {v|upper}]"#,
            Place::Json,
            r#"[1.10, "A B&\"Ü/"]"#,
        ),
        ("$ {{}} $5", Place::Raw, "$ {} $5"),
    ] {
        assert_eq!(
            render(template, place, &values).unwrap(),
            expected,
            "{template} {place:?}"
        );
    }
}

#[test]
fn filters_are_applied_in_their_order() {
    let values = of(&[
        ("v", text("  Ab ")),
        ("n", text("007")),
        ("j", text(" {\"a\": 1.0} ")),
        ("empty", text("")),
        ("blank", text("  ")),
        ("null", json("null")),
    ]);
    for (template, place, expected) in [
        ("{v|trim|lower}", Place::Raw, "ab"),
        ("{v|trim|upper|hex}", Place::Raw, "4142"),
        ("{empty|default:\"x|}\\\"\\\\\"}", Place::Raw, "x|}\"\\"),
        ("{blank|trim|default:\"x\"|upper}", Place::Raw, "X"),
        ("{none|md5|default:\"x\"}", Place::Raw, "x"),
        ("a={null|default:\"\"}", Place::Form, "a="),
        (
            "[{null|default:null},{none|default:0.50},{none|default:\"0\"}]",
            Place::Json,
            "[null,0.50,\"0\"]",
        ),
        ("[{j|json},{n},{v|json|default:1}]", Place::Json, ""),
    ] {
        let rendered = render(template, place, &values);
        if expected.is_empty() {
            assert!(
                matches!(rendered, Err(Unfilled::NotJson { .. })),
                "{rendered:?}"
            );
            continue;
        }
        assert_eq!(rendered.unwrap(), expected, "{template}");
    }
    assert_eq!(
        render("[{j|json},{n}]", Place::Json, &values).unwrap(),
        "[{\"a\": 1.0},\"007\"]"
    );
}

/// RFC 1321 A.5, RFC 3174 and 6234 (FIPS 180), RFC 2202 case 1 and 2, RFC 4231 case 1 and 2, RFC 4648 section 10.
#[test]
fn digests_are_those_of_the_rfcs() {
    let values = of(&[
        ("a", text("a")),
        ("abc", text("abc")),
        ("digest", text("message digest")),
        ("jefe", text("what do ya want for nothing?")),
        ("hi", text("Hi There")),
        ("foobar", text("foobar")),
        ("fooba", text("fooba")),
        ("bytes", Value::Text(Cow::Borrowed(b"\xfb\xff\xfe"))),
    ]);
    for (template, expected) in [
        ("{a|md5}", "0cc175b9c0f1b6a831c399e269772661"),
        ("{abc|md5}", "900150983cd24fb0d6963f7d28e17f72"),
        ("{digest|md5}", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("{abc|sha1}", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "{abc|sha256}",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            "{abc|sha512}",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            "{hi|hmac_sha1:B}",
            "b617318655057264e28bc0b6fb378c8ef146be00",
        ),
        (
            "{jefe|hmac_sha1:KEY}",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            "{hi|hmac_sha256:B}",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            "{jefe|hmac_sha256:KEY}",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            "{jefe|hmac_sha512:KEY}",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        ("{foobar|base64}", "Zm9vYmFy"),
        ("{fooba|base64}", "Zm9vYmE="),
        ("{foobar|hex|upper}", "666F6F626172"),
        // Of the digest's bytes and of its hex; computed with Python's hashlib and base64.
        (
            "{jefe|hmac_sha256:KEY|base64}",
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=",
        ),
        ("{bytes|base64url}", "-__-"),
        ("{abc|md5|md5}", "ec0405c5aef93e771cd80e0db180b88b"),
    ] {
        assert_eq!(
            render(template, Place::Raw, &values).unwrap(),
            expected,
            "{template}"
        );
    }
}

#[test]
fn what_gives_nothing_is_an_error_that_names_the_macro() {
    let values = of(&[
        ("empty", text("")),
        ("null", json("null")),
        ("blank", text(" ")),
    ]);
    for (template, part) in [
        (
            "{gaid}",
            "macro `{gaid}` gives nothing: gaid is no field of the line",
        ),
        ("{empty}", "empty is empty"),
        ("{null}", "null is null"),
        ("{blank|trim}", "blank is empty"),
        ("{gaid|sha256}", "gaid is no field of the line"),
        ("{@attr.campaign}", "send the message with it"),
    ] {
        for place in ALL.into_iter().filter(|place| *place != Place::Url) {
            let template = match place {
                Place::Json => format!("[{template}]"),
                _ => template.to_owned(),
            };
            let error = render(&template, place, &values).unwrap_err();
            assert!(
                error.is_unresolved() && error.to_string().contains(part),
                "{template} {place:?}: {error}"
            );
        }
    }
}

#[test]
fn what_would_leave_its_place_is_refused() {
    let values = of(&[
        ("v", text("a\r\nb: c")),
        ("nul", text("\0")),
        ("dots", text("..")),
        ("bytes", Value::Text(Cow::Borrowed(b"\xff"))),
    ]);
    for template in ["{v}", "{v|raw}", "x {nul}"] {
        let error = render(template, Place::Header, &values).unwrap_err();
        assert!(
            matches!(error, Unfilled::Control { .. }) && !error.is_unresolved(),
            "{template}: {error}"
        );
    }
    assert!(matches!(
        render("https://h/{dots}/a", Place::Url, &values),
        Err(Unfilled::Dots { .. })
    ));
    assert_eq!(
        render("https://h/?a={dots}", Place::Url, &values).unwrap(),
        "https://h/?a=.."
    );
    for (template, place) in [
        ("\"{bytes}\"", Place::Json),
        ("{bytes}", Place::Header),
        ("{bytes|lower}", Place::Raw),
    ] {
        assert!(
            matches!(
                render(template, place, &values),
                Err(Unfilled::NotText { .. })
            ),
            "{template}"
        );
    }
    assert_eq!(
        parse("{bytes}", Place::Raw)
            .unwrap()
            .render(&values)
            .unwrap(),
        b"\xff"
    );
}

#[test]
fn secrets_are_text_escaped_for_their_place_and_never_a_template() {
    for (template, place, expected) in [
        (
            "https://h/?k=${secret:BRACES}&l=1",
            Place::Url,
            "https://h/?k=a%7Bb%7D%7Cc%22%26d&l=1",
        ),
        ("k ${secret:BRACES}", Place::Header, "k a{b}|c\"&d"),
        (
            r#"{{"k":"${secret:BRACES}","l":${secret:KEY}}}"#,
            Place::Json,
            r#"{"k":"a{b}|c\"&d","l":"Jefe"}"#,
        ),
    ] {
        let template = parse(template, place).unwrap();
        assert_eq!(template.fixed(), Some(expected));
        assert!(template.secrets().any(|secret| secret == "a{b}|c\"&d"));
        assert!(!format!("{template:?}").contains("a{b}"));
    }
    let url = parse("https://h/?k=${secret:BRACES}", Place::Url).unwrap();
    assert!(url.secrets().any(|secret| secret == "a%7Bb%7D%7Cc%22%26d"));
    let keyed = parse("{v|hmac_sha1:KEY}", Place::Raw).unwrap();
    assert_eq!(keyed.secrets().collect::<Vec<_>>(), ["Jefe"]);
    assert!(parse("k ${secret:LINES}", Place::Header).is_err());
}

#[test]
fn a_bad_template_says_what_where_and_what_would_be_right() {
    for (template, place, part) in [
        (
            "a {",
            Place::Raw,
            "no `}`; a brace itself is written `{{` (at character 3)",
        ),
        ("a }", Place::Raw, "written `}}` (at character 3)"),
        ("{}", Place::Raw, "names nothing"),
        (
            "{a|lowr}",
            Place::Raw,
            "no filter `lowr`; did you mean `lower`? (at character 4)",
        ),
        (
            "{a|qqqqqq}",
            Place::Raw,
            "those that there are: default, trim",
        ),
        ("{a|lower:\"x\"}", Place::Raw, "takes no argument"),
        ("{a|default}", Place::Raw, "|default:\"x\""),
        ("{a|default:x}", Place::Raw, "write `|default:\"x\"`"),
        ("{a|default:\"x}", Place::Raw, "has no end"),
        ("{a|default:\"\\n\"}", Place::Raw, "alone (at character 13)"),
        ("{a|hmac_sha256}", Place::Raw, "|hmac_sha256:NAME"),
        ("{a|hmac_sha256:NO}", Place::Raw, "[secrets]"),
        ("{a|hmac_sha256:NONE}", Place::Raw, "is empty"),
        ("${secret:NO}", Place::Raw, "[secrets]"),
        ("${secret:KEY", Place::Raw, "has no `}`"),
        ("{@tme.unix}", Place::Raw, "did you mean `@time.unix`?"),
        ("{@attr.}", Place::Raw, "@attr.NAME"),
        ("{a..b}", Place::Raw, "user.id"),
        ("{a|raw|lower}", Place::Raw, "put it last"),
        ("{url}", Place::Url, "|raw"),
        ("a\nb", Place::Header, "line end"),
        ("é\n é{x", Place::Raw, "(at line 2, character 3)"),
        ("{\"a\":1}", Place::Json, "a brace itself is written"),
        (
            "{{\"a\":{b},}}",
            Place::Json,
            "no JSON whatever its macros give: key must be",
        ),
        ("[\"\\{b}\"]", Place::Json, "behind a `\\`"),
    ] {
        let error = parse(template, place).unwrap_err().to_string();
        assert!(error.contains(part), "{template}: {error}");
    }
    let line = Template::parse("{@body}", Place::Raw, Scope::Line, &reveal).unwrap_err();
    assert!(line.to_string().contains("only being made"), "{line}");
}

#[test]
fn every_bound_is_hit() {
    let values = of(&[("v", text(&"a".repeat(RENDERED_BYTES_MAX)))]);
    assert!(parse(&"a".repeat(TEMPLATE_BYTES_MAX), Place::Raw).is_ok());
    let long = parse(&"a".repeat(TEMPLATE_BYTES_MAX + 1), Place::Raw).unwrap_err();
    assert!(long.to_string().contains("65536 at most"), "{long}");
    assert!(parse(&"{v}".repeat(MACROS_MAX), Place::Raw).is_ok());
    assert!(
        parse(&"{v}".repeat(MACROS_MAX + 1), Place::Raw)
            .unwrap_err()
            .to_string()
            .contains("256 macros")
    );
    let filters = |count: usize| format!("{{v{}}}", "|lower".repeat(count));
    assert!(parse(&filters(FILTERS_MAX), Place::Raw).is_ok());
    assert!(
        parse(&filters(FILTERS_MAX + 1), Place::Raw)
            .unwrap_err()
            .to_string()
            .contains("8 filters")
    );
    assert!(render("{v}", Place::Raw, &values).is_ok());
    for template in ["{v}a", "{v|hex|md5}", "{v}{v}"] {
        assert_eq!(
            render(template, Place::Raw, &values),
            Err(Unfilled::TooLarge)
        );
    }
}

/// Any value that is not nothing.
fn some_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~\\r\\n\\t\\x00]{1,20}",
        "[./{}%&=+?#\"\\\\]{1,6}"
    ]
    .prop_filter("something", |text| !text.is_empty())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_filled_in_or_refused(
        template in prop_oneof![
            any::<String>(),
            "([{}]{1,2}|[$@a-b|:\".\\\\]|lower|default:\"x\"|json|raw|url|\\{a\\}|\\{a\\|){0,20}",
        ],
        value in any::<Vec<u8>>(),
        place in prop::sample::select(&ALL),
    ) {
        if let Ok(template) = parse(&template, place) {
            let values = Fixed(template.names().map(|name| (name.to_string(), Value::Text(Cow::Owned(value.clone())))).collect());
            let _ = template.render(&values);
        }
    }

    #[test]
    fn a_value_stays_in_its_place_of_a_url(value in some_text()) {
        prop_assume!(value != "." && value != "..");
        let values = of(&[("v", text(&value))]);
        let rendered = render("https://h.example/a/{v}/b?x={v}&y=1", Place::Url, &values).unwrap();
        let url = url::Url::parse(&rendered).unwrap();
        prop_assert_eq!(url.host_str(), Some("h.example"));
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        prop_assert_eq!(segments.len(), 3);
        let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
        prop_assert_eq!(decoded, value.as_str());
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        prop_assert_eq!(pairs, [("x".to_owned(), value), ("y".to_owned(), "1".to_owned())]);
        prop_assert!(url.fragment().is_none());
    }

    #[test]
    fn a_value_stays_in_its_place_of_a_form(value in some_text()) {
        let rendered = render("x={v}&y=1", Place::Form, &of(&[("v", text(&value))])).unwrap();
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(rendered.as_bytes()).into_owned().collect();
        prop_assert_eq!(pairs, [("x".to_owned(), value), ("y".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn a_value_stays_in_its_place_of_a_json_text(value in some_text()) {
        let rendered = render(r#"{{"a":"<{v}>","b":{v},"c":1}}"#, Place::Json, &of(&[("v", text(&value))])).unwrap();
        let read: serde_json::Value = serde_json::from_str(&rendered).unwrap();
        prop_assert_eq!(read, serde_json::json!({"a": format!("<{value}>"), "b": value, "c": 1}));
    }

    #[test]
    fn a_number_keeps_its_digits(number in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?") {
        let values = of(&[("n", json(&number))]);
        for (template, place) in [("[{n}]", Place::Json), ("[{n|raw}]", Place::Json), ("{n}", Place::Raw), ("{n}", Place::Header)] {
            let rendered = render(template, place, &values).unwrap();
            prop_assert_eq!(rendered.trim_matches(['[', ']']), number.as_str());
        }
        let form = render("n={n}", Place::Form, &values).unwrap();
        let (_, read) = url::form_urlencoded::parse(form.as_bytes()).next().unwrap();
        prop_assert_eq!(read, number.as_str());
    }

    #[test]
    fn a_header_ends_where_its_template_ends(value in some_text()) {
        match render("x {v}", Place::Header, &of(&[("v", text(&value))])) {
            Ok(rendered) => {
                prop_assert!(crate::format::check_header("x-a", &rendered).is_ok());
                prop_assert_eq!(rendered, format!("x {value}"));
            }
            Err(error) => prop_assert!(matches!(error, Unfilled::Control { .. }), "{}", error),
        }
    }
}
