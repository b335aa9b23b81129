//! Listing routes.

use super::entry::RouteRow;
use crate::cli::convert::{Family, prefix, prefix_message};
use crate::cli::error::CliError;
use crate::cli::session::Session;
use crate::cli::words::{WordError, options};
use clap::Args;
use ferroute_proto::v1;
use ferroute_proto::v1::route_service_client::RouteServiceClient;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Which routes.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Show {
    /// Only this prefix, or `default`; `vrf VRF` is understood too.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// That prefix and all within it.
    #[arg(long, requires = "words", conflicts_with = "shorter")]
    longer: bool,
    /// That prefix and all that cover it.
    #[arg(long, requires = "words")]
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
    /// The prefix that the words name; the VRF that they name is taken as an option.
    fn prefix(&mut self) -> Result<Option<IpNet>, WordError> {
        let (first, rest) = match self.words.split_first() {
            Some((first, rest)) if first != "vrf" => (Some(first), rest),
            _ => (None, self.words.as_slice()),
        };
        options(rest, "vrf", &mut [("vrf", &mut self.vrf)])?;
        first
            .map(|text| match (text.as_str(), self.family.message()) {
                ("default", v1::Family::Ipv6) => Ok(Ipv6Net::default().into()),
                ("default", _) => Ok(Ipv4Net::default().into()),
                (text, _) => prefix(text),
            })
            .transpose()
    }

    pub(super) async fn run(mut self, session: &mut Session) -> Result<(), CliError> {
        let prefix = self.prefix()?;
        let matching = match (self.longer, self.shorter) {
            (true, _) => v1::PrefixMatch::Longer,
            (_, true) => v1::PrefixMatch::Shorter,
            _ => v1::PrefixMatch::Exact,
        };
        let request = v1::ListRoutesRequest {
            vrf: self.vrf,
            family: self.family.message().into(),
            prefix: prefix.map(prefix_message),
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
