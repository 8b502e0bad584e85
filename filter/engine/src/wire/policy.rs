//! `chancery.policy.v1` to the engine.

use std::collections::BTreeSet;

use chancery_proto::policy::v1 as pb;

use super::{Invalid, shown};
use crate::{
    glob::{Glob, percent_encoded},
    message::Method,
    redact::{Detector, Detectors, Redaction},
    rule::{Effect, Rule, Subjects},
    server::{Authentication, Endpoint, OnDenied, Server, normalise},
    token::{Algorithm, IdentityProvider, VerificationKey},
};

/// Most seconds that clocks may differ.
const MAX_LEEWAY_SECONDS: i64 = 300;

impl TryFrom<pb::Server> for Server {
    type Error = Invalid;

    fn try_from(message: pb::Server) -> Result<Self, Invalid> {
        let pb::Server {
            name,
            endpoints,
            authentication,
            on_denied,
            origins,
            environment,
            dispatchers,
            scopes,
            upstream,
        } = message;
        not_yet("environment", environment.is_empty())?;
        not_yet("dispatchers", dispatchers.is_empty())?;
        not_yet("scopes", scopes.is_empty())?;
        not_yet("upstream", upstream.is_none())?;
        let name = named(name, ["organizations", "workspaces", "servers"])?;
        if endpoints.is_empty() {
            return Err(Invalid::new("endpoints", "none", "at least one endpoint"));
        }
        let authentication = match pb::Authentication::try_from(authentication) {
            Ok(pb::Authentication::Required) => Authentication::Required,
            Ok(pb::Authentication::Optional) => Authentication::Optional,
            Ok(pb::Authentication::Unspecified) | Err(_) => {
                return Err(Invalid::new(
                    "authentication",
                    authentication,
                    "`required` or `optional`",
                ));
            }
        };
        let on_denied = match pb::OnDenied::try_from(on_denied) {
            Ok(pb::OnDenied::Reveal) => OnDenied::Reveal,
            Ok(pb::OnDenied::Hide) => OnDenied::Hide,
            Ok(pb::OnDenied::Unspecified) | Err(_) => {
                return Err(Invalid::new("on_denied", on_denied, "`reveal` or `hide`"));
            }
        };
        let endpoints = each("endpoints", endpoints, Endpoint::try_from)?;
        Ok(Self {
            name,
            endpoints,
            authentication,
            on_denied,
            origins: each("origins", origins, origin)?,
        })
    }
}

/// An origin as browsers send it (RFC 6454 section 6.1).
fn origin(text: String) -> Result<Box<str>, Invalid> {
    let place = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_host =
        |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"/?#@\\*".contains(&b);
    if place.is_some_and(|place| !place.is_empty() && place.bytes().all(is_host)) {
        return Ok(text.into());
    }
    let expected =
        "`https://` or `http://` and a lower-case host, with `:port` where it is not the default";
    Err(Invalid::new("", shown(&text), expected))
}

impl TryFrom<pb::Endpoint> for Endpoint {
    type Error = Invalid;

    fn try_from(message: pb::Endpoint) -> Result<Self, Invalid> {
        let pb::Endpoint {
            cluster,
            host,
            path,
            workspace,
            audiences,
            resource,
        } = message;
        not_yet("workspace", workspace.is_empty())?;
        not_yet("audiences", audiences.is_empty())?;
        not_yet("resource", resource.is_empty())?;
        if cluster.is_empty() {
            return Err(Invalid::new(
                "cluster",
                "nothing",
                "the name of an Envoy cluster",
            ));
        }
        match normalise(&host, &path) {
            Some((_, normal)) if normal == path => {}
            Some(_) | None => {
                let expected = "an absolute path without query, `//`, `.`, `..` or escapes of them";
                return Err(Invalid::new("path", shown(&path), expected));
            }
        }
        let is_host = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\*".contains(&byte);
        if !host.bytes().all(is_host) || host != host.to_ascii_lowercase() {
            let expected =
                "a lower-case host, with `:port` where clients dial one, or nothing for any";
            return Err(Invalid::new("host", shown(&host), expected));
        }
        let host = if host.is_empty() {
            None
        } else {
            Some(host.into())
        };
        Ok(Self {
            path: path.into(),
            host,
            cluster: cluster.into(),
        })
    }
}

impl TryFrom<pb::Rule> for Rule {
    type Error = Invalid;

    fn try_from(message: pb::Rule) -> Result<Self, Invalid> {
        let pb::Rule {
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
        } = message;
        not_yet("environments", environments.is_empty())?;
        not_yet("agents", agents.is_empty())?;
        not_yet("when", when.is_empty())?;
        not_yet("source_ranges", source_ranges.is_empty())?;
        not_yet("expire_time", expire_time.is_none())?;
        not_yet("mode", mode <= pb::RuleMode::Enforce.into())?;
        let name = named(name, ["organizations", "rules"])?;
        let effect = match pb::Effect::try_from(effect) {
            Ok(pb::Effect::Allow) => Effect::Allow,
            Ok(pb::Effect::Deny) => Effect::Deny,
            Ok(pb::Effect::Unspecified) | Err(_) => {
                return Err(Invalid::new("effect", effect, "`allow` or `deny`"));
            }
        };
        let subjects = subjects.ok_or_else(|| Invalid::new("subjects", "nothing", SUBJECTS))?;
        let subjects = Subjects::try_from(subjects).map_err(|error| error.within("subjects"))?;
        if servers.is_empty() {
            return Err(Invalid::new(
                "servers",
                "none",
                "at least one server id or glob",
            ));
        }
        let capabilities = [&tools, &prompts, &resources];
        let names_capability = capabilities.iter().any(|globs| !globs.is_empty());
        if !names_capability && methods.is_empty() {
            let expected = "at least one glob in `tools`, `prompts`, `resources` or `methods`";
            return Err(Invalid::new("tools", "none", expected));
        }
        let redaction = obligations.map(|pb::Obligations { redaction }| redaction);
        let redaction = redaction.flatten().map(Redaction::try_from).transpose();
        let redaction = redaction.map_err(|error| error.within("obligations.redaction"))?;
        if redaction.is_some() && effect == Effect::Deny {
            let expected = "no obligations on a rule that denies";
            return Err(Invalid::new("obligations", "a redaction", expected));
        }
        Ok(Self {
            name,
            effect,
            subjects,
            servers: globs("servers", servers)?,
            tools: globs("tools", tools)?,
            prompts: globs("prompts", prompts)?,
            resources: globs("resources", ascii(resources))?,
            methods: methods_of(methods, names_capability)?,
            redaction,
        })
    }
}

/// Globs over URIs as URIs are judged.
fn ascii(patterns: Vec<String>) -> Vec<String> {
    let encoded = |pattern: String| percent_encoded(&pattern).into_owned();
    patterns.into_iter().map(encoded).collect()
}

/// Globs over methods, each of which must match one that there is: a misspelt one would allow or
/// deny nothing.
fn methods_of(patterns: Vec<String>, names_capability: bool) -> Result<Vec<Glob>, Invalid> {
    let globs = globs("methods", patterns)?;
    let fits = |method: &&Method| !names_capability || method.acts_on_a_capability();
    let is_dead = |glob: &Glob| {
        let mut methods = Method::ALL.iter().filter(fits);
        !methods.any(|method| glob.matches(method.as_str()))
    };
    match globs.iter().enumerate().find(|(_, glob)| is_dead(glob)) {
        None => Ok(globs),
        Some((position, glob)) => {
            let field = format!("methods[{position}]");
            let expected = if names_capability {
                "a method that acts on tools, prompts or resources, such as `tools/call`, or no \
                 `tools`, `prompts` and `resources` beside it"
            } else {
                "a method of MCP, such as `tools/call`, or a glob that matches one"
            };
            Err(Invalid::new(field, shown(&glob.to_string()), expected))
        }
    }
}

const SUBJECTS: &str = "at least one of `users`, `groups`, `authenticated: true`, `anyone: true`";

impl TryFrom<pb::Subjects> for Subjects {
    type Error = Invalid;

    fn try_from(message: pb::Subjects) -> Result<Self, Invalid> {
        let pb::Subjects {
            users,
            groups,
            authenticated,
            anyone,
            token_roles,
            roles,
            teams,
            workspaces,
            agents,
            clients,
        } = message;
        not_yet("token_roles", token_roles.is_empty())?;
        not_yet("roles", roles.is_empty())?;
        not_yet("teams", teams.is_empty())?;
        not_yet("workspaces", workspaces.is_empty())?;
        not_yet("agents", agents.is_empty())?;
        not_yet("clients", clients.is_empty())?;
        let names = |field: &str, names: Vec<String>| -> Result<BTreeSet<Box<str>>, Invalid> {
            let name = |name: String| match &*name {
                "" => Err(Invalid::new("", "nothing", "an exact name")),
                _ => Ok(Box::from(name)),
            };
            Ok(each(field, names, name)?.into_iter().collect())
        };
        let subjects = Self {
            users: names("users", users)?,
            groups: names("groups", groups)?,
            authenticated,
            anyone,
        };
        let is_empty = subjects.users.is_empty() && subjects.groups.is_empty();
        if is_empty && !authenticated && !anyone {
            return Err(Invalid::new("users", "no subject", SUBJECTS));
        }
        Ok(subjects)
    }
}

impl TryFrom<pb::Redaction> for Redaction {
    type Error = Invalid;

    fn try_from(message: pb::Redaction) -> Result<Self, Invalid> {
        let pb::Redaction {
            detectors: ids,
            arguments,
            results,
        } = message;
        if ids.is_empty() {
            return Err(Invalid::new("detectors", "none", known_detectors()));
        }
        if !arguments && !results {
            let expected = "`true` for `arguments`, `results` or both";
            return Err(Invalid::new("arguments", "neither direction", expected));
        }
        let parse = |id: String| {
            Detector::parse(&id).ok_or_else(|| Invalid::new("", shown(&id), known_detectors()))
        };
        let mut detectors = Detectors::default();
        for detector in each("detectors", ids, parse)? {
            detectors.insert(detector);
        }
        let when = |applies: bool| {
            if applies {
                detectors
            } else {
                Detectors::default()
            }
        };
        Ok(Self {
            arguments: when(arguments),
            results: when(results),
        })
    }
}

fn known_detectors() -> String {
    let ids: Vec<_> = Detector::ALL
        .iter()
        .map(|detector| format!("`{}`", detector.as_str()))
        .collect();
    format!("one or more of {}", ids.join(", "))
}

impl TryFrom<pb::IdentityProvider> for IdentityProvider {
    type Error = Invalid;

    fn try_from(message: pb::IdentityProvider) -> Result<Self, Invalid> {
        let pb::IdentityProvider {
            name,
            issuer,
            audiences,
            keys,
            claims,
            leeway,
            source: _,
            metadata_key: _,
            trust_domain: _,
            required_claims,
            algorithms,
            access_tokens_only: _,
            has_key_set: _,
        } = message;
        not_yet("required_claims", required_claims.is_empty())?;
        not_yet("algorithms", algorithms.is_empty())?;
        let name = named(name, ["organizations", "identityProviders"])?;
        if issuer.is_empty() {
            return Err(Invalid::new(
                "issuer",
                "nothing",
                "the exact `iss` of its tokens",
            ));
        }
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            let expected = "at least one exact `aud`, none of them empty";
            return Err(Invalid::new("audiences", "none", expected));
        }
        if keys.is_empty() {
            return Err(Invalid::new("keys", "none", "at least one public key"));
        }
        let keys = each("keys", keys, VerificationKey::try_from)?;
        let pb::ClaimMapping { user, groups, .. } = claims.unwrap_or_default();
        let path = |path: String| -> Vec<Box<str>> {
            let keys = path.trim_start_matches("$.").split('.');
            keys.map(Box::from).collect()
        };
        let user_claim = path(user);
        let seconds = leeway.map_or(0, |leeway| leeway.seconds);
        if !(0..=MAX_LEEWAY_SECONDS).contains(&seconds) {
            let expected = format!("0 to {MAX_LEEWAY_SECONDS} seconds");
            return Err(Invalid::new("leeway", format!("{seconds} s"), expected));
        }
        Ok(Self {
            name,
            issuer: issuer.into(),
            audiences: audiences.into_iter().map(Box::from).collect(),
            keys,
            user_claim,
            groups_claim: path(groups),
            leeway_seconds: seconds.unsigned_abs(),
        })
    }
}

impl TryFrom<pb::VerificationKey> for VerificationKey {
    type Error = Invalid;

    fn try_from(message: pb::VerificationKey) -> Result<Self, Invalid> {
        let pb::VerificationKey {
            key_id,
            algorithm,
            public_key,
        } = message;
        let algorithm = match pb::SignatureAlgorithm::try_from(algorithm) {
            Ok(pb::SignatureAlgorithm::Rs256) => Algorithm::Rs256,
            Ok(pb::SignatureAlgorithm::Es256) => Algorithm::Es256,
            Ok(pb::SignatureAlgorithm::Eddsa) => Algorithm::EdDsa,
            Ok(pb::SignatureAlgorithm::Unspecified) | Err(_) => {
                return Err(Invalid::new(
                    "algorithm",
                    algorithm,
                    "`RS256`, `ES256` or `EdDSA`",
                ));
            }
        };
        if public_key.is_empty() {
            return Err(Invalid::new("public_key", "nothing", "a public key"));
        }
        Ok(Self {
            key_id: key_id.into(),
            algorithm,
            public_key,
        })
    }
}

/// Until it is built, a wish for it is refused rather than passed over.
fn not_yet(field: &str, is_absent: bool) -> Result<(), Invalid> {
    if is_absent {
        Ok(())
    } else {
        Err(Invalid::new(field, "a value", "nothing: not supported yet"))
    }
}

/// Checks a resource name against its collections, `{collection}/{id}` each.
fn named<const N: usize>(name: String, collections: [&str; N]) -> Result<Box<str>, Invalid> {
    let mut segments = name.split('/');
    let is_id = |id: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
        let bytes = id.as_bytes();
        id.len() <= 63
            && bytes.iter().all(|b| inner(*b))
            && edge(bytes.first())
            && edge(bytes.last())
    };
    let fits = collections.iter().all(|collection| {
        segments.next() == Some(collection) && segments.next().is_some_and(is_id)
    });
    if fits && segments.next().is_none() {
        return Ok(name.into());
    }
    let pattern: Vec<_> = collections
        .iter()
        .map(|collection| format!("{collection}/ID"))
        .collect();
    let expected = format!(
        "`{}`, each ID 1 to 63 of `a-z`, `0-9`, `-`",
        pattern.join("/")
    );
    Err(Invalid::new("name", shown(&name), expected))
}

fn globs(field: &str, patterns: Vec<String>) -> Result<Vec<Glob>, Invalid> {
    each(field, patterns, |pattern| {
        Glob::parse(&pattern).map_err(|error| {
            Invalid::new(
                "",
                format!("{}, which {error}", shown(&pattern)),
                "a name or glob",
            )
        })
    })
}

/// Converts the items of a repeated field; an error says which of them.
fn each<T, U>(
    field: &str,
    items: Vec<T>,
    convert: impl Fn(T) -> Result<U, Invalid>,
) -> Result<Vec<U>, Invalid> {
    let convert_one = |(position, item)| {
        convert(item).map_err(|error| {
            let outer = format!("{field}[{position}]");
            if error.field.is_empty() {
                Invalid {
                    field: outer,
                    ..error
                }
            } else {
                error.within(&outer)
            }
        })
    };
    items.into_iter().enumerate().map(convert_one).collect()
}
