//! Envoy with the filter, and the control plane it is steered from.

use chancery_proto::admin::v1::Instance;

use super::LabError;
use crate::{
    control_plane::{ControlPlane, ControlPlaneError},
    envoy::{Envoy, EnvoyError, EnvoyOptions},
    wait,
};

/// Both, running. Dropping it ends them.
#[derive(Debug)]
pub struct Stack {
    /// Envoy. It goes first, so that its instances say goodbye to somebody.
    pub envoy: Envoy,
    /// The control plane.
    pub control_plane: ControlPlane,
    instances: usize,
}

impl Stack {
    /// Starts Envoy in front of a control plane and waits until all its instances have the rules.
    pub async fn start(
        control_plane: ControlPlane,
        options: &EnvoyOptions,
    ) -> Result<Self, StackError> {
        let envoy = Envoy::start(options).await?;
        let instances = options.instances();
        let stack = Self {
            envoy,
            control_plane,
            instances,
        };
        stack.converged().await?;
        Ok(stack)
    }

    /// Waits until every instance enforces the newest snapshot.
    pub async fn converged(&self) -> Result<Vec<Instance>, ControlPlaneError> {
        self.control_plane.converged(self.instances).await
    }

    /// The URL of the MCP endpoint with this path, as clients use it.
    pub fn url(&self, path: &str) -> Result<String, EnvoyError> {
        Ok(format!("http://{}{path}", self.envoy.address()?))
    }

    /// Returns when one of them ended by itself, and how.
    pub(super) async fn failed(&mut self) -> LabError {
        wait::for_failure(|| {
            self.envoy.check()?;
            Ok(self.control_plane.check()?)
        })
        .await
    }
}

/// Why they do not run.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Envoy.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// The control plane.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
}
