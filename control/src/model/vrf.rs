//! VRFs: routing tables with their own interfaces.

use super::name::{InterfaceName, VrfName};
use super::reason::reasons;
use ferroute_dataplane::ids::VrfId;
use std::num::NonZeroU32;

reasons! {
    /// Why a text names no network namespace.
    pub enum NamespaceError {
        /// It is too long or has a character that names of namespaces do not have.
        Invalid = "NAMESPACE_INVALID", Invalid, "a network namespace is named by 1 to 255 printable characters without '/', as under /run/netns";
    }
}

/// Name of a network namespace, as under `/run/netns`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Namespace(String);

impl Namespace {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Namespace {
    type Err = NamespaceError;

    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        let graphic = text.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        let fits = (1..=255).contains(&text.len()) && graphic && text != "." && text != "..";
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NamespaceError::Invalid)
        }
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The table of the default VRF: Linux's main table.
pub const MAIN_TABLE: NonZeroU32 = match NonZeroU32::new(254) {
    Some(table) => table,
    None => NonZeroU32::MIN,
};

/// What a VRF shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VrfSpec {
    /// Its name.
    pub name: VrfName,
    /// The number by which routing suites know it (Linux's table id).
    pub table_id: Option<NonZeroU32>,
    /// Where the twins of its interfaces live; absent: the router's own setting.
    pub namespace: Option<Namespace>,
}

/// A VRF as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VrfView {
    /// The settings in force.
    pub spec: VrfSpec,
    /// Its number.
    pub id: VrfId,
    /// Its interfaces, by name.
    pub interfaces: Vec<InterfaceName>,
    /// IPv4 prefixes in its FIB.
    pub ipv4_prefixes: u64,
    /// IPv6 prefixes in its FIB.
    pub ipv6_prefixes: u64,
}

reasons! {
    /// Why an operation on a VRF failed.
    pub enum VrfError {
        /// No VRF has the name.
        UnknownVrf { /// The name.
            vrf: VrfName } = "UNKNOWN_VRF", NotFound, "there is no VRF {vrf}";
        /// Another VRF has the name.
        NameTaken { /// The name.
            name: VrfName } = "NAME_TAKEN", AlreadyExists, "the name {name} is taken";
        /// Another VRF has the table id.
        TableTaken { /// The table id.
            table_id: NonZeroU32, /// The VRF that has it.
            vrf: VrfName } = "TABLE_TAKEN", AlreadyExists, "VRF {vrf} has the table id {table_id} already";
        /// The namespace does not exist.
        UnknownNamespace { /// Its name.
            namespace: Namespace } = "UNKNOWN_NAMESPACE", NotFound, "there is no network namespace {namespace}; make it with `ip netns add {namespace}`";
        /// Interfaces or next hops name it.
        InUse { /// The VRF.
            vrf: VrfName, /// Its interfaces.
            interfaces: usize, /// Next hops of other VRFs that lead into it.
            next_hops: usize } = "IN_USE", Precondition, "VRF {vrf} has {interfaces} interfaces and is named by {next_hops} next hops";
        /// The default VRF always exists.
        DefaultVrf = "DEFAULT_VRF", Precondition, "the default VRF cannot be removed";
        /// The router takes no more VRFs.
        TooManyVrfs { /// Most that it takes.
            limit: usize } = "TOO_MANY_VRFS", Exhausted, "the router takes at most {limit} VRFs";
    }
}
