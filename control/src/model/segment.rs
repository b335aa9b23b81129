//! Ethernet segments: the links by which one host or switch is attached to several routers (RFC 7432 section 5).

use super::bridge::RemoteEnd;
use super::name::{DomainName, InterfaceName, OwnerName};
use super::reason::reasons;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The number of an Ethernet segment, the same at all routers that share it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId([u8; Self::LEN]);

reasons! {
    /// Why something is no segment identifier.
    pub enum SegmentIdError {
        /// It has another length.
        Length { /// How many octets it has.
            octets: usize } = "SEGMENT_ID_LENGTH", Invalid, "a segment identifier has 10 octets, not {octets}";
        /// It is reserved.
        Reserved = "SEGMENT_ID_RESERVED", Invalid,
            "an identifier of zeros stands for no segment, one of ones is reserved (RFC 7432 section 5)";
        /// It is not written as such.
        Form { /// What is written.
            text: String } = "SEGMENT_ID_FORM", Invalid,
            "{text:?} is no segment identifier: ten octets such as 00:11:22:33:44:55:66:77:88:99";
    }
}

impl SegmentId {
    /// Its length in octets.
    pub const LEN: usize = 10;

    /// A number for a segment whose own is not known: of type 0, where all else may be anything (RFC 7432 section 5), with a
    /// number in somebody's namespace.
    #[must_use]
    pub const fn made_up(namespace: u32, number: u32) -> Self {
        /// Not zero, so that it is none of the reserved.
        const MARK: u8 = 0x66;
        let [a, b, c, d] = namespace.to_be_bytes();
        let [e, f, g, h] = number.to_be_bytes();
        Self([0, MARK, a, b, c, d, e, f, g, h])
    }

    /// Its octets, the type (RFC 7432 section 5) first.
    #[must_use]
    pub const fn octets(&self) -> [u8; Self::LEN] {
        self.0
    }
}

impl TryFrom<&[u8]> for SegmentId {
    type Error = SegmentIdError;

    fn try_from(octets: &[u8]) -> Result<Self, SegmentIdError> {
        let id: [u8; Self::LEN] = octets.try_into().map_err(|_| SegmentIdError::Length {
            octets: octets.len(),
        })?;
        if id == [0; Self::LEN] || id == [0xff; Self::LEN] {
            return Err(SegmentIdError::Reserved);
        }
        Ok(Self(id))
    }
}

impl FromStr for SegmentId {
    type Err = SegmentIdError;

    fn from_str(text: &str) -> Result<Self, SegmentIdError> {
        let octet = |part: &str| {
            let digits = part.bytes().all(|b| b.is_ascii_hexdigit()) && part.len() <= 2;
            u8::from_str_radix(part, 16).ok().filter(|_| digits)
        };
        let octets: Option<Vec<u8>> = text.split(':').map(octet).collect();
        let octets = octets.ok_or_else(|| SegmentIdError::Form {
            text: text.to_owned(),
        })?;
        Self::try_from(&octets[..])
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, others @ ..] = self.0;
        write!(f, "{first:02x}")?;
        others
            .iter()
            .try_for_each(|octet| write!(f, ":{octet:02x}"))
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many of the routers that share a segment forward at a time (RFC 7432 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Redundancy {
    /// All of them.
    #[default]
    AllActive,
    /// For each bridge domain only the designated forwarder.
    SingleActive,
}

/// What an Ethernet segment shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentSpec {
    /// Its number.
    pub id: SegmentId,
    /// Who forwards.
    pub redundancy: Redundancy,
    /// The port and VLAN interfaces by which the router is attached to it, none twice; none for one that is remote.
    pub members: Vec<InterfaceName>,
    /// The other routers attached to it, by the addresses of their tunnels' ends, none twice. Of a single-active segment the
    /// first is the primary of stations for which nobody says another.
    pub peers: Vec<IpAddr>,
    /// Where the router is the designated forwarder.
    pub designation: Designation,
}

/// The bridge domains in which the router is the designated forwarder of a segment (RFC 7432 section 8.5, RFC 8584).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Designation {
    /// Whether it is in all that are not among the exceptions.
    pub general: bool,
    /// The domains in which it is the other way round.
    pub exceptions: Vec<DomainName>,
}

impl Designation {
    /// Whether the router is the designated forwarder in a domain.
    #[must_use]
    pub fn is_in(&self, domain: &DomainName) -> bool {
        self.general != self.exceptions.contains(domain)
    }
}

/// Most other routers that share a segment.
pub const MAX_PEERS: usize = 64;
/// Most segments.
pub const MAX_SEGMENTS: usize = 4096;

/// An Ethernet segment as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentView {
    /// The settings in force.
    pub spec: SegmentSpec,
    /// The domains in which it has members here, in their order.
    pub attached: Vec<Attachment>,
    /// Which way stations behind it are.
    pub paths: Vec<PathView>,
}

/// A segment's member in a bridge domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// The domain.
    pub domain: DomainName,
    /// The member.
    pub interface: InterfaceName,
    /// Whether the router is the designated forwarder there.
    pub designated: bool,
    /// Whether the member forwards nothing.
    pub standby: bool,
}

/// Which way the stations of a domain are that are behind a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathView {
    /// The domain.
    pub domain: DomainName,
    /// The remote end that said so, if clients told.
    pub primary: Option<RemoteEnd>,
    /// How many stations.
    pub stations: u32,
    /// Where they are.
    pub leads: SegmentLeads,
}

/// Where stations behind a segment are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SegmentLeads {
    /// Nowhere: they are as good as unknown.
    Nowhere,
    /// Behind the router's own member.
    Member(InterfaceName),
    /// Behind these remote ends, by flow.
    Ends(Vec<IpAddr>),
}

/// The segment after which the next page begins.
pub type SegmentCursor = SegmentId;

reasons! {
    /// Why an operation on Ethernet segments failed.
    pub enum SegmentError {
        /// No segment has the number.
        UnknownSegment { /// The number.
            segment: SegmentId } = "UNKNOWN_SEGMENT", NotFound, "there is no Ethernet segment {segment}";
        /// No owner has the name.
        UnknownOwner { /// The name.
            owner: OwnerName } = "UNKNOWN_OWNER", NotFound, "there is no owner {owner}";
        /// Another segment has the number.
        SegmentTaken { /// The number.
            segment: SegmentId } = "SEGMENT_TAKEN", AlreadyExists, "there is an Ethernet segment {segment} already";
        /// The router takes no more segments.
        TooManySegments { /// Most that it takes.
            limit: usize } = "TOO_MANY_SEGMENTS", Exhausted, "the router takes at most {limit} Ethernet segments";
        /// Stations are behind the segment.
        SegmentInUse { /// The segment.
            segment: SegmentId, /// How many.
            stations: u32 } = "SEGMENT_IN_USE", Precondition, "{stations} stations are behind Ethernet segment {segment}; delete them first";
        /// No interface has the name.
        UnknownInterface { /// The name.
            interface: InterfaceName } = "UNKNOWN_INTERFACE", NotFound, "there is no interface {interface}";
        /// Only ports and VLANs can be attached.
        MemberKind { /// The interface.
            interface: InterfaceName } = "MEMBER_KIND", Precondition, "{interface} is neither a port nor a VLAN, and cannot be on an Ethernet segment";
        /// The interface is on another segment.
        MemberTaken { /// The interface.
            interface: InterfaceName, /// The other.
            segment: SegmentId } = "MEMBER_TAKEN", AlreadyExists, "interface {interface} is on Ethernet segment {segment} already";
        /// The address is the router's own.
        OwnPeer { /// The address.
            address: IpAddr } = "OWN_PEER", Precondition, "{address} is an end of the router's own tunnels, and no other router";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_ten_octets_and_none_that_is_reserved() {
        let text = "03:44:38:39:ff:ff:01:00:00:01";
        let id: SegmentId = text.parse().unwrap();
        assert_eq!((id.octets()[0], id.to_string().as_str()), (3, text));
        assert_eq!(SegmentId::try_from(&id.octets()[..]), Ok(id));
        assert_eq!("3:44:38:39:FF:ff:1:0:0:1".parse(), Ok(id));
        let length = |octets| Err(SegmentIdError::Length { octets });
        assert_eq!(SegmentId::try_from(&[1; 9][..]), length(9));
        assert_eq!("03:44".parse::<SegmentId>(), length(2));
        for reserved in [[0; 10], [0xff; 10]] {
            let refused = SegmentId::try_from(&reserved[..]);
            assert_eq!(refused, Err(SegmentIdError::Reserved));
        }
        for bad in [
            "",
            "03:44:38:39:ff:ff:01:00:00:",
            "03:44:38:39:ff:ff:01:00:00:+1",
            "x",
        ] {
            let refused = bad.parse::<SegmentId>();
            assert!(matches!(refused, Err(SegmentIdError::Form { .. })), "{bad}");
        }
    }

    #[test]
    fn designation_holds_for_all_domains_but_the_exceptions() {
        let [blue, red] = ["blue", "red"].map(|name| name.parse().unwrap());
        for general in [false, true] {
            let designation = Designation {
                general,
                exceptions: vec![red],
            };
            assert_eq!(designation.is_in(&blue), general);
            assert_eq!(designation.is_in(&red), !general);
        }
    }
}
