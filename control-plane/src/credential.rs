//! Credentials for servers: had from token endpoints, signed here, or kept sealed.

pub(crate) mod assertion;
mod memory;
mod token_endpoint;

use std::{sync::Arc, time::Duration};

use chancery_engine::{id::Digest, secret::Secret};
use chancery_proto::{
    admin::v1::{self as admin, credential::Kind},
    audit::v1::Principal,
    node::v1::{CredentialAnswer, CredentialRequest},
};
use http::HeaderName;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::task::JoinError;
use url::{Host, Url};

use self::memory::{Kept, Memory};
use crate::{
    egress::Egress,
    registry::{Registry, now},
    resource::{
        Kind as ResourceKind, Resource,
        credential::{host_of, to_policy},
    },
    secrets::{Purpose, SecretsError},
};

/// How many credentials are remembered at once.
const MAX_REMEMBERED: usize = 10_000;

/// A static secret is asked for again after this.
const STATIC_FOR_SECONDS: u64 = 60 * 60;

/// A credential and how long it is valid from now.
struct Had {
    value: Secret,
    lifetime_seconds: u64,
}

/// Why there is no credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lack {
    /// The server is called without one, or is not served here.
    NoCredential,
    /// The exception has ended.
    Expired,
    /// Its secret or key cannot be read.
    NoSecret,
    /// It needs a principal or their token, and there is none.
    NoSubject,
    /// The principal is of another organization than the server.
    ForeignPrincipal,
    /// The token endpoint is not a place to ask.
    ForbiddenPlace,
    /// The token endpoint does not answer.
    Unreachable,
    /// The token endpoint gives none.
    Refused,
    /// The token endpoint's answer makes no sense.
    UnreadableAnswer,
    /// Too many are asked for at once.
    Overloaded,
}

impl Lack {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::Expired => "expired",
            Self::NoSecret => "no_secret",
            Self::NoSubject => "no_subject",
            Self::ForeignPrincipal => "foreign_principal",
            Self::ForbiddenPlace => "forbidden_token_endpoint",
            Self::Unreachable => "token_endpoint_unreachable",
            Self::Refused => "token_endpoint_refused",
            Self::UnreadableAnswer => "token_endpoint_unreadable",
            Self::Overloaded => "overloaded",
        }
    }
}

/// Has credentials for whoever may ask.
#[derive(Debug)]
pub struct Broker {
    registry: Arc<Registry>,
    egress: Egress,
    memory: Memory,
    /// The `iss` of assertions.
    issuer: String,
}

impl Broker {
    /// One that signs assertions as `issuer`.
    pub fn new(registry: Arc<Registry>, egress: Egress, issuer: String) -> Self {
        Self {
            registry,
            egress,
            memory: Memory::new(MAX_REMEMBERED),
            issuer,
        }
    }

    /// Answers a question of an instance whose node serves the server.
    pub async fn answer(&self, request: CredentialRequest) -> CredentialAnswer {
        let request_id = request.request_id;
        match self.find(request).await {
            Ok(kept) => CredentialAnswer {
                request_id,
                header_value: kept.value.expose_text().unwrap_or_default().to_owned(),
                expire_time: Some(after(kept.usable_for)),
                error: String::new(),
            },
            Err(lack) => CredentialAnswer {
                request_id,
                error: lack.as_str().to_owned(),
                ..CredentialAnswer::default()
            },
        }
    }

    /// What a server is shown that the control plane itself looks at, and in which header. `None`: nothing,
    /// as no credential of its may be shown at that host.
    ///
    /// # Errors
    /// Where there is one, and it cannot be had.
    pub async fn for_scan(
        &self,
        server: &str,
        url: &Url,
    ) -> Result<Option<(HeaderName, Secret)>, Lack> {
        let Some(credential) = self.registry.credential_of(server) else {
            return Ok(None);
        };
        let host = host_of(url).unwrap_or_default();
        if !credential.scan_hosts.contains(&host) {
            return Ok(None);
        }
        // Whoever writes the URL must not have it sent in the clear.
        if url.scheme() != "https" && !is_here(url) {
            return Err(Lack::ForbiddenPlace);
        }
        let (_, upstream) = to_policy(&credential)
            .ok()
            .flatten()
            .ok_or(Lack::NoCredential)?;
        let header = HeaderName::from_bytes(upstream.header.as_bytes());
        let header = header.map_err(|_invalid| Lack::NoCredential)?;
        let kept = self.find(CredentialRequest {
            server: server.to_owned(),
            ..CredentialRequest::default()
        });
        Ok(Some((header, kept.await?.value)))
    }

    /// The etag of the credential that a server is called with now.
    pub fn etag(&self, server: &str) -> Option<String> {
        let credential = self.registry.credential_of(server);
        credential.map(|credential| credential.etag)
    }

    async fn find(&self, request: CredentialRequest) -> Result<Kept, Lack> {
        let CredentialRequest {
            request_id: _,
            server,
            subject_token,
            principal,
            refused_digest,
        } = request;
        let subject = Secret::new(subject_token);
        let principal = principal.unwrap_or_default();
        let credential = self.registry.credential_of(&server);
        let credential = credential.ok_or(Lack::NoCredential)?;
        let kind = credential.kind.as_ref().ok_or(Lack::NoCredential)?;
        let key = match kind {
            Kind::StaticHeader(header) => return self.exception(&credential, header).await,
            // It is for no server.
            Kind::SigningSecret(_) => return Err(Lack::NoCredential),
            Kind::ClientCredentials(_) => key(&credential, &[]),
            Kind::TokenExchange(_) if subject.expose().is_empty() => return Err(Lack::NoSubject),
            Kind::TokenExchange(_) => key(&credential, &[subject.expose()]),
            Kind::Assertion(_) => key(
                &credential,
                &[server.as_bytes(), &principal.encode_to_vec()],
            ),
        };
        let have = self.have(&credential, kind, (&server, &subject, &principal));
        self.memory.find(key, &refused_digest, have).await
    }

    async fn have(
        &self,
        credential: &admin::Credential,
        kind: &Kind,
        (server, subject, principal): (&str, &Secret, &Principal),
    ) -> Result<Had, Lack> {
        match kind {
            Kind::ClientCredentials(kind) => {
                let secret = self.secret(&credential.name).await?;
                token_endpoint::client_credentials(&self.egress, kind, &secret).await
            }
            Kind::TokenExchange(kind) => {
                let secret = self.secret(&credential.name).await?;
                token_endpoint::exchange(&self.egress, kind, &secret, subject).await
            }
            Kind::Assertion(kind) => {
                let now_seconds = now().seconds.unsigned_abs();
                let (secrets, name) = (self.registry.secrets().clone(), credential.name.clone());
                let read = move || assertion::signing_keys(&secrets, &name, now_seconds);
                let keys = known(tokio::task::spawn_blocking(read).await)?;
                let subject = assertion::Subject {
                    issuer: &self.issuer,
                    server,
                    principal,
                    now_seconds,
                };
                assertion::sign(&keys, kind, &subject)
            }
            Kind::StaticHeader(_) | Kind::SigningSecret(_) => Err(Lack::NoCredential),
        }
    }

    /// A static secret, for as long as its exception lasts.
    async fn exception(
        &self,
        credential: &admin::Credential,
        header: &admin::StaticHeader,
    ) -> Result<Kept, Lack> {
        let end = header
            .expire_time
            .map_or(0, |end| end.seconds.unsigned_abs());
        let left_seconds = end.saturating_sub(now().seconds.unsigned_abs());
        if left_seconds == 0 {
            return Err(Lack::Expired);
        }
        Ok(Kept {
            value: self.secret(&credential.name).await?,
            usable_for: Duration::from_secs(left_seconds.min(STATIC_FOR_SECONDS)),
        })
    }

    async fn secret(&self, credential: &str) -> Result<Secret, Lack> {
        let (secrets, name) = (self.registry.secrets().clone(), credential.to_owned());
        let read = move || secrets.read(Purpose::Credential, &name);
        let kept = known(tokio::task::spawn_blocking(read).await)?;
        let newest = kept.into_iter().next();
        newest.map(|(_, secret)| secret).ok_or(Lack::NoSecret)
    }

    /// The public keys that verify assertions, as a JWK Set (RFC 7517 section 5).
    pub async fn jwk_set(&self) -> Value {
        let credentials = self.registry.list(ResourceKind::Credential);
        let assertions = credentials
            .iter()
            .filter_map(Resource::as_credential)
            .filter(|credential| matches!(credential.kind, Some(Kind::Assertion(_))));
        let names: Vec<_> = assertions.map(|it| it.name.clone()).collect();
        let secrets = self.registry.secrets().clone();
        // One that cannot be read takes nothing from the others.
        let of_credential = move |name: String| match assertion::keys(&secrets, &name) {
            Ok(keys) => keys,
            Err(error) => {
                tracing::error!(credential = name, %error, "its public keys are not published");
                Vec::new()
            }
        };
        let read = move || Ok(names.into_iter().flat_map(of_credential).collect());
        let keys: Vec<_> = known(tokio::task::spawn_blocking(read).await).unwrap_or_default();
        let keys: Vec<_> = keys.iter().map(assertion::Key::jwk).collect();
        json!({ "keys": keys })
    }
}

/// Whether a URL leads to this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What a blocking read came to.
fn known<T>(read: Result<Result<T, SecretsError>, JoinError>) -> Result<T, Lack> {
    let error = match read {
        Ok(Ok(read)) => return Ok(read),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(error, "a credential's secret cannot be read");
    Err(Lack::NoSecret)
}

/// A digest of a credential as it is now, and of what else it depends on.
fn key(credential: &admin::Credential, parts: &[&[u8]]) -> Digest {
    let mut bytes = Vec::new();
    for part in [credential.name.as_bytes(), credential.etag.as_bytes()]
        .iter()
        .chain(parts)
    {
        bytes.extend_from_slice(&part.len().to_be_bytes());
        bytes.extend_from_slice(part);
    }
    let digest = Digest::of(&bytes);
    drop(Secret::new(bytes));
    digest
}

fn after(length: Duration) -> prost_types::Timestamp {
    let mut time = now();
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    time.seconds = time.seconds.saturating_add(seconds);
    time
}
