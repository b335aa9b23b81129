//! Who answers what.

use super::request::{
    BridgeRequest, InterfaceRequest, NeighbourRequest, NextHopRequest, OverlayRequest, PortRequest,
    Request, RouteRequest, SegmentRequest, StatsRequest, SystemRequest, TraceRequest, VrfRequest,
};
use super::router::Router;
use crate::model::interface::InterfaceError;
use crate::model::port::PortError;
use crate::model::vrf::VrfError;

impl Router {
    /// Does what is asked and answers. An asker that went away is no error.
    pub(super) fn handle(&mut self, request: Request) {
        let touched = self.touched(&request);
        self.answer(request);
        self.note_things(touched);
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Port(request) => self.handle_port(request),
            Request::Interface(request) => self.handle_interface(request),
            Request::Vrf(request) => self.handle_vrf(request),
            Request::Route(request) => self.handle_route(request),
            Request::NextHop(request) => self.handle_next_hop(request),
            Request::Overlay(request) => self.handle_overlay(request),
            Request::Bridge(request) => self.handle_bridge(request),
            Request::Segment(request) => self.handle_segment(request),
            Request::Neighbour(request) => self.handle_neighbour(request),
            Request::Stats(request) => self.handle_stats(request),
            Request::Trace(request) => self.handle_trace(request),
            Request::System(SystemRequest::Info(reply)) => drop(reply.send(Ok(self.system_view()))),
            Request::System(SystemRequest::Config(reply)) => {
                drop(reply.send(Ok(self.settings.config.clone())))
            }
            Request::System(SystemRequest::Restore(restore, reply)) => {
                drop(reply.send(Ok(self.take_up(*restore))))
            }
        }
    }

    fn handle_port(&mut self, request: PortRequest) {
        match request {
            PortRequest::Add(spec, reply) => drop(reply.send(self.add_port(*spec))),
            PortRequest::Change(name, change, reply) => {
                drop(reply.send(self.change_port(name, *change)))
            }
            PortRequest::Remove(name, reply) => drop(reply.send(self.remove_port(name))),
            PortRequest::Get(name, reply) => drop(reply.send(self.port_view(name))),
            PortRequest::List(reply) => {
                let views: Result<Vec<_>, PortError> = self
                    .ports
                    .keys()
                    .map(|name| self.port_view(*name))
                    .collect();
                drop(reply.send(Ok(views.unwrap_or_default())));
            }
            PortRequest::Stats(name, reply) => drop(reply.send(self.port_stats(name))),
        }
    }

    fn handle_interface(&mut self, request: InterfaceRequest) {
        match request {
            InterfaceRequest::Create(spec, reply) => drop(reply.send(self.create_interface(*spec))),
            InterfaceRequest::Delete(name, reply) => drop(reply.send(self.delete_interface(name))),
            InterfaceRequest::Change(name, change, reply) => {
                drop(reply.send(self.change_interface(name, change)))
            }
            InterfaceRequest::AddAddress(name, address, reply) => {
                drop(reply.send(self.add_address(name, address)))
            }
            InterfaceRequest::RemoveAddress(name, address, reply) => {
                drop(reply.send(self.remove_address(name, address)))
            }
            InterfaceRequest::Get(name, reply) => {
                let found = self
                    .interfaces
                    .id(&name)
                    .ok_or(InterfaceError::UnknownInterface { interface: name });
                drop(reply.send(found.and_then(|id| self.interface_view(id))));
            }
            InterfaceRequest::List(vrf, reply) => {
                let only = vrf
                    .map(|vrf| self.vrfs.id(&vrf).ok_or(InterfaceError::UnknownVrf { vrf }))
                    .transpose();
                let views = only.and_then(|only| {
                    let wanted = self
                        .interfaces
                        .iter()
                        .filter(|i| only.is_none_or(|only| only == i.vrf));
                    wanted.map(|i| self.interface_view(i.id)).collect()
                });
                drop(reply.send(views));
            }
        }
    }

    fn handle_vrf(&mut self, request: VrfRequest) {
        match request {
            VrfRequest::Create(spec, reply) => drop(reply.send(self.create_vrf(spec))),
            VrfRequest::Delete(name, reply) => drop(reply.send(self.delete_vrf(name))),
            VrfRequest::Get(name, reply) => {
                let found = self
                    .vrfs
                    .id(&name)
                    .ok_or(VrfError::UnknownVrf { vrf: name });
                drop(reply.send(found.and_then(|id| self.vrf_view(id))));
            }
            VrfRequest::List(reply) => {
                let mut views: Vec<_> = self
                    .vrfs
                    .iter()
                    .filter_map(|(id, _)| self.vrf_view(id).ok())
                    .collect();
                views
                    .get_mut(1..)
                    .unwrap_or_default()
                    .sort_unstable_by_key(|v| v.spec.name);
                drop(reply.send(Ok(views)));
            }
        }
    }

    fn handle_route(&mut self, request: RouteRequest) {
        match request {
            RouteRequest::Open(open, reply) => {
                let opened = self.open_session(open);
                let session = opened.as_ref().ok().map(|o| o.session);
                if let (Err(_), Some(session)) = (reply.send(opened), session) {
                    self.close_session(session);
                }
            }
            RouteRequest::OwnerGone(session) => self.close_session(session),
            RouteRequest::Batch(flight, reply) => drop(reply.send(self.apply_batch(&flight.batch))),
            RouteRequest::EndOfRib(session, reply) => self.end_of_rib(session, reply),
            RouteRequest::List(filter, after, reply) => {
                drop(reply.send(self.route_page(&filter, after)))
            }
            RouteRequest::Lookup(query, reply) => {
                drop(reply.send(self.explain(&query).map(Box::new)))
            }
            RouteRequest::ListOwners(reply) => drop(reply.send(Ok(self.owner_views()))),
            RouteRequest::RemoveOwner(owner, reply) => self.remove_owner(owner, reply),
        }
    }

    fn handle_next_hop(&mut self, request: NextHopRequest) {
        match request {
            NextHopRequest::Put(owner, set, reply) => {
                drop(reply.send(self.put_next_hops(owner, &set)))
            }
            NextHopRequest::Delete(owner, id, reply) => {
                drop(reply.send(self.delete_next_hops(owner, id)))
            }
            NextHopRequest::Get(key, reply) => drop(reply.send(self.next_hop_entry(key))),
            NextHopRequest::List(owner, after, reply) => {
                drop(reply.send(Ok(self.next_hop_page(owner, after))))
            }
        }
    }

    fn handle_overlay(&mut self, request: OverlayRequest) {
        use OverlayRequest as Ask;
        match request {
            Ask::CreateEndpoint(spec, reply) => drop(reply.send(self.create_endpoint(*spec))),
            Ask::ChangeEndpoint(spec, reply) => drop(reply.send(self.change_endpoint(*spec))),
            Ask::DeleteEndpoint(name, reply) => drop(reply.send(self.delete_endpoint(name))),
            Ask::GetEndpoint(name, reply) => drop(reply.send(self.endpoint_view(&name))),
            Ask::ListEndpoints(reply) => drop(reply.send(Ok(self.endpoint_views()))),
            Ask::CreateVni(spec, owner, reply) => drop(reply.send(self.create_vni(&spec, owner))),
            Ask::ChangeVni(spec, owner, reply) => drop(reply.send(self.change_vni(&spec, owner))),
            Ask::DeleteVni(key, reply) => drop(reply.send(self.delete_vni(key))),
            Ask::GetVni(key, reply) => drop(reply.send(self.vni_view(key))),
            Ask::ListVnis(after, reply) => drop(reply.send(Ok(self.vni_page(after)))),
            Ask::PutLabel(spec, owner, reply) => {
                drop(reply.send(self.put_label(*spec, owner)));
            }
            Ask::DeleteLabel(label, reply) => drop(reply.send(self.delete_label(label))),
            Ask::GetLabel(label, reply) => drop(reply.send(self.label_view(label))),
            Ask::ListLabels(after, reply) => drop(reply.send(Ok(self.label_page(after)))),
            Ask::ListTunnels(after, reply) => drop(reply.send(Ok(self.tunnel_page(after)))),
        }
    }

    fn handle_bridge(&mut self, request: BridgeRequest) {
        use BridgeRequest as Ask;
        match request {
            Ask::Create(spec, reply) => drop(reply.send(self.create_domain(&spec))),
            Ask::Change(spec, reply) => drop(reply.send(self.change_domain(&spec))),
            Ask::Delete(name, reply) => drop(reply.send(self.delete_domain(name))),
            Ask::Get(name, reply) => drop(reply.send(self.domain_view(&name))),
            Ask::List(after, reply) => drop(reply.send(Ok(self.domain_page(after)))),
            Ask::AddMember(name, interface, reply) => {
                drop(reply.send(self.add_member(name, interface)))
            }
            Ask::RemoveMember(name, interface, reply) => {
                drop(reply.send(self.remove_member(name, interface)))
            }
            Ask::ChangeFdb(changes, owner, reply) => {
                drop(reply.send(Ok(self.change_fdb(&changes, owner))));
            }
            Ask::ListFdb(filter, after, reply) => {
                drop(reply.send(self.station_page(&filter, after)))
            }
            Ask::FlushFdb(domain, interface, reply) => {
                drop(reply.send(self.flush_fdb(domain, interface)))
            }
            Ask::ChangeFlood(changes, owner, reply) => {
                drop(reply.send(Ok(self.change_flood(&changes, owner))));
            }
        }
    }

    fn handle_segment(&mut self, request: SegmentRequest) {
        use SegmentRequest as Ask;
        match request {
            Ask::Create(spec, owner, reply) => {
                drop(reply.send(self.create_segment(*spec, owner)));
            }
            Ask::Change(spec, owner, reply) => {
                drop(reply.send(self.change_segment(*spec, owner)));
            }
            Ask::Delete(id, reply) => drop(reply.send(self.delete_segment(id))),
            Ask::Get(id, reply) => drop(reply.send(self.segment_view(id))),
            Ask::List(after, reply) => drop(reply.send(Ok(self.segment_page(after)))),
        }
    }

    fn handle_neighbour(&mut self, request: NeighbourRequest) {
        match request {
            NeighbourRequest::List(filter, after, reply) => {
                self.list_neighbours(&filter, after, reply)
            }
            NeighbourRequest::Add(spec, owner, reply) => {
                drop(reply.send(self.add_neighbour(spec, owner)));
            }
            NeighbourRequest::Delete(name, address, reply) => {
                drop(reply.send(self.delete_neighbour(name, address)))
            }
            NeighbourRequest::Flush(filter, reply) => {
                drop(reply.send(self.flush_neighbours(filter)))
            }
        }
    }

    fn handle_trace(&mut self, request: TraceRequest) {
        match request {
            TraceRequest::Trace(filter, reply) => drop(reply.send(self.start_trace(&filter))),
            TraceRequest::Capture(spec, reply) => drop(reply.send(self.start_capture(&spec))),
            TraceRequest::NamePaths(paths, reply) => drop(reply.send(Ok(self.name_paths(&paths)))),
            TraceRequest::NameInterfaces(ids, reply) => {
                drop(reply.send(Ok(self.interface_names(&ids))))
            }
        }
    }

    fn handle_stats(&mut self, request: StatsRequest) {
        match request {
            StatsRequest::Workers(reply) => drop(reply.send(Ok(self.worker_views()))),
            StatsRequest::Drops(reply) => drop(reply.send(Ok(self.drop_views()))),
            StatsRequest::Interfaces(reply) => drop(reply.send(Ok(self.interface_stats()))),
            StatsRequest::Punts(reply) => drop(reply.send(Ok(self.punt_views()))),
            StatsRequest::Memory(reply) => drop(reply.send(Ok(self.memory_view()))),
        }
    }
}
