//! Metrics of packets: workers, stages, drops, punts, interfaces, ports.

use super::exposition::Exposition;
use super::exposition::Kind::{Counter, Gauge};
use super::exposition::{Column, columns};
use crate::model::interface::InterfaceView;
use crate::model::port::{PortStats, PortView};
use crate::model::stats::{DropView, PuntSourceView, PuntView, StageView, WorkerView};

const WORKER_COUNTERS: [Column<WorkerView, u64>; 11] = [
    (
        "ferroute_worker_rx_packets_total",
        "Packets received.",
        |w| w.rx_packets,
    ),
    (
        "ferroute_worker_tx_packets_total",
        "Received packets that were sent.",
        |w| w.tx_packets,
    ),
    (
        "ferroute_worker_punted_packets_total",
        "Received packets handed to the exception path.",
        |w| w.punted_packets,
    ),
    (
        "ferroute_worker_consumed_packets_total",
        "Received packets that ended here as they should.",
        |w| w.consumed_packets,
    ),
    (
        "ferroute_worker_dropped_packets_total",
        "Received packets that were dropped.",
        |w| w.dropped_packets,
    ),
    (
        "ferroute_worker_copied_packets_total",
        "Copies of packets that flooding in bridge domains made; they have ends as received packets do.",
        |w| w.copied_packets,
    ),
    (
        "ferroute_worker_injected_packets_total",
        "Frames sent for the exception path.",
        |w| w.injected_packets,
    ),
    (
        "ferroute_worker_polls_total",
        "Polls of receive queues.",
        |w| w.polls,
    ),
    (
        "ferroute_worker_empty_polls_total",
        "Polls of receive queues that found nothing.",
        |w| w.empty_polls,
    ),
    (
        "ferroute_worker_sleeps_total",
        "How often the worker slept because nothing came.",
        |w| w.sleeps,
    ),
    (
        "ferroute_worker_wakeups_total",
        "Sleeps that an interrupt of a queue ended, or work of the router itself.",
        |w| w.wakeups,
    ),
];

const WORKER_GAUGES: [Column<WorkerView, f64>; 5] = [
    (
        "ferroute_worker_busy_ratio",
        "Share of its time spent on packets over about the last second.",
        |w| w.busy,
    ),
    (
        "ferroute_worker_asleep_ratio",
        "Share of its time asleep over about the last second.",
        |w| w.asleep,
    ),
    (
        "ferroute_worker_packets_per_burst",
        "Mean packets of non-empty bursts over about the last second.",
        |w| w.packets_per_burst,
    ),
    (
        "ferroute_worker_cycles_per_packet",
        "Mean cycles for each packet over about the last second.",
        |w| w.cycles_per_packet,
    ),
    (
        "ferroute_worker_hung",
        "Whether the worker has not moved on for too long.",
        |w| f64::from(u8::from(w.hung)),
    ),
];

const STAGE_COUNTERS: [Column<StageView, u64>; 2] = [
    (
        "ferroute_stage_packets_total",
        "Packets that went through a stage in bursts that were measured.",
        |s| s.packets,
    ),
    (
        "ferroute_stage_cycles_total",
        "CPU cycles that a stage spent on these packets.",
        |s| s.cycles,
    ),
];

pub(super) fn workers(to: &mut Exposition, views: &[WorkerView]) {
    let names: Vec<_> = views
        .iter()
        .map(|view| (view.index.to_string(), view.cpu.to_string()))
        .collect();
    let named = || views.iter().zip(&names);
    let rows: Vec<_> = named()
        .map(|(view, (worker, cpu))| ([("worker", worker.as_str()), ("cpu", cpu)], view))
        .collect();
    columns(to, Counter, &WORKER_COUNTERS, &rows);
    columns(to, Gauge, &WORKER_GAUGES, &rows);
    let stages = named().flat_map(|(view, (worker, _))| {
        view.stages
            .iter()
            .map(move |stage| ([("worker", worker.as_str()), ("stage", stage.name)], stage))
    });
    columns(to, Counter, &STAGE_COUNTERS, &stages.collect::<Vec<_>>());
}

pub(super) fn drops(to: &mut Exposition, views: &[DropView]) {
    let most = views
        .iter()
        .map(|view| view.by_worker.len())
        .max()
        .unwrap_or_default();
    let workers: Vec<_> = (0..most).map(|worker| worker.to_string()).collect();
    let samples = views.iter().flat_map(|view| {
        let by_worker = workers
            .iter()
            .zip(&view.by_worker)
            .map(|(worker, packets)| (worker.as_str(), *packets));
        let everywhere = by_worker.chain([("exception", view.by_exception_path)]);
        everywhere.map(|(worker, packets)| {
            (
                [("reason", view.reason.name()), ("worker", worker)],
                packets,
            )
        })
    });
    to.metric(
        "ferroute_dropped_packets_total",
        Counter,
        "Dropped packets, by reason and by who dropped them.",
        samples,
    );
}

const PUNT_COUNTERS: [Column<PuntSourceView, u64>; 2] = [
    (
        "ferroute_punt_passed_packets_total",
        "Packets for the exception path that were let through.",
        |p| p.passed_packets,
    ),
    (
        "ferroute_punt_policed_packets_total",
        "Packets for the exception path that the policer dropped.",
        |p| p.policed_packets,
    ),
];

pub(super) fn punts(to: &mut Exposition, views: &[PuntView]) {
    let sources = views.iter().flat_map(|view| {
        let class = view.class.name();
        view.sources.iter().map(move |source| (class, source))
    });
    let port = |source: &PuntSourceView| source.port.map_or("host".to_owned(), |p| p.to_string());
    let named: Vec<_> = sources
        .map(|(class, source)| (class, port(source), source))
        .collect();
    let rows: Vec<_> = named
        .iter()
        .map(|(class, port, source)| ([("class", *class), ("port", port.as_str())], *source))
        .collect();
    columns(to, Counter, &PUNT_COUNTERS, &rows);
}

const INTERFACE_COUNTERS: [Column<InterfaceView, u64>; 6] = [
    (
        "ferroute_interface_rx_packets_total",
        "Packets received.",
        |i| i.counters.rx.packets,
    ),
    (
        "ferroute_interface_rx_bytes_total",
        "Bytes received, Ethernet header included.",
        |i| i.counters.rx.bytes,
    ),
    (
        "ferroute_interface_tx_packets_total",
        "Packets sent.",
        |i| i.counters.tx.packets,
    ),
    (
        "ferroute_interface_tx_bytes_total",
        "Bytes sent, Ethernet header included.",
        |i| i.counters.tx.bytes,
    ),
    (
        "ferroute_interface_punted_packets_total",
        "Received packets handed to the exception path.",
        |i| i.counters.punted_packets,
    ),
    (
        "ferroute_interface_dropped_packets_total",
        "Received packets that were dropped.",
        |i| i.counters.dropped_packets,
    ),
];

const INTERFACE_GAUGES: [Column<InterfaceView, u32>; 3] = [
    (
        "ferroute_interface_admin_up",
        "Whether the interface is administratively up.",
        |i| i.admin_up.into(),
    ),
    (
        "ferroute_interface_oper_up",
        "Whether the interface is up and its port has a carrier.",
        |i| i.oper_up.into(),
    ),
    ("ferroute_interface_mtu_bytes", "Largest IP packet.", |i| {
        i.mtu.get().into()
    }),
];

pub(super) fn interfaces(to: &mut Exposition, views: &[InterfaceView]) {
    let rows: Vec<_> = views
        .iter()
        .map(|view| {
            (
                [
                    ("interface", view.name.as_str()),
                    ("vrf", view.vrf.as_str()),
                ],
                view,
            )
        })
        .collect();
    columns(to, Counter, &INTERFACE_COUNTERS, &rows);
    columns(to, Gauge, &INTERFACE_GAUGES, &rows);
}

const PORT_GAUGES: [Column<PortView, u64>; 2] = [
    (
        "ferroute_port_link_up",
        "Whether there is a carrier.",
        |p| p.link.up.into(),
    ),
    (
        "ferroute_port_speed_bits_per_second",
        "Speed of the link; 0 where the device does not know.",
        |p| u64::from(p.link.speed_mbps) * 1_000_000,
    ),
];

const PORT_COUNTERS: [Column<PortStats, u64>; 4] = [
    (
        "ferroute_port_rx_missed_packets_total",
        "Lost by the device because a receive queue was full.",
        |p| p.rx_missed,
    ),
    (
        "ferroute_port_rx_errors_total",
        "Received with errors.",
        |p| p.rx_errors,
    ),
    (
        "ferroute_port_rx_no_buffer_total",
        "Not received because no packet buffer was free.",
        |p| p.rx_no_buffer,
    ),
    (
        "ferroute_port_tx_errors_total",
        "Failed to transmit.",
        |p| p.tx_errors,
    ),
];

pub(super) fn ports(to: &mut Exposition, views: &[PortView], stats: &[(&str, PortStats)]) {
    let rows: Vec<_> = views
        .iter()
        .map(|view| ([("port", view.name.as_str())], view))
        .collect();
    columns(to, Gauge, &PORT_GAUGES, &rows);
    let rows: Vec<_> = stats
        .iter()
        .map(|(port, stats)| ([("port", *port)], stats))
        .collect();
    columns(to, Counter, &PORT_COUNTERS, &rows);
}
