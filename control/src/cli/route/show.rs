//! Listing routes.

use super::entry::RouteRow;
use crate::cli::convert::{Family, prefix, prefix_message};
use crate::cli::error::CliError;
use crate::cli::session::Session;
use clap::Args;
use ferroute_proto::v1;
use ferroute_proto::v1::route_service_client::RouteServiceClient;

/// Which routes.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Show {
    /// Only this prefix.
    prefix: Option<String>,
    /// That prefix and all within it.
    #[arg(long, requires = "prefix", conflicts_with = "shorter")]
    longer: bool,
    /// That prefix and all that cover it.
    #[arg(long, requires = "prefix")]
    shorter: bool,
    /// Only routes of this VRF.
    #[arg(long)]
    vrf: Option<String>,
    #[command(flatten)]
    family: Family,
    /// Only routes of this owner.
    #[arg(long)]
    owner: Option<String>,
    /// Only the best route to each prefix.
    #[arg(long)]
    best: bool,
}

impl Show {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let matching = match (self.longer, self.shorter) {
            (true, _) => v1::PrefixMatch::Longer,
            (_, true) => v1::PrefixMatch::Shorter,
            _ => v1::PrefixMatch::Exact,
        };
        let request = v1::ListRoutesRequest {
            vrf: self.vrf,
            family: self.family.message().into(),
            prefix: self
                .prefix
                .as_deref()
                .map(prefix)
                .transpose()?
                .map(prefix_message),
            r#match: matching.into(),
            owner: self.owner.unwrap_or_default(),
            only_best: self.best,
        };
        let mut pages = RouteServiceClient::new(session.channel.clone())
            .list(request)
            .await?
            .into_inner();
        let mut listing = session.output.listing();
        while let Some(page) = pages.message().await? {
            listing.page(page.routes.into_iter().map(RouteRow::from))?;
        }
        listing.finish()
    }
}
