use chancery_proto::{
    admin::v1::{Organization, Server},
    policy::v1::ServerState,
};

use super::{super::tests, *};

const NAME: &str = "organizations/o/workspaces/w/servers/s";

fn by(author: &str) -> By {
    By {
        author: author.to_owned(),
        method: "Test",
        ..By::default()
    }
}

fn change(state: ServerState, reason: &str) -> StateChange {
    StateChange {
        name: NAME.to_owned(),
        etag: String::new(),
        state,
        reason: reason.to_owned(),
    }
}

fn in_state(state: ServerState) -> Resource {
    let Resource::Server(server) = tests::server("s") else {
        panic!("no server")
    };
    Resource::Server(Server {
        state: state.into(),
        ..server
    })
}

fn stored(registry: &Registry) -> Server {
    let found = registry.find(Kind::Server, NAME).unwrap();
    found.as_server().unwrap().clone()
}

#[test]
fn a_server_becomes_what_its_state_allows_and_who_and_why_is_kept() {
    let (registry, _folder) = tests::start();
    let wishes = vec![Wish::Create(in_state(ServerState::Proposed))];
    registry.change(wishes, &by("ann"), false).unwrap();
    let move_to =
        |state, reason, author| registry.change_state(change(state, reason), &by(author), false);
    for (state, reason) in [
        (ServerState::Suspended, "no: it was never approved"),
        (ServerState::Retired, ""),
    ] {
        let refused = move_to(state, reason, "bob");
        assert!(
            matches!(refused, Err(RegistryError::Invalid(_))),
            "{refused:?}"
        );
    }
    for (state, reason) in [
        (ServerState::Approved, ""),
        (ServerState::Suspended, "INC-42"),
        (ServerState::Approved, "mended"),
        (ServerState::Retired, "replaced"),
        (ServerState::Proposed, "wanted again"),
    ] {
        move_to(state, reason, "bob").unwrap();
    }
    let said: Vec<_> = stored(&registry)
        .state_changes
        .iter()
        .map(|it| (it.state(), it.author.clone(), it.reason.clone()))
        .collect();
    let said: Vec<_> = said.iter().map(|(s, a, r)| (*s, &**a, &**r)).collect();
    assert_eq!(
        said,
        [
            (ServerState::Proposed, "ann", "added"),
            (ServerState::Approved, "bob", ""),
            (ServerState::Suspended, "bob", "INC-42"),
            (ServerState::Approved, "bob", "mended"),
            (ServerState::Retired, "bob", "replaced"),
            (ServerState::Proposed, "bob", "wanted again"),
        ]
    );
}

#[test]
fn a_document_that_is_applied_again_lifts_no_suspension() {
    let (registry, _folder) = tests::start();
    let apply = |resource| registry.change(vec![Wish::Apply(resource)], &by("ann"), false);
    apply(tests::server("s")).unwrap();
    assert_eq!(stored(&registry).state(), ServerState::Approved);
    let suspended = change(ServerState::Suspended, "INC-42");
    registry.change_state(suspended, &by("bob"), false).unwrap();
    apply(tests::server("s")).unwrap();
    assert_eq!(stored(&registry).state(), ServerState::Suspended);
    let refused = apply(in_state(ServerState::Approved))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("chancery registry"), "{refused}");
    // Nor does a rollback to when it was not.
    registry.roll_back(1, &by("cid"), false).unwrap();
    assert_eq!(stored(&registry).state(), ServerState::Suspended);
}

#[test]
fn nobody_approves_what_they_proposed_where_two_are_wanted() {
    let (registry, _folder) = tests::start();
    let organization = Resource::Organization(Organization {
        name: "organizations/o".to_owned(),
        second_person: true,
        ..Organization::default()
    });
    let wishes = vec![
        Wish::Create(in_state(ServerState::Proposed)),
        Wish::Create(organization),
    ];
    registry.change(wishes, &by("ann"), false).unwrap();
    let approve = |author| {
        let approved = change(ServerState::Approved, "");
        registry.change_state(approved, &by(author), false)
    };
    assert!(matches!(
        approve("ann"),
        Err(RegistryError::SameAuthor { .. })
    ));
    approve("bob").unwrap();
    // Who stops something waits for nobody.
    let stopped = change(ServerState::Suspended, "INC-42");
    registry.change_state(stopped, &by("ann"), false).unwrap();
    assert_eq!(stored(&registry).state(), ServerState::Suspended);
}

#[test]
fn a_server_that_was_deleted_comes_back_suspended() {
    let (registry, _folder) = tests::start();
    let undelete = || registry.undelete_server(NAME, &by("bob"), false);
    assert!(matches!(undelete(), Err(RegistryError::NotFound { .. })));
    let wishes = vec![Wish::Create(tests::server("s"))];
    registry.change(wishes, &by("ann"), false).unwrap();
    assert!(matches!(
        undelete(),
        Err(RegistryError::AlreadyExists { .. })
    ));
    let delete = Wish::Delete {
        kind: Kind::Server,
        name: NAME.to_owned(),
        etag: String::new(),
    };
    registry.change(vec![delete], &by("ann"), false).unwrap();
    undelete().unwrap();
    let back = stored(&registry);
    assert_eq!(back.state(), ServerState::Suspended);
    assert_eq!(back.endpoints.len(), 1);
}
