use std::fs;

use super::*;
use crate::cli::{locate::Node, schema::published, yaml};

#[test]
fn the_published_schemas_are_current() {
    for kind in Kind::ALL {
        let file = match kind {
            Kind::IdentityProvider => "identity-provider",
            Kind::RedactionProfile => "redaction-profile",
            Kind::Organization
            | Kind::Binding
            | Kind::Block
            | Kind::Server
            | Kind::Role
            | Kind::Detector
            | Kind::Allowlist
            | Kind::Rule
            | Kind::Offer
            | Kind::Quota
            | Kind::Credential => kind.singular(),
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
         owner: o\n  endpoints: [{path: /mcp, cluster: up}]\n  tools:\n    - {description: Reads., name: read, \
         inputSchema: {z: 1.0, a: []}}\n",
        "\
apiVersion: chancery.dev/v1
kind: Server
metadata:
  name: notes
  workspace: w
spec:
  owner: o
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
         prompts: []\n  redact: [default]\n  reveal: [email]\n",
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
  - default
  reveal:
  - email
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
fn a_rule_with_everything_in_full() {
    check(
        "apiVersion: chancery.dev/v1\nkind: Rule\nmetadata: {name: r, workspace: w}\nspec:\n  \
         effect: deny\n  subjects: {roles: [ops], tokenRoles: [admin], agents: ['bot-*']}\n  \
         servers: ['*']\n  tools: [pay]\n  environments: [prod]\n  sourceRanges: [10.0.0.0/8]\n  \
         mode: shadow\n  expires: 2027-01-01\n  reviewBy: 2026-12-01T08:00:00+01:00\n  owner: o\n  \
         when:\n  - {arg: $.repo, glob: 'acme/*', normalise: casefold, onMissing: fails}\n  - {arg: \
         '$.to[*]', cidr: [10.0.0.0/8, 'fd00::/8'], quantifier: any}\n  - {arg: $.n, number: {ge: \
         1.50, lt: 18446744073709551616}}\n  - {arg: $.s, in: [1, 'on', true, null, 1e2]}\n  - {arg: \
         $.x, equals: null}\n  - {arg: $.y, exists: false}\n",
        concat!(
            r#"{
  "apiVersion": "chancery.dev/v1",
  "kind": "Rule",
  "metadata": {
    "name": "r",
    "workspace": "w"
  },
  "spec": {
    "effect": "deny",
    "subjects": {
      "roles": [
        "ops"
      ],
      "tokenRoles": [
        "admin"
      ],
      "agents": [
        "bot-*"
      ]
    },
    "servers": [
      "*"
    ],
    "tools": [
      "pay"
    ],
    "environments": [
      "prod"
    ],
    "when": [
      {
        "arg": "$.repo",
        "glob": "acme/*",
        "normalise": "casefold",
        "onMissing": "fails"
      },
      {
        "arg": "$.to[*]",
        "cidr": [
          "10.0.0.0/8",
          "fd00::/8"
        ],
        "quantifier": "any"
      },
      {
        "arg": "$.n",
        "number": {
          "lt": 18446744073709551616,
          "ge": 1.5
        }
      },
      {
        "arg": "$.s",
        "in": [
          1,
          "on",
          true,
          null,
          100.0
        ]
      },
      {
        "arg": "$.x",
        "equals": null
      },
      {
        "arg": "$.y",
        "exists": false
      }
    ],
    "sourceRanges": [
      "10.0.0.0/8"
    ],
    "expires": "2027-01-01T00:00:00Z",
    "mode": "shadow",
    "reviewBy": "2026-12-01T07:00:00Z",
    "owner": "o"
  }
}"#,
            "\n"
        ),
    );
}

#[test]
fn what_is_new_in_a_server_in_full() {
    check(
        "apiVersion: chancery.dev/v1\nkind: Server\nmetadata: {name: s}\nspec:\n  owner: o\n  endpoints: \
         [{path: /mcp, cluster: up, workspace: w, audiences: [a, {value: b, workspace: v}], \
         resource: 'https://x/mcp'}]\n  environment: prod\n  dispatchers: [{tool: call, name: $.name, \
         arguments: $.arguments}]\n  scopes: [{scopes: [write], tools: ['put_*']}]\n",
        "\
apiVersion: chancery.dev/v1
kind: Server
metadata:
  name: s
spec:
  owner: o
  endpoints:
  - cluster: up
    path: /mcp
    workspace: w
    audiences:
    - a
    - value: b
      workspace: v
    resource: https://x/mcp
  authentication: required
  onDenied: reveal
  environment: prod
  dispatchers:
  - tool: call
    name: $.name
    arguments: $.arguments
  scopes:
  - scopes:
    - write
    tools:
    - put_*
",
    );
}

const IN_FULL: [&str; 6] = [
    "\
apiVersion: chancery.dev/v1
kind: Role
metadata:
  name: ops
spec:
  description: On call.
  subjects:
    groups:
    - sre
    clients:
    - runbook
",
    "\
apiVersion: chancery.dev/v1
kind: Offer
metadata:
  name: f
  organization: acme
spec:
  servers:
  - git*
  workspaces:
  - \"*\"
  tools:
  - get_*
",
    "\
apiVersion: chancery.dev/v1
kind: Quota
metadata:
  name: q
spec:
  subjects:
    anyone: true
  servers:
  - \"*\"
  calls: 60
  period: 1m
  per:
  - principal
  - tool
",
    "\
apiVersion: chancery.dev/v1
kind: Credential
metadata:
  name: c
spec:
  servers:
  - github
  staticHeader:
    header: x-api-key
    expires: \"2027-01-01T00:00:00Z\"
    approver: ada
    reason: It knows no OAuth.
",
    "\
apiVersion: chancery.dev/v1
kind: Binding
metadata:
  name: b
spec:
  members:
  - user:ada
  - group:sec
  roles:
  - author
  - operator
  workspace: w
",
    "\
apiVersion: chancery.dev/v1
kind: Organization
metadata:
  name: acme
spec:
  secondPerson: true
",
];

#[test]
fn the_other_kinds_in_full() {
    for text in IN_FULL {
        check(text, text);
    }
}

#[test]
fn a_secret_is_in_no_full_form() {
    let source = "apiVersion: chancery.dev/v1\nkind: Credential\nmetadata: {name: c}\nspec:\n  \
                  servers: [s]\n  clientCredentials: {tokenUri: 'https://i/t', clientId: c, \
                  clientSecret: {env: SECRET}}\n";
    assert!(
        !full_form(source).contains("clientSecret"),
        "{}",
        full_form(source)
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

#[test]
fn what_is_redacted_in_full() {
    check(
        "apiVersion: chancery.dev/v1\nkind: RedactionProfile\nmetadata: {name: p}\nspec:\n  mode: \
         observe\n  redact:\n  - {detectors: [personal, ticket]}\n  - {detectors: [email], action: \
         token, direction: to_client, places: [results]}\n  media: {images: pass, types: {'image/*': \
         block, image/png: pass}}\n  allowlists: [ours]\n",
        "\
apiVersion: chancery.dev/v1
kind: RedactionProfile
metadata:
  name: p
spec:
  mode: observe
  redact:
  - detectors:
    - personal
    - ticket
    action: replace
  - detectors:
    - email
    action: token
    direction: to_client
    places:
    - results
  media:
    images: pass
    types:
      image/*: block
      image/png: pass
  allowlists:
  - ours
",
    );
    check(
        "apiVersion: chancery.dev/v1\nkind: Detector\nmetadata: {name: ticket}\nspec: {regex: \
         'T-[0-9]+'}\n",
        "\
apiVersion: chancery.dev/v1
kind: Detector
metadata:
  name: ticket
spec:
  regex: T-[0-9]+
",
    );
    check(
        "apiVersion: chancery.dev/v1\nkind: Allowlist\nmetadata: {name: ours}\nspec: {values: [a], \
         globs: ['*@b'], detectors: [email], description: Ours.}\n",
        "\
apiVersion: chancery.dev/v1
kind: Allowlist
metadata:
  name: ours
spec:
  description: Ours.
  values:
  - a
  globs:
  - \"*@b\"
  detectors:
  - email
",
    );
}

#[test]
fn an_exact_media_type_comes_before_a_glob() {
    let text = "apiVersion: chancery.dev/v1\nkind: RedactionProfile\nmetadata: {name: p}\nspec:\n  \
                redact: [{detectors: [all]}]\n  media: {types: {'*/*': block, 'image/*': pass, \
                image/gif: block}}\n";
    let nodes = Node::read_all(text).unwrap();
    let json = nodes.first().unwrap().to_json();
    let document = Document::from_json(Kind::RedactionProfile, &json).unwrap();
    let message = document.to_message(&Scope::default()).kind;
    let Some(resource::Kind::RedactionProfile(profile)) = message else {
        panic!("{message:?}")
    };
    let types = profile.media.unwrap().types;
    let types: Vec<_> = types.iter().map(|one| &*one.r#type).collect();
    assert_eq!(types, ["image/gif", "image/*", "*/*"]);
}

#[test]
fn webhooks_and_what_signs_them_in_full() {
    check(
        "apiVersion: chancery.dev/v1\nkind: Organization\nmetadata: {name: acme}\nspec:\n  webhooks:\n    \
         - {credential: signs, url: 'https://chat.test/hook', id: chat, events: [drift.sighted]}\n",
        "\
apiVersion: chancery.dev/v1
kind: Organization
metadata:
  name: acme
spec:
  webhooks:
  - id: chat
    url: https://chat.test/hook
    events:
    - drift.sighted
    credential: signs
",
    );
    // Where its secret is, the document says and no message does.
    check(
        "apiVersion: chancery.dev/v1\nkind: Credential\nmetadata: {name: signs}\nspec:\n  \
         signingSecret: {secret: {env: SECRET}}\n",
        "\
apiVersion: chancery.dev/v1
kind: Credential
metadata:
  name: signs
spec:
  signingSecret: {}
",
    );
}
