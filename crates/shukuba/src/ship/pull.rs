//! Lines from an open source into packs.

use std::collections::HashMap;
use std::fs::File;

use anyhow::Context;
use delivery::format::Format;

use super::aside::Aside;
use super::follow::Reading;
use super::line::{self, Bad};
use super::pack::Pack;
use super::pipeline::Place;
use super::source::{Item, Node};
use super::{LINE_BYTES_MAX, Shared};

/// What one read gave.
pub(super) struct Pulled {
    /// Of which file, and the beginning of its lines' ids.
    pub(super) file: usize,
    pub(super) id: String,
    pub(super) packs: Vec<Pack>,
    pub(super) is_at_end: bool,
}

/// Reads one buffer of a file. An error is the file's: it cannot be read on.
pub(super) fn pull(
    reading: &mut Reading,
    handles: &mut HashMap<usize, (Node, File)>,
    format: Option<&Format>,
    shared: &Shared,
) -> anyhow::Result<Pulled> {
    let name = reading.source.path().to_owned();
    let count = reading
        .source
        .fill()
        .with_context(|| format!("cannot read `{}`", name.display()))?;
    let (file, node) = (reading.file, reading.source.node());
    shared.aside.lock().name_file(file, name);
    if handles.get(&file).is_none_or(|(known, _)| *known != node) {
        match reading.source.handle() {
            Some(handle) => handles.insert(file, (node, handle)),
            None => handles.remove(&file),
        };
    }
    Ok(Pulled {
        file,
        id: reading.id.clone(),
        packs: drain(reading, format, &shared.aside),
        is_at_end: count == 0,
    })
}

/// Takes the whole lines that were read into packs.
pub(super) fn drain(
    reading: &mut Reading,
    format: Option<&Format>,
    aside: &parking_lot::Mutex<Aside>,
) -> Vec<Pack> {
    let mut packs = Vec::new();
    let Reading {
        file,
        source,
        packer,
        ..
    } = reading;
    while let Some(item) = source.next_item() {
        packs.extend(take_item(*file, &item, packer, format, aside));
    }
    packs
}

pub(super) fn drain_last(
    reading: &mut Reading,
    format: Option<&Format>,
    aside: &parking_lot::Mutex<Aside>,
) -> Vec<Pack> {
    let Reading {
        file,
        source,
        packer,
        ..
    } = reading;
    let pack = source
        .last_item()
        .and_then(|item| take_item(*file, &item, packer, format, aside));
    pack.into_iter().collect()
}

fn take_item(
    file: usize,
    item: &Item<'_>,
    packer: &mut super::pack::Packer,
    format: Option<&Format>,
    aside: &parking_lot::Mutex<Aside>,
) -> Option<Pack> {
    let (start, end, text, bytes, bad) = match item {
        Item::TooLong {
            start,
            end,
            length,
            text,
        } => {
            let bad = Bad::TooLong {
                length: *length,
                limit: LINE_BYTES_MAX,
            };
            (
                *start,
                *end,
                *text,
                usize::try_from(*length).unwrap_or(usize::MAX),
                Some(bad),
            )
        }
        Item::Line { start, end, text } => {
            let text = line::without_cr(text);
            (*start, *end, text, text.len(), bad_line(text, format))
        }
    };
    match bad {
        Some(bad) => {
            aside.lock().note(Place { file, start }, bytes, text, &bad);
            packer.set_aside(start, end)
        }
        None if text.iter().all(u8::is_ascii_whitespace) => packer.skip(start, end),
        None => packer.push(start, end, text),
    }
}

pub(super) fn bad_line(text: &[u8], format: Option<&Format>) -> Option<Bad> {
    if let Err(bad) = line::check(text, LINE_BYTES_MAX) {
        return Some(bad);
    }
    let format = format.filter(|_| !text.is_empty())?;
    let parsed = format.parse(&bytes::Bytes::copy_from_slice(text));
    parsed.err().map(|error| Bad::Format {
        detail: error.to_string(),
    })
}
