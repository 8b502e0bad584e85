//! What people decide about drift.

use std::fs;

use chancery_tests::{client::Era, wait};
use serde_json::json;

use crate::scene::{Scene, read, search, tools};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_waits_no_more_and_is_blocked_for_all() {
    let scene = Scene::start().await;
    let mut turned = search();
    turned["description"] = "Searches the notes, and the mail".into();
    scene.server.offer(vec![tools(&[turned, read()])]);
    scene.sees(Era::Auto, "read").await;
    scene.drift(1).await;
    let listed = scene
        .chancery(&["review", "list", "notes", "-o", "json"])
        .await;
    assert!(listed.contains("alice@example.test"), "{listed}");
    let said = scene
        .chancery(&[
            "review",
            "reject",
            "notes",
            "tool/search",
            "-m",
            "reads mail",
        ])
        .await;
    assert_eq!(said, "notes tool/search rejected\n");
    assert_eq!(
        scene.chancery(&["review", "list", "-o", "json"]).await,
        "[]\n"
    );
    let rejected = scene.chancery(&["review", "list", "--rejected"]).await;
    assert!(rejected.contains("rejected"), "{rejected}");
    // One alone had seen it; the reviewer's word is enough.
    wait::until("the block to be enforced", wait::PATIENCE, async || {
        let seen = scene.sees(Era::Auto, "search").await;
        Ok::<_, wait::TimedOut>((!seen.1).then_some(()))
    })
    .await
    .unwrap();
    let audit = [
        "audit",
        "search",
        "--mcp-server",
        "notes",
        "--capability",
        "search",
    ];
    let record = scene.chancery(&audit).await;
    assert!(record.contains("reads mail"), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_takes_the_rules_with_it_that_it_would_break() {
    let scene = Scene::start().await;
    let rule = |argument: &str| {
        let document = json!({
            "apiVersion": "chancery.dev/v1", "kind": "Rule",
            "metadata": {"name": "no-secrets"},
            "spec": {
                "effect": "deny", "subjects": {"authenticated": true},
                "servers": ["notes"], "tools": ["search"],
                "when": [{"arg": argument, "equals": "secrets"}],
            },
        });
        document.to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rule.yaml");
    let path = file.to_str().unwrap();
    fs::write(&file, rule("$.q")).unwrap();
    scene.chancery(&["apply", "-f", path]).await;
    let mut renamed = search();
    renamed["inputSchema"] = json!({
        "type": "object", "properties": {"query": {"type": "string"}},
        "additionalProperties": false,
    });
    scene.server.offer(vec![tools(&[renamed, read()])]);
    scene.sees(Era::Auto, "read").await;
    scene.drift(1).await;
    let shown = scene
        .chancery(&["review", "show", "notes", "tool/search"])
        .await;
    assert!(shown.contains("breaks rule no-secrets"), "{shown}");
    let approve = ["review", "approve", "notes", "tool/search", "--replace"];
    let refused = scene.control_plane.run(&approve).await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    assert!(
        said.contains("no-secrets") && said.contains("$.q"),
        "{said}"
    );
    fs::write(&file, rule("$.query")).unwrap();
    let with = [&approve[..], &["--with", path]].concat();
    let said = scene.chancery(&with).await;
    assert!(said.contains("tool/search approved"), "{said}");
    let approved = scene.control_plane.converged(scene.instances).await;
    approved.unwrap();
    let (seen, _) = scene.sees(Era::Auto, "read").await;
    assert_eq!(seen, ["search", "read"]);
}
