//! The protocols by name.

/// An AWS protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// AWS JSON 1.0: `X-Amz-Target`, `application/x-amz-json-1.0`.
    Json10,
    /// AWS JSON 1.1: the same with `application/x-amz-json-1.1`.
    Json11,
    /// AWS query: a form with `Action`, answers in XML.
    Query,
    /// EC2's variant of query: lists without names for their items, answers without a result; see [`crate::query`].
    Ec2Query,
    /// REST with JSON bodies: more than a body, see [`crate::rest`].
    RestJson,
    /// REST with XML bodies. No codec yet.
    RestXml,
    /// Smithy RPC v2 with CBOR bodies: `POST /service/SERVICE/operation/OPERATION`, `smithy-protocol: rpc-v2-cbor`.
    RpcV2Cbor,
}

impl Protocol {
    /// The content type of an answer.
    #[must_use]
    pub const fn response_type(self) -> &'static str {
        match self {
            Self::Json10 => "application/x-amz-json-1.0",
            Self::Json11 => "application/x-amz-json-1.1",
            Self::Query => "text/xml",
            Self::Ec2Query => "text/xml;charset=UTF-8",
            Self::RestJson => "application/json",
            Self::RestXml => "application/xml",
            Self::RpcV2Cbor => "application/cbor",
        }
    }
}
