//! [`memory_at`] keeps the contract of scalers' memories in a bucket of a real server.

use aws::{Account, memory_at, read_object};
use delivery::contract::scaler_memory;
use delivery::port::Memory;

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_the_contract_of_memories() {
    let server = Server::start().await;
    let account = server.account().at(&server.endpoint);
    server.bucket("memories").await;
    scaler_memory(&memory_at(&account, "s3://memories/scaler").unwrap()).await;
    scaler_memory(&memory_at(&account, "s3://memories").unwrap()).await;
    let state = read_object(&account, "s3://memories/scaler/state.json").await;
    assert!(state.unwrap().starts_with(b"{"));
    let none = read_object(&account, "s3://memories/none").await;
    assert!(!none.unwrap_err().is_passing());
}

#[tokio::test]
async fn a_memory_that_cannot_be_reached_is_an_error_and_not_a_fresh_one() {
    let account = Account::with_key("id", "secret", "eu-west-1").unwrap();
    for folder in ["folder", "file:///folder", "http://host/scaler"] {
        assert!(!memory_at(&account, folder).unwrap_err().is_passing());
    }
    let server = Server::start().await;
    let account = server.account().at(&server.endpoint);
    let missing = memory_at(&account, "s3://none/scaler").unwrap();
    let saved = missing.save(&Default::default(), &Default::default()).await;
    assert!(saved.is_err(), "{saved:?}");
}
