//! What resources say of each other.

use std::collections::BTreeSet;

use chancery_engine::wire::Invalid;
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};

use super::Resources;
use crate::resource::{Kind, Resource, invalid};

/// Everything that is wrong between a resource and the others.
pub(super) fn check(all: &Resources, resource: &Resource) -> Vec<Invalid> {
    let mut check = Check {
        all,
        resource,
        problems: Vec::new(),
    };
    match resource {
        Resource::Rule(rule) => {
            check.servers(&rule.servers);
            check.roles(rule.subjects.as_ref());
        }
        Resource::Quota(quota) => {
            check.servers(&quota.servers);
            check.roles(quota.subjects.as_ref());
        }
        Resource::Offer(offer) => check.servers(&offer.servers),
        Resource::Role(role) => check.no_roles(role),
        Resource::Credential(credential) => {
            check.servers(&credential.servers);
            check.one_credential(credential);
        }
        Resource::Server(server) => {
            check.places(server);
            check.server_audiences(server);
        }
        Resource::IdentityProvider(provider) => {
            check.issuer(provider);
            for (at, audience) in provider.audiences.iter().enumerate() {
                check.audience(&format!("audiences[{at}]"), audience);
            }
        }
        Resource::Binding(_) | Resource::Organization(_) => {}
    }
    check.problems
}

/// What still names a server or role that is no longer there.
pub(super) fn named_by<'r>(all: &'r Resources, kind: Kind, name: &str) -> Option<&'r str> {
    let (organization, _) = split(name);
    let id = name.rsplit('/').next().unwrap_or_default();
    let names = |resource: &Resource| match kind {
        Kind::Server => servers_of(resource).iter().any(|server| server == id),
        Kind::Role => {
            let roles = subjects_of(resource).map(|subjects| &subjects.roles);
            roles.is_some_and(|roles| roles.iter().any(|role| role == id))
        }
        Kind::Binding
        | Kind::Credential
        | Kind::IdentityProvider
        | Kind::Offer
        | Kind::Organization
        | Kind::Quota
        | Kind::Rule => false,
    };
    let is_left = ids(all, organization, kind).contains(id);
    let mut others = all
        .values()
        .filter(|other| other.organization() == organization);
    let by = others.find(|other| !is_left && names(other))?;
    Some(by.name())
}

/// The organization of a name, and the rest.
fn split(name: &str) -> (&str, &str) {
    let second_slash = name.match_indices('/').nth(1);
    second_slash
        .and_then(|(at, _)| name.split_at_checked(at))
        .unwrap_or((name, ""))
}

/// The globs over servers that a resource has.
fn servers_of(resource: &Resource) -> &[String] {
    match resource {
        Resource::Rule(rule) => &rule.servers,
        Resource::Quota(quota) => &quota.servers,
        Resource::Offer(offer) => &offer.servers,
        Resource::Credential(credential) => &credential.servers,
        Resource::Binding(_)
        | Resource::IdentityProvider(_)
        | Resource::Organization(_)
        | Resource::Role(_)
        | Resource::Server(_) => &[],
    }
}

fn subjects_of(resource: &Resource) -> Option<&policy::Subjects> {
    match resource {
        Resource::Rule(rule) => rule.subjects.as_ref(),
        Resource::Quota(quota) => quota.subjects.as_ref(),
        Resource::Role(role) => role.subjects.as_ref(),
        Resource::Binding(_)
        | Resource::Credential(_)
        | Resource::IdentityProvider(_)
        | Resource::Offer(_)
        | Resource::Organization(_)
        | Resource::Server(_) => None,
    }
}

/// Every audience that a resource accepts.
fn audiences_of(resource: &Resource) -> Vec<&str> {
    match resource {
        Resource::IdentityProvider(provider) => {
            provider.audiences.iter().map(String::as_str).collect()
        }
        Resource::Server(server) => server
            .endpoints
            .iter()
            .flat_map(|endpoint| &endpoint.audiences)
            .map(|audience| &*audience.value)
            .collect(),
        Resource::Binding(_)
        | Resource::Credential(_)
        | Resource::Offer(_)
        | Resource::Organization(_)
        | Resource::Quota(_)
        | Resource::Role(_)
        | Resource::Rule(_) => Vec::new(),
    }
}

/// The ids of a kind in an organization.
fn ids<'r>(all: &'r Resources, organization: &str, kind: Kind) -> BTreeSet<&'r str> {
    all.values()
        .filter(|other| other.kind() == kind && other.organization() == organization)
        .map(Resource::id)
        .collect()
}

/// "the id of a role: `a`, `b`".
fn one_of(what: &str, known: &BTreeSet<&str>) -> String {
    let known: Vec<_> = known.iter().map(|id| format!("`{id}`")).collect();
    match &*known {
        [] => format!("the id of a {what}, and there is none yet"),
        known => format!("the id of a {what}: {}", known.join(", ")),
    }
}

struct Check<'r> {
    all: &'r Resources,
    resource: &'r Resource,
    problems: Vec<Invalid>,
}

impl<'r> Check<'r> {
    fn others(&self) -> impl Iterator<Item = &'r Resource> + use<'r> {
        let (kind, name) = (self.resource.kind(), self.resource.name());
        let is_other = move |other: &&Resource| other.kind() != kind || other.name() != name;
        self.all.values().filter(is_other)
    }

    fn say(&mut self, field: String, found: String, expected: impl Into<String>) {
        self.problems.push(invalid(field, found, expected));
    }

    /// A glob that names one server names one that there is.
    fn servers(&mut self, globs: &[String]) {
        let known = ids(self.all, self.resource.organization(), Kind::Server);
        for (index, glob) in globs.iter().enumerate() {
            let is_literal = !glob.contains(['*', '?']);
            if is_literal && !known.contains(&**glob) {
                let expected = one_of("registered server", &known);
                self.say(format!("servers[{index}]"), format!("`{glob}`"), expected);
            }
        }
    }

    fn roles(&mut self, subjects: Option<&policy::Subjects>) {
        let known = ids(self.all, self.resource.organization(), Kind::Role);
        let roles = subjects.into_iter().flat_map(|subjects| &subjects.roles);
        for (index, role) in roles.enumerate() {
            if !known.contains(&**role) {
                let expected = one_of("role", &known);
                self.say(
                    format!("subjects.roles[{index}]"),
                    format!("`{role}`"),
                    expected,
                );
            }
        }
    }

    fn no_roles(&mut self, role: &admin::Role) {
        let roles = role
            .subjects
            .as_ref()
            .map_or(&[][..], |subjects| &subjects.roles);
        if let Some(inner) = roles.first() {
            let found = format!("the role `{inner}`");
            self.say("subjects.roles".to_owned(), found, "no role inside a role");
        }
    }

    fn one_credential(&mut self, credential: &admin::Credential) {
        for (index, server) in credential.servers.iter().enumerate() {
            let has_it = |other: &&Resource| {
                if let Resource::Credential(theirs) = other {
                    other.organization() == self.resource.organization()
                        && theirs.servers.contains(server)
                } else {
                    false
                }
            };
            if let Some(other) = self.others().find(has_it) {
                let found = format!("`{server}`, which `{}` has", other.name());
                let expected = "a server without another credential";
                self.say(format!("servers[{index}]"), found, expected);
            }
        }
    }

    fn places(&mut self, server: &admin::Server) {
        for (index, endpoint) in server.endpoints.iter().enumerate() {
            let is_here = |theirs: &policy::Endpoint| {
                theirs.host == endpoint.host && theirs.path == endpoint.path
            };
            let claims = |other: &&Resource| {
                if let Resource::Server(other) = other {
                    other.endpoints.iter().any(is_here)
                } else {
                    false
                }
            };
            let Some(other) = self.others().find(claims) else {
                continue;
            };
            let host = Some(&*endpoint.host).filter(|host| !host.is_empty());
            let found = format!(
                "{} and `{}`, which `{}` has",
                host.unwrap_or("any host"),
                endpoint.path,
                other.name()
            );
            let field = format!("endpoints[{index}].path");
            self.say(field, found, "a host and path of its own");
        }
    }

    fn server_audiences(&mut self, server: &admin::Server) {
        for (index, endpoint) in server.endpoints.iter().enumerate() {
            for (at, audience) in endpoint.audiences.iter().enumerate() {
                let field = format!("endpoints[{index}].audiences[{at}].value");
                self.audience(&field, &audience.value);
            }
        }
    }

    /// A token for one organization must never do in another.
    fn audience(&mut self, field: &str, audience: &str) {
        let organization = self.resource.organization();
        let mut strangers = self
            .others()
            .filter(|other| other.organization() != organization);
        let Some(other) = strangers.find(|other| audiences_of(other).contains(&audience)) else {
            return;
        };
        let found = format!(
            "`{audience}`, which `{}` accepts in another organization",
            other.name()
        );
        self.say(
            field.to_owned(),
            found,
            "an audience of this organization alone",
        );
    }

    fn issuer(&mut self, provider: &admin::IdentityProvider) {
        let same = |other: &&Resource| {
            if let Resource::IdentityProvider(other) = other {
                other.issuer == provider.issuer
            } else {
                false
            }
        };
        if let Some(other) = self.others().find(same) {
            let found = format!("`{}`, which `{}` has", provider.issuer, other.name());
            self.say("issuer".to_owned(), found, "an issuer of its own");
        }
    }
}
