//! Values in lists by age, in one block of memory: put at the young end, found and taken from anywhere, oldest first.
//!
//! Numbers of values are given again after they were taken; nothing is allocated once the block has its size.

/// The end of a list.
const NONE: u32 = u32::MAX;

/// Values, each in one of several lists.
#[derive(Clone, Debug)]
pub struct Lists<T> {
    nodes: Vec<Node<T>>,
    free: u32,
    lists: Vec<List>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    value: Option<T>,
    list: u32,
    older: u32,
    younger: u32,
}

#[derive(Clone, Copy, Debug)]
struct List {
    oldest: u32,
    youngest: u32,
    length: u32,
}

const EMPTY: List = List {
    oldest: NONE,
    youngest: NONE,
    length: 0,
};

fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl<T> Lists<T> {
    /// So many lists, all empty.
    #[must_use]
    pub fn new(lists: u32) -> Self {
        Self {
            nodes: Vec::new(),
            free: NONE,
            lists: vec![EMPTY; at(lists)],
        }
    }

    /// Adds `value` at the young end of `list`, and says its number; `None` where there is no such list.
    pub fn push(&mut self, list: u32, value: T) -> Option<u32> {
        self.lists.get(at(list))?;
        let number = if let Some(node) = self.nodes.get_mut(at(self.free)) {
            let number = std::mem::replace(&mut self.free, node.younger);
            node.value = Some(value);
            number
        } else {
            let number = u32::try_from(self.nodes.len()).ok()?;
            self.nodes.push(Node {
                value: Some(value),
                list,
                older: NONE,
                younger: NONE,
            });
            number
        };
        self.link(number, list);
        Some(number)
    }

    /// The value of a number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.nodes.get(at(number))?.value.as_ref()
    }

    /// The value of a number.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.nodes.get_mut(at(number))?.value.as_mut()
    }

    /// Takes a value out.
    pub fn take(&mut self, number: u32) -> Option<T> {
        let value = self.nodes.get_mut(at(number))?.value.take()?;
        self.unlink(number);
        if let Some(node) = self.nodes.get_mut(at(number)) {
            node.younger = self.free;
            self.free = number;
        }
        Some(value)
    }

    /// Moves a value to the young end of `list`.
    pub fn renew(&mut self, number: u32, list: u32) {
        if self.get(number).is_some() && self.lists.get(at(list)).is_some() {
            self.unlink(number);
            self.link(number, list);
        }
    }

    /// The number of the oldest value of a list.
    #[must_use]
    pub fn oldest(&self, list: u32) -> Option<u32> {
        let oldest = self.lists.get(at(list))?.oldest;
        (oldest != NONE).then_some(oldest)
    }

    /// How many values a list has.
    #[must_use]
    pub fn len(&self, list: u32) -> u32 {
        self.lists.get(at(list)).map_or(0, |list| list.length)
    }

    /// One more than the highest number that was ever given.
    #[must_use]
    pub fn end(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(NONE)
    }

    fn link(&mut self, number: u32, list: u32) {
        let Some(ends) = self.lists.get_mut(at(list)) else {
            return;
        };
        let older = std::mem::replace(&mut ends.youngest, number);
        ends.length += 1;
        if older == NONE {
            ends.oldest = number;
        }
        if let Some(node) = self.nodes.get_mut(at(number)) {
            node.list = list;
            node.older = older;
            node.younger = NONE;
        }
        if let Some(older) = self.nodes.get_mut(at(older)) {
            older.younger = number;
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some(node) = self.nodes.get(at(number)) else {
            return;
        };
        let (list, older, younger) = (node.list, node.older, node.younger);
        if let Some(node) = self.nodes.get_mut(at(older)) {
            node.younger = younger;
        }
        if let Some(node) = self.nodes.get_mut(at(younger)) {
            node.older = older;
        }
        if let Some(ends) = self.lists.get_mut(at(list)) {
            ends.length = ends.length.saturating_sub(1);
            if ends.oldest == number {
                ends.oldest = younger;
            }
            if ends.youngest == number {
                ends.youngest = older;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        Push(u32),
        Take(usize),
        Renew(usize, u32),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0u32..3).prop_map(Act::Push),
            any::<usize>().prop_map(Act::Take),
            (any::<usize>(), 0u32..3).prop_map(|(which, list)| Act::Renew(which, list)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn lists_are_queues_that_anything_may_be_taken_from(acts in proptest::collection::vec(act(), 0..200)) {
            let mut lists = Lists::new(3);
            let mut model: [VecDeque<(u32, usize)>; 3] = Default::default();
            for (value, act) in acts.into_iter().enumerate() {
                let all: Vec<(usize, usize)> = (0..3).flat_map(|list| (0..model[list].len()).map(move |at| (list, at))).collect();
                match act {
                    Act::Push(list) => {
                        let number = lists.push(list, value).unwrap();
                        model[at(list)].push_back((number, value));
                    }
                    Act::Take(which) if !all.is_empty() => {
                        let (list, place) = all[which % all.len()];
                        let (number, value) = model[list].remove(place).unwrap();
                        prop_assert_eq!(lists.take(number), Some(value));
                        prop_assert_eq!(lists.take(number), None);
                    }
                    Act::Renew(which, to) if !all.is_empty() => {
                        let (list, place) = all[which % all.len()];
                        let node = model[list].remove(place).unwrap();
                        lists.renew(node.0, to);
                        model[at(to)].push_back(node);
                    }
                    _ => {}
                }
                for list in 0..3u32 {
                    let expected = &model[at(list)];
                    prop_assert_eq!(lists.len(list), u32::try_from(expected.len()).unwrap());
                    prop_assert_eq!(lists.oldest(list), expected.front().map(|node| node.0));
                    prop_assert!(expected.iter().all(|(number, value)| lists.get(*number) == Some(value)));
                }
            }
        }
    }

    #[test]
    fn memory_is_used_again() {
        let mut lists = Lists::new(1);
        for value in 0..1000 {
            let number = lists.push(0, value).unwrap();
            lists.take(number);
        }
        assert_eq!(lists.end(), 1);
    }
}
