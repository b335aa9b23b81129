//! Traffic between namespaces that knows what became of it: streams that count what was lost, and flows that say who
//! answered them.

use crate::error::LabError;
use crate::netns::Namespace;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBufForce;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long nothing may arrive before what has not arrived counts as lost: a machine that others use too holds things up.
const UNDER_WAY: Duration = Duration::from_secs(3);
/// How much lateness a sender makes up for.
const MAKE_UP: Duration = Duration::from_millis(50);
/// What the kernel keeps for a receiver, in bytes.
const RECEIVE_BYTES: usize = 8 << 20;
/// How often a waiting receiver sees whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// How long a flow waits for its answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Numbered UDP packets at an even rate.
#[derive(Debug)]
pub struct Stream {
    stop: Arc<AtomicBool>,
    /// How many were sent, when that is known.
    sent: Arc<OnceLock<u64>>,
    sender: JoinHandle<io::Result<Sent>>,
    receiver: JoinHandle<io::Result<Received>>,
}

/// What became of a stream.
#[derive(Clone, Debug)]
pub struct Account {
    /// How many packets were sent.
    pub sent: u64,
    /// The numbers of those that did not arrive, from 0.
    pub lost: Vec<u64>,
    /// How many arrived more than once.
    pub repeated: u64,
    /// The longest time in which nothing arrived.
    pub longest_gap: Duration,
    /// The longest time by which the sender was late, because it got no CPU. Others may have got none either.
    pub longest_wait: Duration,
}

/// What a sender did.
#[derive(Debug)]
struct Sent {
    packets: u64,
    late: Duration,
}

#[derive(Debug, Default)]
struct Received {
    numbers: BTreeSet<u64>,
    repeated: u64,
    longest_gap: Duration,
}

impl Stream {
    /// Begins to send from an address in one namespace to an address in another, on a port that the kernel chooses.
    ///
    /// # Errors
    /// [`LabError::System`] when an address is not there.
    pub fn start(
        from: (&Namespace, IpAddr),
        to: (&Namespace, IpAddr),
        packets_per_second: u32,
    ) -> Result<Self, LabError> {
        let open = |(namespace, address): (&Namespace, IpAddr)| {
            namespace
                .enter(|| UdpSocket::bind((address, 0)))?
                .map_err(LabError::system(format!("binding {address}")))
        };
        let (source, sink) = (open(from)?, open(to)?);
        let target = sink
            .local_addr()
            .map_err(LabError::system("naming a socket"))?;
        sink.set_read_timeout(Some(LOOK))
            .map_err(LabError::system("setting a timeout"))?;
        // A receiver that waits for a CPU has lost nothing.
        setsockopt(&sink, RcvBufForce, &RECEIVE_BYTES)
            .map_err(LabError::system("enlarging a buffer"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stop_sending = Arc::clone(&stop);
        let sent = Arc::new(OnceLock::new());
        let expected = Arc::clone(&sent);
        let interval = Duration::from_secs(1) / packets_per_second;
        Ok(Self {
            sender: std::thread::spawn(move || send(&source, target, interval, &stop_sending)),
            receiver: std::thread::spawn(move || receive(&sink, &expected)),
            stop,
            sent,
        })
    }

    /// Sends no more; what is under way may arrive.
    pub fn end(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Stops sending, waits for what is under way, and counts.
    ///
    /// # Errors
    /// [`LabError::System`] when a socket failed.
    pub fn stop(self) -> Result<Account, LabError> {
        self.end();
        let sent = finish(self.sender);
        // After a failure there is nothing to wait for.
        self.sent
            .get_or_init(|| sent.as_ref().map_or(0, |sent| sent.packets));
        let Sent { packets, late } = sent.map_err(LabError::system("sending a stream"))?;
        let received = finish(self.receiver).map_err(LabError::system("receiving a stream"))?;
        Ok(Account {
            sent: packets,
            lost: (0..packets)
                .filter(|number| !received.numbers.contains(number))
                .collect(),
            repeated: received.repeated,
            longest_gap: received.longest_gap,
            longest_wait: late,
        })
    }
}

fn finish<T>(thread: JoinHandle<T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Sends at an even rate. A late wake-up is made up for, but not all at once: that would try the queues on the way.
fn send(
    socket: &UdpSocket,
    target: SocketAddr,
    interval: Duration,
    stop: &AtomicBool,
) -> io::Result<Sent> {
    let (mut due, mut number, mut late) = (Instant::now(), 0_u64, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        // An ICMP error of an earlier packet is reported here; that packet is missing at the other end, which counts.
        if let Err(error) = socket.send_to(&number.to_be_bytes(), target)
            && !matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
            )
        {
            return Err(error);
        }
        number += 1;
        let now = Instant::now();
        late = late.max(now.saturating_duration_since(due));
        due = (due + interval).max(now.checked_sub(MAKE_UP).unwrap_or(now));
        std::thread::sleep(due.saturating_duration_since(now));
    }
    let packets = number;
    Ok(Sent { packets, late })
}

fn receive(socket: &UdpSocket, sent: &OnceLock<u64>) -> io::Result<Received> {
    let mut received = Received::default();
    let mut last: Option<Instant> = None;
    let mut silent_since: Option<Instant> = None;
    let mut buffer = [0; 64];
    loop {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let Some(number) = buffer[..length].first_chunk() else {
                    continue;
                };
                let now = Instant::now();
                silent_since = None;
                if let Some(last) = last.replace(now) {
                    received.longest_gap = received.longest_gap.max(now - last);
                }
                if !received.numbers.insert(u64::from_be_bytes(*number)) {
                    received.repeated += 1;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let Some(sent) = sent.get() else {
            continue;
        };
        let all = received.numbers.len() as u64 >= *sent;
        if all || silent_since.get_or_insert_with(Instant::now).elapsed() >= UNDER_WAY {
            return Ok(received);
        }
    }
}

/// A UDP server that answers each packet with its own name and the address that it saw the packet come from, until it is dropped.
#[derive(Debug)]
pub struct Responder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Answers on an address and a port of a namespace under its name.
    ///
    /// # Errors
    /// [`LabError::System`] when the address is not there.
    pub fn start(namespace: &Namespace, at: SocketAddr) -> Result<Self, LabError> {
        let socket = namespace
            .enter(|| UdpSocket::bind(at))?
            .map_err(LabError::system(format!("binding {at}")))?;
        socket
            .set_read_timeout(Some(LOOK))
            .map_err(LabError::system("setting a timeout"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, name) = (Arc::clone(&stop), namespace.name().to_owned());
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while !ended.load(Ordering::Relaxed) {
                if let Ok((_, client)) = socket.recv_from(&mut buffer) {
                    // A client that has gone gets no answer.
                    let _ = socket.send_to(format!("{name} {}", client.ip()).as_bytes(), client);
                }
            }
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only ends; its socket goes with it.
            let _ = thread.join();
        }
    }
}

/// Flows from one address to a [`Responder`], each with a source port of its own that it keeps.
#[derive(Debug)]
pub struct Flows {
    sockets: Vec<UdpSocket>,
}

/// Who answered a flow.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Answer {
    /// The name of the namespace of the responder.
    pub by: String,
    /// The address that it saw as the client's.
    pub client: String,
}

impl Flows {
    /// Opens so many flows from an address in a namespace.
    ///
    /// # Errors
    /// [`LabError::System`] when the address is not there.
    pub fn open(
        namespace: &Namespace,
        from: IpAddr,
        to: SocketAddr,
        count: usize,
    ) -> Result<Self, LabError> {
        let open = || -> io::Result<Vec<UdpSocket>> {
            (0..count)
                .map(|_| {
                    let socket = UdpSocket::bind((from, 0))?;
                    socket.connect(to)?;
                    socket.set_read_timeout(Some(ANSWER))?;
                    Ok(socket)
                })
                .collect()
        };
        let sockets = namespace
            .enter(open)?
            .map_err(LabError::system(format!("opening flows to {to}")))?;
        Ok(Self { sockets })
    }

    /// Sends one packet of each flow and answers who answered, in the order of the flows; none for those without an answer.
    #[must_use]
    pub fn ask(&self) -> Vec<Option<Answer>> {
        self.sockets
            .iter()
            .map(|socket| {
                // A late answer to an earlier packet is the same flow's.
                socket.send(b"who").ok()?;
                let mut buffer = [0; 256];
                let length = socket.recv(&mut buffer).ok()?;
                let text = String::from_utf8_lossy(&buffer[..length]);
                let (by, client) = text.split_once(' ')?;
                Some(Answer {
                    by: by.to_owned(),
                    client: client.to_owned(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::veth;

    #[test]
    fn a_stream_counts_what_a_link_that_was_down_has_lost() {
        let (a, b) = (Namespace::new("a").unwrap(), Namespace::new("b").unwrap());
        let (here, there) = veth((&a, "eth0"), (&b, "eth0")).unwrap();
        here.address("10.0.0.1/24").unwrap();
        there.address("10.0.0.2/24").unwrap();
        let addresses = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let start = || Stream::start((&a, addresses[0]), (&b, addresses[1]), 1000).unwrap();
        let stream = start();
        a.run("ping -c 5 -i 0.02 10.0.0.2").unwrap();
        let account = stream.stop().unwrap();
        assert!(account.sent >= 50, "{account:?}");
        assert!(
            account.lost.is_empty() && account.repeated == 0,
            "{account:?}"
        );

        let stream = start();
        a.run("ping -c 5 -i 0.02 10.0.0.2").unwrap();
        there.set("down").unwrap();
        there.set("up").unwrap();
        a.run("ping -c 5 -i 0.02 -W 5 10.0.0.2").unwrap();
        let account = stream.stop().unwrap();
        let lost = account.lost.len() as u64;
        assert!(lost > 0 && lost < account.sent, "{account:?}");
    }

    #[test]
    fn flows_learn_who_answered_and_as_whom_they_were_seen() {
        let namespace = Namespace::new("here").unwrap();
        let at = SocketAddr::from(([127, 0, 0, 1], 7));
        let responder = Responder::start(&namespace, at).unwrap();
        let flows = Flows::open(&namespace, [127, 0, 0, 9].into(), at, 3).unwrap();
        let answer = Some(Answer {
            by: "here".to_owned(),
            client: "127.0.0.9".to_owned(),
        });
        assert_eq!(flows.ask(), vec![answer; 3]);
        drop(responder);
        assert_eq!(flows.ask()[0], None);
    }
}
