//! A node with the router in it: ports on cables, a kernel namespace with the twins where a routing suite runs, and one more
//! for each VRF.
//!
//! ```text
//!   far box ──veth── wires                 kernel (default VRF)     red (VRF red)
//!    eth0        w0 [ferrouted p0 p1] w1    p0  lo0 (twins), FRR     p1 (twin)
//! ```
//!
//! The kernels of "kernel" and of the VRFs have the addresses and forward nothing. The one of "wires" has nothing.

use crate::error::LabError;
use crate::link::{Interface, veth};
use crate::netns::Namespace;
use crate::router::Router;
use std::fmt::Write as _;

/// A node, before and while its router runs.
#[derive(Clone, Debug)]
pub struct Node {
    name: String,
    wires: Namespace,
    kernel: Namespace,
    vrfs: Vec<Vrf>,
    ports: Vec<Port>,
    loopbacks: Vec<Port>,
    tunnels: Option<String>,
    l2vnis: Vec<L2vni>,
    commands: Vec<String>,
    more: String,
}

/// A VNI whose frames are bridged in a domain of the router.
#[derive(Clone, Debug)]
struct L2vni {
    vrf: Option<String>,
    vni: u32,
    domain: String,
}

#[derive(Clone, Debug)]
struct Vrf {
    namespace: Namespace,
    table: u32,
    l3vni: Option<u32>,
}

/// An interface of the router: a port's own, or a loopback.
#[derive(Clone, Debug)]
struct Port {
    name: String,
    wire: Option<Interface>,
    vrf: Option<String>,
    addresses: Vec<String>,
}

impl Node {
    /// A node without ports. Its kernel's namespace has the same name.
    ///
    /// # Errors
    /// As for [`Namespace::new`].
    pub fn new(name: &str) -> Result<Self, LabError> {
        Ok(Self {
            name: name.to_owned(),
            wires: Namespace::new(&format!("{name}-wires"))?,
            kernel: Namespace::new(name)?,
            vrfs: Vec::new(),
            ports: Vec::new(),
            loopbacks: Vec::new(),
            tunnels: None,
            l2vnis: Vec::new(),
            commands: Vec::new(),
            more: String::new(),
        })
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace of the default VRF's twins, where its routing daemons run.
    #[must_use]
    pub fn kernel(&self) -> &Namespace {
        &self.kernel
    }

    /// Adds a VRF with a namespace of its own, in which its twins are and which has its name.
    ///
    /// # Errors
    /// As for [`Namespace::new`].
    pub fn vrf(&mut self, name: &str, table: u32) -> Result<Namespace, LabError> {
        let namespace = Namespace::new(name)?;
        self.vrfs.push(Vrf {
            namespace: namespace.clone(),
            table,
            l3vni: None,
        });
        Ok(namespace)
    }

    /// Gives a VRF the VNI of its type 5 routes. The tunnels start at `address`, which is one of the node's.
    pub fn l3vni(&mut self, vrf: &str, vni: u32, address: &str) {
        self.tunnels = Some(address.to_owned());
        let mut vrfs = self.vrfs.iter_mut();
        if let Some(vrf) = vrfs.find(|known| known.namespace.name() == vrf) {
            vrf.l3vni = Some(vni);
        }
    }

    /// Gives a bridge domain the VNI of its stations (type 2) and flood list (type 3). Its netdevs are in the namespace of a VRF, or
    /// of the default one. The tunnels start at `address`, which is one of the node's.
    pub fn l2vni(&mut self, vrf: Option<&str>, vni: u32, domain: &str, address: &str) {
        self.tunnels = Some(address.to_owned());
        self.l2vnis.push(L2vni {
            vrf: vrf.map(str::to_owned),
            vni,
            domain: domain.to_owned(),
        });
    }

    /// Words for the router's command line, said as soon as it is ready.
    pub fn command(&mut self, words: &str) {
        self.commands.push(words.to_owned());
    }

    fn l2vnis_of(&self, vrf: Option<&str>) -> String {
        let own = self
            .l2vnis
            .iter()
            .filter(|l2vni| l2vni.vrf.as_deref() == vrf);
        let own: Vec<_> = own
            .map(|l2vni| format!("{{ vni: {}, domain: {} }}", l2vni.vni, l2vni.domain))
            .collect();
        if own.is_empty() {
            return String::new();
        }
        format!(", l2vnis: [{}]", own.join(", "))
    }

    /// The configuration of a bridge that follows its kernels.
    #[must_use]
    pub fn bridge_config(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        if let Some(address) = &self.tunnels {
            let _ = writeln!(text, "tunnels: {{ address: \"{address}\" }}");
        }
        let l2vnis = self.l2vnis_of(None);
        let _ = writeln!(
            text,
            "sources:\n  - {{ owner: kernel, kind: kernel{l2vnis} }}"
        );
        for Vrf {
            namespace, l3vni, ..
        } in &self.vrfs
        {
            let name = namespace.name();
            let vni = l3vni.map_or(String::new(), |vni| format!(", l3vni: {vni}"));
            let l2vnis = self.l2vnis_of(Some(name));
            let _ = writeln!(
                text,
                "  - {{ owner: kernel-{name}, kind: kernel, netns: {name}, tables: [{{ vrf: {name}{vni} }}]{l2vnis} }}"
            );
        }
        text
    }

    /// The namespaces of its VRFs.
    #[must_use]
    pub fn vrf_namespaces(&self) -> Vec<&Namespace> {
        self.vrfs.iter().map(|vrf| &vrf.namespace).collect()
    }

    /// Adds a port on a new cable to an interface of another box, and answers that end of the cable.
    ///
    /// # Errors
    /// As for [`veth`].
    pub fn port(
        &mut self,
        name: &str,
        vrf: Option<&str>,
        addresses: &[&str],
        far: (&Namespace, &str),
    ) -> Result<Interface, LabError> {
        let wire = format!("w-{name}");
        let (far, wire) = veth(far, (&self.wires, &wire))?;
        self.plug(name, vrf, addresses, wire)?;
        Ok(far)
    }

    /// Adds a port on a new cable to a port of another node.
    ///
    /// # Errors
    /// As for [`veth`].
    pub fn port_to(
        &mut self,
        (name, addresses): (&str, &[&str]),
        other: &mut Self,
        (far_name, far_addresses): (&str, &[&str]),
    ) -> Result<(), LabError> {
        let ends = (format!("w-{name}"), format!("w-{far_name}"));
        let (wire, far) = veth((&self.wires, &ends.0), (&other.wires, &ends.1))?;
        self.plug(name, None, addresses, wire)?;
        other.plug(far_name, None, far_addresses, far)
    }

    fn plug(
        &mut self,
        name: &str,
        vrf: Option<&str>,
        addresses: &[&str],
        wire: Interface,
    ) -> Result<(), LabError> {
        wire.mute()?;
        self.ports.push(Port {
            name: name.to_owned(),
            wire: Some(wire),
            vrf: vrf.map(str::to_owned),
            addresses: addresses.iter().map(|&text| text.to_owned()).collect(),
        });
        Ok(())
    }

    /// Adds a loopback.
    pub fn loopback(&mut self, name: &str, vrf: Option<&str>, addresses: &[&str]) {
        self.loopbacks.push(Port {
            name: name.to_owned(),
            wire: None,
            vrf: vrf.map(str::to_owned),
            addresses: addresses.iter().map(|&text| text.to_owned()).collect(),
        });
    }

    /// Appends to the router's configuration.
    pub fn configure(&mut self, yaml: &str) {
        self.more.push_str(yaml);
        self.more.push('\n');
    }

    /// The end of the cable of a port that is the router's, to take it down.
    #[must_use]
    pub fn wire(&self, port: &str) -> Option<&Interface> {
        self.ports
            .iter()
            .find(|known| known.name == port)
            .and_then(|port| port.wire.as_ref())
    }

    /// The router's configuration.
    #[must_use]
    pub fn config(&self) -> String {
        let mut text = format!("twin: {{ netns: {} }}\n", self.kernel.name());
        // Writing to a String cannot fail.
        if !self.vrfs.is_empty() {
            text += "vrfs:\n";
        }
        for Vrf {
            namespace, table, ..
        } in &self.vrfs
        {
            let name = namespace.name();
            let _ = writeln!(
                text,
                "  - {{ name: {name}, table: {table}, netns: {name} }}"
            );
        }
        text += "ports:\n";
        for Port { name, wire, .. } in &self.ports {
            if let Some(wire) = wire {
                // Frames sent pass the kernel's queue, where a lab can swallow them. The ring is large enough for a worker that
                // waits for its CPU for a second.
                let _ = writeln!(
                    text,
                    "  - {{ name: {name}, device: \"net_af_packet_{name},iface={},qdisc_bypass=0,framecnt=2048\" }}",
                    wire.name()
                );
            }
        }
        text += "interfaces:\n";
        for port in self.ports.iter().chain(&self.loopbacks) {
            let _ = write!(text, "  - {{ name: {}", port.name);
            if port.wire.is_none() {
                text += ", loopback: true";
            }
            if let Some(vrf) = &port.vrf {
                let _ = write!(text, ", vrf: {vrf}");
            }
            let quoted: Vec<_> = port
                .addresses
                .iter()
                .map(|address| format!("\"{address}\""))
                .collect();
            let _ = writeln!(text, ", addresses: [{}] }}", quoted.join(", "));
        }
        text + &self.more
    }

    /// Starts the router.
    ///
    /// # Errors
    /// As for [`Router::start`]; what its command line says.
    pub fn start(&self) -> Result<Router, LabError> {
        let mut named = self.vrf_namespaces();
        named.push(&self.kernel);
        let router = Router::start(&self.wires, &self.config(), &named)?;
        for words in &self.commands {
            router.cli(words)?;
        }
        Ok(router)
    }
}
