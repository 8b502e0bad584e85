use chancery_proto::policy::v1::{PinnedKind, Pins, VariableField};

use super::*;
use crate::resource::pins_of;

fn tool(version: &str) -> admin::ToolDefinition {
    admin::ToolDefinition {
        name: "read".to_owned(),
        definition: format!(r#"{{"name":"read","_meta":{{"build":"{version}"}}}}"#),
    }
}

fn field(kind: PinnedKind, capability: &str, pointer: &str, pattern: &str) -> VariableField {
    VariableField {
        kind: kind.into(),
        capability: capability.to_owned(),
        pointer: pointer.to_owned(),
        pattern: pattern.to_owned(),
    }
}

fn server(version: &str, variable_fields: Vec<VariableField>) -> admin::Server {
    admin::Server {
        pinning: policy::Pinning::Enforce.into(),
        tools: vec![tool(version)],
        instructions: vec![format!("You talk to {version}.")],
        server_infos: vec![format!(r#"{{"name":"notes","version":"{version}"}}"#)],
        variable_fields,
        ..admin::Server::default()
    }
}

fn release() -> Vec<VariableField> {
    vec![
        field(PinnedKind::ServerInfo, "", "/version", r"1\.4\.[0-9]+"),
        field(PinnedKind::Tool, "read", "/_meta/build", r"1\.4\.[0-9]+"),
        field(
            PinnedKind::Instructions,
            "",
            "",
            r"You talk to 1\.4\.[0-9]+\.",
        ),
    ]
}

fn pins(server: &admin::Server) -> Pins {
    pins_of(server).unwrap().unwrap()
}

#[test]
fn what_matches_has_the_pins_of_what_is_approved() {
    let approved = pins(&server("1.4.1", release()));
    assert_eq!(approved, pins(&server("1.4.2", release())));
    assert_eq!(approved.variables, release());
    let plain = |version| pins(&server(version, Vec::new()));
    assert_ne!(plain("1.4.1"), plain("1.4.2"));
    assert_ne!(plain("1.4.1").server_infos, approved.server_infos);
}

#[test]
fn refuses_fields_that_are_not_there_or_not_what_they_may_be() {
    let with = |field| server("1.4.1", vec![field]);
    let info = |pointer, pattern| field(PinnedKind::ServerInfo, "", pointer, pattern);
    let off = admin::Server {
        pinning: 0,
        ..with(info("/version", ".*"))
    };
    for (server, place, found) in [
        (
            server("1.5.0", release()),
            "variable_fields[1].pattern",
            "1.5.0",
        ),
        (
            with(info("/version", "1[.]4")),
            "variable_fields[0].pattern",
            "1.4.1",
        ),
        (
            with(info("", ".*")),
            "variable_fields[0].pattern",
            "server_infos[0]",
        ),
        (
            with(info("/release", ".*")),
            "variable_fields[0].pointer",
            "`/release`",
        ),
        (
            with(info("version", ".*")),
            "variable_fields[0].pointer",
            "`version`",
        ),
        (
            with(info("/version", "(")),
            "variable_fields[0].pattern",
            "`(`",
        ),
        (
            with(info("/version", "a)|(?:.*")),
            "variable_fields[0].pattern",
            "a)|(?:.*",
        ),
        (
            with(field(PinnedKind::Tool, "write", "/_meta/build", ".*")),
            "variable_fields[0].pointer",
            "/_meta/build",
        ),
        (
            with(field(PinnedKind::Tool, "", "/_meta/build", ".*")),
            "variable_fields[0].capability",
            "``",
        ),
        (
            with(field(PinnedKind::Unspecified, "", "/version", ".*")),
            "variable_fields[0].kind",
            "0",
        ),
        (
            server("1.4.1", [release(), release()].concat()),
            "variable_fields",
            "field 3",
        ),
        (off, "variable_fields", "off"),
    ] {
        let error = pins_of(&server).unwrap_err();
        assert_eq!(error.field, place, "{error}");
        assert!(error.found.contains(found), "{error}");
    }
}

/// Of two versions that are approved side by side, one may lack what varies.
#[test]
fn a_field_is_in_some_definition_and_fits_in_each_that_has_it() {
    let mut two = server("1.4.1", release());
    two.tools.push(admin::ToolDefinition {
        name: "read".to_owned(),
        definition: r#"{"name":"read"}"#.to_owned(),
    });
    assert_eq!(pins(&two).tools[0].pins.len(), 2);
    two.tools.push(tool("1.5.0"));
    let error = pins_of(&two).unwrap_err();
    assert!(error.found.contains("tools[2].definition"), "{error}");
}
