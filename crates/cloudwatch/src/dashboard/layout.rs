//! Where widgets stand on the grid of 24 columns.
//!
//! A widget without a place takes the first that is free, row by row from the top left, after those that have one.
//! INVARIANT: a widget that flows overlaps no other.

/// Columns.
pub const COLUMNS: u32 = 24;
/// A widget's sides where it says none. Source: CloudWatch API Reference, "Dashboard Body Structure and Syntax".
pub const SIDE_DEFAULT: u32 = 6;
/// A widget's height. Source: as above.
pub const HEIGHT_MAX: u32 = 1000;
/// The lowest row that a widget may say. Chosen: 500 widgets of the greatest height.
pub const Y_MAX: u32 = 500_000;

/// A place and its size, in columns and rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// The first column, 0 to 23.
    pub x: u32,
    /// The first row.
    pub y: u32,
    /// Columns, 1 to 24.
    pub width: u32,
    /// Rows, 1 to 1000.
    pub height: u32,
}

/// What a widget says of its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) at: Option<(u32, u32)>,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Area {
    const fn overlaps(self, other: Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }

    /// The row below it.
    #[must_use]
    pub const fn bottom(self) -> u32 {
        self.y + self.height
    }
}

/// The places of all, in their order.
pub(crate) fn placed(wishes: &[Wish]) -> Vec<Area> {
    let fixed = wishes
        .iter()
        .map(|wish| wish.at.map(|(x, y)| area(wish, x, y)));
    let mut areas: Vec<Option<Area>> = fixed.collect();
    let mut taken: Vec<Area> = areas.iter().flatten().copied().collect();
    for (wish, place) in wishes.iter().zip(&mut areas) {
        if place.is_none() {
            let free = first_free(wish, &taken);
            taken.push(free);
            *place = Some(free);
        }
    }
    areas.into_iter().flatten().collect()
}

fn area(wish: &Wish, x: u32, y: u32) -> Area {
    Area {
        x,
        y,
        width: wish.width.min(COLUMNS.saturating_sub(x)).max(1),
        height: wish.height,
    }
}

/// The rows worth trying are the first and those below a widget: nothing becomes free elsewhere.
fn first_free(wish: &Wish, taken: &[Area]) -> Area {
    let mut rows: Vec<u32> = taken.iter().map(|area| area.bottom()).collect();
    rows.push(0);
    rows.sort_unstable();
    rows.dedup();
    let last = rows.last().copied().unwrap_or(0);
    let found = rows.into_iter().find_map(|y| free_in_row(wish, y, taken));
    found.unwrap_or_else(|| area(wish, 0, last))
}

/// The first free place that begins in row `y`.
fn free_in_row(wish: &Wish, y: u32, taken: &[Area]) -> Option<Area> {
    let row = area(
        &Wish {
            width: COLUMNS,
            ..*wish
        },
        0,
        y,
    );
    let near: Vec<&Area> = taken.iter().filter(|other| other.overlaps(row)).collect();
    let mut x = 0;
    while x + wish.width <= COLUMNS {
        let tried = area(wish, x, y);
        match near.iter().find(|other| other.overlaps(tried)) {
            None => return Some(tried),
            Some(other) => x = other.x + other.width,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wish(at: Option<(u32, u32)>, width: u32, height: u32) -> Wish {
        Wish { at, width, height }
    }

    #[test]
    fn widgets_without_a_place_flow_row_by_row() {
        let wishes = [
            wish(None, 12, 6),
            wish(None, 6, 3),
            wish(None, 6, 6),
            wish(None, 12, 3),
            wish(Some((0, 0)), 4, 2),
        ];
        let places: Vec<_> = placed(&wishes)
            .iter()
            .map(|area| (area.x, area.y))
            .collect();
        assert_eq!(places, [(4, 0), (16, 0), (16, 3), (0, 6), (0, 0)]);
    }

    #[test]
    fn a_widget_does_not_stick_out_of_the_grid() {
        let placed = placed(&[wish(Some((20, 1)), 12, 6)]);
        assert_eq!(
            placed,
            [Area {
                x: 20,
                y: 1,
                width: 4,
                height: 6
            }]
        );
    }

    proptest! {
        #[test]
        fn nothing_that_flows_overlaps(sizes in proptest::collection::vec((1_u32..=24, 1_u32..=20), 0..40)) {
            let wishes: Vec<_> = sizes.into_iter().map(|(width, height)| wish(None, width, height)).collect();
            let areas = placed(&wishes);
            prop_assert_eq!(areas.len(), wishes.len());
            for (index, one) in areas.iter().enumerate() {
                prop_assert!(one.x + one.width <= COLUMNS);
                prop_assert!(areas.iter().skip(index + 1).all(|other| !one.overlaps(*other)));
            }
        }
    }
}
