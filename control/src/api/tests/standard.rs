//! The standard services: health and reflection.

use super::lab::{Lab, no_core};
use tokio_stream::StreamExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

const SERVICES: [&str; 9] = [
    "ferroute.v1.EventService",
    "ferroute.v1.InterfaceService",
    "ferroute.v1.NeighbourService",
    "ferroute.v1.NextHopService",
    "ferroute.v1.PortService",
    "ferroute.v1.RouteService",
    "ferroute.v1.StatsService",
    "ferroute.v1.SystemService",
    "ferroute.v1.VrfService",
];

async fn reflect(lab: &Lab, question: MessageRequest) -> ServerReflectionResponse {
    let mut client = ServerReflectionClient::new(lab.channel.clone());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(question),
    };
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    answers.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn reflection_describes_every_service() {
    let lab = Lab::new(no_core).await;
    let answer = reflect(&lab, MessageRequest::ListServices(String::new())).await;
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}")
    };
    let mut names: Vec<String> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    names.sort();
    for service in SERVICES {
        assert!(
            names.iter().any(|name| name == service),
            "{service} is not in {names:?}"
        );
    }
    let symbol = MessageRequest::FileContainingSymbol("ferroute.v1.RouteService.Inject".to_owned());
    let answer = reflect(&lab, symbol).await.message_response;
    assert!(
        matches!(answer, Some(MessageResponse::FileDescriptorResponse(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn health_speaks_for_every_service() {
    let lab = Lab::new(no_core).await;
    let mut client = HealthClient::new(lab.channel.clone());
    for service in SERVICES.into_iter().chain([""]) {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        assert_eq!(
            client.check(request).await.unwrap().into_inner().status(),
            ServingStatus::Serving,
            "{service}"
        );
    }
}
