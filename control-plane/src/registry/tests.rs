//! What holds for every change, and what tests of the registry start from.

use std::path::Path;

use chancery_proto::{
    admin::v1 as admin,
    policy::v1::{Effect, Endpoint, Subjects},
};
use tempfile::TempDir;

use super::*;
use crate::{secrets::key_file::KeyFile, signing::SigningKey};

pub(crate) fn by(author: &str) -> By {
    By {
        author: author.to_owned(),
        method: "ApplyResources",
        ..By::default()
    }
}

pub(crate) fn open(folder: &Path) -> Registry {
    let store = Arc::new(Store::open(&folder.join("store.sqlite"), 7).unwrap());
    let path = folder.join("store.key");
    let store_key = KeyFile::open(&path).or_else(|_none| KeyFile::create(&path, 0));
    let secrets = Secrets::open(Arc::clone(&store), Arc::new(store_key.unwrap())).unwrap();
    let signer = Signer::new(vec![SigningKey::generate().unwrap()]).unwrap();
    Registry::open(store, secrets, signer).unwrap()
}

pub(crate) fn start() -> (Registry, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(folder.path()), folder)
}

pub(crate) fn server(id: &str) -> Resource {
    Resource::Server(admin::Server {
        owner: "o".to_owned(),
        name: format!("organizations/o/workspaces/w/servers/{id}"),
        endpoints: vec![Endpoint {
            path: format!("/{id}"),
            cluster: "c".to_owned(),
            ..Endpoint::default()
        }],
        ..admin::Server::default()
    })
}

pub(crate) fn rule(id: &str, tool: &str) -> Resource {
    Resource::Rule(admin::Rule {
        name: format!("organizations/o/rules/{id}"),
        effect: Effect::Allow.into(),
        subjects: Some(Subjects {
            anyone: true,
            ..Subjects::default()
        }),
        servers: vec!["*".to_owned()],
        tools: vec![tool.to_owned()],
        ..admin::Rule::default()
    })
}

pub(crate) fn apply(registry: &Registry, resources: impl IntoIterator<Item = Resource>) -> u64 {
    let wishes = resources.into_iter().map(Wish::Apply).collect();
    let changed = registry.change(wishes, &by("ada"), false).unwrap();
    changed.snapshot.unwrap().version
}

pub(crate) fn delete(registry: &Registry, resource: &Resource) -> u64 {
    let wish = Wish::Delete {
        kind: resource.kind(),
        name: resource.name().to_owned(),
        etag: String::new(),
    };
    let changed = registry.change(vec![wish], &by("ada"), false).unwrap();
    changed.snapshot.unwrap().version
}

fn refused(registry: &Registry, resources: Vec<Resource>) -> RegistryError {
    let wishes = resources.into_iter().map(Wish::Apply).collect();
    registry.change(wishes, &by("ada"), true).unwrap_err()
}

#[test]
fn a_batch_has_a_limit() {
    let (registry, _folder) = start();
    let bare = |id: usize| {
        Resource::Rule(admin::Rule {
            name: format!("organizations/o/rules/r{id}"),
            ..admin::Rule::default()
        })
    };
    let many: Vec<_> = (0..20_001).map(bare).collect();
    for refused in [
        refused(&registry, many.clone()),
        registry.candidate(many.clone(), &[]).unwrap_err(),
        candidate::alone(many).unwrap_err(),
    ] {
        assert!(matches!(refused, RegistryError::TooMany { found: 20_001 }));
        assert!(refused.to_string().contains("at most 20000"), "{refused}");
    }
}

#[test]
fn a_name_comes_once() {
    let (registry, _folder) = start();
    let twice = vec![server("a"), rule("r", "x"), rule("s", "x"), rule("r", "y")];
    for refused in [
        refused(&registry, twice.clone()),
        registry.candidate(twice, &[]).unwrap_err(),
    ] {
        let RegistryError::Invalid(problems) = refused else {
            panic!("{refused}")
        };
        let [(3, problem)] = &*problems else {
            panic!("{problems:?}")
        };
        assert_eq!(problem.field, "name");
    }
}

#[test]
fn a_change_keeps_nobody_waiting_who_reads() {
    let (registry, _folder) = start();
    apply(&registry, [server("a"), rule("r", "x")]);
    let _changing = registry.changing();
    assert_eq!(registry.list(Kind::Rule).len(), 1);
    assert!(registry.bindings().is_empty());
    assert!(registry.snapshot_for(None, NodeScope::everything()).is_ok());
    // A dry run is such a reader.
    let wish = Wish::Apply(rule("s", "x"));
    assert!(registry.change(vec![wish], &by("ada"), true).is_ok());
}

/// What is wrong with the last of these, once the others are stored.
fn problems(resources: Vec<Resource>) -> Vec<String> {
    let (registry, _folder) = start();
    let mut resources = resources;
    let last = resources.pop().unwrap();
    apply(&registry, resources);
    let RegistryError::Invalid(problems) = refused(&registry, vec![last]) else {
        panic!()
    };
    problems.iter().map(|(_, it)| it.to_string()).collect()
}

fn server_of(place: &str, path: &str) -> Resource {
    Resource::Server(admin::Server {
        owner: "o".to_owned(),
        name: format!("organizations/{place}/servers/github"),
        endpoints: vec![Endpoint {
            path: path.to_owned(),
            cluster: "c".to_owned(),
            ..Endpoint::default()
        }],
        ..admin::Server::default()
    })
}

fn assertion(organization: &str, audience: &str) -> Resource {
    Resource::Credential(admin::Credential {
        name: format!("organizations/{organization}/credentials/c"),
        servers: vec!["github".to_owned()],
        kind: Some(admin::credential::Kind::Assertion(admin::Assertion {
            audience: audience.to_owned(),
            lifetime: None,
        })),
        ..admin::Credential::default()
    })
}

#[test]
fn a_credential_is_for_one_server_alone() {
    let (own, others) = (
        server_of("o/workspaces/default", "/a"),
        server_of("o/workspaces/w2", "/b"),
    );
    let credential = assertion("o", "https://github.test");
    for order in [
        vec![own.clone(), others.clone(), credential.clone()],
        vec![own.clone(), credential.clone(), others.clone()],
    ] {
        let problems = problems(order);
        let [problem] = &*problems else {
            panic!("{problems:?}")
        };
        assert!(problem.contains(own.name()), "{problem}");
    }
    // Where both are stored already, as by an older control plane, neither has it.
    let (registry, _folder) = start();
    apply(&registry, [own.clone(), credential]);
    assert!(registry.credential_of(own.name()).is_some());
    let mut resources = Resources::clone(&registry.current());
    resources.put(others.clone());
    *registry.lock() = Arc::new(resources);
    assert!(registry.credential_of(own.name()).is_none());
    assert!(registry.credential_of(others.name()).is_none());
}

#[test]
fn an_assertions_audience_is_one_organizations() {
    let resources = |audience: &str| {
        vec![
            server_of("o/workspaces/w", "/a"),
            server_of("p/workspaces/w", "/b"),
            assertion("o", "https://github.test"),
            assertion("p", audience),
        ]
    };
    let problems = problems(resources("https://github.test"));
    let [problem] = &*problems else {
        panic!("{problems:?}")
    };
    assert!(problem.contains("assertion.audience"), "{problem}");
    let (registry, _folder) = start();
    apply(&registry, resources("https://other.test"));
}

#[test]
fn another_organizations_resources_are_not_named() {
    let provider = |organization: &str| {
        Resource::IdentityProvider(admin::IdentityProvider {
            name: format!("organizations/{organization}/identityProviders/secret-idp"),
            issuer: "https://idp.test".to_owned(),
            audiences: vec!["https://mcp.test".to_owned()],
            jwks_uri: "https://idp.test/keys".to_owned(),
            ..admin::IdentityProvider::default()
        })
    };
    let server = |organization| server_of(&format!("{organization}/workspaces/w"), "/mcp");
    for (theirs, own, expected) in [
        (server("o"), server("p"), 1),
        (provider("o"), provider("p"), 2),
        (
            assertion("o", "https://a.test"),
            assertion("p", "https://a.test"),
            1,
        ),
    ] {
        let servers = [
            server_of("o/workspaces/x", "/o"),
            server_of("p/workspaces/x", "/p"),
        ];
        let needed = (theirs.kind() == Kind::Credential).then_some(servers);
        let mut resources: Vec<_> = needed.into_iter().flatten().collect();
        resources.extend([theirs, own]);
        let problems = problems(resources);
        assert_eq!(problems.len(), expected, "{problems:?}");
        for problem in problems {
            assert!(!problem.contains("organizations/o"), "{problem}");
            assert!(
                problem.contains("taken in another organization"),
                "{problem}"
            );
        }
    }
}

#[test]
fn an_organization_stays_one_when_its_last_resource_is_gone() {
    let (registry, folder) = start();
    let theirs = server_of("p/workspaces/w", "/p");
    apply(&registry, [server("a"), theirs.clone()]);
    let unseen = vec![Wish::Apply(server_of("q/workspaces/w", "/q"))];
    registry.change(unseen, &by("ada"), true).unwrap();
    delete(&registry, &theirs);
    let both = BTreeSet::from(["o".to_owned(), "p".to_owned()]);
    assert_eq!(registry.organizations(), both);
    drop(registry);
    assert_eq!(open(folder.path()).organizations(), both);
}
