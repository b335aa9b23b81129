//! Tunnel endpoints, VNIs, labels, and what next hops put around packets.

use super::number::{GivenLabel, PushedLabel, Ttl, UdpPort, VniNumber};
use super::routes::NextHop;
use super::text::{Address, StationMac};
use crate::model::name::{DomainName, EndpointName, InterfaceName, VrfName};
use crate::model::number::Mtu;
use crate::model::overlay::{
    EndpointAddresses, EndpointSpec, GUE_PORT, LabelSpec, LabelTarget, OverlayError, TTL,
    VXLAN_PORT, VniKey, VniSpec, VniTarget,
};
use crate::model::refusal::RouteError;
use crate::nexthop::Encap;
use ferroute_dataplane::snapshot::label::Payload;
use ferroute_dataplane::snapshot::tunnel as data;
use ferroute_dataplane::wire::mpls::{Label as WireLabel, LabelStack};
use ferroute_dataplane::wire::vxlan::Vni as WireVni;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::{NonZeroU8, NonZeroU16};

/// How TTL or DSCP go into a tunnel and out of it (RFC 2983, RFC 3443).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TunnelMode {
    /// The inner one is not touched, the outer one is the tunnel's own.
    #[default]
    Pipe,
    /// It is carried over on both ways.
    Uniform,
}

impl TunnelMode {
    const fn mode(self) -> data::Mode {
        match self {
            Self::Pipe => data::Mode::Pipe,
            Self::Uniform => data::Mode::Uniform,
        }
    }
}

/// What ECN bits an outer header gets (RFC 6040 section 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EcnMode {
    /// Those of the inner header.
    #[default]
    Normal,
    /// None, for remote ends that lose them.
    Compatibility,
}

/// The DF bit of IPv4 outer headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DontFragment {
    /// Always set.
    #[default]
    Set,
    /// As in the inner packet; set if that is IPv6.
    Inner,
}

/// The router's own end of tunnels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its name; that of next hops which name none is `default`.
    #[serde(default)]
    pub name: EndpointName,
    /// The underlay: the VRF of its addresses.
    #[serde(default)]
    pub vrf: VrfName,
    /// One address of each family at most, one at least; addresses of one interface of the VRF.
    pub addresses: Vec<Address>,
    /// UDP port of VXLAN.
    #[serde(default = "vxlan_port")]
    pub vxlan_port: UdpPort,
    /// UDP port of GUE.
    #[serde(default = "gue_port")]
    pub gue_port: UdpPort,
    /// Outer TTL in pipe mode.
    #[serde(default = "ttl")]
    pub ttl: Ttl,
    /// TTL.
    #[serde(default)]
    pub ttl_mode: TunnelMode,
    /// DSCP.
    #[serde(default)]
    pub dscp_mode: TunnelMode,
    /// ECN.
    #[serde(default)]
    pub ecn_mode: EcnMode,
    /// DF of IPv4 outer headers.
    #[serde(default)]
    pub df: DontFragment,
    /// Whether UDP checksums over IPv6 are sent as zero (RFC 6936).
    #[serde(default)]
    pub udp6_zero_tx: bool,
    /// Whether UDP checksums of zero are accepted over IPv6 (RFC 6936).
    #[serde(default)]
    pub udp6_zero_rx: bool,
    /// Whether only the remote ends of tunnels that start here are listened to.
    #[serde(default)]
    pub known_peers_only: bool,
    /// Whether labels in UDP are taken out (RFC 7510).
    #[serde(default = "yes")]
    pub mpls_udp: bool,
    /// The VRF of what comes out of IP in IP and GUE; absent: these are not taken out.
    #[serde(default)]
    pub ip_vrf: Option<VrfName>,
    /// The largest packet in bytes for TCP connections that are opened out of IP in IP and GUE: the MSS of SYN and SYN-ACK is
    /// lowered to what fits; absent: left to their ends.
    #[serde(default)]
    pub tcp_mtu: Option<Mtu>,
}

impl Endpoint {
    /// In the core's terms.
    ///
    /// # Errors
    /// [`OverlayError::AddressMissing`].
    pub fn spec(&self) -> Result<EndpointSpec, OverlayError> {
        let addresses: Vec<_> = self.addresses.iter().map(|address| address.ip()).collect();
        let port = |port: UdpPort, usual| NonZeroU16::new(port.get()).unwrap_or(usual);
        Ok(EndpointSpec {
            name: self.name,
            vrf: self.vrf,
            addresses: EndpointAddresses::new(&addresses)?,
            vxlan_port: port(self.vxlan_port, VXLAN_PORT),
            gue_port: port(self.gue_port, GUE_PORT),
            ttl: NonZeroU8::new(self.ttl.get()).unwrap_or(TTL),
            ttl_mode: self.ttl_mode.mode(),
            dscp_mode: self.dscp_mode.mode(),
            ecn_mode: match self.ecn_mode {
                EcnMode::Normal => data::EcnMode::Normal,
                EcnMode::Compatibility => data::EcnMode::Compatibility,
            },
            df: match self.df {
                DontFragment::Set => data::DontFragment::Set,
                DontFragment::Inner => data::DontFragment::Inner,
            },
            udp6_zero_tx: self.udp6_zero_tx,
            udp6_zero_rx: self.udp6_zero_rx,
            known_peers_only: self.known_peers_only,
            mpls_udp: self.mpls_udp,
            ip_vrf: self.ip_vrf,
        })
    }
}

/// A VXLAN network. Its packets are routed (L3VNI): then it has `vrf` and `router_mac`; or they are bridged (L2VNI): then
/// it has `domain`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vni {
    /// Its number.
    pub vni: VniNumber,
    /// Its endpoint.
    #[serde(default)]
    pub endpoint: EndpointName,
    /// The VRF in which its packets are looked up.
    #[serde(default)]
    pub vrf: Option<VrfName>,
    /// To whom the inner frames must be sent that are routed.
    #[serde(default)]
    pub router_mac: Option<StationMac>,
    /// The interface of one that is routed; absent: `vni` and the number.
    #[serde(default)]
    pub interface: Option<InterfaceName>,
    /// The bridge domain of its frames.
    #[serde(default)]
    pub domain: Option<DomainName>,
    /// The largest packet in bytes for TCP connections that are opened out of one that is routed: the MSS of SYN and SYN-ACK is
    /// lowered to what fits; absent: left to their ends.
    #[serde(default)]
    pub tcp_mtu: Option<Mtu>,
}

impl Vni {
    /// In the core's terms, or `None` if its fields are no valid form.
    #[must_use]
    pub fn spec(&self) -> Option<VniSpec> {
        let target = match (self.vrf, self.router_mac, self.domain) {
            (Some(vrf), Some(router_mac), None) => VniTarget::Routed {
                vrf,
                router_mac: router_mac.mac(),
                interface: self.interface,
            },
            (None, None, Some(domain)) if self.interface.is_none() && self.tcp_mtu.is_none() => {
                VniTarget::Bridged { domain }
            }
            _ => return None,
        };
        let (endpoint, vni) = (self.endpoint, WireVni::new(self.vni.get()).ok()?);
        Some(VniSpec {
            key: VniKey { endpoint, vni },
            target,
        })
    }
}

/// What a label carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelPayload {
    /// IPv4 or IPv6.
    #[default]
    Both,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// An entry of the label table: it leads into a VRF, or to next hops.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The label.
    pub label: GivenLabel,
    /// Popped, and looked up in this VRF.
    #[serde(default)]
    pub vrf: Option<VrfName>,
    /// Popped and sent to one of these next hops; swapped where they push labels.
    #[serde(default)]
    pub via: Vec<NextHop>,
    /// What it carries.
    #[serde(default)]
    pub payload: LabelPayload,
    /// Whether its TTL goes over into what is below.
    #[serde(default)]
    pub ttl_mode: TunnelMode,
    /// The largest packet in bytes for TCP connections that are opened out of labels into this VRF, by whichever: the MSS of
    /// SYN and SYN-ACK is lowered to what fits; absent: left to their ends.
    #[serde(default)]
    pub tcp_mtu: Option<Mtu>,
}

impl Label {
    /// In the core's terms.
    ///
    /// # Errors
    /// [`OverlayError::LabelReserved`], [`OverlayError::NextHops`].
    pub fn spec(&self) -> Result<LabelSpec, OverlayError> {
        let number = self.label.get();
        let reserved = |_| OverlayError::LabelReserved { label: number };
        let target = match self.vrf {
            Some(vrf) => LabelTarget::Vrf(vrf),
            None => {
                let hops = super::routes::next_hops(&self.via);
                let refused = |problem: RouteError| OverlayError::NextHops { problem };
                LabelTarget::NextHops(hops.map_err(refused)?)
            }
        };
        Ok(LabelSpec {
            label: WireLabel::new(number).map_err(reserved)?,
            target,
            payload: match self.payload {
                LabelPayload::Both => Payload::Both,
                LabelPayload::Ipv4 => Payload::Ipv4,
                LabelPayload::Ipv6 => Payload::Ipv6,
            },
            ttl_mode: self.ttl_mode.mode(),
        })
    }
}

/// A kind of encapsulation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncapKind {
    /// VXLAN (RFC 7348), between routers.
    Vxlan,
    /// Labels in UDP (RFC 7510).
    MplsUdp,
    /// Labels on the link (RFC 3032).
    Mpls,
    /// IP in IP.
    Ip,
    /// IP in UDP (Generic UDP Encapsulation).
    Gue,
}

/// What is put around packets on the way to the gateway, which is then a tunnel's remote end. VXLAN has `vni` and `router_mac`, labels
/// have `labels`, the others nothing more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HopEncap {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: EncapKind,
    /// The VNI that the remote end expects.
    #[serde(default)]
    pub vni: Option<VniNumber>,
    /// The remote end's router MAC.
    #[serde(default)]
    pub router_mac: Option<StationMac>,
    /// At most four labels, the outermost first.
    #[serde(default)]
    pub labels: Vec<PushedLabel>,
    /// Where the tunnel starts.
    #[serde(default)]
    pub endpoint: EndpointName,
}

impl HopEncap {
    /// The encapsulation, or `None` if its fields are no valid form.
    #[must_use]
    pub fn encap(&self) -> Option<Encap> {
        let stack = || {
            let labels = self.labels.iter().map(|label| WireLabel::new(label.get()));
            LabelStack::new(&labels.collect::<Result<Vec<_>, _>>().ok()?).ok()
        };
        match (self.kind, self.vni, self.router_mac, self.labels.is_empty()) {
            (EncapKind::Vxlan, Some(vni), Some(mac), true) => Some(Encap::Vxlan {
                vni: WireVni::new(vni.get()).ok()?,
                router_mac: mac.mac(),
            }),
            (EncapKind::MplsUdp, None, None, false) => Some(Encap::MplsUdp(stack()?)),
            (EncapKind::Mpls, None, None, false) => Some(Encap::Mpls(stack()?)),
            (EncapKind::Ip, None, None, true) => Some(Encap::IpIp),
            (EncapKind::Gue, None, None, true) => Some(Encap::Gue),
            _ => None,
        }
    }
}

fn vxlan_port() -> UdpPort {
    UdpPort::fixed(VXLAN_PORT.get())
}

fn gue_port() -> UdpPort {
    UdpPort::fixed(GUE_PORT.get())
}

fn ttl() -> Ttl {
    Ttl::fixed(TTL.get())
}

fn yes() -> bool {
    true
}
