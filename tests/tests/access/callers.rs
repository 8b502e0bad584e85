//! Which calls are let in: every RPC, by everyone who may not, and by who may.

use std::{error::Error as _, fs, process::Output};

use chancery_proto::{
    admin::v1::{Candidate, SimulateCallRequest, policy_service_client::PolicyServiceClient},
    audit::v1::{AdminChange, Provenance},
};
use chancery_tests::{
    control_plane::ROOT,
    identity::Flaw,
    pki::Authority,
    rpc::{self, Rpc},
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::site::{apply, changes, login, member, site, succeeded, who};

/// Who may call an RPC about organization `a`; `root` where all organizations are touched.
fn allowed(rpc: &Rpc) -> &'static str {
    match (rpc.service(), rpc.method()) {
        ("StoreKeyService", _) | (_, "RollbackSnapshot") => "root",
        ("AuditService" | "LogService", _) | (_, "ExplainDecision" | "ReplayDecisions") => {
            "auditor"
        }
        (_, "ApproveProposal" | "RejectProposal" | "ChangeServerState" | "UndeleteServer") => {
            "reviewer"
        }
        (_, "WithdrawProposal") => "author",
        ("PolicyService", _) => "viewer",
        (_, method)
            if ["Get", "List", "Diff"]
                .iter()
                .any(|verb| method.starts_with(verb)) =>
        {
            "viewer"
        }
        ("BlockService", _) => "reviewer",
        (
            "OrganizationService"
            | "BindingService"
            | "OfferService"
            | "CredentialService"
            | "WebhookService",
            _,
        ) => "operator",
        _ => "author",
    }
}

fn is_refused(answer: &Result<(), Status>, as_what: Code) -> bool {
    answer
        .as_ref()
        .is_err_and(|status| status.code() == as_what)
}

#[tokio::test]
async fn every_rpc_refuses_whoever_may_not_call_it() {
    let site = site().await;
    // The log is everybody's: who may copy it is auditor of all.
    let everywhere = json!({
        "apiVersion": "chancery.dev/v1",
        "kind": "Binding",
        "metadata": { "name": "auditor-of-all", "organization": "b" },
        "spec": {
            "members": [format!("certificate:{}", member(("a", "auditor", "")))],
            "roles": ["auditor"],
        },
    });
    succeeded(&apply(&site, &who(&site, ROOT), &[everywhere]));
    let rpcs: Vec<_> = rpc::all().unwrap();
    let rpcs: Vec<_> = rpcs
        .iter()
        .filter(|rpc| rpc.service() != "NodeService")
        .collect();
    let nobody = site.connect(site.admin(), None).await.unwrap();
    let expired_token = site.issuer.flawed(Flaw::Expired, "alice", &[]).unwrap();
    let foreign = login(&site, &member(("b", "operator", ""))).await;
    let viewer = login(&site, &member(("a", "viewer", ""))).await;
    let (mut refused, mut admitted) = (0, 0);
    for rpc in &rpcs {
        let path = rpc.path();
        let answer = rpc.call(&nobody, None, "a").await;
        assert!(
            is_refused(&answer, Code::Unauthenticated),
            "{path} by nobody: {answer:?}"
        );
        let answer = rpc.call(&nobody, Some(&expired_token), "a").await;
        assert!(
            is_refused(&answer, Code::Unauthenticated),
            "{path} expired: {answer:?}"
        );
        let answer = rpc.call(&foreign, None, "a").await;
        assert!(
            is_refused(&answer, Code::PermissionDenied),
            "{path} by b's operator: {answer:?}"
        );
        refused += 3;
        let role = allowed(rpc);
        if role != "viewer" {
            let answer = rpc.call(&viewer, None, "a").await;
            assert!(
                is_refused(&answer, Code::PermissionDenied),
                "{path} by viewer: {answer:?}"
            );
            refused += 1;
        }
        let who = if role == "root" {
            ROOT.to_owned()
        } else {
            member(("a", role, ""))
        };
        let allowed = login(&site, &who).await;
        let answer = rpc.call(&allowed, None, "a").await;
        let code = answer.as_ref().err().map(Status::code);
        assert!(
            !matches!(code, Some(Code::PermissionDenied | Code::Unauthenticated)),
            "{path} by {role}: {answer:?}"
        );
        admitted += 1;
    }
    println!(
        "access: {} RPCs, {refused} refusals, {admitted} admissions",
        rpcs.len()
    );
}

#[tokio::test]
async fn certificates_of_others_and_of_old_do_not_even_shake_hands() {
    let site = site().await;
    let alien = site.pki.client(Authority::Strangers, ROOT).unwrap();
    let old = site.pki.expired(Authority::Admins, ROOT).unwrap();
    let node = site
        .pki
        .client(Authority::Nodes, "spiffe://test/envoy/envoy-1")
        .unwrap();
    let root = site.pki.client(Authority::Admins, ROOT).unwrap();
    for (address, identity) in [
        (site.admin(), &alien),
        (site.admin(), &old),
        (site.admin(), &node),
        (site.node(), &alien),
        (site.node(), &root),
    ] {
        for rpc in rpc::all().unwrap() {
            let answer = match site.connect(address, Some(identity)).await {
                Ok(channel) => rpc.call(&channel, None, "a").await,
                Err(error) => Err(Status::from_error(error.into())),
            };
            // The connection ended: no answer has a source.
            let ended = answer
                .as_ref()
                .is_err_and(|status| status.source().is_some());
            assert!(ended, "{} with {identity:?}: {answer:?}", rpc.path());
        }
    }
}

#[tokio::test]
async fn an_author_of_a_workspace_changes_what_is_in_it() {
    let site = site().await;
    let author = member(("a", "author", "w"));
    let author = site.pki.client(Authority::Admins, &author).unwrap();
    let server = |workspace: &str| {
        json!({
            "apiVersion": "chancery.dev/v1",
            "kind": "Server",
            "metadata": { "name": "notes", "organization": "a", "workspace": workspace },
            "spec": { "owner": "tests", "endpoints": [{ "cluster": "upstream", "path": format!("/{workspace}") }] },
        })
    };
    let apply = |documents: &[Value]| -> Output {
        let documents: Vec<_> = documents.iter().map(ToString::to_string).collect();
        fs::write(site.folder().join("server.yaml"), documents.join("\n---\n")).unwrap();
        site.command(&author, &["apply", "-f", "server.yaml"])
            .output()
            .unwrap()
    };
    succeeded(&apply(&[server("w")]));
    let refused = apply(&[server("w"), server("v")]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("is not author of organizations/a/workspaces/v/servers/notes"));
}

#[tokio::test]
async fn changes_and_failed_attempts_are_on_the_record_with_who_made_them() {
    let site = site().await;
    let nobody = site.connect(site.admin(), None).await.unwrap();
    let viewer = login(&site, &member(("a", "viewer", ""))).await;
    for rpc in rpc::all().unwrap() {
        if rpc.method() == "DeleteRule" {
            assert!(rpc.call(&nobody, None, "a").await.is_err());
            assert!(rpc.call(&viewer, None, "a").await.is_err());
        }
    }
    let auditor = login(&site, &member(("a", "auditor", ""))).await;
    let changes = changes(auditor).await;
    let by = |change: &AdminChange| {
        let user = change
            .principal
            .clone()
            .unwrap_or_default()
            .user
            .unwrap_or_default();
        (user.value, user.provenance)
    };
    let bound = changes
        .iter()
        .filter(|change| change.resource.contains("/bindings/"));
    let bound: Vec<_> = bound.collect();
    assert_eq!(bound.len(), 6, "bindings of a, and none of b: {changes:#?}");
    for change in bound {
        assert_eq!(by(change), (ROOT.to_owned(), Provenance::Verified.into()));
        assert_eq!(change.method, "ApplyResources");
        assert!(change.etag_before.is_empty() && !change.etag_after.is_empty());
    }
    let denied = changes.iter().find(|change| change.method == "DeleteRule");
    let denied = denied.unwrap();
    assert_eq!(by(denied).0, member(("a", "viewer", "")));
    assert!(denied.error.contains("is not author of"), "{denied:?}");
    // Who could not be proven has no organization; such attempts are not for its auditors.
    assert!(changes.iter().all(|change| !by(change).0.is_empty()));
}

#[tokio::test]
async fn a_candidate_that_the_caller_may_not_see_is_a_denied_attempt() {
    let site = site().await;
    let auditor = member(("a", "auditor", ""));
    let bound = json!({
        "apiVersion": "chancery.dev/v1",
        "kind": "Binding",
        "metadata": { "name": "auditor", "organization": "b" },
        "spec": { "members": [format!("certificate:{auditor}")], "roles": ["auditor"] },
    });
    let operator = who(&site, &member(("b", "operator", "")));
    succeeded(&apply(&site, &operator, &[bound]));
    let viewer = login(&site, &member(("a", "viewer", ""))).await;
    let request = SimulateCallRequest {
        server: "organizations/a/workspaces/w/servers/notes".to_owned(),
        candidate: Some(Candidate {
            removed: vec!["organizations/b/bindings/operator".to_owned()],
            ..Candidate::default()
        }),
        ..SimulateCallRequest::default()
    };
    let mut client = PolicyServiceClient::new(viewer);
    let refused = client.simulate_call(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let changes = changes(login(&site, &auditor).await).await;
    let denied = changes.iter().find(|it| it.method == "SimulateCall");
    let denied = denied.unwrap();
    assert_eq!(denied.resource, "organizations/b/bindings/operator");
    assert!(
        denied.error.contains("is not viewer or auditor of"),
        "{denied:?}"
    );
}
