//! Why a packet ended without being sent, punted or consumed.
//!
//! Every dead end of the packet path has one reason, and every reason is one counter of each
//! worker. The names are stable: they are the words of `ferroute drops`, of the metrics and of the
//! API.

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl DropReason {
            /// Every reason, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name, in snake case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means, for people.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

drop_reasons! {
    /// The frame is shorter than its Ethernet header.
    EthernetTruncated = "ethernet_truncated",
    /// No interface takes this VLAN on this port.
    UnknownVlan = "unknown_vlan",
    /// The interface is administratively down.
    InterfaceDown = "interface_down",
    /// The port has no interface.
    NoInterface = "no_interface",
    /// The destination Ethernet address is another station's.
    NotOurMac = "not_our_mac",
    /// The source Ethernet address is a group's or zero.
    SourceMacInvalid = "source_mac_invalid",
    /// The frame is shorter than an IPv4 header.
    Ipv4Truncated = "ipv4_truncated",
    /// The IPv4 version field is not 4.
    Ipv4Version = "ipv4_version",
    /// The IPv4 header length is under 5 words or past the frame.
    Ipv4HeaderLength = "ipv4_header_length",
    /// The IPv4 total length is under the header's or past the frame.
    Ipv4TotalLength = "ipv4_total_length",
    /// The IPv4 header checksum is wrong.
    Ipv4Checksum = "ipv4_checksum",
    /// The IPv4 source is no unicast address of a host (RFC 1812 section 5.3.7).
    Ipv4SourceMartian = "ipv4_source_martian",
    /// The IPv4 destination is never forwarded (RFC 1812 section 5.3.7).
    Ipv4DestinationMartian = "ipv4_destination_martian",
    /// A unicast IP packet came in a broadcast or multicast frame (RFC 1122 section 3.3.6).
    UnicastInGroupFrame = "unicast_in_group_frame",
    /// The IPv4 packet carries a source route (RFC 7126 section 4.3).
    Ipv4SourceRoute = "ipv4_source_route",
    /// The IPv4 options are malformed.
    Ipv4Options = "ipv4_options",
    /// The destination is a directed broadcast (RFC 2644).
    DirectedBroadcast = "directed_broadcast",
    /// The frame is shorter than an IPv6 header.
    Ipv6Truncated = "ipv6_truncated",
    /// The IPv6 version field is not 6.
    Ipv6Version = "ipv6_version",
    /// The IPv6 payload length is past the frame.
    Ipv6PayloadLength = "ipv6_payload_length",
    /// The IPv6 source may not stand on the wire or may not be forwarded (RFC 4291 section 2).
    Ipv6SourceInvalid = "ipv6_source_invalid",
    /// The IPv6 destination is never forwarded (RFC 4291 section 2).
    Ipv6DestinationInvalid = "ipv6_destination_invalid",
    /// The IPv6 extension headers are malformed, cut off or too many.
    Ipv6ExtensionHeaders = "ipv6_extension_headers",
    /// A link-local IPv6 packet would have left its link (RFC 4291 section 2.5.6).
    Ipv6BeyondScope = "ipv6_beyond_scope",
    /// The TTL or hop limit ran out.
    TtlExpired = "ttl_expired",
    /// No route covers the destination.
    NoRoute = "no_route",
    /// The route is a blackhole.
    Blackhole = "blackhole",
    /// The route says unreachable.
    RouteUnreachable = "route_unreachable",
    /// The route says prohibited.
    RouteProhibited = "route_prohibited",
    /// The next hop of the FIB does not exist in the worker's snapshot.
    NextHopMissing = "next_hop_missing",
    /// The neighbour did not answer.
    NeighbourUnreachable = "neighbour_unreachable",
    /// The hold queue of an unresolved neighbour pushed its oldest packet out.
    NeighbourQueueFull = "neighbour_queue_full",
    /// The packet is larger than the next link takes and may not be fragmented.
    PacketTooBig = "packet_too_big",
    /// The packet could not be fragmented.
    FragmentationFailed = "fragmentation_failed",
    /// A multicast destination that is not handled here.
    Multicast = "multicast",
    /// The outgoing port does not exist, or this worker may not send on it.
    NoTxPort = "no_tx_port",
    /// The outgoing interface is administratively down.
    TxInterfaceDown = "tx_interface_down",
    /// The transmit queue was full.
    TxQueueFull = "tx_queue_full",
    /// The frame has no room for the new header.
    NoHeadroom = "no_headroom",
    /// The policer of the packet's punt class had no token.
    PuntPoliced = "punt_policed",
    /// The punt ring was full.
    PuntRingFull = "punt_ring_full",
    /// The kernel twin did not take the frame.
    TwinRefused = "twin_refused",
    /// The interface has no kernel twin.
    NoTwin = "no_twin",
    /// The ring between two workers was full.
    HandoffRingFull = "handoff_ring_full",
    /// The ring of frames to inject was full.
    InjectRingFull = "inject_ring_full",
    /// An echo reply was due and its rate limit had no token.
    IcmpRateLimited = "icmp_rate_limited",
    /// The packet may not cause an ICMP error (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4).
    IcmpNotAllowed = "icmp_not_allowed",
    /// An ARP packet is malformed or speaks of invalid addresses (RFC 826, RFC 1122).
    ArpInvalid = "arp_invalid",
    /// A neighbour discovery message is malformed (RFC 4861 sections 6.1, 7.1, 8.1).
    NdInvalid = "nd_invalid",
    /// An ICMP or ICMPv6 message to the router has a wrong checksum or length.
    IcmpInvalid = "icmp_invalid",
    /// No packet buffer was free.
    NoBuffer = "no_buffer",
    /// The next hops lead in a circle of VRFs.
    VrfLoop = "vrf_loop",
    /// The tunnel's remote end has no way that can be used.
    TunnelUnderlay = "tunnel_underlay",
    /// A tunnel packet holds another, and that another, deeper than is followed.
    TunnelNesting = "tunnel_nesting",
    /// A tunnel packet is a fragment; they are not put together here.
    TunnelFragment = "tunnel_fragment",
    /// A tunnel packet is cut off, or the lengths of its headers disagree.
    TunnelTruncated = "tunnel_truncated",
    /// The UDP checksum of a tunnel packet is wrong.
    TunnelChecksum = "tunnel_checksum",
    /// A tunnel packet over IPv6 has no UDP checksum, which the endpoint does not accept (RFC 6936).
    TunnelZeroChecksum = "tunnel_zero_checksum",
    /// A tunnel packet comes from an address that is no known remote end.
    TunnelUnknownPeer = "tunnel_unknown_peer",
    /// The outer header says that congestion was met, the inner that it cannot bear it (RFC 6040).
    TunnelEcn = "tunnel_ecn",
    /// The VXLAN header has no VNI: its I bit is not set (RFC 7348 section 5).
    VxlanNoVni = "vxlan_no_vni",
    /// The endpoint does not have this VNI.
    UnknownVni = "unknown_vni",
    /// The frame out of a routed VNI is not for the router's Ethernet address.
    VxlanRouterMac = "vxlan_router_mac",
    /// The frame out of a VNI has a VLAN tag (RFC 7348 section 6.1).
    VxlanInnerVlan = "vxlan_inner_vlan",
    /// The frame out of a routed VNI is not IP.
    VxlanNotIp = "vxlan_not_ip",
    /// The GUE packet is malformed, a control message, or has options that are not known.
    GueInvalid = "gue_invalid",
    /// The label was not given out by this router.
    UnknownLabel = "unknown_label",
    /// The special label may not come in, or nothing is done with it (RFC 7274).
    SpecialLabel = "special_label",
    /// The label stack ends before its bottom, or is too deep.
    LabelStackInvalid = "label_stack_invalid",
    /// The TTL of the label ran out.
    LabelTtlExpired = "label_ttl_expired",
    /// What is below the label stack is not what its label says.
    LabelPayload = "label_payload",
    /// The bridge domain does not exist in the worker's snapshot.
    BridgeMissing = "bridge_missing",
    /// The station is behind the member that the frame came from.
    BridgeSameMember = "bridge_same_member",
    /// The frame came out of a tunnel and would have gone into one (split horizon).
    BridgeSplitHorizon = "bridge_split_horizon",
    /// The frame's source is the bridge domain's own gateway: a loop, or somebody posing as it.
    BridgeOwnSource = "bridge_own_source",
    /// The frame comes from the only Ethernet segment on which there are members to flood it to (local bias, RFC 8365
    /// section 8.3.1).
    BridgeLocalBias = "bridge_local_bias",
    /// Another router is the designated forwarder of the Ethernet segment (RFC 7432 section 8.5).
    BridgeNotDesignated = "bridge_not_designated",
    /// The destination is a group that bridges do not forward (IEEE 802.1Q section 8.6.3).
    BridgeReservedGroup = "bridge_reserved_group",
    /// The destination is not known, and the bridge domain does not flood such frames.
    BridgeUnknownUnicast = "bridge_unknown_unicast",
    /// A group frame of a kind that the bridge domain does not flood.
    BridgeGroupDisabled = "bridge_group_disabled",
    /// The bridge domain floods as much as it may.
    BridgeStorm = "bridge_storm",
    /// The frame would have been flooded, and there is nobody but its sender.
    BridgeAlone = "bridge_alone",
    /// The frame is larger than the member interface or the tunnel takes (RFC 7348 section 4.3).
    BridgeTooBig = "bridge_too_big",
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The reason's place in a counter array.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_numbers_are_places() {
        for (place, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), place);
            assert_eq!(
                DropReason::ALL
                    .iter()
                    .filter(|r| r.name() == reason.name())
                    .count(),
                1
            );
            assert!(!reason.describe().is_empty());
        }
    }
}
