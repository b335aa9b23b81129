//! What the played core has of Ethernet segments.

use crate::core::request::SegmentRequest;
use crate::model::page::Page;
use crate::model::segment::{
    Attachment, Designation, PathView, Redundancy, SegmentError, SegmentLeads, SegmentSpec,
    SegmentView,
};

fn segment() -> SegmentView {
    let (domain, interface) = ("blue".parse().unwrap(), "p0".parse().unwrap());
    let path = |stations, leads| PathView {
        domain,
        primary: None,
        stations,
        leads,
    };
    let end = "192.0.2.2".parse().unwrap();
    SegmentView {
        spec: SegmentSpec {
            id: "03:44:38:39:ff:ff:01:00:00:01".parse().unwrap(),
            redundancy: Redundancy::SingleActive,
            members: vec![interface],
            peers: vec![end, "2001:db8::2".parse().unwrap()],
            designation: Designation {
                general: true,
                exceptions: vec![domain],
            },
        },
        attached: vec![Attachment {
            domain,
            interface,
            designated: false,
            standby: true,
        }],
        paths: vec![
            path(3, SegmentLeads::Ends(vec![end])),
            path(2, SegmentLeads::Member(interface)),
            path(1, SegmentLeads::Nowhere),
        ],
    }
}

/// Answers one request: there is one segment, which cannot go.
pub(super) fn answer(request: SegmentRequest) {
    use SegmentRequest as Ask;
    match request {
        Ask::Create(_, _, reply) | Ask::Change(_, _, reply) | Ask::Get(_, reply) => {
            drop(reply.send(Ok(segment())));
        }
        Ask::Delete(segment, reply) => {
            let stations = 6;
            drop(reply.send(Err(SegmentError::SegmentInUse { segment, stations })));
        }
        Ask::List(_, reply) => {
            let (items, next) = (vec![segment()], None);
            drop(reply.send(Ok(Page { items, next })));
        }
    }
}
