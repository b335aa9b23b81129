//! Flows of numbered datagrams between the hosts.

use ferroute_tests::{Namespace, TwoHosts};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
/// Between two datagrams of all flows of one way and family.
const INTERVAL: Duration = Duration::from_micros(1000);
/// The first flow's port; each further one of the same two hosts has the next.
const PORT: u16 = 6000;

/// A lab's configuration with rings of packet sockets that bridge two seconds in which a worker gets no CPU.
pub(crate) fn patient(lab: &TwoHosts) -> String {
    lab.config().replace("\" }", ",framecnt=4096\" }")
}

/// A flow of numbered datagrams.
pub(crate) struct Flow {
    name: String,
    stop: Arc<AtomicBool>,
    sender: JoinHandle<u64>,
    receiver: JoinHandle<Vec<u64>>,
}

impl Flow {
    fn start(
        from: &Namespace,
        to: &Namespace,
        address: &str,
        port: u16,
        interval: Duration,
    ) -> Self {
        let target = SocketAddr::new(address.parse().unwrap(), port);
        let any: SocketAddr = if target.is_ipv4() {
            "0.0.0.0:0".parse().unwrap()
        } else {
            "[::]:0".parse().unwrap()
        };
        let inbound = to.enter(|| UdpSocket::bind(target)).unwrap().unwrap();
        let outbound = from.enter(|| UdpSocket::bind(any)).unwrap().unwrap();
        inbound.set_read_timeout(Some(LIMIT)).unwrap();
        outbound.set_write_timeout(Some(LIMIT)).unwrap();
        outbound.connect(target).unwrap();
        // The first ones find the way to the neighbours; what follows is counted.
        let mut first = [0; 8];
        outbound.send(&u64::MAX.to_be_bytes()).unwrap();
        inbound.recv(&mut first).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let sender = std::thread::spawn(move || {
            let mut number = 0_u64;
            while !told.load(Ordering::Relaxed) {
                outbound.send(&number.to_be_bytes()).unwrap();
                number += 1;
                std::thread::sleep(interval);
            }
            // The end says how many there were; several, so that one always comes.
            for _ in 0..3 {
                outbound.send(&[]).unwrap();
            }
            number
        });
        let receiver = std::thread::spawn(move || {
            let mut numbers = Vec::new();
            let mut datagram = [0; 8];
            while inbound.recv(&mut datagram).unwrap() == 8 {
                numbers.push(u64::from_be_bytes(datagram));
            }
            numbers
        });
        Self {
            name: format!("the flow to {target}"),
            stop,
            sender,
            receiver,
        }
    }

    /// Every one that was sent came, once and in order.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.sender.join().unwrap();
        let came = self.receiver.join().unwrap();
        let lost: Vec<_> = (0..sent)
            .filter(|n| came.binary_search(n).is_err())
            .collect();
        assert!(sent > 50, "{} sent only {sent}", self.name);
        assert!(
            came.iter().copied().eq(0..sent),
            "{}: {} of {sent} lost, from {:?} to {:?}; out of order: {:?}",
            self.name,
            lost.len(),
            lost.first(),
            lost.last(),
            came.windows(2).filter(|n| n[0] >= n[1]).collect::<Vec<_>>()
        );
        println!("{}: {sent} sent, none lost", self.name);
    }
}

/// So many flows each way in each family.
pub(crate) fn flows(lab: &TwoHosts, count: u16) -> Vec<Flow> {
    let (a, b) = (&lab.a, &lab.b);
    let ways = [
        (a, b, b.v4.behind),
        (b, a, a.v4.behind),
        (a, b, b.v6.behind),
        (b, a, a.v6.behind),
    ];
    (PORT..PORT + count)
        .flat_map(|port| {
            ways.map(|(from, to, address)| {
                Flow::start(
                    from.namespace(),
                    to.namespace(),
                    address,
                    port,
                    INTERVAL * u32::from(count),
                )
            })
        })
        .collect()
}
