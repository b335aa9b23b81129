//! What is said of endpoints, VNIs and labels comes back as it was; what is wrong is refused.

use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::label::Payload;
use ferroute_dataplane::snapshot::tunnel::{DontFragment, EcnMode, Mode};
use ferroute_dataplane::wire::vxlan::Vni;
use ferroute_proto::v1 as pb;
use prop::sample::select;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16};
use tonic::Code;

use super::convert::label;
use crate::model::overlay::{
    EndpointAddresses, EndpointSpec, LabelSpec, LabelTarget, VniKey, VniSpec, VniTarget,
};

fn name<T: std::fmt::Debug + std::str::FromStr<Err: std::fmt::Debug>>() -> impl Strategy<Value = T>
{
    "[a-z][a-z0-9]{0,14}".prop_map(|name| name.parse::<T>().unwrap_or_else(|e| panic!("{e:?}")))
}

fn mode() -> impl Strategy<Value = Mode> {
    select(&[Mode::Pipe, Mode::Uniform])
}

fn endpoint() -> impl Strategy<Value = EndpointSpec> {
    let addresses = prop_oneof![
        Just(EndpointAddresses::Ipv4(Ipv4Addr::new(192, 0, 2, 1))),
        (1..u16::MAX).prop_map(|last| {
            EndpointAddresses::Ipv6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
        }),
        (1..u16::MAX).prop_map(|last| {
            let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
            EndpointAddresses::Both(Ipv4Addr::new(10, 0, 0, 1), v6)
        }),
    ];
    let names = (name(), name(), prop::option::of(name()));
    let modes = (
        mode(),
        mode(),
        select(&[EcnMode::Normal, EcnMode::Compatibility]),
        select(&[DontFragment::Set, DontFragment::Inner]),
    );
    let numbers = (any::<NonZeroU16>(), any::<NonZeroU16>(), any::<NonZeroU8>());
    (names, addresses, numbers, modes, any::<[bool; 4]>()).prop_map(
        |((name, vrf, ip_vrf), addresses, numbers, modes, flags)| EndpointSpec {
            vxlan_port: numbers.0,
            gue_port: numbers.1,
            ttl: numbers.2,
            ttl_mode: modes.0,
            dscp_mode: modes.1,
            ecn_mode: modes.2,
            df: modes.3,
            udp6_zero_tx: flags[0],
            udp6_zero_rx: flags[1],
            known_peers_only: flags[2],
            mpls_udp: flags[3],
            ip_vrf,
            ..EndpointSpec::new(name, vrf, addresses)
        },
    )
}

fn vni() -> impl Strategy<Value = VniSpec> {
    let mac = any::<[u8; 6]>().prop_map(Mac::new);
    let mac = mac.prop_filter("a station's", |mac| mac.is_station());
    let target = (name(), mac, prop::option::of(name()));
    (0..1_u32 << 24, name(), target).prop_map(|(vni, endpoint, (vrf, router_mac, interface))| {
        VniSpec {
            key: VniKey {
                endpoint,
                vni: Vni::new(vni).unwrap(),
            },
            target: VniTarget::Routed {
                vrf,
                router_mac,
                interface,
            },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn endpoints_come_back(spec in endpoint()) {
        let back = EndpointSpec::try_from(pb::EndpointSpec::from(spec.clone())).unwrap();
        prop_assert_eq!(back, spec);
    }

    #[test]
    fn vnis_come_back(spec in vni()) {
        prop_assert_eq!(VniSpec::try_from(pb::VniSpec::from(spec.clone())).unwrap(), spec);
    }

    #[test]
    fn labels_come_back(
        number in 16..1_u32 << 20,
        vrf in name(),
        payload in select(&[Payload::Both, Payload::Ipv4, Payload::Ipv6]),
        ttl_mode in mode(),
    ) {
        let spec = LabelSpec {
            label: label(number).unwrap(),
            target: LabelTarget::Vrf(vrf),
            payload,
            ttl_mode,
        };
        prop_assert_eq!(LabelSpec::try_from(pb::LabelSpec::from(spec.clone())).unwrap(), spec);
    }

    /// Whatever a client sends, it gets a value or a reason.
    #[test]
    fn nonsense_is_refused(
        addresses in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5),
        numbers in any::<[u32; 3]>(),
        modes in any::<[i32; 4]>(),
        text in "\\PC{0,40}",
    ) {
        let valid = addresses.iter().take(3).all(|a| a.len() == 4 || a.len() == 16);
        let spec = pb::EndpointSpec {
            name: text.clone(),
            addresses: addresses.into_iter().map(Into::into).collect(),
            vxlan_port: numbers[0],
            gue_port: numbers[1],
            ttl: numbers[2],
            ttl_mode: modes[0],
            dscp_mode: modes[1],
            ecn_mode: modes[2],
            df: modes[3],
            ..pb::EndpointSpec::default()
        };
        match EndpointSpec::try_from(spec) {
            Ok(_) => prop_assert!(valid),
            Err(status) => prop_assert_eq!(status.code(), Code::InvalidArgument),
        }
    }
}

#[test]
fn two_addresses_of_a_family_and_none_are_refused() {
    let of = |text: &[&str]| {
        let all: Vec<IpAddr> = text.iter().map(|a| a.parse().unwrap()).collect();
        EndpointAddresses::new(&all).is_ok()
    };
    assert!(of(&["10.0.0.1"]) && of(&["2001:db8::1", "10.0.0.1"]));
    assert!(!of(&[]) && !of(&["10.0.0.1", "10.0.0.2"]) && !of(&["10.0.0.1", "::2", "::3"]));
}

#[test]
fn reserved_labels_are_refused() {
    for number in (0..16).chain([1 << 20, u32::MAX]) {
        assert!(label(number).is_err(), "{number}");
    }
    assert!(label(16).is_ok() && label((1 << 20) - 1).is_ok());
}
