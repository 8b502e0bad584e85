use chancery_proto::{admin::v1 as admin, policy::v1::ServerState};

use super::*;
use crate::registry::tests::{apply, by, delete, open, rule, server, start};

fn bare(resources: &[Resource]) -> Vec<Resource> {
    let mut bare: Vec<_> = resources.iter().map(Resource::bare).collect();
    bare.sort_by(|a, b| a.name().cmp(b.name()));
    bare
}

/// A server as it is stored where its document says nothing of its state.
fn approved(id: &str) -> Resource {
    let Resource::Server(mut server) = server(id) else {
        panic!("no server")
    };
    server.set_state(ServerState::Approved);
    Resource::Server(server)
}

#[test]
fn every_version_is_kept_with_its_resources_and_whose_doing_it_is() {
    let (registry, folder) = start();
    assert_eq!(apply(&registry, [server("a"), rule("r", "x")]), 1);
    assert_eq!(apply(&registry, [rule("r", "y")]), 2);
    assert_eq!(delete(&registry, &rule("r", "y")), 3);
    drop(registry);
    let registry = open(folder.path());
    for (version, expected) in [
        (1, vec![rule("r", "x"), approved("a")]),
        (2, vec![rule("r", "y"), approved("a")]),
        (3, vec![approved("a")]),
    ] {
        assert_eq!(bare(&registry.resources_of(version).unwrap()), expected);
    }
    for unknown in [0, 4] {
        assert!(matches!(
            registry.resources_of(unknown),
            Err(RegistryError::UnknownVersion {
                newest: Some(3),
                ..
            })
        ));
    }
    let page = registry.history(3, 5).unwrap();
    let versions: Vec<_> = page.iter().map(|one| one.version).collect();
    assert_eq!(versions, [2, 1]);
    assert_eq!(
        (&*page[0].author, &*page[0].cause),
        ("ada", "ApplyResources")
    );
    assert_eq!(page[0].signatures.len(), 1);
}

#[test]
fn two_versions_differ_by_what_was_written_and_by_nothing_else() {
    let (registry, _folder) = start();
    let first = apply(&registry, [server("a"), server("b"), rule("r", "x")]);
    apply(&registry, [rule("r", "y")]);
    apply(&registry, [rule("r", "x"), rule("s", "x")]);
    let last = delete(&registry, &server("b"));
    let named = |from, to| -> Vec<(String, bool, bool)> {
        let found = registry.differences(from, to).unwrap().into_iter();
        found
            .map(|it| (it.name, it.from.is_some(), it.to.is_some()))
            .collect()
    };
    let (s, b) = (rule("s", "x"), server("b"));
    let name = |it: &Resource| it.name().to_owned();
    assert_eq!(
        named(first, last),
        [(name(&s), false, true), (name(&b), true, false)]
    );
    assert_eq!(
        named(last, first),
        [(name(&s), true, false), (name(&b), false, true)]
    );
    assert_eq!(named(last, last), []);
}

#[test]
fn a_rollback_is_a_new_version_with_the_old_resources() {
    let (registry, _folder) = start();
    let old = apply(&registry, [server("a"), rule("r", "x")]);
    apply(&registry, [server("b"), rule("r", "y")]);
    let before = delete(&registry, &rule("r", "y"));
    let etag = registry.resources_of(old).unwrap()[0].etag().to_owned();

    let would = registry.roll_back(old, &by("bob"), true).unwrap();
    assert_eq!(would.names.len(), 2);
    assert_eq!(
        registry.history(u64::MAX, 9).unwrap().len(),
        3,
        "only checked"
    );

    let done = registry.roll_back(old, &by("bob"), false).unwrap();
    assert_eq!(done.changed.done.len(), 2);
    let new = done.changed.snapshot.unwrap().version;
    assert_eq!(new, before + 1);
    let resources = registry.resources_of(new).unwrap();
    assert_eq!(bare(&resources), bare(&registry.resources_of(old).unwrap()));
    assert!(registry.differences(old, new).unwrap().is_empty());
    assert!(
        resources.iter().any(|it| it.etag() == etag),
        "of the content"
    );
    let newest = registry.history(u64::MAX, 1).unwrap().remove(0);
    assert_eq!((&*newest.author, &*newest.cause), ("bob", "rollback of 1"));

    // Once more changes nothing, and publishes nothing.
    let again = registry.roll_back(old, &by("bob"), false).unwrap();
    assert!(again.names.is_empty());
    assert_eq!(again.changed.snapshot.unwrap().version, new);
}

#[test]
fn what_no_longer_fits_is_not_rolled_back() {
    let (registry, folder) = start();
    let old = apply(&registry, [server("a"), rule("r", "x")]);
    delete(&registry, &rule("r", "x"));
    drop(registry);
    // As if a later control plane no longer took the rule.
    let connection = rusqlite::Connection::open(folder.path().join("store.sqlite")).unwrap();
    let Resource::Rule(mut unfit) = rule("r", "x") else {
        panic!()
    };
    unfit.effect = 99;
    let content = Resource::Rule(unfit).encode();
    let changed = "UPDATE resource_versions SET content = ?1 WHERE kind = 'rules'";
    assert_eq!(connection.execute(changed, [content]).unwrap(), 1);
    let registry = open(folder.path());
    let refused = registry.roll_back(old, &by("bob"), false).unwrap_err();
    assert!(matches!(refused, RegistryError::Unfit { version: 1, .. }));
    let message = refused.to_string();
    assert!(
        message.contains("organizations/o/rules/r: effect"),
        "{message}"
    );
    assert_eq!(registry.history(u64::MAX, 9).unwrap().len(), 2);
}

#[test]
fn a_version_costs_what_changed() {
    let (registry, folder) = start();
    let many = (0..50).map(|id| server(&format!("s{id}")));
    apply(
        &registry,
        many.chain((0..50).map(|id| rule(&format!("r{id}"), "x"))),
    );
    let size = || {
        let connection = rusqlite::Connection::open(folder.path().join("store.sqlite")).unwrap();
        connection
            .query_row(
                "SELECT (page_count - freelist_count) * page_size FROM
                 pragma_page_count, pragma_freelist_count, pragma_page_size",
                [],
                |row| row.get::<_, i64>(0),
            )
            .unwrap()
    };
    let before = size();
    let versions = 100;
    for version in 0..versions {
        apply(&registry, [rule("r7", &format!("t{version}"))]);
    }
    // The manifest names 51 sections, and one rule is 100 bytes.
    let each = (size() - before) / versions;
    assert!(each < 3_000, "{each} bytes");
}

#[test]
fn a_rollback_leaves_credentials_as_they_are() {
    let credential = |token_uri: &str| {
        let kind = admin::credential::Kind::ClientCredentials(admin::ClientCredentials {
            token_uri: token_uri.to_owned(),
            client_id: "gateway".to_owned(),
            client_secret: format!("for {token_uri}"),
            ..admin::ClientCredentials::default()
        });
        Resource::Credential(admin::Credential {
            name: "organizations/o/credentials/c".to_owned(),
            servers: vec!["a".to_owned()],
            kind: Some(kind),
            ..admin::Credential::default()
        })
    };
    let (registry, _folder) = start();
    let old = apply(
        &registry,
        [server("a"), rule("r", "x"), credential("https://old.test")],
    );
    apply(&registry, [rule("r", "y"), credential("https://new.test")]);
    let now = registry
        .find(Kind::Credential, credential("").name())
        .unwrap();
    let done = registry.roll_back(old, &by("bob"), false).unwrap();
    assert_eq!(done.names, [rule("r", "x").name()]);
    let then = registry.find(Kind::Credential, credential("").name());
    assert_eq!(then.unwrap(), now);
    // One that is gone stays so.
    delete(&registry, &now);
    apply(&registry, [rule("r", "y")]);
    registry.roll_back(old, &by("bob"), false).unwrap();
    assert!(registry.list(Kind::Credential).is_empty());
}

#[test]
fn a_second_person_publishes_what_a_rollback_alone_would() {
    let (registry, folder) = start();
    let Resource::Server(mut known) = server("a") else {
        panic!()
    };
    known.tools.push(admin::ToolDefinition {
        name: "x".to_owned(),
        definition: r#"{"name":"x"}"#.to_owned(),
    });
    let old = apply(&registry, [Resource::Server(known), rule("r", "x")]);
    delete(&registry, &rule("r", "x"));
    drop(registry);
    // As if an older control plane had taken a rule about a tool that is not there.
    let connection = rusqlite::Connection::open(folder.path().join("store.sqlite")).unwrap();
    let changed = "UPDATE resource_versions SET content = ?1 WHERE kind = 'rules'";
    let content = rule("r", "z").encode();
    assert_eq!(connection.execute(changed, [content]).unwrap(), 1);
    let registry = open(folder.path());
    assert!(
        registry
            .change(vec![Wish::Apply(rule("r", "z"))], &by("bob"), true)
            .is_err()
    );
    assert!(registry.roll_back(old, &by("bob"), true).is_ok());
    let wishes = registry.wishes_of(old).unwrap();
    let rollback = By {
        method: ROLLBACK,
        ..by("bob")
    };
    let authors = vec!["bob".to_owned()];
    let proposed = registry.propose(wishes, "organizations/o", authors, &rollback);
    let (_, proposal) = proposed.unwrap();
    let deciders = vec!["ada".to_owned()];
    registry
        .approve(&proposal.name, "", deciders, by("ada"))
        .unwrap();
    assert_eq!(registry.list(Kind::Rule).len(), 1);
}
