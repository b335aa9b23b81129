//! The few rtnetlink calls that twins need, done one after the other on the thread that asks.

use ferroute_dataplane::mac::Mac;
use futures::TryStreamExt;
use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoVrf, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use nix::errno::Errno;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec};
use std::io;
use std::net::IpAddr;
use tokio::runtime::Runtime;

/// A netlink socket of the namespace in which it was opened.
pub(crate) struct Netlink {
    runtime: Runtime,
    handle: Handle,
}

/// A netdev as the kernel has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) mac: Option<Mac>,
    pub(super) mtu: u32,
    pub(crate) up: bool,
    /// The VRF device, bridge or bond to which it belongs.
    pub(crate) controller: Option<u32>,
    /// The table of a VRF device.
    pub(crate) table: Option<u32>,
    /// The VNI of a VXLAN device.
    pub(crate) vni: Option<u32>,
    /// What an operator or program noted about it.
    pub(crate) alias: String,
    /// The group in which somebody put it; zero: none.
    pub(crate) group: u32,
}

impl Link {
    fn of(message: &LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            name: String::new(),
            mac: None,
            mtu: 0,
            up: message.header.flags.contains(LinkFlags::Up),
            controller: None,
            table: None,
            vni: None,
            alias: String::new(),
            group: 0,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Address(octets) => {
                    link.mac = octets.as_slice().try_into().ok().map(Mac::new)
                }
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::Controller(index) => {
                    link.controller = Some(*index).filter(|index| *index != 0)
                }
                LinkAttribute::IfAlias(alias) => link.alias.clone_from(alias),
                LinkAttribute::Group(group) => link.group = *group,
                LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| link.info(info)),
                _ => {}
            }
        }
        link
    }

    fn info(&mut self, info: &LinkInfo) {
        match info {
            LinkInfo::Data(InfoData::Vxlan(data)) => {
                self.vni = data.iter().find_map(|data| match data {
                    InfoVxlan::Id(vni) => Some(*vni),
                    _ => None,
                });
            }
            LinkInfo::Data(InfoData::Vrf(data)) => {
                self.table = data.iter().find_map(|data| match data {
                    InfoVrf::TableId(table) => Some(*table),
                    _ => None,
                });
            }
            _ => {}
        }
    }
}

/// A change of a netdev.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Mac(Mac),
    Mtu(u16),
    Up(bool),
    Controller(Option<u32>),
}

impl Netlink {
    /// Opens a socket in the calling thread's namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let (connection, handle, _) = {
            let _inside = runtime.enter();
            rtnetlink::new_connection()?
        };
        runtime.spawn(connection);
        Ok(Self { runtime, handle })
    }

    /// The netdev of this name, if there is one.
    pub(crate) fn link_by_name(&self, name: &str) -> io::Result<Option<Link>> {
        self.link(self.handle.link().get().match_name(name))
    }

    /// The netdev of this index, if there is one.
    pub(crate) fn link_by_index(&self, index: u32) -> io::Result<Option<Link>> {
        self.link(self.handle.link().get().match_index(index))
    }

    /// All netdevs.
    pub(crate) fn links(&self) -> io::Result<Vec<Link>> {
        let listed = self.handle.link().get().execute().try_collect();
        let messages: Vec<_> = self.runtime.block_on(listed).map_err(plain)?;
        Ok(messages.iter().map(Link::of).collect())
    }

    /// Makes a netdev.
    pub(crate) fn create(&self, link: LinkMessage) -> io::Result<()> {
        self.runtime
            .block_on(self.handle.link().add(link).execute())
            .map_err(plain)
    }

    /// Writes settings of a netdev that no [`Change`] has.
    pub(crate) fn set(&self, link: LinkMessage) -> io::Result<()> {
        self.runtime
            .block_on(self.handle.link().set(link).execute())
            .map_err(plain)
    }

    fn link(&self, request: rtnetlink::LinkGetRequest) -> io::Result<Option<Link>> {
        match self
            .runtime
            .block_on(request.execute().try_next())
            .map_err(plain)
        {
            Ok(message) => Ok(message.as_ref().map(Link::of)),
            Err(error) if is(&error, Errno::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes the netdev.
    pub(crate) fn change(&self, index: u32, change: Change) -> io::Result<()> {
        let link = LinkMessageBuilder::<LinkUnspec>::new().index(index);
        let link = match change {
            Change::Mac(mac) => link.address(mac.octets().to_vec()),
            Change::Mtu(mtu) => link.mtu(mtu.into()),
            Change::Up(true) => link.up(),
            Change::Up(false) => link.down(),
            Change::Controller(Some(controller)) => link.controller(controller),
            Change::Controller(None) => link.nocontroller(),
        };
        self.runtime
            .block_on(self.handle.link().change(link.build()).execute())
            .map_err(plain)
    }

    /// Removes the netdev; that it is gone already is no error.
    pub(crate) fn delete(&self, index: u32) -> io::Result<()> {
        match self
            .runtime
            .block_on(self.handle.link().del(index).execute())
            .map_err(plain)
        {
            Err(error) if is(&error, Errno::ENODEV) => Ok(()),
            other => other,
        }
    }

    /// Removes all netdevs of a group at once: the kernel waits once for all that use them, and not once for each.
    pub(crate) fn delete_group(&self, group: u32) -> io::Result<()> {
        let all = LinkMessageBuilder::<LinkUnspec>::new().link_group(group);
        let request = self.handle.link().del_with_message(all.build());
        self.runtime.block_on(request.execute()).map_err(plain)
    }

    /// The addresses of the netdev.
    pub(super) fn addresses(&self, index: u32) -> io::Result<Vec<IpNet>> {
        let request = self.handle.address().get().set_link_index_filter(index);
        let messages: Vec<_> = self
            .runtime
            .block_on(request.execute().try_collect())
            .map_err(plain)?;
        Ok(messages.iter().filter_map(address).collect())
    }

    /// Adds an address without duplicate detection.
    pub(super) fn add_address(&self, index: u32, address: IpNet) -> io::Result<()> {
        let mut request = self
            .handle
            .address()
            .add(index, address.addr(), address.prefix_len());
        if address.addr().is_ipv6() {
            let flags = AddressAttribute::Flags(AddressFlags::Nodad);
            request.message_mut().attributes.push(flags);
        }
        self.runtime.block_on(request.execute()).map_err(plain)
    }

    /// Removes an address.
    pub(super) fn remove_address(&self, index: u32, address: IpNet) -> io::Result<()> {
        // Adding and removing name the address in the same way.
        let mut like_add = self
            .handle
            .address()
            .add(index, address.addr(), address.prefix_len());
        let request = self.handle.address().del(like_add.message_mut().clone());
        self.runtime.block_on(request.execute()).map_err(plain)
    }
}

/// The address of a message: the local one, which differs from the other only on point-to-point
/// links.
fn address(message: &AddressMessage) -> Option<IpNet> {
    let mut found: Option<IpAddr> = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(local) => found = Some(*local),
            AddressAttribute::Address(address) => found = found.or(Some(*address)),
            _ => {}
        }
    }
    IpNet::new(found?, message.header.prefix_len).ok()
}

/// The system's error behind a netlink error.
fn plain(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}
