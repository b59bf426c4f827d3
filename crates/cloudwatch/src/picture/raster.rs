//! PNG of an SVG, with a font of our own: no font of the machine is looked for, so a picture is the same everywhere.
//!
//! The font is a part of Noto Sans CJK JP: Latin letters, kana and the kanji of JIS levels 1 and 2 (see `font/OFL.txt` and
//! `scripts/picture-font.py`). It is unpacked at the first picture, 1.5 MB, and stays.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

const FONT: &[u8] = include_bytes!("font/sans-jp.otf.zst");
const FONT_FAMILY: &str = "Noto Sans CJK JP";
/// Bytes of the font, unpacked.
const FONT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Pixels of a picture: 64 MB of memory. What is larger becomes smaller. Chosen.
const PIXELS_MAX: f32 = 16_000_000.0;

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    match zstd::bulk::decompress(FONT, FONT_BYTES_MAX) {
        Ok(font) => fonts.load_font_data(font),
        Err(error) => tracing::error!(%error, "the font of pictures cannot be unpacked"),
    }
    fonts.set_sans_serif_family(FONT_FAMILY);
    Arc::new(fonts)
});

/// An SVG that is not painted.
#[derive(Debug, thiserror::Error)]
pub enum Unpaintable {
    /// It is not understood.
    #[error("the picture cannot be read")]
    Svg(#[source] Box<resvg::usvg::Error>),
    /// It has no pixels.
    #[error("the picture is empty")]
    Empty,
    /// It cannot be packed.
    #[error("the picture cannot be written: {0}")]
    Png(String),
}

/// Paints an SVG. Takes tens of milliseconds: call it where a thread may block.
///
/// # Errors
/// [`Unpaintable`]; not for what [`super::svg`] and [`super::board`] drew.
pub fn png(svg: &str) -> Result<Vec<u8>, Unpaintable> {
    let options = Options {
        fontdb: Arc::clone(&FONTS),
        font_family: FONT_FAMILY.to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| Unpaintable::Svg(Box::new(error)))?;
    let size = tree.size();
    let scale = (PIXELS_MAX / (size.width() * size.height()))
        .sqrt()
        .min(1.0);
    let size = size
        .to_int_size()
        .scale_by(scale)
        .ok_or(Unpaintable::Empty)?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or(Unpaintable::Empty)?;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixels.as_mut(),
    );
    pixels
        .encode_png()
        .map_err(|error| Unpaintable::Png(error.to_string()))
}
