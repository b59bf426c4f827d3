//! The built-in check of a host: it answers echo requests.
//!
//! # Format
//!
//! Type, code 0, checksum, identifier, number, and what comes back as it was sent. Sources: RFC 792, RFC 4443.
//!
//! ```text
//! 08 00 f7 ff 00 00 00 00     echo request of ICMP, number 0 of nobody
//! ```
//!
//! A socket of the kind that Linux gives to groups in `net.ipv4.ping_group_range` (for both families), else a raw one, for which
//! `CAP_NET_RAW` is needed. The first kind gets its identifier and its checksum from the kernel.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::time::Duration;

use base::Clock;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::check::config::{Check, Ping};
use crate::check::range::Range;
use crate::check::{Outcome, Status};
use crate::datum::{Measured, PLUGINS, Unit};

/// Loss that is worth a warning, in percent, where the check does not say.
const WARNING_LOSS: f64 = 20.0;
/// Loss that is critical. Source of both: the sample configuration of Nagios Core, `check_ping!…,20%!…,60%`.
const CRITICAL_LOSS: f64 = 60.0;
/// What a request carries: so that an answer is ours and no other program's.
const MARK_BYTES: usize = 16;
const HEAD_BYTES: usize = 8;
/// Bytes of an answer that are read: the longest head of IPv4 and our own request.
const ANSWER_MAX: usize = 60 + HEAD_BYTES + MARK_BYTES;

/// Asks a host for echoes.
pub(super) async fn check(check: &Check, ping: &Ping, clock: &dyn Clock) -> Outcome {
    let address = match address(&ping.host).await {
        Ok(address) => address,
        Err(why) => return Outcome::of(Status::Critical, format!("{}: {why}", ping.host)),
    };
    let (socket, is_raw) = match open(address) {
        Ok(opened) => opened,
        Err(error) => return Outcome::unknown(not_allowed(&error)),
    };
    let echo = Echo {
        is_v6: address.is_ipv6(),
        is_raw,
        mark: base::id::uuid().chars().rev().take(MARK_BYTES).collect(),
    };
    match echoes(&socket, &echo, ping.count(), clock).await {
        Ok(times_ms) => judged(check, ping, address, &times_ms),
        Err(error) => Outcome::of(Status::Critical, format!("{address}: {error}")),
    }
}

async fn address(host: &str) -> Result<IpAddr, String> {
    let found = tokio::net::lookup_host((host, 0)).await;
    let mut found = found.map_err(|error| error.to_string())?;
    let first = found.next().ok_or("has no address")?;
    Ok(first.ip())
}

/// A socket that is connected to the host, and whether it is a raw one.
fn open(address: IpAddr) -> io::Result<(UdpSocket, bool)> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let (socket, is_raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Ok(socket) => (socket, false),
        Err(_) => (Socket::new(domain, Type::RAW, Some(protocol))?, true),
    };
    socket.set_nonblocking(true)?;
    socket.connect(&SocketAddr::new(address, 0).into())?;
    // What is sent and read is the same for this kind of socket; tokio knows no other name for it.
    Ok((UdpSocket::from_std(StdSocket::from(socket))?, is_raw))
}

fn not_allowed(error: &io::Error) -> String {
    let groups = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range");
    let groups = groups.unwrap_or_default();
    let groups = groups.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "the agent may not ping ({error}): let every group do it with `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"` (now `{groups}`), or give the agent CAP_NET_RAW (AmbientCapabilities=CAP_NET_RAW in its unit)"
    )
}

/// How this run's requests look.
struct Echo {
    is_v6: bool,
    is_raw: bool,
    mark: String,
}

impl Echo {
    fn request(&self, number: u16) -> Vec<u8> {
        let kind = if self.is_v6 { 128 } else { 8 };
        let [high, low] = number.to_be_bytes();
        // A raw socket has no identifier of the kernel's; the mark tells our answers, so that any will do.
        let mut packet = vec![kind, 0, 0, 0, 0x53, 0x4b, high, low];
        packet.extend(self.mark.bytes());
        if !self.is_v6 {
            let sum = checksum(&packet).to_be_bytes();
            for (to, from) in packet.iter_mut().skip(2).zip(sum) {
                *to = from;
            }
        }
        packet
    }

    /// The number of the request that `packet` answers; none for what is no answer to us.
    fn answered(&self, packet: &[u8]) -> Option<u16> {
        let packet = match (self.is_raw, self.is_v6) {
            // A raw socket of IPv4 gives the head as well, whose length is in its first byte.
            (true, false) => packet.get(usize::from(packet.first()? & 0x0f) * 4..)?,
            _ => packet,
        };
        let (head, mark) = packet.split_at_checked(HEAD_BYTES)?;
        let kind = if self.is_v6 { 129 } else { 0 };
        match head {
            [found, 0, _, _, _, _, high, low] if *found == kind && mark == self.mark.as_bytes() => {
                Some(u16::from_be_bytes([*high, *low]))
            }
            _ => None,
        }
    }
}

/// The checksum of the internet. Source: RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    #[expect(clippy::cast_possible_truncation, reason = "folded, above")]
    let sum = sum as u16;
    !sum
}

/// Sends `count` requests, and gives how long each took; none for those without an answer.
async fn echoes(
    socket: &UdpSocket,
    echo: &Echo,
    count: u16,
    clock: &dyn Clock,
) -> io::Result<Vec<Option<f64>>> {
    let mut sent = Vec::with_capacity(usize::from(count));
    let mut times_ms = vec![None; usize::from(count)];
    let mut last_error = None;
    for number in 0..count {
        sent.push(clock.monotonic());
        // A network that is away may be back for the next.
        last_error = socket
            .send(&echo.request(number))
            .await
            .err()
            .or(last_error);
        let wait = if number + 1 == count {
            Ping::WAIT
        } else {
            Ping::APART
        };
        let heard = hear(socket, echo, &sent, &mut times_ms, clock);
        if let Ok(Err(error)) = tokio::time::timeout(wait, heard).await {
            // Such as that nobody is there, which a router said.
            last_error = Some(error);
            tokio::time::sleep(Ping::APART).await;
        }
    }
    match last_error {
        Some(error) if times_ms.iter().all(Option::is_none) => Err(error),
        _ => Ok(times_ms),
    }
}

/// Takes answers in until all that were asked for are there and the last request was sent.
async fn hear(
    socket: &UdpSocket,
    echo: &Echo,
    sent: &[Duration],
    times_ms: &mut [Option<f64>],
    clock: &dyn Clock,
) -> io::Result<()> {
    let mut packet = [0; ANSWER_MAX];
    loop {
        if times_ms.iter().all(Option::is_some) {
            return Ok(());
        }
        let length = socket.recv(&mut packet).await?;
        let now = clock.monotonic();
        let number = echo.answered(packet.get(..length).unwrap_or_default());
        let number = number.map(usize::from);
        let at = number.and_then(|number| Some((number, sent.get(number)?)));
        if let Some((number, at)) = at
            && let Some(time) = times_ms.get_mut(number)
        {
            let took = now.saturating_sub(*at).as_secs_f64() * 1000.0;
            time.get_or_insert(took);
        }
    }
}

fn judged(check: &Check, ping: &Ping, address: IpAddr, times_ms: &[Option<f64>]) -> Outcome {
    let answered: Vec<f64> = times_ms.iter().copied().flatten().collect();
    #[expect(clippy::cast_precision_loss, reason = "at most Ping::COUNT_MAX")]
    let (asked, count) = (times_ms.len() as f64, answered.len() as f64);
    let loss = 100.0 * (asked - count) / asked.max(1.0);
    let shown = match ping.host.parse() == Ok(address) {
        true => ping.host.clone(),
        false => format!("{} ({address})", ping.host),
    };
    let lost = Measured::new(PLUGINS, "loss", Unit::Percent, loss);
    if answered.is_empty() {
        let mut outcome = Outcome::of(Status::Critical, format!("{shown} does not answer"));
        outcome.metrics.push(lost);
        return outcome;
    }
    let time_ms = answered.iter().sum::<f64>() / count;
    let status = of_loss(check, loss).worse(check.judge_main("time", time_ms));
    let text = format!("{shown} answers in {time_ms:.2} ms, {loss:.0} % lost");
    let mut outcome = Outcome::of(status, text);
    let time = Measured::new(PLUGINS, "time", Unit::Milliseconds, time_ms);
    outcome.metrics.extend([time, lost]);
    outcome
}

fn of_loss(check: &Check, loss: f64) -> Status {
    let above = |loss| Range::outside(f64::NEG_INFINITY, loss);
    let is_over = |range: Option<Range>, usual| range.unwrap_or(above(usual)).alerts(loss);
    match (
        is_over(check.critical.of("loss"), CRITICAL_LOSS),
        is_over(check.warning.of("loss"), WARNING_LOSS),
    ) {
        (true, _) => Status::Critical,
        (false, true) => Status::Warning,
        (false, false) => Status::Ok,
    }
}

#[cfg(test)]
mod tests {
    use base::SystemClock;

    use super::*;
    use crate::check::config::{Form, Settings};

    fn echo(is_v6: bool, is_raw: bool) -> Echo {
        Echo {
            is_v6,
            is_raw,
            mark: "0123456789abcdef".to_owned(),
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // RFC 1071, section 3: these bytes sum up to ddf2.
        assert_eq!(
            checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            !0xddf2
        );
        assert_eq!(checksum(&[0x08, 0, 0, 0, 0, 0, 0, 0]), 0xf7ff);
        // A whole packet sums up to nothing.
        assert_eq!(checksum(&echo(false, false).request(7)), 0);
    }

    #[test]
    fn answers_are_known_by_their_mark() {
        for (is_v6, is_raw, kind) in [(false, false, 0), (true, false, 129), (true, true, 129)] {
            let echo = echo(is_v6, is_raw);
            let mut packet = echo.request(300);
            assert_eq!(echo.answered(&packet), None, "a request is no answer");
            packet[0] = kind;
            assert_eq!(echo.answered(&packet), Some(300));
            packet[HEAD_BYTES] = b'x';
            assert_eq!(echo.answered(&packet), None, "another program's");
        }
        // A raw socket of IPv4 gives a head of 20 bytes before it.
        let echo = echo(false, true);
        let mut packet = echo.request(2);
        packet[0] = 0;
        let whole = [&[0x45; 20][..], &packet].concat();
        assert_eq!(echo.answered(&whole), Some(2));
        for length in 0..whole.len() {
            assert_eq!(echo.answered(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn loss_and_time_make_the_status() {
        let all = |lost: usize, time: f64| {
            let mut times = vec![Some(time); 10];
            times.iter_mut().take(lost).for_each(|one| *one = None);
            times
        };
        let check = |more: &str| {
            let text = format!("[checks.p]\nping = \"192.0.2.1\"\n{more}");
            let settings = Settings::parse("t", &text, Form::Toml).unwrap();
            settings.checks["p"].clone()
        };
        let limits = "warning = { time = \"100\", loss = \"5\" }\ncritical = { loss = \"40\" }\n";
        for (lost, time, more, status) in [
            (0, 1.0, "", Status::Ok),
            (2, 1.0, "", Status::Ok),
            (3, 1.0, "", Status::Warning),
            (7, 1.0, "", Status::Critical),
            (10, 1.0, "", Status::Critical),
            (0, 101.0, limits, Status::Warning),
            (1, 1.0, limits, Status::Warning),
            (5, 1.0, limits, Status::Critical),
            (0, 51.0, "critical = \"50\"\n", Status::Critical),
        ] {
            let check = check(more);
            let ping = check.ping.clone().unwrap();
            let address = "192.0.2.1".parse().unwrap();
            let outcome = judged(&check, &ping, address, &all(lost, time));
            assert_eq!(outcome.status, status, "{lost} {time} {more}");
        }
    }

    #[tokio::test]
    async fn this_host_answers_itself_or_the_text_says_what_would_be_right() {
        for host in ["127.0.0.1", "localhost"] {
            let ping = Ping {
                host: host.to_owned(),
                count: Some(2),
            };
            let outcome = super::check(&Check::default(), &ping, &SystemClock::new()).await;
            match outcome.status {
                Status::Ok => assert_eq!(outcome.metrics[1].value, 0.0, "nothing is lost"),
                _ => assert!(
                    outcome.text.contains("ping_group_range")
                        && outcome.text.contains("CAP_NET_RAW"),
                    "{}",
                    outcome.text
                ),
            }
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_is_critical() {
        let ping = Ping {
            host: "nobody.invalid".to_owned(),
            count: None,
        };
        let outcome = super::check(&Check::default(), &ping, &SystemClock::new()).await;
        assert_eq!(outcome.status, Status::Critical, "{}", outcome.text);
    }
}
