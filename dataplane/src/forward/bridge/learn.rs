//! What workers tell the control plane of the sources of frames.

use std::net::IpAddr;
use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use rustc_hash::FxHashMap;

use super::Forwarder;
use crate::fdb::{FdbKey, FdbTarget, Seen};
use crate::ids::{BridgeId, InterfaceId, TunnelId};
use crate::snapshot::Snapshot;
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;
use crate::worker::waker::Waker;

/// How often in a second one station at one place is told of at most.
const TOLD_AGAIN_HZ: u64 = 100;
/// Stations that a worker remembers to have told of; a power of two.
const REMEMBERED: usize = 256;

/// A station that is not where the FDB has it, or not in the FDB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learn {
    /// The station, and its bridge domain.
    pub station: FdbKey,
    /// Where its frame came from.
    pub place: Place,
}

/// Where a frame came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In by this member.
    Member(InterfaceId),
    /// Out of a tunnel of this remote end (RFC 7348 section 4.1).
    Remote(IpAddr),
}

impl Place {
    fn mixed(self) -> u32 {
        let mix = |hash: u32, octet: &u8| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193);
        match self {
            Self::Member(interface) => interface.get(),
            Self::Remote(IpAddr::V4(address)) => address.octets().iter().fold(1, mix),
            Self::Remote(IpAddr::V6(address)) => address.octets().iter().fold(2, mix),
        }
    }
}

impl Learn {
    pub(super) const fn new(station: FdbKey, place: Place) -> Self {
        Self { station, place }
    }
}

/// A worker's end of the ring of [`Learn`] records.
///
/// Until the control plane has written the FDB, all frames of a new station look new. So what was
/// told in the last hundredth of a second is not told again.
#[derive(Debug)]
pub(in crate::forward) struct Learner {
    ring: Arc<ArrayQueue<Learn>>,
    taker: Arc<Waker>,
    told: Box<[Option<(Learn, u64)>]>,
}

impl Learner {
    /// Tells into `ring`, from which `taker` wakes somebody to take it.
    pub(in crate::forward) fn new(ring: Arc<ArrayQueue<Learn>>, taker: Arc<Waker>) -> Self {
        Self {
            ring,
            taker,
            told: vec![None; REMEMBERED].into_boxed_slice(),
        }
    }

    /// Tells of a station, if that was not done less than `hold_ticks` ago. False when the ring is
    /// full.
    pub(super) fn tell(&mut self, learn: Learn, now_ticks: u64, hold_ticks: u64) -> bool {
        let octets = learn.station.mac().octets();
        let mixed = octets.iter().fold(learn.place.mixed(), |h, octet| {
            (h ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
        });
        let place = &mut self.told[(mixed >> 8) as usize % REMEMBERED];
        if let Some((told, at)) = place
            && *told == learn
            && now_ticks.wrapping_sub(*at) < hold_ticks
        {
            return true;
        }
        let heard = self.ring.push(learn).is_ok();
        if heard {
            self.taker.wake();
            *place = Some((learn, now_ticks));
        }
        heard
    }
}

impl Forwarder {
    /// Tells the control plane of a station that is not where the FDB has it.
    pub(super) fn tell(&mut self, snapshot: &Snapshot, learn: Learn, now_ticks: u64) {
        let hold_ticks = snapshot.fdb.tick_hz() / TOLD_AGAIN_HZ;
        if !self.learner.tell(learn, now_ticks, hold_ticks) {
            self.counters
                .bridge(learn.station.bridge())
                .learn_lost
                .add(1);
        }
    }

    /// Learns the source of the frame at `slot`, which a remote end sent, or notes that it lives.
    pub(in crate::forward) fn hear_remote(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        (bridge, remote): (BridgeId, IpAddr),
        heard: &FxHashMap<IpAddr, TunnelId>,
        now_ticks: u64,
    ) {
        let mbuf = self.batch.packets[slot].as_ref();
        let link = mbuf.and_then(|mbuf| EthernetHeader::split(mbuf.data()));
        let Some(source) = link
            .map(|(link, _)| link.source())
            .filter(|s| s.is_station())
        else {
            return;
        };
        let station = FdbKey::new(bridge, source);
        let now = snapshot.fdb.second(now_ticks);
        let seen = match heard.get(&remote) {
            Some(tunnel) => {
                let here = FdbTarget::Tunnel(*tunnel);
                let sought = snapshot.fdb.view().seek(station);
                snapshot.fdb.see(&sought, here, now)
            }
            None => snapshot
                .fdb
                .find(station)
                .map_or(Seen::Nowhere, Seen::Elsewhere),
        };
        match seen {
            // An anycast gateway is everywhere.
            Seen::Here | Seen::Elsewhere(FdbTarget::Gateway) => {}
            Seen::Elsewhere(_) | Seen::Nowhere => {
                self.tell(
                    snapshot,
                    Learn::new(station, Place::Remote(remote)),
                    now_ticks,
                );
            }
        }
    }
}
