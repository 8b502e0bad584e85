use std::io::Write as _;

use super::*;
use crate::request;

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_note"}}"#;

fn compressed() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(CALL.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Calls of a refused tool as readers in the wild are known to take them.
fn hidden_calls() -> Vec<Vec<u8>> {
    let units = || CALL.encode_utf16();
    let points = || CALL.chars().map(u32::from);
    let quoted = CALL.replace('"', "'");
    let around = |name: &str| {
        let call =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{name}}}}}"#);
        call.into_bytes()
    };
    vec![
        CALL.into(),
        around(r#""name":"echo","name":"delete_note""#),
        around(r#""name":"delete_note","name":"echo""#),
        around(r#""name":"delete_note","name":null"#),
        around(r#""name":"echo","Name":"delete_note""#),
        around(r#""name":"echo","n\u0061me":"delete_note""#),
        around(r#""name":"echo","name\u0000":"delete_note""#),
        around(r#""name":"echo","name\u0000x":"delete_note""#),
        around(r#""name":"echo","na\u200bme":"delete_note""#),
        around("\"name\":\"echo\",\"\u{ff4e}ame\":\"delete_note\""),
        around(r#""name":"delete_note\u0000.txt""#),
        around(r#""name":["delete_note"]"#),
        around(r#""name":"delete_note",/* "#),
        CALL.replace("params", "param\u{17f}").into(),
        CALL.replace("tools/call", r"tools\/call").into(),
        CALL.replace("\"method\"", "\"METHOD\"").into(),
        CALL.replace("}}", ",}}").into(),
        CALL.replace("{\"name\"", "{name").into(),
        CALL.replace(":1,", ":NaN,").into(),
        CALL.replace(":1,", ":01,").into(),
        CALL.replace("2.0", "\\ud800").into(),
        CALL.replace("2.0", "\n\t").into(),
        quoted.into(),
        format!("// \n{CALL}").into(),
        format!("\u{feff}{CALL}").into(),
        format!("[{CALL}]").into(),
        format!("[null,[[{CALL}]]]").into(),
        format!("{{}}\n{CALL}").into(),
        format!("{CALL}\0").into(),
        CALL.strip_suffix("}}").unwrap().into(),
        br#"["2.0",1,"tools/call",{"name":"delete_note"}]"#.into(),
        br#"["2.0",1,"tools/call",["delete_note"]]"#.into(),
        [b"\xff", CALL.as_bytes()].concat(),
        [&b"{\"x\":\"\xed\xa0\x80\","[..], &CALL.as_bytes()[1..]].concat(),
        units().flat_map(u16::to_le_bytes).collect(),
        units().flat_map(u16::to_be_bytes).collect(),
        [
            b"\xff\xfe".to_vec(),
            units().flat_map(u16::to_le_bytes).collect(),
        ]
        .concat(),
        points().flat_map(u32::to_le_bytes).collect(),
        points().flat_map(u32::to_be_bytes).collect(),
        compressed(),
    ]
}

#[test]
fn some_reader_sees_every_hidden_call() {
    let refused = Use::Tool("delete_note".to_owned());
    for call in hidden_calls() {
        assert!(
            uses(&call).contains(&refused),
            "{}",
            String::from_utf8_lossy(&call)
        );
    }
}

#[test]
fn no_hidden_call_is_forwarded() {
    for call in hidden_calls() {
        request(&call);
    }
}

#[test]
fn arguments_are_no_calls() {
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"name":"delete_note","params":{"Name":"delete_note"}}}}"#;
    assert_eq!(uses(call), BTreeSet::from([Use::Tool("echo".to_owned())]));
}

#[test]
fn some_reader_sees_the_uri_that_is_meant() {
    for uri in [
        "file:///private/a",
        "file:///public/../private/a",
        "file:///public/%2e%2e/private/a",
        r"file:\/\/\/private/a",
        r"file:///public\\..\\private/a",
        "FILE:///private/a",
        "file:///%70rivate/a",
        r"file:///private/a\u0000/public",
        r"file:///pri\tvate/a",
    ] {
        let body = format!(r#"{{"method":"resources/read","params":{{"uri":"{uri}"}}}}"#);
        let private = Use::Resource("file:///private/a".to_owned());
        assert!(uses(body.as_bytes()).contains(&private), "{uri}");
    }
}

#[test]
fn some_reader_sees_what_is_listed() {
    let list = LISTS[0];
    let refused = Use::Tool("delete_note".to_owned());
    for answer in [
        r#"{"result":{"tools":[{"name":"delete_note"}]}}"#,
        r#"{"result":{"Tools":[{"name":"delete_note"}]}}"#,
        r#"{"result":{"tools":[],"tools":[{"name":"delete_note"}]}}"#,
        r#"{"result":{"tools":[{"name":"echo","Name":"delete_note"}]}}"#,
        r#"[{"result":{"tools":[{"name":"delete_note"}]}}]"#,
    ] {
        assert!(
            offers(answer.as_bytes(), list).contains(&refused),
            "{answer}"
        );
    }
}
