//! What is received.

use crate::load::Load;
use etherparse::PacketBuilder;
use etherparse::err::packet::BuildWriteError;
use ferroute_dataplane::wire::mpls::MPLS_UDP_PORT;
use ferroute_dataplane::wire::vxlan::VXLAN_PORT;

/// The router's Ethernet address.
pub(crate) const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The address of its end of tunnels.
pub(crate) const OUR_ADDRESS: [u8; 4] = [192, 0, 2, 1];
/// The VNI of all VXLAN tunnels.
pub(crate) const VNI: u32 = 5_000;
/// The label of all tunnels of labels.
pub(crate) const LABEL: u32 = 100;
/// Stations of the bridge domain.
pub(crate) const STATIONS: u16 = 1_000;
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 0x99];
/// The first port that sources of tunnels use.
const ENTROPY: u16 = 49_152;
/// Bytes in front of an outer UDP header's checksum: Ethernet, IPv4, ports and length.
const UDP_CHECKSUM: usize = 14 + 20 + 6;

/// The address of a remote end.
pub(crate) const fn remote(number: u16) -> [u8; 4] {
    let [high, low] = number.to_be_bytes();
    [172, 16, high, low]
}

/// The Ethernet address of a station.
pub(crate) const fn station(number: u16) -> [u8; 6] {
    let [high, low] = number.to_be_bytes();
    [2, 0, 0, 1, high, low]
}

/// The IPv4 frame of one flow, as a load has it.
pub(crate) fn ipv4(load: Load, flow: u16, to: u32) -> Result<Vec<u8>, BuildWriteError> {
    match load {
        Load::VxlanDecap => {
            let [_, a, b, c] = VNI.to_be_bytes();
            let head = [8, 0, 0, 0, a, b, c, 0];
            let frame = plain(PEER, OURS, flow, to)?;
            outer(flow, VXLAN_PORT, &[&head[..], &frame].concat())
        }
        Load::MplsUdpDecap => {
            let bottom = 1 << 8;
            let entry = (LABEL << 12 | bottom | 64).to_be_bytes();
            let frame = plain(PEER, OURS, flow, to)?;
            outer(flow, MPLS_UDP_PORT, &[&entry[..], &frame[14..]].concat())
        }
        Load::Bridge => {
            let from = flow % (STATIONS / 2) * 2;
            let behind = flow % (STATIONS / 2 - 1) * 2 + 1;
            plain(station(from), station(behind), flow, to)
        }
        _ => plain(PEER, OURS, flow, to),
    }
}

fn plain(from: [u8; 6], by: [u8; 6], flow: u16, to: u32) -> Result<Vec<u8>, BuildWriteError> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(from, by)
        .ipv4([10, 0, 0, 9], to.to_be_bytes(), 64)
        .udp(flow, 53)
        .write(&mut bytes, &[0; 18])?;
    Ok(bytes)
}

/// A packet of a remote end, without a UDP checksum as most send it.
fn outer(flow: u16, port: u16, payload: &[u8]) -> Result<Vec<u8>, BuildWriteError> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(PEER, OURS)
        .ipv4(remote(flow % 1_000), OUR_ADDRESS, 64)
        .udp(ENTROPY + flow % (1 << 14), port)
        .write(&mut bytes, payload)?;
    bytes[UDP_CHECKSUM..UDP_CHECKSUM + 2].fill(0);
    Ok(bytes)
}

/// The IPv6 frame of one flow.
pub(crate) fn ipv6(_load: Load, flow: u16, to: u128) -> Result<Vec<u8>, BuildWriteError> {
    let source = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(PEER, OURS)
        .ipv6(source, to.to_be_bytes(), 64)
        .udp(flow, 53)
        .write(&mut bytes, &[0; 6])?;
    Ok(bytes)
}
