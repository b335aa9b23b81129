//! What an inner packet takes over from the outer header that it leaves.

use crate::snapshot::tunnel::Mode;
use crate::wire::Header;
use crate::wire::ecn::{CannotMark, ECN_BITS, Ecn};
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

/// What the outer header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// Its DSCP and ECN; `None` where there was no IP header.
    pub traffic_class: Option<u8>,
    /// Whether the DSCP is carried over (RFC 2983 section 3).
    pub dscp_mode: Mode,
    /// The TTL that the inner packet's may not exceed (RFC 3443 section 3); `None` where it is the inner
    /// packet's own.
    pub ttl: Option<u8>,
}

impl Marks {
    /// Whether no packet is changed by them: an outer header that bears no ECN marks leaves the inner ones (RFC 6040
    /// section 4.2).
    #[inline(always)]
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.ttl.is_none()
            && self.dscp_mode == Mode::Pipe
            && self.traffic_class.is_none_or(|class| class & ECN_BITS == 0)
    }
}

/// Marks an IP packet whose header was validated, and mends its checksum.
///
/// # Errors
/// [`CannotMark`]: it is to be dropped.
#[inline]
pub fn mark_packet(packet: &mut [u8], marks: Marks) -> Result<(), CannotMark> {
    if packet.first().is_some_and(|first| first >> 4 == 4) {
        let Some((ip, _)) = Ipv4Header::split_mut(packet) else {
            return Ok(());
        };
        let class = traffic_class(ip.traffic_class(), marks)?;
        if class != ip.traffic_class() {
            ip.mend_traffic_class(class);
        }
        if let Some(ttl) = marks.ttl.filter(|ttl| *ttl < ip.ttl()) {
            ip.mend_ttl(ttl);
        }
        return Ok(());
    }
    let Some((ip, _)) = Ipv6Header::split_mut(packet) else {
        return Ok(());
    };
    let class = traffic_class(ip.traffic_class(), marks)?;
    ip.set_traffic_class(class);
    if let Some(ttl) = marks.ttl.filter(|ttl| *ttl < ip.hop_limit()) {
        ip.set_hop_limit(ttl);
    }
    Ok(())
}

/// Marks the IP packet that a frame carries without a tag; other frames bear no marks and stay as they
/// are. The TTL of what is bridged is its own.
///
/// # Errors
/// [`CannotMark`]: it is to be dropped.
#[inline]
pub fn mark_frame(frame: &mut [u8], marks: Marks) -> Result<(), CannotMark> {
    let Some((link, packet)) = EthernetHeader::split_mut(frame) else {
        return Ok(());
    };
    let version = packet.first().map(|first| first >> 4);
    match (link.ethertype(), version) {
        (EtherType::IPV4, Some(4)) | (EtherType::IPV6, Some(6)) => {
            mark_packet(packet, Marks { ttl: None, ..marks })
        }
        _ => Ok(()),
    }
}

#[inline]
fn traffic_class(inner: u8, marks: Marks) -> Result<u8, CannotMark> {
    let Some(outer) = marks.traffic_class else {
        return Ok(inner);
    };
    let ecn = Ecn::decapsulated(Ecn::of(inner), Ecn::of(outer))?;
    let dscp = match marks.dscp_mode {
        Mode::Pipe => inner,
        Mode::Uniform => outer,
    };
    Ok(dscp & !ECN_BITS | ecn as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Protocol, checksum};
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn ipv4(class: u8, ttl: u8) -> Ipv4Header {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let mut header = Ipv4Header::new(a, b, Protocol::UDP, ttl, 20);
        header.set_traffic_class(class);
        header.seal(&[]);
        header
    }

    proptest! {
        #[test]
        fn c_03_c_05_marks_leave_a_right_checksum_and_the_inner_dscp_in_pipe_mode(
            inner: u8, outer: u8, ttl: u8, limit: u8, uniform: bool,
        ) {
            let marks = Marks {
                traffic_class: Some(outer),
                dscp_mode: if uniform { Mode::Uniform } else { Mode::Pipe },
                ttl: Some(limit),
            };
            let ecn_only = Marks { ttl: None, dscp_mode: Mode::Pipe, ..marks };
            if ecn_only.are_none() {
                let mut packet = ipv4(inner, ttl).bytes().to_vec();
                prop_assert_eq!(mark_packet(&mut packet, ecn_only), Ok(()));
                prop_assert_eq!(packet, ipv4(inner, ttl).bytes().to_vec());
            }
            let mut v4 = ipv4(inner, ttl).bytes().to_vec();
            let mut v6 = Ipv6Header::new(
                Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, Protocol::UDP, ttl, 0);
            v6.set_traffic_class(inner);
            let mut v6 = v6.bytes().to_vec();
            let marked = mark_packet(&mut v4, marks);
            prop_assert_eq!(marked, mark_packet(&mut v6, marks));
            if marked.is_err() {
                prop_assert_eq!((inner & 3, outer & 3), (0, 3));
                return Ok(());
            }
            let found = ttl.min(limit);
            let expected = if uniform { outer } else { inner } >> 2;
            let v4 = Ipv4Header::split(&v4).unwrap().0;
            prop_assert!(checksum::verify(v4.bytes()));
            prop_assert_eq!((v4.traffic_class() >> 2, v4.ttl()), (expected, found));
            let v6 = Ipv6Header::split(&v6).unwrap().0;
            prop_assert_eq!((v6.traffic_class(), v6.hop_limit()), (v4.traffic_class(), found));
        }
    }
}
