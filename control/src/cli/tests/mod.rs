//! The command line as a whole.

mod core;
mod docs;
mod domain;
mod live;
mod overlay;
mod packets;
mod segment;

use super::grammar::Cli;
use clap::{Command, CommandFactory, Parser};

#[test]
fn the_grammar_is_sound() {
    Cli::command().debug_assert();
}

/// Calls `each` for a command and all below it.
fn walk(command: &mut Command, path: &str, each: &mut impl FnMut(&mut Command, &str)) {
    each(command, path);
    for below in command.get_subcommands_mut() {
        let path = format!("{path} {}", below.get_name());
        walk(below, &path, each);
    }
}

#[test]
fn every_command_and_argument_is_explained() {
    let mut root = Cli::command();
    root.build();
    let mut pages = 0;
    walk(&mut root, "ferroute", &mut |command, path| {
        if path.contains(" help") {
            return;
        }
        assert!(
            command.get_about().is_some(),
            "{path} says nothing about itself"
        );
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{path}: {} is not explained",
                argument.get_id()
            );
        }
        let help = command.render_long_help().to_string();
        assert!(help.contains("Usage:"), "{path}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 200),
            "{path}"
        );
        pages += 1;
    });
    assert!(pages > 40, "{pages}");
}

#[test]
fn help_can_be_asked_for_everywhere() {
    let mut root = Cli::command();
    root.build();
    walk(&mut root, "ferroute", &mut |_, path| {
        if path.contains(" help") {
            return;
        }
        let words = path.split(' ').chain(["--help"]);
        let answer = Cli::try_parse_from(words).unwrap_err();
        assert_eq!(answer.kind(), clap::error::ErrorKind::DisplayHelp, "{path}");
    });
}

#[test]
fn what_users_of_ip_type_is_understood() {
    for line in [
        "port add p0 0000:3b:00.0 --rx-queues 2 --workers 0,1 --mtu 9000 --promiscuous",
        "port set p0 --promiscuous=false",
        "port show",
        "link add p0.100 type vlan link p0 id 100 vrf red",
        "link set p0 up mtu 9000",
        "interface show --vrf red",
        "addr add 10.0.0.1/24 dev p0",
        "address del 10.0.0.1/24 dev p0",
        "addr show dev p0",
        "vrf add red table 100",
        "route add 10.1.0.0/16 via 10.0.0.2 --vrf red",
        "route add 10.1.0.0/16 via 10.0.0.2 dev p0 weight 2 nexthop via 10.0.0.3 --metric 5 --distance 20 --owner me",
        "route add --vrf red blackhole 10.1.0.0/16",
        "route del 10.1.0.0/16",
        "route replace default via fe80::1 dev p0",
        "route show 10.0.0.0/8 --longer -4 --best",
        "route lookup 10.1.2.3 --vrf red --flow-hash 7 -o json",
        "route get 2001:db8::1",
        "route inject - --owner bulk --hold --epoch 3 --end-of-rib",
        "route owners",
        "route remove-owner bulk",
        "nexthop replace id 5 via 10.0.0.2",
        "nexthop get 5 --fib",
        "route add 10.1.0.0/16 encap vxlan id 100 rmac 02:00:00:00:00:01 via 192.0.2.2 --vrf red",
        "endpoint add default address 192.0.2.1",
        "vni add 100 vrf red rmac 02:00:00:00:00:01",
        "vni del 100 --endpoint fabric",
        "vni add 200 domain blue",
        "domain add blue member p0 gateway 02:00:00:00:00:01 vrf red",
        "domain join blue p1",
        "domain show",
        "fdb add 02:00:00:00:00:07 domain blue dst 192.0.2.2 vni 7 seq 3 sticky",
        "fdb append 00:00:00:00:00:00 domain blue dst 192.0.2.2",
        "fdb show --domain blue --kind learned",
        "fdb flush --dev p0",
        "fdb add 02:00:00:00:00:07 domain blue segment 03:44:38:39:ff:ff:01:00:00:01",
        "segment add 03:44:38:39:ff:ff:01:00:00:01 member p0 peer 192.0.2.2 designated except blue",
        "segment replace 03:44:38:39:ff:ff:01:00:00:01 single-active",
        "segment show 03:44:38:39:ff:ff:01:00:00:01",
        "segment del 03:44:38:39:ff:ff:01:00:00:01",
        "label add 100 vrf red",
        "label del 100",
        "tunnel show",
        "neigh show --dev p0 --state stale -6",
        "neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev p0",
        "neigh flush --vrf red",
        "stats interfaces",
        "-o json stats memory",
        "drops --all",
        "workers --stages",
        "events --kind port,owner,segment,endpoint,vni,label,tunnel --dev p0",
        "trace --dev p0 --vrf red --prefix 10.0.0.0/8 --reason no_route --sample 10 -n 5",
        "capture -w x.pcapng --at receive,transmit,punt,drop -s 96 -n 9 --bytes 1000000 --seconds 5",
        "capture -w - --at drop --reason ttl_expired",
        "bridge status",
        "system info",
        "system config --socket /tmp/s",
        "--server router:5000 --ca ca.pem --cert c.pem --key k.pem system info",
        "completion bash",
        "man /tmp/man",
    ] {
        let parsed = Cli::try_parse_from(std::iter::once("ferroute").chain(line.split(' ')));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "",
        "port",
        "port add p0",
        "route show --longer",
        "route lookup 10.1.2",
        "route inject f --epoch 3",
        "neigh show -4 -6",
        "neigh show --state lost",
        "events --kind weather",
        "trace --sample 0",
        "capture -w x --at nowhere",
        "capture -w x -s 13",
        "nonsense",
    ] {
        let words = line.split(' ').filter(|word| !word.is_empty());
        assert!(
            Cli::try_parse_from(std::iter::once("ferroute").chain(words)).is_err(),
            "{line}"
        );
    }
}
