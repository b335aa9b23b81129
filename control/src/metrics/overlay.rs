//! Metrics of overlays: VNIs, labels, tunnels. Bridged VNIs have none of their own: their domains count.

use super::exposition::Exposition;
use super::exposition::Kind::{Counter, Gauge};
use super::exposition::{Column, columns};
use crate::model::interface::InterfaceCounters;
use crate::model::overlay::{LabelView, TunnelView, VniTarget, VniView};
use crate::nexthop::Encap;

const VNI_COUNTERS: [Column<InterfaceCounters, u64>; 5] = [
    (
        "ferroute_vni_rx_packets_total",
        "Packets that came out of a routed VNI.",
        |c| c.rx.packets,
    ),
    (
        "ferroute_vni_rx_bytes_total",
        "Bytes that came out of a routed VNI.",
        |c| c.rx.bytes,
    ),
    (
        "ferroute_vni_tx_packets_total",
        "Packets that went into tunnels of a routed VNI.",
        |c| c.tx.packets,
    ),
    (
        "ferroute_vni_tx_bytes_total",
        "Bytes that went into tunnels of a routed VNI.",
        |c| c.tx.bytes,
    ),
    (
        "ferroute_vni_dropped_packets_total",
        "Packets out of a routed VNI that were dropped.",
        |c| c.dropped_packets,
    ),
];

pub(super) fn vnis(to: &mut Exposition, views: &[VniView]) {
    let numbers: Vec<_> = views
        .iter()
        .map(|view| view.spec.key.vni.get().to_string())
        .collect();
    let rows = views.iter().zip(&numbers).filter_map(|(view, number)| {
        let VniTarget::Routed { vrf, .. } = &view.spec.target else {
            return None;
        };
        let labels = [
            ("endpoint", view.spec.key.endpoint.as_str()),
            ("vni", number),
            ("vrf", vrf.as_str()),
        ];
        Some((labels, view.counters.as_ref()?))
    });
    columns(to, Counter, &VNI_COUNTERS, &rows.collect::<Vec<_>>());
}

const LABEL_COUNTERS: [Column<LabelView, u64>; 2] = [
    (
        "ferroute_label_packets_total",
        "Packets that came in with a label of the router's.",
        |l| l.traffic.packets,
    ),
    (
        "ferroute_label_bytes_total",
        "Bytes of those packets, from the label on.",
        |l| l.traffic.bytes,
    ),
];

pub(super) fn labels(to: &mut Exposition, views: &[LabelView]) {
    let numbers: Vec<_> = views
        .iter()
        .map(|view| view.spec.label.get().to_string())
        .collect();
    let rows = views.iter().zip(&numbers);
    let rows: Vec<_> = rows
        .map(|(view, number)| ([("label", number.as_str())], view))
        .collect();
    columns(to, Counter, &LABEL_COUNTERS, &rows);
}

const TUNNEL_COUNTERS: [Column<TunnelView, u64>; 2] = [
    (
        "ferroute_tunnel_packets_total",
        "Packets that were sent into a tunnel.",
        |t| t.traffic.packets,
    ),
    (
        "ferroute_tunnel_bytes_total",
        "Bytes of those packets with what the tunnel put before them.",
        |t| t.traffic.bytes,
    ),
];

const TUNNEL_GAUGES: [Column<TunnelView, u64>; 2] = [
    (
        "ferroute_tunnel_resolved",
        "Whether the remote end can be reached.",
        |t| t.problem.is_none().into(),
    ),
    (
        "ferroute_tunnel_payload_mtu_bytes",
        "Largest packet that a tunnel takes.",
        |t| t.payload_mtu.into(),
    ),
];

pub(super) fn tunnels(to: &mut Exposition, views: &[TunnelView]) {
    let texts: Vec<_> = views
        .iter()
        .map(|view| (view.id.to_string(), view.remote.to_string()))
        .collect();
    let rows = views.iter().zip(&texts).map(|(view, (id, remote))| {
        let labels = [
            ("tunnel", id.as_str()),
            ("endpoint", view.endpoint.as_str()),
            ("remote", remote),
            ("encap", kind(&view.encap)),
        ];
        (labels, view)
    });
    let rows: Vec<_> = rows.collect();
    columns(to, Counter, &TUNNEL_COUNTERS, &rows);
    columns(to, Gauge, &TUNNEL_GAUGES, &rows);
}

const fn kind(encap: &Encap) -> &'static str {
    match encap {
        Encap::Vxlan { .. } => "vxlan",
        Encap::VxlanBridged { .. } => "vxlan_bridged",
        Encap::MplsUdp(_) => "mpls_udp",
        Encap::Mpls(_) => "mpls",
        Encap::IpIp => "ip",
        Encap::Gue => "gue",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::overlay::{LabelSpec, LabelTarget, VniKey, VniSpec};
    use crate::model::port::Traffic;
    use ferroute_dataplane::ids::{NextHopId, TunnelId};
    use ferroute_dataplane::mac::Mac;
    use ferroute_dataplane::snapshot::label::Payload;
    use ferroute_dataplane::snapshot::tunnel::Mode;
    use ferroute_dataplane::wire::mpls::Label;
    use ferroute_dataplane::wire::vxlan::Vni;

    fn traffic(packets: u64) -> Traffic {
        Traffic {
            packets,
            bytes: packets * 100,
        }
    }

    #[track_caller]
    fn has(text: &str, samples: &[&str]) {
        for sample in samples {
            assert!(
                text.lines().any(|line| line == *sample),
                "{sample} in\n{text}"
            );
        }
    }

    #[test]
    fn routed_vnis_have_counters_and_bridged_ones_have_none() {
        let view = |number, target, counters| VniView {
            spec: VniSpec {
                key: VniKey {
                    endpoint: "default".parse().unwrap(),
                    vni: Vni::new(number).unwrap(),
                },
                target,
            },
            counters,
        };
        let routed = VniTarget::Routed {
            vrf: "red".parse().unwrap(),
            router_mac: Mac::ZERO,
            interface: None,
        };
        let counters = InterfaceCounters {
            rx: traffic(7),
            tx: traffic(8),
            punted_packets: 0,
            dropped_packets: 1,
        };
        let bridged = VniTarget::Bridged {
            domain: "blue".parse().unwrap(),
        };
        let mut exposition = Exposition::default();
        vnis(
            &mut exposition,
            &[view(100, routed, Some(counters)), view(200, bridged, None)],
        );
        let text = exposition.finish();
        let of = "{endpoint=\"default\",vni=\"100\",vrf=\"red\"}";
        has(
            &text,
            &[
                &format!("ferroute_vni_rx_packets_total{of} 7"),
                &format!("ferroute_vni_tx_bytes_total{of} 800"),
                &format!("ferroute_vni_dropped_packets_total{of} 1"),
            ],
        );
        assert!(!text.contains("200"), "{text}");
    }

    #[test]
    fn labels_and_tunnels_have_counters() {
        let label = LabelView {
            spec: LabelSpec {
                label: Label::new(16).unwrap(),
                target: LabelTarget::Vrf("red".parse().unwrap()),
                payload: Payload::Both,
                ttl_mode: Mode::Pipe,
            },
            interface: None,
            next_hop: None,
            resolved: true,
            traffic: traffic(3),
        };
        let tunnel = TunnelView {
            id: TunnelId::new(2),
            endpoint: "default".parse().unwrap(),
            source: None,
            remote: "192.0.2.2".parse().unwrap(),
            encap: Encap::Gue,
            users: 1,
            underlay: NextHopId::new(9),
            problem: Some("no route".to_owned()),
            payload_mtu: 1450,
            header: vec![],
            traffic: traffic(11),
        };
        let mut exposition = Exposition::default();
        labels(&mut exposition, &[label]);
        tunnels(&mut exposition, &[tunnel]);
        let of = "{tunnel=\"2\",endpoint=\"default\",remote=\"192.0.2.2\",encap=\"gue\"}";
        has(
            &exposition.finish(),
            &[
                "ferroute_label_packets_total{label=\"16\"} 3",
                "ferroute_label_bytes_total{label=\"16\"} 300",
                &format!("ferroute_tunnel_packets_total{of} 11"),
                &format!("ferroute_tunnel_resolved{of} 0"),
                &format!("ferroute_tunnel_payload_mtu_bytes{of} 1450"),
            ],
        );
    }
}
