//! FRR's configuration as values, and the integrated file that they become.

use ipnet::IpNet;
use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What one FRR is to do.
#[derive(Clone, Debug, Default)]
pub struct FrrConfig {
    /// Its BGP instances, one for each VRF.
    pub bgp: Vec<Bgp>,
    /// Static routes: the prefix, and where to in FRR's words, for example an address or `Null0`.
    pub statics: Vec<(IpNet, String)>,
    /// VRFs with the VNI of their type 5 routes.
    pub l3vnis: Vec<(String, u32)>,
    /// Where zebra tells its routes besides to the kernel, and whether by next hop groups.
    pub fpm: Option<(SocketAddr, bool)>,
    /// Interfaces that zebra takes for up also without a carrier, as operators set the router's twins.
    pub without_carrier: Vec<String>,
    /// Whether zebra waits there for word that a route is in the data path (since FRR 8.5).
    pub offload: bool,
}

impl FrrConfig {
    /// One BGP instance.
    #[must_use]
    pub fn bgp(instance: Bgp) -> Self {
        Self {
            bgp: vec![instance],
            ..Self::default()
        }
    }
}

/// A BGP instance.
#[derive(Clone, Debug)]
pub struct Bgp {
    /// Its autonomous system.
    pub asn: u32,
    /// Its identifier, also the cluster's when it reflects.
    pub router_id: Ipv4Addr,
    /// Its VRF; none for the default one.
    pub vrf: Option<String>,
    /// Whom it speaks to.
    pub neighbours: Vec<Neighbour>,
    /// What it announces, whether or not there is such a route.
    pub networks: Vec<IpNet>,
    /// Announces the links of its VRF too.
    pub redistribute_connected: bool,
    /// Whether neighbours are to keep its routes while it starts again, and it theirs (RFC 4724).
    pub graceful_restart: bool,
    /// What it does with EVPN beyond speaking it.
    pub evpn: Evpn,
}

/// What an instance does with EVPN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Evpn {
    /// Nothing.
    #[default]
    Off,
    /// It has tunnels: it announces its VNIs (types 2 and 3).
    Vnis,
    /// It is a VRF's: it announces its prefixes (type 5).
    Prefixes,
}

/// Whom an instance speaks to.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Where.
    pub peer: Peer,
    /// The other's autonomous system.
    pub remote: Remote,
    /// What they tell each other.
    pub families: Families,
    /// The greatest distance in hops of an external neighbour that is not on the link; also the TTL sent.
    pub multihop: Option<u8>,
    /// The address that is spoken from.
    pub source: Option<IpAddr>,
    /// Whether liveness is watched with BFD.
    pub bfd: Option<Bfd>,
    /// Whether it is a client of the reflection.
    pub reflector_client: bool,
    /// Whether routes learned from outside are announced to it with the own address as their next hop.
    pub next_hop_self: bool,
    /// Whether routes that carry our own system's number once are taken from it.
    pub own_as_allowed: bool,
    /// Whether EVPN routes are passed on to it with the next hop that they had, as between a spine's leaves.
    pub next_hop_unchanged: bool,
}

/// Where a neighbour is.
#[derive(Clone, PartialEq, Debug)]
pub enum Peer {
    /// At an address.
    Address(IpAddr),
    /// At the far end of an interface, by its link-local address.
    Interface(String),
    /// Anywhere in a prefix: whoever calls from there.
    Range(IpNet),
}

/// The autonomous system of a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remote {
    /// This one.
    As(u32),
    /// Any but ours.
    External,
    /// Ours.
    Internal,
}

/// The address families of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Families {
    /// IPv4 routes.
    V4,
    /// IPv6 routes.
    V6,
    /// Both.
    Dual,
    /// IPv4 routes and EVPN.
    V4Evpn,
    /// EVPN alone.
    Evpn,
}

impl Families {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::V4 => &["ipv4 unicast"],
            Self::V6 => &["ipv6 unicast"],
            Self::Dual => &["ipv4 unicast", "ipv6 unicast"],
            Self::V4Evpn => &["ipv4 unicast", "l2vpn evpn"],
            Self::Evpn => &["l2vpn evpn"],
        }
    }
}

/// The times of a BFD session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bfd {
    /// How many packets may be missed.
    pub multiplier: u8,
    /// The interval in both directions in milliseconds.
    pub interval_ms: u32,
}

impl Bfd {
    /// What FRR does of its own accord: three packets, 300 ms apart.
    pub const USUAL: Self = Self {
        multiplier: 3,
        interval_ms: 300,
    };
}

impl Bgp {
    /// An instance in the default VRF that speaks to nobody yet.
    #[must_use]
    pub fn new(asn: u32, router_id: [u8; 4]) -> Self {
        Self {
            asn,
            router_id: router_id.into(),
            vrf: None,
            neighbours: Vec::new(),
            networks: Vec::new(),
            redistribute_connected: false,
            graceful_restart: false,
            evpn: Evpn::Off,
        }
    }

    /// The same in a VRF.
    #[must_use]
    pub fn in_vrf(mut self, vrf: &str) -> Self {
        self.vrf = Some(vrf.to_owned());
        self
    }

    /// The same with graceful restart.
    #[must_use]
    pub fn graceful(mut self) -> Self {
        self.graceful_restart = true;
        self
    }

    /// The same that also speaks to this neighbour.
    #[must_use]
    pub fn neighbour(mut self, neighbour: Neighbour) -> Self {
        self.neighbours.push(neighbour);
        self
    }

    /// The same that also announces these.
    #[must_use]
    pub fn networks(mut self, networks: &[IpNet]) -> Self {
        self.networks.extend(networks);
        self
    }
}

impl Neighbour {
    /// A neighbour at an address, which tells the routes of the address's own family.
    #[must_use]
    pub fn at(address: impl Into<IpAddr>, remote: Remote) -> Self {
        let address = address.into();
        let families = if address.is_ipv4() {
            Families::V4
        } else {
            Families::V6
        };
        Self::new(Peer::Address(address), remote, families)
    }

    /// A neighbour at the far end of an interface, which tells both families' routes (RFC 8950).
    #[must_use]
    pub fn on(interface: &str, remote: Remote) -> Self {
        Self::new(
            Peer::Interface(interface.to_owned()),
            remote,
            Families::Dual,
        )
    }

    /// Whoever calls from a prefix.
    #[must_use]
    pub fn within(range: IpNet, remote: Remote) -> Self {
        let families = match range {
            IpNet::V4(_) => Families::V4,
            IpNet::V6(_) => Families::V6,
        };
        Self::new(Peer::Range(range), remote, families)
    }

    /// The same with its liveness watched.
    #[must_use]
    pub fn watched(mut self, bfd: Bfd) -> Self {
        self.bfd = Some(bfd);
        self
    }

    /// The same that tells other families' routes.
    #[must_use]
    pub fn telling(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// The same, and we reflect to it what other internal neighbours say.
    #[must_use]
    pub fn reflected(mut self) -> Self {
        self.reflector_client = true;
        self
    }

    /// The same, and EVPN routes go to it with the next hop that they had.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        self.next_hop_unchanged = true;
        self
    }

    fn new(peer: Peer, remote: Remote, families: Families) -> Self {
        Self {
            peer,
            remote,
            families,
            multihop: None,
            source: None,
            bfd: None,
            reflector_client: false,
            next_hop_self: false,
            own_as_allowed: false,
            next_hop_unchanged: false,
        }
    }

    /// How FRR calls it: its address or interface, or the group of a range.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.peer {
            Peer::Address(address) => address.to_string(),
            Peer::Interface(interface) => interface.clone(),
            Peer::Range(range) => format!("range-{}", range.to_string().replace(['/', ':'], "-")),
        }
    }

    fn render(&self, out: &mut Lines) {
        let name = self.name();
        let remote = match self.remote {
            Remote::As(asn) => asn.to_string(),
            Remote::External => "external".to_owned(),
            Remote::Internal => "internal".to_owned(),
        };
        match &self.peer {
            Peer::Address(_) => out.add(format_args!(" neighbor {name} remote-as {remote}")),
            Peer::Interface(_) => {
                out.add(format_args!(
                    " neighbor {name} interface remote-as {remote}"
                ));
                // What is announced besides the interface's link-local address comes by router advertisements.
                out.add(format_args!(" neighbor {name} capability extended-nexthop"));
            }
            Peer::Range(range) => {
                out.add(format_args!(" neighbor {name} peer-group"));
                out.add(format_args!(" neighbor {name} remote-as {remote}"));
                out.add(format_args!(" bgp listen range {range} peer-group {name}"));
            }
        }
        // A lab does not wait for the times of the Internet.
        out.add(format_args!(" neighbor {name} timers 3 9"));
        out.add(format_args!(" neighbor {name} advertisement-interval 0"));
        if !matches!(self.peer, Peer::Range(_)) {
            out.add(format_args!(" neighbor {name} timers connect 1"));
        }
        if let Some(hops) = self.multihop {
            out.add(format_args!(" neighbor {name} ebgp-multihop {hops}"));
        }
        if let Some(source) = self.source {
            out.add(format_args!(" neighbor {name} update-source {source}"));
        }
        if let Some(Bfd {
            multiplier,
            interval_ms,
        }) = self.bfd
        {
            out.add(format_args!(
                " neighbor {name} bfd {multiplier} {interval_ms} {interval_ms}"
            ));
        }
    }

    fn render_family(&self, family: &str, out: &mut Lines) {
        let name = self.name();
        if !self.families.words().contains(&family) {
            return;
        }
        out.add(format_args!("  neighbor {name} activate"));
        if self.reflector_client {
            out.add(format_args!("  neighbor {name} route-reflector-client"));
        }
        if self.own_as_allowed {
            out.add(format_args!("  neighbor {name} allowas-in 1"));
        }
        if self.next_hop_unchanged && family == "l2vpn evpn" {
            out.add(format_args!(
                "  neighbor {name} attribute-unchanged next-hop"
            ));
        }
        if self.next_hop_self {
            out.add(format_args!("  neighbor {name} next-hop-self force"));
        }
    }
}

/// Lines of a configuration.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, line: impl Display) {
        self.0.push_str(&line.to_string());
        self.0.push('\n');
    }
}

impl Bgp {
    fn render(&self, out: &mut Lines) {
        match &self.vrf {
            Some(vrf) => out.add(format_args!("router bgp {} vrf {vrf}", self.asn)),
            None => out.add(format_args!("router bgp {}", self.asn)),
        }
        out.add(format_args!(" bgp router-id {}", self.router_id));
        for line in [
            " no bgp default ipv4-unicast",
            " no bgp ebgp-requires-policy",
            " no bgp network import-check",
            " bgp bestpath as-path multipath-relax",
        ] {
            out.add(line);
        }
        if self.graceful_restart {
            out.add(" bgp graceful-restart");
            // The data path went on, so what was learned from us is still good.
            out.add(" bgp graceful-restart preserve-fw-state");
        }
        for neighbour in &self.neighbours {
            neighbour.render(out);
        }
        for family in ["ipv4 unicast", "ipv6 unicast", "l2vpn evpn"] {
            out.add(format_args!(" address-family {family}"));
            for network in &self.networks {
                let own = matches!(
                    (network, family),
                    (IpNet::V4(_), "ipv4 unicast") | (IpNet::V6(_), "ipv6 unicast")
                );
                if own {
                    out.add(format_args!("  network {network}"));
                }
            }
            if self.redistribute_connected && family != "l2vpn evpn" {
                out.add("  redistribute connected");
            }
            if family == "l2vpn evpn" {
                match self.evpn {
                    Evpn::Off => {}
                    Evpn::Vnis => out.add("  advertise-all-vni"),
                    Evpn::Prefixes => {
                        out.add("  advertise ipv4 unicast");
                        out.add("  advertise ipv6 unicast");
                    }
                }
            }
            for neighbour in &self.neighbours {
                neighbour.render_family(family, out);
            }
            out.add(" exit-address-family");
        }
        out.add("exit");
    }
}

impl Display for FrrConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Lines::default();
        // An underlay's next hops may be reached by a default route.
        out.add("ip nht resolve-via-default");
        out.add("ipv6 nht resolve-via-default");
        if let Some((server, groups)) = &self.fpm {
            let no = if *groups { "" } else { "no " };
            out.add(format_args!("{no}fpm use-next-hop-groups"));
            out.add(format_args!(
                "fpm address {} port {}",
                server.ip(),
                server.port()
            ));
        }
        if !self.without_carrier.is_empty() {
            // The kernel takes next hop objects away with the carrier, and the routes by them.
            out.add("no zebra nexthop kernel enable");
        }
        for interface in &self.without_carrier {
            out.add(format_args!("interface {interface}\n no link-detect\nexit"));
        }
        for (vrf, vni) in &self.l3vnis {
            out.add(format_args!("vrf {vrf}\n vni {vni}\nexit-vrf"));
        }
        for (prefix, to) in &self.statics {
            let family = match prefix {
                IpNet::V4(_) => "ip",
                IpNet::V6(_) => "ipv6",
            };
            out.add(format_args!("{family} route {prefix} {to}"));
        }
        for instance in &self.bgp {
            instance.render(&mut out);
        }
        f.write_str(&out.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_stands_where_frr_wants_it() {
        let neighbour = Neighbour {
            reflector_client: true,
            bfd: Some(Bfd {
                multiplier: 3,
                interval_ms: 50,
            }),
            ..Neighbour::at([10, 0, 0, 2], Remote::Internal)
        };
        let range = Neighbour::within("2001:db8::/32".parse().unwrap(), Remote::External);
        let bgp = Bgp::new(65000, [1, 2, 3, 4])
            .in_vrf("red")
            .neighbour(neighbour)
            .neighbour(range)
            .networks(&["10.9.0.0/16".parse().unwrap()]);
        let text = FrrConfig::bgp(bgp).to_string();
        let lines: Vec<_> = text.lines().collect();
        let place = |line: &str| lines.iter().position(|l| *l == line).unwrap();
        assert!(place("router bgp 65000 vrf red") < place(" neighbor 10.0.0.2 remote-as internal"));
        assert!(text.contains(" neighbor 10.0.0.2 bfd 3 50 50\n"));
        let (v4, v6) = (
            place(" address-family ipv4 unicast"),
            place(" address-family ipv6 unicast"),
        );
        for line in [
            "  neighbor 10.0.0.2 route-reflector-client",
            "  network 10.9.0.0/16",
        ] {
            assert!((v4..v6).contains(&place(line)), "{line}");
        }
        assert!(place("  neighbor range-2001-db8---32 activate") > v6);
        assert!(text.contains(" bgp listen range 2001:db8::/32 peer-group range-2001-db8---32\n"));
    }
}
