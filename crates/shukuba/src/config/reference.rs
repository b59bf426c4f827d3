//! The reference page of the settings, made from the documentation that stands at each setting's field.
//!
//! The fields' comments are the one source: they are read here from the same files that the compiler reads, so the
//! page cannot say what the code does not. `config reference` prints it; a test keeps
//! `docs/reference/configuration.md` equal to it.

use std::fmt::Write;

/// Where the settings' types stand.
const SOURCES: &[&str] = &[
    include_str!("mod.rs"),
    include_str!("server.rs"),
    include_str!("archive.rs"),
    include_str!("s3.rs"),
    include_str!("trail.rs"),
    include_str!("metrics.rs"),
    include_str!("functions.rs"),
    include_str!("link.rs"),
    include_str!("cost.rs"),
    include_str!("../../../delivery/src/config/route.rs"),
    include_str!("../../../delivery/src/config/destination.rs"),
    include_str!("../../../delivery/src/config/success.rs"),
    include_str!("../../../delivery/src/config/request.rs"),
    include_str!("../../../delivery/src/config/auth.rs"),
    include_str!("../../../delivery/src/config/sign.rs"),
    include_str!("../../../delivery/src/config/breaker.rs"),
    include_str!("../../../delivery/src/config/retry.rs"),
    include_str!("../../../delivery/src/config/dns.rs"),
    include_str!("../../../delivery/src/config/beside.rs"),
    include_str!("../../../delivery/src/config/work.rs"),
    include_str!("../../../watch/src/notice/settings.rs"),
    include_str!("../../../watch/src/notice/silence.rs"),
];

/// A section of the page: the table's head in the file, the type that holds its keys.
struct Section {
    head: &'static str,
    of: &'static str,
}

const SECTIONS: &[Section] = &[
    Section {
        head: "server",
        of: "Server",
    },
    Section {
        head: "server.limits",
        of: "Limits",
    },
    Section {
        head: "store",
        of: "Store",
    },
    Section {
        head: "archive",
        of: "Archive",
    },
    Section {
        head: "s3",
        of: "S3",
    },
    Section {
        head: "trail",
        of: "Trail",
    },
    Section {
        head: "metrics",
        of: "Metrics",
    },
    Section {
        head: "watch",
        of: "Watch",
    },
    Section {
        head: "link",
        of: "Link",
    },
    Section {
        head: "functions",
        of: "Functions",
    },
    Section {
        head: "cost",
        of: "Cost",
    },
    Section {
        head: "routes.NAME",
        of: "Route",
    },
    Section {
        head: "routes.NAME.format",
        of: "RouteFormat",
    },
    Section {
        head: "routes.NAME.request",
        of: "RouteRequest",
    },
    Section {
        head: "routes.NAME.mask",
        of: "RouteMask",
    },
    Section {
        head: "destinations.\"HOST\"",
        of: "Destination",
    },
    Section {
        head: "destinations.\"HOST\".success",
        of: "SuccessRules",
    },
    Section {
        head: "[destinations.\"HOST\".success.body]",
        of: "BodyRule",
    },
    Section {
        head: "destinations.\"HOST\".request",
        of: "DestinationRequest",
    },
    Section {
        head: "destinations.\"HOST\".retry",
        of: "Retry",
    },
    Section {
        head: "destinations.\"HOST\".sign",
        of: "Sign",
    },
    Section {
        head: "destinations.\"HOST\".auth",
        of: "Auth",
    },
    Section {
        head: "destinations.\"HOST\".breaker",
        of: "BreakerTable",
    },
    Section {
        head: "destinations.\"HOST\".shadow",
        of: "Shadow",
    },
    Section {
        head: "destinations.\"HOST\".canary",
        of: "Canary",
    },
    Section {
        head: "notifier",
        of: "Notifier",
    },
    Section {
        head: "scaler",
        of: "Scaler",
    },
    Section {
        head: "results",
        of: "Results",
    },
    Section {
        head: "notices",
        of: "Settings",
    },
    Section {
        head: "notices.receivers.NAME",
        of: "Receiver",
    },
    Section {
        head: "[notices.routes]",
        of: "Routing",
    },
    Section {
        head: "[notices.maintenance]",
        of: "Maintenance",
    },
];

const HEAD: &str = "# Settings

<!-- Made by `shukuba config reference`; edit the comments at the fields, then `make reference`. -->

One file, `shukuba.toml`: `--config FILE`, else `./shukuba.toml`, else `$XDG_CONFIG_HOME/shukuba/shukuba.toml`, else
`/etc/shukuba/shukuba.toml`. Without any file there is one route, `s2s`, whose lines are URLs in the queue `s2s`.
Over the file stands the environment, over that the arguments. `SHUKUBA_<SECTION>_<KEY>` sets a key of `server`,
`store`, `archive`, `s3`, `trail`, `metrics`, `watch`, `link`, `functions`, `cost`, `notifier`, `scaler` and `results`, such as `SHUKUBA_SCALER_INTERVAL=5s`.
Unknown keys are refused with the nearest known name; `shukuba config check` says all that is wrong, with its line.
What a line may hold, and which rules a receiver has: [lines.md](../lines.md).

`systemctl reload` (SIGHUP) reads the file again: routes, destinations, notices, secrets, the notifier's and the scaler's settings
change at once; `[server]`, `[store]`, `[archive]`, `[s3]` (but `lifecycle_interval`), `[trail]`, `[metrics]`, `[link]`, `[functions]` and `results.url` need a restart, and a reload that changes them says so.

Spans are `250ms`, `10s`, `5m`, `24h`, `15d`; sizes `512`, `64KiB`, `1MiB`; rates `1000/s`, `60/m`, `5/h`.
";

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    name: String,
    kind: String,
    text: String,
}

/// The whole page, in Markdown.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in SECTIONS {
        let (about, keys) = keys_of(section.of);
        let about = about
            .split_once(": ")
            .map_or(about.as_str(), |(_, rest)| rest);
        let _ = write!(page, "\n## [{}]\n\n", section.head);
        if !about.is_empty() && !about.starts_with('`') {
            let _ = write!(page, "{}\n\n", sentence(about));
        }
        page.push_str("| key | kind | meaning |\n|---|---|---|\n");
        for key in keys {
            let text = key.text.replace('|', "\\|");
            let _ = writeln!(page, "| `{}` | {} | {text} |", key.name, key.kind);
        }
    }
    let _ = write!(
        page,
        "\n## [secrets]\n\n`NAME = \"env:VARIABLE\"` or `NAME = \"file:/path\"`; used as `${{secret:NAME}}` in headers, `mail_relay`, `sign` and `auth`. A name that does not stand here is looked for among those that `shukuba secret set` sealed.\n"
    );
    page
}

/// The variables that set a key, and the key's path.
pub(crate) fn variables() -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for section in SECTIONS {
        let parts: Vec<_> = section.head.split('.').map(str::to_owned).collect();
        if !parts
            .first()
            .is_some_and(|first| super::load::is_settable(first))
        {
            continue;
        }
        for key in keys_of(section.of).1 {
            let path: Vec<_> = parts.iter().cloned().chain([key.name]).collect();
            all.push((format!("SHUKUBA_{}", path.join("_").to_uppercase()), path));
        }
    }
    all
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// The documentation and the fields of a type.
fn keys_of(name: &str) -> (String, Vec<Key>) {
    let open = format!("struct {name} {{");
    for source in SOURCES {
        let mut about = Vec::new();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if let Some(text) = line.strip_prefix("/// ") {
                about.push(text);
            } else if line.ends_with(&open) {
                return (about.join(" "), fields(lines));
            } else if !line.starts_with("#[") && line != "///" {
                about.clear();
            }
        }
    }
    (String::new(), Vec::new())
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut text: Vec<&str> = Vec::new();
    for line in lines.take_while(|line| *line != "}").map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            text.push(doc.trim());
        } else if let Some((name, kind)) = field(line) {
            keys.push(Key {
                name: name.to_owned(),
                kind: kind_in_words(kind),
                text: text.join(" "),
            });
            text.clear();
        }
    }
    keys
}

fn field(line: &str) -> Option<(&str, &str)> {
    let rest = line
        .strip_prefix("pub(crate) ")
        .or_else(|| line.strip_prefix("pub "))?;
    let (name, kind) = rest.split_once(": ")?;
    let name = name.strip_prefix("r#").unwrap_or(name);
    Some((name, kind.trim_end_matches(',')))
}

fn kind_in_words(kind: &str) -> String {
    let inner = |prefix: &str| {
        kind.strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix('>'))
    };
    if let Some(kind) = inner("Option<") {
        return kind_in_words(kind);
    }
    if let Some(kind) = inner("Vec<") {
        return format!("list of {}", kind_in_words(kind));
    }
    let word = match kind {
        "String" | "Policy" => "text",
        "bool" => "true or false",
        "u32" | "u64" | "f64" => "number",
        "Span" => "span",
        "Size" => "size",
        "Rate" => "rate",
        "Schedule" => "waits",
        "Statuses" => "statuses",
        "Success" => "statuses or a table",
        "Value" => "value or a list of them",
        "BodyRule" => "rules",
        "PathBuf" => "path",
        "SocketAddr" => "address:port",
        "Url" => "URL",
        "IpNet" => "network",
        "Matcher" => "table of texts",
        _ if kind.starts_with("BTreeMap") => "table of texts",
        _ => "table",
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_repository_is_fresh() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/configuration.md"
        );
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == page(),
            "docs/reference/configuration.md is stale: run `make reference`"
        );
    }

    #[test]
    fn every_section_has_keys_and_every_key_has_words() {
        for section in SECTIONS {
            let (_, keys) = keys_of(section.of);
            assert!(!keys.is_empty(), "{}", section.head);
            for key in keys {
                assert!(!key.text.is_empty(), "{}.{}", section.head, key.name);
            }
        }
    }

    #[test]
    fn the_page_names_every_key_that_serde_reads() {
        let config = crate::config::Config::without_file();
        let written = toml::Table::try_from(&config).unwrap();
        for section in [
            "server",
            "store",
            "archive",
            "s3",
            "trail",
            "metrics",
            "watch",
            "link",
            "functions",
            "notifier",
            "scaler",
            "results",
        ] {
            let names: Vec<_> = variables().into_iter().map(|(_, path)| path).collect();
            for key in written[section]
                .as_table()
                .unwrap()
                .iter()
                .filter(|(_, value)| !value.is_table())
            {
                assert!(
                    names.contains(&vec![section.to_owned(), key.0.clone()]),
                    "{section}.{}",
                    key.0
                );
            }
        }
    }
}
