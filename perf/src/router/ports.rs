//! Ports and their interfaces.

use super::Api;
use super::setup::octets;
use crate::error::PerfError;
use ferroute_proto::v1;
use ipnet::IpNet;
use tonic::transport::Channel;
use v1::interface_service_client::InterfaceServiceClient;
use v1::port_service_client::PortServiceClient;

impl Api {
    fn ports(&self) -> PortServiceClient<Channel> {
        PortServiceClient::new(self.channel())
    }

    fn interfaces(&self) -> InterfaceServiceClient<Channel> {
        InterfaceServiceClient::new(self.channel())
    }

    /// A port.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn port(&mut self, name: &str) -> Result<v1::Port, PerfError> {
        let name = name.to_owned();
        self.call(self.ports().get(v1::GetPortRequest { name }))
    }

    /// Takes a device, with these addresses on its interface, and sets that up.
    ///
    /// # Errors
    /// The router refuses.
    pub fn add_port(
        &mut self,
        name: &str,
        device: &str,
        addresses: &[IpNet],
    ) -> Result<(), PerfError> {
        let spec = Some(v1::PortSpec {
            name: name.to_owned(),
            device: device.to_owned(),
            ..v1::PortSpec::default()
        });
        self.call(self.ports().add(v1::AddPortRequest { spec }))?;
        for net in addresses {
            let address = Some(v1::InterfaceAddress {
                address: octets(net.addr()),
                length: net.prefix_len().into(),
            });
            let interface = name.to_owned();
            let request = v1::AddAddressRequest { interface, address };
            self.call(self.interfaces().add_address(request))?;
        }
        self.set_up(name, true)
    }

    /// What a port's device itself counted: packets received and sent.
    fn port_packets(&mut self, port: &str) -> Result<(u64, u64), PerfError> {
        let name = port.to_owned();
        let stats = self.call(self.ports().stats(v1::PortStatsRequest { name }))?;
        let packets = |traffic: Option<v1::Traffic>| traffic.unwrap_or_default().packets;
        Ok((packets(stats.rx), packets(stats.tx)))
    }

    /// Packets that a port's device has received, as the device counts.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn received(&mut self, port: &str) -> Result<u64, PerfError> {
        Ok(self.port_packets(port)?.0)
    }

    /// Packets that a port's device has sent, as the device counts.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn sent(&mut self, port: &str) -> Result<u64, PerfError> {
        Ok(self.port_packets(port)?.1)
    }

    /// Sets an interface administratively up or down.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn set_up(&mut self, interface: &str, up: bool) -> Result<(), PerfError> {
        let request = v1::ChangeInterfaceRequest {
            name: interface.to_owned(),
            admin_up: Some(up),
            ..v1::ChangeInterfaceRequest::default()
        };
        self.call(self.interfaces().change(request)).map(drop)
    }
}
