//! Ports: DPDK devices, each with an interface of the same name.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use dpdk_sys::PortError as DeviceError;
use dpdk_sys::port::AttachError;
use ferroute_dataplane::ids::{InterfaceId, PortId};

use super::interface::Interface;
use super::router::Router;
use crate::hardware::{HardwareError, PortShape};
use crate::model::event::{Change, Happening};
use crate::model::interface::{InterfaceError, InterfaceKind};
use crate::model::name::InterfaceName;
use crate::model::number::{Choice, Mtu};
use crate::model::port::{
    Device, Link, PortChange, PortError, PortSettings, PortSpec, PortStats, PortView, Traffic,
};
use ferroute_dataplane::ids::VrfId;

/// A port as the core holds it.
#[derive(Clone, Debug)]
pub struct Port {
    /// DPDK's number.
    pub id: PortId,
    /// The device.
    pub device: Device,
    /// What was asked for.
    pub settings: PortSettings,
    /// The link as it was last seen.
    pub link: Link,
}

/// All ports, by name.
pub type Ports = BTreeMap<InterfaceName, Port>;

fn shape(settings: &PortSettings) -> PortShape {
    let count = |choice: Choice<std::num::NonZeroU16>| match choice {
        Choice::Auto => None,
        Choice::Exactly(count) => Some(count.get()),
    };
    PortShape {
        rx_queues: count(settings.rx_queues),
        tx_queues: count(settings.tx_queues),
        rx_descriptors: count(settings.rx_descriptors),
        tx_descriptors: count(settings.tx_descriptors),
        mtu_bytes: mtu(settings).get(),
        promiscuous: settings.promiscuous,
        workers: settings.workers.clone(),
    }
}

fn mtu(settings: &PortSettings) -> Mtu {
    settings.mtu.unwrap_or_else(|| Mtu::ETHERNET)
}

/// What an error of the hardware is to a client.
fn refused(error: &HardwareError, operation: &'static str, device: &Device) -> PortError {
    match error {
        HardwareError::Attach(AttachError::NoSuchDevice { .. } | AttachError::NoDriver { .. }) => {
            PortError::DeviceNotFound {
                device: device.clone(),
            }
        }
        HardwareError::TooManyPorts(limit) => PortError::TooManyPorts { limit: *limit },
        HardwareError::TooManyQueues { asked, most } => PortError::TooManyQueues {
            queues: *asked,
            limit: *most,
        },
        HardwareError::NoWorker(worker) => PortError::UnknownWorker { worker: *worker },
        other => PortError::Driver {
            operation,
            message: other.to_string(),
        },
    }
}

impl Router {
    /// Takes a device, and makes its interface and its twin.
    ///
    /// # Errors
    /// [`PortError`]; nothing was taken then.
    pub(super) fn add_port(&mut self, spec: PortSpec) -> Result<PortView, PortError> {
        let PortSpec {
            name,
            device,
            settings,
        } = spec;
        if self.interfaces.id(&name).is_some() {
            return Err(PortError::NameTaken { name });
        }
        if let Some((port, _)) = self
            .ports
            .iter()
            .find(|(_, p)| p.device.identity() == device.identity())
        {
            return Err(PortError::DeviceTaken {
                device,
                port: *port,
            });
        }
        let id = self
            .hardware
            .attach(device.as_str())
            .map_err(|e| refused(&e, "take the device", &device))?;
        let shape = shape(&settings);
        let mac = self.hardware.facts(id).map(|f| f.mac);
        self.ports.insert(
            name,
            Port {
                id,
                device: device.clone(),
                settings,
                link: Link::default(),
            },
        );
        self.count_port(id);
        self.share_punts();
        let made = self.interfaces.add(name, |interface| Interface {
            name,
            id: interface,
            kind: InterfaceKind::Port,
            vrf: VrfId::DEFAULT,
            mtu: Choice::Auto,
            admin_up: true,
            addresses: Vec::new(),
            mpls: false,
            tcp_mtu: Choice::Auto,
            bridge: None,
            port: Some(id),
            mac,
            twin: None,
            routes: BTreeMap::new(),
        });
        let Some(interface) = made else {
            self.ports.remove(&name);
            self.give_back(id);
            return Err(PortError::TooManyPorts {
                limit: self.ports.len(),
            });
        };
        self.count_interface(interface);
        if let Err(message) = self.sync_twin(interface) {
            self.interfaces.remove(interface);
            self.ports.remove(&name);
            self.give_back(id);
            return Err(PortError::Twin { message });
        }
        // The interface is there before the first frame is, which would be dropped otherwise.
        self.sync_interface(interface);
        if let Err(error) = self.hardware.set_up(id, &shape) {
            self.drop_interface(interface);
            self.ports.remove(&name);
            self.give_back(id);
            return Err(refused(&error, "set the device up", &device));
        }
        self.tell_injector(id);
        self.poll_links();
        let view = self.port_view(name)?;
        self.tell(Happening::Port {
            change: Change::Added,
            name,
            link: view.link,
        });
        if let Ok(view) = self.interface_view(interface) {
            self.tell(Happening::interface(Change::Added, &view));
        }
        Ok(view)
    }

    /// Divides what may go to the exception path between the ports that there are. Workers know it after the next
    /// [`finish`](Router::finish).
    fn share_punts(&mut self) {
        let ports = u16::try_from(self.ports.len()).unwrap_or(u16::MAX);
        let ports = NonZeroU16::new(ports).unwrap_or(NonZeroU16::MIN);
        self.plane.edit().punt_policy.ports = ports;
    }

    fn give_back(&mut self, id: PortId) {
        self.share_punts();
        self.finish();
        if let Err(error) = self.hardware.detach(id) {
            tracing::warn!(port = %id, %error, "the device could not be given back");
        }
    }

    /// Releases a port with all interfaces that it carries.
    ///
    /// # Errors
    /// [`PortError::UnknownPort`], [`PortError::UsedByEndpoint`].
    pub(super) fn remove_port(&mut self, name: InterfaceName) -> Result<(), PortError> {
        let port = self
            .ports
            .get(&name)
            .ok_or(PortError::UnknownPort { port: name })?;
        let (id, link) = (port.id, port.link);
        let carried: Vec<InterfaceId> = self.interfaces.on_port(id).map(|i| i.id).collect();
        for interface in self.interfaces.on_port(id) {
            if let Some(endpoint) = self.endpoint_of(interface.id, None) {
                return Err(PortError::UsedByEndpoint {
                    interface: interface.name,
                    endpoint,
                });
            }
        }
        for interface in carried {
            self.drop_interface(interface);
        }
        self.ports.remove(&name);
        self.forget_injector(id);
        self.give_back(id);
        self.tell(Happening::Port {
            change: Change::Removed,
            name,
            link,
        });
        Ok(())
    }

    /// Changes a port.
    ///
    /// # Errors
    /// [`PortError`]; the port runs as before then, if the device takes its old settings again.
    pub(super) fn change_port(
        &mut self,
        name: InterfaceName,
        change: PortChange,
    ) -> Result<PortView, PortError> {
        let port = self
            .ports
            .get(&name)
            .ok_or(PortError::UnknownPort { port: name })?
            .clone();
        let mut settings = port.settings.clone();
        settings.rx_queues = change.rx_queues.unwrap_or(settings.rx_queues);
        settings.tx_queues = change.tx_queues.unwrap_or(settings.tx_queues);
        settings.rx_descriptors = change.rx_descriptors.unwrap_or(settings.rx_descriptors);
        settings.tx_descriptors = change.tx_descriptors.unwrap_or(settings.tx_descriptors);
        settings.mtu = change.mtu.unwrap_or(settings.mtu);
        settings.promiscuous = change.promiscuous.unwrap_or(settings.promiscuous);
        settings.workers = change.workers.unwrap_or(settings.workers);
        if settings == port.settings {
            return self.port_view(name);
        }
        // What the device does while it runs interrupts nothing; all else stops it for a moment.
        let running = PortSettings {
            promiscuous: settings.promiscuous,
            mtu: settings.mtu,
            workers: settings.workers.clone(),
            ..port.settings.clone()
        } == settings;
        let done = if running {
            self.change_running(&port, &settings)
        } else {
            let shape = self.shape_of(port.id, &settings);
            self.hardware.set_up(port.id, &shape)
        };
        if let Err(error) = done {
            if (running || !error.changed_nothing())
                && let Err(worse) = self.restore(&port, &settings, running)
            {
                tracing::error!(port = %name, error = %worse, "the port does not take its old settings again and stands still");
            }
            return Err(refused(&error, "change the device", &port.device));
        }
        if let Some(port) = self.ports.get_mut(&name) {
            port.settings = settings;
        }
        self.tell_injector(port.id);
        self.follow_port(port.id);
        let view = self.port_view(name)?;
        self.tell(Happening::Port {
            change: Change::Changed,
            name,
            link: view.link,
        });
        Ok(view)
    }

    /// Changes MTU, promiscuous mode and workers of a running port; a device that takes an MTU only while it
    /// stands is stopped for that, and one that needs another number of queues.
    fn change_running(
        &mut self,
        port: &Port,
        settings: &PortSettings,
    ) -> Result<(), HardwareError> {
        let shape = self.shape_of(port.id, settings);
        if settings.mtu != port.settings.mtu {
            match self.hardware.set_mtu(port.id, shape.mtu_bytes) {
                Ok(()) => {}
                // No device takes it when it stands either.
                Err(error @ HardwareError::Port(DeviceError::InvalidValue(_))) => {
                    return Err(error);
                }
                Err(_) => return self.hardware.set_up(port.id, &shape),
            }
        }
        if settings.workers != port.settings.workers
            && !self.hardware.move_queues(port.id, &shape)?
        {
            return self.hardware.set_up(port.id, &shape);
        }
        if settings.promiscuous != port.settings.promiscuous {
            self.hardware.set_promiscuous(port.id, shape.promiscuous)?;
        }
        Ok(())
    }

    /// What a port is to be: one that carries members of bridge domains takes frames for all stations.
    fn shape_of(&self, port: PortId, settings: &PortSettings) -> PortShape {
        let members = self.interfaces.on_port(port).any(|i| i.is_member());
        PortShape {
            promiscuous: settings.promiscuous || members,
            ..shape(settings)
        }
    }

    /// Makes the promiscuous mode of a port follow the members of bridge domains on it.
    pub(super) fn follow_members(&mut self, id: PortId) {
        let Some((name, port)) = self.ports.iter().find(|(_, port)| port.id == id) else {
            return;
        };
        let on = self.shape_of(id, &port.settings).promiscuous;
        let name = *name;
        if let Err(error) = self.hardware.set_promiscuous(id, on) {
            tracing::warn!(port = %name, %error, on, "the port's promiscuous mode does not follow its bridge domains");
        }
    }

    /// Brings a port back to the settings that it had from those that failed, without stopping it if that can be.
    fn restore(
        &mut self,
        port: &Port,
        failed: &PortSettings,
        running: bool,
    ) -> Result<(), HardwareError> {
        let (old, id) = (self.shape_of(port.id, &port.settings), port.id);
        let mtu_is_old = failed.mtu == port.settings.mtu;
        if running
            && (mtu_is_old || self.hardware.set_mtu(id, old.mtu_bytes).is_ok())
            && self.hardware.move_queues(id, &old).is_ok_and(|moved| moved)
        {
            return Ok(());
        }
        self.hardware.set_up(id, &old)
    }

    /// Changes the MTU of a port by its interface.
    pub(super) fn change_port_mtu(
        &mut self,
        name: InterfaceName,
        mtu: Choice<Mtu>,
    ) -> Result<(), InterfaceError> {
        let change = PortChange {
            mtu: Some(mtu),
            ..PortChange::default()
        };
        match self.change_port(name, change) {
            Ok(_) => Ok(()),
            Err(PortError::Twin { message }) => Err(InterfaceError::Twin { message }),
            Err(error) => {
                let message = error.to_string();
                Err(InterfaceError::Device { message })
            }
        }
    }

    /// Makes all interfaces on a port follow what it became.
    fn follow_port(&mut self, id: PortId) {
        let carried = self.interfaces.on_port(id);
        let carried: Vec<_> = carried.map(|i| (i.id, self.is_running(i))).collect();
        // What goes by those that are down moves at once: the kernel takes its time over twins.
        for (interface, _) in carried.iter().filter(|(_, runs)| !runs) {
            self.sync_interface(*interface);
        }
        for (interface, runs) in carried {
            if let Err(message) = self.sync_twin(interface) {
                tracing::warn!(%message, "a twin does not follow its port");
            }
            if runs {
                self.sync_interface(interface);
            }
            if let Ok(view) = self.interface_view(interface) {
                self.tell(Happening::interface(Change::Changed, &view));
            }
        }
    }

    fn read_link(&self, id: PortId) -> Link {
        let link = self.hardware.link(id);
        link.map_or_else(Link::default, |l| Link {
            up: l.up,
            speed_mbps: l.speed_mbps.unwrap_or_default(),
            full_duplex: l.full_duplex,
        })
    }

    /// Looks at all links and follows those that changed.
    pub(super) fn poll_links(&mut self) {
        let seen: Vec<_> = self
            .ports
            .iter()
            .map(|(name, p)| (*name, p.id, p.link, self.read_link(p.id)))
            .collect();
        for (name, id, before, link) in seen {
            if before == link {
                continue;
            }
            if let Some(port) = self.ports.get_mut(&name) {
                port.link = link;
            }
            if before.up != link.up {
                self.follow_port(id);
            }
            self.tell(Happening::Port {
                change: Change::Changed,
                name,
                link,
            });
        }
    }

    fn port_by_id(&self, id: PortId) -> Option<&Port> {
        self.ports.values().find(|p| p.id == id)
    }

    /// The port's largest IP packet.
    pub(super) fn port_mtu(&self, id: PortId) -> Mtu {
        self.port_by_id(id)
            .map_or(Mtu::ETHERNET, |p| mtu(&p.settings))
    }

    /// Whether interfaces on the port have twins.
    pub(super) fn port_has_twin(&self, id: PortId) -> bool {
        self.port_by_id(id).is_some_and(|p| p.settings.twin)
    }

    /// Whether the port has a carrier.
    pub(super) fn port_link_up(&self, id: PortId) -> bool {
        self.port_by_id(id).is_some_and(|p| p.link.up)
    }

    /// The name of a port.
    pub(super) fn port_name(&self, id: PortId) -> Option<InterfaceName> {
        self.ports
            .iter()
            .find(|(_, p)| p.id == id)
            .map(|(name, _)| *name)
    }

    /// A port as clients see it.
    pub(super) fn port_view(&self, name: InterfaceName) -> Result<PortView, PortError> {
        let port = self
            .ports
            .get(&name)
            .ok_or(PortError::UnknownPort { port: name })?;
        let facts = self.hardware.facts(port.id).unwrap_or_default();
        Ok(PortView {
            name,
            device: port.device.clone(),
            id: port.id,
            rx_queues: u16::try_from(facts.queues.len()).unwrap_or(u16::MAX),
            tx_queues: facts.tx_queues,
            rx_descriptors: facts.rx_descriptors,
            tx_descriptors: facts.tx_descriptors,
            mtu: mtu(&port.settings),
            promiscuous: port.settings.promiscuous,
            twin: port.settings.twin,
            queues: facts.queues,
            link: port.link,
            mac: facts.mac,
            driver: facts.driver,
            numa_node: facts.numa_node,
            offloads: facts.offloads,
            rx_wake: facts.rx_wake,
        })
    }

    /// What the device itself counted.
    pub(super) fn port_stats(&self, name: InterfaceName) -> Result<PortStats, PortError> {
        let port = self
            .ports
            .get(&name)
            .ok_or(PortError::UnknownPort { port: name })?;
        let (stats, extended) = self.hardware.stats(port.id).unwrap_or_default();
        Ok(PortStats {
            rx: Traffic {
                packets: stats.rx_packets,
                bytes: stats.rx_bytes,
            },
            tx: Traffic {
                packets: stats.tx_packets,
                bytes: stats.tx_bytes,
            },
            rx_missed: stats.rx_missed,
            rx_errors: stats.rx_errors,
            rx_no_buffer: stats.rx_no_buffer,
            tx_errors: stats.tx_errors,
            extended,
        })
    }
}
