//! What every result store must do.

use bytes::Bytes;

use crate::port::ResultStore;

/// Runs the contract of [`ResultStore`] on a store without objects under `contract/`.
///
/// # Panics
/// With the promise that is not kept.
pub async fn result_store(store: &dyn ResultStore) {
    let (a, b) = ("contract/r1/a", "contract/r1/b");
    assert_eq!(
        store.get(a, None).await.unwrap(),
        None,
        "what was not stored is not there"
    );
    assert_eq!(store.list("contract/").await.unwrap(), [], "and not listed");
    store.delete(a).await.expect("deleting nothing is no error");

    store.put(b, Bytes::from("bbb")).await.unwrap();
    store.put(a, Bytes::from("0123456789")).await.unwrap();
    store.put("contract/r2/c", Bytes::new()).await.unwrap();
    assert_eq!(
        store.get(a, None).await.unwrap().unwrap(),
        "0123456789",
        "what was stored is read"
    );
    assert_eq!(
        store.get(a, Some(2..5)).await.unwrap().unwrap(),
        "234",
        "a part is read"
    );
    assert_eq!(
        store.get("contract/r2/c", None).await.unwrap().unwrap(),
        "",
        "an empty object is an object"
    );

    let listed = store.list("contract/r1/").await.unwrap();
    let names: Vec<(&str, u64)> = listed
        .iter()
        .map(|object| (object.name.as_str(), object.bytes))
        .collect();
    assert_eq!(names, [(a, 10), (b, 3)], "the list is in order, with sizes");

    store.put(a, Bytes::from("new")).await.unwrap();
    assert_eq!(
        store.get(a, None).await.unwrap().unwrap(),
        "new",
        "the same name replaces"
    );

    let again = store.put_new(a, Bytes::from("second")).await.unwrap();
    assert!(!again, "what is there is not stored anew");
    let (one, other) = tokio::join!(
        store.put_new("contract/r1/d", Bytes::from("one")),
        store.put_new("contract/r1/d", Bytes::from("other")),
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one != other, "one of two at once is stored");
    let stored = store.get("contract/r1/d", None).await.unwrap().unwrap();
    assert_eq!(stored, if one { "one" } else { "other" });
    let kept = store.get(a, None).await.unwrap().unwrap();
    assert_eq!(kept, "new", "and the first of a name stays");

    for name in [a, b, "contract/r1/d", "contract/r2/c"] {
        store.delete(name).await.unwrap();
        assert_eq!(
            store.get(name, None).await.unwrap(),
            None,
            "what was deleted is gone"
        );
    }
    assert_eq!(store.list("contract/").await.unwrap(), [], "and not listed");
}
