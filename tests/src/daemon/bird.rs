//! BIRD in a namespace.

use crate::daemon::root::{Release, Root};
use crate::error::LabError;
use crate::netns::Namespace;
use crate::process::{Process, output};
use crate::wait::{Seen, until};
use ipnet::IpNet;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long it may take to start, or a session to come up.
const LIMIT: Duration = Duration::from_secs(30);

/// What one BIRD is to do: speak BGP over one link and exchange what it learns with the kernel, as Calico has it do.
#[derive(Clone, Debug)]
pub struct BirdConfig {
    /// Its autonomous system.
    pub asn: u32,
    /// Its identifier.
    pub router_id: Ipv4Addr,
    /// The other ends: addresses with their autonomous systems, each telling its own family's routes.
    pub peers: Vec<(IpAddr, u32)>,
    /// What it announces.
    pub networks: Vec<IpNet>,
}

impl BirdConfig {
    /// The configuration file. Its protocols are called `bgp0`, `bgp1` … in the order of the peers.
    fn render(&self) -> String {
        let mut text = format!("router id {};\nprotocol device {{}}\n", self.router_id);
        for family in ["ipv4", "ipv6"] {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "protocol kernel {{ {family} {{ export where source = RTS_BGP; import none; }}; }}\n\
                 protocol static {{ {family};"
            );
            for network in &self.networks {
                if matches!(network, IpNet::V6(_)) == (family == "ipv6") {
                    let _ = writeln!(text, "  route {network} unreachable;");
                }
            }
            text.push_str("}\n");
        }
        for (place, (address, asn)) in self.peers.iter().enumerate() {
            let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
            let _ = writeln!(
                text,
                "protocol bgp bgp{place} {{\n  local as {};\n  neighbor {address} as {asn};\n  \
                 connect delay time 1; connect retry time 1; hold time 9;\n  \
                 {family} {{ import all; export where source = RTS_STATIC; next hop self; }};\n}}",
                self.asn
            );
        }
        text
    }
}

/// A BIRD. Dropping it kills it.
#[derive(Debug)]
pub struct Bird {
    root: Root,
    process: Process,
}

impl Bird {
    /// Starts one in a namespace and waits until it answers.
    ///
    /// # Errors
    /// As for [`Root::new`]; [`LabError::Timeout`] with its log.
    pub fn start(
        namespace: &Namespace,
        release: Release,
        config: &BirdConfig,
    ) -> Result<Self, LabError> {
        let root = Root::new(namespace, release, &[])?;
        fs::write(root.run_file("bird.conf"), config.render())
            .map_err(LabError::system("configuring BIRD"))?;
        let mut command = root.command("bird")?;
        command.args(["-d", "-c", "/run/bird.conf", "-s", "/run/bird.ctl"]);
        let process = Process::start(&mut command)?;
        let bird = Self { root, process };
        until("readiness of BIRD", LIMIT, || {
            Ok(match bird.say("show status") {
                Ok(_) => Seen::Yes(()),
                Err(error) => Seen::NotYet(format!("{error}\n{}", bird.process.log())),
            })
        })?;
        Ok(bird)
    }

    /// Says a command and answers what it printed.
    ///
    /// # Errors
    /// As for [`output`].
    pub fn say(&self, command: &str) -> Result<String, LabError> {
        let mut birdc = self.root.command("birdc")?;
        birdc.args(["-r", "-s", "/run/bird.ctl"]);
        output(birdc.args(command.split_whitespace()))
    }

    /// Waits until the session with the peer of this number is established.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_established(&self, place: usize) -> Result<Duration, LabError> {
        let what = format!("BIRD's session bgp{place} established");
        let look = || {
            let shown = self.say(&format!("show protocols all bgp{place}"))?;
            Ok(Seen::when(shown.contains("Established"), || {
                format!("{shown}{}", self.process.log())
            }))
        };
        Ok(until(&what, LIMIT, look)?.1)
    }
}
