//! A client of the Inject stream that waits for each batch.

use super::GATEWAYS;
use ferroute_proto::v1::inject_request::What;
use ferroute_proto::v1::inject_response::What as Answer;
use ferroute_proto::v1::route_service_client::RouteServiceClient;
use ferroute_proto::v1::{
    InjectRequest, InjectResponse, NextHop, NextHopSet, OpenOwner, Route, RouteBatch,
};
use ferroute_tests::Api;
use ipnet::IpNet;
use std::net::IpAddr;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::codegen::Bytes;
use tonic::{Response, Streaming};

/// Changes in a batch.
const BATCH: usize = 4_096;

/// An open stream whose sets of next hops lead to one gateway each: twice a number for IPv4, one more for IPv6.
pub(super) struct Injector {
    requests: UnboundedSender<InjectRequest>,
    answers: Streaming<InjectResponse>,
}

/// An address as the API takes it.
pub(super) fn octets(address: IpAddr) -> Bytes {
    match address {
        IpAddr::V4(v4) => Bytes::copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => Bytes::copy_from_slice(&v6.octets()),
    }
}

const fn set(gateway: u32, is_ipv6: bool) -> u32 {
    2 * gateway + is_ipv6 as u32
}

impl Injector {
    /// Opens it, and makes the sets.
    pub(super) fn open(api: &Api) -> Self {
        let (requests, queue) = unbounded_channel();
        let open = OpenOwner {
            owner: "full".to_owned(),
            ..OpenOwner::default()
        };
        let message = |what| InjectRequest { what: Some(what) };
        requests.send(message(What::Open(open))).unwrap();
        let mut client = RouteServiceClient::new(api.channel());
        let answers = api
            .call(client.inject(UnboundedReceiverStream::new(queue)))
            .unwrap();
        let mut injector = Self { requests, answers };
        assert!(matches!(injector.answer(api), Answer::Opened(_)));
        let gateways = (1..=GATEWAYS).flat_map(|gateway| {
            let addresses = [format!("10.0.2.1{gateway}"), format!("fd00:2::1{gateway}")];
            [false, true].map(|is_ipv6| NextHopSet {
                id: set(gateway, is_ipv6),
                next_hops: vec![NextHop {
                    gateway: octets(addresses[usize::from(is_ipv6)].parse().unwrap()),
                    ..NextHop::default()
                }],
            })
        });
        let batch = RouteBatch {
            next_hop_sets: gateways.collect(),
            ..RouteBatch::default()
        };
        injector.batch(api, batch);
        injector
    }

    /// Makes changes, in their order; returns when workers see the last.
    pub(super) fn say(&mut self, api: &Api, changes: &[(IpNet, Option<u32>)]) {
        for part in changes.chunks(BATCH) {
            let routes = part.iter().map(|(net, gateway)| Route {
                address: octets(net.network()),
                length: net.prefix_len().into(),
                next_hop_set: gateway.map_or(0, |g| set(g, net.network().is_ipv6())),
                withdraw: gateway.is_none(),
                ..Route::default()
            });
            let batch = RouteBatch {
                routes: routes.collect(),
                ..RouteBatch::default()
            };
            self.batch(api, batch);
        }
    }

    /// Sends a batch and waits until all of it is applied.
    fn batch(&mut self, api: &Api, batch: RouteBatch) {
        let items = batch.routes.len() + batch.next_hop_sets.len();
        let what = Some(What::Batch(batch));
        self.requests.send(InjectRequest { what }).unwrap();
        let answer = self.answer(api);
        let Answer::Ack(ack) = answer else {
            unreachable!("refused: {answer:?}");
        };
        assert_eq!((ack.applied as usize, ack.refused), (items, 0));
    }

    fn answer(&mut self, api: &Api) -> Answer {
        let next = async { self.answers.message().await.map(Response::new) };
        api.call(next)
            .unwrap()
            .and_then(|answer| answer.what)
            .unwrap()
    }
}
