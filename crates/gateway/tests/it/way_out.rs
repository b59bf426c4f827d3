//! Stopping: what runs comes to its end, what rests is closed, what does not end is cut.

use std::time::Duration;

use gateway::Limits;
use tokio::net::TcpStream;

use crate::harness::House;

const RECEIVE: &str = r#"{"QueueUrl":"q"}"#;

#[tokio::test]
async fn a_call_that_runs_is_answered_and_a_connection_that_rests_is_closed() {
    let mut house = House::open(Limits::default()).await;
    let mut resting = house.connect().await;
    assert_eq!(
        resting
            .ask(&house.json("SendMessage", RECEIVE))
            .await
            .status,
        200
    );
    let mut busy = house.connect().await;
    busy.send(&house.json("ReceiveMessage", RECEIVE)).await;
    house.toy.begun.notified().await;
    house.stop.take().unwrap().send(()).unwrap();
    assert!(resting.is_closed().await);
    assert!(
        TcpStream::connect(house.addr).await.is_err(),
        "nobody new gets in"
    );
    house.toy.go_on.notify_one();
    let got = busy.answer().await.unwrap();
    assert!(got.status == 200 && got.body.contains("done"), "{got:?}");
    assert!(busy.is_closed().await);
    house.serving.await.unwrap();
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_after_the_time_to_drain() {
    let limits = Limits {
        drain_time: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut house = House::open(limits).await;
    let mut busy = house.connect().await;
    busy.send(&house.json("ReceiveMessage", RECEIVE)).await;
    house.toy.begun.notified().await;
    house.stop.take().unwrap().send(()).unwrap();
    house.serving.await.unwrap();
    assert!(busy.is_closed().await);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_call() {
    let mut house = House::open(Limits::default()).await;
    let mut leaving = house.connect().await;
    leaving.send(&house.json("ReceiveMessage", RECEIVE)).await;
    house.toy.begun.notified().await;
    drop(leaving);
    house.stop.take().unwrap().send(()).unwrap();
    house.serving.await.unwrap();
}
