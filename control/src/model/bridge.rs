//! Bridge domains, and the stations in them.

use super::name::{DomainName, EndpointName, InterfaceName, OwnerName, VrfName};
use super::port::Traffic;
use super::reason::reasons;
use super::segment::SegmentId;
use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::BridgeId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::vxlan::Vni;
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};

/// What a bridge domain shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DomainSpec {
    /// Its name.
    pub name: DomainName,
    /// Port and VLAN interfaces, none twice.
    pub members: Vec<InterfaceName>,
    /// What it does with frames.
    pub policy: DomainPolicy,
    /// The router's own interface in it.
    pub gateway: Option<GatewaySpec>,
}

/// What a bridge domain does with frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DomainPolicy {
    /// Whether sources behind members are learned.
    pub learn: bool,
    /// Whether sources out of tunnels are learned, each behind the remote end that sent it (RFC 7348 section 4.1); not
    /// where a control plane says which way remote stations are (RFC 8365 section 5.1.4).
    pub learn_remote: bool,
    /// Whether unicast to stations that are not known is flooded.
    pub unknown_unicast: bool,
    /// Whether broadcast is flooded.
    pub broadcast: bool,
    /// Whether other groups are flooded.
    pub multicast: bool,
    /// Whether requests for neighbours are answered for stations that are known (RFC 9161).
    pub suppress: bool,
    /// How much each worker floods; `None` for no bound.
    pub flood: Option<FloodRate>,
    /// Most learned stations; `None` for no bound.
    pub max_learned: Option<NonZeroU32>,
    /// How long a learned station stays that sends nothing, in seconds; at most [`AGEING_MAX_SECONDS`].
    pub ageing_seconds: NonZeroU16,
    /// Moves within the window after which a station stays where it is (RFC 7432 section 15.1).
    pub max_moves: NonZeroU32,
    /// That window, and how long such a station stays, in seconds.
    pub move_window_seconds: NonZeroU32,
}

/// How much each worker floods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FloodRate {
    /// Frames in a second.
    pub packets_per_second: u64,
    /// Frames at once.
    pub burst_packets: u64,
}

/// The shortest time for which a learned station may stay.
pub const AGEING_MIN_SECONDS: u16 = 10;
/// The longest time for which a learned station may stay: the workers' marks of its use wrap after twice that.
pub const AGEING_MAX_SECONDS: u16 = 32_000;
/// The usual time for which a learned station stays (IEEE 802.1Q table 8-6).
pub const AGEING_SECONDS: NonZeroU16 = NonZeroU16::MIN.saturating_add(299);
/// The usual number of moves (RFC 7432 section 15.1).
pub const MAX_MOVES: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
/// The usual window of moves (RFC 7432 section 15.1).
pub const MOVE_WINDOW_SECONDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(179);

impl Default for DomainPolicy {
    fn default() -> Self {
        Self {
            learn: true,
            learn_remote: false,
            unknown_unicast: true,
            broadcast: true,
            multicast: true,
            suppress: false,
            flood: None,
            max_learned: None,
            ageing_seconds: AGEING_SECONDS,
            max_moves: MAX_MOVES,
            move_window_seconds: MOVE_WINDOW_SECONDS,
        }
    }
}

/// The router's own interface in a domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatewaySpec {
    /// Its VRF.
    pub vrf: VrfName,
    /// Its Ethernet address, the same everywhere for an anycast gateway.
    pub mac: Mac,
    /// Its name; absent: by the domain's number.
    pub interface: Option<InterfaceName>,
    /// Whether it has a kernel twin.
    pub twin: bool,
}

/// A bridge domain as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DomainView {
    /// The settings in force.
    pub spec: DomainSpec,
    /// Its number.
    pub id: BridgeId,
    /// Its VXLAN network.
    pub vni: Option<(EndpointName, Vni)>,
    /// The remote ends to which frames are flooded.
    pub flood: Vec<RemoteEnd>,
    /// How many stations it has.
    pub stations: StationCount,
    /// What went through it.
    pub counters: DomainCounters,
}

/// How many stations of each kind count in a domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StationCount {
    /// Learned.
    pub learned: u32,
    /// Static.
    pub fixed: u32,
    /// Remote.
    pub remote: u32,
}

/// What went through a domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DomainCounters {
    /// Frames from members and tunnels.
    pub frames: Traffic,
    /// Of those, flooded.
    pub flooded: u64,
    /// Copies that flooding made.
    pub copies: u64,
    /// Frames for the gateway.
    pub gateway: u64,
    /// Dropped in the domain.
    pub dropped: u64,
    /// New stations of which the core was not told.
    pub learn_lost: u64,
    /// Copies not made because the frame came from the member's Ethernet segment.
    pub local_bias: u64,
    /// Copies not made because another router is the designated forwarder of the member's Ethernet segment.
    pub not_designated: u64,
    /// ARP requests and neighbour solicitations answered in the place of their target (RFC 9161).
    pub answered: u64,
    /// What became of stations.
    pub stations: StationCounters,
}

impl DomainCounters {
    /// What came after `before` was counted; of stations all.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            frames: self.frames.since(before.frames),
            flooded: self.flooded.saturating_sub(before.flooded),
            copies: self.copies.saturating_sub(before.copies),
            gateway: self.gateway.saturating_sub(before.gateway),
            dropped: self.dropped.saturating_sub(before.dropped),
            learn_lost: self.learn_lost.saturating_sub(before.learn_lost),
            local_bias: self.local_bias.saturating_sub(before.local_bias),
            not_designated: self.not_designated.saturating_sub(before.not_designated),
            answered: self.answered.saturating_sub(before.answered),
            stations: self.stations,
        }
    }
}

/// What became of a domain's stations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StationCounters {
    /// Not learned because the domain has as many as it may.
    pub over_limit: u64,
    /// Not learned because the FDB is full.
    pub fdb_full: u64,
    /// Moves.
    pub moves: u64,
    /// Moves that were not followed because there were too many.
    pub damped: u64,
    /// Frames of static or sticky stations at another place.
    pub violations: u64,
}

/// The far end of a tunnel of a domain's VXLAN network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RemoteEnd {
    /// Its address.
    pub address: IpAddr,
    /// The VNI that it expects; absent: the domain's own.
    pub vni: Option<Vni>,
}

/// Where a remote station is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemotePlace {
    /// Behind this remote end.
    End(RemoteEnd),
    /// Behind an Ethernet segment.
    Segment {
        /// The segment.
        id: SegmentId,
        /// The remote end that said so, if it is told: the primary of a single-active segment.
        primary: Option<RemoteEnd>,
    },
}

impl RemotePlace {
    /// The remote end of which a client speaks.
    #[must_use]
    pub const fn end(&self) -> Option<RemoteEnd> {
        match self {
            Self::End(end) => Some(*end),
            Self::Segment { primary, .. } => *primary,
        }
    }

    /// The segment behind which it is.
    #[must_use]
    pub const fn segment(&self) -> Option<SegmentId> {
        match self {
            Self::End(_) => None,
            Self::Segment { id, .. } => Some(*id),
        }
    }

    /// Whether a station that is at both has not moved: whichever of its routers speaks, a segment is one place (RFC 7432
    /// section 15).
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.segment(), other.segment()) {
            (None, None) => self == other,
            (one, another) => one == another,
        }
    }
}

/// What a client says of a remote station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoteStation {
    /// Where it is.
    pub place: RemotePlace,
    /// Mobility sequence (RFC 7432 section 7.7).
    pub sequence: u32,
    /// It does not move.
    pub sticky: bool,
}

/// Which kind of knowledge of a station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StationKind {
    /// A client put it behind a member.
    Static,
    /// A client put it behind a remote end.
    Remote,
    /// The router saw it, at a member or out of a tunnel.
    Learned,
    /// It is the domain's gateway.
    Gateway,
}

/// One change of the FDB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FdbChange {
    /// Puts a station behind a member.
    PutStatic {
        /// Its domain.
        domain: DomainName,
        /// The station.
        mac: Mac,
        /// The member.
        interface: InterfaceName,
    },
    /// Puts a station behind a remote end.
    PutRemote {
        /// Its domain.
        domain: DomainName,
        /// The station.
        mac: Mac,
        /// Where it is.
        remote: RemoteStation,
    },
    /// Deletes what is known of a station.
    Delete {
        /// Its domain.
        domain: DomainName,
        /// The station.
        mac: Mac,
        /// Only this kind.
        kind: Option<StationKind>,
        /// Only if it is behind this remote end.
        end: Option<RemoteEnd>,
    },
}

/// One change of a flood list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FloodChange {
    /// The domain.
    pub domain: DomainName,
    /// The remote end.
    pub end: RemoteEnd,
    /// Whether it goes.
    pub remove: bool,
}

/// Most changes of one request.
pub const MAX_CHANGES: usize = 65_536;

/// The changes of a request that were refused, by their places.
pub type Refused = Vec<(usize, DomainError)>;

/// A station as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StationView {
    /// Its domain.
    pub domain: DomainName,
    /// The station.
    pub mac: Mac,
    /// What counts of it.
    pub kind: StationKind,
    /// The member behind which it is, or the gateway.
    pub interface: Option<InterfaceName>,
    /// What a client said of its remote end, or behind which it was learned.
    pub remote: Option<RemoteStation>,
    /// Mobility sequence with which it is where it is.
    pub sequence: u32,
    /// Seconds since a frame of it came in by the member.
    pub idle_seconds: u16,
    /// It moved too often.
    pub damped: bool,
    /// The owner with whom goes what counts of it, if any.
    pub owner: Option<OwnerName>,
}

/// Why something happened to a station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StationCause {
    /// A frame of it came in, for the first time.
    Learned,
    /// It moved from one place to another.
    Moved,
    /// It sent nothing for too long.
    Aged,
    /// It moved too often.
    Damped,
    /// A client set, deleted or flushed it, or its member went.
    Configured,
}

/// Which stations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StationFilter {
    /// Only of this domain.
    pub domain: Option<DomainName>,
    /// Only of this kind.
    pub kind: Option<StationKind>,
}

/// The domain after which the next page begins.
pub type DomainCursor = DomainName;
/// The station after which the next page begins.
pub type StationCursor = FdbKey;

reasons! {
    /// Why an operation on bridge domains failed.
    pub enum DomainError {
        /// No domain has the name.
        UnknownDomain { /// The name.
            domain: DomainName } = "UNKNOWN_DOMAIN", NotFound, "there is no bridge domain {domain}";
        /// No owner has the name.
        UnknownOwner { /// The name.
            owner: OwnerName } = "UNKNOWN_OWNER", NotFound, "there is no owner {owner}";
        /// Another domain has the name.
        DomainTaken { /// The name.
            domain: DomainName } = "DOMAIN_TAKEN", AlreadyExists, "there is a bridge domain {domain} already";
        /// The router takes no more domains.
        TooManyDomains { /// Most that it takes.
            limit: usize } = "TOO_MANY_DOMAINS", Exhausted, "the router takes at most {limit} bridge domains";
        /// A VNI leads to the domain.
        DomainInUse { /// The domain.
            domain: DomainName, /// The VNI.
            vni: Vni } = "DOMAIN_IN_USE", Precondition, "VNI {vni} leads to bridge domain {domain}; remove the VNI first";
        /// No interface has the name.
        UnknownInterface { /// The name.
            interface: InterfaceName } = "UNKNOWN_INTERFACE", NotFound, "there is no interface {interface}";
        /// Only ports and VLANs can be members.
        MemberKind { /// The interface.
            interface: InterfaceName } = "MEMBER_KIND", Precondition, "{interface} is neither a port nor a VLAN, and cannot be a member of a bridge domain";
        /// The interface is a member already.
        MemberTaken { /// The interface.
            interface: InterfaceName, /// Of this domain.
            domain: DomainName } = "MEMBER_TAKEN", AlreadyExists, "interface {interface} is a member of bridge domain {domain} already";
        /// The interface has addresses.
        MemberAddresses { /// The interface.
            interface: InterfaceName } = "MEMBER_ADDRESSES", Precondition, "interface {interface} has addresses; remove them first: a member of a bridge domain has none";
        /// The interface is no member of the domain.
        NoMember { /// The interface.
            interface: InterfaceName, /// The domain.
            domain: DomainName } = "NO_MEMBER", NotFound, "interface {interface} is no member of bridge domain {domain}";
        /// No VRF has the name.
        UnknownVrf { /// The name.
            vrf: VrfName } = "UNKNOWN_VRF", NotFound, "there is no VRF {vrf}";
        /// Another interface has the name.
        InterfaceTaken { /// The name.
            interface: InterfaceName } = "NAME_TAKEN", AlreadyExists, "there is an interface {interface} already";
        /// The router takes no more interfaces.
        TooManyInterfaces { /// Most that it takes.
            limit: usize } = "TOO_MANY_INTERFACES", Exhausted, "the router takes at most {limit} interfaces";
        /// An address of the gateway is needed.
        GatewayInUse { /// The gateway.
            interface: InterfaceName } = "IN_USE", Precondition, "an endpoint has its address on the gateway {interface}, or another interface of the VRF has one of its addresses";
        /// The kernel twin could not be made or changed.
        Twin { /// What the kernel said.
            message: String } = "TWIN", Internal, "the kernel twin failed: {message}";
        /// The domain has no VXLAN network.
        NoVni { /// The domain.
            domain: DomainName } = "NO_VNI", Precondition, "bridge domain {domain} has no VNI, so nothing is remote";
        /// The endpoint has no address of the remote end's family.
        EndpointFamily { /// The endpoint.
            endpoint: EndpointName, /// The remote end.
            address: IpAddr } = "ENDPOINT_FAMILY", Precondition, "endpoint {endpoint} has no address of the family of {address}";
        /// A client cannot move the gateway.
        StationIsGateway { /// The station.
            mac: Mac } = "STATION_IS_GATEWAY", Precondition, "{mac} is the gateway of the bridge domain";
        /// Nothing is known of the station.
        UnknownStation { /// The station.
            mac: Mac } = "UNKNOWN_STATION", NotFound, "nothing such is known of station {mac}";
        /// A sticky station does not move.
        Sticky { /// The station.
            mac: Mac } = "STICKY", Precondition, "station {mac} is sticky, and stays where it is";
        /// The station has moved since.
        StaleSequence { /// The station.
            mac: Mac, /// The sequence with which it is where it is.
            sequence: u32 } = "STALE_SEQUENCE", Precondition, "station {mac} is elsewhere with the higher mobility sequence {sequence}";
        /// The FDB is full.
        FdbFull { /// Most stations.
            limit: usize } = "FDB_FULL", Exhausted, "the forwarding database is full with {limit} stations";
        /// There is no room for a tunnel.
        TableFull { /// The table.
            table: &'static str } = "TABLE_FULL", Exhausted, "the {table} table is full";
        /// No segment has the number.
        UnknownSegment { /// The number.
            segment: SegmentId } = "UNKNOWN_SEGMENT", NotFound, "there is no Ethernet segment {segment}";
        /// The flood list does not have the remote end.
        UnknownEnd { /// The remote end.
            address: IpAddr } = "UNKNOWN_END", NotFound, "the flood list does not have {address} with this VNI";
    }
}
