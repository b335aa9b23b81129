//! The word that roots and nodes are made of.

/// One entry of a root or node: two bits of tag and 30 bits of payload.
///
/// | tag | payload |
/// |---|---|
/// | 0 leaf | a next hop; 0 is "whatever the default route says" |
/// | 1 node | where the node starts |
/// | 2 cell | where the cell starts |
///
/// Blocks start at multiples of eight words, so a payload is a word index without its last three
/// bits, and shifting an entry left by three gives the word index and drops the tag. A word of
/// zeros, as fresh memory has it, is the leaf of a table without routes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(super) struct Entry(u32);

/// An entry taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The answer: a next hop or 0.
    Leaf(u32),
    /// The first word of a node.
    Node(u32),
    /// The first word of a cell.
    Cell(u32),
}

const NODE: u32 = 1 << 30;
const CELL: u32 = 1 << 31;

/// The bits of a leaf that hold the next hop.
pub(super) const VALUE: u32 = NODE - 1;

impl Entry {
    /// The entry with these bits.
    #[inline(always)]
    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits of the entry.
    #[inline(always)]
    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    /// The entry that answers `value`.
    #[inline(always)]
    pub(super) const fn leaf(value: u32) -> Self {
        Self(value & VALUE)
    }

    /// The entry that leads to the node at word `at`.
    pub(super) const fn node(at: u32) -> Self {
        Self(NODE | at >> 3)
    }

    /// The entry that leads to the cell at word `at`.
    pub(super) const fn cell(at: u32) -> Self {
        Self(CELL | at >> 3)
    }

    /// Whether the entry is an answer.
    #[inline(always)]
    pub(super) const fn is_leaf(self) -> bool {
        self.0 < NODE
    }

    /// Whether the entry leads to a node.
    #[inline(always)]
    pub(super) const fn is_node(self) -> bool {
        self.0 >> 30 == NODE >> 30
    }

    /// Whether the entry leads to a cell.
    #[inline(always)]
    pub(super) const fn is_cell(self) -> bool {
        self.0 >= CELL
    }

    /// The first word of the block to which the entry leads; meaningless for a leaf.
    #[inline(always)]
    pub(super) const fn target(self) -> u32 {
        self.0 << 3
    }

    /// The entry taken apart.
    #[inline(always)]
    pub(super) const fn kind(self) -> Kind {
        if self.is_leaf() {
            Kind::Leaf(self.0)
        } else if self.is_cell() {
            Kind::Cell(self.target())
        } else {
            Kind::Node(self.target())
        }
    }
}
