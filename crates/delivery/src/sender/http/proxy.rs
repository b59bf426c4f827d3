//! Through an HTTP proxy: CONNECT for https and HTTP/2; plain requests name the whole URL (see [`super::request`]).

use std::net::SocketAddr;

use base64::Engine;
use http::Method;
use percent_encoding::percent_decode_str;
use url::Url;

use super::connect::authority;
use super::connection::{Connection, Stream};

/// `Proxy-Authorization` from the user and password of the proxy's URL.
pub(super) fn authorization(proxy: &Url) -> Option<String> {
    if proxy.username().is_empty() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(proxy.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(proxy.password().unwrap_or_default()));
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    Some(format!("Basic {pair}"))
}

/// Asks the proxy at the other end of `stream` for a tunnel to the receiver of `url`. A receiver that speaks first may be heard
/// with the proxy's answer: its bytes stay in the connection.
///
/// # Errors
/// Words for the operator.
pub(super) async fn tunnel(
    stream: Stream,
    peer: SocketAddr,
    proxy: &Url,
    url: &Url,
) -> Result<Connection, String> {
    let target = authority(url);
    let mut connection = Connection::new(stream, peer);
    let mut head = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n");
    if let Some(authorization) = authorization(proxy) {
        head.push_str("proxy-authorization: ");
        head.push_str(&authorization);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    connection.outbox = head.into_bytes();
    let answer = connection
        .request(b"", &Method::CONNECT)
        .await
        .map_err(|broken| broken.to_string())?;
    if !(200..300).contains(&answer.status) {
        return Err(format!("status {} to CONNECT {target}", answer.status));
    }
    // What it served is the tunnel, which is new.
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_gets_its_credentials_decoded() {
        let of = |url: &str| authorization(&url.parse().unwrap());
        assert_eq!(of("http://proxy:3128"), None);
        assert_eq!(
            of("http://user:p%40ss@proxy:3128").as_deref(),
            Some("Basic dXNlcjpwQHNz")
        );
    }
}
