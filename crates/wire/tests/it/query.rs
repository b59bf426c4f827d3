//! AWS query: forms in, XML out.

use wire::{Envelope, Protocol, decode_request, encode_request, encode_response};

use crate::shapes::{Entry, Everything, Nothing, entry, full};

const ENVELOPE: Envelope<'_> = Envelope {
    operation: "Everything",
    version: "2012-11-05",
    xml_namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    request_id: "r-1",
};

fn decode(form: &str) -> Result<Everything, wire::DecodeError> {
    decode_request(Protocol::Query, form.as_bytes())
}

const FORM: &str = "Action=Everything&Version=2012-11-05&QueueUrl=http%3A%2F%2Flocalhost%3A5310%2F123456789012%2Fs2s\
    &MessageBody=a%20%22b%22%20%3Cc%3E%20%26%20%E6%97%A5%E6%9C%AC%0D%0A&Tag.1.Key=team&Tag.1.Value=ads\
    &Tag.2.Key=x%20y&Tag.2.Value=%2B%26%3D&EntryName.1.Id=1&EntryName.2.Id=2&EntryName.2.MD5OfBody=5d41\
    &EntryName.2.Secret.1=s1&EntryName.2.Secret.2=s2&EntryName.2.Child.1.Id=2.1&PlainList.member.1=one\
    &PlainList.member.2=&NamedList.Thing.1=1&NamedList.Thing.2=-2&PlainMap.entry.1.key=k\
    &PlainMap.entry.1.value.Id=v&Small=-7&Large=9007199254740993&Ratio=0.25&Truth=true&Bytes=aGVsbG8%3D\
    &At=2018-01-09T20%3A51%3A21.123Z&AtText=2018-01-09T20%3A51%3A21Z&WithoutEffect=x\
    &Anything=%7B%22a%22%3A%5B1%2C2%5D%7D&Nested.Id=n";

#[test]
fn everything_is_written_and_read_as_the_golden_form() {
    let written = encode_request(Protocol::Query, &full(), &ENVELOPE);
    assert_eq!(String::from_utf8(written).unwrap(), FORM);
    assert_eq!(decode(FORM), Ok(full()));
}

#[test]
fn items_come_by_number_not_by_place() {
    let form = "QueueUrl=u&EntryName.10.Id=c&EntryName.2.Id=b&EntryName.1.Id=a";
    let expected = Everything {
        queue_url: "u".to_owned(),
        entries: ["a", "b", "c"].map(entry).into(),
        ..Everything::default()
    };
    assert_eq!(decode(form), Ok(expected));
}

#[test]
fn a_flattened_list_may_be_one_bare_value() {
    let form = "Id=1&Secret=All&Child=";
    let expected = Entry {
        secrets: vec!["All".to_owned()],
        ..entry("1")
    };
    assert_eq!(
        decode_request(Protocol::Query, form.as_bytes()),
        Ok(expected)
    );
}

#[test]
fn a_flattened_map_may_be_one_bare_entry() {
    let numbered = decode("QueueUrl=u&Tag.1.Key=k&Tag.1.Value=v&Small=7");
    assert_eq!(decode("QueueUrl=u&Tag.Key=k&Tag.Value=v&Small=7"), numbered);
    assert!(numbered.is_ok());
}

#[test]
fn a_required_list_that_is_absent_is_an_empty_one() {
    #[derive(Debug, PartialEq, wire::Shape)]
    struct Batch {
        #[shape(required, query = "Entry", flattened)]
        entries: Vec<Entry>,
    }
    let expected = Batch { entries: vec![] };
    assert_eq!(
        decode_request(Protocol::Query, b"Action=Batch"),
        Ok(expected)
    );
    assert!(decode_request::<Batch>(Protocol::Json10, b"{}").is_err());
}

#[test]
fn an_error_says_where_what_and_what_would_be_right() {
    let cases = [
        ("", "`QueueUrl` is missing"),
        (
            "QueueUrl=u&QueueUrl=v",
            "`QueueUrl` is given twice, once is right",
        ),
        ("QueueUrl=u&Small=x", "`Small` is not a whole number"),
        (
            "QueueUrl=u&Small=3000000000",
            "`Small` is out of range, -2147483648 to 2147483647 is right",
        ),
        ("QueueUrl=u&Truth=1", "`Truth` is not `true` or `false`"),
        (
            "QueueUrl=u&EntryName.x.Id=1",
            "`EntryName` is not a list: its items are numbered from 1",
        ),
        (
            "QueueUrl=u&EntryName.1.Foo=1",
            "`EntryName.1.Id` is missing",
        ),
        ("QueueUrl=u&Tag.1.Value=v", "`Tag.1.Key` is missing"),
        ("QueueUrl=u&Tag.1.Key=k", "`Tag.1.Value` is missing"),
        ("QueueUrl=u&Tag.Key=k", "`Tag.Value` is missing"),
        (
            "QueueUrl=u&Tag.Key=k&Tag.Value=v&Tag.1.Key=l&Tag.1.Value=w",
            "`Tag` is not a list: its items are numbered from 1",
        ),
        (
            "QueueUrl=u&Tag.1.Key=k&Tag.1.Value=v&Tag.2.Key=k&Tag.2.Value=v",
            "`Tag.2.Value` is given twice, once is right",
        ),
        ("QueueUrl.1=u", "`QueueUrl` is a structure, a text is right"),
        (
            "QueueUrl=%zz",
            "`QueueUrl` is not a form: after `%` stand two hexadecimal digits",
        ),
        ("QueueUrl=%ff", "`QueueUrl` is not UTF-8"),
        (
            "QueueUrl=u&UnknownHere=x",
            "`UnknownHere` is not supported here; leave it out",
        ),
    ];
    for (form, message) in cases {
        assert_eq!(decode(form).unwrap_err().to_string(), message, "{form}");
    }
}

#[test]
fn nesting_is_bounded_for_shapes_that_hold_themselves() {
    let deep = format!("Id=1&{}Id=1", "Child.1.".repeat(1000));
    assert!(decode_request::<Entry>(Protocol::Query, deep.as_bytes()).is_err());
}

#[test]
fn an_answer_is_xml_in_its_envelope() {
    let expected = concat!(
        r#"<?xml version="1.0"?><EverythingResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">"#,
        "<EverythingResult><QueueUrl>http://localhost:5310/123456789012/s2s</QueueUrl>",
        "<MessageBody>a &quot;b&quot; &lt;c&gt; &amp; 日本&#xD;\n</MessageBody>",
        "<Tag><Key>team</Key><Value>ads</Value></Tag><Tag><Key>x y</Key><Value>+&amp;=</Value></Tag>",
        "<EntryName><Id>1</Id></EntryName><EntryName><Id>2</Id><MD5OfBody>5d41</MD5OfBody>",
        "<Secret>s1</Secret><Secret>s2</Secret><Child><Id>2.1</Id></Child></EntryName>",
        "<PlainList><member>one</member><member></member></PlainList>",
        "<NamedList><Thing>1</Thing><Thing>-2</Thing></NamedList>",
        "<PlainMap><entry><key>k</key><value><Id>v</Id></value></entry></PlainMap>",
        "<Small>-7</Small><Large>9007199254740993</Large><Ratio>0.25</Ratio><Truth>true</Truth>",
        "<Bytes>aGVsbG8=</Bytes><At>2018-01-09T20:51:21.123Z</At><AtText>2018-01-09T20:51:21Z</AtText>",
        "<WithoutEffect>x</WithoutEffect><Anything>{&quot;a&quot;:[1,2]}</Anything><Nested><Id>n</Id></Nested>",
        "</EverythingResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></EverythingResponse>",
    );
    let written = encode_response(Protocol::Query, &full(), &ENVELOPE);
    assert_eq!(String::from_utf8(written).unwrap(), expected);
}

#[test]
fn an_answer_without_output_has_no_result() {
    let expected = concat!(
        r#"<?xml version="1.0"?><EverythingResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">"#,
        "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></EverythingResponse>",
    );
    assert_eq!(
        encode_response(Protocol::Query, &Nothing {}, &ENVELOPE),
        expected.as_bytes()
    );
}
