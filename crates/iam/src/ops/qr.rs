//! The picture from which a telephone takes a seed: a QR code as PNG.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{Color, EcLevel, QrCode};

/// Pixels of a module, and modules of white around the code (ISO/IEC 18004 asks for four).
const PIXELS: usize = 4;
const QUIET: usize = 4;

/// The text that authenticators read: `otpauth://totp/NAME@ACCOUNT?secret=…&issuer=…`.
pub(super) fn otpauth(name: &str, account: &str, seed: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (name, account) = (encoded(name), encoded(account));
    format!("otpauth://totp/Shukuba:{name}@{account}?secret={seed}&issuer=Shukuba")
}

/// The picture of a text; `None` when it is too long for any code.
pub(super) fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let modules = code.width();
    let side = (modules + 2 * QUIET) * PIXELS;
    let is_dark = |x: usize, y: usize| {
        let module = |at: usize| (at / PIXELS).checked_sub(QUIET).filter(|at| *at < modules);
        let place = module(x).zip(module(y));
        place.is_some_and(|place| code[place] == Color::Dark)
    };
    let mut rows = Vec::new();
    for y in 0..side {
        // No filter, then eight pixels a byte: 1 is white.
        rows.push(0);
        for from in (0..side).step_by(8) {
            let bits = (from..from + 8).map(|x| u8::from(x >= side || !is_dark(x, y)));
            rows.push(bits.fold(0, |byte, bit| byte << 1 | bit));
        }
    }
    file(u32::try_from(side).ok()?, &rows)
}

/// A PNG (RFC 2083) of one bit a pixel.
fn file(side: u32, rows: &[u8]) -> Option<Vec<u8>> {
    let mut header = Vec::with_capacity(13);
    header.extend_from_slice(&side.to_be_bytes());
    header.extend_from_slice(&side.to_be_bytes());
    // One bit, grey, and the only methods that there are.
    header.extend_from_slice(&[1, 0, 0, 0, 0]);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(rows).ok()?;
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, *b"IHDR", &header)?;
    chunk(&mut png, *b"IDAT", &packed.finish().ok()?)?;
    chunk(&mut png, *b"IEND", &[])?;
    Some(png)
}

fn chunk(png: &mut Vec<u8>, name: [u8; 4], content: &[u8]) -> Option<()> {
    png.extend_from_slice(&u32::try_from(content.len()).ok()?.to_be_bytes());
    let mut crc = Crc::new();
    for part in [&name[..], content] {
        crc.update(part);
        png.extend_from_slice(part);
    }
    png.extend_from_slice(&crc.sum().to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_png_with_chunks_that_add_up() {
        let png = png(&otpauth("a phone", "123456789012", &"A".repeat(64))).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"));
        // Every PNG ends so.
        assert!(png.ends_with(b"\0\0\0\0IEND\xaeB`\x82"));
        assert!(super::png(&"x".repeat(3000)).is_none());
    }
}
