//! First stage: Ethernet, interface, and the validation of the IP header.

use dpdk_sys::Mbuf;

use super::{Forwarder, batch::Facts, ipv4, ipv6, local};
use crate::counters::WorkerCounters;
use crate::drops::DropReason;
use crate::fib::View;
use crate::ids::{InterfaceId, PortId, VrfId};
use crate::mac::Mac;
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::{Snapshot, interface::PortMap};

const ETHERNET_BYTES: usize = 14;
const TAG_BYTES: usize = 4;
const TYPE_IPV4: u16 = 0x0800;
const TYPE_ARP: u16 = 0x0806;
const TYPE_VLAN: u16 = 0x8100;
const TYPE_IPV6: u16 = 0x86dd;
const TYPE_LLDP: u16 = 0x88cc;
/// A type field below this is a length (IEEE 802.3): LLC follows, as IS-IS uses it.
const TYPE_MIN: u16 = 0x0600;
/// The 12 bits of a tag that name the VLAN.
const VLAN_ID: u16 = 0x0fff;
/// How many packets ahead headers are fetched.
const AHEAD: usize = 4;

/// What becomes of a packet after validation.
pub(super) enum Verdict {
    /// Look its destination up.
    Ipv4(u32),
    /// Look its destination up.
    Ipv6(u128),
    /// Not for the fast path.
    Punt(PuntReason, PuntClass),
    /// A dead end.
    Drop(DropReason),
}

/// What the stage needs of the interface that takes a frame.
#[derive(Clone)]
pub(super) struct Ingress<'s> {
    id: InterfaceId,
    vrf: VrfId,
    mac: Mac,
    view4: View,
    view6: View,
    pub(super) link_local: &'s [u128],
}

impl<'s> Ingress<'s> {
    fn new(
        snapshot: &'s Snapshot,
        id: Option<InterfaceId>,
    ) -> Result<Self, (InterfaceId, DropReason)> {
        let id = id.unwrap_or_default();
        let interface = snapshot
            .interface(id)
            .ok_or((id, DropReason::NoInterface))?;
        if !interface.up {
            let missing = id == InterfaceId::default();
            return Err((
                id,
                if missing {
                    DropReason::NoInterface
                } else {
                    DropReason::InterfaceDown
                },
            ));
        }
        let vrf = snapshot
            .vrf(interface.vrf)
            .ok_or((id, DropReason::NoInterface))?;
        Ok(Self {
            id,
            vrf: interface.vrf,
            mac: interface.mac,
            view4: vrf.ipv4.view(),
            view6: vrf.ipv6.view(),
            link_local: &interface.link_local,
        })
    }

    /// The interface of a tagged frame.
    #[cold]
    fn tagged(
        snapshot: &'s Snapshot,
        map: &PortMap,
        vlan: u16,
    ) -> Result<Self, (InterfaceId, DropReason)> {
        if vlan == 0 {
            return Self::new(snapshot, map.untagged);
        }
        let id = map
            .vlans
            .as_ref()
            .and_then(|v| v.get(usize::from(vlan)).copied())
            .unwrap_or_default();
        if id == InterfaceId::default() {
            return Err((map.untagged.unwrap_or_default(), DropReason::UnknownVlan));
        }
        Self::new(snapshot, Some(id))
    }
}

/// Received packets of one interface, added to its counters when the interface changes.
struct Run {
    interface: InterfaceId,
    packets: u64,
    bytes: u64,
}

impl Run {
    #[inline]
    fn add(&mut self, interface: InterfaceId, bytes: usize, counters: &WorkerCounters) {
        if interface != self.interface {
            self.end(counters);
            *self = Self {
                interface,
                packets: 0,
                bytes: 0,
            };
        }
        self.packets += 1;
        self.bytes += bytes as u64;
    }

    #[inline]
    fn end(&self, counters: &WorkerCounters) {
        if self.packets > 0 {
            counters
                .interface(self.interface)
                .rx
                .add(self.packets, self.bytes);
        }
    }
}

impl Forwarder {
    /// Runs the stage over the first `count` packets of the batch, filling the lanes.
    pub(super) fn input(
        &mut self,
        snapshot: &Snapshot,
        port: PortId,
        count: usize,
        now_ticks: u64,
    ) {
        self.batch.ipv4.len = 0;
        self.batch.ipv6.len = 0;
        let no_map = PortMap::default();
        let map = snapshot.port(port).unwrap_or(&no_map);
        let untagged = Ingress::new(snapshot, map.untagged);
        let mut run = Run {
            interface: InterfaceId::default(),
            packets: 0,
            bytes: 0,
        };
        for packet in self.batch.packets.iter().take(count.min(AHEAD)).flatten() {
            packet.prefetch_header();
        }
        for slot in 0..count {
            if let Some(Some(ahead)) = self.batch.packets.get(slot + AHEAD) {
                ahead.prefetch_header();
            }
            let Some(mbuf) = &mut self.batch.packets[slot] else {
                continue;
            };
            let facts = &mut self.batch.facts[slot];
            *facts = Facts {
                l3_offset: ETHERNET_BYTES as u8,
                ..Facts::default()
            };
            let bytes = mbuf.len();
            let tagged;
            let (ingress, ethertype) = match link(mbuf, facts) {
                Ok((None, ethertype)) => (&untagged, ethertype),
                Ok((Some(vlan), ethertype)) => {
                    tagged = Ingress::tagged(snapshot, map, vlan);
                    (&tagged, ethertype)
                }
                Err(reason) => {
                    facts.interface = map.untagged.unwrap_or_default();
                    run.add(facts.interface, bytes, &self.counters);
                    self.drop_packet(slot, reason);
                    continue;
                }
            };
            let ingress = match ingress {
                Ok(ingress) => ingress,
                Err((interface, reason)) => {
                    facts.interface = *interface;
                    run.add(facts.interface, bytes, &self.counters);
                    self.drop_packet(slot, *reason);
                    continue;
                }
            };
            facts.interface = ingress.id;
            facts.vrf = ingress.vrf;
            run.add(ingress.id, bytes, &self.counters);
            match classify(mbuf, facts, ingress, ethertype) {
                Verdict::Ipv4(key) => self.batch.ipv4.push(slot, key, ingress.view4),
                Verdict::Ipv6(key) => self.batch.ipv6.push(slot, key, ingress.view6),
                Verdict::Drop(reason) => self.drop_packet(slot, reason),
                Verdict::Punt(reason, class) => self.punt(snapshot, slot, reason, class, now_ticks),
            }
        }
        run.end(&self.counters);
    }
}

/// The VLAN of a frame, if it has one, and the type of its payload; sets the payload's offset.
#[inline]
fn link(mbuf: &Mbuf, facts: &mut Facts) -> Result<(Option<u16>, u16), DropReason> {
    let data = mbuf.data();
    let header: &[u8; ETHERNET_BYTES] = data.first_chunk().ok_or(DropReason::EthernetTruncated)?;
    let ethertype = u16::from_be_bytes([header[12], header[13]]);
    if let Some(tci) = mbuf.vlan_stripped() {
        return Ok((Some(tci & VLAN_ID), ethertype));
    }
    if ethertype != TYPE_VLAN {
        return Ok((None, ethertype));
    }
    let tagged: &[u8; ETHERNET_BYTES + TAG_BYTES] =
        data.first_chunk().ok_or(DropReason::EthernetTruncated)?;
    facts.l3_offset += TAG_BYTES as u8;
    let tci = u16::from_be_bytes([tagged[14], tagged[15]]);
    Ok((
        Some(tci & VLAN_ID),
        u16::from_be_bytes([tagged[16], tagged[17]]),
    ))
}

/// Checks the addresses of the frame, then hands it to its protocol.
#[inline]
fn classify(mbuf: &mut Mbuf, facts: &mut Facts, ingress: &Ingress<'_>, ethertype: u16) -> Verdict {
    let Some(addresses) = mbuf.data().first_chunk::<12>() else {
        return Verdict::Drop(DropReason::EthernetTruncated);
    };
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *addresses;
    let destination = Mac::new([d0, d1, d2, d3, d4, d5]);
    if destination != ingress.mac {
        if !destination.is_multicast() {
            return Verdict::Drop(DropReason::NotOurMac);
        }
        facts.group_frame = true;
    }
    if !Mac::new([s0, s1, s2, s3, s4, s5]).is_station() {
        return Verdict::Drop(DropReason::SourceMacInvalid);
    }
    match ethertype {
        TYPE_IPV4 => ipv4::validate(mbuf, facts),
        TYPE_IPV6 => ipv6::validate(mbuf, facts, ingress.link_local),
        TYPE_ARP => Verdict::Punt(PuntReason::Arp, PuntClass::Arp),
        TYPE_LLDP | ..TYPE_MIN => Verdict::Punt(PuntReason::NonIp, PuntClass::Routing),
        _ => Verdict::Punt(PuntReason::NonIp, PuntClass::Other),
    }
}

/// Trims the padding behind an IP packet of `ip_bytes`, so that it never enters a tunnel or an ICMP
/// quotation.
#[inline]
pub(super) fn trim(mbuf: &mut Mbuf, facts: &Facts) {
    let frame_bytes = usize::from(facts.l3_offset) + usize::from(facts.ip_bytes);
    if mbuf.len() > frame_bytes {
        mbuf.truncate(frame_bytes);
    }
}

/// The punt of a packet that is for the router itself or for a group on its link.
#[cold]
pub(super) fn to_router(mbuf: &Mbuf, facts: &Facts, reason: PuntReason) -> Verdict {
    let (reason, class) = local::classify(mbuf, facts, reason);
    Verdict::Punt(reason, class)
}
