//! Resources as administrators write them, and what the filter gets of them.
//!
//! What a value may be is decided once, by the engine's own conversion: a resource is valid where
//! its policy message becomes one of the engine's types.

pub mod jwks;

use chancery_engine::{
    id::Hex, rule::Rule as EngineRule, server::Server as EngineServer, token, wire::Invalid,
};
use chancery_proto::{
    admin::v1::{self as admin, resource::Kind as AnyKind},
    policy::v1 as policy,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

/// Seconds of leeway where none is given.
const DEFAULT_LEEWAY_SECONDS: i64 = 60;

/// The kinds of resources.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// An identity provider.
    IdentityProvider,
    /// A rule.
    Rule,
    /// A server.
    Server,
}

impl Kind {
    /// The collection in resource names.
    pub fn collection(self) -> &'static str {
        match self {
            Self::IdentityProvider => "identityProviders",
            Self::Rule => "rules",
            Self::Server => "servers",
        }
    }
}

/// Any one resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// An identity provider.
    IdentityProvider(admin::IdentityProvider),
    /// A rule.
    Rule(admin::Rule),
    /// A server.
    Server(admin::Server),
}

impl TryFrom<admin::Resource> for Resource {
    type Error = Invalid;

    fn try_from(message: admin::Resource) -> Result<Self, Invalid> {
        match message.kind {
            Some(AnyKind::Server(server)) => Ok(Self::Server(server)),
            Some(AnyKind::Rule(rule)) => Ok(Self::Rule(rule)),
            Some(AnyKind::IdentityProvider(provider)) => Ok(Self::IdentityProvider(provider)),
            None => Err(invalid(
                "kind",
                "nothing",
                "a server, a rule or an identity provider",
            )),
        }
    }
}

impl From<Resource> for AnyKind {
    fn from(resource: Resource) -> Self {
        match resource {
            Resource::IdentityProvider(provider) => Self::IdentityProvider(provider),
            Resource::Rule(rule) => Self::Rule(rule),
            Resource::Server(server) => Self::Server(server),
        }
    }
}

/// A resource as the filter gets it.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyPart {
    /// An identity provider.
    IdentityProvider(policy::IdentityProvider),
    /// A rule.
    Rule(policy::Rule),
    /// A server.
    Server(policy::Server),
}

impl Resource {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::IdentityProvider(_) => Kind::IdentityProvider,
            Self::Rule(_) => Kind::Rule,
            Self::Server(_) => Kind::Server,
        }
    }

    /// Its resource name.
    pub fn name(&self) -> &str {
        match self {
            Self::IdentityProvider(provider) => &provider.name,
            Self::Rule(rule) => &rule.name,
            Self::Server(server) => &server.name,
        }
    }

    /// The etag that it carries.
    pub fn etag(&self) -> &str {
        match self {
            Self::IdentityProvider(provider) => &provider.etag,
            Self::Rule(rule) => &rule.etag,
            Self::Server(server) => &server.etag,
        }
    }

    /// The last segment of its name.
    pub fn id(&self) -> &str {
        self.name().rsplit('/').next().unwrap_or_default()
    }

    /// The organization it belongs to, `organizations/{o}`.
    pub fn organization(&self) -> &str {
        let second_slash = self.name().match_indices('/').nth(1);
        second_slash
            .and_then(|(at, _)| self.name().get(..at))
            .unwrap_or_default()
    }

    /// When it was created, if it is stored.
    pub fn create_time(&self) -> Option<prost_types::Timestamp> {
        match self {
            Self::IdentityProvider(provider) => provider.create_time,
            Self::Rule(rule) => rule.create_time,
            Self::Server(server) => server.create_time,
        }
    }

    /// Sets what only the control plane sets.
    pub fn stamp(
        &mut self,
        new_etag: String,
        created: prost_types::Timestamp,
        updated: prost_types::Timestamp,
    ) {
        let (etag, create_time, update_time) = match self {
            Self::IdentityProvider(r) => (&mut r.etag, &mut r.create_time, &mut r.update_time),
            Self::Rule(r) => (&mut r.etag, &mut r.create_time, &mut r.update_time),
            Self::Server(r) => (&mut r.etag, &mut r.create_time, &mut r.update_time),
        };
        *etag = new_etag;
        *create_time = Some(created);
        *update_time = Some(updated);
    }

    /// The resource without what only the control plane sets.
    #[must_use]
    pub fn bare(&self) -> Self {
        let mut bare = self.clone();
        let (etag, create_time, update_time) = match &mut bare {
            Self::IdentityProvider(r) => (&mut r.etag, &mut r.create_time, &mut r.update_time),
            Self::Rule(r) => (&mut r.etag, &mut r.create_time, &mut r.update_time),
            Self::Server(r) => (&mut r.etag, &mut r.create_time, &mut r.update_time),
        };
        etag.clear();
        *create_time = None;
        *update_time = None;
        bare
    }

    /// The etag of its content (AIP-154): the same content has the same.
    pub fn content_etag(&self) -> String {
        let digest = Sha256::digest(self.bare().encode());
        let short = digest.first_chunk::<8>().map_or(&[][..], |bytes| bytes);
        format!("\"{}\"", Hex(short))
    }

    /// As bytes for the store.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::IdentityProvider(provider) => provider.encode_to_vec(),
            Self::Rule(rule) => rule.encode_to_vec(),
            Self::Server(server) => server.encode_to_vec(),
        }
    }

    /// From the store's bytes.
    ///
    /// # Errors
    /// Where they are not of that kind.
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Ok(match kind {
            Kind::IdentityProvider => {
                Self::IdentityProvider(admin::IdentityProvider::decode(bytes)?)
            }
            Kind::Rule => Self::Rule(admin::Rule::decode(bytes)?),
            Kind::Server => Self::Server(admin::Server::decode(bytes)?),
        })
    }

    /// What the filter gets of it, checked by the engine.
    ///
    /// # Errors
    /// The first value that is wrong, by its proto path in the admin message.
    pub fn to_policy(&self) -> Result<PolicyPart, Invalid> {
        match self {
            Self::Server(server) => {
                let message = policy_server(server)?;
                EngineServer::try_from(message.clone())?;
                Ok(PolicyPart::Server(message))
            }
            Self::Rule(rule) => {
                let message = policy_rule(rule);
                EngineRule::try_from(message.clone())?;
                Ok(PolicyPart::Rule(message))
            }
            Self::IdentityProvider(provider) => {
                let message = policy_identity_provider(provider)?;
                token::IdentityProvider::try_from(message.clone())?;
                Ok(PolicyPart::IdentityProvider(message))
            }
        }
    }
}

fn invalid(
    field: impl Into<String>,
    found: impl Into<String>,
    expected: impl Into<String>,
) -> Invalid {
    Invalid {
        field: field.into(),
        found: found.into(),
        expected: expected.into(),
    }
}

fn policy_server(server: &admin::Server) -> Result<policy::Server, Invalid> {
    let admin::Server {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        display_name: _,
        owner: _,
        endpoints,
        authentication,
        on_denied,
        tools,
        origins,
        environment,
        dispatchers,
        scopes,
    } = server;
    for (position, tool) in tools.iter().enumerate() {
        check_definition(tool).map_err(|(found, expected)| {
            invalid(format!("tools[{position}].definition"), found, expected)
        })?;
    }
    let authentication = match policy::Authentication::try_from(*authentication) {
        Ok(policy::Authentication::Unspecified) => policy::Authentication::Required.into(),
        Ok(_) | Err(_) => *authentication,
    };
    let on_denied = match policy::OnDenied::try_from(*on_denied) {
        Ok(policy::OnDenied::Unspecified) => policy::OnDenied::Reveal.into(),
        Ok(_) | Err(_) => *on_denied,
    };
    let endpoints = endpoints.clone();
    Ok(policy::Server {
        name: name.clone(),
        endpoints,
        authentication,
        on_denied,
        origins: origins.clone(),
        environment: environment.clone(),
        dispatchers: dispatchers.clone(),
        scopes: scopes.clone(),
        upstream: None,
    })
}

fn check_definition(tool: &admin::ToolDefinition) -> Result<(), (String, &'static str)> {
    let value: serde_json::Value = serde_json::from_str(&tool.definition).map_err(|error| {
        (
            format!("no JSON: {error}"),
            "a tool's definition as in tools/list",
        )
    })?;
    let name = value.get("name").and_then(serde_json::Value::as_str);
    if name == Some(&*tool.name) && !tool.name.is_empty() {
        return Ok(());
    }
    Err((
        format!("name {name:?}"),
        "an object whose `name` is the tool's name",
    ))
}

fn policy_rule(rule: &admin::Rule) -> policy::Rule {
    let admin::Rule {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        effect,
        subjects,
        servers,
        tools,
        prompts,
        resources,
        obligations,
        methods,
        environments,
        agents,
        when,
        source_ranges,
        expire_time,
        mode,
        review_time: _,
        owner: _,
    } = rule.clone();
    let mode = match policy::RuleMode::try_from(mode) {
        Ok(policy::RuleMode::Unspecified) => policy::RuleMode::Enforce.into(),
        Ok(policy::RuleMode::Enforce | policy::RuleMode::Shadow) | Err(_) => mode,
    };
    policy::Rule {
        name,
        effect,
        subjects,
        servers,
        tools,
        prompts,
        resources,
        obligations,
        methods,
        environments,
        agents,
        when,
        source_ranges,
        expire_time,
        mode,
    }
}

fn policy_identity_provider(
    provider: &admin::IdentityProvider,
) -> Result<policy::IdentityProvider, Invalid> {
    let admin::IdentityProvider {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        issuer,
        audiences,
        jwks,
        leeway,
        claims,
        source,
        metadata_key,
        trust_domain,
        required_claims,
        algorithms,
        access_tokens_only,
        jwks_uri: _,
    } = provider.clone();
    let mut claims = claims.unwrap_or_default();
    for (field, path, otherwise) in [
        ("claims.user", &mut claims.user, "$.sub"),
        ("claims.groups", &mut claims.groups, "$.groups"),
    ] {
        if path.is_empty() {
            otherwise.clone_into(path);
        }
        if claim_path(path).is_none() {
            let expected = "a singular JSONPath of names, such as `$.realm_access.roles`";
            return Err(invalid(field, format!("`{path}`"), expected));
        }
    }
    let source = match policy::IdentitySource::try_from(source) {
        Ok(policy::IdentitySource::Unspecified) => policy::IdentitySource::Token.into(),
        Ok(
            policy::IdentitySource::Token
            | policy::IdentitySource::EnvoyMetadata
            | policy::IdentitySource::PeerCertificate,
        )
        | Err(_) => source,
    };
    Ok(policy::IdentityProvider {
        name,
        issuer,
        audiences,
        keys: jwks::verification_keys(&jwks)
            .map_err(|error| invalid("jwks", error.to_string(), "a JWK Set of public keys"))?,
        claims: Some(claims),
        leeway: Some(leeway.unwrap_or(prost_types::Duration {
            seconds: DEFAULT_LEEWAY_SECONDS,
            nanos: 0,
        })),
        source,
        metadata_key,
        trust_domain,
        required_claims,
        algorithms,
        access_tokens_only,
        has_key_set: false,
    })
}

/// Reads a singular JSONPath (RFC 9535 section 2.3.5.1) made of names: `$.a['b'].c`.
fn claim_path(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('$')?;
    let mut keys = Vec::new();
    while !rest.is_empty() {
        let (key, after) = if let Some(dotted) = rest.strip_prefix('.') {
            let end = dotted.find(['.', '[']).unwrap_or(dotted.len());
            let (key, after) = dotted.split_at_checked(end)?;
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            if !key.chars().all(is_name) || key.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            (key, after)
        } else {
            let bracket = rest.strip_prefix('[')?;
            let quote = bracket
                .chars()
                .next()
                .filter(|quote| ['\'', '"'].contains(quote))?;
            let (key, after) = bracket.get(1..)?.split_once(quote)?;
            if key.contains('\\') {
                return None;
            }
            (key, after.strip_prefix(']')?)
        };
        if key.is_empty() {
            return None;
        }
        keys.push(key.to_owned());
        rest = after;
    }
    if keys.is_empty() { None } else { Some(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_singular_paths() {
        let cases = [
            ("$.sub", Some(vec!["sub"])),
            ("$.realm_access.roles", Some(vec!["realm_access", "roles"])),
            (
                "$['https://x.example/groups']",
                Some(vec!["https://x.example/groups"]),
            ),
            ("$.a[\"b\"].c", Some(vec!["a", "b", "c"])),
            ("$", None),
            ("sub", None),
            ("$..sub", None),
            ("$.a[0]", None),
            ("$.*", None),
            ("$.a-b", None),
        ];
        for (text, expected) in cases {
            let keys = claim_path(text);
            let expected = expected.map(|keys| keys.into_iter().map(str::to_owned).collect());
            assert_eq!(keys, expected, "{text}");
        }
    }
}
