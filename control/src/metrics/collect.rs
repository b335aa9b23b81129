//! Asks the core for everything that becomes a metric.

use super::exposition::Exposition;
use super::{domains, state, traffic};
use crate::core::handle::{CallError, CoreHandle};
use crate::core::request::{
    BridgeRequest, InterfaceRequest, PortRequest, RouteRequest, StatsRequest, SystemRequest,
};
use crate::model::port::{PortStats, PortView};
use std::convert::Infallible;

/// The core does not answer any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the router is stopping")]
pub struct Stopped;

impl From<CallError<Infallible>> for Stopped {
    fn from(_: CallError<Infallible>) -> Self {
        Self
    }
}

/// All metrics of this moment, as text.
///
/// # Errors
/// The router is stopping.
pub async fn render(core: &CoreHandle) -> Result<String, Stopped> {
    let mut exposition = Exposition::default();
    state::system(
        &mut exposition,
        &core.call(|reply| SystemRequest::Info(reply).into()).await?,
    );
    traffic::workers(
        &mut exposition,
        &core
            .call(|reply| StatsRequest::Workers(reply).into())
            .await?,
    );
    traffic::drops(
        &mut exposition,
        &core.call(|reply| StatsRequest::Drops(reply).into()).await?,
    );
    traffic::punts(
        &mut exposition,
        &core.call(|reply| StatsRequest::Punts(reply).into()).await?,
    );
    // A listing of all VRFs has no reason to be refused but that the router stops.
    let views = core
        .call(|reply| InterfaceRequest::List(None, reply).into())
        .await
        .map_err(|_| Stopped)?;
    traffic::interfaces(&mut exposition, &views);
    ports(&mut exposition, core).await?;
    bridge_domains(&mut exposition, core).await?;
    state::owners(
        &mut exposition,
        &core
            .call(|reply| RouteRequest::ListOwners(reply).into())
            .await?,
    );
    state::memory(
        &mut exposition,
        &core
            .call(|reply| StatsRequest::Memory(reply).into())
            .await?,
    );
    Ok(exposition.finish())
}

async fn bridge_domains(to: &mut Exposition, core: &CoreHandle) -> Result<(), Stopped> {
    let mut views = Vec::new();
    let mut after = None;
    loop {
        let page = core
            .call(|reply| BridgeRequest::List(after, reply).into())
            .await?;
        views.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    domains::domains(to, &views);
    Ok(())
}

async fn ports(to: &mut Exposition, core: &CoreHandle) -> Result<(), Stopped> {
    let views: Vec<PortView> = core.call(|reply| PortRequest::List(reply).into()).await?;
    let mut stats: Vec<(&str, PortStats)> = Vec::with_capacity(views.len());
    for view in &views {
        match core
            .call(|reply| PortRequest::Stats(view.name, reply).into())
            .await
        {
            Ok(counted) => stats.push((view.name.as_str(), counted)),
            // The port went away meanwhile, or its driver does not say: then it has no samples.
            Err(CallError::Refused(_)) => {}
            Err(CallError::Stopped) => return Err(Stopped),
        }
    }
    traffic::ports(to, &views, &stats);
    Ok(())
}
