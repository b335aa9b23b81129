//! What the router says of a way into a tunnel, and frames that went it.

use ferroute_tests::{Recording, Router};
use serde_json::Value;
use std::collections::BTreeMap;

const ETHERNET: usize = 14;
const UDP: u8 = 17;
/// The protocols of IPv4 and IPv6 in IP.
const IP_IN_IP: [u8; 2] = [4, 41];
/// UDP ports behind which a tunnel's header says what comes next.
const VXLAN: u16 = 4789;
const GUE: u16 = 6080;

/// Packets and bytes.
pub(crate) type Traffic = (u64, u64);

/// The bytes that `route lookup` names for a destination.
#[derive(Debug)]
pub(crate) struct Explained {
    /// The tunnel's number.
    tunnel: u64,
    /// The header that the tunnel puts before packets.
    header: Vec<u8>,
    /// The link headers of the underlay's members.
    pub(crate) rewrites: Vec<Vec<u8>>,
}

impl Explained {
    /// Asks for a destination in the tenant's VRF, which one tunnel serves.
    pub(crate) fn ask(router: &Router, destination: &str) -> Self {
        let chain = router
            .query(&format!("route lookup {destination} --vrf red"))
            .unwrap();
        assert_eq!(chain["outcome"], "forward", "{chain}");
        assert_eq!(chain["members"].as_array().unwrap().len(), 1, "{chain}");
        let member = &chain["members"][0];
        let underlay = member["underlay"].as_array().unwrap();
        Self {
            tunnel: member["tunnel"].as_u64().unwrap(),
            header: bytes(&member["tunnel_header"]),
            rewrites: underlay.iter().map(|m| bytes(&m["rewrite"])).collect(),
        }
    }

    /// The member of the underlay by which a frame went, if it went into this tunnel: all named bytes are as named, but for
    /// those that differ from packet to packet.
    pub(crate) fn way_of(&self, frame: &[u8]) -> Option<usize> {
        let (link, packet) = frame.split_at_checked(ETHERNET)?;
        let outer = packet.get(..self.header.len())?;
        let changing = changing(&self.header);
        let mut places = 0..outer.len();
        let same = places.all(|place| {
            let (named, found) = (self.header[place], outer[place]);
            named == found
                || changing
                    .get(&place)
                    .is_some_and(|may| may.is_empty() || may.contains(&found))
        });
        let way = self.rewrites.iter().position(|rewrite| rewrite == link);
        way.filter(|_| same)
    }

    /// What a recording of the underlay's link has of this tunnel, counted as the router does: from the outer IP header on.
    pub(crate) fn seen(&self, recording: &Recording) -> Traffic {
        let frames = recording.frames.iter().map(|frame| &frame.bytes);
        let own = frames.filter(|frame| self.way_of(frame).is_some());
        own.fold((0, 0), |(packets, bytes), frame| {
            (packets + 1, bytes + (frame.len() - ETHERNET) as u64)
        })
    }

    /// What the router counted of this tunnel.
    pub(crate) fn counted(&self, router: &Router) -> Traffic {
        counted(router, "tunnel show", ("id", self.tunnel), "")
    }
}

/// What the row of a listing with this number has counted; `way` stands before the names of the counters.
pub(crate) fn counted(
    router: &Router,
    listing: &str,
    (key, number): (&str, u64),
    way: &str,
) -> Traffic {
    let rows = router.query(listing).unwrap();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row[key] == number);
    assert!(row.is_some(), "{key} {number} in {rows}");
    let row = row.unwrap();
    let count = |what: &str| row[format!("{way}{what}")].as_u64().unwrap();
    (count("packets"), count("bytes"))
}

/// What was counted between two looks.
pub(crate) fn minus(after: Traffic, before: Traffic) -> Traffic {
    (after.0 - before.0, after.1 - before.1)
}

fn bytes(hex: &Value) -> Vec<u8> {
    let text = hex.as_str().unwrap();
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The places of an outer header that differ from packet to packet: lengths, identification, checksums, the entropy of port and
/// flow label; and what says which family is inside, with its values.
fn changing(header: &[u8]) -> BTreeMap<usize, &'static [u8]> {
    let (ip, protocol, fields): (_, _, &[usize]) = match header[0] >> 4 {
        4 => (20, 9, &[2, 3, 4, 5, 10, 11]),
        _ => (40, 6, &[1, 2, 3, 4, 5]),
    };
    let mut places: BTreeMap<usize, &[u8]> = fields.iter().map(|field| (*field, &[][..])).collect();
    if header[protocol] != UDP {
        places.insert(protocol, &IP_IN_IP);
        return places;
    }
    // Source port, length, checksum.
    places.extend([0, 1, 4, 5, 6, 7].map(|field| (ip + field, &[][..])));
    match u16::from_be_bytes([header[ip + 2], header[ip + 3]]) {
        VXLAN => {
            places.insert(header.len() - 2, &[0x08, 0x86]);
            places.insert(header.len() - 1, &[0x00, 0xdd]);
        }
        GUE => {
            places.insert(ip + 8 + 1, &IP_IN_IP);
        }
        _ => {}
    }
    places
}
