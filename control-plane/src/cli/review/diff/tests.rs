use std::{fs, process::ExitCode};

use tempfile::TempDir;

const OLD: &str = r#"{"tools": [
    {"name": "read_note", "description": "Reads a note of the user.", "inputSchema": {"type": "object"},
     "annotations": {"readOnlyHint": true}},
    {"name": "gone", "description": "Is gone."}
]}"#;

const NEW: &str = r#"{"tools": [
    {"annotations": {"readOnlyHint": false}, "description": "Reads a file of the user.\u001b[2J",
     "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
     "name": "read_note"},
    {"name": "here", "description": "Is gone."}
]}"#;

/// What the command writes to both sides, and how it ends.
fn ran(old: &str, new: &str, options: &[&str], colour: bool) -> (String, String, String) {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (old, new) = (file("old.json", old), file("new.json", new));
    let mut args = vec!["chancery", "review", "diff", &old, &new];
    args.extend(options);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = crate::cli::run(args, &mut out, &mut err, colour);
    let written = |bytes| String::from_utf8(bytes).unwrap();
    let folder = format!("{}/", folder.path().display());
    let err = written(err).replace(&folder, "");
    (written(out), err, format!("{exit:?}"))
}

fn ended(code: u8) -> String {
    format!("{:?}", ExitCode::from(code))
}

#[test]
fn a_diff_is_shown_heaviest_first() {
    let (out, err, exit) = ran(OLD, NEW, &[], false);
    let expected = r"~ tool read_note  changed: 2 risk, 1 widening
  risk       /description
             It has new characters that people do not see: 1 control (U+001B). The description that
             agents read says something else.
             Reads a [-note-]{+file+} of the [-user.-]{+user.\u{1b}[2J+}
  risk       /annotations/readOnlyHint
             It promised to change nothing, and does not any more.
             - true
             + false
  widening   /inputSchema/properties/path
             Agents must send `path` now: it is required.
             + {'type':'string'}

+ tool here  added: 1 text, 1 widening
  perhaps it was `gone`: all but the name is the same
  text       /description
             Agents will read this description.
             + Is gone.
  widening   /annotations
             It says nothing of what it does: by MCP's defaults it may change and destroy things,
             and reach beyond its own domain.

- tool gone  removed
  perhaps it becomes `here`: all but the name is the same

1 added, 1 removed, 1 changed, 0 same
";
    assert_eq!(out.replace('"', "'"), expected);
    assert_eq!((&*err, exit), ("", ended(1)));
}

#[test]
fn colours_take_the_place_of_marks() {
    let (out, _, _) = ran(OLD, NEW, &[], true);
    assert!(
        out.contains("Reads a \u{1b}[31mnote\u{1b}[0m\u{1b}[32mfile\u{1b}[0m of the"),
        "{out}"
    );
}

#[test]
fn json_has_stable_names() {
    let (out, _, exit) = ran(OLD, NEW, &["--format", "json"], false);
    let written: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(written["summary"]["changed"], 1);
    let changed = &written["capabilities"][0];
    assert_eq!(
        (&changed["kind"], &changed["weight"]),
        (&"tool".into(), &"risk".into())
    );
    let text = &changed["changes"][0];
    assert_eq!(text["pointer"], "/description");
    assert_eq!(text["old"], "Reads a note of the user.");
    assert_eq!(text["words"][1]["removed"], "note");
    assert_eq!(text["unseen"][0]["character"], "U+001B");
    assert_eq!(written["renames"][0]["same"], "all");
    assert_eq!(exit, ended(1));
}

#[test]
fn the_same_in_another_spelling_is_no_difference() {
    let new = r#"[{"inputSchema": {"maxItems": 1.0}, "name": "\u0061"}]"#;
    let old = r#"[{"name": "a", "inputSchema": {"maxItems": 1}}]"#;
    let (out, err, exit) = ran(old, new, &["--format", "text"], false);
    assert_eq!(out, "0 added, 0 removed, 0 changed, 1 same\n");
    assert_eq!((&*err, exit), ("", ended(0)));
}

#[test]
fn what_cannot_be_compared_is_told_with_its_place() {
    let (_, err, exit) = ran("[{}]", "[\n1,]", &[], false);
    let expected = "old.json: `/0`: found no `name`, expected the `name` of a tool\n\
                    error: 1 problem, nothing was compared\n";
    let (_, twice, _) = ran(r#"[{"name": "a", "name": "b"}]"#, "[]", &[], false);
    assert!(twice.contains("duplicate key at byte 15"), "{twice}");
    assert!(
        err.contains("new.json:2:3: JSON: found broken JSON"),
        "{err}"
    );
    assert_eq!(exit, ended(2));
    let (_, err, _) = ran("[{}]", "[]", &[], false);
    assert_eq!(err, expected);
    let (_, err, _) = ran(r#"{"tools": [], "nextCursor": ""}"#, "[]", &[], false);
    assert!(
        err.starts_with("warning: old.json: found `nextCursor`"),
        "{err}"
    );
}

#[test]
fn a_long_text_is_cut_and_the_rest_counted() {
    let new = format!(
        r#"[{{"name": "a", "description": "{}"}}]"#,
        "word ".repeat(2_000)
    );
    let (out, _, _) = ran("[]", &new, &[], false);
    let old = format!(
        r#"[{{"name": "a", "description": "{}"}}]"#,
        "x".repeat(9_000)
    );
    let (replaced, _, _) = ran(
        &old,
        r#"[{"name": "a", "description": "a new text"}]"#,
        &[],
        false,
    );
    assert!(replaced.contains("{+a new text+}"), "{replaced}");
    assert!(
        out.contains("… and 2000 more characters, which `-o json` shows"),
        "{out}"
    );
}
