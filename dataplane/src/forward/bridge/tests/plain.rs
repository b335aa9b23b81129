//! Bursts of mixed frames: whichever way each is done, the plain one or not, every port gets what is for it, in order.

use proptest::prelude::*;

use super::*;
use crate::wire::ethernet::MIN_FRAME_BYTES;

/// The stations, and behind which member each is.
const BEHIND: [(u8, u32); 4] = [(1, 2), (2, 3), (3, 4), (4, 1)];
const UNKNOWN: u8 = 5;
const MTU_FRAME_BYTES: usize = 1514;

/// A frame that port 0 receives.
#[derive(Clone, Debug)]
struct Received {
    from: u8,
    to: u8,
    bytes: usize,
    number: u8,
}

impl Received {
    fn frame(&self) -> Vec<u8> {
        let mut frame = frame(station(self.from), station(self.to), self.bytes);
        *frame.last_mut().unwrap() = self.number;
        frame
    }

    /// By which port, and in which form, it leaves by a member.
    fn by(&self, member: u32) -> Option<(u16, Vec<u8>)> {
        let (port, mut frame) = match member {
            1 => return None,
            4 => (2, tagged(&self.frame(), 5)),
            other => (other as u16 - 1, self.frame()),
        };
        if self.bytes > MTU_FRAME_BYTES {
            return None;
        }
        frame.resize(frame.len().max(MIN_FRAME_BYTES), 0);
        Some((port, frame))
    }

    /// All that leaves for it.
    fn sent(&self) -> Vec<(u16, Vec<u8>)> {
        let members = match BEHIND.iter().find(|(station, _)| *station == self.to) {
            Some((_, member)) => vec![*member],
            None => vec![2, 3, 4],
        };
        members.iter().filter_map(|m| self.by(*m)).collect()
    }
}

fn any_received() -> impl Strategy<Value = Received> {
    let bytes = prop_oneof![
        43..80usize,
        Just(MTU_FRAME_BYTES),
        Just(MTU_FRAME_BYTES + 1)
    ];
    // Nearly all from a station that is known to one that is, as most are.
    let from = prop_oneof![8 => Just(0u8), 1 => Just(9u8)];
    let to = prop_oneof![6 => Just(1u8), 2 => 2..=4u8, 1 => Just(UNKNOWN)];
    (from, to, bytes, any::<u8>()).prop_map(|(from, to, bytes, number)| Received {
        from,
        to,
        bytes,
        number,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn each_port_gets_what_is_for_it_in_order(
        bursts in prop::collection::vec(prop::collection::vec(any_received(), 1..64), 1..4),
    ) {
        let mut bench = Bench::new(&[1, 2, 3, 4]);
        bench.learned(station(0), FdbTarget::Interface(InterfaceId::new(1)));
        for (other, member) in BEHIND {
            bench.learned(station(other), FdbTarget::Interface(InterfaceId::new(member)));
        }
        for (second, burst) in bursts.iter().enumerate() {
            bench.now_ticks = second as u64 / 2 * TICKS_HZ;
            let mut packets = burst.iter().map(|r| Mbuf::from_heap(&r.frame())).collect();
            bench.forwarder.receive(&bench.snapshot, PortId::new(0), &mut packets, bench.now_ticks);
            bench.forwarder.flush();
            let mut sent = [Vec::new(), Vec::new(), Vec::new()];
            while let Some(frame) = bench.sent.pop() {
                let mut bytes = Vec::new();
                frame.mbuf.copy_to(&mut bytes);
                sent[frame.port.unwrap().index()].push(bytes);
            }
            let mut expected = [Vec::new(), Vec::new(), Vec::new()];
            for (port, frame) in burst.iter().flat_map(Received::sent) {
                expected[usize::from(port)].push(frame);
            }
            prop_assert_eq!(sent, expected);
            bench.balanced();
        }
        let counters = bench.forwarder.counters();
        let frames = &counters.bridge(BRIDGE).frames;
        let all = bursts.iter().flatten();
        prop_assert_eq!(frames.packets.get(), all.clone().count() as u64);
        prop_assert_eq!(frames.bytes.get(), all.map(|r| r.bytes as u64).sum::<u64>());
    }
}
