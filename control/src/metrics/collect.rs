//! Asks the core for everything that becomes a metric.

use super::exposition::Exposition;
use super::{domains, overlay, state, traffic};
use crate::core::handle::{CallError, CoreHandle};
use crate::core::request::{
    BridgeRequest, InterfaceRequest, OverlayRequest, PortRequest, Reply, Request, RouteRequest,
    StatsRequest, SystemRequest,
};
use crate::model::page::Page;
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
    let vnis = all(core, |after, reply| {
        OverlayRequest::ListVnis(after, reply).into()
    });
    overlay::vnis(&mut exposition, &vnis.await?);
    let labels = all(core, |after, reply| {
        OverlayRequest::ListLabels(after, reply).into()
    });
    overlay::labels(&mut exposition, &labels.await?);
    let tunnels = all(core, |after, reply| {
        OverlayRequest::ListTunnels(after, reply).into()
    });
    overlay::tunnels(&mut exposition, &tunnels.await?);
    let domains = all(core, |after, reply| {
        BridgeRequest::List(after, reply).into()
    });
    domains::domains(&mut exposition, &domains.await?);
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

/// All items of a listing, page by page.
async fn all<T, C>(
    core: &CoreHandle,
    page: impl Fn(Option<C>, Reply<Page<T, C>>) -> Request,
) -> Result<Vec<T>, Stopped> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let next = core.call(|reply| page(after, reply)).await?;
        items.extend(next.items);
        match next.next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(items),
        }
    }
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
