//! Goldens of every record, and round trips of arbitrary ones.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::Position;

fn encoded(record: &mut Record<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode(record, &mut out);
    out
}

fn message<'a>(body: &'a [u8]) -> NewMessage<'a> {
    NewMessage::plain(Timestamp::from_millis(0x0102_0304_0506), body)
}

fn touched(key: u64, sent_minute: u32, lines: u32) -> Touched {
    Touched {
        key: MessageKey(key),
        sent_minute,
        lines,
    }
}

/// Each line is one record and its bytes, worked out by hand from the format (checksums by an independent CRC32C).
#[test]
fn the_bytes_of_each_record_stay_what_they_are() {
    let queue = QueueId(300);
    let cases: Vec<(Record<'_>, &str)> = vec![
        (
            Record::Started { seed: [7; 16] },
            "0107070707070707070707070707070707",
        ),
        (
            Record::SenderNamed {
                number: 1,
                id: "AIDA",
            },
            "02010441494441",
        ),
        (
            Record::QueueCreated {
                queue,
                name: "s2s",
                settings: b"{}",
            },
            "03ac0203733273027b7d",
        ),
        (
            Record::QueueChanged {
                queue,
                settings: b"{}",
            },
            "04ac02027b7d",
        ),
        (Record::QueueDeleted { queue }, "05ac02"),
        (
            Record::Received {
                queue,
                until: Timestamp::from_millis(128),
                by: By::Notifier,
                attempt: None,
                messages: vec![
                    ReceivedMessage {
                        message: touched(64, 1, 1),
                        was: Was::Fresh,
                    },
                    ReceivedMessage {
                        message: touched(63, 1, 2),
                        was: Was::Retry,
                    },
                ],
            },
            "07ac02800101028001020401000a",
        ),
        (
            Record::Received {
                queue,
                until: Timestamp::from_millis(128),
                by: By::Embedded,
                attempt: None,
                messages: Vec::new(),
            },
            "07ac0280010500",
        ),
        (
            Record::VisibilityChanged {
                queue,
                changes: vec![(MessageKey(1), Timestamp::from_millis(2))],
            },
            "08ac02010204",
        ),
        (
            Record::Released {
                queue,
                messages: vec![touched(1, 2, 3)],
            },
            "09ac020102040c",
        ),
        (
            Record::Deleted {
                queue,
                messages: vec![touched(1, 2, 1)],
            },
            "0aac0201020404",
        ),
        (
            Record::Settled {
                queue,
                settlements: vec![Settlement {
                    key: MessageKey(5),
                    sent_at: Timestamp::from_millis(6),
                    lines_before: 1,
                    lines: vec![LineOutcome {
                        line: 0,
                        destination: "h",
                        state: LineState::Retry,
                        result: b"r",
                    }],
                    next: Next::RetryAt {
                        at: Timestamp::from_millis(9),
                        attempt: 1,
                    },
                    carries: vec![],
                }],
            },
            "0bac02010506010100010168017201090100",
        ),
        (
            Record::Expired {
                queue,
                messages: vec![],
            },
            "0cac0200",
        ),
        (Record::Purged { queue }, "0dac02"),
        (
            Record::Moved {
                from: queue,
                to: QueueId(2),
                cause: MoveCause::Task { task: 3 },
                messages: vec![],
            },
            "0eac02020400",
        ),
        (
            Record::TaskChanged {
                task: 4,
                state: b"{}",
            },
            "0f04027b7d",
        ),
        (
            Record::Sealed {
                up_to: Position::new(300),
            },
            "11ac02",
        ),
        (
            Record::Paused {
                subject: Subject::Route("r"),
            },
            "12000172",
        ),
        (
            Record::Resumed {
                subject: Subject::Destination("d"),
            },
            "13010164",
        ),
        (
            Record::Lost {
                from: Position::new(1),
                to: Position::new(2),
            },
            "140102",
        ),
        (
            Record::MessagesLost {
                queue,
                messages: vec![touched(1, 2, 1)],
            },
            "15ac0201020404",
        ),
    ];
    for (mut record, bytes) in cases {
        assert_eq!(hex_of(&encoded(&mut record)), bytes, "{record:?}");
        assert_eq!(decode(&encoded(&mut record)).unwrap(), record);
    }
}

#[test]
fn a_message_lies_in_the_journal_as_drawn() {
    let mut record = Record::Enqueued {
        queue: QueueId(1),
        cause: Cause::Sent,
        messages: vec![message(b"hi"), message(b"")],
    };
    let bytes = encoded(&mut record);
    // CRC32C of 00 060504030201 00 6869 and of 00 060504030201 00, as computed bit by bit below.
    let first = crc32c_by_bits(&[0, 6, 5, 4, 3, 2, 1, 0, b'h', b'i']);
    let second = crc32c_by_bits(&[0, 6, 5, 4, 3, 2, 1, 0]);
    let expected = format!(
        "06010002{}{}00060504030201006869{}{}0006050403020100",
        "0e",
        hex_of(&first.to_le_bytes()),
        "0c",
        hex_of(&second.to_le_bytes())
    );
    assert_eq!(hex_of(&bytes), expected);
    let Record::Enqueued { messages, .. } = decode(&bytes).unwrap() else {
        panic!("not enqueued")
    };
    assert_eq!((messages[0].offset, messages[1].offset), (4, 19));
    for (message, body) in messages.iter().zip([&b"hi"[..], b""]) {
        let stored = Stored::read(&bytes[message.offset as usize..]).unwrap();
        let Stored::Message { message: read, .. } = stored else {
            panic!("{stored:?}")
        };
        assert_eq!(read.body, body);
    }
}

/// The journal's frame adds 24 bytes a record.
#[test]
fn ten_messages_of_300_bytes_cost_less_than_six_percent() {
    let body = [b'x'; 300];
    let at = Timestamp::from_millis(1_795_410_190_250);
    let messages = vec![
        NewMessage {
            sender: 3,
            ..NewMessage::plain(at, &body)
        };
        10
    ];
    let mut record = Record::Enqueued {
        queue: QueueId(7),
        cause: Cause::Sent,
        messages,
    };
    let bytes = encoded(&mut record).len() + crate::frame::HEADER_BYTES;
    assert!(bytes * 100 < 3000 * 106, "{bytes}");
}

#[test]
fn a_damaged_or_short_entry_is_told_apart() {
    let mut record = Record::Enqueued {
        queue: QueueId(1),
        cause: Cause::Sent,
        messages: vec![message(b"hello")],
    };
    let bytes = encoded(&mut record);
    let entry = &bytes[4..];
    for len in 0..entry.len() {
        match Stored::read(&entry[..len]) {
            Ok(Stored::Longer { len: wanted }) => assert!(wanted > len, "{len}"),
            other => panic!("{len}: {other:?}"),
        }
    }
    for at in 1..entry.len() {
        let mut damaged = entry.to_vec();
        damaged[at] ^= 0x10;
        assert!(Stored::read(&damaged).is_err(), "{at}");
    }
}

fn arbitrary_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

#[derive(Clone, Debug)]
struct Owned {
    texts: Vec<String>,
    bytes: Vec<Vec<u8>>,
    numbers: Vec<u64>,
}

fn owned() -> impl Strategy<Value = Owned> {
    (
        vec(".{0,12}", 4),
        vec(arbitrary_bytes(), 6),
        vec(any::<u64>(), 12),
    )
        .prop_map(|(texts, bytes, numbers)| Owned {
            texts,
            bytes,
            numbers,
        })
}

fn small(number: u64) -> u32 {
    (number >> 32) as u32
}

fn message_of(owned: &Owned) -> NewMessage<'_> {
    let n = &owned.numbers;
    NewMessage {
        offset: 0,
        sent_at: Timestamp::from_millis(n[0] >> 16),
        sender: small(n[1]),
        delay_until: n[2].is_multiple_of(2).then(|| Timestamp::from_millis(n[2])),
        lines: small(n[3]),
        attempt: small(n[4]) & 1,
        group: n[5].is_multiple_of(2).then_some(owned.texts[0].as_str()),
        dedup: match n[6] % 3 {
            0 => None,
            1 => Some(Dedup::Id(&owned.texts[1])),
            _ => Some(Dedup::Content([n[6] as u8; 32])),
        },
        attributes: &owned.bytes[0],
        system: &owned.bytes[1],
        origin: &owned.bytes[2],
        body: &owned.bytes[3],
    }
}

fn record_of(owned: &Owned, kind: usize) -> Record<'_> {
    let n = &owned.numbers;
    let queue = QueueId(small(n[7]));
    let list: Vec<Touched> = n
        .windows(2)
        .map(|pair| touched(pair[0], small(pair[1]), small(pair[0])))
        .collect();
    match kind {
        0 => Record::Enqueued {
            queue,
            cause: Cause::Replayed,
            messages: vec![message_of(owned); 3],
        },
        1 => Record::Received {
            queue,
            until: Timestamp::from_millis(n[8]),
            by: [By::Consumer, By::Notifier, By::Embedded][(n[9] % 3) as usize],
            attempt: Some([3; 16]),
            messages: list
                .into_iter()
                .map(|message| ReceivedMessage {
                    message,
                    was: Was::Returned,
                })
                .collect(),
        },
        2 => Record::VisibilityChanged {
            queue,
            changes: n
                .windows(2)
                .map(|pair| (MessageKey(pair[0]), Timestamp::from_millis(pair[1])))
                .collect(),
        },
        3 => Record::Settled {
            queue,
            settlements: vec![Settlement {
                key: MessageKey(n[9]),
                sent_at: Timestamp::from_millis(n[10]),
                lines_before: small(n[11]),
                lines: vec![LineOutcome {
                    line: small(n[3]),
                    destination: &owned.texts[2],
                    state: LineState::Later,
                    result: &owned.bytes[4],
                }],
                next: Next::Gone,
                carries: vec![Carry {
                    queue,
                    kind: [CarryKind::Retry, CarryKind::Dead, CarryKind::Replayed]
                        [(n[0] % 3) as usize],
                    message: message_of(owned),
                }],
            }],
        },
        4 => Record::Moved {
            from: queue,
            to: QueueId(small(n[0])),
            cause: MoveCause::DeadLetter,
            messages: list,
        },
        _ => Record::QueueCreated {
            queue,
            name: &owned.texts[3],
            settings: &owned.bytes[5],
        },
    }
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(owned in owned(), kind in 0usize..6) {
        let mut record = record_of(&owned, kind);
        let bytes = encoded(&mut record);
        prop_assert_eq!(decode(&bytes).unwrap(), record);
    }

    #[test]
    fn a_cut_record_is_refused(owned in owned(), kind in 0usize..6, keep in 0.0..1.0f64) {
        let bytes = encoded(&mut record_of(&owned, kind));
        let len = (bytes.len() as f64 * keep) as usize;
        prop_assert!(decode(&bytes[..len]).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes in vec(any::<u8>(), 0..200), tag in 0u8..22) {
        let _ = decode(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = tag;
        }
        // What decodes is the same record again.
        if let Ok(mut record) = decode(&bytes) {
            let again = encoded(&mut record);
            prop_assert_eq!(decode(&again).unwrap(), record);
        }
        let _ = Stored::read(&bytes);
    }

    #[test]
    fn a_relocated_entry_is_the_same_message(owned in owned()) {
        let mut first = Record::Enqueued { queue: QueueId(1), cause: Cause::Sent, messages: vec![message_of(&owned)] };
        let bytes = encoded(&mut first);
        let Record::Enqueued { messages, .. } = decode(&bytes).unwrap() else { unreachable!() };
        let entry = &bytes[messages[0].offset as usize..];
        let mut moved =
            Record::Relocated { queue: QueueId(1), messages: vec![Relocation { key: MessageKey(9), offset: 0, entry }; 2] };
        let copy = encoded(&mut moved);
        let Record::Relocated { messages: again, .. } = decode(&copy).unwrap() else { unreachable!() };
        for relocation in again {
            prop_assert_eq!(relocation.entry, entry);
            let Ok(Stored::Message { message, len }) = Stored::read(&copy[relocation.offset as usize..]) else {
                panic!("unreadable")
            };
            prop_assert_eq!(len, entry.len());
            prop_assert_eq!(NewMessage { offset: messages[0].offset, ..message }, messages[0]);
        }
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), bit by bit.
fn crc32c_by_bits(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 }
        })
    })
}
