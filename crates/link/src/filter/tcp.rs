//! The states of a connection of TCP, as a filter between the two ends sees them.
//!
//! States, steps and times are those of Linux' conntrack (`nf_conntrack_proto_tcp.c`, `tcp_conntracks` and `tcp_timeouts`), so that
//! both filters of this crate track alike. What is not done here is its check of sequence numbers against windows: a
//! packet of either end with a wrong number passes, and the other end refuses it.

use std::time::Duration;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

/// What kind of segment, by its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Wants to open.
    Syn,
    /// Agrees to open.
    SynAck,
    /// Has no more to send.
    Fin,
    /// Data or an acknowledgement.
    Ack,
    /// Ends it.
    Rst,
}

impl Segment {
    /// By the flags' byte; `None` for flags that never stand together, as scanners send them.
    #[must_use]
    pub const fn of(flags: u8) -> Option<Self> {
        const SYN_URG: u8 = SYN | URG;
        const SYN_ACK: u8 = SYN | ACK;
        const RST_ACK: u8 = RST | ACK;
        const FIN_ACK: u8 = FIN | ACK;
        const FIN_ACK_URG: u8 = FIN | ACK | URG;
        const ACK_URG: u8 = ACK | URG;
        match flags & (FIN | SYN | RST | ACK | URG) {
            SYN | SYN_URG => Some(Self::Syn),
            SYN_ACK => Some(Self::SynAck),
            RST | RST_ACK => Some(Self::Rst),
            FIN_ACK | FIN_ACK_URG => Some(Self::Fin),
            ACK | ACK_URG => Some(Self::Ack),
            _ => None,
        }
    }
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A SYN has gone one way.
    SynSent,
    /// And one the other way: both open.
    SynSent2,
    /// A SYN has been answered.
    SynReceived,
    /// Open.
    Established,
    /// One end has no more to send.
    FinWait,
    /// That has been acknowledged.
    CloseWait,
    /// Nor has the other.
    LastAck,
    /// That too has been acknowledged.
    TimeWait,
    /// Ended by a reset.
    Closed,
}

/// What a segment does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It passes, and this is the state from now on.
    To(State),
    /// It passes and changes nothing: the other end will answer it.
    Same,
    /// It begins a new connection in place of one that is over.
    Anew,
    /// It does not belong there.
    Invalid,
}

/// How the first segment that is seen of a connection begins it. An ACK does where the connection is older than the filter.
#[must_use]
pub const fn begin(segment: Segment) -> Option<State> {
    match segment {
        Segment::Syn => Some(State::SynSent),
        Segment::Ack => Some(State::Established),
        Segment::SynAck | Segment::Fin | Segment::Rst => None,
    }
}

impl State {
    /// What `segment` does that comes from who began the connection, or from the other end.
    #[must_use]
    pub const fn step(self, is_initiator: bool, segment: Segment) -> Step {
        match (segment, is_initiator) {
            (Segment::Syn, true) => self.syn(),
            (Segment::Syn, false) => self.syn_back(),
            (Segment::SynAck, true) => match self {
                Self::SynReceived | Self::SynSent2 => Step::To(Self::SynReceived),
                _ => Step::Invalid,
            },
            (Segment::SynAck, false) => match self {
                Self::SynSent | Self::SynSent2 => Step::To(Self::SynReceived),
                _ => Step::Same,
            },
            (Segment::Fin, _) => self.fin(),
            (Segment::Ack, true) => match self {
                Self::SynSent | Self::SynSent2 => Step::Invalid,
                Self::SynReceived => Step::To(Self::Established),
                _ => self.ack(),
            },
            (Segment::Ack, false) => match self {
                Self::SynSent | Self::SynSent2 => Step::Same,
                _ => self.ack(),
            },
            (Segment::Rst, _) => Step::To(Self::Closed),
        }
    }

    const fn syn(self) -> Step {
        match self {
            Self::SynSent | Self::SynSent2 => Step::To(self),
            Self::TimeWait | Self::Closed => Step::Anew,
            _ => Step::Same,
        }
    }

    const fn syn_back(self) -> Step {
        match self {
            Self::SynSent | Self::SynSent2 => Step::To(Self::SynSent2),
            Self::TimeWait => Step::Anew,
            _ => Step::Invalid,
        }
    }

    const fn fin(self) -> Step {
        match self {
            Self::SynSent | Self::SynSent2 => Step::Invalid,
            Self::SynReceived | Self::Established => Step::To(Self::FinWait),
            Self::FinWait | Self::CloseWait | Self::LastAck => Step::To(Self::LastAck),
            Self::TimeWait | Self::Closed => Step::To(self),
        }
    }

    const fn ack(self) -> Step {
        match self {
            Self::FinWait | Self::CloseWait => Step::To(Self::CloseWait),
            Self::LastAck | Self::TimeWait => Step::To(Self::TimeWait),
            _ => Step::To(self),
        }
    }

    /// How long a connection stays in this state without a packet.
    #[must_use]
    pub const fn idle_max(self) -> Duration {
        Duration::from_secs(match self {
            Self::SynSent | Self::SynSent2 | Self::FinWait | Self::TimeWait => 120,
            Self::SynReceived | Self::CloseWait => 60,
            Self::Established => 432_000,
            Self::LastAck => 30,
            Self::Closed => 10,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays segments, `>` from the initiator and `<` from the other end; says the state after each.
    fn play(segments: &[(char, Segment)]) -> Vec<State> {
        let mut states = vec![begin(segments[0].1).unwrap()];
        for &(from, segment) in &segments[1..] {
            let state = *states.last().unwrap();
            match state.step(from == '>', segment) {
                Step::To(next) => states.push(next),
                step => panic!("{step:?} by {segment:?} in {state:?}"),
            }
        }
        states
    }

    #[test]
    fn a_connection_opens_and_closes_from_either_end() {
        use Segment::{Ack, Fin, Syn, SynAck};
        let open = [('>', Syn), ('<', SynAck), ('>', Ack), ('<', Ack)];
        for (first, other) in [('>', '<'), ('<', '>')] {
            let close = [(first, Fin), (other, Ack), (other, Fin), (first, Ack)];
            assert_eq!(
                play(&[open, close].concat()),
                [
                    State::SynSent,
                    State::SynReceived,
                    State::Established,
                    State::Established,
                    State::FinWait,
                    State::CloseWait,
                    State::LastAck,
                    State::TimeWait
                ]
            );
        }
    }

    #[test]
    fn only_a_syn_or_an_older_connections_ack_begins() {
        assert_eq!(begin(Segment::Syn), Some(State::SynSent));
        assert_eq!(begin(Segment::Ack), Some(State::Established));
        for segment in [Segment::SynAck, Segment::Fin, Segment::Rst] {
            assert_eq!(begin(segment), None);
        }
    }

    #[test]
    fn a_syn_after_the_end_is_asked_anew() {
        assert_eq!(State::TimeWait.step(true, Segment::Syn), Step::Anew);
        assert_eq!(State::Closed.step(true, Segment::Syn), Step::Anew);
        assert_eq!(State::Established.step(true, Segment::Syn), Step::Same);
        assert_eq!(State::Established.step(false, Segment::Syn), Step::Invalid);
    }

    #[test]
    fn flags_that_never_stand_together_are_no_segment() {
        for flags in [0, FIN, SYN | FIN, SYN | RST, FIN | URG | 0x08, 0x3f] {
            assert_eq!(Segment::of(flags), None, "{flags:#x}");
        }
        assert_eq!(
            Segment::of(ACK | 0x08),
            Some(Segment::Ack),
            "a push is no kind"
        );
    }
}
