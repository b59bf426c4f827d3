//! Packets, many with one call: a device of the kernel that segments and joins (TUN with virtio headers), or a channel.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::mpsc;
use tun_rs::{AsyncDevice, DeviceBuilder, GROTable, VIRTIO_NET_HDR_LEN};

use super::BATCH;
use crate::packet::{MTU, TunnelEnd};

/// The most that one read of the device gives, and one write takes, in bytes.
const WHOLE_BYTES: usize = 65_535 + VIRTIO_NET_HDR_LEN;

/// A segment's buffer: a packet and what it is padded by.
const SEGMENT_BYTES: usize = MTU as usize + 16;

/// Reads that one wake may take together, when packets are small.
const READS: usize = 16;

/// What packets come from and go to.
#[derive(Debug)]
pub enum Device {
    /// A device of the kernel.
    Tun(Tun),
    /// A network stack in this process, or a test.
    Stack(TunnelEnd),
}

/// A TUN device. One that this process makes goes with it, and its addresses and routes with it: no trace of a link outlives its agent.
/// One that was made before, for this user and to stay, is left behind as it was found.
#[derive(Debug)]
pub struct Tun {
    device: Arc<AsyncDeviceDebug>,
}

struct AsyncDeviceDebug(AsyncDevice);

impl std::fmt::Debug for AsyncDeviceDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TUN")
    }
}

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub enum NoDevice {
    /// The process may not make one.
    #[error(
        "the network device `{name}` was not made: it takes the capability CAP_NET_ADMIN and an openable /dev/net/tun; without them there is the rootless mode"
    )]
    NotAllowed {
        /// Its name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system did not make it.
    #[error("the network device `{name}` was not made")]
    NotMade {
        /// Its name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// One was made for this user before, and takes packets that are too large.
    #[error(
        "the network device `{name}` takes packets of {mtu} bytes, and a link carries {MTU}: `ip link set dev {name} mtu {MTU}`"
    )]
    TooLarge {
        /// Its name.
        name: String,
        /// The largest packet that it takes, in bytes.
        mtu: u16,
    },
}

impl Tun {
    /// Makes the device, up, with [`MTU`], and without an address. Where this process may not, it takes the one of this name that was
    /// made for its user before (`ip tuntap add dev NAME mode tun user USER`), as that is.
    ///
    /// # Errors
    /// [`NoDevice`] when there is none.
    pub fn make(name: &str) -> Result<Self, NoDevice> {
        let not_made = |source: io::Error| {
            let name = name.to_owned();
            match source.kind() {
                io::ErrorKind::PermissionDenied => NoDevice::NotAllowed { name, source },
                _ => NoDevice::NotMade { name, source },
            }
        };
        let device = match builder(name).mtu(MTU).build_async() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let found = builder(name).inherit_enable_state().build_async();
                let found = found.map_err(not_made)?;
                let mtu = found.mtu().map_err(not_made)?;
                if mtu > MTU {
                    let name = name.to_owned();
                    return Err(NoDevice::TooLarge { name, mtu });
                }
                found
            }
            made => made.map_err(not_made)?,
        };
        Ok(Self {
            device: Arc::new(AsyncDeviceDebug(device)),
        })
    }

    /// Whether there is a device of this name in the process's network.
    #[must_use]
    pub fn is_there(name: &str) -> bool {
        let devices = std::fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
        let names = devices.lines().filter_map(|line| line.split_once(':'));
        { names }.any(|(own, _)| own.trim() == name)
    }
}

fn builder(name: &str) -> DeviceBuilder {
    DeviceBuilder::new().name(name).with(|linux| {
        linux.offload(true);
    })
}

/// The end that is read.
pub(crate) enum Reader {
    Tun(TunReader),
    Stack(mpsc::Receiver<BytesMut>),
}

/// The end that is written.
pub(crate) enum Writer {
    Tun(Box<TunWriter>),
    Stack(mpsc::Sender<BytesMut>),
}

impl Device {
    /// The end that is read, and two that are written.
    pub(crate) fn split(self) -> (Reader, Writer, Writer) {
        match self {
            Self::Tun(tun) => {
                let reader = TunReader::new(Arc::clone(&tun.device));
                let writer = || Writer::Tun(Box::new(TunWriter::new(Arc::clone(&tun.device))));
                (Reader::Tun(reader), writer(), writer())
            }
            Self::Stack(end) => {
                let writer = || Writer::Stack(end.to_stack.clone());
                let writers = (writer(), writer());
                (Reader::Stack(end.from_stack), writers.0, writers.1)
            }
        }
    }
}

impl Reader {
    /// Waits for packets and adds as many as are there, up to about [`BATCH`], to `into`.
    pub(crate) async fn read(&mut self, into: &mut Vec<BytesMut>) -> io::Result<()> {
        match self {
            Self::Tun(tun) => tun.read(into).await,
            Self::Stack(packets) => match packets.recv_many(into, BATCH).await {
                0 => Err(io::ErrorKind::BrokenPipe.into()),
                _ => Ok(()),
            },
        }
    }
}

impl Writer {
    /// Writes all of `packets`, in their order, and empties it. What is not taken is lost, as packets are.
    pub(crate) async fn write(&mut self, packets: &mut Vec<BytesMut>) -> io::Result<()> {
        match self {
            Self::Tun(tun) => tun.write(packets).await,
            Self::Stack(stack) => {
                for packet in packets.drain(..) {
                    if let Err(mpsc::error::TrySendError::Closed(_)) = stack.try_send(packet) {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    }
                }
                Ok(())
            }
        }
    }
}

/// Reads what the kernel would have segmented, and segments it.
pub(crate) struct TunReader {
    device: Arc<AsyncDeviceDebug>,
    whole: Vec<u8>,
    segments: Vec<BytesMut>,
    sizes: Vec<usize>,
}

impl TunReader {
    fn new(device: Arc<AsyncDeviceDebug>) -> Self {
        Self {
            device,
            whole: vec![0; WHOLE_BYTES],
            segments: (0..2 * BATCH).map(|_| segment()).collect(),
            sizes: vec![0; 2 * BATCH],
        }
    }

    async fn read(&mut self, into: &mut Vec<BytesMut>) -> io::Result<()> {
        let device = &self.device.0;
        let (whole, segments) = (&mut self.whole, &mut self.segments);
        let first = device
            .recv_multiple(whole, segments, &mut self.sizes, 0)
            .await;
        match first {
            Ok(count) => self.take(count, into),
            Err(error) if is_of_device(&error) => return Err(error),
            Err(error) => tracing::debug!(%error, "a packet of the device was not understood"),
        }
        for _ in 1..READS {
            if into.len() >= BATCH {
                break;
            }
            let (whole, segments) = (&mut self.whole, &mut self.segments);
            let device = &self.device.0;
            match device.try_recv_multiple(whole, segments, &mut self.sizes, 0) {
                Ok(count) => self.take(count, into),
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, count: usize, into: &mut Vec<BytesMut>) {
        let filled = self.segments.iter_mut().zip(&self.sizes).take(count);
        into.extend(filled.map(|(buffer, &size)| {
            let mut packet = std::mem::replace(buffer, segment());
            packet.truncate(size);
            packet
        }));
    }
}

/// Joins packets of one flow, so that the kernel takes them at once.
pub(crate) struct TunWriter {
    device: Arc<AsyncDeviceDebug>,
    table: GROTable,
    buffers: Vec<Vec<u8>>,
}

impl TunWriter {
    fn new(device: Arc<AsyncDeviceDebug>) -> Self {
        Self {
            device,
            table: GROTable::default(),
            buffers: Vec::new(),
        }
    }

    async fn write(&mut self, packets: &mut Vec<BytesMut>) -> io::Result<()> {
        if self.buffers.len() < packets.len() {
            // Packets are joined in the first one's buffer, which is not made larger for that.
            let whole = || Vec::with_capacity(WHOLE_BYTES);
            self.buffers.resize_with(packets.len(), whole);
        }
        let mut count = 0;
        for (buffer, packet) in self.buffers.iter_mut().zip(packets.drain(..)) {
            buffer.clear();
            buffer.resize(VIRTIO_NET_HDR_LEN, 0);
            buffer.extend_from_slice(&packet);
            count += 1;
        }
        let buffers = self.buffers.get_mut(..count).unwrap_or_default();
        let (device, table) = (&self.device.0, &mut self.table);
        match device
            .send_multiple(table, buffers, VIRTIO_NET_HDR_LEN)
            .await
        {
            Err(error) if is_of_device(&error) => Err(error),
            Err(error) => {
                tracing::trace!(%error, "packets were not taken by the device");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}

fn segment() -> BytesMut {
    BytesMut::zeroed(SEGMENT_BYTES)
}

/// Whether an error is of the device and not of a packet: it is gone.
fn is_of_device(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let gone = [Errno::EBADF, Errno::EBADFD, Errno::ENODEV];
    let code = error.raw_os_error();
    gone.iter().any(|&errno| code == Some(errno as i32))
}
