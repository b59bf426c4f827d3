//! What rules say of answers, and which rules are refused. The answers are of the kinds that receivers document.

use super::*;

fn rules(text: &str) -> Recorded {
    let written: SuccessRules =
        toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Recorded::new(&written).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

fn said(body: &str, answer: &[u8]) -> String {
    let rules = rules(&format!("body = [{body}]"));
    rules
        .judge_body(answer, Read::Whole)
        .err()
        .unwrap_or_default()
}

#[test]
fn a_rule_on_the_body_holds_or_says_what_is_wrong() {
    for (rule, answer, against) in [
        (
            r#"{ pointer = "/status", is = "ok" }"#,
            r#"{"status":"ok"}"#,
            "",
        ),
        (
            r#"{ pointer = "/status", is = "ok" }"#,
            r#"{"status":"\u006fk"}"#,
            "",
        ),
        (
            r#"{ pointer = "/status", is = "ok" }"#,
            r#"{"status":"OK"}"#,
            "`/status` is not `\"ok\"`: it is a text",
        ),
        (
            r#"{ pointer = "/status", is = "ok" }"#,
            r#"{"state":"ok"}"#,
            "`/status` is missing in the body",
        ),
        (
            r#"{ pointer = "/status", is = ["ok", "duplicate"] }"#,
            r#"{"status":"duplicate"}"#,
            "",
        ),
        (r#"{ pointer = "/code", is = 0 }"#, r#"{"code":0}"#, ""),
        (r#"{ pointer = "/code", is = 0 }"#, r#"{"code":0.0}"#, ""),
        (
            r#"{ pointer = "/code", is = 0 }"#,
            r#"{"code":"0"}"#,
            "`/code` is not `0`: it is a text",
        ),
        (
            r#"{ pointer = "/code", is = "0" }"#,
            r#"{"code":0}"#,
            "`/code` is not `\"0\"`: it is a number",
        ),
        (
            r#"{ pointer = "/n", is = 9007199254740993 }"#,
            r#"{"n":9007199254740992}"#,
            "`/n` is not `9007199254740993`: it is a number",
        ),
        (r#"{ pointer = "/n", is = 1.5 }"#, r#"{"n":15e-1}"#, ""),
        (r#"{ pointer = "/ok", is = true }"#, r#"{"ok":true}"#, ""),
        (
            r#"{ pointer = "/ok", is = true }"#,
            r#"{"ok":false}"#,
            "`/ok` is not `true`: it is false",
        ),
        (
            r#"{ pointer = "/error", null = true }"#,
            r#"{"error":null}"#,
            "",
        ),
        (
            r#"{ pointer = "/error", null = true }"#,
            r#"{"error":"x"}"#,
            "`/error` is not null: it is a text",
        ),
        (
            r#"{ pointer = "/error", null = false }"#,
            r#"{"error":null}"#,
            "`/error` is null: it is null",
        ),
        (
            r#"{ pointer = "/error", exists = false }"#,
            r#"{"id":1}"#,
            "",
        ),
        (
            r#"{ pointer = "/error", exists = false }"#,
            r#"{"error":null}"#,
            "`/error` is there",
        ),
        (
            r#"{ pointer = "/id", exists = true }"#,
            r#"{"id":null}"#,
            "",
        ),
        (
            r#"{ pointer = "/errors/0", exists = true, not = true }"#,
            r#"{"errors":[]}"#,
            "",
        ),
        (
            r#"{ pointer = "/id", matches = "^[0-9]+$" }"#,
            r#"{"id":17}"#,
            "",
        ),
        (
            r#"{ pointer = "/id", matches = "^[0-9]+$" }"#,
            r#"{"id":"17"}"#,
            "",
        ),
        (
            r#"{ pointer = "/id", matches = "^[0-9]+$" }"#,
            r#"{"id":[]}"#,
            "`/id` does not match `^[0-9]+$`: it is a list",
        ),
        (
            r#"{ pointer = "/m", matches = "error", not = true }"#,
            r#"{"m":"an error"}"#,
            "`/m` matches `error`: it is a text",
        ),
        (r#"{ pointer = "", is = "ok" }"#, r#""ok""#, ""),
        (
            r#"{ pointer = "/status", is = "ok" }"#,
            "\u{feff}{\"status\":\"ok\"}",
            "",
        ),
        (r#"{ matches = "^ok\\s*$" }"#, "ok\r\n", ""),
        (r#"{ matches = "^ok$" }"#, "\u{feff}ok", ""),
        (
            r#"{ matches = "(?i)error", not = true }"#,
            "<p>Error 17</p>",
            "the body matches `(?i)error`",
        ),
        (r#"{ matches = "ok" }"#, "", "the body does not match `ok`"),
        (r#"{ matches = "^$" }"#, "", ""),
        (
            r#"{ any = [{ pointer = "/status", is = "ok" }, { pointer = "/code", is = 0 }] }"#,
            r#"{"code":0}"#,
            "",
        ),
        (
            r#"{ any = [{ pointer = "/status", is = "ok" }, { matches = "^OK$" }] }"#,
            "OK",
            "",
        ),
        (
            r#"{ any = [{ pointer = "/a", is = 1 }, { pointer = "/b", is = 2 }] }"#,
            r#"{"a":2,"c":2}"#,
            "none of `any` holds: `/a` is not `1`: it is a number; `/b` is missing in the body",
        ),
        (
            r#"{ any = [{ pointer = "/a", is = 1 }, { pointer = "/b", is = 2 }], not = true }"#,
            r#"{"b":2}"#,
            "one of `any` holds, of which none should",
        ),
        (
            r#"{ pointer = "/a", is = 1 }, { pointer = "/b", is = 2 }"#,
            r#"{"a":1,"b":3}"#,
            "`/b` is not `2`: it is a number",
        ),
    ] {
        assert_eq!(said(rule, answer.as_bytes()), against, "{rule} of {answer}");
    }
}

/// Whatever the rule, `not` included: what cannot be judged is no success.
#[test]
fn what_cannot_be_judged_is_not_recorded_and_says_why() {
    let utf16: Vec<u8> = r#"{"status":"ok"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for rule in [
        r#"{ pointer = "/status", is = "ok" }"#,
        r#"{ pointer = "/status", is = "ok", not = true }"#,
        r#"{ pointer = "/error", exists = false }"#,
        r#"{ any = [{ pointer = "/status", is = "bad" }], not = true }"#,
    ] {
        for (answer, why) in [
            (&b""[..], "no body"),
            (b"OK", "no JSON"),
            (b"<html></html>", "no JSON"),
            (br#"{"status":"ok""#, "no JSON"),
            (br#"{"status":"ok"} {"status":"ok"}"#, "no JSON"),
            (b"{\"status\":\"\xff\"}", "no UTF-8"),
            (b"\xff\xfe", "no UTF-8"),
            (&utf16, "no JSON"),
        ] {
            assert!(
                said(rule, answer).contains(why),
                "{rule}: {}",
                said(rule, answer)
            );
        }
        let rules = rules(&format!("body = [{rule}]"));
        for (read, why) in [
            (Read::Cut, "response_bytes_max"),
            (Read::Unsure, "TLS was cut"),
        ] {
            let said = rules.judge_body(br#"{"status":"ok"}"#, read).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        let gzip: [(&str, &[u8]); 1] = [("Content-Encoding", b"gzip")];
        assert!(
            rules
                .judge_headers(&gzip)
                .unwrap_err()
                .contains("Content-Encoding")
        );
        assert_eq!(
            rules.judge_headers(&[("content-encoding", b"Identity")]),
            Ok(())
        );
    }
    let headers_alone = rules("header = { x = \"1\" }");
    assert_eq!(
        headers_alone.judge_headers(&[("X", b"1"), ("content-encoding", b"gzip")]),
        Ok(())
    );
    assert_eq!(headers_alone.judge_body(b"", Read::Cut), Ok(()));
}

#[test]
fn a_rule_on_a_header_holds_or_says_what_is_wrong() {
    let ok: (&str, &[u8]) = ("X-Result", b"ok");
    let bad: (&str, &[u8]) = ("x-result", b"bad");
    for (rule, headers, against) in [
        ("\"^ok$\"", &[ok][..], ""),
        ("\"^ok$\"", &[bad, ok], ""),
        (
            "\"^ok$\"",
            &[bad],
            "header `x-result` does not match `^ok$`",
        ),
        ("\"^ok$\"", &[], "the answer has no header `x-result`"),
        (
            "{ matches = \"bad\", not = true }",
            &[bad],
            "header `x-result` matches `bad`",
        ),
        ("{ matches = \"bad\", not = true }", &[], ""),
        (
            "{ exists = true }",
            &[],
            "the answer has no header `x-result`",
        ),
        (
            "{ exists = false }",
            &[ok],
            "the answer has a header `x-result`",
        ),
        ("{ exists = false }", &[("x-results", b"")], ""),
    ] {
        let rules = rules(&format!("header = {{ x-result = {rule} }}"));
        let said = rules.judge_headers(headers).err().unwrap_or_default();
        assert_eq!(said, against, "{rule}");
    }
}

#[test]
fn rules_that_cannot_be_judged_are_refused_with_their_place() {
    let long = format!("body = [{{ matches = \"{}\" }}]", "a".repeat(5_000));
    let many = format!(
        "body = [{}]",
        "{ matches = \"a\" },".repeat(BODY_RULES_MAX + 1)
    );
    let headers: String = (0..=HEADERS_MAX)
        .map(|n| format!("x-{n} = \"a\","))
        .collect();
    let headers = format!("header = {{ {} }}", headers.trim_end_matches(','));
    let values = format!("body = [{{ pointer = \"\", is = [{}] }}]", "1,".repeat(101));
    for (text, place, right) in [
        (
            r#"body = [{ matches = "a" }, { pointer = "status", is = 1 }]"#,
            "body[1].pointer",
            "`/status`",
        ),
        (
            r#"body = [{ pointer = "/a~2", is = 1 }]"#,
            "body[0].pointer",
            "after `~`",
        ),
        (
            r#"body = [{ matches = "(" }]"#,
            "body[0].matches",
            "no regular expression",
        ),
        (
            r#"body = [{ matches = "(\\w{100}){100}" }]"#,
            "body[0].matches",
            "no regular expression",
        ),
        (
            r#"body = [{ matches = "" }]"#,
            "body[0].matches",
            "1 to 4096",
        ),
        (&long, "body[0].matches", "1 to 4096"),
        (r#"body = [{ is = 1 }]"#, "body[0].is", "`pointer`"),
        (
            r#"body = [{ exists = true }]"#,
            "body[0].exists",
            "`pointer`",
        ),
        (r#"body = [{ pointer = "/a" }]"#, "body[0]", "one of `is`"),
        (
            r#"body = [{ pointer = "/a", is = 1, matches = "a" }]"#,
            "body[0]",
            "one of `is`",
        ),
        (
            r#"body = [{ pointer = "/a", is = { b = 1 } }]"#,
            "body[0].is",
            "no text, number",
        ),
        (
            r#"body = [{ pointer = "/a", is = [] }]"#,
            "body[0].is",
            "1 to 100",
        ),
        (&values, "body[0].is", "1 to 100"),
        (
            r#"body = [{ any = [{ matches = "a" }, { matches = "(" }] }]"#,
            "body[0].any[1].matches",
            "no regular expression",
        ),
        (
            r#"body = [{ any = [{ any = [{ matches = "a" }] }] }]"#,
            "body[0].any[0].any",
            "another `any`",
        ),
        (
            r#"body = [{ any = [{ matches = "a" }], matches = "b" }]"#,
            "body[0]",
            "beside `any`",
        ),
        (&many, "body", "at most 32"),
        (
            r#"header = { "x y" = "a" }"#,
            "header.x y",
            "no name of a header",
        ),
        (
            r#"header = { x = "(" }"#,
            "header.x",
            "no regular expression",
        ),
        (
            r#"header = { x = { matches = "a", exists = true } }"#,
            "header.x",
            "one of `matches`",
        ),
        (r#"header = { x = {} }"#, "header.x", "one of `matches`"),
        (&headers, "header", "at most 16"),
    ] {
        let written: SuccessRules =
            toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let wrong = Recorded::new(&written).unwrap_err();
        assert!(
            wrong.len() == 1 && wrong[0].0 == place && wrong[0].1.contains(right),
            "{text}: {wrong:?}"
        );
    }
    for text in [
        "body = [{ regex = \"a\" }]",
        "headers = {}",
        "header = { x = 1 }",
        "header = { x = { is = 1 } }",
    ] {
        assert!(toml::from_str::<SuccessRules>(text).is_err(), "{text}");
    }
}

/// The settings that `docs/success.md` shows are taken, and its table says what becomes of answers.
#[test]
fn the_page_on_success_tells_the_truth() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/success.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut judge = None;
    for block in page.split("```toml\n").skip(1) {
        let (text, _) = block.split_once("```").unwrap();
        let settings: crate::config::Settings =
            toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (settings.problems(), settings.warnings()),
            (vec![], vec![]),
            "{text}"
        );
        let success = settings
            .destinations
            .values()
            .next()
            .and_then(|own| own.success.as_ref());
        let rules = success.and_then(|success| success.rules()).unwrap();
        judge.get_or_insert(Recorded::new(rules).unwrap());
    }
    let judge = judge.unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut count = 0;
    for row in rows {
        let (answer, becomes) = row.split_once("` | ").unwrap();
        let becomes = becomes.trim_end_matches(" |");
        match judge.judge_body(answer.as_bytes(), Read::Whole) {
            Ok(()) => assert_eq!(becomes, "delivered", "{answer}"),
            Err(said) => assert!(said.starts_with(becomes), "{answer}: {said}"),
        }
        count += 1;
    }
    assert_eq!(count, 4);
}
