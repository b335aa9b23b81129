//! S2: the router as a provider edge, whose VRFs are connected with those of two kernel leaves by VNIs.

use crate::common::{LIMIT, Routed, forwarder, wait_ping};
use crate::evpn_leaves::{self, Leaf, TENANTS, defaults, instances, l3vnis, networks};
use ferroute_tests::daemon::frr::FrrConfig;
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::{Namespace, Node, keep};
use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

const PICTURE: &str = "
    the router with FRR as a leaf beside two kernel leaves; VNIs 100 (red) and 200 (blue) route

    hosta 192.168.20.2 ── red ┌───────┐      ┌───────┐      ┌────┐ red  p1 192.170.20.1 ── hostr 192.170.20.2
    bluea 192.168.21.2 ─ blue │ leafa ├──────┤ spine ├── p0 │ r1 │
                              └───────┘      └───┬───┘      └────┘ blue p2 192.170.21.1 ── bluer 192.170.21.2
    hostb 192.169.20.2 ── red ┌───────┐          │           lo0 100.64.0.3, AS 64522
    blueb 192.169.21.2 ─ blue │ leafb ├──────────┘
                              └───────┘
    IPv6: 2001:db8:<third number>:<box>::2, boxes 1 (leafa), 2 (leafb), 3 (r1)
";

/// The number of the router among the boxes.
const ROUTER: u8 = 3;
/// More than one window, and packets of full size: the tunnel's MTU must be found.
const TCP_BYTES: usize = 1 << 20;

struct Lab {
    r1: Routed,
    /// Hosts behind the router, as in [`TENANTS`].
    hosts: Vec<Namespace>,
    leaves: Vec<Leaf>,
    spine: Frr,
}

impl Lab {
    fn start() -> Self {
        let release = Release::Debian13;
        let spine = forwarder("spine", &[]);
        let leaves: Vec<_> = (1..ROUTER)
            .map(|number| Leaf::start(number, &spine, release))
            .collect();
        let mut node = Node::new("r1").unwrap();
        let uplink = node
            .port("p0", None, &["192.168.3.1/24"], (&spine, "eth3"))
            .unwrap();
        uplink.address("192.168.3.2/24").unwrap();
        node.loopback("lo0", None, &["100.64.0.3/32"]);
        let hosts = TENANTS
            .iter()
            .zip(1..)
            .map(|((vrf, vni, place), table)| {
                node.vrf(vrf, table).unwrap();
                node.l3vni(vrf, *vni, "100.64.0.3");
                let called = if *vrf == "red" { "host" } else { vrf };
                let host = Namespace::new(&format!("{called}r")).unwrap();
                let [v4, v6] = networks(ROUTER, *place);
                let own = [format!("{v4}1/24"), format!("{v6}1/64")];
                let own = own.each_ref().map(String::as_str);
                let port = format!("p{table}");
                let eth0 = node.port(&port, Some(vrf), &own, (&host, "eth0")).unwrap();
                eth0.address(&format!("{v4}2/24")).unwrap();
                eth0.address(&format!("{v6}2/64")).unwrap();
                defaults(&host, &v4, &v6);
                host
            })
            .collect();
        let config = FrrConfig {
            bgp: instances(ROUTER),
            l3vnis: l3vnis(),
            ..FrrConfig::default()
        };
        let r1 = Routed::start(node, release, &config);
        let spine_frr = evpn_leaves::reflect(&spine, release, &[1, 2, ROUTER]);
        r1.frr.wait_established(None, "192.168.3.2").unwrap();
        let lab = Self {
            r1,
            hosts,
            leaves,
            spine: spine_frr,
        };
        let boxes: Vec<_> = (lab.hosts.iter())
            .chain(lab.leaves.iter().flat_map(|leaf| {
                let tenants = leaf.tenants.iter();
                tenants.map(|tenant| &tenant.host)
            }))
            .chain([lab.r1.node.kernel(), &spine])
            .collect();
        let ways = [
            ("leafa", lab.leaves[0].frr.way_in()),
            ("leafb", lab.leaves[1].frr.way_in()),
            ("r1", lab.r1.frr.way_in()),
            ("spine", lab.spine.way_in()),
        ];
        lab.converge();
        keep::ready(&format!("S2{PICTURE}"), &boxes, &ways).unwrap();
        lab
    }

    /// Both kinds of prefixes of each leaf in the router, and the router's in each leaf.
    fn converge(&self) {
        for (vrf, _, third) in TENANTS {
            for (leaf, number) in self.leaves.iter().zip(1..) {
                let [v4, v6] = networks(number, third);
                let own = networks(ROUTER, third);
                let prefixes = |[v4, v6]: [String; 2]| [format!("{v4}0/24"), format!("{v6}/64")];
                for prefix in prefixes([v4, v6]) {
                    self.r1.wait_forwarding(vrf, &prefix, 1);
                }
                for prefix in prefixes(own) {
                    leaf.frr.wait_route(Some(vrf), &prefix, 1).unwrap();
                }
            }
        }
    }
}

/// Sends data from one host to an address of another, and waits until all of it is there.
fn tcp(client: &Namespace, server: &Namespace, at: SocketAddr) {
    let listener = server.enter(|| TcpListener::bind(at)).unwrap().unwrap();
    let taken = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(LIMIT))?;
        io::copy(&mut stream, &mut io::sink())
    });
    let sent = client.enter(|| {
        let mut stream = TcpStream::connect_timeout(&at, LIMIT)?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.write_all(&vec![7; TCP_BYTES])?;
        stream.shutdown(Shutdown::Write)
    });
    sent.unwrap().unwrap();
    assert_eq!(taken.join().unwrap().unwrap(), TCP_BYTES as u64);
}

#[test]
fn s2_prefixes_of_two_vrfs_by_vxlan_between_kernel_leaves_and_the_router() {
    let lab = Lab::start();
    for (place, (_, _, third)) in TENANTS.iter().enumerate() {
        let own = networks(ROUTER, *third);
        for (leaf, number) in lab.leaves.iter().zip(1..) {
            let far = networks(number, *third);
            for (own, far) in own.iter().zip(&far) {
                let (own, far) = (format!("{own}2"), format!("{far}2"));
                let (ours, theirs) = (&lab.hosts[place], &leaf.tenants[place].host);
                wait_ping(ours, &own, &far);
                wait_ping(theirs, &far, &own);
                tcp(ours, theirs, SocketAddr::new(far.parse().unwrap(), 8080));
                tcp(theirs, ours, SocketAddr::new(own.parse().unwrap(), 8080));
            }
        }
    }
    // Red knows the way to red only.
    for (from, to) in [(0, 1), (1, 0)] {
        for target in networks(1, TENANTS[to].2) {
            let ping = format!("ping -n -c 3 -i 0.2 -W 1 {target}2");
            let lost = lab.hosts[from].run(&ping).unwrap_err().to_string();
            assert!(lost.contains("100% packet loss"), "{lost}");
        }
        for target in networks(ROUTER, TENANTS[to].2) {
            let ping = format!("ping -n -c 3 -i 0.2 -W 1 {target}2");
            let lost = lab.leaves[0].tenants[from].host.run(&ping).unwrap_err();
            assert!(lost.to_string().contains("100% packet loss"), "{lost}");
        }
    }
    let status = lab.r1.bridge.status().unwrap();
    for source in status["sources"].as_array().unwrap() {
        let held = ["pending", "unsupported", "refused", "vnis_failed"];
        assert!(held.iter().all(|count| source[count] == 0), "{status:#}");
    }
    lab.r1.stop();
}
