//! Which servers the control plane looks at.

use std::time::Duration;

use chancery_proto::policy::v1::{Pinning, ServerState};

use super::Registry;
use crate::resource::Kind;

impl Registry {
    /// The names of all servers that are looked at without being asked for, each with how often where
    /// its entry says that.
    pub fn scanned(&self) -> Vec<(String, Option<Duration>)> {
        let resources = self.current();
        let scanned = resources.of_kind(Kind::Server).filter_map(|stored| {
            let server = stored.as_server()?;
            let scan = server.scan.as_ref()?;
            let is_in_use = match server.state() {
                ServerState::Unspecified | ServerState::Approved | ServerState::Proposed => true,
                ServerState::Suspended | ServerState::Retired => false,
            };
            let is_due = is_in_use && server.pinning() != Pinning::Unspecified;
            let interval = scan.interval.as_ref().map(|it| it.seconds.unsigned_abs());
            (is_due && !scan.disabled && !scan.url.is_empty())
                .then(|| (server.name.clone(), interval.map(Duration::from_secs)))
        });
        scanned.collect()
    }
}
