//! Times and sizes of the RIB with a table of the Internet's shape.
//!
//! ```text
//! cargo run --release -p ferroute-control --example rib_bench [routes]
//! ```
//!
//! Times are of the CPU, so that a busy machine does not count. Each order of the routes runs in a process of its own,
//! so that memory that one gave back is not used by the other.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ferroute_control::nexthop::{Buckets, NextHop, NextHopSet, NextHopSetId, NextHops};
use ferroute_control::rib::{Attributes, BestChange, Limits, Rib, Session, Tenure};
use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ipnet::{IpNet, Ipv4Net};

const GATEWAYS: usize = 64;
const BATCH: usize = 4096;
const VRF: VrfId = VrfId::DEFAULT;

type Failure = Box<dyn std::error::Error>;

/// A small generator of the same numbers on every run (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Distinct prefixes in the Internet's mix of lengths, in the order of addresses.
fn prefixes(count: usize) -> Result<Vec<IpNet>, Failure> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut prefixes = Vec::new();
    loop {
        if prefixes.len() == count {
            prefixes.sort_unstable();
            prefixes.dedup();
            if prefixes.len() == count {
                return Ok(prefixes);
            }
        }
        let length = match random.next() % 1000 {
            0..5 => 32,
            5..605 => 24,
            rest => 16 + (rest % 8) as u8,
        };
        let address = Ipv4Addr::from_bits((random.next() >> 32) as u32);
        if (1..224).contains(&address.octets()[0]) {
            prefixes.push(IpNet::from(Ipv4Net::new(address, length)?.trunc()));
        }
    }
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<usize>().ok())
        .unwrap_or(0)
        * 1024
}

/// The time that this thread was on a CPU.
fn cpu_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = schedstat
        .split_whitespace()
        .next()
        .and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

struct Bench {
    rib: Rib,
    hops: NextHops,
    sets: Vec<NextHopSetId>,
    changes: Vec<BestChange>,
}

impl Bench {
    fn new() -> Result<Self, Failure> {
        let mut rib = Rib::new(Limits {
            per_vrf: 4_000_000,
            total: 4_000_000,
        });
        let mut hops = NextHops::new(100_000, true);
        rib.add_vrf(VRF)?;
        let interface = InterfaceId::new(1);
        hops.set_interface(interface, true);
        let router = rib
            .owner_connect("connected", Tenure::Persistent, 0)?
            .session;
        let set = hops.intern(NextHopSet::connected(interface), &rib)?;
        let mut changes = Vec::with_capacity(BATCH);
        let link = Attributes {
            distance: 0,
            metric: 0,
            set,
        };
        rib.insert(
            &mut hops,
            router,
            VRF,
            "198.18.0.0/15".parse()?,
            link,
            &mut changes,
        )?;
        let mut sets = Vec::new();
        for number in 1..=GATEWAYS {
            let gateway = IpAddr::from(Ipv4Addr::new(198, 18, 0, u8::try_from(number)?));
            let hop = NextHop::from_parts(Some(gateway), None, VRF, false, 1)?;
            sets.push(hops.intern(NextHopSet::unicast([hop])?, &rib)?);
        }
        Ok(Self {
            rib,
            hops,
            sets,
            changes,
        })
    }

    /// Inserts all; with `intern`, looks each route's set up by its members, as for a client without groups.
    fn insert(
        &mut self,
        session: Session,
        prefixes: &[IpNet],
        intern: bool,
    ) -> Result<(), Failure> {
        for batch in prefixes.chunks(BATCH) {
            self.changes.clear();
            for prefix in batch {
                let mut set = self.sets[prefix.prefix_len() as usize % GATEWAYS];
                if intern && let Some(declared) = self.hops.get(set).map(|set| set.declared.clone())
                {
                    set = self.hops.intern(declared, &self.rib)?;
                }
                let attributes = Attributes {
                    distance: 20,
                    metric: 0,
                    set,
                };
                self.rib.insert(
                    &mut self.hops,
                    session,
                    VRF,
                    *prefix,
                    attributes,
                    &mut self.changes,
                )?;
            }
            self.hops.settle(&self.rib, usize::MAX);
        }
        Ok(())
    }

    fn remove(&mut self, session: Session, prefixes: &[IpNet]) -> Result<(), Failure> {
        for batch in prefixes.chunks(BATCH) {
            self.changes.clear();
            for prefix in batch {
                self.rib
                    .remove(&mut self.hops, session, VRF, *prefix, &mut self.changes)?;
            }
        }
        Ok(())
    }

    /// Takes the link of all gateways down or up, and brings every route out of the FIB or into it.
    fn flip(&mut self, up: bool) {
        self.hops.set_interface(InterfaceId::new(1), up);
        self.hops.settle(&self.rib, usize::MAX);
        self.rib.recheck();
        self.work();
    }

    fn work(&mut self) {
        while self.rib.has_work() {
            self.changes.clear();
            self.rib.work(&mut self.hops, BATCH, &mut self.changes);
        }
    }
}

fn report(what: &str, count: usize, start: Duration) {
    let took = cpu_time() - start;
    println!(
        "{what:<44} {:>8.1} ms {:>8.0} ns each",
        took.as_secs_f64() * 1e3,
        took.as_nanos() as f64 / count as f64
    );
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments
        .next()
        .map_or(Ok(1_000_000), |count| count.parse())?;
    let Some(order) = arguments.next() else {
        for order in ["in order", "shuffled"] {
            std::process::Command::new(std::env::current_exe()?)
                .args([&count.to_string(), order])
                .status()?;
        }
        return buckets();
    };
    let mut routes = prefixes(count)?;
    let mut random = Random(42);
    for at in (1..routes.len()).rev().take_while(|_| order == "shuffled") {
        routes.swap(at, (random.next() % (at as u64 + 1)) as usize);
    }
    println!("{count} IPv4 routes, {order}");
    run(&routes)
}

/// A member of a large group goes and comes back.
fn buckets() -> Result<(), Failure> {
    let members: Vec<(u32, u32)> = (0..256).map(|member| (member, 1)).collect();
    let full = Buckets::new(&members).ok_or("no members")?;
    let start = cpu_time();
    let rounds = 1000;
    for round in 0..rounds {
        let mut rest = members.clone();
        rest.remove(round % members.len());
        let without = full.next(&rest).ok_or("no members")?;
        without.next(&members).ok_or("no members")?;
    }
    println!("a group of 256 members");
    report("one goes, or comes back", 2 * rounds, start);
    Ok(())
}

fn run(routes: &[IpNet]) -> Result<(), Failure> {
    let mut bench = Bench::new()?;
    let open = |bench: &mut Bench, epoch| {
        bench.rib.owner_connect(
            "bgp",
            Tenure::Epochs {
                epoch,
                grace_ns: 1_000_000_000,
            },
            0,
        )
    };
    let before = resident_bytes();
    let session = open(&mut bench, 1)?.session;
    let start = cpu_time();
    bench.insert(session, routes, false)?;
    report("insert", routes.len(), start);
    println!(
        "memory {:.1} bytes each",
        (resident_bytes() - before) as f64 / routes.len() as f64
    );

    bench.rib.owner_gone(session, 0);
    let session = open(&mut bench, 2)?.session;
    let start = cpu_time();
    bench.insert(session, routes, true)?;
    report("refresh in a new epoch, sets interned", routes.len(), start);
    bench.rib.end_of_rib(session)?;
    let start = cpu_time();
    bench.work();
    report("end of RIB, nothing to sweep", 1, start);

    let start = cpu_time();
    for up in [false, true] {
        bench.flip(up);
    }
    report("elect again, link down and up", 2 * routes.len(), start);

    bench.rib.owner_gone(session, 0);
    let session = open(&mut bench, 3)?.session;
    let half: Vec<_> = routes.iter().copied().step_by(2).collect();
    bench.insert(session, &half, false)?;
    bench.rib.end_of_rib(session)?;
    let start = cpu_time();
    bench.work();
    report(
        "sweep of every other route",
        routes.len() - half.len(),
        start,
    );

    let start = cpu_time();
    bench.remove(session, &half)?;
    report("withdraw", half.len(), start);
    Ok(())
}
