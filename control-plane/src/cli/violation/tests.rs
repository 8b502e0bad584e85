use tonic_types::{ErrorDetails, FieldViolation};

use super::*;
use crate::cli::{files::Text, name::Scope};

const DOCUMENTS: &str = "\
apiVersion: chancery.dev/v1
kind: Server
metadata:
  name: notes
spec:
  endpoints:
    - cluster: upstream
      host: notes.example.com
      path: /mcp
  onDenied: hide
  tools:
    - {name: read_note, description: Reads.}
  owner: o
---
apiVersion: chancery.dev/v1
kind: Rule
metadata: {name: dev}
spec:
  effect: allow
  subjects: {groups: [dev]}
  servers: [nots]
  tools: ['*']
  redact:
    [support]
  when: [{arg: $.repo, glob: [a, b]}]
---
apiVersion: chancery.dev/v1
kind: IdentityProvider
metadata: {name: idp}
spec:
  issuer: https://idp.example.com
  audiences: [a]
  jwks:
    keys:
      - kty: RSA
        d: secret
  claims:
    user: $..sub
";

fn explained(fields: &[&str]) -> Failure {
    explained_in(DOCUMENTS, fields)
}

fn explained_in(documents: &str, fields: &[&str]) -> Failure {
    let text = Text {
        file: "policy.yaml".to_owned(),
        content: documents.to_owned(),
    };
    let batch = Batch::of(&[text], Vec::new(), &Scope::default()).unwrap();
    let violations: Vec<FieldViolation> = fields
        .iter()
        .map(|field| FieldViolation::new(*field, "found X, expected Y"))
        .collect();
    let details = ErrorDetails::with_bad_request(violations);
    let status = Status::with_error_details(Code::InvalidArgument, "no", details);
    explain(status, &batch, "apply", "nothing was applied")
}

#[test]
fn a_message_field_is_shown_where_it_was_written() {
    for (field, expected) in [
        ("resources[0].name", "4:9: metadata.name"),
        ("resources[0].endpoints", "6:3: spec.endpoints"),
        (
            "resources[0].endpoints[0].path",
            "9:13: spec.endpoints[0].path",
        ),
        (
            "resources[0].server.endpoints[0].host",
            "8:13: spec.endpoints[0].host",
        ),
        (
            "resources[0].endpoints[3].path",
            "6:3: spec.endpoints[3].path",
        ),
        ("resources[0].on_denied", "10:13: spec.onDenied"),
        ("resources[0].display_name", "5:1: spec.displayName"),
        ("resources[0].tools[0].definition", "12:7: spec.tools[0]"),
        ("resources[0].tools[0].name", "12:14: spec.tools[0].name"),
        ("resources[1].servers[0]", "21:13: spec.servers[0]"),
        (
            "resources[1].subjects.groups[0]",
            "20:23: spec.subjects.groups[0]",
        ),
        ("resources[1].obligations.redact[0]", "24:6: spec.redact[0]"),
        ("resources[1].obligations", "23:3: spec.redact"),
        ("resources[1].when[0].argument", "25:16: spec.when[0].arg"),
        (
            "resources[1].when[0].glob.values[1]",
            "25:34: spec.when[0].glob[1]",
        ),
        ("resources[2].claims.user", "38:11: spec.claims.user"),
        ("resources[2].claims.groups", "37:3: spec.claims.groups"),
        ("resources[2].jwks", "33:3: spec.jwks"),
        ("resources[2].jwks.keys[0].d", "36:12: spec.jwks.keys[0].d"),
        ("resources[2]", "27:1: document"),
    ] {
        assert_shown(DOCUMENTS, field, expected);
    }
}

fn assert_shown(documents: &str, field: &str, expected: &str) {
    let Failure::Invalid { problems, .. } = explained_in(documents, &[field]) else {
        panic!("{field}")
    };
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        lines,
        [format!("policy.yaml:{expected}: found X, expected Y")],
        "{field}"
    );
}

#[test]
fn what_is_redacted_is_shown_where_it_was_written() {
    let documents = "\
apiVersion: chancery.dev/v1
kind: RedactionProfile
metadata: {name: p}
spec:
  redact: [{detectors: [email, tikcet]}]
  media: {types: {'image/[': pass}}
  allowlists: [a]
---
apiVersion: chancery.dev/v1
kind: Detector
metadata: {name: word}
spec: {keywords: [a, b]}
---
apiVersion: chancery.dev/v1
kind: Detector
metadata: {name: field}
spec: {fields: [a, b..c]}
---
apiVersion: chancery.dev/v1
kind: Detector
metadata: {name: regex}
spec:
  regex: '('
";
    for (field, expected) in [
        (
            "resources[0].choices[0].detectors[1]",
            "5:32: spec.redact[0].detectors[1]",
        ),
        ("resources[0].media.types[0].type", "6:11: spec.media.types"),
        ("resources[0].allowlists[0]", "7:16: spec.allowlists[0]"),
        ("resources[1].keywords.words[1]", "12:22: spec.keywords[1]"),
        ("resources[2].fields.paths[1]", "17:20: spec.fields[1]"),
        ("resources[3].regex", "23:10: spec.regex"),
    ] {
        assert_shown(documents, field, expected);
    }
}

#[test]
fn problems_come_in_the_order_of_the_file() {
    let Failure::Invalid { problems, .. } = explained(&[
        "resources[2].jwks",
        "resources[0].name",
        "resources[1].servers[0]",
    ]) else {
        panic!("not problems");
    };
    let lines: Vec<u64> = problems
        .iter()
        .map(|problem| problem.at.unwrap().line)
        .collect();
    assert_eq!(lines, [4, 21, 33]);
}

#[test]
fn what_cannot_be_placed_is_said_all_the_same() {
    for field in [
        "",
        "page_size",
        "resources[9].name",
        "resources[",
        "validate_only",
    ] {
        let Failure::Invalid { problems, .. } = explained(&[field]) else {
            panic!("{field}")
        };
        assert_eq!(
            problems.first().unwrap().to_string(),
            format!("{field}: found X, expected Y")
        );
    }
    assert!(matches!(explained(&[]), Failure::Refused { .. }));
}
