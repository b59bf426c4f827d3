//! What was rotated away while nobody looked: the rests of files that an earlier run left, and files never seen.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Follow, LOOKS, Mode};
use crate::ship::known::{compressed_of, is_still, on_disk, register};
use crate::ship::pack::Packer;
use crate::ship::rotated::{self, Rotated};
use crate::ship::source::{self, Node, Source, Tail};
use crate::ship::state::State;

/// Rotated files that are opened at once; the others follow when these are read. Chosen.
const MISSED_LIMIT: usize = 64;

/// What became of a file that was rotated away.
enum Missed {
    Taken,
    /// It is being read, or all of it was.
    Known,
    /// Its name went to another one.
    Shifted,
    /// It may be a copy of the current file, of which nothing is accepted that would tell.
    Unclear,
}

impl Follow {
    /// What an earlier run left of the file `index`, which is no longer under its name. Gives its last change.
    pub(super) fn find_rest(&mut self, state: &mut State, index: usize) -> Option<u64> {
        let known = state.files.get(index)?;
        let (at, planned, id) = (known.offset, known.planned.clone(), known.id.clone());
        let proof = known.proof().map(|(at, tail)| (at, tail.clone()));
        let proof = proof.as_ref().map(|(at, tail)| (*at, tail));
        let Some((path, source, reached)) = self.copy_of(state, index, at, proof) else {
            tracing::warn!(path = %self.path.display(), offset = at, %id, "the rest of a file that was rotated away is not beside it; if it was moved, ship it by its new name");
            if let Some(known) = state.files.get_mut(index) {
                known.is_done = true;
                state.is_changed = true;
            }
            return None;
        };
        tracing::info!(path = %path.display(), offset = at, "going on with a rotated file");
        let packer = Packer::new(self.limits, planned);
        self.adopt(state, index, source, (at, reached), packer);
        fs::metadata(&path)
            .ok()
            .map(|metadata| rotated::written(&metadata))
    }

    /// What was rotated away at `since` or later and is not read: it was under the name while nobody looked.
    pub(super) fn find_missed(&mut self, state: &mut State, since: u64) {
        if compressed_of(&self.path) {
            return;
        }
        let mut opened = 0;
        for _ in 0..LOOKS {
            let mut is_shifted = false;
            for rotated in rotated::rotated_since(&self.path, since) {
                if opened == MISSED_LIMIT {
                    self.more_since = Some(since);
                    return;
                }
                match self.take_missed(state, &rotated) {
                    Ok(Missed::Taken) => opened += 1,
                    Ok(Missed::Known) => {}
                    Ok(Missed::Unclear) => self.more_since = Some(since),
                    Ok(Missed::Shifted) => is_shifted = true,
                    Err(_) if !is_still(&rotated.path, rotated.node) => is_shifted = true,
                    Err(error) => {
                        tracing::warn!(path = %rotated.path.display(), %error, "a rotated file cannot be read; ship it by its name once it can");
                    }
                }
                if is_shifted {
                    break;
                }
            }
            if !is_shifted {
                return;
            }
        }
        self.more_since = Some(since);
    }

    fn take_missed(&mut self, state: &mut State, rotated: &Rotated) -> io::Result<Missed> {
        let path = &rotated.path;
        let mut source = Source::open(path, self.line_limit)?;
        let print = source::fingerprint(path, true)?;
        let known = print
            .as_ref()
            .and_then(|print| rotated::known(state, rotated, print));
        let compressed = on_disk(path).ok().flatten();
        let at = known
            .and_then(|index| state.files.get(index))
            .map_or(0, |file| file.offset);
        let is_known = known.is_some_and(|index| state.in_use.contains(&index));
        // A known one: all of it was sent, unless its writer came back to it.
        let reached = if is_known { None } else { source.skip_to(at)? };
        let has_more = reached.is_some() && source.fill()? > 0;
        if source.node() != rotated.node || !is_still(path, rotated.node) {
            return Ok(Missed::Shifted);
        }
        let (Some(print), Some(reached), true) = (print, reached, has_more) else {
            return Ok(Missed::Known);
        };
        let current = self.current.as_ref().map(|reading| reading.file);
        let is_unclear = known.is_none()
            && self.mode == Mode::On
            && current
                .and_then(|index| state.files.get(index))
                .is_some_and(|file| file.proof().is_none() && file.fingerprint == print);
        if is_unclear {
            return Ok(Missed::Unclear);
        }
        let index = known.unwrap_or_else(|| {
            tracing::info!(path = %path.display(), "reading a file that was rotated away unseen");
            register(state, &self.path, print, rotated.node, compressed)
        });
        let Some(file) = state.files.get_mut(index) else {
            return Ok(Missed::Known);
        };
        file.written = Some(rotated.written);
        let packer = Packer::new(self.limits, file.planned.clone());
        self.adopt(state, index, source, (at, reached), packer);
        Ok(Missed::Taken)
    }

    /// The file beside this one that goes on where `index` was at `offset`, known by `proof`.
    pub(super) fn copy_of(
        &self,
        state: &State,
        index: usize,
        offset: u64,
        proof: Option<(u64, &Tail)>,
    ) -> Option<(PathBuf, Source, Tail)> {
        let known = state.files.get(index)?;
        let look = || {
            let mut found = rotated::siblings(&self.path);
            found.sort_by_key(|path| {
                fs::metadata(path)
                    .map(|data| Node::of(&data) != known.node)
                    .unwrap_or(true)
            });
            found.into_iter().find_map(|path| {
                let mut source = Source::open(&path, self.line_limit).ok()?;
                let print = source::fingerprint(&path, true).ok()??;
                let is_same = print == known.fingerprint
                    && proof.is_none_or(|(at, tail)| {
                        rotated::text_tail(&path, at).as_ref() == Some(tail)
                    });
                if !is_same {
                    return None;
                }
                let reached = source.skip_to(offset).ok()??;
                is_still(&path, source.node()).then_some((path, source, reached))
            })
        };
        (0..LOOKS).find_map(|_| look())
    }
}
