//! Endpoints, VNIs and labels of a bench.

use std::net::IpAddr;

use ferroute_control::core::request::OverlayRequest;
use ferroute_control::model::overlay::{
    EndpointAddresses, EndpointSpec, LabelSpec, LabelTarget, OverlayError, TunnelView, VniKey,
    VniSpec, VniTarget,
};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::label::Payload;
use ferroute_dataplane::snapshot::tunnel::Mode;
use ferroute_dataplane::wire::mpls::Label;
use ferroute_dataplane::wire::vxlan::Vni;

use super::Bench;
use super::world::target;
use ferroute_control::model::prefix::Family;
use ferroute_control::model::route::RouteTarget;

/// The spec of the endpoint `default` in the default VRF.
#[must_use]
pub fn endpoint_spec(addresses: &[&str]) -> EndpointSpec {
    let parse = |text: &&str| text.parse::<IpAddr>().expect("an address");
    let addresses: Vec<_> = addresses.iter().map(parse).collect();
    let addresses = EndpointAddresses::new(&addresses).expect("addresses");
    EndpointSpec::new(Default::default(), Default::default(), addresses)
}

/// The spec of a routed VNI on the endpoint `default`.
#[must_use]
pub fn vni_spec(vni: u32, vrf: &str, router_mac: [u8; 6]) -> VniSpec {
    VniSpec {
        key: VniKey {
            endpoint: Default::default(),
            vni: Vni::new(vni).expect("a VNI"),
        },
        target: VniTarget::Routed {
            vrf: vrf.parse().expect("a name"),
            router_mac: Mac::new(router_mac),
            interface: None,
        },
    }
}

impl Bench {
    /// Makes the endpoint `default` at addresses of an interface of the default VRF.
    pub fn endpoint(&mut self, addresses: &[&str]) -> &mut Self {
        self.endpoint_of(endpoint_spec(addresses))
            .unwrap_or_else(|e| panic!("endpoint {addresses:?}: {e}"));
        self
    }

    /// Makes an endpoint.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn endpoint_of(&mut self, spec: EndpointSpec) -> Result<(), OverlayError> {
        let made = self.call(|reply| OverlayRequest::CreateEndpoint(Box::new(spec), reply).into());
        made.map(drop)
    }

    /// Gives the endpoint another spec.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn change_endpoint(&mut self, spec: EndpointSpec) -> Result<(), OverlayError> {
        let made = self.call(|reply| OverlayRequest::ChangeEndpoint(Box::new(spec), reply).into());
        made.map(drop)
    }

    /// Removes the endpoint `default`.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn delete_endpoint(&mut self) -> Result<(), OverlayError> {
        self.call(|reply| OverlayRequest::DeleteEndpoint(Default::default(), reply).into())
    }

    /// Makes a routed VNI on the endpoint `default`.
    pub fn vni(&mut self, vni: u32, vrf: &str, router_mac: [u8; 6]) -> &mut Self {
        self.try_vni(vni_spec(vni, vrf, router_mac))
            .unwrap_or_else(|e| panic!("VNI {vni}: {e}"));
        self
    }

    /// Makes a VNI.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn try_vni(&mut self, spec: VniSpec) -> Result<(), OverlayError> {
        let made = self.call(|reply| OverlayRequest::CreateVni(spec, None, reply).into());
        made.map(drop)
    }

    /// Removes a VNI.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn delete_vni(&mut self, vni: u32) -> Result<(), OverlayError> {
        let key = vni_spec(vni, "x", [2, 0, 0, 0, 0, 1]).key;
        self.call(|reply| OverlayRequest::DeleteVni(key, reply).into())
    }

    /// Makes a label that leads `vrf NAME`, or to next hops in the words of [`target`].
    pub fn label(&mut self, label: u32, to: &str) -> &mut Self {
        self.try_label(label, to)
            .unwrap_or_else(|e| panic!("label {label}: {e}"));
        self
    }

    /// Tries to make a label.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn try_label(&mut self, label: u32, to: &str) -> Result<(), OverlayError> {
        let leads = match to.strip_prefix("vrf ") {
            Some(name) => LabelTarget::Vrf(name.parse().expect("a name")),
            None => match target(to) {
                RouteTarget::NextHops(hops) => LabelTarget::NextHops(hops),
                other => panic!("{other:?} is no next hop"),
            },
        };
        // An IPv4 next hop carries nothing else.
        let payload = match &leads {
            LabelTarget::NextHops(hops) if !hops.serve(Family::Ipv6) => Payload::Ipv4,
            _ => Payload::Both,
        };
        let spec = LabelSpec {
            label: Label::new(label).expect("a label"),
            target: leads,
            payload,
            ttl_mode: Mode::Pipe,
        };
        let made = self.call(|reply| OverlayRequest::PutLabel(Box::new(spec), None, reply).into());
        made.map(drop)
    }

    /// Removes a label.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn delete_label(&mut self, label: u32) -> Result<(), OverlayError> {
        let label = Label::new(label).expect("a label");
        self.call(|reply| OverlayRequest::DeleteLabel(label, reply).into())
    }

    /// The tunnels.
    pub fn tunnels(&mut self) -> Vec<TunnelView> {
        let page = self.call(|reply| OverlayRequest::ListTunnels(None, reply).into());
        page.unwrap_or_else(|never| match never {}).items
    }
}
