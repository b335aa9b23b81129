//! Tunnels: composed from endpoint, encapsulation and underlay, and anew when one of these changes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ferroute_dataplane::ids::{EndpointId, NextHopId, TunnelId, VrfId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::tunnel::{Encapsulation, Ends, Tunnel, TunnelPolicy, TunnelSpec};
use ferroute_dataplane::wire::Protocol;
use ferroute_dataplane::wire::mpls::MPLS_UDP_PORT;

use super::forwarding::next_hop_id;
use super::router::Router;
use crate::exception::path_mtu::PathMtu;
use crate::model::event::{Change, Happening};
use crate::model::overlay::{TunnelCursor, TunnelView};
use crate::model::page::{PAGE_ITEMS, Page};
use crate::nexthop::{self, Encap, NextHopSetId, Resolved, SetsFull, TunnelKey, Unresolved};

/// What a tunnel's egress is taken to send while its remote end is unresolved: nothing goes through it then.
const UNRESOLVED_MTU_BYTES: u16 = 1500;
/// How long a path MTU that routers of the underlay reported is believed (RFC 1191 section 6.3, RFC 8201 section 4).
const LEARNED_FOR_NS: u64 = 600_000_000_000;

/// Path MTUs that routers of the underlay reported, by VRF and remote end, with the time at which they end.
#[derive(Debug, Default)]
pub(super) struct LearnedMtus(BTreeMap<(VrfId, IpAddr), (u16, u64)>);

impl LearnedMtus {
    fn get(&self, vrf: VrfId, remote: IpAddr) -> Option<u16> {
        self.0.get(&(vrf, remote)).map(|(mtu, _)| *mtu)
    }

    /// Believes a report, but no less than every link takes; false when that is nothing new. A repeated one lives on.
    fn learn(&mut self, vrf: VrfId, remote: IpAddr, mtu_bytes: u16, now_ns: u64) -> bool {
        let mtu_bytes = mtu_bytes.max(if remote.is_ipv4() { 68 } else { 1280 });
        let until = now_ns + LEARNED_FOR_NS;
        let (known, ends) = self.0.entry((vrf, remote)).or_insert((u16::MAX, until));
        if mtu_bytes > *known {
            return false;
        }
        *ends = until;
        std::mem::replace(known, mtu_bytes) != mtu_bytes
    }

    /// Forgets what is too old; says whether there was any.
    fn age(&mut self, now_ns: u64) -> bool {
        let before = self.0.len();
        self.0.retain(|_, (_, until)| *until > now_ns);
        self.0.len() != before
    }
}

impl Router {
    /// The tunnel of this key, composed if it is new. It goes with what leads into it.
    ///
    /// # Errors
    /// [`SetsFull`] when there is no room for its underlay.
    pub(super) fn tunnel(&mut self, key: TunnelKey) -> Result<TunnelId, SetsFull> {
        let (id, new) = self.hops.tunnel(key, &self.rib)?;
        if new {
            self.count_tunnel(id);
        }
        if let Some(view) = self.hops.tunnel_view(id).filter(|_| new) {
            let (endpoint, underlay) = (view.key.endpoint, view.underlay);
            if let Some(resolved) = self.hops.resolved(underlay).cloned()
                && !self.forwarding.has(underlay)
            {
                self.forwarding
                    .compile(underlay, &resolved, &mut self.plane);
            }
            self.forwarding.add_tunnel(id, underlay);
            self.overlay.stale_tunnels.insert(id);
            self.peers_changed(endpoint);
        }
        Ok(id)
    }

    /// Forgets the tunnels that nothing leads into any more; says whether there were any.
    pub(super) fn collect_tunnels(&mut self) -> bool {
        let gone = self.hops.collect_tunnels();
        for (id, key) in &gone {
            self.forwarding.forget_tunnel(*id);
            self.overlay.stale_tunnels.remove(id);
            self.plane.edit().tunnels.set(id.index(), None);
            self.plane.retire_tunnel(*id);
            self.peers_changed(key.endpoint);
            self.tell_gone(*id, key);
        }
        !gone.is_empty()
    }

    /// Tells of a tunnel if it is new, or can be reached now or not any more.
    pub(super) fn tell_tunnel(&mut self, id: TunnelId) {
        let Some(underlay) = self.hops.tunnel_view(id).map(|tunnel| tunnel.underlay) else {
            return;
        };
        let resolved = matches!(self.hops.resolved(underlay), Some(Resolved::Paths(_)));
        let change = match self.overlay.told_tunnels.insert(id, resolved) {
            Some(told) if told == resolved => return,
            Some(_) => Change::Changed,
            None => Change::Added,
        };
        let tunnel = self.hops.tunnel_view(id);
        if let Some(view) = tunnel.and_then(|tunnel| self.tunnel_view(&tunnel)) {
            let tunnel = Box::new(view);
            self.tell(Happening::Tunnel { change, tunnel });
        }
    }

    fn tell_gone(&mut self, id: TunnelId, key: &TunnelKey) {
        if self.overlay.told_tunnels.remove(&id).is_none() {
            return;
        }
        let endpoint = self.overlay.endpoints.get(key.endpoint);
        let tunnel = TunnelView {
            id,
            endpoint: endpoint.map(|e| e.spec.name).unwrap_or_default(),
            source: endpoint.and_then(|e| e.spec.addresses.source_for(key.remote)),
            remote: key.remote,
            encap: key.encap.clone(),
            users: 0,
            underlay: NextHopId::NO_ROUTE,
            problem: Some("nothing leads into it any more".to_owned()),
            payload_mtu: 0,
            header: Vec::new(),
            traffic: self.tunnel_traffic(id),
        };
        self.tell(Happening::Tunnel {
            change: Change::Removed,
            tunnel: Box::new(tunnel),
        });
    }

    fn peers_changed(&mut self, endpoint: EndpointId) {
        let known = |e: &super::endpoint::Endpoint| e.spec.known_peers_only;
        if self.overlay.endpoints.get(endpoint).is_some_and(known) {
            self.overlay.stale_endpoints.insert(endpoint);
        }
    }

    /// Lets the tunnels over a set follow what became of it.
    pub(super) fn follow_underlay(&mut self, underlay: NextHopSetId) {
        let tunnels = self.forwarding.tunnels_over(underlay);
        self.overlay.stale_tunnels.extend(tunnels);
        self.forwarding.follow_underlay(underlay, &mut self.plane);
    }

    /// Notes that all tunnels of an endpoint are to be composed anew.
    pub(super) fn compose_all_from(&mut self, endpoint: EndpointId) {
        let tunnels = self.hops.tunnels();
        let of_it = tunnels.filter(|tunnel| tunnel.key.endpoint == endpoint);
        let stale = &mut self.overlay.stale_tunnels;
        stale.extend(of_it.map(|tunnel| tunnel.id));
    }

    /// Notes that all tunnels are to be composed anew, because a link's MTU may have changed.
    pub(super) fn compose_all(&mut self) {
        let stale = &mut self.overlay.stale_tunnels;
        stale.extend(self.hops.tunnels().map(|tunnel| tunnel.id));
    }

    /// The tunnels that start at an endpoint.
    pub(super) fn tunnels_from(&self, endpoint: EndpointId) -> impl Iterator<Item = &TunnelKey> {
        let keys = self.hops.tunnels().map(|tunnel| tunnel.key);
        keys.filter(move |key| key.endpoint == endpoint)
    }

    /// Writes a tunnel into the draft.
    pub(super) fn write_tunnel(&mut self, id: TunnelId) {
        let Some(view) = self.hops.tunnel_view(id) else {
            return;
        };
        let composed = self.compose(&view);
        if self.plane.draft().tunnel(id) != composed.as_ref() {
            self.plane.edit().tunnels.set(id.index(), composed);
        }
    }

    /// `None` while the endpoint has no address of the remote end's family.
    fn compose(&self, view: &nexthop::TunnelView<'_>) -> Option<Tunnel> {
        let spec = self.tunnel_spec(view.key)?;
        let links = self.forwarding.mtu_bytes(view.underlay, &self.plane);
        let links = links.unwrap_or(UNRESOLVED_MTU_BYTES);
        let learned = self.overlay.learned.get(view.key.vrf, view.key.remote);
        let mtu = learned.map_or(links, |learned| learned.min(links));
        Some(Tunnel::compose(&spec, next_hop_id(view.underlay), mtu))
    }

    fn tunnel_spec(&self, key: &TunnelKey) -> Option<TunnelSpec> {
        let endpoint = self.overlay.endpoints.get(key.endpoint);
        let policy = endpoint.map_or_else(TunnelPolicy::default, |e| e.policy());
        if let Encap::Mpls(labels) = &key.encap {
            let labels = labels.clone();
            let encapsulation = Encapsulation::Mpls { labels };
            return Some(TunnelSpec {
                encapsulation,
                policy,
            });
        }
        let source = endpoint?.spec.addresses.source_for(key.remote)?;
        let ends = match (source, key.remote) {
            (IpAddr::V4(source), IpAddr::V4(remote)) => Ends::Ipv4 { source, remote },
            (IpAddr::V6(source), IpAddr::V6(remote)) => Ends::Ipv6 { source, remote },
            _ => return None,
        };
        let encapsulation = match &key.encap {
            Encap::Vxlan { vni, router_mac } => {
                let interface = self.vni_source(key.endpoint, *vni);
                let own = interface.and_then(|id| self.interfaces.get(id)?.mac);
                Encapsulation::VxlanRouted {
                    ends,
                    vni: *vni,
                    interface,
                    source_mac: own.unwrap_or_else(|| mac_of(source)),
                    router_mac: *router_mac,
                }
            }
            Encap::VxlanBridged { vni } => Encapsulation::VxlanBridged { ends, vni: *vni },
            Encap::MplsUdp(labels) => Encapsulation::MplsUdp {
                ends,
                labels: labels.clone(),
            },
            Encap::Mpls(labels) => Encapsulation::Mpls {
                labels: labels.clone(),
            },
            Encap::IpIp => Encapsulation::IpIp { ends },
            Encap::Gue => Encapsulation::Gue { ends },
        };
        Some(TunnelSpec {
            encapsulation,
            policy,
        })
    }

    /// Believes a router of the underlay that packets to a remote end may have no more than so many bytes, outer headers
    /// included, if a tunnel made the packet that it quotes.
    pub(super) fn learn_path_mtu(&mut self, report: &PathMtu) {
        let made = |tunnel: &nexthop::TunnelView<'_>| self.made_by(report, tunnel.key);
        let concerned = self.hops.tunnels().filter(made).map(|tunnel| tunnel.id);
        let concerned: Vec<_> = concerned.collect();
        let now_ns = self.now_ns();
        let learned = &mut self.overlay.learned;
        if !concerned.is_empty()
            && learned.learn(report.vrf, report.remote, report.mtu_bytes, now_ns)
        {
            self.compose_all();
            self.finish();
        }
    }

    /// Whether a tunnel makes packets such as the report quotes.
    fn made_by(&self, report: &PathMtu, key: &TunnelKey) -> bool {
        let Some(endpoint) = self.overlay.endpoints.get(key.endpoint) else {
            return false;
        };
        let (protocol, port) = match key.encap {
            Encap::Vxlan { .. } | Encap::VxlanBridged { .. } => {
                (Protocol::UDP, Some(endpoint.spec.vxlan_port.get()))
            }
            Encap::MplsUdp(_) => (Protocol::UDP, Some(MPLS_UDP_PORT)),
            Encap::Gue => (Protocol::UDP, Some(endpoint.spec.gue_port.get())),
            Encap::IpIp => (report.protocol, None),
            Encap::Mpls(_) => return false,
        };
        let inner_ip = [Protocol::IPV4, Protocol::IPV6].contains(&report.protocol);
        key.vrf == report.vrf
            && key.remote == report.remote
            && endpoint.spec.addresses.source_for(report.remote) == Some(report.source)
            && (protocol, port) == (report.protocol, report.port)
            && (inner_ip || port.is_some())
    }

    /// Forgets the path MTUs that were learned long ago.
    pub(super) fn age_path_mtus(&mut self) {
        let now_ns = self.now_ns();
        if self.overlay.learned.age(now_ns) {
            self.compose_all();
            self.finish();
        }
    }

    /// One page of tunnels, by number.
    pub(super) fn tunnel_page(
        &self,
        after: Option<TunnelCursor>,
    ) -> Page<TunnelView, TunnelCursor> {
        let tunnels = self.hops.tunnels();
        let tunnels = tunnels.filter(|tunnel| after.is_none_or(|after| tunnel.id > after));
        let views = tunnels.filter_map(|tunnel| self.tunnel_view(&tunnel));
        Page::filled(views.take(PAGE_ITEMS).collect(), |view| view.id)
    }

    fn tunnel_view(&self, tunnel: &nexthop::TunnelView<'_>) -> Option<TunnelView> {
        let endpoint = self.overlay.endpoints.get(tunnel.key.endpoint);
        let written = self.plane.draft().tunnel(tunnel.id);
        let problem = match self.hops.resolved(tunnel.underlay)? {
            Resolved::Unresolved(Unresolved::InterfaceDown(id)) => {
                Some(match self.interfaces.get(*id) {
                    Some(interface) => format!("interface {} is down", interface.name),
                    None => "the interface is gone".to_owned(),
                })
            }
            Resolved::Unresolved(reason) => Some(reason.to_string()),
            Resolved::Action(_) => Some("the route to the remote end drops".to_owned()),
            Resolved::Paths(_) => None,
        };
        Some(TunnelView {
            id: tunnel.id,
            endpoint: endpoint.map(|e| e.spec.name).unwrap_or_default(),
            source: endpoint.and_then(|e| e.spec.addresses.source_for(tunnel.key.remote)),
            remote: tunnel.key.remote,
            encap: tunnel.key.encap.clone(),
            users: tunnel.users,
            underlay: next_hop_id(tunnel.underlay),
            problem,
            payload_mtu: written.map_or(0, Tunnel::payload_mtu_bytes),
            header: written.map(|t| t.header().to_vec()).unwrap_or_default(),
            traffic: self.tunnel_traffic(tunnel.id),
        })
    }
}

/// The inner source of an endpoint that has no router MAC: locally administered, from its address.
fn mac_of(address: IpAddr) -> Mac {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => {
            let [.., a, b, c, d] = v6.octets();
            [a, b, c, d]
        }
    };
    let [a, b, c, d] = octets;
    Mac::new([0x02, 0xfd, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_03_a_learned_mtu_has_a_floor_and_ages() {
        let (vrf, v4) = (VrfId::DEFAULT, "192.0.2.2".parse().unwrap());
        let v6 = "2001:db8::2".parse().unwrap();
        let mut learned = LearnedMtus::default();
        assert!(learned.learn(vrf, v4, 1400, 0));
        assert!(!learned.learn(vrf, v4, 1450, 1), "a report only lowers");
        assert!(!learned.learn(vrf, v4, 1400, LEARNED_FOR_NS - 1), "known");
        assert!(!learned.age(LEARNED_FOR_NS), "said again in the meantime");
        assert_eq!(learned.get(vrf, v4), Some(1400));
        assert!(learned.learn(vrf, v4, 20, LEARNED_FOR_NS));
        assert!(learned.learn(vrf, v6, 20, LEARNED_FOR_NS));
        assert_eq!(learned.get(vrf, v4), Some(68), "RFC 791");
        assert_eq!(learned.get(vrf, v6), Some(1280), "RFC 8200 section 5");
        assert_eq!(learned.get(VrfId::new(1), v4), None);
        assert!(learned.age(2 * LEARNED_FOR_NS));
        assert_eq!(learned.get(vrf, v4), None);
    }
}
