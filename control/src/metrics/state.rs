//! Metrics of what the router is and holds: versions, owners of routes, FIBs, memory.

use super::exposition::Exposition;
use super::exposition::Kind::Gauge;
use super::exposition::{Column, columns};
use crate::model::owner::OwnerView;
use crate::model::prefix::Family;
use crate::model::stats::{FibView, MemoryView, PacketPoolView};
use crate::model::system::SystemView;

pub(super) fn system(to: &mut Exposition, view: &SystemView) {
    let labels = [
        ("version", view.version),
        ("dpdk_version", view.dpdk_version.as_str()),
    ];
    to.metric(
        "ferroute_build_info",
        Gauge,
        "Versions of the router, always 1.",
        [(labels, 1)],
    );
    to.metric(
        "ferroute_uptime_seconds",
        Gauge,
        "Time since the start.",
        [([], view.uptime.as_secs_f64())],
    );
    to.metric(
        "ferroute_snapshot_epoch",
        Gauge,
        "Publications of tables to the workers.",
        [([], view.snapshot_epoch)],
    );
}

const OWNER_GAUGES: [Column<OwnerView, u64>; 4] = [
    ("ferroute_owner_routes", "Routes that an owner has.", |o| {
        o.routes
    }),
    (
        "ferroute_owner_stale_routes",
        "Routes of an owner that is gone, or back and has not repeated them yet.",
        |o| o.stale_routes,
    ),
    (
        "ferroute_owner_things",
        "Neighbours, stations, ends of flood lists, segments, labels and VNIs that an owner has.",
        |o| o.things,
    ),
    (
        "ferroute_owner_stale_things",
        "Those of an owner that is gone, or back and has not repeated them yet.",
        |o| o.stale_things,
    ),
];

pub(super) fn owners(to: &mut Exposition, views: &[OwnerView]) {
    let rows: Vec<_> = views
        .iter()
        .map(|view| ([("owner", view.name.as_str())], view))
        .collect();
    columns(to, Gauge, &OWNER_GAUGES, &rows);
}

const FIB_GAUGES: [Column<FibView, u64>; 2] = [
    ("ferroute_fib_prefixes", "Prefixes in a FIB.", |f| {
        f.prefixes
    }),
    ("ferroute_fib_bytes", "Memory of a FIB.", |f| f.bytes),
];

const POOL_GAUGES: [Column<PacketPoolView, u64>; 2] = [
    (
        "ferroute_packet_pool_buffers",
        "Packet buffers in all.",
        |p| p.size,
    ),
    (
        "ferroute_packet_pool_used_buffers",
        "Packet buffers in use.",
        |p| p.used,
    ),
];

const MEMORY_GAUGES: [Column<MemoryView, u64>; 4] = [
    (
        "ferroute_dpdk_reserved_bytes",
        "Memory that DPDK took.",
        |m| m.dpdk_reserved_bytes,
    ),
    (
        "ferroute_dpdk_used_bytes",
        "Of the memory that DPDK took: in use.",
        |m| m.dpdk_used_bytes,
    ),
    (
        "ferroute_huge_pages",
        "Whether DPDK's memory lies on huge pages.",
        |m| m.huge_pages.into(),
    ),
    (
        "ferroute_resident_bytes",
        "Resident memory of the process.",
        |m| m.resident_bytes,
    ),
];

pub(super) fn memory(to: &mut Exposition, view: &MemoryView) {
    let family = |family| match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    };
    let fibs: Vec<_> = view
        .fibs
        .iter()
        .map(|fib| {
            (
                [("vrf", fib.vrf.as_str()), ("family", family(fib.family))],
                fib,
            )
        })
        .collect();
    columns(to, Gauge, &FIB_GAUGES, &fibs);
    let pools: Vec<_> = view
        .pools
        .iter()
        .map(|pool| ([("pool", pool.name.as_str())], pool))
        .collect();
    columns(to, Gauge, &POOL_GAUGES, &pools);
    columns(to, Gauge, &MEMORY_GAUGES, &[([], view)]);
}
