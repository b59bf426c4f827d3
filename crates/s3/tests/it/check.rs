//! Damage that is found by reading everything.

use std::os::unix::fs::FileExt;

use s3::objects::{Checked, NewUpload, PutPart};

use crate::harness::{BUCKET, House, pieces};

async fn check(house: &House) -> Checked {
    let objects = house.objects.clone();
    let checked = tokio::task::spawn_blocking(move || objects.check());
    checked.await.unwrap().unwrap()
}

async fn found(house: &House) -> Vec<(String, String)> {
    let checked = check(house).await;
    assert_eq!(checked.damaged, checked.first.len() as u64);
    let named = checked.first.into_iter().map(|it| (it.key, it.problem));
    named.collect()
}

#[tokio::test]
async fn what_is_as_it_was_put_is_sound() {
    let house = House::open().await;
    house.put("a", "text").await;
    house.put("empty", "").await;
    house.put("a", "newer").await;
    let checked = check(&house).await;
    assert_eq!((checked.objects, checked.bytes, checked.damaged), (2, 5, 0));
}

#[tokio::test]
async fn a_changed_a_cut_and_a_missing_file_are_named() {
    let house = House::open().await;
    for (number, key) in ["changed", "cut", "missing", "whole"].iter().enumerate() {
        house.put(key, "text").await;
        let path = house.newest_file();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        match number {
            0 => file.write_all_at(b"X", 1).unwrap(),
            1 => file.set_len(3).unwrap(),
            2 => std::fs::remove_file(&path).unwrap(),
            _ => {}
        }
    }
    // The sums are Python's hashlib's.
    let changed = "its bytes have the MD5 sum a0c9d72bad4a193c8e7a5b0b7e8f9372, not 1cb251ec0d568de6a929b520c4aed8d1";
    let named: Vec<_> = [
        ("changed", changed),
        ("cut", "its file has 3 bytes, not 4"),
        ("missing", "its file is not there"),
    ]
    .map(|(key, problem)| (key.to_owned(), problem.to_owned()))
    .into();
    assert_eq!(found(&house).await, named);
}

#[tokio::test]
async fn parts_of_objects_and_of_uploads_are_read_too() {
    let house = House::open().await;
    let new = NewUpload::default();
    let (upload, _) = house.objects.begin_upload(BUCKET, "k", new).await.unwrap();
    let part = PutPart {
        number: 7,
        ..PutPart::default()
    };
    let body = pieces(vec![b"text".to_vec()]);
    let put = house.objects.put_part(BUCKET, "k", &upload, part, body);
    put.await.unwrap();
    assert_eq!(found(&house).await, []);
    let file = std::fs::File::options()
        .write(true)
        .open(house.newest_file())
        .unwrap();
    file.set_len(0).unwrap();
    let problem = "part 7 of an upload: its file has 0 bytes, not 4".to_owned();
    assert_eq!(found(&house).await, [("k".to_owned(), problem)]);
}
