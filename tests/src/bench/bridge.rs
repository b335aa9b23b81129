//! Bridge domains of a bench.

use std::net::IpAddr;

use ferroute_control::core::request::{BridgeRequest, OverlayRequest};
use ferroute_control::model::bridge::{
    DomainError, DomainPolicy, DomainSpec, DomainView, FdbChange, FloodChange, GatewaySpec,
    RemoteEnd, RemoteStation, StationFilter, StationView,
};
use ferroute_control::model::overlay::{VniSpec, VniTarget};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::vxlan::Vni;

use super::Bench;
use super::frames::MacBytes;
use super::overlay::vni_spec;

/// A domain with these members and the usual policy, without a gateway.
#[must_use]
pub fn domain_spec(name: &str, members: &[&str]) -> DomainSpec {
    DomainSpec {
        name: name.parse().expect("a name"),
        members: members.iter().map(|m| m.parse().expect("a name")).collect(),
        policy: DomainPolicy::default(),
        gateway: None,
    }
}

/// A gateway in a VRF, on an interface of this name.
#[must_use]
pub fn gateway_spec(mac: MacBytes, vrf: &str, interface: &str) -> GatewaySpec {
    GatewaySpec {
        vrf: vrf.parse().expect("a name"),
        mac: Mac::new(mac),
        interface: Some(interface.parse().expect("a name")),
        twin: false,
    }
}

/// A remote end, with the VNI that it expects if that is not the domain's.
#[must_use]
pub fn remote_end(address: &str, vni: Option<u32>) -> RemoteEnd {
    RemoteEnd {
        address: address.parse::<IpAddr>().expect("an address"),
        vni: vni.map(|vni| Vni::new(vni).expect("a VNI")),
    }
}

impl Bench {
    /// Makes a domain.
    pub fn domain(&mut self, spec: DomainSpec) -> &mut Self {
        self.try_domain(spec)
            .unwrap_or_else(|e| panic!("domain: {e}"));
        self
    }

    /// Tries to make a domain.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn try_domain(&mut self, spec: DomainSpec) -> Result<DomainView, DomainError> {
        self.call(|reply| BridgeRequest::Create(Box::new(spec), reply).into())
    }

    /// Gives a domain another spec.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn change_domain(&mut self, spec: DomainSpec) -> Result<DomainView, DomainError> {
        self.call(|reply| BridgeRequest::Change(Box::new(spec), reply).into())
    }

    /// Removes a domain.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn delete_domain(&mut self, name: &str) -> Result<(), DomainError> {
        let name = name.parse().expect("a name");
        self.call(|reply| BridgeRequest::Delete(name, reply).into())
    }

    /// A domain as it is.
    pub fn domain_view(&mut self, name: &str) -> DomainView {
        let name = name.parse().expect("a name");
        self.call(|reply| BridgeRequest::Get(name, reply).into())
            .unwrap_or_else(|e| panic!("{e}"))
    }

    /// Makes a VNI of the endpoint `default` that leads to a domain.
    pub fn bridged_vni(&mut self, vni: u32, domain: &str) -> &mut Self {
        let spec = VniSpec {
            target: VniTarget::Bridged {
                domain: domain.parse().expect("a name"),
            },
            ..vni_spec(vni, "x", [2, 0, 0, 0, 0, 1])
        };
        self.call(|reply| OverlayRequest::CreateVni(spec, None, reply).into())
            .unwrap_or_else(|e| panic!("VNI {vni}: {e}"));
        self
    }

    /// Changes the FDB; answers what was refused.
    pub fn fdb(&mut self, changes: Vec<FdbChange>) -> Vec<(usize, DomainError)> {
        self.call(|reply| BridgeRequest::ChangeFdb(changes, None, reply).into())
            .unwrap_or_else(|never| match never {})
    }

    /// Says that a station is behind a remote end.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn remote_station(
        &mut self,
        domain: &str,
        mac: MacBytes,
        remote: RemoteStation,
    ) -> Result<(), DomainError> {
        let refused = self.fdb(vec![FdbChange::PutRemote {
            domain: domain.parse().expect("a name"),
            mac: Mac::new(mac),
            remote,
        }]);
        refused.into_iter().next().map_or(Ok(()), |(_, e)| Err(e))
    }

    /// Deletes what clients said of a station, and what was learned.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn delete_station(&mut self, domain: &str, mac: MacBytes) -> Result<(), DomainError> {
        let refused = self.fdb(vec![FdbChange::Delete {
            domain: domain.parse().expect("a name"),
            mac: Mac::new(mac),
            kind: None,
            end: None,
        }]);
        refused.into_iter().next().map_or(Ok(()), |(_, e)| Err(e))
    }

    /// Adds remote ends to a domain's flood list, or removes them.
    pub fn flood_to(&mut self, domain: &str, ends: &[RemoteEnd], remove: bool) -> &mut Self {
        let domain = domain.parse().expect("a name");
        let change = |end: &RemoteEnd| FloodChange {
            domain,
            end: *end,
            remove,
        };
        let changes = ends.iter().map(change).collect();
        let refused = self
            .call(|reply| BridgeRequest::ChangeFlood(changes, None, reply).into())
            .unwrap_or_else(|never| match never {});
        assert!(refused.is_empty(), "{refused:?}");
        self
    }

    /// The stations of a domain.
    pub fn stations(&mut self, domain: &str) -> Vec<StationView> {
        let filter = StationFilter {
            domain: Some(domain.parse().expect("a name")),
            kind: None,
        };
        self.call(|reply| BridgeRequest::ListFdb(filter, None, reply).into())
            .unwrap_or_else(|e| panic!("{e}"))
            .items
    }

    /// One station of a domain.
    pub fn station(&mut self, domain: &str, mac: MacBytes) -> Option<StationView> {
        let all = self.stations(domain);
        all.into_iter().find(|s| s.mac == Mac::new(mac))
    }
}
