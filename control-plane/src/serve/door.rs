//! Listeners: where they are, whom they let in, and what is behind them.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
};

use axum::Router;
use chancery_proto::{
    DESCRIPTORS,
    admin::v1::{
        allowlist_service_server::AllowlistServiceServer, apply_service_server::ApplyServiceServer,
        binding_service_server::BindingServiceServer, block_service_server::BlockServiceServer,
        credential_service_server::CredentialServiceServer,
        detector_service_server::DetectorServiceServer,
        identity_provider_service_server::IdentityProviderServiceServer,
        instance_service_server::InstanceServiceServer, offer_service_server::OfferServiceServer,
        organization_service_server::OrganizationServiceServer,
        policy_service_server::PolicyServiceServer, proposal_service_server::ProposalServiceServer,
        quota_service_server::QuotaServiceServer,
        redaction_profile_service_server::RedactionProfileServiceServer,
        registry_service_server::RegistryServiceServer, review_service_server::ReviewServiceServer,
        role_service_server::RoleServiceServer, rule_service_server::RuleServiceServer,
        server_service_server::ServerServiceServer, snapshot_service_server::SnapshotServiceServer,
        store_key_service_server::StoreKeyServiceServer,
        webhook_service_server::WebhookServiceServer,
    },
    audit::v1::{audit_service_server::AuditServiceServer, log_service_server::LogServiceServer},
    node::v1::node_service_server::NodeServiceServer,
};
use tokio::net::TcpListener;
use tonic::service::RoutesBuilder;

use super::{Mode, ServeError, error::io_error};
use crate::{
    access::{
        Authenticator, Member, NodePolicy,
        token_keys::{TokenKeys, TokenSource},
    },
    api::ControlPlane,
    config::{Config, ListenerConfig, RegistryConfig},
    egress::Egress,
    registry_api,
    tls::Tls,
};

const WARNING: &str = "\
******************************************************************************
*  INSECURE DEVELOPMENT MODE: anyone on this machine may change every rule,  *
*  read the whole record, and pose as any node. Never use this in production. *
******************************************************************************";

/// Every listener, and what the services behind them need to know of the configuration.
#[derive(Debug)]
pub(super) struct House {
    pub(super) doors: Vec<Door>,
    /// Who issues administrators' tokens.
    pub(super) tokens: Option<TokenSource>,
    pub(super) administrators: Vec<Member>,
    pub(super) nodes: NodePolicy,
}

/// One listener.
#[derive(Debug)]
pub(super) struct Door {
    listen: SocketAddr,
    purpose: Purpose,
    pub(super) tls: Option<Arc<Tls>>,
}

/// Whom a listener is for.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Purpose {
    /// Everyone, in development.
    Everyone,
    /// Administrators.
    Administrators,
    /// Envoys.
    Nodes,
    /// Whoever reads what this organization has approved.
    Readers { organization: String },
}

impl House {
    /// Reads everything that the configuration names.
    pub(super) fn build(mode: Mode, egress: &Egress) -> Result<Self, ServeError> {
        let config = match mode {
            Mode::InsecureDevelopment {
                listen,
                registry_listen,
            } => return Self::in_development(listen, registry_listen),
            Mode::Configured(config) => *config,
        };
        let Config {
            data_dir: _,
            store_key: _,
            signing_keys: _,
            log: _,
            assertion_issuer: _,
            allowed_networks: _,
            discovery: _,
            otlp: _,
            admin,
            node,
            registry,
            tokens,
            administrators,
            nodes,
        } = config;
        let tokens = tokens.map(|tokens| TokenSource::check(tokens, egress));
        let mut doors = vec![
            Door::open(admin, Purpose::Administrators)?,
            Door::open(node, Purpose::Nodes)?,
        ];
        if let Some(registry) = registry {
            doors.push(Door::open_registry(registry)?);
        }
        Ok(Self {
            doors,
            tokens: tokens.transpose()?,
            administrators,
            nodes: NodePolicy::Nodes(nodes),
        })
    }

    fn in_development(
        listen: SocketAddr,
        registry_listen: Option<SocketAddr>,
    ) -> Result<Self, ServeError> {
        let readers = Purpose::Readers {
            organization: RegistryConfig::ORGANIZATION.to_owned(),
        };
        let wanted = [Some((listen, Purpose::Everyone))];
        let wanted = wanted
            .into_iter()
            .chain([registry_listen.map(|listen| (listen, readers))]);
        let doors = wanted.flatten().map(|(listen, purpose)| {
            if !listen.ip().is_loopback() {
                return Err(ServeError::NotLoopback { listen });
            }
            Ok(Door {
                listen,
                purpose,
                tls: None,
            })
        });
        let doors = doors.collect::<Result<_, _>>()?;
        writeln!(io::stderr(), "{WARNING}").map_err(io_error("standard error"))?;
        Ok(Self {
            doors,
            tokens: None,
            administrators: Vec::new(),
            nodes: NodePolicy::Anything,
        })
    }
}

impl Door {
    fn open(config: ListenerConfig, purpose: Purpose) -> Result<Self, ServeError> {
        Ok(Self {
            listen: config.listen,
            purpose,
            tls: Some(Arc::new(Tls::open(config.tls)?)),
        })
    }

    fn open_registry(config: RegistryConfig) -> Result<Self, ServeError> {
        let RegistryConfig {
            listen,
            organization,
            tls,
        } = config;
        let tls = tls.map(Tls::open).transpose()?;
        Ok(Self {
            listen,
            purpose: Purpose::Readers { organization },
            tls: tls.map(Arc::new),
        })
    }

    /// What is behind it where it is for readers, who prove nothing and find nothing else there.
    pub(super) fn registry(&self, control_plane: &ControlPlane) -> Option<Router> {
        let Purpose::Readers { organization } = &self.purpose else {
            return None;
        };
        let registry = Arc::clone(&control_plane.registry);
        Some(registry_api::router(registry, organization))
    }

    /// What proves who comes in. Tokens are administrators'.
    pub(super) fn authenticator(&self, tokens: Option<&Arc<TokenKeys>>) -> Authenticator {
        match self.purpose {
            Purpose::Everyone => Authenticator::Development,
            Purpose::Administrators => Authenticator::Proofs(tokens.cloned()),
            Purpose::Nodes | Purpose::Readers { .. } => Authenticator::Proofs(None),
        }
    }

    /// Binds it and says where it is.
    pub(super) async fn bind(&self) -> Result<TcpListener, ServeError> {
        let what = || format!("listening on {}", self.listen);
        let listener = TcpListener::bind(self.listen).await;
        let listener = listener.map_err(io_error(what()))?;
        let address = listener.local_addr().map_err(io_error(what()))?;
        let whom = match self.purpose {
            Purpose::Everyone => "",
            Purpose::Administrators => " for administrators",
            Purpose::Nodes => " for nodes",
            Purpose::Readers { .. } => " for readers of the registry",
        };
        let mut stdout = io::stdout();
        writeln!(stdout, "chancery: listening on {address}{whom}")
            .and_then(|()| stdout.flush())
            .map_err(io_error("standard output"))?;
        Ok(listener)
    }

    /// Whether administrators call here.
    pub(super) fn is_for_administrators(&self) -> bool {
        match self.purpose {
            Purpose::Everyone | Purpose::Administrators => true,
            Purpose::Nodes | Purpose::Readers { .. } => false,
        }
    }

    /// Puts behind it what it is for.
    pub(super) fn add_services(
        &self,
        routes: &mut RoutesBuilder,
        control_plane: &ControlPlane,
    ) -> Result<(), ServeError> {
        let here = || control_plane.clone();
        let (for_administrators, for_nodes) = match self.purpose {
            Purpose::Everyone => (true, true),
            Purpose::Administrators => (true, false),
            Purpose::Nodes => (false, true),
            Purpose::Readers { .. } => (false, false),
        };
        if for_administrators {
            let reflection = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .build_v1()?;
            routes
                .add_service(reflection)
                .add_service(ServerServiceServer::new(here()))
                .add_service(RuleServiceServer::new(here()))
                .add_service(IdentityProviderServiceServer::new(here()))
                .add_service(RoleServiceServer::new(here()))
                .add_service(OfferServiceServer::new(here()))
                .add_service(QuotaServiceServer::new(here()))
                .add_service(RedactionProfileServiceServer::new(here()))
                .add_service(DetectorServiceServer::new(here()))
                .add_service(AllowlistServiceServer::new(here()))
                .add_service(BlockServiceServer::new(here()))
                .add_service(CredentialServiceServer::new(here()))
                .add_service(BindingServiceServer::new(here()))
                .add_service(OrganizationServiceServer::new(here()))
                .add_service(ApplyServiceServer::new(here()))
                .add_service(PolicyServiceServer::new(here()))
                .add_service(ProposalServiceServer::new(here()))
                .add_service(InstanceServiceServer::new(here()))
                .add_service(RegistryServiceServer::new(here()))
                .add_service(ReviewServiceServer::new(here()))
                .add_service(SnapshotServiceServer::new(here()))
                .add_service(StoreKeyServiceServer::new(here()))
                .add_service(WebhookServiceServer::new(here()))
                .add_service(AuditServiceServer::new(here()))
                .add_service(LogServiceServer::new(here()));
        }
        if for_nodes {
            routes.add_service(NodeServiceServer::new(here()));
        }
        Ok(())
    }

    /// Reads its certificate again, if it has changed. What is wrong with it is logged, and
    /// everything stays as it was.
    pub(super) fn reload(&self) {
        match self.tls.as_ref().map(|tls| tls.reload()) {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => tracing::info!(listen = %self.listen, "a certificate was replaced"),
            Some(Err(error)) => {
                tracing::error!(%error, "a certificate is not replaced; the one before serves on");
            }
        }
    }
}
