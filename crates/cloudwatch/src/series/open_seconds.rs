//! The seconds of one series and open hour.

use super::block::Entry;
use super::retention::Tier;
use crate::metric::Summary;

/// What came of each second: place and summary, ascending.
#[derive(Debug, Default)]
pub(super) struct Seconds(Vec<Entry>);

impl Seconds {
    /// Takes in what came at a second. Returns whether that is a new point.
    pub(super) fn add(&mut self, place: u16, summary: Summary) -> bool {
        let found = match self.0.last() {
            Some((last, _)) if *last >= place => {
                self.0.binary_search_by_key(&place, |(place, _)| *place)
            }
            _ => Err(self.0.len()),
        };
        match found {
            Ok(index) => {
                if let Some((_, there)) = self.0.get_mut(index) {
                    there.merge(&summary, Tier::Seconds.detail());
                }
                false
            }
            Err(index) => {
                self.0.insert(index, (place, summary));
                true
            }
        }
    }

    /// All points, ascending.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.0.clone()
    }
}
