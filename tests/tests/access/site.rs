//! A site with an administrator of every role, and what is done there.

use std::{fs, process::Output};

use chancery_proto::audit::v1::{
    AdminChange, Entry, Record, SearchRecordsRequest, audit_service_client::AuditServiceClient,
    entry::Event,
};
use chancery_tests::{
    control_plane::{ROOT, Secured},
    pki::{Authority, Identity},
};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::transport::Channel;

/// Every administrator of these tests, as a certificate and in a binding.
pub(crate) const BINDINGS: [(&str, &str, &str); 8] = [
    ("a", "viewer", ""),
    ("a", "author", ""),
    ("a", "reviewer", ""),
    ("a", "auditor", ""),
    ("a", "operator", ""),
    ("b", "operator", ""),
    ("b", "author", ""),
    ("a", "author", "w"),
];

pub(crate) fn member((organization, role, workspace): (&str, &str, &str)) -> String {
    let workspace = if workspace.is_empty() {
        "all"
    } else {
        workspace
    };
    format!("spiffe://test/{organization}/{workspace}/{role}")
}

pub(crate) async fn site() -> Secured {
    let nodes = json!([
        { "certificate": "spiffe://test/envoy/*", "organizations": ["a"] },
        { "certificate": "spiffe://test/fleet", "nodeIds": ["pod-*"], "organizations": ["*"] },
    ]);
    let site = Secured::start(nodes).await.unwrap();
    let documents = BINDINGS.map(|binding| {
        let (organization, role, workspace) = binding;
        let mut spec = json!({
            "members": [format!("certificate:{}", member(binding))],
            "roles": [role],
        });
        if !workspace.is_empty() {
            spec["workspace"] = json!(workspace);
        }
        let name = if workspace.is_empty() {
            role
        } else {
            "in-part"
        };
        json!({
            "apiVersion": "chancery.dev/v1",
            "kind": "Binding",
            "metadata": { "name": name, "organization": organization },
            "spec": spec,
        })
        .to_string()
    });
    let file = site.folder().join("bindings.yaml");
    fs::write(&file, documents.join("\n---\n")).unwrap();
    let root = site.pki.client(Authority::Admins, ROOT).unwrap();
    let applied = site
        .command(&root, &["apply", "-f", "bindings.yaml"])
        .output()
        .unwrap();
    succeeded(&applied);
    site
}

pub(crate) fn succeeded(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

pub(crate) fn refused(output: &Output, code: i32, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(code) && said.contains(why),
        "{said}"
    );
}

pub(crate) fn who(site: &Secured, uri: &str) -> Identity {
    site.pki.client(Authority::Admins, uri).unwrap()
}

/// Whoever has one role in organization a.
pub(crate) fn with_role(site: &Secured, role: &str) -> Identity {
    who(site, &member(("a", role, "")))
}

pub(crate) async fn login(site: &Secured, uri: &str) -> Channel {
    let identity = site.pki.client(Authority::Admins, uri).unwrap();
    site.connect(site.admin(), Some(&identity)).await.unwrap()
}

pub(crate) fn document(kind: &str, name: &str, spec: &Value) -> Value {
    let mut metadata = json!({ "name": name });
    if kind != "Organization" {
        metadata["organization"] = json!("a");
    }
    json!({
        "apiVersion": "chancery.dev/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    })
}

pub(crate) fn apply(site: &Secured, identity: &Identity, documents: &[Value]) -> Output {
    let documents: Vec<_> = documents.iter().map(ToString::to_string).collect();
    fs::write(site.folder().join("change.yaml"), documents.join("\n---\n")).unwrap();
    let mut command = site.command(identity, &["apply", "-f", "change.yaml"]);
    command.output().unwrap()
}

pub(crate) fn notes_at(path: &str) -> [Value; 1] {
    let endpoints =
        json!({ "owner": "tests", "endpoints": [{ "cluster": "upstream", "path": path }] });
    [document("Server", "notes", &endpoints)]
}

/// What the record holds for a reader, with the nodes that say so.
pub(crate) async fn records(channel: Channel) -> Vec<(String, Entry)> {
    let mut client = AuditServiceClient::new(channel);
    let request = SearchRecordsRequest::default();
    let found = client.search_records(request).await.unwrap().into_inner();
    let records = found.records.into_iter().filter_map(|it| it.record);
    let read = |record: Record| (record.node_id, Entry::decode(&*record.entry).unwrap());
    records.map(read).collect()
}

pub(crate) async fn changes(channel: Channel) -> Vec<AdminChange> {
    let records = records(channel).await.into_iter();
    let changes = records.filter_map(|(_, entry)| {
        let Some(Event::AdminChange(change)) = entry.event else {
            return None;
        };
        Some(change)
    });
    changes.collect()
}
