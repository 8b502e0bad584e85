use std::fs;

use super::*;
use crate::cli::{locate::Node, schema::published, yaml};

#[test]
fn the_published_schemas_are_current() {
    for kind in Kind::ALL {
        let file = if kind == Kind::IdentityProvider {
            "identity-provider"
        } else {
            kind.singular()
        };
        let path = format!("{}/schema/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let published_text = fs::read_to_string(&path).unwrap_or_default();
        let current = serde_json::to_string_pretty(&published(kind)).unwrap() + "\n";
        assert!(
            published_text == current,
            "{path} is not what the types say; regenerate it:\n  cargo run -p chancery -- schema \
             {file} > control-plane/schema/{file}.json"
        );
    }
}

/// Reads a document, sends it through a message and writes it again.
fn full_form(text: &str) -> String {
    let nodes = Node::read_all(text).unwrap();
    let node = nodes.first().unwrap();
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| node.field("kind").unwrap().value.text() == Some(kind.document_kind()))
        .unwrap();
    let document = Document::from_json(kind, &node.to_json()).unwrap();
    let message = document.to_message(&Scope::default()).kind.unwrap();
    yaml::to_string(&Document::from_message(message).unwrap()).unwrap()
}

fn check(text: &str, expected: &str) {
    let full = full_form(text);
    assert_eq!(full, expected);
    assert_eq!(
        full_form(&full),
        expected,
        "the full form of the full form is another"
    );
}

#[test]
fn a_server_in_full() {
    check(
        "apiVersion: chancery.dev/v1\nkind: Server\nmetadata: {name: notes, workspace: w}\nspec:\n  \
         endpoints: [{path: /mcp, cluster: up}]\n  tools:\n    - {description: Reads., name: read, \
         inputSchema: {z: 1.0, a: []}}\n",
        "\
apiVersion: chancery.dev/v1
kind: Server
metadata:
  name: notes
  workspace: w
spec:
  endpoints:
  - cluster: up
    path: /mcp
  authentication: required
  onDenied: reveal
  tools:
  - name: read
    description: Reads.
    inputSchema:
      z: 1.0
      a: []
",
    );
}

#[test]
fn a_rule_in_full() {
    check(
        "apiVersion: chancery.dev/v1\nkind: Rule\nmetadata: {name: r}\nspec:\n  effect: allow\n  \
         subjects: {anyone: true, users: ['on', \"1\"]}\n  servers: ['*']\n  tools: [\"get_*\"]\n  \
         prompts: []\n  redact: {detectors: [email], arguments: false}\n",
        "\
apiVersion: chancery.dev/v1
kind: Rule
metadata:
  name: r
spec:
  effect: allow
  subjects:
    users:
    - \"on\"
    - \"1\"
    anyone: true
  servers:
  - \"*\"
  tools:
  - get_*
  redact:
    detectors:
    - email
    arguments: false
    results: true
",
    );
}

#[test]
fn an_identity_provider_in_full() {
    check(
        "apiVersion: chancery.dev/v1\nkind: IdentityProvider\nmetadata: {name: i, organization: \
         acme}\nspec:\n  issuer: https://i\n  audiences: [a]\n  jwks: '{\"keys\": [{\"kty\": \
         \"OKP\"}]}'\n",
        "\
apiVersion: chancery.dev/v1
kind: IdentityProvider
metadata:
  name: i
  organization: acme
spec:
  issuer: https://i
  audiences:
  - a
  jwks:
    keys:
    - kty: OKP
  claims:
    user: $.sub
    groups: $.groups
  leeway: 60s
",
    );
}

#[test]
fn what_a_newer_control_plane_stores_is_not_shown_as_something_else() {
    let server = admin::Server {
        name: "organizations/o/workspaces/w/servers/s".to_owned(),
        authentication: 99,
        ..admin::Server::default()
    };
    let error = Document::from_message(resource::Kind::Server(server)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot show `organizations/o/workspaces/w/servers/s`: its authentication is the unknown \
         value 99; is the control plane newer than this program?"
    );
}
