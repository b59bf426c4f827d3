//! A page of letters, of as many receives as fill it.

use futures_util::future::BoxFuture;

use crate::port::{Error, Received};

/// The bytes of bodies after which no more are added to a page. Chosen: what a command holds at a time.
pub const BYTES_MAX: usize = 4 << 20;

/// Receives until there are `max` letters, [`BYTES_MAX`] bytes of them, or no more. `receive` gives up to so many as it is asked for.
///
/// # Errors
/// What the first receive says; what a later one says is left, since what is held already is looked at and then handed back.
pub async fn fill<'a>(
    max: usize,
    mut receive: impl FnMut(usize) -> BoxFuture<'a, Result<Vec<Received>, Error>>,
) -> Result<Vec<Received>, Error> {
    let mut page = receive(max).await?;
    let bytes = |page: &[Received]| page.iter().map(|one| one.body.len()).sum::<usize>();
    let mut held = bytes(&page);
    while !page.is_empty() && page.len() < max && held < BYTES_MAX {
        let Ok(some) = receive(max - page.len()).await else {
            break;
        };
        if some.is_empty() {
            break;
        }
        held += bytes(&some);
        page.extend(some);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::future::ready;

    use base::Timestamp;

    use super::*;
    use crate::port::Lease;

    /// Bodies of so many bytes.
    fn letters(count: usize, bytes: usize) -> Vec<Received> {
        let one = Received {
            lease: Lease("l".into()),
            message_id: "m".into(),
            body: vec![b'x'; bytes].into(),
            attributes: BTreeMap::new(),
            sent_at: Timestamp::EPOCH,
            lease_until: Timestamp::EPOCH,
            receive_count: 1,
            attempt: 0,
            group: None,
            origin: None,
        };
        vec![one; count]
    }

    /// Of a queue of so many that gives ten at a time: how many come, and by how many receives.
    async fn filled(there: usize, bytes: usize, max: usize) -> (usize, usize) {
        let (mut left, mut receives) = (there, 0);
        let page = fill(max, |most| {
            receives += 1;
            let count = most.min(10).min(left);
            left -= count;
            Box::pin(ready(Ok(letters(count, bytes))))
        });
        (page.await.unwrap().len(), receives)
    }

    #[tokio::test]
    async fn a_page_is_full_by_letters_or_by_bytes_or_holds_all_there_is() {
        assert_eq!(filled(5_000, 100, 1_000).await, (1_000, 100));
        assert_eq!(filled(5_000, 100, 25).await, (25, 3));
        assert_eq!(filled(25, 100, 1_000).await, (25, 4));
        assert_eq!(filled(0, 100, 1_000).await, (0, 1));
        assert_eq!(filled(5_000, BYTES_MAX / 16, 1_000).await, (20, 2));
        assert_eq!(filled(5_000, BYTES_MAX, 1_000).await, (10, 1));
    }

    #[tokio::test]
    async fn what_is_held_when_a_receive_fails_is_the_page() {
        let mut receives = 0;
        let page = fill(100, |_| {
            receives += 1;
            Box::pin(ready(match receives {
                1 => Ok(letters(10, 1)),
                _ => Err(Error::unavailable("queue", "too many in flight")),
            }))
        });
        assert_eq!(page.await.unwrap().len(), 10);
        let down = || Error::unavailable("queue", "down");
        let page = fill(100, |_| Box::pin(ready(Err(down()))));
        assert!(page.await.is_err());
    }
}
