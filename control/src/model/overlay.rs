//! Tunnel endpoints, VNIs, labels, and the tunnels that next hops make.

use super::interface::InterfaceCounters;
use super::name::{DomainName, EndpointName, InterfaceName, OwnerName, VrfName};
use super::nexthop::NextHops;
use super::port::Traffic;
use super::reason::reasons;
use super::refusal::RouteError;
use crate::nexthop::Encap;
use ferroute_dataplane::ids::{EndpointId, NextHopId, TunnelId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::label::Payload;
use ferroute_dataplane::snapshot::tunnel::{DontFragment, EcnMode, Mode};
use ferroute_dataplane::wire::mpls::Label;
use ferroute_dataplane::wire::vxlan::Vni;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16};

/// What an endpoint shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointSpec {
    /// Its name.
    pub name: EndpointName,
    /// The underlay.
    pub vrf: VrfName,
    /// Its addresses.
    pub addresses: EndpointAddresses,
    /// UDP port of VXLAN.
    pub vxlan_port: NonZeroU16,
    /// UDP port of GUE.
    pub gue_port: NonZeroU16,
    /// Outer TTL in pipe mode.
    pub ttl: NonZeroU8,
    /// TTL.
    pub ttl_mode: Mode,
    /// DSCP.
    pub dscp_mode: Mode,
    /// ECN.
    pub ecn_mode: EcnMode,
    /// DF of IPv4 outer headers.
    pub df: DontFragment,
    /// Whether UDP checksums over IPv6 are sent as zero (RFC 6936).
    pub udp6_zero_tx: bool,
    /// Whether UDP checksums of zero are accepted over IPv6 (RFC 6936).
    pub udp6_zero_rx: bool,
    /// Whether only the remote ends of its tunnels are listened to.
    pub known_peers_only: bool,
    /// Whether labels in UDP are taken out (RFC 7510).
    pub mpls_udp: bool,
    /// The VRF of what comes out of IP in IP and GUE; absent: these are not taken out.
    pub ip_vrf: Option<VrfName>,
}

impl EndpointSpec {
    /// The usual endpoint of these addresses: standard ports, pipe modes, outer TTL 64.
    #[must_use]
    pub fn new(name: EndpointName, vrf: VrfName, addresses: EndpointAddresses) -> Self {
        Self {
            name,
            vrf,
            addresses,
            vxlan_port: VXLAN_PORT,
            gue_port: GUE_PORT,
            ttl: TTL,
            ttl_mode: Mode::Pipe,
            dscp_mode: Mode::Pipe,
            ecn_mode: EcnMode::Normal,
            df: DontFragment::Set,
            udp6_zero_tx: false,
            udp6_zero_rx: false,
            known_peers_only: false,
            mpls_udp: true,
            ip_vrf: None,
        }
    }
}

/// The UDP port of VXLAN (RFC 7348 section 5).
pub const VXLAN_PORT: NonZeroU16 = NonZeroU16::MIN.saturating_add(4788);
/// The UDP port of GUE (assigned by IANA).
pub const GUE_PORT: NonZeroU16 = NonZeroU16::MIN.saturating_add(6079);
/// The outer TTL of tunnels in pipe mode.
pub const TTL: NonZeroU8 = NonZeroU8::MIN.saturating_add(63);

/// One address of each family at most, one at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndpointAddresses {
    /// IPv4 alone.
    Ipv4(Ipv4Addr),
    /// IPv6 alone.
    Ipv6(Ipv6Addr),
    /// Both.
    Both(Ipv4Addr, Ipv6Addr),
}

impl EndpointAddresses {
    /// From as many addresses as there are.
    ///
    /// # Errors
    /// [`OverlayError::AddressMissing`] if there is none, or two of a family.
    pub fn new(addresses: &[IpAddr]) -> Result<Self, OverlayError> {
        match *addresses {
            [IpAddr::V4(v4)] => Ok(Self::Ipv4(v4)),
            [IpAddr::V6(v6)] => Ok(Self::Ipv6(v6)),
            [IpAddr::V4(v4), IpAddr::V6(v6)] | [IpAddr::V6(v6), IpAddr::V4(v4)] => {
                Ok(Self::Both(v4, v6))
            }
            _ => Err(OverlayError::AddressMissing),
        }
    }

    /// The addresses.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        let (v4, v6) = match *self {
            Self::Ipv4(v4) => (Some(v4), None),
            Self::Ipv6(v6) => (None, Some(v6)),
            Self::Both(v4, v6) => (Some(v4), Some(v6)),
        };
        v4.map(IpAddr::V4).into_iter().chain(v6.map(IpAddr::V6))
    }

    /// The address from which to speak to a remote end: that of its family.
    #[must_use]
    pub fn source_for(&self, remote: IpAddr) -> Option<IpAddr> {
        self.iter().find(|own| own.is_ipv4() == remote.is_ipv4())
    }
}

/// An endpoint as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointView {
    /// The settings in force.
    pub spec: EndpointSpec,
    /// Its number.
    pub id: EndpointId,
    /// The interface of its addresses.
    pub interface: InterfaceName,
    /// The interface by which packets come out of IP in IP and GUE.
    pub ip_interface: Option<InterfaceName>,
    /// VNIs on it.
    pub vnis: usize,
    /// Tunnels that start here.
    pub tunnels: usize,
}

/// A VNI of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct VniKey {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The number.
    pub vni: Vni,
}

/// What a VNI shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VniSpec {
    /// Which one.
    pub key: VniKey,
    /// What it leads to.
    pub target: VniTarget,
}

/// What a VNI leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VniTarget {
    /// A VRF.
    Routed {
        /// The VRF.
        vrf: VrfName,
        /// To whom the inner frames must be sent.
        router_mac: Mac,
        /// Its interface; absent: named by the VNI.
        interface: Option<InterfaceName>,
    },
    /// A bridge domain.
    Bridged {
        /// The domain.
        domain: DomainName,
    },
}

impl VniTarget {
    /// Whether it is the same to packets, whatever its interface is called.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Routed {
                    vrf, router_mac, ..
                },
                Self::Routed {
                    vrf: other_vrf,
                    router_mac: other_mac,
                    ..
                },
            ) => (vrf, router_mac) == (other_vrf, other_mac),
            _ => self == other,
        }
    }
}

/// A VNI as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VniView {
    /// The settings in force.
    pub spec: VniSpec,
    /// What went through it; absent for a bridged one, whose domain counts.
    pub counters: Option<InterfaceCounters>,
}

/// What an entry of the label table shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelSpec {
    /// The label.
    pub label: Label,
    /// What becomes of a packet after it is popped.
    pub target: LabelTarget,
    /// What it carries.
    pub payload: Payload,
    /// Whether the label's TTL goes over into what is below.
    pub ttl_mode: Mode,
}

/// What becomes of a packet whose label is popped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LabelTarget {
    /// It is looked up in this VRF.
    Vrf(VrfName),
    /// It goes to one of these.
    NextHops(NextHops),
}

/// An entry of the label table as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelView {
    /// The settings in force.
    pub spec: LabelSpec,
    /// The interface by which packets come out of it.
    pub interface: Option<InterfaceName>,
    /// What it leads to as a next hop.
    pub next_hop: Option<NextHopId>,
    /// Whether that comes to something.
    pub resolved: bool,
    /// What came in with it.
    pub traffic: Traffic,
}

/// A tunnel as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TunnelView {
    /// Its number.
    pub id: TunnelId,
    /// Where it starts.
    pub endpoint: EndpointName,
    /// Its own address.
    pub source: Option<IpAddr>,
    /// Where it ends.
    pub remote: IpAddr,
    /// What is put around packets.
    pub encap: Encap,
    /// Sets and others that lead into it.
    pub users: u32,
    /// What leads to the remote end.
    pub underlay: NextHopId,
    /// Why the remote end cannot be reached; absent if it can.
    pub problem: Option<String>,
    /// Largest packet that it takes, in bytes.
    pub payload_mtu: u16,
    /// The header bytes that are the same for all packets.
    pub header: Vec<u8>,
    /// What was sent into it.
    pub traffic: Traffic,
}

/// The VNI after which the next page begins.
pub type VniCursor = VniKey;
/// The label after which the next page begins.
pub type LabelCursor = Label;
/// The tunnel after which the next page begins.
pub type TunnelCursor = TunnelId;

reasons! {
    /// Why an operation on endpoints, VNIs or labels failed.
    pub enum OverlayError {
        /// No endpoint has the name.
        UnknownEndpoint { /// The name.
            endpoint: EndpointName } = "UNKNOWN_ENDPOINT", NotFound, "there is no endpoint {endpoint}";
        /// Another endpoint has the name.
        EndpointTaken { /// The name.
            endpoint: EndpointName } = "NAME_TAKEN", AlreadyExists, "there is an endpoint {endpoint} already";
        /// No VRF has the name.
        UnknownVrf { /// The name.
            vrf: VrfName } = "UNKNOWN_VRF", NotFound, "there is no VRF {vrf}";
        /// No owner has the name.
        UnknownOwner { /// The name.
            owner: OwnerName } = "UNKNOWN_OWNER", NotFound, "there is no owner {owner}";
        /// An endpoint has no address, or two of a family.
        AddressMissing = "ADDRESS_MISSING", Invalid, "an endpoint has one address of each family at most, and one at least";
        /// No interface of the VRF has the address.
        NoSuchAddress { /// The address.
            address: IpAddr, /// The VRF.
            vrf: VrfName } = "NO_SUCH_ADDRESS", Precondition, "no interface of VRF {vrf} has the address {address}";
        /// The addresses are of two interfaces.
        TwoInterfaces { /// One.
            one: InterfaceName, /// The other.
            other: InterfaceName } = "TWO_INTERFACES", Precondition, "the addresses are those of two interfaces, {one} and {other}";
        /// Another endpoint has the address.
        AddressTaken { /// The address.
            address: IpAddr, /// The endpoint that has it.
            endpoint: EndpointName } = "ENDPOINT_ADDRESS_TAKEN", AlreadyExists, "endpoint {endpoint} has the address {address} already";
        /// An endpoint stays in its VRF.
        EndpointVrf { /// Its VRF.
            vrf: VrfName } = "ENDPOINT_VRF", Precondition, "the endpoint is in VRF {vrf} for as long as it lives";
        /// Something is on the endpoint.
        InUse { /// The endpoint.
            endpoint: EndpointName, /// VNIs on it.
            vnis: usize, /// Tunnels that start there.
            tunnels: usize } = "IN_USE", Precondition, "{vnis} VNIs and {tunnels} tunnels are on endpoint {endpoint}";
        /// The endpoint has the VNI already.
        VniTaken { /// The VNI.
            vni: Vni, /// The endpoint.
            endpoint: EndpointName } = "VNI_TAKEN", AlreadyExists, "endpoint {endpoint} has VNI {vni} already";
        /// The endpoint does not have the VNI.
        UnknownVni { /// The VNI.
            vni: Vni, /// The endpoint.
            endpoint: EndpointName } = "UNKNOWN_VNI", NotFound, "endpoint {endpoint} has no VNI {vni}";
        /// What the VNI leads to is of another kind.
        VniKind { /// The VNI.
            vni: Vni } = "VNI_KIND", Precondition, "VNI {vni} leads to something else; remove it first";
        /// No bridge domain has the name.
        UnknownDomain { /// The name.
            domain: DomainName } = "UNKNOWN_DOMAIN", NotFound, "there is no bridge domain {domain}";
        /// The bridge domain has a VNI already.
        DomainHasVni { /// The domain.
            domain: DomainName } = "DOMAIN_HAS_VNI", Precondition, "bridge domain {domain} has a VNI already";
        /// A number that is no VNI.
        BadVni { /// The number.
            vni: u32 } = "BAD_VNI", Invalid, "{vni} is not a VNI: they run from 0 to 16777215";
        /// Another interface has the name.
        InterfaceTaken { /// The name.
            interface: InterfaceName } = "NAME_TAKEN", AlreadyExists, "there is an interface {interface} already";
        /// The router takes no more interfaces.
        TooManyInterfaces { /// Most that it takes.
            limit: usize } = "TOO_MANY_INTERFACES", Exhausted, "the router takes at most {limit} interfaces";
        /// A label that has a meaning of its own (RFC 3032 section 2.1, RFC 7274), or is none.
        LabelReserved { /// The number.
            label: u32 } = "LABEL_RESERVED", Invalid, "{label} is not a label that can be given out: these run from 16 to 1048575";
        /// The router has no such label.
        UnknownLabel { /// The label.
            label: Label } = "UNKNOWN_LABEL", NotFound, "the router has no label {label}";
        /// A label that carries IPv6 leads to an IPv4 gateway.
        PayloadFamily = "PAYLOAD_FAMILY", Precondition, "an IPv4 gateway cannot serve IPv6: say what the label carries, payload ipv4";
        /// A label's next hops are refused.
        NextHops { /// Why.
            problem: RouteError } = "NEXT_HOPS", Precondition, "{problem}";
    }
}
