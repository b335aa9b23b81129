//! Runs the forwarding stages over packets on the heap, without DPDK, so that valgrind can count their instructions.
//!
//! `ferroute-gate LOAD BURSTS` forwards that many bursts of 64 packets. What is to be counted happens in
//! [`count_this`]: `valgrind --tool=callgrind --toggle-collect='*count_this*'`. The transmit buffer is emptied
//! outside of it, since a device's driver would do that.

mod frames;
mod load;
mod overlay;
mod stages;

use load::Load;
use stages::{Stages, StagesError};
use std::process::ExitCode;

/// Why nothing could be counted.
#[derive(Debug, thiserror::Error)]
enum GateError {
    #[error("usage: ferroute-gate {} BURSTS", Load::ALL.map(Load::name).join("|"))]
    Usage,
    #[error(transparent)]
    Stages(#[from] StagesError),
    #[error("of {received} packets {sent} were sent and {refused} refused")]
    Lost {
        received: usize,
        sent: usize,
        refused: usize,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferroute-gate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), GateError> {
    let mut args = std::env::args().skip(1);
    let load = args
        .next()
        .and_then(|name| Load::ALL.into_iter().find(|load| load.name() == name));
    let bursts = args.next().and_then(|count| count.parse::<usize>().ok());
    let (Some(load), Some(bursts)) = (load, bursts) else {
        return Err(GateError::Usage);
    };
    let mut stages = Stages::new(load)?;
    let (mut received, mut sent) = (0, 0);
    for burst in 0..bursts {
        let mut packets = stages.burst(burst);
        received += packets.len();
        count_this(&mut stages, &mut packets);
        sent += stages.empty();
    }
    let refused = stages.refused();
    let (expected, other) = if load == Load::Ipv4Missing {
        (refused, sent)
    } else {
        (sent, refused)
    };
    if (expected, other) == (received, 0) {
        Ok(())
    } else {
        Err(GateError::Lost {
            received,
            sent,
            refused,
        })
    }
}

/// From a received burst to a filled transmit buffer.
#[inline(never)]
fn count_this(stages: &mut Stages, packets: &mut Vec<dpdk_sys::Mbuf>) {
    stages.receive(packets);
}
