//! A long and lossy way between two sockets, for kernels that have none to offer (netem): each datagram is under way for [`DELAY`], and
//! [`LOST_OF_100`] of a hundred are lost, each way; by a generator with a seed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(crate) const DELAY: Duration = Duration::from_millis(50);
pub(crate) const LOST_OF_100: u64 = 1;

/// Numbers as if by chance, the same for the same seed. Source: SplitMix64, as in `java.util.SplittableRandom`.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Carries datagrams between `to` and the last who sent to `listen`. Says how many it has lost to whoever writes it a line.
pub(crate) async fn run(listen: &str, to: &str) {
    let near = Arc::new(UdpSocket::bind(listen).await.unwrap());
    let far = Arc::new(UdpSocket::bind("0.0.0.0:0").await.unwrap());
    far.connect(to).await.unwrap();
    let client = Arc::new(Mutex::new(None));
    let lost = Arc::new(Mutex::new(0_u64));
    let there = way(Arc::clone(&near), Arc::clone(&far), 1, Arc::clone(&lost), {
        let client = Arc::clone(&client);
        move |from| {
            *client.lock() = Some(from);
            None
        }
    });
    let back = way(far, near, 2, Arc::clone(&lost), move |_| *client.lock());
    println!("ready");
    let lines = async {
        let input = tokio::io::BufReader::new(tokio::io::stdin());
        let mut lines = tokio::io::AsyncBufReadExt::lines(input);
        while lines.next_line().await.unwrap().is_some() {
            println!("{}", lost.lock());
        }
    };
    tokio::join!(there, back, lines);
}

/// One direction. `whereto` is told where a datagram is from and says where it goes; `None` is where the socket is connected to.
async fn way(
    from: Arc<UdpSocket>,
    to: Arc<UdpSocket>,
    seed: u64,
    lost: Arc<Mutex<u64>>,
    whereto: impl Fn(SocketAddr) -> Option<SocketAddr>,
) {
    let (late, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>, Option<SocketAddr>)>();
    tokio::spawn(async move {
        while let Some((at, bytes, address)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            let _ = match address {
                Some(address) => to.send_to(&bytes, address).await,
                None => to.send(&bytes).await,
            };
        }
    });
    let (mut dice, mut bytes) = (Dice::new(seed), vec![0; 1 << 16]);
    loop {
        let (got, source) = from.recv_from(&mut bytes).await.unwrap();
        let address = whereto(source);
        if dice.roll() % 100 < LOST_OF_100 {
            *lost.lock() += 1;
            continue;
        }
        let _ = late.send((Instant::now() + DELAY, bytes[..got].to_vec(), address));
    }
}
