//! `ferroute events`: what happens in the router, as it happens.

use super::convert::{interface_address_text, up, word};
use super::endpoint::EndpointRow;
use super::error::CliError;
use super::fdb::StationRow;
use super::label::LabelRow;
use super::neigh::NeighbourRow;
use super::output::Sheet;
use super::route::OwnerRow;
use super::segment::SegmentRow;
use super::session::Session;
use super::tunnel::TunnelRow;
use super::vni::VniRow;
use clap::{Args, ValueEnum};
use ferroute_proto::v1;
use ferroute_proto::v1::event::What;
use ferroute_proto::v1::event_service_client::EventServiceClient;
use serde::Serialize;

/// Which events.
#[derive(Clone, Debug, Args)]
pub(super) struct Events {
    /// Only these kinds, separated by commas [default: all].
    #[arg(long, value_enum, value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Only events about this port or interface.
    #[arg(long)]
    dev: Option<String>,
    /// Only events about this owner of routes.
    #[arg(long)]
    owner: Option<String>,
}

/// A kind of events.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A port came, went or its link changed.
    Port,
    /// An interface came, went or changed.
    Interface,
    /// An address came or went.
    Address,
    /// A neighbour came, went or changed.
    Neighbour,
    /// An owner of routes changed state.
    Owner,
    /// A worker hangs or moves again.
    Worker,
    /// A station of a bridge domain was learned, moved, aged or was set.
    Station,
    /// An Ethernet segment came, went or changed.
    Segment,
    /// An endpoint came, went or changed.
    Endpoint,
    /// A VNI came, went or changed.
    Vni,
    /// A label came, went, changed, or leads somewhere or nowhere now.
    Label,
    /// A tunnel came or went, or its remote end can be reached now or not.
    Tunnel,
    /// A change was refused.
    Refusal,
}

impl From<Kind> for v1::EventKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Port => Self::Port,
            Kind::Interface => Self::Interface,
            Kind::Address => Self::Address,
            Kind::Neighbour => Self::Neighbour,
            Kind::Owner => Self::Owner,
            Kind::Worker => Self::Worker,
            Kind::Station => Self::Station,
            Kind::Segment => Self::Segment,
            Kind::Endpoint => Self::Endpoint,
            Kind::Vni => Self::Vni,
            Kind::Label => Self::Label,
            Kind::Tunnel => Self::Tunnel,
            Kind::Refusal => Self::Refusal,
        }
    }
}

impl Events {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let request = v1::WatchRequest {
            kinds: self
                .kind
                .into_iter()
                .map(|kind| v1::EventKind::from(kind).into())
                .collect(),
            interface: self.dev.unwrap_or_default(),
            owner: self.owner.unwrap_or_default(),
        };
        let mut events = EventServiceClient::new(session.channel.clone())
            .watch(request)
            .await?
            .into_inner();
        while let Some(event) = events.message().await? {
            session.output.item(&EventRow::from(event))?;
        }
        Ok(())
    }
}

/// One event.
#[derive(Clone, Debug, Serialize)]
struct EventRow {
    sequence: u64,
    time_unix_ns: u64,
    #[serde(flatten)]
    what: EventBody,
}

/// What happened; `kind` says which.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum EventBody {
    Port {
        change: String,
        name: String,
        link_up: bool,
        speed_mbps: u32,
    },
    Interface {
        change: String,
        name: String,
        vrf: String,
        admin_up: bool,
        oper_up: bool,
        mtu: u32,
    },
    Address {
        change: String,
        interface: String,
        address: String,
    },
    Neighbour {
        change: String,
        neighbour: NeighbourRow,
    },
    Owner {
        owner: OwnerRow,
    },
    Worker {
        worker: u32,
        hung: bool,
    },
    Station {
        change: String,
        cause: String,
        station: StationRow,
        previous_interface: String,
    },
    Segment {
        change: String,
        segment: SegmentRow,
    },
    Endpoint {
        change: String,
        endpoint: EndpointRow,
    },
    Vni {
        change: String,
        vni: VniRow,
    },
    Label {
        change: String,
        label: LabelRow,
    },
    Tunnel {
        change: String,
        tunnel: TunnelRow,
    },
    Refusal {
        owner: String,
        reason: String,
        message: String,
    },
    Missed {
        count: u64,
    },
    Unknown,
}

impl From<v1::Event> for EventRow {
    fn from(event: v1::Event) -> Self {
        let change = |change: v1::Change| word(change.as_str_name(), "CHANGE_");
        let what = match event.what {
            Some(What::Port(port)) => {
                let link = port.link.unwrap_or_default();
                EventBody::Port {
                    change: change(port.change()),
                    name: port.name,
                    link_up: link.up,
                    speed_mbps: link.speed_mbps,
                }
            }
            Some(What::Interface(interface)) => EventBody::Interface {
                change: change(interface.change()),
                name: interface.name,
                vrf: interface.vrf,
                admin_up: interface.admin_up,
                oper_up: interface.oper_up,
                mtu: interface.mtu,
            },
            Some(What::Address(address)) => EventBody::Address {
                change: change(address.change()),
                interface: address.interface,
                address: address
                    .address
                    .as_ref()
                    .map(interface_address_text)
                    .unwrap_or_default(),
            },
            Some(What::Neighbour(neighbour)) => EventBody::Neighbour {
                change: change(neighbour.change()),
                neighbour: neighbour.neighbour.unwrap_or_default().into(),
            },
            Some(What::Owner(owner)) => EventBody::Owner {
                owner: owner.owner.unwrap_or_default().into(),
            },
            Some(What::Worker(worker)) => EventBody::Worker {
                worker: worker.worker,
                hung: worker.hung,
            },
            Some(What::Station(event)) => EventBody::Station {
                change: change(event.change()),
                cause: word(event.cause().as_str_name(), "STATION_CAUSE_"),
                station: event.station.unwrap_or_default().into(),
                previous_interface: event.previous_interface,
            },
            Some(What::Segment(event)) => EventBody::Segment {
                change: change(event.change()),
                segment: event.segment.unwrap_or_default().into(),
            },
            Some(What::Endpoint(event)) => EventBody::Endpoint {
                change: change(event.change()),
                endpoint: event.endpoint.unwrap_or_default().into(),
            },
            Some(What::Vni(event)) => EventBody::Vni {
                change: change(event.change()),
                vni: event.vni.unwrap_or_default().into(),
            },
            Some(What::Label(event)) => EventBody::Label {
                change: change(event.change()),
                label: event.label.unwrap_or_default().into(),
            },
            Some(What::Tunnel(event)) => EventBody::Tunnel {
                change: change(event.change()),
                tunnel: event.tunnel.unwrap_or_default().into(),
            },
            Some(What::Refusal(refusal)) => EventBody::Refusal {
                owner: refusal.owner,
                reason: refusal.reason,
                message: refusal.message,
            },
            Some(What::Missed(missed)) => EventBody::Missed {
                count: missed.count,
            },
            None => EventBody::Unknown,
        };
        Self {
            sequence: event.sequence,
            time_unix_ns: event.time_unix_ns,
            what,
        }
    }
}

impl Sheet for EventRow {
    fn text(&self) -> String {
        let what = match &self.what {
            EventBody::Port {
                change,
                name,
                link_up,
                speed_mbps,
            } => {
                format!("port {name} {change} link {} {speed_mbps}M", up(*link_up))
            }
            EventBody::Interface {
                change,
                name,
                vrf,
                admin_up,
                oper_up,
                mtu,
            } => {
                format!(
                    "interface {name} {change} vrf {vrf} admin {} oper {} mtu {mtu}",
                    up(*admin_up),
                    up(*oper_up)
                )
            }
            EventBody::Address {
                change,
                interface,
                address,
            } => format!("address {address} dev {interface} {change}"),
            EventBody::Neighbour { change, neighbour } => {
                format!("neighbour {} {change}", neighbour.summary())
            }
            EventBody::Owner { owner } => format!("owner {}", owner.summary()),
            EventBody::Worker { worker, hung } => format!(
                "worker {worker} {}",
                if *hung { "hangs" } else { "moves again" }
            ),
            EventBody::Station {
                change,
                cause,
                station,
                previous_interface,
            } => {
                let from = match previous_interface.as_str() {
                    "" => String::new(),
                    name => format!(" from {name}"),
                };
                format!("station {} {change} {cause}{from}", station.summary())
            }
            EventBody::Segment { change, segment } => {
                format!("segment {} {change}", segment.summary())
            }
            EventBody::Endpoint { change, endpoint } => {
                format!("endpoint {} {change}", endpoint.summary())
            }
            EventBody::Vni { change, vni } => format!("vni {} {change}", vni.summary()),
            EventBody::Label { change, label } => format!("label {} {change}", label.summary()),
            EventBody::Tunnel { change, tunnel } => {
                format!("tunnel {} {change}", tunnel.summary())
            }
            EventBody::Refusal {
                owner,
                reason,
                message,
            } => format!("refused {owner}: {message} [{reason}]"),
            EventBody::Missed { count } => format!("{count} events missed"),
            EventBody::Unknown => "an event of a newer router".to_owned(),
        };
        let (seconds, millis) = (
            self.time_unix_ns / 1_000_000_000,
            self.time_unix_ns / 1_000_000 % 1000,
        );
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        format!(
            "{hours:02}:{minutes:02}:{:02}.{millis:03}Z {what}\n",
            seconds % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_lines_for_people_and_objects_for_programs() {
        let event = v1::Event {
            sequence: 7,
            time_unix_ns: 3_723_004_000_000,
            what: Some(What::Port(v1::PortEvent {
                change: v1::Change::Changed.into(),
                name: "p0".to_owned(),
                link: Some(v1::Link {
                    up: true,
                    speed_mbps: 25_000,
                    full_duplex: true,
                }),
            })),
        };
        let row = EventRow::from(event);
        assert_eq!(row.text(), "01:02:03.004Z port p0 changed link up 25000M\n");
        assert_eq!(
            serde_json::to_value(&row).unwrap(),
            json!({ "sequence": 7, "time_unix_ns": 3_723_004_000_000u64, "kind": "port", "change": "changed", "name": "p0", "link_up": true, "speed_mbps": 25000 })
        );
        let owner = v1::OwnerEvent {
            owner: Some(v1::Owner {
                name: "bgp".to_owned(),
                state: v1::OwnerState::Stale.into(),
                ..v1::Owner::default()
            }),
        };
        let row = EventRow::from(v1::Event {
            what: Some(What::Owner(owner)),
            ..v1::Event::default()
        });
        assert_eq!(
            row.text(),
            "00:00:00.000Z owner bgp stale routes 0 stale 0\n"
        );
        assert_eq!(
            serde_json::to_value(&row).unwrap()["owner"]["state"],
            "stale"
        );
    }
}
