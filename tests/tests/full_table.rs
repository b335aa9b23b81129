//! A table of the Internet's shape over the API into a running router, whose lookups and packets are compared with a naive match.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot go on has failed"
)]

#[path = "full_table/client.rs"]
mod client;
#[path = "full_table/oracle.rs"]
mod oracle;

use client::Injector;
use etherparse::PacketBuilder;
use ferroute_dataplane::fib::synth::{SplitMix64, ipv4_table, ipv6_table};
use ferroute_proto::v1;
use ferroute_tests::{Api, Interface, Namespace, RawSocket, Router, veth};
use ipnet::{IpNet, Ipv4Net};
use oracle::Oracle;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Gateways over which the routes are spread, each by a set of next hops of its own.
const GATEWAYS: u32 = 8;
const LIMIT: Duration = Duration::from_secs(60);
/// Packets under way at a time: fewer than the receiving socket's ring holds.
const FLIGHT: usize = 32;
/// What stands before a packet's number, which tells it from what the router says of itself. With it a frame is longer than the
/// least one, so that nothing is put behind.
const MARK: [u8; 30] = [0xa5; 30];
/// The number of packets that end a flight.
const LAST: u16 = u16::MAX;
const SEED: u64 = 11;

/// A router between two cables, with its gateways behind the second.
struct Lab {
    router: Router,
    api: Api,
    /// The address of the router's end of the first cable.
    to: [u8; 6],
    from: RawSocket,
    there: RawSocket,
    _wires: Namespace,
}

/// The configuration, with gateways whose Ethernet addresses end with their number.
fn config() -> String {
    let mut text = r#"
twin: { enabled: false }
ports:
  - { name: p0, device: "net_af_packet0,iface=w0" }
  - { name: p1, device: "net_af_packet1,iface=w1" }
interfaces:
  - { name: p0, addresses: [10.0.1.1/24, "fd00:1::1/64"] }
  - { name: p1, addresses: [10.0.2.1/24, "fd00:2::1/64"] }
neighbours:
"#
    .to_owned();
    for gateway in 1..=GATEWAYS {
        let mac = format!("02:00:00:00:01:{gateway:02x}");
        for address in [format!("10.0.2.1{gateway}"), format!("fd00:2::1{gateway}")] {
            text += &format!("  - {{ interface: p1, address: \"{address}\", mac: \"{mac}\" }}\n");
        }
    }
    text
}

impl Lab {
    fn build() -> Self {
        let wires = Namespace::new("wires").unwrap();
        let [(near, first), (_, second)] = [("w0", "h0"), ("w1", "h1")].map(|(ours, theirs)| {
            let (ours, theirs) = veth((&wires, ours), (&wires, theirs)).unwrap();
            ours.mute().unwrap();
            theirs.mute().unwrap();
            (ours, theirs)
        });
        let router = Router::start(&wires, &config(), &[]).unwrap();
        let [from, there] = [first, second].map(|end| RawSocket::open(&end).unwrap());
        Self {
            api: router.api().unwrap(),
            to: mac(&near),
            router,
            from,
            there,
            _wires: wires,
        }
    }

    /// The gateway to which the FIB leads a destination, by the API.
    fn asked(&self, destination: IpAddr) -> Option<u32> {
        let mut routes = v1::route_service_client::RouteServiceClient::new(self.api.channel());
        let request = v1::LookupRequest {
            vrf: "default".to_owned(),
            destination: client::octets(destination),
            flow_hash: None,
        };
        let answer = self.api.call(routes.lookup(request)).unwrap();
        match answer.outcome() {
            v1::LookupOutcome::Forward => {
                let [member] = &*answer.members else {
                    unreachable!("one gateway each: {answer:?}");
                };
                // The rewrite begins with the gateway's address.
                let rewrite = &member.adjacency.as_ref().unwrap().rewrite;
                Some(rewrite[5].into())
            }
            v1::LookupOutcome::NoRoute => None,
            other => unreachable!("{other:?} for {destination}"),
        }
    }

    /// The gateways to which packets went, by the number of their destination. What is in none was not sent on.
    fn sent_on(&self, destinations: &[IpAddr]) -> BTreeMap<u16, u32> {
        let mut gone = BTreeMap::new();
        for (flight, part) in (0_u16..).zip(destinations.chunks(FLIGHT)) {
            let first = flight * FLIGHT as u16;
            for (number, destination) in (first..).zip(part) {
                self.from.send(&self.frame(number, *destination)).unwrap();
            }
            // The last of each family goes to a gateway itself. The families of a burst may overtake one another.
            let gateways: [IpAddr; 2] = [
                [10, 0, 2, 11].into(),
                [0xfd00, 2, 0, 0, 0, 0, 0, 0x11].into(),
            ];
            for gateway in gateways {
                self.from.send(&self.frame(LAST, gateway)).unwrap();
            }
            let mut lasts = 0;
            let what = "the last packets of a flight";
            self.there
                .expect(what, LIMIT, |bytes| {
                    let end = bytes.split_last_chunk();
                    let ours = end.filter(|(rest, _)| rest.ends_with(&MARK));
                    match ours.map(|(_, number)| u16::from_be_bytes(*number)) {
                        Some(LAST) => lasts += 1,
                        Some(number) => _ = gone.insert(number, u32::from(bytes[5])),
                        None => {}
                    }
                    (lasts == gateways.len()).then_some(())
                })
                .unwrap();
        }
        gone
    }

    /// A frame to the router that ends with its number.
    fn frame(&self, number: u16, destination: IpAddr) -> Vec<u8> {
        let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 0xa], self.to);
        let packet = match destination {
            IpAddr::V4(to) => link.ipv4([10, 0, 1, 9], to.octets(), 64),
            IpAddr::V6(to) => {
                let from = [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
                link.ipv6(from, to.octets(), 64)
            }
        };
        let mut frame = Vec::new();
        let payload = [MARK.as_slice(), &number.to_be_bytes()].concat();
        packet.udp(9, 9).write(&mut frame, &payload).unwrap();
        frame
    }

    /// Compares what the router does with so many destinations, and with packets to as many, with what the oracle says.
    fn agrees(&self, what: &str, oracle: &Oracle, looks: usize, random: &mut SplitMix64) {
        let start = Instant::now();
        let destinations = oracle.destinations(2 * looks, random);
        let (asked, sent) = destinations.split_at(looks);
        let mut covered = 0;
        for destination in asked {
            let expected = oracle.lookup(*destination);
            covered += usize::from(expected.is_some());
            assert_eq!(self.asked(*destination), expected, "{what}: {destination}");
        }
        let gone = self.sent_on(sent);
        for (number, destination) in (0..).zip(sent) {
            let expected = oracle.lookup(*destination);
            assert_eq!(
                gone.get(&number).copied(),
                expected,
                "{what}: {destination}"
            );
        }
        println!(
            "{what}: {} routes; {covered} of {looks} lookups and {} of as many packets met one, in {:?}",
            oracle.len(),
            gone.len(),
            start.elapsed()
        );
    }
}

fn mac(interface: &Interface) -> [u8; 6] {
    let text = interface.mac().unwrap();
    let octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16));
    let octets: Vec<u8> = octets.collect::<Result<_, _>>().unwrap();
    octets.try_into().unwrap()
}

/// Prefixes that the router refuses from clients, or that lead to the lab itself.
fn is_special(net: &Ipv4Net) -> bool {
    let first = net.network().octets()[0];
    first == 169 && net.network().octets()[1] == 254 || first == 10
}

/// Full of so many routes of either family, then changed in most of them, then emptied; after each, so many destinations are
/// asked for, and packets are sent to as many others.
fn full_table(ipv4: usize, ipv6: usize, looks: usize) {
    let lab = Lab::build();
    let mut random = SplitMix64::new(SEED);
    let ipv4 = ipv4_table(ipv4, SEED).into_iter();
    let ipv4 = ipv4.filter(|net| !is_special(net)).map(IpNet::V4);
    let ipv6 = ipv6_table(ipv6, SEED).into_iter().map(IpNet::V6);
    let table: Vec<IpNet> = ipv4.chain(ipv6).collect();
    let mut oracle = Oracle::default();
    let mut injector = Injector::open(&lab.api);
    lab.agrees("empty", &oracle, looks, &mut random);

    let start = Instant::now();
    let mut say = |what: &str, oracle: &mut Oracle, changes: Vec<(IpNet, Option<u32>)>| {
        let start = Instant::now();
        for (net, gateway) in &changes {
            oracle.change(*net, *gateway);
        }
        let count = changes.len();
        injector.say(&lab.api, &changes);
        println!("{what}: {count} changes in {:?}", start.elapsed());
        lab.agrees(what, oracle, looks, &mut random);
    };
    let mut draw = SplitMix64::new(SEED + 1);
    let mut gateway = move || Some(1 + draw.below(GATEWAYS.into()) as u32);
    let all = table.iter().map(|net| (*net, gateway())).collect();
    say("full", &mut oracle, all);
    // One of four goes, one of four leads elsewhere, one of four goes and comes back by another way within a batch.
    let mut changes = Vec::new();
    for (number, net) in table.iter().enumerate() {
        match number % 4 {
            0 => changes.push((*net, None)),
            1 => changes.push((*net, gateway())),
            2 => changes.extend([(*net, None), (*net, gateway())]),
            _ => {}
        }
    }
    say("changed", &mut oracle, changes);
    let rest = table.iter().filter(|net| oracle.has(**net));
    let rest = rest.map(|net| (*net, None)).collect();
    say("emptied", &mut oracle, rest);
    println!("all within {:?}", start.elapsed());
    lab.router.stop().unwrap();
}

#[test]
fn a_table_of_the_internets_shape_leads_where_a_naive_match_says() {
    full_table(20_000, 5_000, 1_000);
}

#[test]
#[ignore = "two minutes: make full-table"]
fn a_full_table_of_the_internet_leads_where_a_naive_match_says() {
    full_table(1_000_000, 250_000, 10_000);
}
