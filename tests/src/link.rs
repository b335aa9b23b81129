//! Cables between namespaces and what is plugged into them.

use crate::error::LabError;
use crate::netns::Namespace;
use std::time::{Duration, Instant};

/// How long the kernel may take to bring a link up.
const UP: Duration = Duration::from_secs(10);

/// One end of a link, in its namespace.
#[derive(Clone, Debug)]
pub struct Interface {
    namespace: Namespace,
    name: String,
}

/// Connects two namespaces with a veth pair and brings both ends up. Neither end leaves a checksum or a segment to be
/// completed by hardware: what crosses is what a wire would carry.
///
/// # Errors
/// What `ip` and `ethtool` say.
pub fn veth(
    a: (&Namespace, &str),
    b: (&Namespace, &str),
) -> Result<(Interface, Interface), LabError> {
    let path = b.0.path();
    a.0.run(&format!(
        "ip link add name {} type veth peer name {} netns {}",
        a.1,
        b.1,
        path.display()
    ))?;
    let ends = (Interface::named(a.0, a.1), Interface::named(b.0, b.1));
    for end in [&ends.0, &ends.1] {
        end.run("ethtool -K", "tx off tso off gso off gro off")?;
        end.set("up")?;
    }
    // A veth has its carrier at once, but the kernel sends nothing until its link watcher has run.
    for end in [&ends.0, &ends.1] {
        end.wait_up()?;
    }
    Ok(ends)
}

impl Interface {
    /// An interface that exists already.
    #[must_use]
    pub fn named(namespace: &Namespace, name: &str) -> Self {
        Self {
            namespace: namespace.clone(),
            name: name.to_owned(),
        }
    }

    /// A new TAP, up, which a program inside may open by its name.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn tap(namespace: &Namespace, name: &str) -> Result<Self, LabError> {
        namespace.run(&format!("ip tuntap add {name} mode tap"))?;
        let tap = Self::named(namespace, name);
        tap.set("up")?;
        Ok(tap)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Its Ethernet address, as the kernel prints it.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn mac(&self) -> Result<String, LabError> {
        let shown = self
            .namespace
            .run(&format!("ip -br link show dev {}", self.name))?;
        Ok(shown
            .split_whitespace()
            .nth(2)
            .unwrap_or_default()
            .to_owned())
    }

    /// The kernel's index of it.
    ///
    /// # Errors
    /// [`LabError::System`] when there is none of that name.
    pub fn index(&self) -> Result<u32, LabError> {
        self.namespace
            .enter(|| nix::net::if_::if_nametoindex(self.name.as_str()))?
            .map_err(LabError::system(format!("finding {}", self.name)))
    }

    /// Changes it in the words of `ip link set dev NAME …`, for example `mtu 9000` or `address 02:00:00:00:00:01`.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn set(&self, words: &str) -> Result<(), LabError> {
        self.run("ip link set dev", words)
    }

    /// Adds an address with its prefix length. It is usable at once: duplicate detection is skipped.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn address(&self, address: &str) -> Result<(), LabError> {
        let nodad = if address.contains(':') { "nodad" } else { "" };
        self.namespace
            .run(&format!(
                "ip address add {address} dev {} {nodad}",
                self.name
            ))
            .map(drop)
    }

    /// Takes the kernel's own voice away: no IPv6, no ARP, no addresses. For an end whose frames a router handles.
    ///
    /// # Errors
    /// [`LabError::System`], or what `ip` says.
    pub fn mute(&self) -> Result<(), LabError> {
        self.namespace.sysctl(
            &format!("net.ipv6.conf.{}.disable_ipv6", self.name.replace('.', "/")),
            "1",
        )?;
        self.set("arp off")
    }

    /// Swallows all that is sent at this end from now on. The carrier stays, as behind a switch whose far side broke.
    ///
    /// # Errors
    /// What `tc` says.
    pub fn swallow(&self) -> Result<(), LabError> {
        self.run("tc qdisc replace dev", "root blackhole")
    }

    fn wait_up(&self) -> Result<(), LabError> {
        let deadline = Instant::now() + UP;
        while !self
            .namespace
            .run(&format!("ip -br link show dev {} up", self.name))?
            .contains(" UP ")
        {
            if Instant::now() >= deadline {
                let what = format!("the link {} coming up", self.name);
                return Err(LabError::Timeout {
                    what,
                    limit: UP,
                    context: String::new(),
                });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn run(&self, before: &str, after: &str) -> Result<(), LabError> {
        self.namespace
            .run(&format!("{before} {} {after}", self.name))
            .map(drop)
    }
}

/// Adds a route in the words of `ip route add …`; the family follows from the prefix.
///
/// # Errors
/// What `ip` says.
pub fn route(namespace: &Namespace, words: &str) -> Result<(), LabError> {
    let family = if words.contains(':') { "-6" } else { "-4" };
    namespace
        .run(&format!("ip {family} route add {words}"))
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Interface, Interface) {
        let (left, right) = (
            Namespace::new("left").unwrap(),
            Namespace::new("right").unwrap(),
        );
        veth((&left, "a"), (&right, "b")).unwrap()
    }

    #[test]
    fn a_cable_carries_both_families() {
        let (a, b) = pair();
        for (end, v4, v6) in [
            (&a, "192.0.2.1/24", "2001:db8::1/64"),
            (&b, "192.0.2.2/24", "2001:db8::2/64"),
        ] {
            end.address(v4).unwrap();
            end.address(v6).unwrap();
        }
        a.namespace().run("ping -c 1 -W 5 192.0.2.2").unwrap();
        a.namespace().run("ping -c 1 -W 5 2001:db8::2").unwrap();
    }

    #[test]
    fn an_address_and_a_size_are_taken() {
        let (a, _b) = pair();
        a.set("address 02:00:00:00:00:07").unwrap();
        a.set("mtu 9000").unwrap();
        assert_eq!(a.mac().unwrap(), "02:00:00:00:00:07");
        assert!(
            a.namespace()
                .run("ip link show dev a")
                .unwrap()
                .contains("mtu 9000")
        );
    }

    #[test]
    fn a_muted_end_has_no_address() {
        let (a, _b) = pair();
        a.mute().unwrap();
        assert_eq!(
            a.namespace().run("ip -6 -br address show dev a").unwrap(),
            ""
        );
        assert!(
            a.namespace()
                .run("ip link show dev a")
                .unwrap()
                .contains("NOARP")
        );
    }

    #[test]
    fn a_tap_comes_up_and_takes_routes() {
        let namespace = Namespace::new("tap").unwrap();
        Interface::tap(&namespace, "t0")
            .unwrap()
            .address("198.51.100.1/24")
            .unwrap();
        route(&namespace, "203.0.113.0/24 via 198.51.100.2").unwrap();
        assert!(
            namespace
                .run("ip route get 203.0.113.9")
                .unwrap()
                .contains("dev t0")
        );
    }
}
