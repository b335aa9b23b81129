//! The router's end of tunnels, and the next hops into them.

use super::Api;
use super::setup::octets;
use crate::error::PerfError;
use crate::traffic::overlay::{Encap, LABEL, ROUTER_MAC, TUNNELS, VNI, remote, remote_mac};
use bytes::Bytes;
use ferroute_proto::v1;
use std::net::Ipv4Addr;
use v1::label_spec::Target;

/// The VRF of everything.
const VRF: &str = "default";

/// The address of the router's end: that of the first sink's link.
pub const ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Makes the router's end; what comes out of it is looked up in the default VRF.
///
/// # Errors
/// The router refuses.
pub fn add_endpoint(api: &mut Api, encap: Encap) -> Result<(), PerfError> {
    api.create_endpoint(v1::EndpointSpec {
        vrf: VRF.to_owned(),
        addresses: vec![octets(ENDPOINT.into())],
        mpls_udp: encap == Encap::MplsUdp,
        ..v1::EndpointSpec::default()
    })?;
    match encap {
        Encap::Vxlan => api.create_vni(v1::VniSpec {
            vni: VNI,
            target: Some(v1::vni_spec::Target::Routed(v1::RoutedVni {
                vrf: VRF.to_owned(),
                router_mac: Bytes::copy_from_slice(&ROUTER_MAC),
                ..v1::RoutedVni::default()
            })),
            ..v1::VniSpec::default()
        }),
        Encap::MplsUdp => api.put_label(v1::LabelSpec {
            label: LABEL,
            target: Some(Target::Vrf(VRF.to_owned())),
            ..v1::LabelSpec::default()
        }),
    }
}

/// The next hops into the tunnels to all remote ends.
pub fn next_hops(encap: Encap) -> impl Iterator<Item = v1::NextHop> {
    (0..TUNNELS).map(move |number| {
        let kind = match encap {
            Encap::Vxlan => v1::encap::Kind::Vxlan(v1::VxlanEncap {
                vni: VNI,
                router_mac: Bytes::copy_from_slice(&remote_mac(number)),
            }),
            Encap::MplsUdp => v1::encap::Kind::MplsUdp(v1::LabelEncap {
                labels: vec![LABEL],
            }),
        };
        v1::NextHop {
            gateway: octets(remote(number).into()),
            encap: Some(v1::Encap {
                kind: Some(kind),
                ..v1::Encap::default()
            }),
            ..v1::NextHop::default()
        }
    })
}
