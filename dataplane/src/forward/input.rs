//! First stage: Ethernet, interface, and the validation of the IP header.

use std::ops::Range;

use dpdk_sys::Mbuf;

use super::batch::{Batch, Facts, Flags};
use super::bridge::Origin;
use super::decap::Wrapping;
use super::{Forwarder, ipv4, ipv6, local};
use crate::drops::DropReason;
use crate::fib::{FarRoot, View};
use crate::ids::{BURST, BridgeId, InterfaceId, PortId};
use crate::mac::Mac;
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::{Snapshot, interface::PortMap};
use crate::wire::Header;
use crate::wire::ethernet::{EtherType, EthernetHeader, VlanTag};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

/// The 12 bits of a tag that name the VLAN.
pub(super) const VLAN_ID: u16 = 0x0fff;
/// How many packets ahead headers are fetched.
const AHEAD: usize = 4;

/// What becomes of a packet after validation.
pub(super) enum Verdict {
    /// Look its destination up.
    Ipv4(u32),
    /// Look its destination up.
    Ipv6(u128),
    /// Read its labels.
    Labels,
    /// Not for the fast path.
    Punt(PuntReason, PuntClass),
    /// A dead end.
    Drop(DropReason),
}

/// What the stage needs of the interface that takes a frame.
#[derive(Clone)]
pub(super) struct Ingress<'s> {
    /// What holds for every plain packet of the interface.
    facts: Facts,
    mac: Mac,
    /// The bridge domain whose member or gateway it is.
    bridge: Option<BridgeId>,
    view4: View,
    view6: View,
    pub(super) link_local: &'s [u128],
    mpls: bool,
}

/// What is known of a burst before one of its packets is looked at.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a, 's> {
    snapshot: &'s Snapshot,
    map: &'a PortMap,
    untagged: &'a Untagged<'s>,
    now_ticks: u64,
}

/// What plain packets of a routed interface have in common.
#[derive(Clone, Copy)]
pub(super) struct Plain<E> {
    /// The interface's Ethernet address ([`Mac::bits`]).
    pub(super) mac_bits: u64,
    /// The facts of all, but for what is each packet's own.
    pub(super) facts: Facts,
    /// Is shown the keys of IPv4 lookups.
    pub(super) expect: E,
}

/// The interface of untagged frames, or on whom their drop is counted, and why.
type Untagged<'s> = Result<Ingress<'s>, (InterfaceId, DropReason)>;

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
            let reason = if id == InterfaceId::default() {
                DropReason::NoInterface
            } else if interface.standby {
                DropReason::BridgeNotDesignated
            } else {
                DropReason::InterfaceDown
            };
            return Err((id, reason));
        }
        let vrf = snapshot
            .vrf(interface.vrf)
            .ok_or((id, DropReason::NoInterface))?;
        Ok(Self {
            facts: Facts {
                interface: id,
                vrf: interface.vrf,
                l3_offset: EthernetHeader::LEN as u8,
                ..Facts::default()
            },
            mac: interface.mac,
            bridge: interface.bridge,
            view4: vrf.ipv4.view(),
            view6: vrf.ipv6.view(),
            link_local: &interface.link_local,
            mpls: interface.mpls,
        })
    }

    /// What its plain packets have in common, with who is shown their keys.
    fn plain<E: Fn(u32)>(&self, expect: E) -> Plain<E> {
        Plain {
            mac_bits: self.mac.bits(),
            facts: self.facts,
            expect,
        }
    }

    /// The interface of a tagged frame.
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

impl Forwarder {
    /// Runs the stage over the first `count` packets of the batch, filling the lanes.
    ///
    /// Nearly all packets are plain: untagged, for the port's own interface, and with nothing in their headers that
    /// wants a second look. These are taken in a tight loop, and [`Forwarder::examine`] does the others one by one.
    pub(super) fn input(
        &mut self,
        snapshot: &Snapshot,
        port: PortId,
        count: usize,
        now_ticks: u64,
    ) {
        let no_map = PortMap::default();
        let map = snapshot.port(port).unwrap_or(&no_map);
        let untagged = Ingress::new(snapshot, map.untagged);
        let ingress = untagged.as_ref().ok();
        let routed = ingress.filter(|i| i.bridge.is_none());
        let (view4, view6) = routed.map_or_else(Default::default, |i| (i.view4, i.view6));
        self.batch.ipv4.start(view4);
        self.batch.ipv6.start(view6);
        let arrival = Arrival {
            snapshot,
            map,
            untagged: &untagged,
            now_ticks,
        };
        match (routed, ingress.and_then(|i| i.bridge)) {
            (Some(ingress), _) => match FarRoot::of(&snapshot.arena, view4) {
                Some(root) => {
                    let plain = ingress.plain(|key| root.expect(key));
                    self.take_routed(arrival, count, plain);
                }
                None => self.take_routed(arrival, count, ingress.plain(|_| {})),
            },
            (None, Some(bridge)) => {
                let facts = ingress.map(|i| i.facts).unwrap_or_default();
                self.take_each(arrival, 0..count, move |batch, slot| {
                    batch.take_bridged(slot, facts, bridge)
                });
            }
            (None, None) => self.take_each(arrival, 0..count, |_, _| None),
        }
    }

    /// Takes packets for a routed interface: eight at a time where the CPU can, the others one by one.
    #[inline(always)]
    fn take_routed<E: Fn(u32) + Copy>(
        &mut self,
        arrival: Arrival<'_, '_>,
        count: usize,
        plain: Plain<E>,
    ) {
        let taken = self.take_eights(arrival, count, plain);
        if taken < count {
            self.take_singly(arrival, taken..count, plain);
        }
    }

    /// Takes packets for a routed interface one by one.
    #[inline(never)]
    pub(super) fn take_singly<E: Fn(u32) + Copy>(
        &mut self,
        arrival: Arrival<'_, '_>,
        slots: Range<usize>,
        plain: Plain<E>,
    ) {
        self.take_each(arrival, slots, move |batch, slot| {
            batch.take_plain(slot, plain)
        });
    }

    /// Offers each packet to `take`, which answers the frame's length in bytes, and examines those that it leaves.
    ///
    /// There is one loop for each way to take a packet, so that none of them pays for the others.
    #[inline(always)]
    fn take_each(
        &mut self,
        arrival: Arrival<'_, '_>,
        slots: Range<usize>,
        take: impl Fn(&mut Batch, usize) -> Option<usize>,
    ) {
        let (mut packets, mut bytes) = (0, 0);
        let end = slots.end.min(BURST);
        for packet in self.batch.packets[..end]
            .iter()
            .skip(slots.start)
            .take(AHEAD)
            .flatten()
        {
            packet.prefetch_header();
        }
        for slot in slots.start..end {
            if let Some(Some(ahead)) = self.batch.packets.get(slot + AHEAD) {
                ahead.prefetch_header();
            }
            match take(&mut self.batch, slot) {
                Some(frame_bytes) => {
                    packets += 1;
                    bytes += frame_bytes as u64;
                }
                None => self.examine(arrival, slot),
            }
        }
        if let Ok(ingress) = arrival.untagged {
            let counters = self.counters.interface(ingress.facts.interface);
            counters.rx.add(packets, bytes);
        }
    }

    /// Finds the interface of any frame, and validates it.
    #[inline(never)]
    fn examine(&mut self, arrival: Arrival<'_, '_>, slot: usize) {
        let Arrival {
            snapshot,
            map,
            untagged,
            now_ticks,
        } = arrival;
        let Some(mbuf) = &mut self.batch.packets[slot] else {
            return;
        };
        let bytes = mbuf.len() as u64;
        let facts = &mut self.batch.facts[slot];
        *facts = Facts {
            l3_offset: EthernetHeader::LEN as u8,
            ..Facts::default()
        };
        let taken = link(mbuf, facts)
            .map_err(|reason| (map.untagged.unwrap_or_default(), reason))
            .and_then(|(vlan, ethertype)| {
                let ingress = match vlan {
                    Some(vlan) => Ingress::tagged(snapshot, map, vlan)?,
                    None => untagged.clone()?,
                };
                Ok((ingress, ethertype))
            });
        let (ingress, ethertype) = match taken {
            Ok(taken) => taken,
            Err((interface, reason)) => {
                facts.interface = interface;
                self.counters.interface(interface).rx.add(1, bytes);
                return self.drop_packet(slot, reason);
            }
        };
        facts.interface = ingress.facts.interface;
        facts.vrf = ingress.facts.vrf;
        self.counters.interface(facts.interface).rx.add(1, bytes);
        if let Some(bridge) = ingress.bridge {
            let member = Origin::Member(facts.interface);
            return self.batch.l2.push(slot, bridge, member);
        }
        self.take_in(snapshot, slot, &ingress, ethertype, now_ticks);
    }

    /// Validates a frame out of a bridge domain as its gateway interface, and takes it into an L3 lane.
    pub(super) fn input_from_bridge(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        gateway: InterfaceId,
        now_ticks: u64,
    ) {
        let Some(mbuf) = &self.batch.packets[slot] else {
            return;
        };
        let facts = &mut self.batch.facts[slot];
        let l3_offset = usize::from(facts.l3_offset);
        let kind = mbuf.data().get(l3_offset.saturating_sub(2)..l3_offset);
        let taken = match kind {
            Some([a, b]) => Ingress::new(snapshot, Some(gateway))
                .map(|ingress| (ingress, EtherType::new(u16::from_be_bytes([*a, *b])))),
            _ => Err((gateway, DropReason::EthernetTruncated)),
        };
        let bytes = mbuf.len() as u64;
        facts.interface = gateway;
        self.counters.interface(gateway).rx.add(1, bytes);
        match taken {
            Ok((ingress, ethertype)) => {
                facts.vrf = ingress.facts.vrf;
                self.take_in(snapshot, slot, &ingress, ethertype, now_ticks);
            }
            Err((_, reason)) => self.drop_packet(slot, reason),
        }
    }

    /// Takes a frame into its L3 lane, or does with it what its headers call for.
    fn take_in(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        ingress: &Ingress<'_>,
        ethertype: EtherType,
        now_ticks: u64,
    ) {
        let Some(mbuf) = &mut self.batch.packets[slot] else {
            return;
        };
        match classify(mbuf, &mut self.batch.facts[slot], ingress, ethertype) {
            Verdict::Ipv4(key) => self.batch.ipv4.push_to(slot, key, ingress.view4),
            Verdict::Ipv6(key) => self.batch.ipv6.push_to(slot, key, ingress.view6),
            Verdict::Labels => self.batch.inbound.push((slot as u8, Wrapping::Labels)),
            Verdict::Drop(reason) => self.drop_packet(slot, reason),
            Verdict::Punt(reason, class) => self.punt(snapshot, slot, reason, class, now_ticks),
        }
    }
}

impl Batch {
    /// Takes the frame at `slot` into the L2 lane if it has no tag, and answers its length in bytes.
    #[inline(always)]
    fn take_bridged(&mut self, slot: usize, facts: Facts, bridge: BridgeId) -> Option<usize> {
        let mbuf = self.packets[slot].as_ref()?;
        let (link, _) = EthernetHeader::split(mbuf.data())?;
        if (link.ethertype() == EtherType::VLAN) | mbuf.vlan_stripped().is_some() {
            return None;
        }
        let bytes = mbuf.len();
        self.facts[slot] = facts;
        let member = Origin::Member(facts.interface);
        self.l2.push(slot, bridge, member);
        Some(bytes)
    }

    /// Takes the packet at `slot` into its lane if it is plain, and answers the frame's length in bytes. What all plain packets
    /// have in common comes as values, so that it stays in registers.
    #[inline(always)]
    pub(super) fn take_plain<E: Fn(u32)>(&mut self, slot: usize, plain: Plain<E>) -> Option<usize> {
        let mbuf = self.packets[slot].as_mut()?;
        let (link, packet) = EthernetHeader::split(mbuf.data())?;
        let ours = link.is_from_station_to(plain.mac_bits);
        if !(ours & mbuf.is_contiguous() & mbuf.vlan_stripped().is_none()) {
            return None;
        }
        let mut facts = plain.facts;
        match link.ethertype() {
            EtherType::IPV4 => {
                let (header, _) = Ipv4Header::split(packet)?;
                if !ipv4::is_plain(header, packet.len()) {
                    return None;
                }
                facts.ip_bytes = header.total_length();
                facts.live_as_ipv4(header);
                let key = header.destination().to_bits();
                (plain.expect)(key);
                self.ipv4.push(slot, key);
            }
            EtherType::IPV6 => {
                let (header, _) = Ipv6Header::split(packet)?;
                if !ipv6::is_plain(header, packet.len()) {
                    return None;
                }
                facts.ip_bytes = Ipv6Header::LEN as u16 + header.payload_length();
                facts.live_as_ipv6(header);
                let key = header.destination().to_bits();
                self.ipv6.push(slot, key);
            }
            _ => return None,
        }
        let frame_bytes = EthernetHeader::LEN + packet.len();
        self.facts[slot] = facts;
        if packet.len() > usize::from(facts.ip_bytes) {
            trim(mbuf, &facts);
        }
        Some(frame_bytes)
    }
}

/// The VLAN of a frame, if it has one, and the type of its payload; sets the payload's offset.
fn link(mbuf: &Mbuf, facts: &mut Facts) -> Result<(Option<u16>, EtherType), DropReason> {
    let (header, rest) = EthernetHeader::split(mbuf.data()).ok_or(DropReason::EthernetTruncated)?;
    if let Some(tci) = mbuf.vlan_stripped() {
        return Ok((Some(tci & VLAN_ID), header.ethertype()));
    }
    if header.ethertype() != EtherType::VLAN {
        return Ok((None, header.ethertype()));
    }
    let (tag, _) = VlanTag::split(rest).ok_or(DropReason::EthernetTruncated)?;
    facts.l3_offset += VlanTag::LEN as u8;
    Ok((Some(tag.raw_vlan()), tag.ethertype()))
}

/// Checks the addresses of the frame, then hands it to its protocol.
fn classify(
    mbuf: &mut Mbuf,
    facts: &mut Facts,
    ingress: &Ingress<'_>,
    ethertype: EtherType,
) -> Verdict {
    let Some((link, _)) = EthernetHeader::split(mbuf.data()) else {
        return Verdict::Drop(DropReason::EthernetTruncated);
    };
    if link.destination() != ingress.mac {
        if !link.destination().is_multicast() {
            return Verdict::Drop(DropReason::NotOurMac);
        }
        facts.flags.set(Flags::GROUP_FRAME, true);
    }
    if !link.source().is_station() {
        return Verdict::Drop(DropReason::SourceMacInvalid);
    }
    match ethertype {
        EtherType::IPV4 => ipv4::validate(mbuf, facts),
        EtherType::IPV6 => ipv6::validate(mbuf, facts, ingress.link_local),
        EtherType::MPLS if ingress.mpls && !facts.flags.has(Flags::GROUP_FRAME) => Verdict::Labels,
        EtherType::ARP => Verdict::Punt(PuntReason::Arp, PuntClass::Arp),
        // A length (IEEE 802.3) has LLC behind it, as IS-IS uses it.
        other if other == EtherType::LLDP || other.is_length() => {
            Verdict::Punt(PuntReason::NonIp, PuntClass::Routing)
        }
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
