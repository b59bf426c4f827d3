//! Policies of buckets through the interface: set, shown, and handed to whoever decides.

use std::sync::Arc;

use http::Request;

use crate::harness::House;
use crate::interface::{Asked, ask};

const PUBLIC: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::a-bucket/*"}}"#;
const TRAIL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::a-bucket"}}"#;

async fn put(house: &House, gate: &Arc<Asked>, policy: &str) -> u16 {
    let request = Request::put("/a-bucket?policy").header("content-length", policy.len());
    ask(house, gate, request, policy).await.status
}

fn has_policy(gate: &Asked) -> bool {
    gate.seen.lock().last().unwrap().2
}

#[tokio::test]
async fn a_public_policy_needs_the_block_to_be_off() {
    let house = House::open().await;
    let gate = Arc::new(Asked::default());
    assert_eq!(put(&house, &gate, TRAIL).await, 204);
    assert_eq!(put(&house, &gate, PUBLIC).await, 403);
    let off = Request::delete("/a-bucket?publicAccessBlock");
    assert_eq!(ask(&house, &gate, off, "").await.status, 204);
    assert_eq!(put(&house, &gate, PUBLIC).await, 204);
    let status = ask(&house, &gate, Request::get("/a-bucket?policyStatus"), "").await;
    assert!(
        status.body.contains("<IsPublic>true</IsPublic>"),
        "{}",
        status.body
    );
    let shown = ask(&house, &gate, Request::get("/a-bucket?policy"), "").await;
    assert_eq!(shown.body, PUBLIC);
}

#[tokio::test]
async fn who_decides_gets_the_policy_unless_the_block_keeps_strangers_out() {
    let house = House::open().await;
    let gate = Arc::new(Asked::default());
    house.put("k", "x").await;
    ask(&house, &gate, Request::get("/a-bucket/k"), "").await;
    assert!(!has_policy(&gate));
    ask(
        &house,
        &gate,
        Request::delete("/a-bucket?publicAccessBlock"),
        "",
    )
    .await;
    put(&house, &gate, PUBLIC).await;
    ask(&house, &gate, Request::get("/a-bucket/k"), "").await;
    assert!(has_policy(&gate));
    let restrict = "<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
    let request =
        Request::put("/a-bucket?publicAccessBlock").header("content-length", restrict.len());
    assert_eq!(ask(&house, &gate, request, restrict).await.status, 200);
    ask(&house, &gate, Request::get("/a-bucket/k"), "").await;
    assert!(!has_policy(&gate));
    put(&house, &gate, TRAIL).await;
    ask(&house, &gate, Request::get("/a-bucket/k"), "").await;
    assert!(has_policy(&gate));
    ask(&house, &gate, Request::delete("/a-bucket?policy"), "").await;
    ask(&house, &gate, Request::get("/a-bucket/k"), "").await;
    assert!(!has_policy(&gate));
}
