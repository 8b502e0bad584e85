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
    assert!(registry.snapshot_for(None, NodeScope::Everything).is_ok());
    // A dry run is such a reader.
    let wish = Wish::Apply(rule("s", "x"));
    assert!(registry.change(vec![wish], &by("ada"), true).is_ok());
}
