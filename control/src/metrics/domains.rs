//! Metrics of bridge domains.

use super::exposition::Exposition;
use super::exposition::Kind::{Counter, Gauge};
use super::exposition::{Column, columns};
use crate::model::bridge::DomainView;

const COUNTERS: [Column<DomainView, u64>; 15] = [
    (
        "ferroute_domain_rx_packets_total",
        "Frames from members and tunnels of a bridge domain.",
        |d| d.counters.frames.packets,
    ),
    (
        "ferroute_domain_rx_bytes_total",
        "Bytes of frames from members and tunnels of a bridge domain.",
        |d| d.counters.frames.bytes,
    ),
    (
        "ferroute_domain_flooded_packets_total",
        "Frames that were flooded.",
        |d| d.counters.flooded,
    ),
    (
        "ferroute_domain_flood_copies_total",
        "Copies that flooding made.",
        |d| d.counters.copies,
    ),
    (
        "ferroute_domain_gateway_packets_total",
        "Frames for the gateway.",
        |d| d.counters.gateway,
    ),
    (
        "ferroute_domain_answered_packets_total",
        "Requests for neighbours that were answered in the place of stations.",
        |d| d.counters.answered,
    ),
    (
        "ferroute_domain_dropped_packets_total",
        "Frames that were dropped in a bridge domain.",
        |d| d.counters.dropped,
    ),
    (
        "ferroute_domain_learn_lost_total",
        "New stations of which the router was not told, because there were too many at once.",
        |d| d.counters.learn_lost,
    ),
    (
        "ferroute_domain_stations_over_limit_total",
        "Stations that were not learned because the domain has as many as it may.",
        |d| d.counters.stations.over_limit,
    ),
    (
        "ferroute_domain_stations_fdb_full_total",
        "Stations that were not learned because the FDB is full.",
        |d| d.counters.stations.fdb_full,
    ),
    (
        "ferroute_domain_station_moves_total",
        "Moves of stations.",
        |d| d.counters.stations.moves,
    ),
    (
        "ferroute_domain_station_moves_damped_total",
        "Moves that were not followed because there were too many.",
        |d| d.counters.stations.damped,
    ),
    (
        "ferroute_domain_station_violations_total",
        "Frames of static or sticky stations at another place.",
        |d| d.counters.stations.violations,
    ),
    (
        "ferroute_domain_local_bias_total",
        "Copies that were not made because the frame came from the member's Ethernet segment.",
        |d| d.counters.local_bias,
    ),
    (
        "ferroute_domain_not_designated_total",
        "Copies that were not made because another router is the designated forwarder.",
        |d| d.counters.not_designated,
    ),
];

pub(super) fn domains(to: &mut Exposition, views: &[DomainView]) {
    let rows: Vec<_> = views
        .iter()
        .map(|view| ([("domain", view.spec.name.as_str())], view))
        .collect();
    columns(to, Counter, &COUNTERS, &rows);
    let stations = views.iter().flat_map(|view| {
        let (domain, count) = (view.spec.name.as_str(), view.stations);
        let kinds = [
            ("learned", count.learned),
            ("static", count.fixed),
            ("remote", count.remote),
        ];
        kinds.map(|(kind, stations)| ([("domain", domain), ("kind", kind)], stations))
    });
    to.metric(
        "ferroute_domain_stations",
        Gauge,
        "Stations in force, by how they are known.",
        stations,
    );
}
