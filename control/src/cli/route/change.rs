//! Adding, replacing and removing one route.

use super::OWNER;
use super::line::Line;
use crate::cli::convert::{prefix_message, prefix_text};
use crate::cli::error::CliError;
use crate::cli::session::Session;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use ferroute_proto::v1;
use ferroute_proto::v1::inject_request::What;
use ferroute_proto::v1::inject_response::What as Answer;
use ferroute_proto::v1::route_service_client::RouteServiceClient;
use futures::stream;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// What becomes of the route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    /// It must be new.
    Add,
    /// It may be new or not.
    Replace,
    /// It goes.
    Del,
}

/// One route.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Change {
    /// [blackhole|unreachable|prohibit] PREFIX|default, then any of: via ADDRESS, dev INTERFACE, lookup VRF (where the
    /// gateway or the destination is looked up), onlink, weight N, nexthop (begins another one), nhid SET,
    /// vrf VRF, metric N, distance N.
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// The route's VRF.
    #[arg(long)]
    vrf: Option<String>,
    /// How far the route is trusted, 1 to 254; the smaller wins [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=254))]
    distance: Option<u32>,
    /// Decides among routes of the same distance; the smaller wins.
    #[arg(long, value_name = "N")]
    metric: Option<u32>,
    /// Whose route it is. It stays until it is removed.
    #[arg(long, default_value = OWNER, value_parser = NonEmptyStringValueParser::new())]
    owner: String,
}

impl Change {
    pub(super) async fn run(self, session: &mut Session, verb: Verb) -> Result<(), CliError> {
        let mut line = Line::read(self.words.iter().map(String::as_str))?;
        line.distance = self.distance.unwrap_or(line.distance);
        line.metric = self.metric.or(line.metric);
        let vrf = self.vrf.or(line.vrf.take()).unwrap_or_default();
        let prefix = prefix_message(line.prefix);
        let mut client = RouteServiceClient::new(session.channel.clone());

        if verb == Verb::Add {
            let list = v1::ListRoutesRequest {
                vrf: Some(vrf.clone()),
                prefix: Some(prefix.clone()),
                owner: self.owner.clone(),
                ..v1::ListRoutesRequest::default()
            };
            let mut pages = client.list(list).await?.into_inner();
            while let Some(page) = pages.message().await? {
                if let Some(route) = page.routes.into_iter().next() {
                    return Err(CliError::RouteExists {
                        owner: self.owner,
                        prefix: prefix_text(&prefix),
                        vrf: route.vrf,
                    });
                }
            }
        }

        let open = open(self.owner);
        let batch = v1::RouteBatch {
            id: 1,
            policy: v1::BatchPolicy::AllOrNothing.into(),
            vrfs: vec![vrf],
            routes: vec![line.message(0, verb == Verb::Del)],
            ..v1::RouteBatch::default()
        };
        let requests = [What::Open(open), What::Batch(batch)]
            .map(|what| v1::InjectRequest { what: Some(what) });
        let mut answers = client.inject(stream::iter(requests)).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            match answer.what {
                Some(Answer::Refused(refused)) => return Err(refusal(&refused).into()),
                Some(Answer::Ack(_)) => return Ok(()),
                Some(Answer::Opened(_)) | None => {}
            }
        }
        Err(CliError::Protocol(
            "the stream ended before the batch was acknowledged",
        ))
    }
}

/// Opens an owner whose routes stay when the command ends.
pub(super) fn open(owner: String) -> v1::OpenOwner {
    v1::OpenOwner {
        owner,
        distance: 1,
        persistent: true,
        ..v1::OpenOwner::default()
    }
}

/// A refused item in the form in which refused calls come, so that both are reported alike.
fn refusal(refused: &v1::Refused) -> Status {
    let reason = refused
        .reason()
        .as_str_name()
        .trim_start_matches("REFUSAL_REASON_");
    let details =
        ErrorDetails::with_error_info(reason, "ferroute.v1", std::collections::HashMap::new());
    Status::with_error_details(Code::FailedPrecondition, refused.message.clone(), details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_route_reads_like_a_refused_call() {
        let refused = v1::Refused {
            reason: v1::RefusalReason::HostBits.into(),
            message: "10.1.2.3/16 has bits set past its length".to_owned(),
            ..v1::Refused::default()
        };
        assert_eq!(
            CliError::from(refusal(&refused)).to_string(),
            "10.1.2.3/16 has bits set past its length [HOST_BITS]"
        );
    }
}
