//! The configuration's bridge domains.

use super::{Errors, tcp_mtu};
use crate::config::domains::Domain;
use crate::core::handle::CoreHandle;
use crate::core::request::{BridgeRequest, InterfaceRequest};
use crate::model::bridge::MAX_CHANGES;

/// A domain, with the addresses of its gateway.
pub(super) async fn make(place: usize, domain: &Domain, core: &CoreHandle, errors: &mut Errors) {
    let spec = Box::new(domain.spec());
    let made = core
        .call(|reply| BridgeRequest::Create(spec, reply).into())
        .await;
    let gateway = match &made {
        Ok(view) => view.spec.gateway.and_then(|gateway| gateway.interface),
        Err(_) => None,
    };
    errors.note(|| format!("domains[{place}]"), made);
    let (Some(interface), Some(gateway)) = (gateway, &domain.gateway) else {
        return;
    };
    let field = || format!("domains[{place}].gateway");
    tcp_mtu(field, Some(interface), gateway.tcp_mtu, core, errors).await;
    for (item, address) in gateway.addresses.iter().enumerate() {
        let added = core
            .call(|reply| InterfaceRequest::AddAddress(interface, *address, reply).into())
            .await;
        let field = || format!("domains[{place}].gateway.addresses[{item}]");
        errors.note(field, added);
    }
}

/// The stations and remote ends of a domain; those that are remote need its VNI.
pub(super) async fn fill(place: usize, domain: &Domain, core: &CoreHandle, errors: &mut Errors) {
    let (places, changes): (Vec<_>, Vec<_>) = domain.flood_changes().unzip();
    for (changes, places) in changes.chunks(MAX_CHANGES).zip(places.chunks(MAX_CHANGES)) {
        let answer = core
            .call(|reply| BridgeRequest::ChangeFlood(changes.to_vec(), None, reply).into())
            .await;
        errors.note_refused(
            |item| format!("domains[{place}].flood[{item}]"),
            places,
            answer,
        );
    }
    let (places, changes): (Vec<_>, Vec<_>) = domain.fdb_changes().unzip();
    for (changes, places) in changes.chunks(MAX_CHANGES).zip(places.chunks(MAX_CHANGES)) {
        let answer = core
            .call(|reply| BridgeRequest::ChangeFdb(changes.to_vec(), None, reply).into())
            .await;
        errors.note_refused(
            |item| format!("domains[{place}].fdb[{item}]"),
            places,
            answer,
        );
    }
}
