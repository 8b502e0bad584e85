//! Who an Envoy is, and what it gets.

use chancery_proto::{
    audit::v1::{Verdict, entry::Event},
    node::v1::{
        ConnectRequest, ConnectResponse, Hello, KeyRequest, SnapshotVersion, connect_request,
        connect_response, node_service_client::NodeServiceClient,
    },
    policy::v1::Manifest,
};
use chancery_tests::{
    artifacts,
    client::{self, Era},
    control_plane::Secured,
    envoy::{ControlPlaneTls, Envoy, EnvoyOptions, Filter, Upstream},
    mcp_server::McpServer,
    pki::{Authority, Identity},
    wait::{self, TimedOut},
};
use prost::Message as _;
use rmcp::model::CallToolRequestParams;
use serde_json::json;
use tonic::{Code, Status};

use crate::site::{
    apply, document, login, member, notes_at, records, site, succeeded, who, with_role,
};

#[tokio::test]
async fn a_node_is_what_its_certificate_says_and_gets_what_it_serves() {
    let site = site().await;
    succeeded(&apply(&site, &with_role(&site, "author"), &notes_at("/a")));
    let mut others = notes_at("/b");
    others[0]["metadata"]["organization"] = json!("b");
    let others_author = who(&site, &member(("b", "author", "")));
    succeeded(&apply(&site, &others_author, &others));

    let node = |uri: &str| site.pki.client(Authority::Nodes, uri).unwrap();
    let envoy = node("spiffe://test/envoy/envoy-1");
    let fleet = node("spiffe://test/fleet");
    let welcome = connect(&site, &envoy, "envoy-1", "a").await.unwrap();
    assert_eq!(keys_of(&welcome), ["organizations/a"]);
    let policy = sections_of(&welcome);
    assert!(policy.contains("organizations/a/") && !policy.contains("organizations/b/"));
    let welcome = connect(&site, &fleet, "pod-3", "b").await.unwrap();
    assert_eq!(keys_of(&welcome), ["organizations/a", "organizations/b"]);
    let policy = sections_of(&welcome);
    assert!(policy.contains("organizations/a/") && policy.contains("organizations/b/"));

    for (identity, id, asks) in [
        (&envoy, "envoy-2", "a"),
        (&fleet, "envoy-1", "a"),
        (&node("spiffe://other/envoy-1"), "envoy-1", "a"),
        // What it does not serve it may not even ask about.
        (&envoy, "envoy-1", "b"),
    ] {
        let refused = connect(&site, identity, id, asks).await;
        assert_eq!(
            refused.err().unwrap().code(),
            Code::PermissionDenied,
            "{id}"
        );
    }
}

fn keys_of(messages: &[ConnectResponse]) -> Vec<&str> {
    let mut organizations = Vec::new();
    for message in messages {
        if let Some(connect_response::Message::SealingKeys(keys)) = &message.message {
            organizations.push(&*keys.organization);
        }
    }
    organizations
}

/// What of a policy is text.
fn sections_of(messages: &[ConnectResponse]) -> String {
    let mut text = String::new();
    for message in messages {
        if let Some(connect_response::Message::SectionChunk(chunk)) = &message.message {
            text.push_str(&String::from_utf8_lossy(&chunk.data));
        }
    }
    text
}

/// An Envoy that is `spiffe://test/envoy/envoy-1`, enforcing what site serves it.
async fn envoy(site: &Secured, server: &McpServer) -> Envoy {
    let filter = Filter::Chancery(artifacts::filter().unwrap());
    let upstream = Upstream::local("upstream", server.address());
    let mut options = EnvoyOptions::new(filter, vec![upstream], site.node());
    let uri = "spiffe://test/envoy/envoy-1";
    options.control_plane_tls = Some(ControlPlaneTls {
        ca: site.pki.ca(Authority::Admins),
        name: "localhost".to_owned(),
        identity: site.pki.client(Authority::Nodes, uri).unwrap(),
    });
    let envoy = Envoy::start(&options).await.unwrap();
    let instances = options.instances().to_string();
    let wait = ["nodes", "--wait", "--min-instances", &instances];
    let wait = site.command(&with_role(site, "viewer"), &wait);
    let nodes = tokio::process::Command::from(wait).output().await.unwrap();
    succeeded(&nodes);
    assert!(String::from_utf8_lossy(&nodes.stdout).contains("envoy-1"));
    envoy
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_shows_its_certificate_and_enforces_what_it_serves() {
    let site = site().await;
    let server = McpServer::start().await.unwrap();
    let notes = json!({
        "owner": "tests", "endpoints": [{ "cluster": "upstream", "path": "/mcp" }],
        "authentication": "optional",
    });
    let anyone = json!({
        "effect": "allow",
        "subjects": { "anyone": true },
        "servers": ["notes"],
        "tools": ["get_note"],
    });
    let documents = [
        document("Server", "notes", &notes),
        document("Rule", "anyone-gets-notes", &anyone),
    ];
    succeeded(&apply(&site, &with_role(&site, "author"), &documents));
    let envoy = envoy(&site, &server).await;

    let url = format!("http://{}/mcp", envoy.address().unwrap());
    let session = client::connect(&url, Era::Legacy, None).await.unwrap();
    let listed = session.list_all_tools().await.unwrap();
    let names: Vec<_> = listed.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["get_note"]);
    let mut call = CallToolRequestParams::new("get_note");
    call.arguments = json!({ "id": "welcome" }).as_object().cloned();
    let result = session.call_tool(call).await.unwrap();
    assert_ne!(result.is_error, Some(true), "{result:?}");
    assert_eq!(server.received().called_tools(), ["get_note"]);

    let auditor = login(&site, &member(("a", "auditor", ""))).await;
    let decided = async || {
        let records = records(auditor.clone()).await.into_iter();
        let mut decisions = records.filter_map(|(node, entry)| {
            let Some(Event::Decision(decision)) = entry.event else {
                return None;
            };
            Some((node, decision))
        });
        Ok::<_, TimedOut>(decisions.find(|(_, decision)| decision.capability == "get_note"))
    };
    let what = "the decision to be recorded";
    let (node, decision) = wait::until(what, wait::PATIENCE, decided).await.unwrap();
    let seen = (&*node, decision.verdict());
    assert_eq!(seen, ("envoy-1", Verdict::Allow), "{decision:?}");
    // The auditor of one organization sees what came of it.
    let ended = async || {
        let records = records(auditor.clone()).await.into_iter();
        let mut outcomes = records.filter_map(|(_, entry)| {
            let Some(Event::Outcome(outcome)) = entry.event else {
                return None;
            };
            Some(outcome.server)
        });
        Ok::<_, TimedOut>(outcomes.next())
    };
    let what = "an outcome to be recorded";
    let server = wait::until(what, wait::PATIENCE, ended).await.unwrap();
    assert_eq!(server, "organizations/a/workspaces/default/servers/notes");
}

/// What a node gets up to the answer to a question about an organization's identity provider.
async fn connect(
    site: &Secured,
    identity: &Identity,
    node_id: &str,
    asks: &str,
) -> Result<Vec<ConnectResponse>, Status> {
    connect_with(site, identity, node_id, (None, asks)).await
}

/// The same for a node that enforces a snapshot already.
async fn connect_with(
    site: &Secured,
    identity: &Identity,
    node_id: &str,
    (applied, asks): (Option<SnapshotVersion>, &str),
) -> Result<Vec<ConnectResponse>, Status> {
    let channel = site.connect(site.node(), Some(identity)).await.unwrap();
    let hello = connect_request::Message::Hello(Hello {
        node_id: node_id.to_owned(),
        instance_id: vec![7; 16],
        applied,
        ..Hello::default()
    });
    let question = connect_request::Message::KeyRequest(KeyRequest {
        identity_provider: format!("organizations/{asks}/identityProviders/p"),
        key_id: "k".to_owned(),
    });
    let requests = [hello, question].map(|message| ConnectRequest {
        message: Some(message),
    });
    let requests = tokio_stream::iter(requests);
    let requests = tokio_stream::StreamExt::chain(requests, tokio_stream::pending());
    let mut client = NodeServiceClient::new(channel);
    let mut answers = client.connect(requests).await?.into_inner();
    let mut messages = Vec::new();
    while let Some(answer) = answers.message().await? {
        let is_last = matches!(
            answer.message,
            Some(connect_response::Message::KeyAnswer(_))
        );
        messages.push(answer);
        if is_last {
            break;
        }
    }
    Ok(messages)
}

/// The newest version that a node is offered which enforces this one; `None` where it is offered none.
async fn offered(
    site: &Secured,
    identity: &Identity,
    enforced: Option<SnapshotVersion>,
) -> (Option<SnapshotVersion>, String) {
    let messages = connect_with(site, identity, "envoy-1", (enforced, "a")).await;
    let messages = messages.unwrap();
    let mut version = None;
    for message in &messages {
        if let Some(connect_response::Message::Manifest(signed)) = &message.message {
            let manifest = Manifest::decode(&*signed.manifest).unwrap();
            let (epoch, number) = (manifest.epoch, manifest.version);
            version = Some(SnapshotVersion {
                epoch,
                version: number,
                ..SnapshotVersion::default()
            });
        }
    }
    (version, sections_of(&messages))
}

#[tokio::test]
async fn a_node_that_serves_something_else_after_a_restart_gets_that_at_once() {
    let serving = |organizations: &[&str]| {
        let node = json!({
            "certificate": "spiffe://test/envoy/*", "organizations": organizations,
        });
        json!({ "nodes": [node] })
    };
    let mut site = site().await;
    succeeded(&apply(&site, &with_role(&site, "author"), &notes_at("/a")));
    let mut others = notes_at("/b");
    others[0]["metadata"]["organization"] = json!("b");
    let others_author = who(&site, &member(("b", "author", "")));
    succeeded(&apply(&site, &others_author, &others));
    site.restart(serving(&["a", "b"])).await.unwrap();
    let uri = "spiffe://test/envoy/envoy-1";
    let envoy = site.pki.client(Authority::Nodes, uri).unwrap();
    let (enforced, policy) = offered(&site, &envoy, None).await;
    assert!(policy.contains("organizations/a/") && policy.contains("organizations/b/"));

    site.restart(json!({})).await.unwrap();
    let (nothing, _) = offered(&site, &envoy, enforced.clone()).await;
    assert_eq!(nothing, None, "it serves what it did");
    site.restart(serving(&["a"])).await.unwrap();
    let (less, policy) = offered(&site, &envoy, enforced.clone()).await;
    assert!(less.unwrap().version > enforced.unwrap().version);
    assert!(policy.contains("organizations/a/") && !policy.contains("organizations/b/"));
}

#[tokio::test]
async fn a_node_gets_the_servers_behind_its_clusters_and_no_others() {
    let mut site = site().await;
    let server = |id: &str, cluster: &str| {
        let endpoint = json!({ "cluster": cluster, "path": format!("/{id}") });
        document(
            "Server",
            id,
            &json!({ "owner": "tests", "endpoints": [endpoint] }),
        )
    };
    let author = with_role(&site, "author");
    let documents = [server("near", "eu-1"), server("far", "us-1")];
    succeeded(&apply(&site, &author, &documents));
    let node = json!({
        "certificate": "spiffe://test/envoy/*", "organizations": ["a"], "clusters": ["eu-*"],
    });
    site.restart(json!({ "nodes": [node] })).await.unwrap();
    let uri = "spiffe://test/envoy/envoy-1";
    let envoy = site.pki.client(Authority::Nodes, uri).unwrap();
    let (first, policy) = offered(&site, &envoy, None).await;
    assert!(policy.contains("servers/near") && !policy.contains("servers/far"));
    // A server that moves to one of its clusters is there with the next version.
    let author = with_role(&site, "author");
    succeeded(&apply(&site, &author, &[server("far", "eu-2")]));
    let (next, policy) = offered(&site, &envoy, first.clone()).await;
    assert!(next.unwrap().version > first.unwrap().version);
    assert!(policy.contains("servers/near") && policy.contains("servers/far"));
}
