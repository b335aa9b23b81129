//! The router's side: what its domains have, and how it is told of changes.

use super::groups;
use super::words::{End, Known, Place, Station, ToRouter, Told, Whose};
use crate::bridge::router::keeper::Kept;
use crate::bridge::router::neighbours::Neighbours;
use crate::bridge::table::octets;
use crate::model::name::{InterfaceName, OwnerName};
use crate::model::segment::SegmentId;
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::bridge_domain_service_client::BridgeDomainServiceClient;
use ferroute_proto::v1::event_service_client::EventServiceClient;
use ferroute_proto::v1::neighbour_service_client::NeighbourServiceClient;
use ferroute_proto::v1::segment_service_client::SegmentServiceClient;
use prost::bytes::Bytes;
use std::net::IpAddr;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

/// A word on a domain: the domain's name, and what is said.
pub(super) type Said = (String, ToRouter);

/// Events of stations, neighbours and interfaces, from now on.
pub(super) async fn watch(channel: Channel) -> Result<Streaming<v1::Event>, Status> {
    let kinds = [
        v1::EventKind::Station,
        v1::EventKind::Neighbour,
        v1::EventKind::Interface,
    ];
    let request = v1::WatchRequest {
        kinds: kinds.map(i32::from).to_vec(),
        ..v1::WatchRequest::default()
    };
    let watched = EventServiceClient::new(channel).watch(request).await?;
    Ok(watched.into_inner())
}

/// All domains.
pub(super) async fn domains(channel: Channel) -> Result<Vec<v1::BridgeDomain>, Status> {
    let mut client = BridgeDomainServiceClient::new(channel);
    let request = v1::ListDomainsRequest {};
    let mut pages = client.list_domains(request).await?.into_inner();
    let mut all = Vec::new();
    while let Some(page) = pages.message().await? {
        all.extend(page.domains);
    }
    Ok(all)
}

/// All stations of all domains.
pub(super) async fn stations(channel: Channel) -> Result<Vec<v1::Station>, Status> {
    let mut client = BridgeDomainServiceClient::new(channel);
    let request = v1::ListFdbRequest::default();
    let mut pages = client.list_fdb(request).await?.into_inner();
    let mut all = Vec::new();
    while let Some(page) = pages.message().await? {
        all.extend(page.stations);
    }
    Ok(all)
}

/// All Ethernet segments.
pub(super) async fn segments(channel: Channel) -> Result<Vec<v1::SegmentSpec>, Status> {
    let mut client = SegmentServiceClient::new(channel);
    let request = v1::ListSegmentsRequest {};
    let mut pages = client.list_segments(request).await?.into_inner();
    let mut all = Vec::new();
    while let Some(page) = pages.message().await? {
        all.extend(page.segments.into_iter().filter_map(|segment| segment.spec));
    }
    Ok(all)
}

/// Tells the router of a segment, in the name of an owner of routes.
pub(super) async fn tell_segment(
    channel: Channel,
    owner: OwnerName,
    word: groups::Word,
) -> Result<(), Status> {
    let owner = owner.to_string();
    let mut client = SegmentServiceClient::new(channel);
    match word {
        groups::Word::Create(spec) => {
            let spec = Some(spec);
            let request = v1::CreateSegmentRequest { spec, owner };
            client.create_segment(request).await.map(drop)
        }
        groups::Word::Change(spec) => {
            let spec = Some(spec);
            let request = v1::ChangeSegmentRequest { spec, owner };
            client.change_segment(request).await.map(drop)
        }
        groups::Word::Delete(id) => {
            let id = Bytes::copy_from_slice(&id.octets());
            let request = v1::DeleteSegmentRequest { id };
            match client.delete_segment(request).await {
                Err(status) if status.code() == Code::NotFound => Ok(()),
                other => other.map(drop),
            }
        }
    }
}

/// All neighbours.
pub(super) async fn neighbours(channel: Channel) -> Result<Vec<v1::Neighbour>, Status> {
    let mut client = NeighbourServiceClient::new(channel);
    let request = v1::ListNeighboursRequest::default();
    let mut pages = client.list(request).await?.into_inner();
    let mut all = Vec::new();
    while let Some(page) = pages.message().await? {
        all.extend(page.neighbours);
    }
    Ok(all)
}

/// What a station is to us. None for what means nothing.
pub(super) fn station(station: &v1::Station) -> Option<(Mac, Station)> {
    let whose = match station.kind() {
        // Behind a remote end it was learned without the daemons' doing.
        v1::FdbKind::Learned if station.interface.is_empty() => return None,
        v1::FdbKind::Learned | v1::FdbKind::Static => Whose::Member,
        v1::FdbKind::Remote => Whose::Remote,
        v1::FdbKind::Gateway => Whose::Gateway,
        v1::FdbKind::Unspecified => return None,
    };
    let remote = station.remote.as_ref().and_then(|remote| {
        let end = if remote.segment.is_empty() {
            End::Remote(address(&remote.end.as_ref()?.address)?)
        } else {
            End::Segment(SegmentId::try_from(&remote.segment[..]).ok()?)
        };
        let (sticky, sequence) = (remote.sticky, remote.sequence);
        let place = Place { end, sticky };
        Some(Told { place, sequence })
    });
    let sequence = station.sequence;
    let station_now = Station {
        whose,
        sequence,
        remote,
    };
    Some((mac(&station.mac)?, station_now))
}

/// What a neighbour is to us: its address, and its Ethernet address if it has one that can be used.
pub(super) fn neighbour(neighbour: &v1::Neighbour) -> Option<(IpAddr, Option<Known>)> {
    use v1::NeighbourState::{Failed, Incomplete, Permanent, Unspecified};
    let state = neighbour.state();
    let known = mac(&neighbour.mac)
        .filter(|_| !matches!(state, Unspecified | Incomplete | Failed))
        .map(|mac| Known {
            mac,
            permanent: state == Permanent,
        });
    Some((address(&neighbour.address)?, known))
}

/// The address of a remote end.
pub(super) fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(octets.into());
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(octets.into())
}

fn mac(octets: &[u8]) -> Option<Mac> {
    octets.try_into().ok().map(Mac::new)
}

/// Says words to the router in the name of an owner of routes; answers what it said to each.
///
/// # Errors
/// There is no router any more.
pub(super) async fn tell(
    channel: &Channel,
    owner: OwnerName,
    words: &[Said],
    gateway: impl Fn(&str) -> Option<InterfaceName>,
) -> Result<Vec<Result<(), String>>, Status> {
    let mut answers: Vec<Result<(), String>> = vec![Ok(()); words.len()];
    let (mut fdb, mut flood) = (Changes::default(), Changes::default());
    let mut refused = |places: &[usize], refusals: Vec<v1::BridgeRefusal>| {
        for refusal in refusals {
            let place = places.get(refusal.index as usize);
            let answer = place.and_then(|place| answers.get_mut(*place));
            if let Some(answer) = answer
                && !matches!(refusal.reason.as_str(), "UNKNOWN_STATION" | "UNKNOWN_END")
            {
                *answer = Err(refusal.message);
            }
        }
    };
    let mut others = Vec::new();
    for (place, (domain, word)) in words.iter().enumerate() {
        match word {
            ToRouter::Flood(end, there) => flood.push(place, flood_change(domain, *end, !there)),
            ToRouter::Remote(mac, at, sequence) => {
                fdb.push(place, put(domain, *mac, *at, *sequence));
            }
            ToRouter::Forget(mac) => fdb.push(place, forget(domain, *mac)),
            ToRouter::Neighbour(address, mac) => others.push((place, domain, *address, *mac)),
        }
    }
    let mut client = BridgeDomainServiceClient::new(channel.clone());
    if !flood.changes.is_empty() {
        let changes = flood.changes;
        let request = v1::ChangeFloodRequest {
            changes,
            owner: owner.to_string(),
        };
        let answer = client.change_flood(request).await?.into_inner();
        refused(&flood.places, answer.refused);
    }
    if !fdb.changes.is_empty() {
        let changes = fdb.changes;
        let request = v1::ChangeFdbRequest {
            changes,
            owner: owner.to_string(),
        };
        let answer = client.change_fdb(request).await?.into_inner();
        refused(&fdb.places, answer.refused);
    }
    for (place, domain, address, mac) in others {
        let Some(interface) = gateway(domain) else {
            answers[place] = Err(format!("bridge domain {domain} has no gateway"));
            continue;
        };
        let key = (interface, address);
        match (Neighbours { owner }).call(channel.clone(), key, mac).await {
            Err(status) if status.code() == Code::Unavailable => return Err(status),
            Err(status) => answers[place] = Err(status.message().to_owned()),
            Ok(()) => {}
        }
    }
    Ok(answers)
}

/// Changes of one request, and which words they stand for.
struct Changes<T> {
    changes: Vec<T>,
    places: Vec<usize>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self {
            changes: Vec::new(),
            places: Vec::new(),
        }
    }
}

impl<T> Changes<T> {
    fn push(&mut self, place: usize, change: T) {
        self.places.push(place);
        self.changes.push(change);
    }
}

fn end(address: IpAddr) -> v1::RemoteEnd {
    v1::RemoteEnd {
        address: octets(address),
        vni: None,
    }
}

fn flood_change(domain: &str, address: IpAddr, remove: bool) -> v1::FloodChange {
    v1::FloodChange {
        domain: domain.to_owned(),
        end: Some(end(address)),
        remove,
    }
}

fn put(domain: &str, mac: Mac, at: Place, sequence: u32) -> v1::FdbChange {
    let (end, segment) = match at.end {
        End::Remote(address) => (Some(end(address)), Bytes::new()),
        End::Segment(segment) => (None, Bytes::copy_from_slice(&segment.octets())),
    };
    let remote = v1::RemoteStation {
        end,
        sequence,
        sticky: at.sticky,
        segment,
    };
    let entry = v1::FdbEntry {
        domain: domain.to_owned(),
        mac: Bytes::copy_from_slice(&mac.octets()),
        place: Some(v1::fdb_entry::Place::Remote(remote)),
    };
    v1::FdbChange {
        change: Some(v1::fdb_change::Change::Put(entry)),
    }
}

fn forget(domain: &str, mac: Mac) -> v1::FdbChange {
    let delete = v1::FdbDelete {
        domain: domain.to_owned(),
        mac: Bytes::copy_from_slice(&mac.octets()),
        kind: v1::FdbKind::Remote.into(),
        end: None,
    };
    v1::FdbChange {
        change: Some(v1::fdb_change::Change::Delete(delete)),
    }
}
