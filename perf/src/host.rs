//! A host on a cable of its own to the router: a TCP session with the router's kernel side, and ARP.

use crate::bench::Bench;
use crate::error::PerfError;
use crate::router::Router;
use crate::sample::quantile;
use ferroute_tests::{Interface, Namespace, veth};
use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where the session ends: no port that the policer knows as one of routing.
pub const PORT: u16 = 5_001;

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 9, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 9, 2);
const LENGTH: u8 = 24;
/// The router's port and interface, and the end of the cable that it takes.
const SIDE: &str = "side";
const WIRE: &str = "wire";
const ETH0: &str = "eth0";
/// What goes to and fro: three segments each way.
const BLOCK_BYTES: usize = 4_096;
/// Requests, one a second.
const REQUESTS: u32 = 10;
/// Between two blocks. The policer lets through 50,000 segments a second of all sessions together, which one without pauses
/// exceeds.
const PAUSE: Duration = Duration::from_micros(500);
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What became of a session.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Session {
    /// Blocks that went to the router and came back.
    pub exchanges: usize,
    /// Bytes that came back in a second.
    pub bytes_per_s: f64,
    /// Milliseconds until a block is back: the median.
    pub median_ms: f64,
    /// The longest.
    pub longest_ms: f64,
    /// Segments that either end sent again.
    pub retransmitted: u64,
}

/// What became of ARP requests for the router's address.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Arp {
    /// Requests.
    pub asked: u32,
    /// Answers.
    pub answered: usize,
    /// The longest that an answer took, in milliseconds.
    pub longest_ms: f64,
}

/// How the host fared.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Life {
    /// Its session.
    pub session: Session,
    /// Its requests.
    pub arp: Arp,
}

/// A host with an established session.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    router: Namespace,
    stream: TcpStream,
}

impl Host {
    /// Plugs a host in, by a port that is made for it, and opens its session.
    ///
    /// # Errors
    /// The kernel or the router refuses.
    pub fn plug(bench: &Bench, router: &mut Router) -> Result<Self, PerfError> {
        let namespace = Namespace::new("host")?;
        let (eth0, wire) = veth((&namespace, ETH0), (bench.namespace(), WIRE))?;
        wire.mute()?;
        eth0.address(&format!("{ADDRESS}/{LENGTH}"))?;
        let own: IpNet = Ipv4Net::new_assert(ROUTER, LENGTH).into();
        let device = format!("net_af_packet_{SIDE},iface={WIRE}");
        router.api().add_port(SIDE, &device, &[own])?;
        let stream = session(bench.namespace(), &eth0)?;
        Ok(Self {
            namespace,
            router: bench.namespace().clone(),
            stream,
        })
    }

    /// Keeps the session busy and asks for the router's address while something else happens, for ten seconds at least.
    ///
    /// # Errors
    /// The session broke, or what else happens failed.
    pub fn live<T>(
        &mut self,
        meanwhile: impl FnOnce() -> Result<T, PerfError>,
    ) -> Result<(Life, T), PerfError> {
        let sent_again = self.retransmitted()?;
        let line = format!("arping -I {ETH0} -c {REQUESTS} {ROUTER}");
        let mut arping = self.namespace.spawn(&line)?;
        let stop = AtomicBool::new(false);
        let stream = &mut self.stream;
        let (session, value) = std::thread::scope(|scope| {
            let talking = scope.spawn(|| talk(stream, &stop));
            let value = meanwhile();
            // Its status says whether answers came; so does what it printed.
            let asked = arping.wait(LIMIT);
            stop.store(true, Ordering::Relaxed);
            let session = talking
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            asked?;
            Ok::<_, PerfError>((session?, value?))
        })?;
        let retransmitted = self.retransmitted()? - sent_again;
        let life = Life {
            session: Session {
                retransmitted,
                ..session
            },
            arp: answers(&arping.log()),
        };
        Ok((life, value))
    }

    /// Segments of the session that either end has sent again so far.
    fn retransmitted(&self) -> Result<u64, PerfError> {
        let mut sum = 0;
        for (namespace, end) in [(&self.namespace, "dport"), (&self.router, "sport")] {
            let line = format!("ss -tinHO state established {end} = :{PORT}");
            sum += sent_again(&namespace.run(&line)?);
        }
        Ok(sum)
    }
}

/// A session from the host to the router's address, at whose end all comes back.
fn session(router: &Namespace, eth0: &Interface) -> Result<TcpStream, PerfError> {
    let failed = || PerfError::system("opening a session with the router");
    let listener = router
        .enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)))?
        .map_err(failed())?;
    let address = SocketAddr::from((ROUTER, PORT));
    let stream = eth0
        .namespace()
        .enter(|| TcpStream::connect_timeout(&address, LIMIT))?
        .map_err(failed())?;
    let (mut server, _) = listener.accept().map_err(failed())?;
    for end in [&stream, &server] {
        end.set_nodelay(true).map_err(failed())?;
    }
    stream.set_read_timeout(Some(LIMIT)).map_err(failed())?;
    std::thread::spawn(move || {
        // Who knocks while it lasts finds somebody listening.
        let _listener = listener;
        let mut block = [0; BLOCK_BYTES];
        while let Ok(length @ 1..) = server.read(&mut block) {
            if server.write_all(&block[..length]).is_err() {
                return;
            }
        }
    });
    Ok(stream)
}

/// Sends blocks and waits for each to come back, until told to stop.
fn talk(stream: &mut TcpStream, stop: &AtomicBool) -> Result<Session, PerfError> {
    let failed = || PerfError::system("talking to the router");
    let start = Instant::now();
    let mut times_ms = Vec::new();
    let mut back = [0; BLOCK_BYTES];
    while !stop.load(Ordering::Relaxed) {
        let block = [times_ms.len() as u8; BLOCK_BYTES];
        let asked = Instant::now();
        stream.write_all(&block).map_err(failed())?;
        stream.read_exact(&mut back).map_err(failed())?;
        times_ms.push(asked.elapsed().as_secs_f64() * 1e3);
        if back != block {
            return Err(PerfError::Garbled);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(Session {
        exchanges: times_ms.len(),
        bytes_per_s: (times_ms.len() * BLOCK_BYTES) as f64 / start.elapsed().as_secs_f64(),
        median_ms: quantile(&times_ms, 0.5),
        longest_ms: quantile(&times_ms, 1.0),
        retransmitted: 0,
    })
}

/// What `arping` printed of its answers: `Unicast reply from 10.0.9.1 [02:…]  0.612ms`.
fn answers(log: &str) -> Arp {
    let replies = log.lines().filter(|line| line.contains("reply from"));
    let times_ms: Vec<f64> = replies
        .filter_map(|line| {
            line.trim_end()
                .strip_suffix("ms")?
                .rsplit(' ')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    Arp {
        asked: REQUESTS,
        answered: times_ms.len(),
        longest_ms: quantile(&times_ms, 1.0),
    }
}

/// The segments sent again of what `ss` printed: `… retrans:0/3 …`, absent while there is none.
fn sent_again(printed: &str) -> u64 {
    let fields = printed.split_whitespace();
    let totals = fields.filter_map(|field| field.strip_prefix("retrans:")?.split_once('/'));
    totals
        .filter_map(|(_, total)| total.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tools_print_is_read() {
        let log = "ARPING 10.0.9.1 from 10.0.9.2 eth0\n\
                   Unicast reply from 10.0.9.1 [02:00:00:00:00:01]  0.612ms\n\
                   Unicast reply from 10.0.9.1 [02:00:00:00:00:01]  1.250ms\n\
                   Sent 10 probes (1 broadcast(s))\nReceived 2 response(s)\n";
        let arp = answers(log);
        assert_eq!((arp.answered, arp.longest_ms), (2, 1.25));
        let printed = "0 0 10.0.9.2:40000 10.0.9.1:5001 cubic wscale:7,7 bytes_acked:9 retrans:0/3 rcv_space:9\n";
        assert_eq!((sent_again(printed), sent_again("0 0 a b cubic")), (3, 0));
    }
}
