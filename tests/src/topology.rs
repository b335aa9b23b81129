//! The lab that most scenarios use: two hosts with the router between them.
//!
//! ```text
//!   host a                    wires                     host b
//!   eth0 10.0.1.2 ──veth── w0 [p0 10.0.1.1   p1 10.0.2.1] w1 ──veth── eth0 10.0.2.2
//!        2001:db8:1::2         2001:db8:1::1  2001:db8:2::1               2001:db8:2::2
//!   lo   10.1.0.1                 p0, p1: twins in "node"            lo   10.2.0.1
//!        2001:db8:a::1                                                    2001:db8:b::1
//! ```
//!
//! The ports are DPDK's packet sockets on `w0` and `w1`; the kernel of "wires" has neither an address nor ARP nor IPv6 there,
//! so all that moves between the hosts is the router's doing. The addresses on the loopbacks are reached only by routes that
//! somebody gives the router.

use crate::error::LabError;
use crate::link::{Interface, route, veth};
use crate::netns::Namespace;
use crate::router::Router;
use std::fmt::Write as _;

/// A host of the lab and how the router sees it.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its end of the cable.
    pub eth0: Interface,
    /// The router's end, which belongs to the router's port.
    pub wire: Interface,
    /// The router's port and interface.
    pub port: &'static str,
    /// Its address on the cable, and the router's.
    pub v4: Link,
    /// The same in IPv6.
    pub v6: Link,
    /// The largest IP packet on the cable in bytes.
    mtu: u16,
}

/// One family's addresses of a cable, and what lies behind the host.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The host's address.
    pub host: &'static str,
    /// The router's address.
    pub router: &'static str,
    /// The length of their prefix.
    pub length: u8,
    /// An address of the host behind its own.
    pub behind: &'static str,
    /// The prefix around it, to be routed.
    pub prefix: &'static str,
}

/// Two hosts, the namespace where the router runs, and the one with its twins.
#[derive(Clone, Debug)]
pub struct TwoHosts {
    /// Where the router runs and has its wires.
    pub wires: Namespace,
    /// The node's own namespace, where the twins are.
    pub node: Namespace,
    /// The first host.
    pub a: Host,
    /// The second.
    pub b: Host,
}

/// The links and addresses of the first host.
const A: (Link, Link) = (
    Link {
        host: "10.0.1.2",
        router: "10.0.1.1",
        length: 24,
        behind: "10.1.0.1",
        prefix: "10.1.0.0/16",
    },
    Link {
        host: "2001:db8:1::2",
        router: "2001:db8:1::1",
        length: 64,
        behind: "2001:db8:a::1",
        prefix: "2001:db8:a::/48",
    },
);
/// Those of the second.
const B: (Link, Link) = (
    Link {
        host: "10.0.2.2",
        router: "10.0.2.1",
        length: 24,
        behind: "10.2.0.1",
        prefix: "10.2.0.0/16",
    },
    Link {
        host: "2001:db8:2::2",
        router: "2001:db8:2::1",
        length: 64,
        behind: "2001:db8:b::1",
        prefix: "2001:db8:b::/48",
    },
);

impl TwoHosts {
    /// Builds the namespaces, cables and addresses; the router is started by [`TwoHosts::start`].
    ///
    /// # Errors
    /// What the kernel and `ip` say.
    pub fn build() -> Result<Self, LabError> {
        let (wires, node) = (Namespace::new("wires")?, Namespace::new("node")?);
        let a = Host::plug("a", &wires, ("w0", "p0"), A)?;
        let b = Host::plug("b", &wires, ("w1", "p1"), B)?;
        Ok(Self { wires, node, a, b })
    }

    /// The hosts.
    #[must_use]
    pub fn hosts(&self) -> [&Host; 2] {
        [&self.a, &self.b]
    }

    /// The configuration of the router: ports, addresses, twins; no routes.
    #[must_use]
    pub fn config(&self) -> String {
        let mut text = format!("twin: {{ netns: {} }}\nports:\n", self.node.name());
        for host in self.hosts() {
            text += &host.port_config();
        }
        text += "interfaces:\n";
        for Host {
            port, v4, v6, mtu, ..
        } in self.hosts()
        {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  - {{ name: {port}, mtu: {mtu}, addresses: [{}/{}, \"{}/{}\"] }}",
                v4.router, v4.length, v6.router, v6.length
            );
        }
        text
    }

    /// Starts the router with [`TwoHosts::config`] and what is appended to it.
    ///
    /// # Errors
    /// As for [`Router::start`].
    pub fn start(&self, more: &str) -> Result<Router, LabError> {
        Router::start(&self.wires, &(self.config() + more), &[&self.node])
    }

    /// Routes what lies behind each host to it, over the API.
    ///
    /// # Errors
    /// What `ferroute` says.
    pub fn add_routes(&self, router: &Router) -> Result<(), LabError> {
        for link in self.hosts().into_iter().flat_map(|host| [host.v4, host.v6]) {
            router.cli(&format!("route add {} via {}", link.prefix, link.host))?;
        }
        Ok(())
    }
}

impl Host {
    fn plug(
        name: &str,
        wires: &Namespace,
        (wire, port): (&str, &'static str),
        (v4, v6): (Link, Link),
    ) -> Result<Self, LabError> {
        let namespace = Namespace::new(name)?;
        let (eth0, wire) = veth((&namespace, "eth0"), (wires, wire))?;
        wire.mute()?;
        let lo = Interface::named(&namespace, "lo");
        for link in [v4, v6] {
            eth0.address(&format!("{}/{}", link.host, link.length))?;
            lo.address(&format!(
                "{}/{}",
                link.behind,
                if link.host.contains(':') { 128 } else { 32 }
            ))?;
            let default = if link.host.contains(':') {
                "::/0"
            } else {
                "0.0.0.0/0"
            };
            route(&namespace, &format!("{default} via {}", link.router))?;
        }
        Ok(Self {
            eth0,
            wire,
            port,
            v4,
            v6,
            mtu: 1500,
        })
    }

    /// Changes the largest IP packet of its cable, for a router that is started afterwards.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn set_mtu(&mut self, bytes: u16) -> Result<(), LabError> {
        self.eth0.set(&format!("mtu {bytes}"))?;
        self.wire.set(&format!("mtu {bytes}"))?;
        self.mtu = bytes;
        Ok(())
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        self.eth0.namespace()
    }

    /// The element of `ports:` for its wire.
    #[must_use]
    pub fn port_config(&self) -> String {
        format!(
            "  - {{ name: {}, device: \"{}\" }}\n",
            self.port,
            self.device()
        )
    }

    /// DPDK's device string for its wire.
    #[must_use]
    pub fn device(&self) -> String {
        format!("net_af_packet_{},iface={}", self.port, self.wire.name())
    }
}
