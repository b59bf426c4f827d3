//! Smithy RPC v2 CBOR: bytes that others write, in both directions, and what is refused.

use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wire::{
    Blob, DecodeError, Envelope, Protocol, Shape, decode_request, decode_response, encode_request,
    encode_response,
};

use crate::golden::{self, Row};
use crate::shapes::{Everything, Nothing, full};

const ENVELOPE: Envelope<'_> = Envelope {
    operation: "Everything",
    version: "",
    xml_namespace: "",
    request_id: "",
};

fn decode<S: Shape>(bytes: &str) -> Result<S, DecodeError> {
    decode_request(Protocol::RpcV2Cbor, &hex::decode(bytes).unwrap())
}

/// Parts of CloudWatch's PutMetricData.
#[derive(Debug, PartialEq, Shape)]
struct PutMetricData {
    #[shape(required)]
    namespace: String,
    metric_data: Vec<Datum>,
    strict_entity_validation: Option<bool>,
}

#[derive(Debug, PartialEq, Shape)]
struct Datum {
    metric_name: String,
    dimensions: Vec<Dimension>,
    timestamp: Option<Timestamp>,
    value: Option<f64>,
    statistic_values: Option<StatisticSet>,
    values: Vec<f64>,
    counts: Vec<f64>,
    unit: Option<String>,
    storage_resolution: Option<i32>,
}

#[derive(Debug, PartialEq, Shape)]
struct Dimension {
    name: String,
    value: String,
}

#[derive(Debug, PartialEq, Shape)]
struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

/// Parts of CloudWatch's GetMetricData.
#[derive(Debug, PartialEq, Shape)]
struct GetMetricData {
    metric_data_queries: Vec<Query>,
    start_time: Timestamp,
    end_time: Timestamp,
    next_token: Option<String>,
    max_datapoints: Option<i32>,
}

#[derive(Debug, PartialEq, Shape)]
struct Query {
    id: String,
    expression: Option<String>,
    return_data: Option<bool>,
    period: Option<i32>,
}

#[derive(Debug, PartialEq, Shape)]
struct Found {
    metric_data_results: Vec<Series>,
    next_token: Option<String>,
}

#[derive(Debug, PartialEq, Shape)]
struct Series {
    id: String,
    label: Option<String>,
    timestamps: Option<Vec<Timestamp>>,
    values: Option<Vec<f64>>,
    status_code: Option<String>,
}

fn check<I: Shape + PartialEq, O: Shape + PartialEq>(row: &Row) {
    let (request, answer) = (row.request::<I>(), row.answer::<O>());
    assert_eq!(decode::<I>(row.sent), Ok(request), "{}", row.name);
    let written = encode_request(Protocol::RpcV2Cbor, &row.request::<I>(), &ENVELOPE);
    assert_eq!(hex::encode(written), row.sent, "{}", row.name);
    let written = encode_response(Protocol::RpcV2Cbor, &answer, &ENVELOPE);
    assert_eq!(hex::encode(&written), row.answered, "{}", row.name);
    assert_eq!(
        decode_response(Protocol::RpcV2Cbor, &written),
        Ok(answer),
        "{}",
        row.name
    );
}

#[test]
fn requests_and_answers_are_what_others_read_and_write() {
    let rows = golden::rows(include_str!("../golden/rpc-v2-cbor.txt"));
    for row in &rows {
        match row.name {
            "PutMetricData" => {
                // Members come in the order of the shape here, in any order there.
                let read: PutMetricData = decode(row.sent).unwrap();
                assert_eq!(read, row.request());
                let written = encode_request(Protocol::RpcV2Cbor, &read, &ENVELOPE);
                assert_eq!(written.len() * 2, row.sent.len());
                assert_eq!(decode_request(Protocol::RpcV2Cbor, &written), Ok(read));
                assert_eq!(row.answered, "");
            }
            "GetMetricData" => check::<GetMetricData, Found>(row),
            other => panic!("{other}"),
        }
    }
    assert_eq!(rows.len(), 2);
}

#[test]
fn everything_comes_back_the_same() {
    let written = encode_request(Protocol::RpcV2Cbor, &full(), &ENVELOPE);
    assert_eq!(decode_request(Protocol::RpcV2Cbor, &written), Ok(full()));
}

#[test]
fn an_empty_body_is_a_shape_without_members() {
    for body in ["", "a0", "bfff"] {
        assert_eq!(decode(body), Ok(Nothing {}), "{body}");
    }
    assert!(decode::<Everything>("").is_err());
}

/// An output without members; unlike `Nothing`, which stands for no output.
#[derive(Debug, PartialEq, Shape)]
struct Empty {}

#[test]
fn an_operation_without_an_output_has_no_body() {
    let nothing = encode_response(Protocol::RpcV2Cbor, &Nothing {}, &ENVELOPE);
    assert_eq!(nothing, b"");
    let empty = encode_response(Protocol::RpcV2Cbor, &Empty {}, &ENVELOPE);
    assert_eq!(empty, b"\xa0");
}

/// What the protocol tests of Smithy send.
#[derive(Debug, Default, PartialEq, Shape)]
struct Scalars {
    #[shape(name = "byteValue")]
    byte: Option<i32>,
    #[shape(name = "doubleValue")]
    double: Option<f64>,
    #[shape(name = "falseBooleanValue")]
    no: Option<bool>,
    #[shape(name = "floatValue")]
    float: Option<f64>,
    #[shape(name = "integerValue")]
    integer: Option<i32>,
    #[shape(name = "longValue")]
    long: Option<i64>,
    #[shape(name = "shortValue")]
    short: Option<i32>,
    #[shape(name = "stringValue")]
    string: Option<String>,
    #[shape(name = "trueBooleanValue")]
    yes: Option<bool>,
    #[shape(name = "blobValue")]
    blob: Option<Blob>,
}

fn scalars(base64: &str) -> Scalars {
    decode_request(Protocol::RpcV2Cbor, &STANDARD.decode(base64).unwrap()).unwrap()
}

fn text(text: &str) -> Scalars {
    Scalars {
        string: Some(text.to_owned()),
        ..Scalars::default()
    }
}

// smithy-protocol-tests/model/rpcv2Cbor/cbor-structs.smithy, the requests for servers.
#[test]
fn the_requests_of_smithys_protocol_tests_are_read() {
    let simple = Scalars {
        byte: Some(5),
        double: Some(1.889),
        no: Some(false),
        float: Some(7.625),
        integer: Some(256),
        long: Some(9873),
        short: Some(9898),
        string: Some("simple".to_owned()),
        yes: Some(true),
        blob: Some(Blob::from(b"foo".to_vec())),
    };
    for body in [
        // RpcV2CborSimpleScalarProperties
        "v2lieXRlVmFsdWUFa2RvdWJsZVZhbHVl+z/+OVgQYk3TcWZhbHNlQm9vbGVhblZhbHVl9GpmbG9hdFZhbHVl+kD0AABsaW50ZWdlclZhbHVl\
         GQEAaWxvbmdWYWx1ZRkmkWpzaG9ydFZhbHVlGSaqa3N0cmluZ1ZhbHVlZnNpbXBsZXB0cnVlQm9vbGVhblZhbHVl9WlibG9iVmFsdWVDZm9v\
         /w==",
        // RpcV2CborSimpleScalarPropertiesUsingIndefiniteLength
        "qmlieXRlVmFsdWUFf2Zkb3VibGVlVmFsdWX/+z/+OVgQYk3Tf2VmYWxzZWdCb29sZWFuZVZhbHVl//RqZmxvYXRWYWx1ZfpA9AAAbGludGVn\
         ZXJWYWx1ZRkBAGlsb25nVmFsdWUZJpFqc2hvcnRWYWx1ZRkmqn9mc3RyaW5nZVZhbHVl/2ZzaW1wbGVwdHJ1ZUJvb2xlYW5WYWx1ZfVpYmxv\
         YlZhbHVlQ2Zvbw==",
        // RpcV2CborExtraFieldsInTheBodyShouldBeSkippedByServers
        "v2lieXRlVmFsdWUFa2RvdWJsZVZhbHVl+z/+OVgQYk3TcWZhbHNlQm9vbGVhblZhbHVl9GpmbG9hdFZhbHVl+kD0AABrZXh0cmFPYmplY3S/\
         c2luZGVmaW5pdGVMZW5ndGhNYXC/a3dpdGhBbkFycmF5nwECA///cWRlZmluaXRlTGVuZ3RoTWFwo3J3aXRoQURlZmluaXRlQXJyYXmDAQID\
         eB1hbmRTb21lSW5kZWZpbml0ZUxlbmd0aFN0cmluZ3gfdGhhdCBoYXMsIGJlZW4gY2h1bmtlZCBvbiBjb21tYWxub3JtYWxTdHJpbmdjZm9v\
         anNob3J0VmFsdWUZJw9uc29tZU90aGVyRmllbGR2dGhpcyBzaG91bGQgYmUgc2tpcHBlZP9saW50ZWdlclZhbHVlGQEAaWxvbmdWYWx1ZRkm\
         kWpzaG9ydFZhbHVlGSaqa3N0cmluZ1ZhbHVlZnNpbXBsZXB0cnVlQm9vbGVhblZhbHVl9WlibG9iVmFsdWVDZm9v/w==",
    ] {
        assert_eq!(scalars(body), simple, "{body}");
    }
    // RpcV2CborServerDoesntDeSerializeNullStructureValues
    assert_eq!(scalars("v2tzdHJpbmdWYWx1Zfb/"), Scalars::default());
    // RpcV2CborIndefiniteLengthStringsCanBeDeserialized
    let chunked =
        "oWtzdHJpbmdWYWx1ZX94HUFuIGV4YW1wbGUgaW5kZWZpbml0ZSBzdHJpbmcscSBjaHVua2VkIG9uIGNvbW1h/w==";
    assert_eq!(
        scalars(chunked),
        text("An example indefinite string, chunked on comma")
    );
    // RpcV2CborIndefiniteLengthByteStringsCanBeDeserialized
    let chunked = "oWlibG9iVmFsdWVfWCJBbiBleGFtcGxlIGluZGVmaW5pdGUtYnl0ZSBzdHJpbmcsUSBjaHVua2VkIG9uIGNvbW1h/w==";
    let bytes = b"An example indefinite-byte string, chunked on comma";
    assert_eq!(scalars(chunked).blob, Some(Blob::from(bytes.to_vec())));
    // RpcV2CborSupportsUpcastingData
    let small = scalars(
        "v2tkb3VibGVWYWx1Zfk+AGpmbG9hdFZhbHVl+UegbGludGVnZXJWYWx1ZRg4aWxvbmdWYWx1ZRkBAGpzaG9ydFZhbHVlCv8=",
    );
    let expected = Scalars {
        double: Some(1.5),
        float: Some(7.625),
        integer: Some(56),
        long: Some(256),
        short: Some(10),
        ..Scalars::default()
    };
    assert_eq!(small, expected);
}

// smithy-protocol-tests: cbor-structs.smithy, float16.smithy; and botocore's form, which is half precision.
#[test]
fn numbers_that_are_none_are_read_for_the_operation_to_judge() {
    for (body, expected) in [
        (
            "v2tkb3VibGVWYWx1Zft/8AAAAAAAAGpmbG9hdFZhbHVl+n+AAAD/",
            f64::INFINITY,
        ),
        (
            "v2tkb3VibGVWYWx1Zfv/8AAAAAAAAGpmbG9hdFZhbHVl+v+AAAD/",
            f64::NEG_INFINITY,
        ),
    ] {
        let found = scalars(body);
        assert_eq!(
            (found.double, found.float),
            (Some(expected), Some(expected))
        );
    }
    let nan = scalars("v2tkb3VibGVWYWx1Zft/+AAAAAAAAGpmbG9hdFZhbHVl+n/AAAD/");
    assert!(nan.double.unwrap().is_nan() && nan.float.unwrap().is_nan());
    let half = |bits: &str| decode::<Half>(&format!("a16576616c7565f9{bits}")).unwrap();
    assert_eq!(half("7c00").value, f64::INFINITY);
    assert_eq!(half("fc00").value, f64::NEG_INFINITY);
    assert!(half("7c01").value.is_nan() && half("7e00").value.is_nan());
    assert_eq!(half("0050").value, 0.000_004_768_371_582_031_25);
}

#[derive(Debug, PartialEq, Shape)]
struct Half {
    #[shape(name = "value")]
    value: f64,
}

#[derive(Debug, PartialEq, Shape)]
struct Moment {
    #[shape(name = "datetime")]
    at: Timestamp,
}

// The first is RpcV2CborDateTimeWithFractionalSeconds of fractional-seconds.smithy.
#[test]
fn a_moment_is_seconds_in_any_number() {
    let at = |value: &str| {
        decode::<Moment>(&format!("a1686461746574696d65{value}")).map(|moment| moment.at)
    };
    for (value, millis) in [
        ("c1fb41cc37db380fbe77", 946_845_296_123),
        ("c11a514b67b0", 1_363_896_240_000),
        ("c1fb41d452d9ec200000", 1_363_896_240_500),
        ("c1f93c00", 1_000),
        ("c1fa3fc00000", 1_500),
        ("c100", 0),
        ("1a514b67b0", 1_363_896_240_000),
    ] {
        assert_eq!(at(value), Ok(Timestamp::from_millis(millis)), "{value}");
    }
    for wrong in [
        "c120",
        "c1f97e00",
        "c1f97c00",
        "c11bffffffffffffffff",
        "c06131",
        "c1c100",
        "c16131",
        "d8ff00",
    ] {
        assert!(at(wrong).is_err(), "{wrong}");
    }
    let written = encode_request(
        Protocol::RpcV2Cbor,
        &Moment {
            at: Timestamp::from_secs(1_363_896_240),
        },
        &ENVELOPE,
    );
    // RFC 8949 has the same moment with half a second as c1fb41d452d9ec200000.
    assert_eq!(
        hex::encode(written),
        "a1686461746574696d65c1fb41d452d9ec000000"
    );
}

#[test]
fn an_error_says_where_what_and_what_would_be_right() {
    let url = "a26851756575655572 6c6175".replace(' ', "");
    for (rest, message) in [
        (
            "65536d616c6c6131",
            "`Small` is a string, a whole number is right",
        ),
        (
            "65536d616c6cf93e00",
            "`Small` is a number with a fraction, a whole number is right",
        ),
        (
            "65536d616c6c1a80000000",
            "`Small` is out of range, -2147483648 to 2147483647 is right",
        ),
        (
            "65536d616c6c3bffffffffffffffff",
            "`Small` is out of range, -2147483648 to 2147483647 is right",
        ),
        (
            "65536d616c6cc201",
            "`Small` is a tagged value, a whole number is right",
        ),
        (
            "6851756575655572 6c6175",
            "`QueueUrl` is given twice, once is right",
        ),
        ("65547275746801", "`Truth` is a number, a boolean is right"),
        (
            "654279746573 6131",
            "`Bytes` is a string, a byte string is right",
        ),
        (
            "67456e747269657381a1634d443501",
            "`Entries[0].Id` is missing",
        ),
        (
            "67456e747269657382a162496461 61a1624964f6",
            "`Entries[1].Id` is missing",
        ),
        (
            "67456e7472696573 81f6",
            "`Entries[0]` is null, a map is right",
        ),
        ("67456e7472696573 a0", "`Entries` is a map, a list is right"),
        (
            "6474616773a1616b01",
            "`tags.k` is a number, a string is right",
        ),
        (
            "6474616773a2616b6176616b6177",
            "`tags.k` is given twice, once is right",
        ),
        (
            "6474616773a1016176",
            "`tags` is malformed at byte 18: a string as key is right",
        ),
        (
            "6b556e6b6e6f776e48657265 6178",
            "`UnknownHere` is not supported here; leave it out",
        ),
        (
            "65536d616c6cff",
            "`Small` is malformed at byte 18: a whole number is right",
        ),
    ] {
        let body = format!("{url}{}", rest.replace(' ', ""));
        let error = decode::<Everything>(&body).unwrap_err();
        assert_eq!(error.to_string(), message, "{body}");
    }
    for (body, message) in [
        ("80", "the document is a list, a map is right"),
        ("f6", "the document is null, a map is right"),
        ("a0", "`QueueUrl` is missing"),
        ("a16851756575655572 6cf6", "`QueueUrl` is missing"),
        ("a16851756575655572 6cf7", "`QueueUrl` is missing"),
        (
            "a16851756575655572 6c6175a0",
            "the document is malformed at byte 12: the end is right",
        ),
        ("a16851756575655572 6c61ff", "`QueueUrl` is not UTF-8"),
        (
            "a1",
            "the document is malformed at byte 1: as much as the length announces is right",
        ),
        (
            "bf",
            "the document is malformed at byte 1: one more item is right",
        ),
    ] {
        let error = decode::<Everything>(&body.replace(' ', "")).unwrap_err();
        assert_eq!(error.to_string(), message, "{body}");
    }
}

#[test]
fn nesting_is_bounded_for_shapes_that_hold_themselves() {
    // {"Nested": {"Id": "n", "Children": [{"Id": "n", "Children": [...
    let deep = format!(
        "a1664e6573746564{}",
        "a2624964616e684368696c6472656e81".repeat(1000)
    );
    let error = decode::<Everything>(&deep).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is nested deeper than 64 levels"),
        "{error}"
    );
}

#[test]
fn a_length_costs_only_what_is_there() {
    // Lists and maps of 2^63 entries, strings of 2^62 bytes, and a list of no definite length that goes on too long.
    for value in [
        "9b7fffffffffffffff",
        "bb7fffffffffffffff",
        "7b3fffffffffffffff",
        "5b3fffffffffffffff",
    ] {
        for member in ["67456e7472696573", "6474616773", "64466f6f6f"] {
            assert!(decode::<Everything>(&format!("a1{member}{value}")).is_err());
        }
    }
    let many = format!("a169506c61696e4c697374 9f{}ff", "60".repeat(100_001)).replace(' ', "");
    let error = decode::<Everything>(&many).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`PlainList[100000]` has more than 100000 entries"
    );
}
