//! Which file on the disk is which in the state.

use std::fs::{self, File};
use std::path::Path;

use anyhow::Context;

use super::rotated;
use super::source::{self, Node, Packing};
use super::state::{FileState, OnDisk, State};

/// Whether the name still stands for that file.
pub(super) fn is_still(path: &Path, node: Node) -> bool {
    fs::metadata(path).is_ok_and(|metadata| Node::of(&metadata) == node)
}

/// The known file that this one goes on.
pub(super) fn find(
    state: &State,
    fingerprint: &str,
    node: Node,
    compressed: Option<&OnDisk>,
    path: &Path,
) -> Option<usize> {
    let is_same = |file: &FileState| {
        file.fingerprint == fingerprint
            // Nothing of it is acknowledged, so there are no bytes to know it by.
            && (file.tail.is_some() || file.node == node)
            && !is_another(file, node, compressed, path)
            && match (&file.compressed, compressed) {
                (Some(known), Some(now)) => known == now,
                (None, None) => {
                    File::open(path).is_ok_and(|open| rotated::goes_on(&open, file))
                }
                (None, Some(_)) => file.proof().is_some_and(|(at, tail)| {
                    rotated::text_tail(path, at).as_ref() == Some(tail)
                }),
                (Some(_), None) => false,
            }
    };
    let candidates = || {
        let free = state
            .files
            .iter()
            .enumerate()
            .filter(|(index, _)| !state.in_use.contains(index));
        free.filter(|(_, file)| is_same(file))
    };
    candidates()
        .find(|(_, file)| file.node == node)
        .or_else(|| candidates().next())
        .map(|(index, _)| index)
}

/// Whether `path` is a second file that holds the same: the known one is still under its own name, as it was left.
/// Compressed, it is its copy.
fn is_another(file: &FileState, node: Node, compressed: Option<&OnDisk>, path: &Path) -> bool {
    compressed.is_none()
        && file.node != node
        && file.path != path
        && is_still(&file.path, file.node)
        && File::open(&file.path).is_ok_and(|open| rotated::goes_on(&open, file))
}

pub(super) fn register(
    state: &mut State,
    path: &Path,
    fingerprint: String,
    node: Node,
    compressed: Option<OnDisk>,
) -> usize {
    let id = state.free_id(&fingerprint);
    state.files.push(FileState {
        id,
        fingerprint,
        path: path.to_owned(),
        node,
        compressed,
        offset: 0,
        tail: None,
        tail_at: None,
        written: None,
        planned: Vec::new(),
        accepted: 0,
        set_aside: 0,
        is_done: false,
    });
    state.is_changed = true;
    state.files.len() - 1
}

pub(super) fn compressed_of(path: &Path) -> bool {
    Packing::of(path) != Packing::Plain
}

pub(super) fn on_disk(path: &Path) -> anyhow::Result<Option<OnDisk>> {
    if !compressed_of(path) {
        return Ok(None);
    }
    let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    let size = file
        .metadata()
        .with_context(|| format!("cannot read `{}`", path.display()))?
        .len();
    let tail = source::tail_of(&file, size)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(tail.map(|tail| OnDisk { size, tail }))
}
