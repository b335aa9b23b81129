//! `ferroute route`: routes and their owners.

mod change;
mod entry;
mod inject;
mod line;
mod lookup;
mod owners;
mod show;

pub(super) use owners::OwnerRow;

use super::error::CliError;
use super::session::Session;
use clap::Subcommand;

/// The owner of routes that are given by hand. (`static` is the configuration file, for which only the router speaks.)
pub(super) const OWNER: &str = "cli";

/// What to do with routes.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Route {
    /// Adds a route; refuses if its owner has one to this prefix.
    ///
    /// ferroute route add 10.1.0.0/16 via 10.0.0.2 --vrf red
    /// ferroute route add default nexthop via 10.0.0.2 weight 2 nexthop via 10.0.1.2
    /// ferroute route add blackhole 192.0.2.0/24
    #[command(verbatim_doc_comment)]
    Add(change::Change),
    /// Adds a route, or replaces that of its owner.
    Replace(change::Change),
    /// Removes a route.
    #[command(visible_alias = "delete")]
    Del(change::Change),
    /// Shows routes.
    #[command(visible_alias = "list")]
    Show(show::Show),
    /// Explains what happens to a packet, down to the bytes on the wire.
    #[command(visible_alias = "get")]
    Lookup(lookup::Lookup),
    /// Injects many routes from a file.
    Inject(inject::Inject),
    /// Shows the owners of routes.
    Owners,
    /// Removes an owner that is not connected, with all its routes.
    RemoveOwner {
        /// The owner.
        owner: String,
    },
}

impl Route {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        match self {
            Self::Add(change) => change.run(session, change::Verb::Add).await,
            Self::Replace(change) => change.run(session, change::Verb::Replace).await,
            Self::Del(change) => change.run(session, change::Verb::Del).await,
            Self::Show(show) => show.run(session).await,
            Self::Lookup(lookup) => lookup.run(session).await,
            Self::Inject(inject) => inject.run(session).await,
            Self::Owners => owners::show(session).await,
            Self::RemoveOwner { owner } => owners::remove(session, owner).await,
        }
    }
}
