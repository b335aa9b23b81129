//! A route as the router holds it.

use crate::cli::convert::{prefix_text, word};
use crate::cli::hops::HopRow;
use crate::cli::output::Row;
use ferroute_proto::v1;
use serde::Serialize;

/// A route.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RouteRow {
    vrf: String,
    prefix: String,
    kind: String,
    next_hops: Vec<HopRow>,
    /// 0: the next hops are its own.
    next_hop_set: u32,
    owner: String,
    distance: u32,
    metric: u32,
    state: String,
    stale: bool,
    epoch: u64,
}

impl From<v1::RouteEntry> for RouteRow {
    fn from(route: v1::RouteEntry) -> Self {
        Self {
            prefix: route.prefix.as_ref().map(prefix_text).unwrap_or_default(),
            kind: word(route.kind().as_str_name(), "ROUTE_KIND_"),
            state: word(route.state().as_str_name(), "ROUTE_STATE_"),
            next_hops: route.next_hops.into_iter().map(HopRow::from).collect(),
            next_hop_set: route.next_hop_set,
            vrf: route.vrf,
            owner: route.owner,
            distance: route.distance,
            metric: route.metric,
            stale: route.stale,
            epoch: route.epoch,
        }
    }
}

impl RouteRow {
    /// The route in one line.
    pub(super) fn text(&self) -> String {
        let Self {
            prefix,
            vrf,
            owner,
            distance,
            metric,
            ..
        } = self;
        format!(
            "{prefix} {} vrf {vrf} owner {owner} distance {distance} metric {metric}",
            self.target(" nexthop ")
        )
    }

    fn target(&self, between: &str) -> String {
        match self.kind.as_str() {
            "unicast" => self
                .next_hops
                .iter()
                .map(|hop| hop.text(&self.vrf))
                .collect::<Vec<_>>()
                .join(between),
            kind => kind.to_owned(),
        }
    }
}

impl Row for RouteRow {
    const COLUMNS: &'static [&'static str] =
        &["PREFIX", "NEXT HOP", "VRF", "OWNER", "DIST/METRIC", "STATE"];

    fn cells(&self) -> Vec<String> {
        let state = if self.stale {
            format!("{} stale", self.state)
        } else {
            self.state.clone()
        };
        vec![
            self.prefix.clone(),
            self.target("\n"),
            self.vrf.clone(),
            self.owner.clone(),
            format!("{}/{}", self.distance, self.metric),
            state,
        ]
    }
}
