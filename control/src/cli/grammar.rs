//! The whole command line.

use super::error::CliError;
use super::output::{Format, Output};
use super::session::{Server, Session};
use super::{
    addr, bridge, capture, domain, endpoint, events, fdb, generate, label, link, neigh, nexthop,
    port, route, segment, stats, system, trace, tunnel, vni, vrf,
};
use clap::{Parser, Subcommand};

/// Configures and watches the ferroute router.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "ferroute",
    version,
    max_term_width = 100,
    infer_subcommands = true
)]
#[command(
    after_help = "Exit codes: 0 done, 1 the router refused, 2 the command line is wrong, 3 the router cannot be reached."
)]
pub struct Cli {
    /// How results are printed.
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub output: Format,
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Ports: DPDK devices that the router polls.
    #[command(subcommand)]
    Port(port::Port),
    /// Interfaces: ports' own, VLANs and loopbacks.
    #[command(subcommand, visible_alias = "interface")]
    Link(link::Link),
    /// Addresses of interfaces.
    #[command(subcommand, visible_alias = "address")]
    Addr(addr::Addr),
    /// VRFs: routing tables with their own interfaces.
    #[command(subcommand)]
    Vrf(vrf::Vrf),
    /// Routes and their owners.
    #[command(subcommand)]
    Route(route::Route),
    /// Next hop sets that routes refer to.
    #[command(subcommand)]
    Nexthop(nexthop::Nexthop),
    /// Endpoints: the router's own ends of tunnels.
    #[command(subcommand)]
    Endpoint(endpoint::Endpoint),
    /// VNIs: VXLAN networks.
    #[command(subcommand)]
    Vni(vni::Vni),
    /// Bridge domains: ports, VLANs and a VNI among which frames are bridged.
    #[command(subcommand)]
    Domain(domain::Domain),
    /// Stations: which way each Ethernet address of a bridge domain is.
    #[command(subcommand)]
    Fdb(fdb::Fdb),
    /// Ethernet segments: links that hosts share with other routers.
    #[command(subcommand)]
    Segment(segment::Segment),
    /// Labels: MPLS.
    #[command(subcommand)]
    Label(label::Label),
    /// Tunnels that next hops lead into.
    #[command(subcommand)]
    Tunnel(tunnel::Tunnel),
    /// Neighbours: ARP and neighbour discovery.
    #[command(subcommand, visible_alias = "neighbour")]
    Neigh(neigh::Neigh),
    /// Counters of interfaces, punt classes and memory.
    #[command(subcommand)]
    Stats(stats::Stats),
    /// Dropped packets by reason.
    Drops(stats::Drops),
    /// Forwarding workers: load, cost, counters.
    Workers(stats::Workers),
    /// Prints events as they happen, until interrupted.
    Events(events::Events),
    /// Prints every decision about sampled packets.
    Trace(trace::Trace),
    /// Writes frames into a pcapng file, or to the standard output.
    Capture(capture::Capture),
    /// The router as a whole.
    #[command(subcommand)]
    System(system::System),
    /// The bridge from routing daemons.
    #[command(subcommand)]
    Bridge(bridge::Bridge),
    /// Prints a completion script for a shell.
    Completion(generate::Completion),
    /// Writes the manual pages into a directory.
    Man(generate::Man),
}

/// Does what the command line says.
pub(super) fn run(cli: Cli) -> Result<(), CliError> {
    let offline = match &cli.command {
        Command::Completion(completion) => Some(completion.run()),
        Command::Man(man) => Some(man.run()),
        _ => None,
    };
    if let Some(done) = offline {
        return done;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Threads)?;
    let output = Output::new(cli.output);
    runtime.block_on(execute(cli, output))
}

/// Does what needs the router.
pub(super) async fn execute(cli: Cli, output: Output) -> Result<(), CliError> {
    // It is reached at a socket of its own, with or without a router.
    if let Command::Bridge(command) = cli.command {
        return command.run(output).await;
    }
    let session = &mut Session::open(cli.server, output).await?;
    match cli.command {
        Command::Port(command) => command.run(session).await,
        Command::Link(command) => command.run(session).await,
        Command::Addr(command) => command.run(session).await,
        Command::Vrf(command) => command.run(session).await,
        Command::Route(command) => command.run(session).await,
        Command::Nexthop(command) => command.run(session).await,
        Command::Endpoint(command) => command.run(session).await,
        Command::Vni(command) => command.run(session).await,
        Command::Domain(command) => command.run(session).await,
        Command::Fdb(command) => command.run(session).await,
        Command::Segment(command) => command.run(session).await,
        Command::Label(command) => command.run(session).await,
        Command::Tunnel(command) => command.run(session).await,
        Command::Neigh(command) => command.run(session).await,
        Command::Stats(command) => command.run(session).await,
        Command::Drops(command) => command.run(session).await,
        Command::Workers(command) => command.run(session).await,
        Command::Events(command) => command.run(session).await,
        Command::Trace(command) => command.run(session).await,
        Command::Capture(command) => command.run(session).await,
        Command::System(command) => command.run(session).await,
        Command::Bridge(_) | Command::Completion(_) | Command::Man(_) => Ok(()),
    }
}
