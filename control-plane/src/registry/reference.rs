//! What resources say of each other.

mod index;
mod redaction;

use std::collections::{BTreeMap, BTreeSet};

use chancery_engine::wire::Invalid;
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};

pub(super) use self::index::Index;
use crate::resource::{Kind, Resource, invalid, server_of_block};

/// Most of what there is that an error lists.
const MAX_LISTED: usize = 20;

/// Everything that is wrong between a resource and the others.
pub(super) fn check(all: &Index<'_>, resource: &Resource) -> Vec<Invalid> {
    let mut check = Check {
        all,
        resource,
        problems: Vec::new(),
    };
    match resource {
        Resource::Rule(rule) => {
            check.servers(&rule.servers);
            check.obligations(rule);
            check.roles(rule.subjects.as_ref());
        }
        Resource::Quota(quota) => {
            check.servers(&quota.servers);
            check.roles(quota.subjects.as_ref());
        }
        Resource::Offer(offer) => check.servers(&offer.servers),
        Resource::Role(role) => check.no_roles(role),
        Resource::RedactionProfile(profile) => check.profile(profile),
        Resource::Allowlist(allowlist) => check.allowlist(allowlist),
        Resource::Credential(credential) => {
            check.servers(&credential.servers);
            check.one_server(credential);
            check.one_credential(credential);
            check.assertion(credential);
            check.signs(credential);
        }
        Resource::Server(server) => {
            check.places(server);
            check.server_audiences(server);
            check.no_others_credential(server);
        }
        Resource::IdentityProvider(provider) => {
            check.issuer(provider);
            for (at, audience) in provider.audiences.iter().enumerate() {
                check.audience(&format!("audiences[{at}]"), audience);
            }
        }
        Resource::Block(block) => check.block(block),
        Resource::Organization(organization) => check.webhooks(organization),
        Resource::Binding(_) | Resource::Detector(_) => {}
    }
    check.problems
}

/// "the id of a role: `a`, `b`".
fn one_of(what: &str, known: &[&str], count: usize) -> String {
    let listed: Vec<_> = known.iter().map(|id| format!("`{id}`")).collect();
    let article = if what.starts_with('a') { "an" } else { "a" };
    let what = format!("the id of {article} {what}");
    match count.saturating_sub(known.len()) {
        _ if known.is_empty() => format!("{what}, and there is none yet"),
        0 => format!("{what}: {}", listed.join(", ")),
        more => format!("{what}: {} and {more} more", listed.join(", ")),
    }
}

struct Check<'c, 'r> {
    all: &'c Index<'r>,
    resource: &'c Resource,
    problems: Vec<Invalid>,
}

impl Check<'_, '_> {
    fn say(&mut self, field: String, found: String, expected: impl Into<String>) {
        self.problems.push(invalid(field, found, expected));
    }

    /// What somebody else has, said so that it tells nothing of another organization.
    fn taken(&mut self, field: String, what: &str, by: &Resource, expected: &str) {
        let found = if by.organization() == self.resource.organization() {
            format!("{what}, which `{}` has", by.name())
        } else {
            format!("{what}, which is taken in another organization")
        };
        self.say(field, found, expected);
    }

    /// A glob that names one server names one that there is.
    fn servers(&mut self, globs: &[String]) {
        let all = self.all;
        let known = all.servers_of(self.resource.organization());
        for (index, glob) in globs.iter().enumerate() {
            let is_literal = !glob.contains(['*', '?']);
            if is_literal && !known.is_some_and(|known| known.contains_key(&**glob)) {
                let ids = known.into_iter().flat_map(|known| known.keys().copied());
                let ids: Vec<_> = ids.take(MAX_LISTED).collect();
                let expected = one_of("registered server", &ids, known.map_or(0, BTreeMap::len));
                self.say(format!("servers[{index}]"), format!("`{glob}`"), expected);
            }
        }
    }

    /// A block of a server names one that there is: a kill switch with a slip of the pen stops nothing.
    fn block(&mut self, block: &admin::Block) {
        let Some(name) = server_of_block(block) else {
            return;
        };
        let organization = self.resource.organization();
        let id = name.rsplit('/').next().unwrap_or_default();
        let mut known = self.all.servers(organization, id).iter();
        if known.any(|server| server.name() == name) {
            return;
        }
        let of_organization = self.all.servers_of(organization);
        let ids = of_organization
            .into_iter()
            .flat_map(|known| known.keys().copied());
        let ids: Vec<_> = ids.take(MAX_LISTED).collect();
        let expected = one_of(
            "registered server",
            &ids,
            of_organization.map_or(0, BTreeMap::len),
        );
        let field = match block.target {
            Some(admin::block::Target::Capability(_)) => "capability.server",
            Some(_) | None => "server",
        };
        self.say(field.to_owned(), format!("`{name}`"), expected);
    }

    fn roles(&mut self, subjects: Option<&policy::Subjects>) {
        let all = self.all;
        let known = all.roles.get(self.resource.organization());
        let roles = subjects.into_iter().flat_map(|subjects| &subjects.roles);
        for (index, role) in roles.enumerate() {
            if !known.is_some_and(|known| known.contains(&**role)) {
                let ids = known.into_iter().flat_map(|known| known.iter().copied());
                let ids: Vec<_> = ids.take(MAX_LISTED).collect();
                let expected = one_of("role", &ids, known.map_or(0, BTreeSet::len));
                let field = format!("subjects.roles[{index}]");
                self.say(field, format!("`{role}`"), expected);
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

    /// An id that servers of two workspaces have says not whose secret it is.
    fn one_server(&mut self, credential: &admin::Credential) {
        for (index, id) in credential.servers.iter().enumerate() {
            let servers = self.all.servers(self.resource.organization(), id);
            if let [one, other, ..] = servers {
                let found = format!("`{id}`, which is `{}` and `{}`", one.name(), other.name());
                let expected = "an id that one server alone has";
                self.say(format!("servers[{index}]"), found, expected);
            }
        }
    }

    /// A server of another workspace with an id that a credential names would be given it.
    fn no_others_credential(&mut self, server: &admin::Server) {
        let (organization, id) = (self.resource.organization(), self.resource.id());
        let credential = self.all.credentials.get(&(organization, id));
        let Some(credential) = credential.and_then(|them| them.values().next()) else {
            return;
        };
        let servers = self.all.servers(organization, id);
        let other = servers.iter().find(|other| other.name() != server.name);
        if let Some(other) = other {
            let found = format!(
                "`{id}`, which `{}` is too and `{}` names",
                other.name(),
                credential.name()
            );
            let expected = "an id of its own, as the credential is for one server alone";
            self.say("name".to_owned(), found, expected);
        }
    }

    fn one_credential(&mut self, credential: &admin::Credential) {
        for (index, server) in credential.servers.iter().enumerate() {
            let key = (self.resource.organization(), &**server);
            if let Some(other) = Index::other(&self.all.credentials, &key, self.resource) {
                let expected = "a server without another credential";
                self.taken(
                    format!("servers[{index}]"),
                    &format!("`{server}`"),
                    other,
                    expected,
                );
            }
        }
    }

    /// All assertions have one issuer and one set of keys: their audience alone says whose it is.
    fn assertion(&mut self, credential: &admin::Credential) {
        let Some(admin::credential::Kind::Assertion(assertion)) = &credential.kind else {
            return;
        };
        let owners = self.all.assertions.get(&*assertion.audience);
        self.own_audience("assertion.audience", &assertion.audience, owners);
    }

    /// A webhook names a credential that signs.
    fn webhooks(&mut self, organization: &admin::Organization) {
        let all = self.all;
        let known = all.signing.get(self.resource.organization());
        for (index, webhook) in organization.webhooks.iter().enumerate() {
            let id = &*webhook.credential;
            if !known.is_some_and(|known| known.contains(id)) {
                let ids = known.into_iter().flat_map(|known| known.iter().copied());
                let ids: Vec<_> = ids.take(MAX_LISTED).collect();
                let what = "credential with a signing secret";
                let expected = one_of(what, &ids, known.map_or(0, BTreeSet::len));
                let field = format!("webhooks[{index}].credential");
                self.say(field, format!("`{id}`"), expected);
            }
        }
    }

    /// A credential that a webhook names goes on to sign.
    fn signs(&mut self, credential: &admin::Credential) {
        let by = self.all.named_by(Kind::Credential, &credential.name);
        if let Some(by) = by {
            let expected = format!("`signing_secret`, as a webhook of `{by}` is signed with it");
            self.say("kind".to_owned(), "another kind".to_owned(), expected);
        }
    }

    fn places(&mut self, server: &admin::Server) {
        for (index, endpoint) in server.endpoints.iter().enumerate() {
            let key = (&*endpoint.host, &*endpoint.path);
            let Some(other) = Index::other(&self.all.endpoints, &key, self.resource) else {
                continue;
            };
            let host = Some(&*endpoint.host).filter(|host| !host.is_empty());
            let what = format!("{} and `{}`", host.unwrap_or("any host"), endpoint.path);
            let field = format!("endpoints[{index}].path");
            self.taken(field, &what, other, "a host and path of its own");
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
        let owners = self.all.audiences.get(audience);
        self.own_audience(field, audience, owners);
    }

    fn own_audience(&mut self, field: &str, audience: &str, owners: Option<&BTreeSet<&str>>) {
        let organization = self.resource.organization();
        if owners.is_some_and(|owners| owners.iter().any(|owner| *owner != organization)) {
            let found = format!("`{audience}`, which is taken in another organization");
            let expected = "an audience of this organization alone";
            self.say(field.to_owned(), found, expected);
        }
    }

    fn issuer(&mut self, provider: &admin::IdentityProvider) {
        let other = Index::other(&self.all.issuers, &*provider.issuer, self.resource);
        if let Some(other) = other {
            let what = format!("`{}`", provider.issuer);
            self.taken("issuer".to_owned(), &what, other, "an issuer of its own");
        }
    }
}
