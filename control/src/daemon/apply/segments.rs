//! The configuration's Ethernet segments.

use super::Errors;
use crate::config::segments::Segment;
use crate::core::handle::CoreHandle;
use crate::core::request::SegmentRequest;

/// A segment, whose members exist.
pub(super) async fn make(place: usize, segment: &Segment, core: &CoreHandle, errors: &mut Errors) {
    let spec = Box::new(segment.spec());
    let made = core
        .call(|reply| SegmentRequest::Create(spec, None, reply).into())
        .await;
    errors.note(|| format!("segments[{place}]"), made);
}
