//! The lab of S7, S8 and S11: a node with two uplinks.

use crate::common::{Routed, forwarder, wait_ping};
use ferroute_tests::daemon::frr::{Bfd, Bgp, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::{Interface, Namespace, Node, keep, route, veth};
use std::net::IpAddr;

const PICTURE: &str = "
    two uplinks, numbered (10.22.N.1 and .2, 2001:db8:22:N::1 and ::2) or not (both families over link-local next hops)

                 ┌ eth1 tor1 (AS 64512) eth0 ──── p0 ┌────┐
    far ─────────┤                                   │ r1 │ p2 10.0.9.1 2001:db8:9::1 ──── eth0 host .2 ::2
    lo 10.20.0.1 └ eth1 tor2 (AS 64513) eth0 ──── p1 └────┘
    2001:db8:20::1                                   AS 64514
";

/// The source of routes that come by FRR's own channel.
const CHANNEL: &str = "sources: [{owner: zebra, kind: fpm}]\n";
/// What lies behind the uplinks.
pub(crate) const PREFIXES: [&str; 2] = ["10.20.0.0/16", "2001:db8:20::/48"];
/// From the host to the box behind them.
pub(crate) const TARGETS: [(&str, &str); 2] = [
    ("10.0.9.2", "10.20.0.1"),
    ("2001:db8:9::2", "2001:db8:20::1"),
];

/// How the lab is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Whose FRR.
    pub(crate) release: Release,
    /// Whether the uplinks have addresses.
    pub(crate) numbered: bool,
    /// How liveness of the uplinks is watched.
    pub(crate) bfd: Option<Bfd>,
    /// Whether everybody keeps the routes of those that start again.
    pub(crate) graceful: bool,
    /// Whether routes come by FRR's own channel, or from the kernel.
    pub(crate) by_channel: bool,
}

impl Plan {
    /// Unnumbered uplinks, routes from the kernel.
    pub(crate) const fn of(release: Release) -> Self {
        Self {
            release,
            numbered: false,
            bfd: None,
            graceful: false,
            by_channel: false,
        }
    }

    /// The sessions of an end, the router's (1) or the ToR's (2), over an uplink.
    fn neighbours(&self, uplink: usize, port: &str, end: u8) -> Vec<Neighbour> {
        let far = 3 - end;
        let to = if self.numbered {
            let both = [
                format!("10.22.{uplink}.{far}"),
                format!("2001:db8:22:{uplink}::{far}"),
            ];
            let at =
                |text: String| Neighbour::at(text.parse::<IpAddr>().unwrap(), Remote::External);
            both.map(at).into()
        } else {
            vec![Neighbour::on(port, Remote::External)]
        };
        let watched = |neighbour| Neighbour {
            bfd: self.bfd,
            ..neighbour
        };
        to.into_iter().map(watched).collect()
    }

    /// The addresses of an end of an uplink.
    fn addresses(&self, uplink: usize, end: u8) -> Vec<String> {
        if self.numbered {
            vec![
                format!("10.22.{uplink}.{end}/24"),
                format!("2001:db8:22:{uplink}::{end}/64"),
            ]
        } else {
            Vec::new()
        }
    }

    fn instance(&self, asn: u32, number: u8, neighbours: Vec<Neighbour>) -> Bgp {
        let bgp = Bgp::new(asn, [10, 255, 0, number]);
        let bgp = neighbours.into_iter().fold(bgp, Bgp::neighbour);
        if self.graceful { bgp.graceful() } else { bgp }
    }
}

/// The lab, converged.
pub(crate) struct Uplinks {
    pub(crate) r1: Routed,
    plan: Plan,
    pub(crate) host: Namespace,
    pub(crate) far: Namespace,
    /// The ends of the uplinks at the ToRs.
    pub(crate) cables: Vec<Interface>,
    tors: [Namespace; 2],
    frrs: Vec<Frr>,
}

impl Uplinks {
    pub(crate) fn start(plan: Plan) -> Self {
        let mut node = Node::new("r1").unwrap();
        let far = forwarder("far", &["10.20.0.1/32", "2001:db8:20::1/128"]);
        let tors = ["tor1", "tor2"].map(|name| forwarder(name, &[]));
        let mut cables = Vec::new();
        let (mut back4, mut back6) = (String::new(), String::new());
        for (number, (tor, port)) in tors.iter().zip(["p0", "p1"]).enumerate() {
            let ours = plan.addresses(number, 1);
            let ours: Vec<_> = ours.iter().map(String::as_str).collect();
            let cable = node.port(port, None, &ours, (tor, "eth0")).unwrap();
            for address in plan.addresses(number, 2) {
                cable.address(&address).unwrap();
            }
            cables.push(cable);
            let (inner, outer) = veth((tor, "eth1"), (&far, port)).unwrap();
            for (end, last) in [(&inner, 1), (&outer, 2)] {
                end.address(&format!("10.21.{number}.{last}/24")).unwrap();
                end.address(&format!("2001:db8:21:{number}::{last}/64"))
                    .unwrap();
            }
            route(tor, &format!("10.20.0.0/16 via 10.21.{number}.2")).unwrap();
            route(
                tor,
                &format!("2001:db8:20::/48 via 2001:db8:21:{number}::2"),
            )
            .unwrap();
            back4 += &format!(" nexthop via 10.21.{number}.1");
            back6 += &format!(" nexthop via 2001:db8:21:{number}::1");
        }
        route(&far, &format!("10.0.9.0/24{back4}")).unwrap();
        route(&far, &format!("2001:db8:9::/64{back6}")).unwrap();
        let host = forwarder("host", &[]);
        let eth0 = node
            .port(
                "p2",
                None,
                &["10.0.9.1/24", "2001:db8:9::1/64"],
                (&host, "eth0"),
            )
            .unwrap();
        for address in ["10.0.9.2/24", "2001:db8:9::2/64"] {
            eth0.address(address).unwrap();
        }
        route(&host, "0.0.0.0/0 via 10.0.9.1").unwrap();
        route(&host, "::/0 via 2001:db8:9::1").unwrap();

        let shared = PREFIXES.map(|net| net.parse().unwrap());
        let frrs = (tors.iter().enumerate())
            .zip([(64512, 2), (64513, 3)])
            .map(|((uplink, tor), (asn, number))| {
                let sessions = plan.neighbours(uplink, "eth0", 2);
                let bgp = plan.instance(asn, number, sessions).networks(&shared);
                Frr::start(tor, plan.release, &FrrConfig::bgp(bgp), &[]).unwrap()
            })
            .collect();
        let own = ["10.0.9.0/24", "2001:db8:9::/64"].map(|net| net.parse().unwrap());
        let sessions = (0..).zip(["p0", "p1"]);
        let sessions = sessions.flat_map(|(uplink, port)| plan.neighbours(uplink, port, 1));
        let bgp = plan.instance(64514, 1, sessions.collect()).networks(&own);
        let mut config = FrrConfig::bgp(bgp);
        let mut sources = node.bridge_config();
        if plan.by_channel {
            config.fpm = Some(("127.0.0.1:2620".parse().unwrap(), true));
            sources = CHANNEL.to_owned();
        }
        let r1 = Routed::with_sources(node, plan.release, &config, &sources);
        let lab = Self {
            r1,
            plan,
            host,
            far,
            cables,
            tors,
            frrs,
        };
        lab.converge();
        lab
    }

    /// Waits until both uplinks carry both families.
    pub(crate) fn converge(&self) {
        for session in self.sessions() {
            self.r1.frr.wait_established(None, &session).unwrap();
        }
        for prefix in PREFIXES {
            self.r1.frr.wait_route(None, prefix, 2).unwrap();
            self.r1.wait_forwarding("default", prefix, 2);
        }
        for frr in &self.frrs {
            frr.wait_route(None, "10.0.9.0/24", 1).unwrap();
            frr.wait_route(None, "2001:db8:9::/64", 1).unwrap();
        }
        for (source, target) in TARGETS {
            wait_ping(&self.host, source, target);
        }
    }

    /// The names of the router's sessions, those of the first uplink first.
    pub(crate) fn sessions(&self) -> Vec<String> {
        let uplinks = (0..).zip(["p0", "p1"]);
        let of = |(uplink, port): (usize, &str)| self.plan.neighbours(uplink, port, 1);
        uplinks
            .flat_map(of)
            .map(|neighbour| neighbour.name())
            .collect()
    }

    /// Takes the first ToR away: its cables to the router and to the far box.
    pub(crate) fn end_first_tor(&self) {
        self.cables[0].set("down").unwrap();
        Interface::named(&self.far, "p0").set("down").unwrap();
    }

    /// Shows the lab to whoever wants to play with it.
    pub(crate) fn keep(&self, name: &str) {
        let [tor1, tor2] = &self.tors;
        let ways: Vec<_> = ["tor1", "tor2"]
            .into_iter()
            .zip(&self.frrs)
            .chain([("r1", &self.r1.frr)])
            .map(|(name, frr)| (name, frr.way_in()))
            .collect();
        let boxes = [&self.host, &self.far, self.r1.node.kernel(), tor1, tor2];
        keep::ready(&format!("{name}:{PICTURE}"), &boxes, &ways).unwrap();
    }

    /// How many packets the router has sent on each uplink.
    pub(crate) fn uplink_packets(&self) -> [u64; 2] {
        let stats = self.r1.router.get().api().unwrap().interfaces().unwrap();
        ["p0", "p1"].map(|port| {
            let of = stats.iter().find(|stats| stats.name == port).unwrap();
            of.counters.unwrap().tx.unwrap().packets
        })
    }
}
