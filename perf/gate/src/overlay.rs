//! Tunnels, their near end, and a bridge domain, for the loads that need them.

use crate::frames::{LABEL, OUR_ADDRESS, OURS, STATIONS, VNI, remote, station};
use crate::stages::StagesError;
use ferroute_dataplane::fdb::{Fdb, FdbKey, FdbTarget, Second};
use ferroute_dataplane::ids::{BridgeId, EndpointId, InterfaceId, NextHopId, PortId, TunnelId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::bridge::Bridge;
use ferroute_dataplane::snapshot::endpoint::{DecapPolicy, Endpoint, Peers, VniTarget};
use ferroute_dataplane::snapshot::interface::Interface;
use ferroute_dataplane::snapshot::label::{LabelEntry, Payload};
use ferroute_dataplane::snapshot::nexthop::NextHop;
use ferroute_dataplane::snapshot::tunnel::{
    Encapsulation, Ends, Mode, Tunnel, TunnelPolicy, TunnelSpec,
};
use ferroute_dataplane::wire::mpls::{Label, LabelStack};
use ferroute_dataplane::wire::vxlan::{VXLAN_PORT, Vni};
use std::sync::Arc;

/// Remote ends.
pub(crate) const TUNNELS: u16 = 1_000;
/// The next hop of the first tunnel.
pub(crate) const TUNNEL_HOP: u32 = 1_000;
/// The next hop of the near end.
pub(crate) const ENDPOINT_HOP: u32 = 200;
/// The port behind which stations are.
pub(crate) const STATIONS_PORT: PortId = PortId::new(1);

const ENDPOINT: EndpointId = EndpointId::new(1);
const BRIDGE: BridgeId = BridgeId::new(1);
/// The interface by which packets come out of tunnels.
const INSIDE: InterfaceId = InterfaceId::new(3);
/// The members of the bridge domain: the one that receives, and the one behind which stations are.
const MEMBERS: [InterfaceId; 2] = [InterfaceId::new(1), InterfaceId::new(2)];
/// No station ages out here.
const TICKS_HZ: u64 = 1_000_000_000;
const FDB_SEED: u64 = 8;

/// What is put around packets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Vxlan,
    MplsUdp,
}

/// Tunnels to all remote ends, by this next hop.
pub(crate) fn add_tunnels(
    snapshot: &mut Snapshot,
    kind: Kind,
    underlay: u32,
) -> Result<(), StagesError> {
    for number in 0..TUNNELS {
        let ends = Ends::Ipv4 {
            source: OUR_ADDRESS.into(),
            remote: remote(number).into(),
        };
        let encapsulation = match kind {
            Kind::Vxlan => Encapsulation::VxlanRouted {
                ends,
                vni: Vni::new(VNI)?,
                interface: Some(INSIDE),
                source_mac: Mac::new(OURS),
                router_mac: Mac::new(station(number)),
            },
            Kind::MplsUdp => Encapsulation::MplsUdp {
                ends,
                labels: LabelStack::new(&[Label::new(LABEL)?])?,
            },
        };
        let spec = TunnelSpec {
            encapsulation,
            policy: TunnelPolicy::default(),
        };
        let id = TunnelId::new(u32::from(number) + 1);
        let tunnel = Tunnel::compose(&spec, NextHopId::new(underlay), 1_500);
        snapshot.tunnels.set(id.index(), Some(tunnel));
        let hop = TUNNEL_HOP + u32::from(number);
        snapshot
            .next_hops
            .set(NextHopId::new(hop).index(), NextHop::Tunnel(id));
    }
    Ok(())
}

/// The near end of tunnels: all that comes out is looked up in the first interface's VRF.
pub(crate) fn add_endpoint(snapshot: &mut Snapshot) -> Result<(), StagesError> {
    let inside = Interface {
        up: true,
        mac: Mac::new(OURS),
        mtu_bytes: 1_500,
        ..Interface::default()
    };
    snapshot.interfaces.set(INSIDE.index(), inside);
    let vnis = [(Vni::new(VNI)?, VniTarget::Routed(INSIDE))];
    let endpoint = Endpoint {
        interface: MEMBERS[0],
        vxlan_port: VXLAN_PORT,
        gue_port: 0,
        vnis: Arc::new(vnis.into_iter().collect()),
        ip: None,
        mpls: true,
        policy: DecapPolicy::default(),
        peers: Peers::Any,
    };
    snapshot.endpoints.set(ENDPOINT.index(), Some(endpoint));
    let hop = NextHop::Endpoint(ENDPOINT);
    snapshot
        .next_hops
        .set(NextHopId::new(ENDPOINT_HOP).index(), hop);
    let entry = LabelEntry::Vrf {
        interface: INSIDE,
        payload: Payload::Both,
        ttl_mode: Mode::Pipe,
    };
    snapshot.labels.set(Label::new(LABEL)?, Some(entry));
    Ok(())
}

/// A bridge domain of the first interface and one behind another port, and all stations: the even ones
/// are behind the first.
pub(crate) fn add_bridge(snapshot: &mut Snapshot) -> Result<Fdb, StagesError> {
    for (member, port) in MEMBERS.into_iter().zip([PortId::new(0), STATIONS_PORT]) {
        snapshot.ports[port.index()].untagged = Some(member);
        let interface = Interface {
            up: true,
            mtu_bytes: 1_500,
            port: Some(port),
            bridge: Some(BRIDGE),
            ..Interface::default()
        };
        snapshot.interfaces.set(member.index(), interface);
    }
    let bridge = Bridge {
        members: MEMBERS.into(),
        ..Bridge::default()
    };
    snapshot.bridges.set(BRIDGE.index(), Some(bridge));
    let mut fdb = Fdb::new(usize::from(STATIONS), FDB_SEED, TICKS_HZ);
    for number in 0..STATIONS {
        let key = FdbKey::new(BRIDGE, Mac::new(station(number)));
        let member = MEMBERS[usize::from(number % 2)];
        fdb.set(key, FdbTarget::Interface(member), Second::default())?;
    }
    snapshot.fdb = fdb.reader();
    Ok(fdb)
}
