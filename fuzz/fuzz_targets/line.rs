//! Any line in each format: a request or a reason, never a panic.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use delivery::config::{FormatKind, RouteFormat};
use delivery::format::Format;
use libfuzzer_sys::fuzz_target;

/// Every kind, once.
static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let kinds = [FormatKind::Url, FormatKind::Json, FormatKind::Ltsv, FormatKind::Regex];
    kinds.into_iter().map(format).collect()
});

fn format(kind: FormatKind) -> Format {
    let pattern = r"^((?P<method>[A-Z]+) )?(?P<url>\S*)( (?P<id>[^ ]*) (?P<expires_at>[^ ]*) (?P<headers>\{[^}]*\})? ?(?P<body>.*))?$";
    let settings = RouteFormat {
        kind,
        pattern: (kind == FormatKind::Regex).then(|| pattern.to_owned()),
        ..RouteFormat::default()
    };
    Format::new(&settings).expect("the formats are right")
}

fuzz_target!(|line: &[u8]| {
    let line = Bytes::copy_from_slice(line);
    for format in &*FORMATS {
        let _ = format.parse(&line);
    }
});
