use chancery_proto::{
    admin::v1::{Rule, ToolDefinition},
    audit::v1::{Content, Entry, SightingSource, entry::Event},
    policy::v1::{Condition, Effect, Pinning, Subjects, condition::Test},
};
use prost::Message as _;
use serde_json::{Value, json};

use super::{
    super::{Changed, Wish, tests},
    *,
};
use crate::{
    resource::{Resource, pins_of},
    review::{called::id_of, definitions::add},
};

const SERVER: &str = "organizations/o/workspaces/w/servers/s";

fn definition(argument: &str) -> Value {
    json!({
        "name": "read",
        "inputSchema": {
            "type": "object", "properties": {argument: {"type": "string"}},
            "additionalProperties": false,
        },
    })
}

/// A pinned server with a tool that takes `repo`, and a rule that asks about it.
fn start() -> (Registry, tempfile::TempDir) {
    let (registry, folder) = tests::start();
    let Resource::Server(server) = tests::server("s") else {
        panic!("no server")
    };
    let server = Server {
        pinning: Pinning::Enforce.into(),
        tools: vec![ToolDefinition {
            name: "read".to_owned(),
            definition: definition("repo").to_string(),
        }],
        ..server
    };
    let rule = rule("$.repo");
    let wishes = [Resource::Server(server), Resource::Rule(rule)].map(Wish::Apply);
    registry
        .change(wishes.into(), &By::default(), false)
        .unwrap();
    (registry, folder)
}

fn rule(path: &str) -> Rule {
    Rule {
        name: "organizations/o/rules/r".to_owned(),
        effect: Effect::Allow.into(),
        subjects: Some(Subjects {
            authenticated: true,
            ..Subjects::default()
        }),
        servers: vec!["s".to_owned()],
        tools: vec!["read".to_owned()],
        when: vec![Condition {
            argument: path.to_owned(),
            test: Some(Test::Equals("\"a\"".to_owned())),
            ..Condition::default()
        }],
        ..Rule::default()
    }
}

fn stored(registry: &Registry) -> Server {
    let found = registry.find(Kind::Server, SERVER).unwrap();
    found.as_server().unwrap().clone()
}

/// Has a definition seen by a scan; which version it is.
fn see(registry: &Registry, definition: &Value) -> DriftId {
    let text = definition.to_string();
    let mut server = stored(registry);
    server.tools.clear();
    let id = DriftId {
        definition_kind: DefinitionKind::Tool.into(),
        capability: "read".to_owned(),
        ..DriftId::default()
    };
    assert!(add(&mut server, &id, &text, true));
    let pins = pins_of(&server).unwrap().unwrap();
    let sighting = DriftSighting {
        server: SERVER.to_owned(),
        definition_kind: id.definition_kind,
        capability: id.capability.clone(),
        seen: pins.tools[0].pins[0].clone(),
        drift: Drift::Changed.into(),
        definition: Some(Content {
            size_bytes: text.len() as u64,
            data: text.into_bytes(),
            ..Content::default()
        }),
        ..DriftSighting::default()
    };
    registry.sighted(&sighting, "envoy-1").unwrap();
    id_of(&sighting)
}

fn approve(registry: &Registry, wish: &ApprovalWish) -> Result<Changed, RegistryError> {
    let by = By {
        author: "ann".to_owned(),
        method: APPROVE,
        reason: "looked at".to_owned(),
        ..By::default()
    };
    registry.change(registry.approval(wish)?, &by, false)
}

fn wish(registry: &Registry, id: &DriftId) -> ApprovalWish {
    ApprovalWish {
        server: SERVER.to_owned(),
        etag: stored(registry).etag,
        approvals: vec![Approval {
            id: Some(id.clone()),
            definition: String::new(),
        }],
        ..ApprovalWish::default()
    }
}

/// The reviews that the record gets: verdict, pin, and why.
fn recorded(registry: &Registry) -> Vec<(ReviewVerdict, Vec<u8>, String)> {
    let entries = registry.store.outbox().unwrap().into_iter();
    let reviews = entries.filter_map(|(_, entry)| match Entry::decode(&*entry).unwrap().event {
        Some(Event::Review(it)) => Some((it.verdict(), it.seen, it.reason)),
        _ => None,
    });
    reviews.collect()
}

#[test]
fn what_is_approved_waits_no_more_and_is_on_the_record() {
    let (registry, _folder) = start();
    let mut documented = definition("repo");
    documented["description"] = "Reads.".into();
    let id = see(&registry, &documented);
    let drifts = registry.drifts("organizations/").unwrap();
    assert_eq!(drifts.len(), 1);
    assert_eq!(drifts[0].witnesses[0].node_id, "envoy-1");
    let first = stored(&registry).tools[0].definition.clone();
    let mut wish = wish(&registry, &id);
    wish.replaces = true;
    approve(&registry, &wish).unwrap();
    assert_eq!(registry.drifts("organizations/").unwrap(), []);
    assert_eq!(registry.store.drifts("organizations/").unwrap(), []);
    let kept: Vec<_> = stored(&registry).tools;
    assert_eq!(kept[0].definition, documented.to_string());
    let why = "looked at".to_owned();
    let withdrawn = {
        let mut server = stored(&registry);
        server.tools[0].definition = first;
        pins_of(&server).unwrap().unwrap().tools[0].pins[0].clone()
    };
    let expected = [
        (ReviewVerdict::Approved, id.seen, why.clone()),
        (ReviewVerdict::Withdrawn, withdrawn, why),
    ];
    assert_eq!(recorded(&registry), expected);
}

#[test]
fn names_that_could_be_taken_for_another_are_told() {
    let (registry, _folder) = start();
    let mut other = stored(&registry);
    other.name = SERVER.replace("servers/s", "servers/t");
    other.endpoints[0].path = "/t".to_owned();
    other.tools[0] = ToolDefinition {
        name: "Read".to_owned(),
        definition: definition("repo").to_string().replace("read", "Read"),
    };
    let wish = Wish::Apply(Resource::Server(other).bare());
    registry.change(vec![wish], &By::default(), false).unwrap();
    let drift = |capability: &str| SeenDrift {
        server: SERVER.to_owned(),
        id: Some(DriftId {
            definition_kind: DefinitionKind::Tool.into(),
            capability: capability.to_owned(),
            ..DriftId::default()
        }),
        ..SeenDrift::default()
    };
    let alike = |capability| {
        let found = registry.look_alikes(&drift(capability)).into_iter();
        let found = found.map(|it| format!("{} {}", last_segment(&it.server), it.capability));
        found.collect::<Vec<_>>()
    };
    assert_eq!(alike("read"), ["t Read"]);
    assert_eq!(alike("re-ad"), ["s read", "t Read"]);
    // The second letter is Cyrillic.
    assert_eq!(alike("r\u{435}ad"), ["s read", "t Read"]);
    assert_eq!(alike("write"), [""; 0]);
}

fn last_segment(name: &str) -> &str {
    name.rsplit('/').next().unwrap()
}

#[test]
fn what_was_changed_in_between_is_not_approved() {
    let (registry, _folder) = start();
    let mut documented = definition("repo");
    documented["description"] = "Reads.".into();
    let id = see(&registry, &documented);
    let mut wish = wish(&registry, &id);
    wish.etag = "\"0\"".to_owned();
    let refused = approve(&registry, &wish);
    assert!(matches!(refused, Err(RegistryError::Conflict { .. })));
}

#[test]
fn a_rule_changes_with_the_definition_that_it_is_about() {
    let (registry, _folder) = start();
    let id = see(&registry, &definition("repository"));
    let drift = registry.drift(&stored(&registry), &id).unwrap();
    let touched = registry.touched(&stored(&registry), &drift).unwrap();
    assert_eq!(touched.len(), 1);
    assert!(touched[0].breaks.contains("$.repo"), "{touched:?}");
    let mut wish = wish(&registry, &id);
    wish.replaces = true;
    let Err(RegistryError::BreaksRules(broken)) = approve(&registry, &wish) else {
        panic!("it breaks no rule")
    };
    assert_eq!(broken[0].0, "organizations/o/rules/r");
    assert_eq!(registry.drifts("organizations/").unwrap().len(), 1);
    wish.beside = vec![Resource::Rule(rule("$.repository"))];
    approve(&registry, &wish).unwrap();
    assert_eq!(registry.drifts("organizations/").unwrap(), []);
}

#[test]
fn what_is_rejected_stays_so_and_cannot_be_called() {
    let (registry, _folder) = start();
    let id = see(&registry, &definition("shell"));
    assert_eq!(registry.list(Kind::Block), []);
    let server = stored(&registry);
    let reject = |reason: &str| {
        let by = By {
            author: "ann".to_owned(),
            reason: reason.to_owned(),
            ..By::default()
        };
        registry.reject(&server, std::slice::from_ref(&id), false, &by)
    };
    let refused = reject(" ").unwrap_err();
    assert!(refused.to_string().contains("expected why"), "{refused}");
    reject("takes a shell").unwrap();
    assert_eq!(registry.list(Kind::Block).len(), 1);
    // Seen again it is still rejected.
    see(&registry, &definition("shell"));
    let drifts = registry.drifts(SERVER).unwrap();
    let rejection = drifts[0].rejection.clone().unwrap();
    assert_eq!(
        (&*rejection.author, &*rejection.reason),
        ("ann", "takes a shell")
    );
    assert_eq!(drifts[0].times, 2);
    let verdict = ReviewVerdict::Rejected;
    let expected = [(verdict, id.seen.clone(), "takes a shell".to_owned())];
    assert_eq!(recorded(&registry), expected);
    // Whoever thinks better of it approves it.
    let beside = vec![Resource::Rule(rule("$.shell"))];
    let wish = ApprovalWish {
        beside,
        replaces: true,
        ..wish(&registry, &id)
    };
    approve(&registry, &wish).unwrap();
    assert_eq!(registry.drifts(SERVER).unwrap(), []);
    assert_eq!(registry.list(Kind::Block), []);
}

#[test]
fn nobody_approves_what_nobody_has_seen_or_something_else() {
    let (registry, _folder) = start();
    let mut documented = definition("repo");
    documented["description"] = "Reads.".into();
    let id = see(&registry, &documented);
    let refusal = |wish: &ApprovalWish| approve(&registry, wish).unwrap_err().to_string();
    let other = DriftId {
        seen: vec![7; 32],
        ..id.clone()
    };
    let unseen = refusal(&wish(&registry, &other));
    assert!(unseen.contains("what waits for a review"), "{unseen}");
    let mut forged = wish(&registry, &id);
    forged.approvals[0].definition = definition("repo").to_string();
    forged.replaces = true;
    let forged = refusal(&forged);
    assert!(forged.contains("with another pin"), "{forged}");
}

#[test]
fn a_server_that_makes_up_versions_keeps_no_more_than_its_share() {
    let (registry, _folder) = start();
    for version in 0..600 {
        let mut made_up = definition("repo");
        made_up["description"] = version.into();
        see(&registry, &made_up);
    }
    assert_eq!(registry.drifts(SERVER).unwrap().len(), 512);
}

#[test]
fn what_cannot_be_pinned_is_not_what_is_gone() {
    let (registry, _folder) = start();
    let sighting = |drift: Drift, text: &str, source: SightingSource| DriftSighting {
        server: SERVER.to_owned(),
        definition_kind: DefinitionKind::Tool.into(),
        capability: "read".to_owned(),
        drift: drift.into(),
        source: source.into(),
        definition: Some(Content {
            size_bytes: text.len() as u64,
            data: text.as_bytes().to_vec(),
            ..Content::default()
        }),
        ..DriftSighting::default()
    };
    let gone = sighting(Drift::Removed, "", SightingSource::Scan);
    registry.sighted(&gone, "").unwrap();
    for text in ["1", "2"] {
        let odd = sighting(Drift::Unpinnable, text, SightingSource::Unspecified);
        // One alone stops nobody, whatever a scan has missed.
        assert!(registry.sighted(&odd, "envoy-1").unwrap().is_none());
    }
    assert_eq!(registry.drifts(SERVER).unwrap().len(), 3);
    registry.returned(SERVER, |_| false).unwrap();
    assert_eq!(registry.drifts(SERVER).unwrap().len(), 2);
}

#[test]
fn a_version_is_reviewed_as_it_was_seen_first() {
    let (registry, _folder) = start();
    let mut documented = definition("repo");
    documented["description"] = "Reads.".into();
    let id = see(&registry, &documented);
    let forged = DriftSighting {
        server: SERVER.to_owned(),
        definition_kind: id.definition_kind,
        capability: id.capability.clone(),
        seen: id.seen.clone(),
        drift: Drift::Changed.into(),
        definition: Some(Content {
            size_bytes: 2,
            data: b"{}".to_vec(),
            ..Content::default()
        }),
        ..DriftSighting::default()
    };
    registry.sighted(&forged, "envoy-2").unwrap();
    let drift = registry.drift(&stored(&registry), &id).unwrap();
    assert_eq!(
        drift.definition.unwrap().data,
        documented.to_string().into_bytes()
    );
}
