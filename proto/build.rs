//! Generates the API's types, clients and servers, and the descriptor set that the reflection
//! service hands out.

use std::path::PathBuf;

const FILES: &[&str] = &[
    "common",
    "port",
    "interface",
    "vrf",
    "route",
    "nexthop",
    "overlay",
    "bridge_domain",
    "segment",
    "neighbour",
    "stats",
    "trace",
    "event",
    "system",
    "bridge",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let protos: Vec<String> = FILES
        .iter()
        .map(|file| format!("ferroute/v1/{file}.proto"))
        .collect();
    tonic_prost_build::configure()
        // Addresses come by the million: a slice of the received message, not an allocation each.
        .bytes(".")
        .file_descriptor_set_path(out.join("ferroute.v1.bin"))
        .compile_protos(&protos, &[".".to_owned()])?;
    Ok(())
}
