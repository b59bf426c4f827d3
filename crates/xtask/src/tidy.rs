//! What the compiler cannot see: floors, tables, engines without the wire.
//!
//! Each check is a function from the tree to faults; a fault says the file, what is wrong and what is right.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::source::{self, Source};

/// The floor of each crate, by folder name under `crates/`. A crate uses only floors below its own.
const FLOORS: &[(&str, u8)] = &[
    ("base", 0),
    ("wire-derive", 0),
    ("wire", 1),
    ("policy", 1),
    ("net", 1),
    ("api", 2),
    ("store", 2),
    ("sqs", 3),
    ("iam", 3),
    ("s3", 3),
    ("delivery", 3),
    ("cloudtrail", 3),
    ("lambda", 3),
    ("cloudwatch", 3),
    ("ec2", 3),
    ("logs", 3),
    ("watch", 3),
    ("link", 3),
    ("gateway", 4),
    ("aws", 4),
    ("agent", 4),
    ("shukuba", 5),
    ("xtask", 5),
];

/// Lines of code (tests aside) beyond which a file has more than one subject; tables and goldens are longer.
const FILE_LINES_MAX: usize = 600;

/// Folders whose files must each be named in a table: (folder, file with the table).
const TABLES: &[(&str, &str)] = &[
    ("crates/sqs/src/ops", "crates/sqs/src/ops/mod.rs"),
    (
        "crates/delivery/src/sender",
        "crates/delivery/src/sender/mod.rs",
    ),
    (
        "crates/delivery/src/format",
        "crates/delivery/src/format/mod.rs",
    ),
    ("crates/shukuba/src/cli", "crates/shukuba/src/cli/mod.rs"),
];

/// Words that an engine does not know, with what knows them instead.
const ENGINE_STRANGERS: &[(&str, &str)] = &[
    ("use wire", "the wire format belongs to ops/"),
    ("wire::", "the wire format belongs to ops/"),
    ("use http", "HTTP belongs to the gateway and the senders"),
    ("hyper::", "HTTP belongs to the gateway and the senders"),
    ("tokio::", "an engine does no I/O and waits for nothing"),
    ("std::fs", "an engine does no I/O"),
    (
        "random_bytes",
        "an engine draws no random numbers; they are passed in",
    ),
    (
        "SystemClock",
        "an engine has no clock; the time is passed in",
    ),
];

/// Runs every check and returns the faults.
pub(crate) fn run(root: &Path) -> Result<Vec<String>> {
    let sources = source::read_all(root, "crates", &[".rs"])?;
    let mut faults = floors(root)?;
    faults.extend(sources.iter().filter_map(module_doc));
    faults.extend(sources.iter().filter_map(length));
    faults.extend(sources.iter().flat_map(engine_strangers));
    faults.extend(
        TABLES
            .iter()
            .flat_map(|(folder, table)| unlisted(&sources, folder, table)),
    );
    faults.extend(registry_hosts(root)?);
    Ok(faults)
}

fn floors(root: &Path) -> Result<Vec<String>> {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut faults = Vec::new();
    let manifests = source::read_all(root, "crates", &["Cargo.toml"])?;
    for (name, _) in FLOORS {
        let path = format!("crates/{name}/Cargo.toml");
        if !manifests.iter().any(|manifest| manifest.path == path) {
            faults.push(format!("FLOORS in crates/xtask/src/tidy.rs names crates/{name}, which is not there: take its line away"));
        }
    }
    for manifest in manifests {
        let Some(name) = manifest
            .path
            .strip_prefix("crates/")
            .and_then(|rest| rest.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        let Some(own) = floors.get(name) else {
            faults.push(format!(
                "crates/{name} stands on no floor: add it to FLOORS in crates/xtask/src/tidy.rs"
            ));
            continue;
        };
        for used in dependencies(&manifest)? {
            if let Some(floor) = floors.get(used.as_str()).filter(|floor| *floor >= own) {
                faults.push(format!("crates/{name} (floor {own}) uses {used} (floor {floor}): only floors below are open to it"));
            }
        }
    }
    Ok(faults)
}

/// The names under `[dependencies]`; tests may reach further.
fn dependencies(manifest: &Source) -> Result<Vec<String>> {
    let parsed: toml::Table = manifest
        .text
        .parse()
        .with_context(|| format!("reading {}", manifest.path))?;
    let table = parsed.get("dependencies").and_then(toml::Value::as_table);
    Ok(table
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default())
}

fn module_doc(source: &Source) -> Option<String> {
    let is_exempt = is_test(source) || source.path.contains("/examples/");
    let is_documented = source.text.trim_start().starts_with("//!");
    (!is_exempt && !is_documented).then(|| {
        format!(
            "{} does not begin with `//!`: say what it is and which invariant it keeps",
            source.path
        )
    })
}

fn length(source: &Source) -> Option<String> {
    let is_exempt = is_test(source) || source.text.contains("tidy: long because");
    let lines = source.code().lines().count();
    (!is_exempt && lines > FILE_LINES_MAX).then(|| {
        format!(
            "{} has {lines} lines of code: split it by subject, or say `tidy: long because …`",
            source.path
        )
    })
}

/// A file that holds nothing but tests.
fn is_test(source: &Source) -> bool {
    source.path.contains("/tests/") || source.path.ends_with("/tests.rs")
}

fn engine_strangers(source: &Source) -> Vec<String> {
    if !source.path.contains("/engine/") {
        return Vec::new();
    }
    let text = code_lines(source);
    let strangers = ENGINE_STRANGERS
        .iter()
        .filter(|(word, _)| text.contains(word));
    strangers
        .map(|(word, reason)| format!("{} knows `{word}`: {reason}", source.path))
        .collect()
}

fn unlisted(sources: &[Source], folder: &str, table: &str) -> Vec<String> {
    let Some(listing) = sources.iter().find(|source| source.path == table) else {
        return vec![format!(
            "{table} is missing: it lists what lies in {folder}"
        )];
    };
    let names = sources.iter().filter_map(|source| {
        let rest = source.path.strip_prefix(folder)?.strip_prefix('/')?;
        let name = rest
            .strip_suffix("/mod.rs")
            .or_else(|| rest.strip_suffix(".rs"))?;
        (!name.contains('/') && name != "mod").then_some(name)
    });
    let mut faults = Vec::new();
    for name in names {
        let module = format!("mod {name};");
        if !listing.text.contains(&module) {
            faults.push(format!(
                "{folder}/{name}.rs is not listed in {table}: add its line"
            ));
        } else if !listing.text.contains(&format!("#[cfg(test)]\n{module}"))
            && !is_used(sources, folder, name)
        {
            faults.push(format!(
                "{folder}/{name}.rs is used nowhere in {folder}: add its line in {table}"
            ));
        }
    }
    faults
}

/// Whether a file of the folder says `name::`, other than the module's own: the table, or what it helps.
fn is_used(sources: &[Source], folder: &str, name: &str) -> bool {
    let own = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/")];
    let is_other = |source: &&Source| {
        source.path.starts_with(folder) && !own.iter().any(|own| source.path.starts_with(own))
    };
    let path = format!("{name}::");
    let is_in = |text: &str| {
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        text.match_indices(&path)
            .any(|(at, _)| !text.get(..at).unwrap_or_default().ends_with(in_word))
    };
    sources
        .iter()
        .filter(is_other)
        .any(|source| is_in(&code_lines(source)))
}

/// The code before the file's own tests, without lines of comment.
fn code_lines(source: &Source) -> String {
    let lines = source.code().lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// No file names a package registry's host; lock files are the clients' own.
fn registry_hosts(root: &Path) -> Result<Vec<String>> {
    let hosts = [
        ["crates", "io"].join("."),
        ["pypi", "org"].join("."),
        ["npmjs", "org"].join("."),
        ["deb.debian", "org"].join("."),
    ];
    let endings = [
        ".rs", ".toml", ".md", ".sh", ".py", ".yml", ".yaml", "Makefile", "run", ".txt",
    ];
    let mut faults = Vec::new();
    for source in source::read_all(root, ".", &endings)? {
        let named = hosts.iter().find(|host| {
            source.text.contains(&format!("//{host}")) || source.text.contains(&format!(".{host}/"))
        });
        faults.extend(named.map(|host| {
            format!(
                "{} names the host {host}: clients know their registries",
                source.path
            )
        }));
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn an_engine_that_knows_the_wire_is_named() {
        let fault = engine_strangers(&source(
            "crates/sqs/src/engine/mod.rs",
            "use wire::Shape;\n",
        ));
        assert!(
            fault.iter().any(|fault| fault.contains("ops/")),
            "{fault:?}"
        );
        assert!(
            engine_strangers(&source("crates/sqs/src/ops/a.rs", "use wire::Shape;\n")).is_empty()
        );
    }

    #[test]
    fn a_file_outside_its_table_is_named() {
        let table = "mod entry;\nmod list;\nmod tag;\nmod untag;\n#[cfg(test)]\nmod model;\n// tag::Tag\n&[&list::List, &untag::Untag]\n";
        let sources = [
            source("crates/sqs/src/ops/mod.rs", table),
            source("crates/sqs/src/ops/list.rs", "use super::entry::Entry;\n"),
            source("crates/sqs/src/ops/entry.rs", "//! x\n"),
            source("crates/sqs/src/ops/model.rs", "//! x\n"),
            source("crates/sqs/src/ops/purge.rs", "//! x\n"),
            source("crates/sqs/src/ops/tag.rs", "struct Tag; // tag::Tag\n"),
            source("crates/sqs/src/ops/untag.rs", "//! x\n"),
        ];
        let faults = unlisted(&sources, "crates/sqs/src/ops", "crates/sqs/src/ops/mod.rs");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("purge.rs is not listed"), "{faults:?}");
        assert!(faults[1].contains("tag.rs is used nowhere"), "{faults:?}");
    }

    #[test]
    fn a_file_without_a_first_word_is_named() {
        assert!(module_doc(&source("crates/a/src/lib.rs", "pub fn a() {}\n")).is_some());
        assert!(module_doc(&source("crates/a/src/lib.rs", "//! What it is.\n")).is_none());
    }
}
