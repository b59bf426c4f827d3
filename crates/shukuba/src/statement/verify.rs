//! Whether a file says what was signed: JSON, CSV or a page. Needs no data directory.

use anyhow::{Context, bail};
use serde_json::Value;

use super::rows::text;
use super::{KIND, Signed, csv, page, sign};

/// The largest file that is read: a thousand destinations on a hundred routes in each form stay far below.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;

/// What the reader expects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// The key that its maker gave.
    pub(crate) key: Option<String>,
    /// The days, as the document writes them.
    pub(crate) days: Option<(String, String)>,
}

/// The statement of a file, checked.
pub(crate) fn verify(file: &str, expected: &Expected) -> anyhow::Result<Signed> {
    let signed = read(file)?;
    let kind = text(&signed.statement, "/kind");
    if kind != KIND {
        bail!("it is a `{kind}`; this version reads {KIND}");
    }
    if let Some(key) = &expected.key {
        let theirs = sign::parse_key(key)?;
        let its =
            sign::parse_key(&signed.signature.public_key).context("`signature.public_key`")?;
        if theirs != its {
            bail!(
                "it is signed with another key: {}, and not with the one that was given",
                signed.signature.public_key
            );
        }
    }
    sign::check(&signed)?;
    let (from, to) = (
        text(&signed.statement, "/from"),
        text(&signed.statement, "/to"),
    );
    if let Some((wanted_from, wanted_to)) = &expected.days
        && (*wanted_from != from || *wanted_to != to)
    {
        bail!("it is of {from} to {to}, and not of {wanted_from} to {wanted_to}");
    }
    Ok(signed)
}

/// The document in a file, where the rest of the file says the same.
fn read(file: &str) -> anyhow::Result<Signed> {
    let file = file.trim_start_matches('\u{feff}').trim_end();
    let file = &file.replace("\r\n", "\n");
    let parsed = |document: &str| -> anyhow::Result<Signed> {
        serde_json::from_str(document).context("it holds no signed statement")
    };
    let (signed, written) = if let Some(document) = page::document(file) {
        let signed = parsed(document)?;
        let written = page::write(&signed);
        (signed, written)
    } else if let Some(document) = csv::document(file) {
        let signed = parsed(&document)?;
        let written = csv::write(&signed);
        (signed, written)
    } else {
        return parsed(file);
    };
    if written.trim_end() != file {
        let software = text(&signed.statement, "/software");
        bail!(
            "what it shows is not what was signed: it was changed, or written by a version ({software}) that writes it in another way; \
             the signed document in it can be checked alone (--output json)"
        );
    }
    Ok(signed)
}

/// What a checked statement says, in a few lines.
pub(crate) fn in_words(signed: &Signed) -> Vec<(&'static str, String)> {
    let of = |pointer: &str| text(&signed.statement, pointer);
    let is = |name: &str| signed.statement.get(name) == Some(&Value::Bool(true));
    let closed = match (is("is_closed"), is("is_over")) {
        (true, _) => "yes".to_owned(),
        (false, true) => format!("no: {} open", of("/open")),
        (false, false) => format!("no: the last day goes on, {} open", of("/open")),
    };
    let balances = if is("is_balanced") { "yes" } else { "NO" };
    vec![
        ("account", of("/account")),
        ("from", of("/from")),
        ("to", of("/to")),
        ("closed", closed),
        ("balances", balances.to_owned()),
        ("made", of("/made_at")),
        ("by", of("/software")),
        ("public key", signed.signature.public_key.clone()),
        ("counts", of("/counts_sha256")),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::build::Choice;
    use super::super::build::tests::{made, period};
    use super::super::sign::tests::key;
    use super::*;

    fn signed() -> Signed {
        key().sign(made(&period(0), Some(&period(0)), &Choice::default()))
    }

    fn forms() -> [String; 3] {
        let signed = signed();
        [
            serde_json::to_string_pretty(&signed).unwrap(),
            csv::write(&signed),
            page::write(&signed),
        ]
    }

    fn refused(file: &str, expected: &Expected) -> String {
        format!("{:#}", verify(file, expected).unwrap_err())
    }

    #[test]
    fn each_form_holds_what_was_signed() {
        let days = (
            "2024-10-04T00:00:00.000Z".to_owned(),
            "2024-10-05T00:00:00.000Z".to_owned(),
        );
        let expected = Expected {
            key: Some(key().public()),
            days: Some(days),
        };
        for form in forms() {
            assert_eq!(verify(&form, &expected).unwrap(), signed(), "{form}");
            let windows = form.replace('\n', "\r\n") + "\r\n";
            assert!(verify(&windows, &Expected::default()).is_ok());
        }
    }

    #[test]
    fn a_changed_number_is_found_wherever_it_stands() {
        for form in forms() {
            let places: Vec<usize> = form.match_indices("90").map(|(at, _)| at).collect();
            assert!(places.len() >= 2, "{form}");
            for at in places {
                let mut bad = form.clone();
                bad.replace_range(at..at + 2, "91");
                assert!(
                    verify(&bad, &Expected::default()).is_err(),
                    "{at} of {form}"
                );
            }
        }
    }

    #[test]
    fn another_key_another_day_and_other_files_are_named() {
        let expected = Expected {
            key: Some("11".repeat(32)),
            days: None,
        };
        let [json, ..] = forms();
        assert!(refused(&json, &expected).contains("signed with another key"));
        let expected = Expected {
            key: None,
            days: Some((
                "2024-10-03T00:00:00.000Z".into(),
                "2024-10-04T00:00:00.000Z".into(),
            )),
        };
        assert!(refused(&json, &expected).contains("and not of 2024-10-03"));
        for wrong in [
            "",
            "{}",
            "<!DOCTYPE html>",
            "part,route,destination,name,value\n",
        ] {
            assert!(
                refused(wrong, &Expected::default()).contains("no signed statement"),
                "{wrong}"
            );
        }
    }
}
