//! Attributes that nobody knows, counted by what they are attributes of.

use ferroute_proto::v1;

/// How many attributes were skipped because nobody knows them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::bridge) struct Ignored {
    /// Of routes and label switched paths.
    pub(in crate::bridge) routes: u64,
    /// Of next hop objects.
    pub(in crate::bridge) next_hops: u64,
    /// Of netdevs.
    pub(in crate::bridge) links: u64,
    /// Of addresses.
    pub(in crate::bridge) addresses: u64,
    /// Of neighbours.
    pub(in crate::bridge) neighbours: u64,
    /// Of entries of forwarding databases.
    pub(in crate::bridge) fdb: u64,
}

impl Ignored {
    /// Counts those that were skipped elsewhere, too.
    pub(in crate::bridge) const fn add(&mut self, more: Self) {
        self.routes += more.routes;
        self.next_hops += more.next_hops;
        self.links += more.links;
        self.addresses += more.addresses;
        self.neighbours += more.neighbours;
        self.fdb += more.fdb;
    }
}

impl From<Ignored> for v1::BridgeIgnored {
    fn from(ignored: Ignored) -> Self {
        Self {
            routes: ignored.routes,
            next_hops: ignored.next_hops,
            links: ignored.links,
            addresses: ignored.addresses,
            neighbours: ignored.neighbours,
            fdb: ignored.fdb,
        }
    }
}
