//! What is forwarded.

/// What is forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// IPv4 to one neighbour.
    Ipv4,
    /// IPv4 over a table of one route.
    Ipv4One,
    /// IPv4 to one host behind a prefix of every length.
    Ipv4Chain,
    /// IPv4 to where no route leads; nothing is sent.
    Ipv4Missing,
    /// IPv4 to many neighbours.
    Ipv4Hops,
    /// IPv4 over a group.
    Ipv4Group,
    /// IPv6 to one neighbour.
    Ipv6,
    /// IPv4 into many VXLAN tunnels.
    VxlanEncap,
    /// IPv4 into many VXLAN tunnels over a group.
    VxlanEncapGroup,
    /// IPv4 out of VXLAN.
    VxlanDecap,
    /// IPv4 into many tunnels of labels over UDP.
    MplsUdpEncap,
    /// IPv4 out of labels over UDP.
    MplsUdpDecap,
    /// Frames between two members of a bridge domain.
    Bridge,
}

impl Load {
    /// Every load.
    pub(crate) const ALL: [Self; 13] = [
        Self::Ipv4,
        Self::Ipv4One,
        Self::Ipv4Chain,
        Self::Ipv4Missing,
        Self::Ipv4Hops,
        Self::Ipv4Group,
        Self::Ipv6,
        Self::VxlanEncap,
        Self::VxlanEncapGroup,
        Self::VxlanDecap,
        Self::MplsUdpEncap,
        Self::MplsUdpDecap,
        Self::Bridge,
    ];

    /// The name by which the command line knows it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv4One => "ipv4-one",
            Self::Ipv4Chain => "ipv4-chain",
            Self::Ipv4Missing => "ipv4-missing",
            Self::Ipv4Hops => "ipv4-hops",
            Self::Ipv4Group => "ipv4-group",
            Self::Ipv6 => "ipv6",
            Self::VxlanEncap => "vxlan-encap",
            Self::VxlanEncapGroup => "vxlan-encap-group",
            Self::VxlanDecap => "vxlan-decap",
            Self::MplsUdpEncap => "mplsudp-encap",
            Self::MplsUdpDecap => "mplsudp-decap",
            Self::Bridge => "bridge",
        }
    }
}
