use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;

const NOW: Timestamp = Timestamp::from_secs(1_795_410_190);
const PRODUCTS: [Product; 4] = [
    Product::Svix,
    Product::Convoy,
    Product::Hook0,
    Product::Outpost,
];

fn planned(product: Product, records: &Value) -> Result<Plan, String> {
    let plan = plan(product, records.to_string().as_bytes(), None, NOW);
    plan.map(|(plan, _)| plan)
}

/// A record of each product with these texts where one is free to choose.
fn records(product: Product, url: &str, text: &str, header: &str) -> Value {
    let headers = json!({ header: text, "x-fixed": text });
    match product {
        Product::Svix => json!([{
            "id": text, "url": url, "description": text, "uid": text, "headers": headers, "filterTypes": [text],
            "key": "whsec_b29vb29vb29vb29vb29vb29vb29vb29v", "sensitive": [text],
        }]),
        Product::Convoy => json!([
            { "config": { "signature": { "header": header, "versions": [{ "hash": "SHA256", "encoding": "hex" }] } } },
            {
                "uid": text, "url": url, "name": text, "secrets": [{ "value": text }],
                "authentication": { "type": "basic_auth", "basic_auth": { "username": text, "password": text } },
            },
            {
                "uid": format!("{text}2"), "url": format!("{url}/2"), "name": text, "secrets": [{ "value": text }],
                "advanced_signatures": true,
                "authentication": { "type": "oauth2", "oauth2": {
                    "url": url, "client_id": text, "client_secret": text, "scope": text, "audience": text,
                } },
            },
        ]),
        Product::Hook0 => json!([{
            "subscription_id": text, "secret": text, "description": text, "event_types": [text], "labels": { text: text },
            "target": { "type": "http", "method": "PUT", "url": url, "headers": headers },
        }]),
        Product::Outpost => json!([{
            "id": text, "type": "webhook", "topics": [text], "config": { "url": url, "custom_headers": headers.to_string() },
            "credentials": { "secret": text, "previous_secret": text }, "delivery_metadata": { header: text },
        }]),
    }
}

/// Texts that mean something somewhere: in TOML, templates, references, headers, URLs.
fn texts() -> impl Strategy<Value = String> {
    let telling = prop::sample::select(vec![
        "\"",
        "'",
        "\\",
        "\n",
        "\r",
        "]",
        "[server]",
        "=",
        "#",
        "\"\"\"",
        "{@id}",
        "{",
        "}",
        "${env:HOME}",
        "${file:/etc/passwd}",
        "${secret:@root}",
        "$",
        "..",
        "/",
        "?",
        "\u{0}",
        "\u{1b}",
        "\u{202e}",
        "é",
        "a",
        "x-b",
        " ",
        ":",
        "%",
        "# shukuba import svix: end",
    ]);
    prop::collection::vec(telling, 1..6).prop_map(|parts| parts.concat())
}

/// All texts within a table.
fn strings(value: &toml::Value, all: &mut Vec<String>) {
    match value {
        toml::Value::String(text) => all.push(text.clone()),
        toml::Value::Array(items) => items.iter().for_each(|item| strings(item, all)),
        toml::Value::Table(table) => table.values().for_each(|item| strings(item, all)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever an export says, its lines are settings that hold, and name nothing but secrets of the import.
    #[test]
    fn what_others_wrote_is_data(text in texts(), header in texts(), path in texts()) {
        for product in PRODUCTS {
            let records = records(product, &format!("https://h.example/{path}"), &text, &header);
            let Ok(plan) = planned(product, &records) else {
                continue;
            };
            let lines = place::block(product, &plan.lines.join("\n"));
            let config: Config = toml::from_str(&lines).map_err(|error| TestCaseError::fail(format!("{error}: {lines}")))?;
            prop_assert_eq!(config.delivery().problems(), []);
            prop_assert_eq!(config.destinations.len(), plan.len());
            let without = Config { destinations: Default::default(), ..config };
            prop_assert_eq!(without, Config::default());
            let mut all = Vec::new();
            strings(&toml::from_str(&lines).unwrap(), &mut all);
            for text in all.iter().filter(|text| text.contains("${")) {
                let name = text.strip_prefix("${secret:").and_then(|rest| rest.strip_suffix('}'));
                prop_assert!(name.is_some_and(|name| plan.secrets.contains_key(name)), "{}", text);
            }
            prop_assert!(!lines.contains(['\u{0}', '\u{1b}', '\u{202e}', '\r']), "{}", lines);
        }
    }

    /// JSON of any other form is refused with words, or gives endpoints; nothing panics.
    #[test]
    fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), key in "[a-z_]{1,12}", number in any::<i64>()) {
        for product in PRODUCTS {
            let _ = plan(product, &bytes, None, NOW);
            for value in [json!(number), json!(null), json!([number]), json!({ "a": number }), json!("x")] {
                let mut records = records(product, "https://h.example/a", "x", "x-a");
                for record in records.as_array_mut().unwrap() {
                    record[&key] = value.clone();
                }
                let _ = planned(product, &records);
            }
        }
    }
}

#[test]
fn each_wrong_form_of_a_known_key_is_said() {
    for product in PRODUCTS {
        let good = records(product, "https://h.example/a", "x", "x-a");
        assert!(planned(product, &good).unwrap().len() > 0, "{product}");
        let last = good.as_array().unwrap().len() - 1;
        for key in good[last].as_object().unwrap().keys() {
            let mut wrong = good.clone();
            wrong[last][key] = json!(7);
            match planned(product, &wrong) {
                Err(error) => assert!(
                    error.contains(&format!("`{key}` is a number")),
                    "{product} {key}: {error}"
                ),
                // `"*"` is topics too, so they are read where they are a list; `uid` is read where there is no description.
                Ok(_) => assert!(["topics", "uid"].contains(&key.as_str()), "{product} {key}"),
            }
        }
    }
}

#[test]
fn rates_come_over_exactly_or_are_rounded_with_a_word() {
    for (count, seconds, rate, is_exact) in [
        (30, 60, "30/min", true),
        (7, 7, "1/s", true),
        (1, 3600, "1/h", true),
        (10, 7, "5142/h", false),
        (1, 90_000, "1/h", false),
    ] {
        let mut endpoint = endpoint::Endpoint::default();
        endpoint.rate(count, seconds);
        assert_eq!(
            endpoint.keys["rate"].as_str(),
            Some(rate),
            "{count} in {seconds}"
        );
        assert_eq!(endpoint.notes.is_empty(), is_exact);
    }
}

#[test]
fn two_projects_of_convoy_are_not_mixed() {
    let project =
        |header: &str| json!({ "uid": header, "config": { "signature": { "header": header } } });
    let error = planned(Product::Convoy, &json!([project("a"), project("b")])).unwrap_err();
    assert!(error.contains("two projects"), "{error}");
    assert_eq!(
        planned(Product::Convoy, &json!([project("a"), project("a")]))
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn a_signature_that_the_product_does_not_have_is_said() {
    for (product, says) in [
        (Product::Svix, "svix, webhook"),
        (Product::Convoy, "leave --signature out"),
        (Product::Hook0, "v1, v0"),
        (Product::Outpost, "body, time, standard-webhooks"),
    ] {
        let error = plan(product, b"{}", Some("v9"), NOW).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn more_secrets_than_sign_at_once_are_noted() {
    let secrets: Vec<_> = (0..6)
        .map(|n| json!({ "value": format!("secret-{n}") }))
        .collect();
    let endpoint = json!([{ "uid": "a", "url": "https://h.example/a", "secrets": secrets, "advanced_signatures": true }]);
    let plan = planned(Product::Convoy, &endpoint).unwrap();
    let names: Vec<_> = plan.secrets.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["CONVOY_a", "CONVOY_a.3", "CONVOY_a.4", "CONVOY_a.previous"]
    );
    assert_eq!(plan.secrets["CONVOY_a"], "secret-5");
    assert!(
        plan.remarks
            .iter()
            .any(|remark| remark.text.contains("more than 4 live"))
    );
}

#[test]
fn a_host_without_a_path_is_warned_of() {
    let records = records(Product::Svix, "https://h.example", "x", "x-a");
    let plan = planned(Product::Svix, &records).unwrap();
    assert!(
        plan.remarks
            .iter()
            .any(|remark| remark.text.contains("has no path"))
    );
}

#[test]
fn what_is_printed_to_be_run_is_one_word_of_a_shell() {
    let mut records = records(Product::Svix, "https://h.example/$(reboot);'a", "x", "x-a");
    records[0]["disabled"] = json!(true);
    let plan = planned(Product::Svix, &records).unwrap();
    let said = plan
        .remarks
        .iter()
        .find(|remark| remark.text.contains("pause"));
    let said = &said.unwrap().text;
    assert!(
        said.ends_with(r"destination 'h.example/$(reboot);'\''a'`"),
        "{said}"
    );
}

#[test]
fn times_of_go_that_are_zero_are_none() {
    let zero = "0001-01-01T00:00:00Z";
    let secrets = json!([{ "value": "a", "deleted_at": "2026-01-01T00:00:00Z" }, { "value": "b", "deleted_at": zero }]);
    let endpoint = json!([{ "uid": "a", "url": "https://h.example/a", "secrets": secrets, "deleted_at": zero }]);
    let plan = planned(Product::Convoy, &endpoint).unwrap();
    assert_eq!(plan.secrets["CONVOY_a"], "b");
}
