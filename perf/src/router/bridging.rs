//! VRFs, bridge domains and their stations.

use super::Api;
use crate::error::PerfError;
use ferroute_proto::v1;
use tonic::transport::Channel;
use v1::bridge_domain_service_client::BridgeDomainServiceClient;
use v1::vrf_service_client::VrfServiceClient;

impl Api {
    fn domains(&self) -> BridgeDomainServiceClient<Channel> {
        BridgeDomainServiceClient::new(self.channel())
    }

    fn vrfs(&self) -> VrfServiceClient<Channel> {
        VrfServiceClient::new(self.channel())
    }

    /// Makes a VRF.
    ///
    /// # Errors
    /// The router refuses.
    pub fn create_vrf(&mut self, name: &str) -> Result<(), PerfError> {
        let spec = Some(v1::VrfSpec {
            name: name.to_owned(),
            ..v1::VrfSpec::default()
        });
        self.call(self.vrfs().create(v1::CreateVrfRequest { spec }))
            .map(drop)
    }

    /// Removes a VRF.
    ///
    /// # Errors
    /// The router refuses.
    pub fn delete_vrf(&mut self, name: &str) -> Result<(), PerfError> {
        let name = name.to_owned();
        self.call(self.vrfs().delete(v1::DeleteVrfRequest { name }))
            .map(drop)
    }

    /// Makes a bridge domain.
    ///
    /// # Errors
    /// The router refuses.
    pub fn create_domain(&mut self, spec: v1::BridgeDomainSpec) -> Result<(), PerfError> {
        let spec = Some(spec);
        self.call(
            self.domains()
                .create_domain(v1::CreateDomainRequest { spec }),
        )
        .map(drop)
    }

    /// Removes a bridge domain.
    ///
    /// # Errors
    /// The router refuses.
    pub fn delete_domain(&mut self, name: &str) -> Result<(), PerfError> {
        let name = name.to_owned();
        self.call(
            self.domains()
                .delete_domain(v1::DeleteDomainRequest { name }),
        )
        .map(drop)
    }

    /// Stations that a bridge domain has learned.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn learned(&mut self, domain: &str) -> Result<u32, PerfError> {
        let name = domain.to_owned();
        let domain = self.call(self.domains().get_domain(v1::GetDomainRequest { name }))?;
        Ok(domain.learned)
    }

    /// Puts stations behind a member of a bridge domain, for good.
    ///
    /// # Errors
    /// The router refuses one.
    pub fn set_stations(
        &mut self,
        domain: &str,
        member: &str,
        stations: impl Iterator<Item = [u8; 6]>,
    ) -> Result<(), PerfError> {
        let put = |mac: [u8; 6]| v1::FdbChange {
            change: Some(v1::fdb_change::Change::Put(v1::FdbEntry {
                domain: domain.to_owned(),
                mac: mac.to_vec().into(),
                place: Some(v1::fdb_entry::Place::Interface(member.to_owned())),
            })),
        };
        let changes = stations.map(put).collect();
        let request = v1::ChangeFdbRequest {
            changes,
            ..v1::ChangeFdbRequest::default()
        };
        let refused = self.call(self.domains().change_fdb(request))?.refused;
        match refused.first() {
            None => Ok(()),
            Some(first) => Err(PerfError::Refused {
                count: refused.len() as u64,
                reason: first.reason.clone(),
                message: first.message.clone(),
            }),
        }
    }
}
