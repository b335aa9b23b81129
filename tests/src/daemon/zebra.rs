//! A zebra that is played: it connects where FRR's would (module `dplane_fpm_nl`), says what it is told to, and hears what
//! becomes of its routes. For what no FRR of the labs does: two at one listener, a million routes, word on single routes.
//!
//! A frame is a version (1), a type (1), its length in network order, and a netlink message (rtnetlink(7)) in host order.

use crate::error::LabError;
use crate::netns::Namespace;
use ipnet::IpNet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a word may take.
const LIMIT: Duration = Duration::from_secs(30);
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_NEWNEXTHOP: u16 = 104;
/// A request that makes, or replaces what is there.
const CREATE_OR_REPLACE: u16 = 0x0001 | 0x0100 | 0x0400;
const REQUEST: u16 = 0x0001;
const MAIN: u8 = 254;
const BGP: u8 = 186;
const UNICAST: u8 = 1;
/// Bytes before the attributes of a route's message.
const ROUTE_BYTES: usize = 28;

/// The zebra.
#[derive(Debug)]
pub struct Zebra {
    connection: TcpStream,
}

/// What it heard of a route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Word {
    /// The route's prefix.
    pub prefix: IpNet,
    /// Whether it is in the data path (`RTM_F_OFFLOAD`).
    pub offloaded: bool,
    /// Whether it could not get there (`RTM_F_OFFLOAD_FAILED`).
    pub failed: bool,
}

impl Zebra {
    /// Connects in a namespace.
    ///
    /// # Errors
    /// [`LabError::System`] when nobody listens there.
    pub fn connect(namespace: &Namespace, listener: SocketAddr) -> Result<Self, LabError> {
        let connection = namespace
            .enter(|| TcpStream::connect(listener))?
            .map_err(LabError::system("connecting to the bridge"))?;
        connection
            .set_read_timeout(Some(LIMIT))
            .map_err(LabError::system("setting a timeout"))?;
        Ok(Self { connection })
    }

    /// Says frames.
    ///
    /// # Errors
    /// [`LabError::System`] when the bridge has closed the connection.
    pub fn say(&mut self, frames: &[u8]) -> Result<(), LabError> {
        self.connection
            .write_all(frames)
            .map_err(LabError::system("speaking to the bridge"))
    }

    /// Waits for the next word.
    ///
    /// # Errors
    /// [`LabError::System`] when none comes, or what comes is none.
    pub fn word(&mut self) -> Result<Word, LabError> {
        self.read_word()
            .map_err(LabError::system("listening to the bridge"))
    }

    /// Whether the bridge closed the connection, within a limit, saying nothing more.
    #[must_use]
    pub fn is_closed(&mut self) -> bool {
        matches!(self.connection.read(&mut [0]), Ok(0))
            || matches!(self.connection.take_error(), Ok(Some(_)))
    }

    fn read_word(&mut self) -> io::Result<Word> {
        let mut header = [0; 4];
        self.connection.read_exact(&mut header)?;
        let [1, 1, high, low] = header else {
            return Err(io::Error::other("a frame of another protocol"));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let mut message = vec![0; length.saturating_sub(header.len())];
        self.connection.read_exact(&mut message)?;
        parse(&message).ok_or_else(|| io::Error::other(format!("no word on a route: {message:?}")))
    }
}

fn parse(message: &[u8]) -> Option<Word> {
    let kind = u16::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    let asked = u16::from_ne_bytes(*message.get(6..)?.first_chunk()?) & REQUEST != 0;
    let [family, length, ..] = *message.get(16..)? else {
        return None;
    };
    let flags = u32::from_ne_bytes(*message.get(24..)?.first_chunk()?);
    // The destination is the first attribute.
    let destination = message.get(ROUTE_BYTES + 4..)?;
    let address: IpAddr = match family {
        2 => (*destination.first_chunk::<4>()?).into(),
        _ => (*destination.first_chunk::<16>()?).into(),
    };
    (kind == RTM_NEWROUTE && asked).then_some(Word {
        prefix: IpNet::new(address, length).ok()?,
        offloaded: flags & 0x4000 != 0,
        failed: flags & 0x2000_0000 != 0,
    })
}

/// The frame that describes a next hop: its number, its gateway, and the index of its netdev.
#[must_use]
pub fn next_hop(id: u32, gateway: IpAddr, interface: u32) -> Vec<u8> {
    let mut body = vec![family(gateway), 0, BGP, 0, 0, 0, 0, 0];
    attribute(&mut body, 1, &id.to_ne_bytes());
    attribute(&mut body, 6, &octets(gateway));
    attribute(&mut body, 5, &interface.to_ne_bytes());
    frame(RTM_NEWNEXTHOP, CREATE_OR_REPLACE, &body)
}

/// The frame that leads a prefix to a next hop, by its number.
#[must_use]
pub fn route(prefix: IpNet, next_hop: u32) -> Vec<u8> {
    let mut body = route_body(prefix);
    attribute(&mut body, 30, &next_hop.to_ne_bytes());
    frame(RTM_NEWROUTE, CREATE_OR_REPLACE, &body)
}

/// The frame that takes a prefix back.
#[must_use]
pub fn withdrawal(prefix: IpNet) -> Vec<u8> {
    frame(RTM_DELROUTE, REQUEST, &route_body(prefix))
}

fn route_body(prefix: IpNet) -> Vec<u8> {
    let address = prefix.addr();
    let mut body = vec![
        family(address),
        prefix.prefix_len(),
        0,
        0,
        MAIN,
        BGP,
        0,
        UNICAST,
    ];
    body.extend([0; 4]);
    attribute(&mut body, 1, &octets(address));
    body
}

fn frame(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    // Far less than 64 KiB.
    let length = 16 + body.len() as u16;
    let mut bytes = vec![1, 1];
    bytes.extend((length + 4).to_be_bytes());
    bytes.extend(u32::from(length).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// Appends an attribute whose value is a multiple of four bytes long.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend((4 + value.len() as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
}

const fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 2,
        IpAddr::V6(_) => 10,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}
