//! Where the lines of an import stand in a settings file: between two lines that name its product, so that a second import takes
//! the place of the first and leaves all else as it is.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Product;
use crate::app;
use crate::config;

fn begin(product: Product) -> String {
    format!("# shukuba import {product}: begin. A second import replaces what follows.")
}

fn end(product: Product) -> String {
    format!("# shukuba import {product}: end")
}

/// The lines as they stand in a file.
pub(crate) fn block(product: Product, lines: &str) -> String {
    format!(
        "{}\n{}\n{}\n",
        begin(product),
        lines.trim_end(),
        end(product)
    )
}

/// `text` with `block` in the place of the one before, or at its end.
///
/// # Errors
/// When a line that begins or ends the one before is missing.
fn placed(product: Product, text: &str, block: &str) -> Result<String, String> {
    let (begin, end) = (begin(product), end(product));
    let at = |line: &str| {
        let mut offset = 0;
        let mut lines = text.split_inclusive('\n');
        lines.find_map(|found| {
            let from = offset;
            offset += found.len();
            (found.trim_end() == line).then_some((from, offset))
        })
    };
    match (at(&begin), at(&end)) {
        (None, None) if text.is_empty() => Ok(block.to_owned()),
        (None, None) => Ok(format!("{}\n\n{block}", text.trim_end())),
        (Some((from, _)), Some((_, to))) if from < to => {
            let before = text.get(..from).unwrap_or_default();
            let after = text.get(to..).unwrap_or_default();
            Ok(format!("{before}{block}{after}"))
        }
        _ => Err(format!(
            "has only one of the lines `{begin}` and `{end}`, or the second first: put the other one back, or remove both"
        )),
    }
}

/// A settings file that is to be.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    draft: PathBuf,
}

impl Draft {
    /// Writes the new file beside `path` and checks it whole; `path` stays as it is.
    pub(crate) fn write(product: Product, path: &Path, block: &str) -> anyhow::Result<Self> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
            }
        };
        let text = placed(product, &text, block)
            .map_err(|wrong| app::usage(format!("`{}` {wrong}", path.display())))?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let draft = path.with_file_name(format!(".{file}.{}.import", std::process::id()));
        let written = Self { path, draft };
        written.fill(&text)?;
        config::load(Some(&written.draft), &[]).map_err(|wrong| {
            let shown = wrong.to_string().replace(
                &written.draft.display().to_string(),
                &written.path.display().to_string(),
            );
            app::usage(format!(
                "with the import, the settings would have a mistake: {shown}"
            ))
        })?;
        Ok(written)
    }

    fn fill(&self, text: &str) -> anyhow::Result<()> {
        let failed = || format!("cannot write `{}`", self.draft.display());
        let mut file = fs::File::create(&self.draft).with_context(failed)?;
        if let Ok(old) = fs::metadata(&self.path) {
            file.set_permissions(old.permissions())
                .with_context(failed)?;
        }
        file.write_all(text.as_bytes()).with_context(failed)?;
        file.sync_all().with_context(failed)
    }

    /// Takes the file's place.
    pub(crate) fn keep(self) -> anyhow::Result<()> {
        let failed = || format!("cannot write `{}`", self.path.display());
        fs::rename(&self.draft, &self.path).with_context(failed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already where it took its place.
        let _ = fs::remove_file(&self.draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_import_takes_the_place_of_the_first() {
        let (one, two) = (
            block(Product::Svix, "a = 1\n"),
            block(Product::Svix, "b = 2"),
        );
        let other = block(Product::Convoy, "c = 3");
        let mut text = String::new();
        for next in [&one, &other, &two, &two] {
            let product = if *next == other {
                Product::Convoy
            } else {
                Product::Svix
            };
            text = placed(product, &text, next).unwrap();
        }
        assert_eq!(text, format!("{two}\n{other}"));
        let text = format!("[server]\nx = 1\n{one}[store]\n");
        let placed_text = placed(Product::Svix, &text, &two).unwrap();
        assert_eq!(placed_text, format!("[server]\nx = 1\n{two}[store]\n"));
    }

    #[test]
    fn half_a_block_is_refused() {
        let block = block(Product::Svix, "a = 1");
        for line in [begin(Product::Svix), end(Product::Svix)] {
            let wrong = placed(Product::Svix, &format!("{line}\n"), &block).unwrap_err();
            assert!(wrong.contains("only one of the lines"), "{wrong}");
        }
    }
}
