//! Changes that somebody else has to publish.

use std::process::Output;

use chancery_tests::{
    control_plane::{ROOT, Secured},
    pki::Identity,
};
use serde_json::{Value, json};

use crate::site::{
    apply, changes, document, login, member, notes_at, refused, site, succeeded, who, with_role,
};

/// What a change that was applied is proposed as; empty where it is published.
fn proposed(output: &Output) -> String {
    succeeded(output);
    let said = String::from_utf8_lossy(&output.stdout);
    let rest = said.split_once("proposed as ").map(|(_, rest)| rest);
    let id = rest.and_then(|rest| rest.split_once(':'));
    id.map(|(id, _)| id.to_owned()).unwrap_or_default()
}

fn proposals(site: &Secured, identity: &Identity, arguments: &[&str]) -> Output {
    let arguments = [&["proposals", "--organization", "a"], arguments].concat();
    site.command(identity, &arguments).output().unwrap()
}

/// A site whose organization a wants a second person; `BOTH` is an author and a reviewer there.
async fn careful_site() -> Secured {
    let site = site().await;
    let root = who(&site, ROOT);
    let binding = json!({
        "members": [format!("certificate:{BOTH}")],
        "roles": ["author", "reviewer"],
    });
    succeeded(&apply(
        &site,
        &root,
        &[document("Binding", "both", &binding)],
    ));
    let on = apply(&site, &root, &[second_person(true)]);
    assert_eq!(proposed(&on), "", "turning it on needs nobody else");
    site
}

const BOTH: &str = "spiffe://test/a/both";

fn second_person(on: bool) -> Value {
    document("Organization", "a", &json!({ "secondPerson": on }))
}

#[tokio::test]
async fn what_needs_a_second_person_is_published_by_one() {
    let site = careful_site().await;
    let (author, reviewer) = (with_role(&site, "author"), with_role(&site, "reviewer"));
    let (both, viewer) = (who(&site, BOTH), with_role(&site, "viewer"));
    let first = proposed(&apply(&site, &author, &notes_at("/one")));
    let second = proposed(&apply(&site, &both, &notes_at("/two")));
    let get = ["get", "server", "notes", "--organization", "a"];
    let get = || site.command(&viewer, &get).output().unwrap();
    refused(&get(), 3, "there is no");
    let shown = proposals(&site, &reviewer, &["show", &first]);
    let diff = String::from_utf8_lossy(&shown.stdout);
    assert!(
        diff.contains("/notes (proposed)") && diff.contains("/one"),
        "{diff}"
    );

    let approve = |who, id: &str| proposals(&site, who, &["approve", id]);
    refused(&approve(&author, &first), 4, "is not reviewer of");
    refused(
        &approve(&both, &second),
        4,
        "somebody else has to publish it",
    );
    let taken = proposals(&site, &author, &["withdraw", &second]);
    refused(&taken, 4, "who alone can take it back");
    succeeded(&approve(&reviewer, &first));
    succeeded(&get());
    refused(&approve(&reviewer, &first), 5, "is published already");
    refused(&approve(&reviewer, &second), 5, "is out of date");
    succeeded(&proposals(&site, &both, &["withdraw", &second]));

    let auditor = login(&site, &member(("a", "auditor", ""))).await;
    let changes = changes(auditor).await;
    let published = changes.iter().find(|change| {
        change.method == "ApproveProposal" && change.resource.ends_with("/servers/notes")
    });
    let published = published.unwrap();
    assert!(published.proposal.ends_with(&first) && !published.etag_after.is_empty());
}

#[tokio::test]
async fn a_second_person_is_needed_to_do_without_one() {
    let site = careful_site().await;
    let (root, both) = (who(&site, ROOT), who(&site, BOTH));
    let (author, reviewer) = (with_role(&site, "author"), with_role(&site, "reviewer"));
    let off = proposed(&apply(&site, &root, &[second_person(false)]));
    succeeded(&proposals(&site, &both, &["reject", &off, "-m", "not yet"]));
    assert_ne!(proposed(&apply(&site, &author, &notes_at("/one"))), "");
    let off = proposed(&apply(&site, &root, &[second_person(false)]));
    // Whoever operates everything reviews everything, too, and is no second person to itself.
    let alone = proposals(&site, &root, &["approve", &off]);
    refused(&alone, 4, "somebody else has to publish it");
    succeeded(&proposals(&site, &reviewer, &["approve", &off]));
    assert_eq!(proposed(&apply(&site, &author, &notes_at("/one"))), "");
}
