//! What travels with a packet beside its bytes: port, hash, VLAN tag, checksum results, offloads.

use super::Mbuf;
use crate::raw;

impl Mbuf {
    /// The DPDK port the packet came in by; 65,535 when it came by none.
    #[inline]
    #[must_use]
    pub fn port(&self) -> u16 {
        self.raw().port
    }

    /// Says which port the packet came in by.
    #[inline]
    pub fn set_port(&mut self, port: u16) {
        self.raw_mut().port = port;
    }

    /// The RSS hash, if the device computed one for this packet.
    #[inline]
    #[must_use]
    pub fn rss_hash(&self) -> Option<u32> {
        let raw = self.raw();
        (raw.ol_flags & raw::SHIM_RX_RSS_HASH != 0).then_some(raw.rss)
    }

    /// Sets or removes the RSS hash.
    #[inline]
    pub fn set_rss_hash(&mut self, hash: Option<u32>) {
        self.set_flags(raw::SHIM_RX_RSS_HASH, hash.is_some());
        self.raw_mut().rss = hash.unwrap_or_default();
    }

    /// The tag control information (priority, DEI, VLAN identifier; IEEE 802.1Q) of the tag that
    /// the device took off the frame, if it did.
    #[inline]
    #[must_use]
    pub fn vlan_stripped(&self) -> Option<u16> {
        let raw = self.raw();
        (raw.ol_flags & raw::SHIM_RX_VLAN_STRIPPED != 0).then_some(raw.vlan_tci)
    }

    /// Says which tag was taken off the frame.
    #[inline]
    pub fn set_vlan_stripped(&mut self, tci: Option<u16>) {
        self.set_flags(
            raw::SHIM_RX_VLAN | raw::SHIM_RX_VLAN_STRIPPED,
            tci.is_some(),
        );
        self.raw_mut().vlan_tci = tci.unwrap_or_default();
    }

    /// Whether the device found the IPv4 header checksum wrong.
    #[inline]
    #[must_use]
    pub fn ip_checksum_bad(&self) -> bool {
        self.raw().ol_flags & IP_CHECKSUM == raw::SHIM_RX_IP_CKSUM_BAD
    }

    /// Whether the device found the IPv4 header checksum right.
    #[inline]
    #[must_use]
    pub fn ip_checksum_good(&self) -> bool {
        self.raw().ol_flags & IP_CHECKSUM == raw::SHIM_RX_IP_CKSUM_GOOD
    }

    /// Whether the device found the TCP or UDP checksum wrong.
    #[inline]
    #[must_use]
    pub fn l4_checksum_bad(&self) -> bool {
        self.raw().ol_flags & L4_CHECKSUM == raw::SHIM_RX_L4_CKSUM_BAD
    }

    /// Whether the device found the TCP or UDP checksum right.
    #[inline]
    #[must_use]
    pub fn l4_checksum_good(&self) -> bool {
        self.raw().ol_flags & L4_CHECKSUM == raw::SHIM_RX_L4_CKSUM_GOOD
    }

    /// Says what a device would have found about the IPv4 header checksum: `Some(true)` right,
    /// `Some(false)` wrong, `None` not looked at.
    #[inline]
    pub fn set_ip_checksum(&mut self, good: Option<bool>) {
        self.set_flags(raw::SHIM_RX_IP_CKSUM_GOOD, good == Some(true));
        self.set_flags(raw::SHIM_RX_IP_CKSUM_BAD, good == Some(false));
    }

    /// Says what a device would have found about the TCP or UDP checksum, as
    /// [`Mbuf::set_ip_checksum`] does for IPv4's.
    #[inline]
    pub fn set_l4_checksum(&mut self, good: Option<bool>) {
        self.set_flags(raw::SHIM_RX_L4_CKSUM_GOOD, good == Some(true));
        self.set_flags(raw::SHIM_RX_L4_CKSUM_BAD, good == Some(false));
    }

    /// Asks the transmitting device for checksums or segmentation. It must have been configured
    /// with these offloads; a device without them sends the packet as it is.
    #[inline]
    pub fn set_tx_offload(&mut self, offload: &TxOffload) {
        let (l3_flags, l4_flags) = (offload.l3.flags(), offload.l4.flags());
        let (l4_len, mss) = match offload.l4 {
            L4Offload::TcpSegmentation {
                header_bytes,
                mss_bytes,
            } => (header_bytes, mss_bytes),
            _ => (0, 0),
        };
        let raw = self.raw_mut();
        raw.ol_flags = raw.ol_flags & !raw::SHIM_TX_OFFLOAD_MASK | l3_flags | l4_flags;
        raw.tx_offload = u64::from(offload.l2_len_bytes & 0x7f)
            | u64::from(offload.l3_len_bytes & 0x1ff) << 7
            | u64::from(l4_len) << 16
            | u64::from(mss) << 24;
    }

    /// Takes back what [`Mbuf::set_tx_offload`] asked for.
    #[inline]
    pub fn clear_tx_offload(&mut self) {
        let raw = self.raw_mut();
        raw.ol_flags &= !raw::SHIM_TX_OFFLOAD_MASK;
        raw.tx_offload = 0;
    }

    #[inline]
    fn set_flags(&mut self, flags: u64, on: bool) {
        let raw = self.raw_mut();
        if on {
            raw.ol_flags |= flags
        } else {
            raw.ol_flags &= !flags
        }
    }
}

/// Both bits together mean "the checksum in the packet is wrong, but its data is right", which is
/// what a virtual device says of packets that never crossed a wire: neither good nor bad here.
const IP_CHECKSUM: u64 = raw::SHIM_RX_IP_CKSUM_BAD | raw::SHIM_RX_IP_CKSUM_GOOD;
const L4_CHECKSUM: u64 = raw::SHIM_RX_L4_CKSUM_BAD | raw::SHIM_RX_L4_CKSUM_GOOD;

/// What the transmitting device is to do for one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxOffload {
    /// Length of the link-layer header, tags included (at most 127 bytes).
    pub l2_len_bytes: u8,
    /// Length of the IP header, options or extension headers included (at most 511 bytes).
    pub l3_len_bytes: u16,
    /// What to do about the IP header.
    pub l3: L3Offload,
    /// What to do about the transport header.
    pub l4: L4Offload,
}

/// Which IP it is, and whether its checksum is to be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L3Offload {
    /// IPv4, whose header checksum is already right.
    Ipv4,
    /// IPv4; the device computes the header checksum. The field in the packet is 0.
    Ipv4Checksum,
    /// IPv6.
    Ipv6,
}

/// What is to be computed for the transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L4Offload {
    /// Nothing.
    None,
    /// The TCP checksum; the field in the packet holds the pseudo header's sum.
    TcpChecksum,
    /// The UDP checksum; the field in the packet holds the pseudo header's sum.
    UdpChecksum,
    /// Cut the TCP payload into segments, each with its checksums.
    TcpSegmentation {
        /// Length of the TCP header with its options.
        header_bytes: u8,
        /// Payload of each segment.
        mss_bytes: u16,
    },
}

impl L3Offload {
    #[inline]
    const fn flags(self) -> u64 {
        match self {
            Self::Ipv4 => raw::SHIM_TX_IPV4,
            Self::Ipv4Checksum => raw::SHIM_TX_IPV4 | raw::SHIM_TX_IP_CKSUM,
            Self::Ipv6 => raw::SHIM_TX_IPV6,
        }
    }
}

impl L4Offload {
    #[inline]
    const fn flags(self) -> u64 {
        match self {
            Self::None => 0,
            Self::TcpChecksum => raw::SHIM_TX_TCP_CKSUM,
            Self::UdpChecksum => raw::SHIM_TX_UDP_CKSUM,
            Self::TcpSegmentation { .. } => raw::SHIM_TX_TCP_SEG | raw::SHIM_TX_TCP_CKSUM,
        }
    }
}
