//! Any line in each format: a request or a reason, never a panic.
#![no_main]

use bytes::Bytes;
use delivery::config::{FormatKind, RouteFormat};
use delivery::format::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let line = Bytes::copy_from_slice(line);
    for kind in [FormatKind::Url, FormatKind::Json, FormatKind::Ltsv] {
        let settings = RouteFormat { kind, ..RouteFormat::default() };
        if let Ok(format) = Format::new(&settings) {
            let _ = format.parse(&line);
        }
    }
});
