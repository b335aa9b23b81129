//! `ferroute port`: DPDK devices.

use super::convert::{Traffic, dash, mac_text, up, yes};
use super::error::CliError;
use super::output::{Row, Sheet, lines};
use super::session::Session;
use clap::{Args, Subcommand};
use ferroute_proto::v1;
use ferroute_proto::v1::port_service_client::PortServiceClient;
use serde::Serialize;
use std::collections::BTreeMap;

/// What to do with ports.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Port {
    /// Takes a device and makes its interface and its kernel twin.
    Add {
        /// Name of the port, of its interface and of its twin.
        name: String,
        /// A PCI address (0000:3b:00.0) or a DPDK device string (net_tap0,iface=x).
        device: String,
        /// Make no kernel twins of its interfaces.
        #[arg(long)]
        no_twin: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// Changes what is given and leaves the rest.
    Set {
        /// The port.
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Releases a device and removes its interface and the VLANs on it.
    #[command(visible_alias = "delete")]
    Del {
        /// The port.
        name: String,
    },
    /// Shows one port or all.
    #[command(visible_alias = "list")]
    Show {
        /// Only this port.
        name: Option<String>,
    },
    /// Shows what the device itself counted.
    Stats {
        /// The port.
        name: String,
    },
}

/// Settings of a port.
#[derive(Clone, Debug, Args)]
pub(super) struct Settings {
    /// Receive queues [default: one for each of its workers].
    #[arg(long, value_name = "N")]
    rx_queues: Option<u32>,
    /// Transmit queues [default: one for each worker].
    #[arg(long, value_name = "N")]
    tx_queues: Option<u32>,
    /// Descriptors of each receive queue [default: the driver's].
    #[arg(long, value_name = "N")]
    rx_descriptors: Option<u32>,
    /// Descriptors of each transmit queue [default: the driver's].
    #[arg(long, value_name = "N")]
    tx_descriptors: Option<u32>,
    /// The largest IP packet in bytes [default: 1500].
    #[arg(long, value_name = "BYTES")]
    mtu: Option<u32>,
    /// Whether to take frames for other stations too.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    promiscuous: Option<bool>,
    /// The workers that poll the receive queues, separated by commas [default: all].
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    workers: Option<Vec<u32>>,
}

impl Settings {
    fn spec(self, name: String, device: String) -> v1::PortSpec {
        v1::PortSpec {
            name,
            device,
            rx_queues: self.rx_queues.unwrap_or_default(),
            tx_queues: self.tx_queues.unwrap_or_default(),
            rx_descriptors: self.rx_descriptors.unwrap_or_default(),
            tx_descriptors: self.tx_descriptors.unwrap_or_default(),
            mtu: self.mtu.unwrap_or_default(),
            promiscuous: self.promiscuous.unwrap_or_default(),
            workers: self.workers.unwrap_or_default(),
            without_twins: false,
        }
    }

    fn change(self, name: String) -> v1::ChangePortRequest {
        v1::ChangePortRequest {
            name,
            rx_queues: self.rx_queues,
            tx_queues: self.tx_queues,
            rx_descriptors: self.rx_descriptors,
            tx_descriptors: self.tx_descriptors,
            mtu: self.mtu,
            promiscuous: self.promiscuous,
            workers: self.workers.map(|workers| v1::PortWorkers { workers }),
        }
    }
}

impl Port {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = PortServiceClient::new(session.channel.clone());
        let ports = match self {
            Self::Add {
                name,
                device,
                no_twin: without_twins,
                settings,
            } => {
                let spec = settings.spec(name, device);
                let spec = Some(v1::PortSpec {
                    without_twins,
                    ..spec
                });
                vec![client.add(v1::AddPortRequest { spec }).await?.into_inner()]
            }
            Self::Set { name, settings } => {
                vec![client.change(settings.change(name)).await?.into_inner()]
            }
            Self::Del { name } => {
                client
                    .remove(v1::RemovePortRequest { name: name.clone() })
                    .await?;
                return session.output.done(&format!("port {name} removed"));
            }
            Self::Show { name: Some(name) } => {
                vec![client.get(v1::GetPortRequest { name }).await?.into_inner()]
            }
            Self::Show { name: None } => {
                client
                    .list(v1::ListPortsRequest {})
                    .await?
                    .into_inner()
                    .ports
            }
            Self::Stats { name } => {
                let stats = client
                    .stats(v1::PortStatsRequest { name })
                    .await?
                    .into_inner();
                return session.output.sheet(&PortStats::from(stats));
            }
        };
        session.output.rows(ports.into_iter().map(PortRow::from))
    }
}

/// A port.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PortRow {
    name: String,
    id: u32,
    device: String,
    driver: String,
    mac: String,
    mtu: u32,
    promiscuous: bool,
    /// Whether its interfaces have kernel twins.
    twin: bool,
    link_up: bool,
    speed_mbps: u32,
    full_duplex: bool,
    /// -1 where there is none.
    numa_node: i32,
    rx_queues: u32,
    tx_queues: u32,
    rx_descriptors: u32,
    tx_descriptors: u32,
    workers: Vec<u32>,
    queues: Vec<QueueRow>,
    offloads: Vec<String>,
    /// What wakes a worker that sleeps: `interrupt`, `socket`, `nap`; `poll` where none sleeps.
    rx_wake: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct QueueRow {
    queue: u32,
    worker: u32,
}

const fn rx_wake_text(wake: v1::RxWake) -> &'static str {
    match wake {
        v1::RxWake::Unspecified => "",
        v1::RxWake::Poll => "poll",
        v1::RxWake::Interrupt => "interrupt",
        v1::RxWake::Socket => "socket",
        v1::RxWake::Nap => "nap",
    }
}

impl From<v1::Port> for PortRow {
    fn from(port: v1::Port) -> Self {
        let rx_wake = rx_wake_text(port.rx_wake());
        let spec = port.spec.unwrap_or_default();
        let link = port.link.unwrap_or_default();
        Self {
            name: spec.name,
            id: port.id,
            device: spec.device,
            driver: port.driver,
            mac: mac_text(&port.mac),
            mtu: spec.mtu,
            promiscuous: spec.promiscuous,
            twin: !spec.without_twins,
            link_up: link.up,
            speed_mbps: link.speed_mbps,
            full_duplex: link.full_duplex,
            numa_node: port.numa_node,
            rx_queues: spec.rx_queues,
            tx_queues: spec.tx_queues,
            rx_descriptors: spec.rx_descriptors,
            tx_descriptors: spec.tx_descriptors,
            workers: spec.workers,
            queues: port
                .queues
                .iter()
                .map(|queue| QueueRow {
                    queue: queue.queue,
                    worker: queue.worker,
                })
                .collect(),
            rx_wake,
            offloads: port.offloads,
        }
    }
}

impl Row for PortRow {
    const COLUMNS: &'static [&'static str] = &[
        "PORT",
        "DEVICE",
        "DRIVER",
        "LINK",
        "SPEED",
        "MAC",
        "MTU",
        "PROMISC",
        "RX QUEUE>WORKER",
        "WAKES BY",
    ];

    fn cells(&self) -> Vec<String> {
        let queues: Vec<_> = self
            .queues
            .iter()
            .map(|queue| format!("{}>{}", queue.queue, queue.worker))
            .collect();
        vec![
            self.name.clone(),
            self.device.clone(),
            self.driver.clone(),
            up(self.link_up),
            if self.speed_mbps == 0 {
                dash("")
            } else {
                format!("{}M", self.speed_mbps)
            },
            dash(&self.mac),
            self.mtu.to_string(),
            yes(self.promiscuous),
            dash(&queues.join(" ")),
            dash(self.rx_wake),
        ]
    }
}

/// What a device counted.
#[derive(Clone, Debug, Serialize)]
struct PortStats {
    rx: Traffic,
    tx: Traffic,
    rx_missed: u64,
    rx_errors: u64,
    rx_no_buffer: u64,
    tx_errors: u64,
    extended: BTreeMap<String, u64>,
}

impl From<v1::PortStats> for PortStats {
    fn from(stats: v1::PortStats) -> Self {
        Self {
            rx: stats.rx.into(),
            tx: stats.tx.into(),
            rx_missed: stats.rx_missed,
            rx_errors: stats.rx_errors,
            rx_no_buffer: stats.rx_no_buffer,
            tx_errors: stats.tx_errors,
            extended: stats
                .extended
                .into_iter()
                .map(|stat| (stat.name, stat.value))
                .collect(),
        }
    }
}

impl Sheet for PortStats {
    fn text(&self) -> String {
        let [rx_packets, rx_bytes] = self.rx.cells();
        let [tx_packets, tx_bytes] = self.tx.cells();
        let mut entries = vec![
            ("rx_packets", rx_packets),
            ("rx_bytes", rx_bytes),
            ("tx_packets", tx_packets),
            ("tx_bytes", tx_bytes),
            ("rx_missed", self.rx_missed.to_string()),
            ("rx_errors", self.rx_errors.to_string()),
            ("rx_no_buffer", self.rx_no_buffer.to_string()),
            ("tx_errors", self.tx_errors.to_string()),
        ];
        let usual = entries.len();
        for (name, value) in &self.extended {
            // Drivers tell some of the usual ones again, under the same name.
            if !entries[..usual].iter().any(|(other, _)| other == name) {
                entries.push((name, value.to_string()));
            }
        }
        lines(&entries)
    }
}
