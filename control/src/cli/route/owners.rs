//! Owners of routes.

use crate::cli::convert::{age, dash, word, yes};
use crate::cli::error::CliError;
use crate::cli::output::Row;
use crate::cli::session::Session;
use ferroute_proto::v1;
use ferroute_proto::v1::route_service_client::RouteServiceClient;
use serde::Serialize;

/// Lists the owners.
pub(super) async fn show(session: &mut Session) -> Result<(), CliError> {
    let mut client = RouteServiceClient::new(session.channel.clone());
    let owners = client
        .list_owners(v1::ListOwnersRequest {})
        .await?
        .into_inner()
        .owners;
    session.output.rows(owners.into_iter().map(OwnerRow::from))
}

/// Removes one with all its routes.
pub(super) async fn remove(session: &mut Session, owner: String) -> Result<(), CliError> {
    let mut client = RouteServiceClient::new(session.channel.clone());
    let removed = client
        .remove_owner(v1::RemoveOwnerRequest {
            owner: owner.clone(),
        })
        .await?
        .into_inner();
    session.output.done(&format!(
        "owner {owner} and its {} routes removed",
        removed.routes
    ))
}

/// An owner of routes.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct OwnerRow {
    name: String,
    state: String,
    epoch: u64,
    routes: u64,
    stale_routes: u64,
    next_hop_sets: u64,
    things: u64,
    stale_things: u64,
    grace_left_ns: Option<u64>,
    persistent: bool,
}

impl From<v1::Owner> for OwnerRow {
    fn from(owner: v1::Owner) -> Self {
        Self {
            state: word(owner.state().as_str_name(), "OWNER_STATE_"),
            name: owner.name,
            epoch: owner.epoch,
            routes: owner.routes,
            stale_routes: owner.stale_routes,
            next_hop_sets: owner.next_hop_sets,
            things: owner.things,
            stale_things: owner.stale_things,
            grace_left_ns: owner.grace_left_ns,
            persistent: owner.persistent,
        }
    }
}

impl OwnerRow {
    /// In a few words, for events.
    pub(in crate::cli) fn summary(&self) -> String {
        format!(
            "{} {} routes {} stale {}",
            self.name, self.state, self.routes, self.stale_routes
        )
    }
}

impl Row for OwnerRow {
    const COLUMNS: &'static [&'static str] = &[
        "OWNER",
        "STATE",
        "EPOCH",
        "ROUTES",
        "STALE",
        "SETS",
        "THINGS",
        "STALE",
        "GRACE",
        "PERSISTENT",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.state.clone(),
            self.epoch.to_string(),
            self.routes.to_string(),
            self.stale_routes.to_string(),
            self.next_hop_sets.to_string(),
            self.things.to_string(),
            self.stale_things.to_string(),
            self.grace_left_ns.map_or_else(|| dash(""), age),
            yes(self.persistent),
        ]
    }
}
