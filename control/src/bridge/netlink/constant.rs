//! Numbers of `linux/rtnetlink.h` and its neighbours that the C library's bindings do not name.

pub(super) const RTM_NEWNEXTHOP: u16 = 104;
pub(super) const RTM_DELNEXTHOP: u16 = 105;
pub(super) const RTM_GETNEXTHOP: u16 = 106;

pub(super) const AF_MPLS: u8 = 28;
pub(super) const AF_BRIDGE: u8 = 7;
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

pub(super) const RTA_DST: u16 = 1;
pub(super) const RTA_OIF: u16 = 4;
pub(super) const RTA_GATEWAY: u16 = 5;
pub(super) const RTA_PRIORITY: u16 = 6;
pub(super) const RTA_MULTIPATH: u16 = 9;
pub(super) const RTA_TABLE: u16 = 15;
pub(super) const RTA_VIA: u16 = 18;
pub(super) const RTA_NEWDST: u16 = 19;
pub(super) const RTA_ENCAP_TYPE: u16 = 21;
pub(super) const RTA_ENCAP: u16 = 22;
pub(super) const RTA_NH_ID: u16 = 30;

/// Attributes of a route that say nothing about where packets go: input interface (3), preferred source and metrics of what the
/// host itself sends (7, 8), realm, age, mark, preference, expiry, padding, user, propagation of the TTL.
pub(super) const ROUTE_ASIDE: [u16; 11] = [3, 7, 8, 11, 12, 16, 20, 23, 24, 25, 26];

pub(super) const NHA_ID: u16 = 1;
pub(super) const NHA_GROUP: u16 = 2;
pub(super) const NHA_BLACKHOLE: u16 = 4;
pub(super) const NHA_OIF: u16 = 5;
pub(super) const NHA_GATEWAY: u16 = 6;
pub(super) const NHA_ENCAP_TYPE: u16 = 7;
pub(super) const NHA_ENCAP: u16 = 8;
pub(super) const NHA_FDB: u16 = 11;

/// Attributes of a next hop object that say nothing about where packets go: the kind of a group, resilient groups, their buckets
/// and counts, flags of a listing.
pub(super) const OBJECT_ASIDE: [u16; 8] = [3, 12, 13, 14, 15, 16, 17, 18];

pub(super) const RTNH_F_ONLINK: u8 = 4;
/// In `rtm_flags`: a cached copy of a route, no route.
pub(super) const RTM_F_CLONED: u32 = 0x200;
/// In `rtm_flags`: a device forwards by the route.
pub(super) const RTM_F_OFFLOAD: u32 = 0x4000;
/// In `rtm_flags`: a device was to forward by the route and does not.
pub(super) const RTM_F_OFFLOAD_FAILED: u32 = 0x2000_0000;

pub(super) const ENCAP_MPLS: u16 = 1;
pub(super) const ENCAP_IP: u16 = 2;
pub(super) const ENCAP_IP6: u16 = 4;
/// FRR's own: EVPN type-5 routes, `NET_VXLAN`.
pub(super) const ENCAP_NET_VXLAN: u16 = 100;

pub(super) const NDA_DST: u16 = 1;
pub(super) const NDA_LLADDR: u16 = 2;
pub(super) const NDA_PROTOCOL: u16 = 12;
/// In `ndm_flags`: of the bridge to which the port belongs.
pub(super) const NTF_MASTER: u8 = 0x04;
/// In `ndm_flags`: another program learned it, and takes it away again.
pub(super) const NTF_EXT_LEARNED: u8 = 0x10;
pub(super) const NUD_REACHABLE: u16 = 0x02;
pub(super) const NUD_PERMANENT: u16 = 0x80;
/// Marks neighbours that the bridge wrote (`NDA_PROTOCOL`); nobody else's in `rtnetlink.h` or FRR.
pub(super) const OWN_PROTOCOL: u8 = 0x66;
