//! Ethernet segments of a bench.

use ferroute_control::core::request::SegmentRequest;
use ferroute_control::model::segment::{
    Designation, Redundancy, SegmentError, SegmentId, SegmentSpec, SegmentView,
};

use super::Bench;

/// The segment of this number.
#[must_use]
pub fn esi(number: u8) -> SegmentId {
    SegmentId::try_from(&[3, 0x44, 0x38, 0x39, 0xff, 0xff, 1, 0, 0, number][..]).expect("an ESI")
}

/// An all-active segment with these members and peers, whose designated forwarder is another router.
#[must_use]
pub fn segment_spec(number: u8, members: &[&str], peers: &[&str]) -> SegmentSpec {
    SegmentSpec {
        id: esi(number),
        redundancy: Redundancy::AllActive,
        members: members.iter().map(|m| m.parse().expect("a name")).collect(),
        peers: peers
            .iter()
            .map(|p| p.parse().expect("an address"))
            .collect(),
        designation: Designation::default(),
    }
}

impl Bench {
    /// Makes a segment.
    pub fn segment(&mut self, spec: SegmentSpec) -> &mut Self {
        self.try_segment(spec)
            .unwrap_or_else(|e| panic!("segment: {e}"));
        self
    }

    /// Tries to make a segment.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn try_segment(&mut self, spec: SegmentSpec) -> Result<SegmentView, SegmentError> {
        self.call(|reply| SegmentRequest::Create(Box::new(spec), None, reply).into())
    }

    /// Gives a segment another spec.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn change_segment(&mut self, spec: SegmentSpec) -> Result<SegmentView, SegmentError> {
        self.call(|reply| SegmentRequest::Change(Box::new(spec), None, reply).into())
    }

    /// Removes a segment.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn delete_segment(&mut self, number: u8) -> Result<(), SegmentError> {
        self.call(|reply| SegmentRequest::Delete(esi(number), reply).into())
    }

    /// A segment as it is.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn segment_view(&mut self, number: u8) -> Result<SegmentView, SegmentError> {
        self.call(|reply| SegmentRequest::Get(esi(number), reply).into())
    }
}
