//! Batches as SQS takes them: ten entries, and 1 MiB of bodies and attributes together.

/// Entries of one batch. Source: SQS quotas.
pub const ENTRIES_MAX: usize = 10;

/// Bytes of all messages of one batch, attributes included. Source: SQS quotas, 1 MiB.
pub const BYTES_MAX: usize = 1 << 20;

/// Cuts `items`, in order, into batches of at most [`ENTRIES_MAX`] and [`BYTES_MAX`]. One larger than that is a batch of
/// its own: the service refuses it by name.
pub(crate) fn cut<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let more = size(&item);
        match batches.last_mut() {
            Some(batch) if batch.len() < ENTRIES_MAX && bytes + more <= BYTES_MAX => {
                bytes += more;
                batch.push(item);
            }
            _ => {
                bytes = more;
                batches.push(vec![item]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_order_and_both_limits() {
        let sizes = |batches: Vec<Vec<usize>>| {
            batches
                .into_iter()
                .map(|batch| batch.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(cut(vec![1; 25], |size| *size)), [10, 10, 5]);
        assert_eq!(sizes(cut(vec![400_000; 5], |size| *size)), [2, 2, 1]);
        assert_eq!(
            sizes(cut(vec![BYTES_MAX, 1, BYTES_MAX + 1], |size| *size)),
            [1, 1, 1]
        );
        assert_eq!(sizes(cut(vec![], |size| *size)), [0; 0]);
        let flat: Vec<usize> = cut((0..33).collect(), |_| 1).concat();
        assert_eq!(flat, (0..33).collect::<Vec<_>>());
    }
}
