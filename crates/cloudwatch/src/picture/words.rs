//! How wide words are, and words that fit.

/// Widths of the letters from space to `~`, in thousandths of the size. Source: the font that pictures are written with.
const WIDTHS: [u16; 95] = [
    224, 323, 474, 555, 555, 921, 680, 278, 338, 338, 467, 555, 278, 347, 278, 392, 555, 555, 555,
    555, 555, 555, 555, 555, 555, 555, 278, 278, 555, 555, 555, 474, 946, 608, 657, 638, 688, 589,
    552, 689, 728, 293, 535, 646, 543, 812, 723, 742, 633, 742, 635, 596, 599, 721, 575, 878, 573,
    531, 603, 338, 392, 338, 555, 559, 606, 563, 618, 510, 620, 554, 325, 564, 607, 275, 275, 552,
    284, 926, 610, 606, 620, 620, 388, 468, 377, 607, 521, 802, 498, 521, 475, 338, 270, 338, 555,
];

/// The width of `text` at a size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(thousandths).map(f64::from).sum::<f64>() * size / 1000.0
}

fn thousandths(letter: char) -> u16 {
    let code = u32::from(letter);
    let latin = code
        .checked_sub(0x20)
        .and_then(|index| usize::try_from(index).ok());
    match latin.and_then(|index| WIDTHS.get(index)) {
        Some(width) => *width,
        None if code < 0x20 => 0,
        None if code < 0x500 || (0xff61..=0xff9f).contains(&code) => 600,
        None => 1000,
    }
}

/// `text`, or as much of it as fits, with `…` in the place of the rest.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let room = room - width("…", size);
    let mut used = 0.0;
    let kept = text.chars().take_while(|letter| {
        used += f64::from(thousandths(*letter)) * size / 1000.0;
        used <= room
    });
    let mut kept: String = kept.collect();
    if room > 0.0 {
        kept.truncate(kept.trim_end().len());
        kept.push('…');
    }
    kept
}

/// Whether a line may end before this letter, as it may between any two of Japanese.
pub(super) fn is_wide(letter: char) -> bool {
    u32::from(letter) >= 0x2e80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fitted_fits() {
        for text in [
            "CPUUtilization of a very long name",
            "とても長い日本語の題名です",
            "a",
        ] {
            for room in [0.0, 3.0, 20.0, 60.0, 500.0] {
                let fitted = fitted(text, 12.0, room);
                assert!(width(&fitted, 12.0) <= room, "{fitted} in {room}");
            }
            assert_eq!(fitted(text, 12.0, 1000.0), text);
        }
    }
}
