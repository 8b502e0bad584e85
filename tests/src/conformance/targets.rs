//! What the suite is run against: a server, and one like it behind Envoy.

use std::collections::BTreeSet;

use super::{Checks, Comparison, ConformanceError, Selection};
use crate::{
    artifacts,
    control_plane::ControlPlane,
    envoy::{EnvoyOptions, Filter, Upstream},
    lab::Stack,
    mcp_server::{PATH, ReferenceServer},
};

/// The rules, beneath the repository's root.
const RESOURCES: &str = "tests/conformance/anyone.yaml";
const CLUSTER: &str = "upstream";

/// Both, running. They are apart, so that what one is asked to do does not show in the other.
#[derive(Debug)]
pub struct Targets {
    direct: ReferenceServer,
    stack: Stack,
    _behind: ReferenceServer,
}

/// The outcomes of both.
#[derive(Debug)]
pub struct Runs {
    /// Against the server.
    pub direct: Checks,
    /// Against the one behind Envoy.
    pub through: Checks,
}

impl Targets {
    /// Starts all of it, under rules that allow everything.
    pub async fn start() -> Result<Self, ConformanceError> {
        let (direct, behind) = (
            ReferenceServer::start().await?,
            ReferenceServer::start().await?,
        );
        let control_plane = ControlPlane::start().await?;
        control_plane
            .apply_path(&artifacts::root().join(RESOURCES))
            .await?;
        let options = EnvoyOptions::new(
            Filter::Chancery(artifacts::filter()?),
            vec![Upstream::local(CLUSTER, behind.address())],
            control_plane.address(),
        );
        Ok(Self {
            direct,
            stack: Stack::start(control_plane, &options).await?,
            _behind: behind,
        })
    }

    /// Runs a selection against both at once.
    pub async fn run(&self, selection: &Selection) -> Result<Runs, ConformanceError> {
        let (url, through) = (self.direct.url(), self.stack.url(PATH)?);
        let (direct, through) = tokio::try_join!(selection.run(&url), selection.run(&through))?;
        // One that ends early must not look better for it.
        let sides = (direct.scenarios(), through.scenarios());
        let one_sided = sides.0.symmetric_difference(&sides.1);
        let scenarios: BTreeSet<String> = one_sided.map(|name| (*name).to_owned()).collect();
        if !scenarios.is_empty() {
            let selection = selection.label().to_owned();
            return Err(ConformanceError::OneSided {
                selection,
                scenarios,
            });
        }
        Ok(Runs { direct, through })
    }
}

impl Runs {
    /// Check by check.
    pub fn compare(&self) -> Comparison {
        Comparison::new(&self.direct, &self.through)
    }
}
