//! What a message says, in types: the common tongue of the kernel and FRR's channel.
//!
//! Everything that they can say about forwarding has its type here, whether or not the router can do it yet, so that it can
//! be kept, counted and shown.

use crate::model::prefix::Prefix;
use ferroute_dataplane::mac::Mac;
use nix::libc;
use smallvec::SmallVec;
use std::net::IpAddr;

/// Who made a route, a number of `rtnetlink.h` (`RTPROT_…`), also FRR's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Protocol(pub u8);

/// Something changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Update {
    /// A route.
    Route(RouteUpdate),
    /// A next hop object or group.
    NextHop(NextHopUpdate),
    /// A label switched path.
    Lsp(LspUpdate),
    /// A netdev.
    Link(LinkUpdate),
    /// A neighbour.
    Neighbour(NeighbourUpdate),
    /// An entry of a bridge's forwarding database.
    Fdb(FdbUpdate),
}

/// What becomes of a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RouteChange {
    /// It replaces what has its prefix and metric (`NLM_F_REPLACE`).
    Replace,
    /// It is new beside what is there. The kernel's IPv6 notation of several next hops: one message for each.
    Add,
    /// It is gone.
    Delete,
}

/// A route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RouteUpdate {
    /// What becomes of it.
    pub change: RouteChange,
    /// The kernel's table.
    pub table: u32,
    /// Its destination.
    pub prefix: Prefix,
    /// Whether it holds only for some sources or types of service, which the router's routes cannot say.
    pub selective: bool,
    /// Lower is preferred (`RTA_PRIORITY`).
    pub metric: u32,
    /// Who made it.
    pub protocol: Protocol,
    /// Where it leads.
    pub target: Target,
}

/// Where a route leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// To a next hop object, by its number.
    Object(u32),
    /// To next hops of its own.
    Hops(Hops),
    /// Nowhere, and says so or not.
    Special(Special),
    /// Not said (withdrawals), or to the host itself: local, broadcast, multicast and such.
    Other,
}

/// Next hops; nearly always one.
pub(crate) type Hops = SmallVec<[Hop; 1]>;

/// Routes that lead nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Special {
    /// Dropped silently.
    Blackhole,
    /// Dropped, "host unreachable".
    Unreachable,
    /// Dropped, "administratively prohibited".
    Prohibit,
}

/// One next hop.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Hop {
    /// The gateway; none for a link whose destinations are neighbours.
    pub gateway: Option<IpAddr>,
    /// Index of the egress netdev; zero for none.
    pub interface: u32,
    /// The gateway is on the link, whatever the addresses say.
    pub onlink: bool,
    /// Share of the traffic, 1 to 65536.
    pub weight: u32,
    /// What is put around packets.
    pub encapsulation: Encapsulation,
}

/// Labels of MPLS, outermost first.
pub(crate) type Labels = SmallVec<[u32; 2]>;

/// What a next hop puts around packets.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) enum Encapsulation {
    /// Nothing.
    #[default]
    None,
    /// MPLS labels (RFC 3032).
    Mpls(Labels),
    /// VXLAN with this VNI; the gateway is the tunnel's end (RFC 9136 by FRR's `NET_VXLAN`).
    Vxlan(u32),
    /// A tunnel by `LWTUNNEL_ENCAP_IP` or `…_IP6`.
    Tunnel {
        /// Its key: the VNI where a VXLAN device stands behind the interface.
        id: u64,
        /// Its far end.
        remote: Option<IpAddr>,
    },
    /// One that is not read further, by its number of `lwtunnel.h`: segment routing and others.
    Other(u16),
}

/// A next hop object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NextHopUpdate {
    /// Its number.
    pub id: u32,
    /// What it is now; none if it is gone.
    pub body: Option<NextHopBody>,
}

/// What a next hop object is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NextHopBody {
    /// A next hop.
    Hop(Hop),
    /// Several, by number and weight.
    Group(Vec<(u32, u32)>),
    /// Packets are dropped.
    Blackhole,
    /// For a bridge's forwarding database, not for routes (`NHA_FDB`).
    Fdb(FdbHop),
}

/// A next hop object for forwarding databases.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FdbHop {
    /// The far end of a tunnel.
    End(IpAddr),
    /// Several, by number. Frames go to them by flow.
    Group(Vec<u32>),
}

/// A label switched path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LspUpdate {
    /// The incoming label.
    pub label: u32,
    /// Where it leads, with the outgoing labels in the next hops' encapsulation (none: it is popped); none if it is gone.
    pub hops: Option<Hops>,
}

/// A netdev.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LinkUpdate {
    /// Its index.
    pub index: u32,
    /// What it is now; none if it is gone.
    pub link: Option<Link>,
}

/// What a netdev is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    /// Its name.
    pub name: String,
    /// Whether it can be used.
    pub signs: Signs,
    /// Its Ethernet address, if it has one.
    pub mac: Option<Mac>,
    /// Index of the bridge or VRF device to which it belongs.
    pub controller: Option<u32>,
    /// What kind of device it is.
    pub kind: LinkKind,
}

/// Signs that a netdev can be used, of its flags: administratively up, with a carrier, operational (`IFF_UP`, `IFF_LOWER_UP`,
/// `IFF_RUNNING`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Signs(u32);

impl Signs {
    /// Those among a netdev's flags.
    pub(crate) const fn of_flags(flags: u32) -> Self {
        const SIGNS: i32 = libc::IFF_UP | libc::IFF_LOWER_UP | libc::IFF_RUNNING;
        Self(flags & SIGNS.cast_unsigned())
    }

    /// Whether one of these is missing now.
    pub(crate) const fn lost(self, now: Self) -> bool {
        self.0 & !now.0 != 0
    }
}

/// Kinds of netdevs that mean something to routes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LinkKind {
    /// A VRF with its table.
    Vrf {
        /// The kernel's table.
        table: u32,
    },
    /// A bridge.
    Bridge,
    /// A VXLAN tunnel.
    Vxlan {
        /// Its VNI.
        vni: u32,
    },
    /// All else.
    Other,
}

/// A neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NeighbourUpdate {
    /// Index of the netdev.
    pub interface: u32,
    /// Its address.
    pub address: IpAddr,
    /// What is known of it; none if it is gone.
    pub known: Option<Neighbour>,
}

/// What is known of a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Neighbour {
    /// Its Ethernet address.
    pub mac: Option<Mac>,
    /// How the kernel knows.
    pub state: NeighbourState,
}

/// How the kernel knows a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NeighbourState {
    /// Somebody told it: permanent, without ARP, or learned by another program (`NTF_EXT_LEARNED`).
    Told,
    /// The bridge told it, of what the router knows.
    Ours,
    /// It asked, and was answered.
    Resolved,
    /// It asked, and was not answered (yet).
    Unresolved,
}

/// An entry of a bridge's forwarding database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FdbUpdate {
    /// Which.
    pub key: FdbKey,
    /// Where it leads; none if it is gone.
    pub entry: Option<FdbEntry>,
}

/// Names an entry of a forwarding database. The all-zero address floods: one entry for each remote end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct FdbKey {
    /// Index of the netdev.
    pub interface: u32,
    /// The Ethernet address.
    pub mac: [u8; 6],
    /// The VLAN; zero for none.
    pub vlan: u16,
    /// Where its station is.
    pub behind: Behind,
}

/// Where the station of an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Behind {
    /// Behind the netdev itself, as a port of its bridge.
    Port,
    /// Behind the far end of a tunnel.
    Remote(IpAddr),
    /// Behind all far ends of a group (`NDA_NH_ID`): a host that is attached to several (RFC 7432 section 14).
    Group(u32),
}

/// Where an entry of a forwarding database leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FdbEntry {
    /// The VNI, where it is not the netdev's.
    pub vni: Option<u32>,
    /// Whether another program told the kernel, not its own learning.
    pub told: bool,
    /// Whether it stays where it is (RFC 7432 section 15.2).
    pub sticky: bool,
}
