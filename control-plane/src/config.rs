//! What `chancery serve` is configured with: the document as it is written, and what it means.

mod discovery;
mod log;
mod otlp;
mod registry;

use std::{net::SocketAddr, path::PathBuf};

use chancery_engine::{glob::Glob, wire::Invalid};
use chancery_proto::policy::v1::SignatureAlgorithm;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use self::{
    discovery::DiscoveryDocument, log::LogDocument, otlp::OtlpDocument, registry::RegistryDocument,
};
pub use self::{log::LogSettings, registry::RegistryConfig};
use crate::{
    access::{Member, node::NodeRule, scope::Slice, token::TokenRules},
    discovery::Settings,
    otlp::OtlpConfig,
};

/// The configuration of a control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the store and the log are. Absent: the command line says.
    pub data_dir: Option<PathBuf>,
    /// The file with the store keys. Absent: the command line says.
    pub store_key: Option<PathBuf>,
    /// Files with the keys that sign snapshots. None: the command line says.
    pub signing_keys: Vec<PathBuf>,
    /// How the record is signed and kept, as far as the command line does not say.
    pub log: LogSettings,
    /// The `iss` of assertions. Absent: the command line says.
    pub assertion_issuer: Option<String>,
    /// Networks that issuers may be in beside the public internet.
    pub allowed_networks: Vec<IpNet>,
    /// Where servers that are asked what they offer may be.
    pub discovery: Settings,
    /// Where the record is sent. Absent: the command line says, or nowhere.
    pub otlp: Option<OtlpConfig>,
    /// Where administrators and the command line call.
    pub admin: ListenerConfig,
    /// Where Envoys call.
    pub node: ListenerConfig,
    /// Where the registry's API is served. Absent: nowhere.
    pub registry: Option<RegistryConfig>,
    /// Who issues administrators' tokens. Absent: certificates alone count.
    pub tokens: Option<TokenConfig>,
    /// Who operates everything, so that the first binding can be made.
    pub administrators: Vec<Member>,
    /// Which certificates stand for which nodes.
    pub nodes: Vec<NodeRule>,
}

/// An address with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The address; port 0 for any.
    pub listen: SocketAddr,
    /// Its certificate.
    pub tls: TlsFiles,
}

/// Files in PEM; read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and what leads from it to a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs clients' certificates. Absent: clients have none.
    pub client_ca: Option<PathBuf>,
}

/// Administrators' tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenConfig {
    /// What must be in them.
    pub rules: TokenRules,
    /// The issuer's keys.
    pub keys: KeysFrom,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysFrom {
    /// A file with a JWK Set, read again when it changes.
    File(PathBuf),
    /// Where the issuer publishes them.
    Url(String),
    /// Where the issuer's metadata say that it publishes them.
    Discovery,
}

/// How a control plane listens and whom it lets in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "Configuration of chancery serve")]
pub(crate) struct ConfigDocument {
    /// Where the store and the log are kept; `--data-dir` outweighs it.
    #[serde(default)]
    data_dir: Option<String>,
    /// The keys that seal secrets in the store (`chancery keys new`); `--store-key` outweighs it.
    #[serde(default)]
    store_key: Option<String>,
    /// The keys that sign snapshots (`chancery keygen`); `--signing-key` outweighs them.
    #[serde(default)]
    signing_keys: Vec<String>,
    /// How the record is signed and kept.
    #[serde(default)]
    log: LogDocument,
    /// The `iss` of assertions; `--assertion-issuer` outweighs it.
    #[serde(default)]
    assertion_issuer: Option<String>,
    /// Networks that the issuers of tokens may be in beside the public internet, as CIDR.
    #[serde(default)]
    allowed_networks: Vec<String>,
    /// Where servers that are asked what they offer may be.
    #[serde(default)]
    discovery: DiscoveryDocument,
    /// A collector that the record is sent to; left out: none.
    #[serde(default)]
    otlp: Option<OtlpDocument>,
    /// Where administrators and the command line call.
    admin: ListenerDocument,
    /// Where Envoys call.
    node: ListenerDocument,
    /// The registry's API v0.1, for MCP clients; left out: it is not served.
    #[serde(default)]
    registry: Option<RegistryDocument>,
    /// Who issues administrators' tokens; left out where certificates are enough.
    #[serde(default)]
    oidc: Option<OidcDocument>,
    /// Who may make the first binding: `user:ID`, `group:NAME`, `certificate:SUBJECT`. They are
    /// viewers, reviewers and operators of every organization.
    #[schemars(length(min = 1))]
    administrators: Vec<String>,
    /// Which certificates stand for which nodes, and which organizations those serve.
    #[schemars(length(min = 1))]
    nodes: Vec<NodeDocument>,
}

/// An address with TLS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListenerDocument {
    /// `ADDRESS:PORT`.
    listen: String,
    /// Its certificate.
    tls: TlsDocument,
}

/// Files in PEM; read again when they change, and on SIGHUP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TlsDocument {
    /// The server's certificate, followed by what leads from it to a root.
    #[schemars(length(min = 1))]
    certificate: String,
    /// Its private key.
    #[schemars(length(min = 1))]
    key: String,
    /// Certificates of those who sign clients' certificates.
    #[serde(default)]
    client_ca: Option<String>,
}

/// An OpenID Connect provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OidcDocument {
    /// The exact `iss`.
    issuer: String,
    /// What `aud` must hold.
    audience: String,
    /// A file with the issuer's JWK Set, read again when it changes. Where neither this nor `jwksUrl`
    /// is given, the issuer's OpenID configuration says where its keys are.
    #[serde(default)]
    #[schemars(length(min = 1))]
    jwks_file: Option<String>,
    /// Where the issuer publishes its JWK Set, with `https`. It is read again when it is due, and when
    /// a token names a key that is not in it.
    #[serde(default)]
    #[schemars(length(min = 1))]
    jwks_url: Option<String>,
    /// The only algorithms that keys may be used with; each key's own where left out.
    #[serde(default)]
    algorithms: Vec<AlgorithmWord>,
    /// Where things are in the claims.
    #[serde(default)]
    claims: ClaimsDocument,
}

/// Where things are in the claims, as JSONPath.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ClaimsDocument {
    /// The user id; `$.sub` where left out.
    #[serde(default)]
    user: Option<String>,
    /// The groups; `$.groups` where left out.
    #[serde(default)]
    groups: Option<String>,
}

/// A signature algorithm (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
enum AlgorithmWord {
    RS256,
    ES256,
    EdDSA,
}

/// Which certificates stand for which nodes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NodeDocument {
    /// A glob over URI and DNS names of certificates, such as `spiffe://example.com/envoy/*`.
    certificate: String,
    /// Globs over the ids that such a node may give itself; where left out, it must give itself
    /// the last segment of its certificate's name.
    #[serde(default)]
    node_ids: Vec<String>,
    /// The organizations that it serves, by id; `*` for all.
    #[schemars(length(min = 1))]
    organizations: Vec<String>,
    /// Globs over the ids of workspaces: of these organizations it serves the servers that are in one
    /// of them, or whose calls belong to one. Where left out, all.
    #[serde(default)]
    workspaces: Vec<String>,
    /// Globs over clusters in Envoy: of these organizations it serves the servers with an endpoint at
    /// one of them. Where left out, all.
    #[serde(default)]
    clusters: Vec<String>,
}

impl ConfigDocument {
    /// What the document means.
    ///
    /// # Errors
    /// Every value that is wrong, by its path.
    pub(crate) fn read(self) -> Result<Config, Vec<Invalid>> {
        let mut problems = Vec::new();
        let admin = self.admin.read("admin", &mut problems);
        let node = self.node.read("node", &mut problems);
        if let (None, None) = (&self.admin.tls.client_ca, &self.oidc) {
            let expected =
                "the CA of administrators' certificates, or `oidc`: else nobody can call";
            problems.push(invalid("admin.tls.clientCa", "nothing", expected));
        }
        if self.node.tls.client_ca.is_none() {
            let expected = "the CA of nodes' certificates: a node is known by nothing else";
            problems.push(invalid("node.tls.clientCa", "nothing", expected));
        }
        let mut allowed_networks = Vec::new();
        for (position, text) in self.allowed_networks.iter().enumerate() {
            match text.parse() {
                Ok(network) => allowed_networks.push(network),
                Err(_) => problems.push(invalid(
                    &format!("allowedNetworks[{position}]"),
                    &format!("`{text}`"),
                    "a network, such as `10.0.0.0/8`",
                )),
            }
        }
        let mut administrators = Vec::new();
        for (position, text) in self.administrators.iter().enumerate() {
            match text.parse() {
                Ok(member) => administrators.push(member),
                Err(_) => problems.push(invalid(
                    &format!("administrators[{position}]"),
                    &format!("`{text}`"),
                    "`user:ID`, `group:NAME` or `certificate:SUBJECT`",
                )),
            }
        }
        let mut nodes = Vec::new();
        for (position, document) in self.nodes.iter().enumerate() {
            let rule = document.read(&format!("nodes[{position}]"), &mut problems);
            nodes.extend(rule);
        }
        let discovery = self.discovery.read(&mut problems);
        let log = self.log.read(&mut problems);
        let otlp = self.otlp.and_then(|it| it.read(&mut problems));
        let registry = self.registry.and_then(|it| it.read(&mut problems));
        let tokens = self.oidc.and_then(|oidc| oidc.read(&mut problems));
        match (admin, node, &*problems) {
            (Some(admin), Some(node), []) => Ok(Config {
                data_dir: self.data_dir.map(PathBuf::from),
                store_key: self.store_key.map(PathBuf::from),
                signing_keys: self.signing_keys.into_iter().map(PathBuf::from).collect(),
                log,
                assertion_issuer: self.assertion_issuer,
                allowed_networks,
                discovery,
                otlp,
                admin,
                node,
                registry,
                tokens,
                administrators,
                nodes,
            }),
            _ => Err(problems),
        }
    }
}

impl ListenerDocument {
    fn read(&self, field: &str, problems: &mut Vec<Invalid>) -> Option<ListenerConfig> {
        let Ok(listen) = self.listen.parse() else {
            problems.push(invalid(
                &format!("{field}.listen"),
                &format!("`{}`", self.listen),
                "an IP address and a port, such as `0.0.0.0:7400`",
            ));
            return None;
        };
        let tls = TlsFiles {
            certificate: PathBuf::from(&self.tls.certificate),
            key: PathBuf::from(&self.tls.key),
            client_ca: self.tls.client_ca.as_ref().map(PathBuf::from),
        };
        Some(ListenerConfig { listen, tls })
    }
}

impl OidcDocument {
    fn read(self, problems: &mut Vec<Invalid>) -> Option<TokenConfig> {
        let keys = self.keys(problems)?;
        let algorithm = |word: AlgorithmWord| match word {
            AlgorithmWord::RS256 => SignatureAlgorithm::Rs256,
            AlgorithmWord::ES256 => SignatureAlgorithm::Es256,
            AlgorithmWord::EdDSA => SignatureAlgorithm::Eddsa,
        };
        Some(TokenConfig {
            rules: TokenRules {
                issuer: self.issuer,
                audience: self.audience,
                algorithms: self.algorithms.into_iter().map(algorithm).collect(),
                user_claim: self.claims.user.unwrap_or_else(|| "$.sub".to_owned()),
                groups_claim: self.claims.groups.unwrap_or_else(|| "$.groups".to_owned()),
            },
            keys,
        })
    }

    fn keys(&self, problems: &mut Vec<Invalid>) -> Option<KeysFrom> {
        let (field, url, keys) = match (&self.jwks_file, &self.jwks_url) {
            (Some(file), None) => return Some(KeysFrom::File(PathBuf::from(file))),
            (Some(_), Some(_)) => {
                let expected = "one of both, or neither where the issuer's OpenID configuration says \
                                where its keys are";
                problems.push(invalid("oidc.jwksUrl", "`jwksFile` beside it", expected));
                return None;
            }
            (None, Some(url)) => ("oidc.jwksUrl", url, KeysFrom::Url(url.clone())),
            (None, None) => ("oidc.issuer", &self.issuer, KeysFrom::Discovery),
        };
        if Url::parse(url).is_ok_and(|url| url.scheme() == "https") {
            return Some(keys);
        }
        let expected = "an `https` URL to read the issuer's keys from, or `jwksFile`";
        problems.push(invalid(field, &format!("`{url}`"), expected));
        None
    }
}

impl NodeDocument {
    fn read(&self, field: &str, problems: &mut Vec<Invalid>) -> Option<NodeRule> {
        let mut glob = |field: String, text: &str| match Glob::parse(text) {
            Ok(glob) => Some(glob),
            Err(error) => {
                let found = format!("`{text}`, which {error}");
                problems.push(invalid(&field, &found, "a glob (`*`, `?`)"));
                None
            }
        };
        let certificate = glob(format!("{field}.certificate"), &self.certificate);
        let mut globs = |name: &str, texts: &[String]| -> Vec<_> {
            let each = texts.iter().enumerate();
            each.map(|(position, text)| glob(format!("{field}.{name}[{position}]"), text))
                .collect()
        };
        let node_ids = globs("nodeIds", &self.node_ids);
        let workspaces = globs("workspaces", &self.workspaces);
        let clusters = globs("clusters", &self.clusters);
        let organizations = if self.organizations.iter().any(|id| id == "*") {
            None
        } else {
            for (position, id) in self.organizations.iter().enumerate() {
                if id.is_empty() || id.contains(['/', '*', '?']) {
                    let expected = "the id of an organization, or `*` alone for all";
                    let field = format!("{field}.organizations[{position}]");
                    problems.push(invalid(&field, &format!("`{id}`"), expected));
                }
            }
            Some(self.organizations.iter().cloned().collect())
        };
        let slice = Slice {
            organizations,
            workspaces: workspaces.into_iter().collect::<Option<_>>()?,
            clusters: clusters.into_iter().collect::<Option<_>>()?,
        };
        Some(NodeRule {
            certificate: certificate?,
            node_ids: node_ids.into_iter().collect::<Option<_>>()?,
            scope: slice.into(),
        })
    }
}

fn invalid(field: &str, found: &str, expected: &str) -> Invalid {
    Invalid {
        field: field.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}
