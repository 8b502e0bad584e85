//! Bodies as clients and servers send them.

use std::fmt::Write as _;

use crate::{Reader, readers};

/// What is read.
pub(crate) struct Body {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) skim: Reader,
}

/// Writes a call's arguments of about so many bytes.
type Arguments = fn(usize) -> String;

/// Every body that is measured.
pub(crate) fn all() -> Vec<Body> {
    let sizes = [("300 B", 300), ("4 KB", 4 << 10), ("64 KB", 64 << 10)];
    let kinds: [(&str, Arguments); 3] =
        [("text", text), ("members", members), ("escapes", escapes)];
    let calls = kinds.into_iter().flat_map(|(kind, arguments)| {
        sizes.map(|(label, bytes)| Body {
            name: format!("call of {label}, {kind}"),
            text: call(arguments, bytes),
            skim: readers::skim_call,
        })
    });
    let list = Body {
        name: "list of 500 tools".to_owned(),
        text: list(500),
        skim: readers::skim_answer,
    };
    calls.chain([list]).collect()
}

/// A call whose arguments fill it up to about so many bytes.
fn call(arguments: Arguments, bytes: usize) -> String {
    let frame = |arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{{"name":"write_file","arguments":{arguments}}}}}"#
        )
    };
    frame(&arguments(bytes.saturating_sub(frame("").len())))
}

/// One long text.
fn text(bytes: usize) -> String {
    let sentence =
        "The quick brown fox jumps over the lazy dog, then rests in the shade of a tree. ";
    let text: String = sentence
        .chars()
        .cycle()
        .take(bytes.saturating_sub(11))
        .collect();
    format!(r#"{{"text":"{text}"}}"#)
}

/// Rows of small members of every kind, as a query or a table has them.
fn members(bytes: usize) -> String {
    let mut rows = String::from(r#"{"rows":["#);
    let mut index: u32 = 0;
    while index == 0 || rows.len() < bytes.saturating_sub(80) {
        let _ = write!(
            rows,
            r#"{{"id":{},"name":"item {index}","price":{}.25,"tags":["a{index}","new"],"size":{{"w":{},"h":-4}},"sold":{},"note":null}},"#,
            index * 7919,
            index * 3,
            index % 90,
            index.is_multiple_of(2),
        );
        index += 1;
    }
    rows.pop();
    rows.push_str("]}");
    rows
}

/// Strings with escapes and in many scripts, as source code and messages have them.
fn escapes(bytes: usize) -> String {
    let mut lines = String::from(r#"{"lines":["#);
    let samples = [
        r#""fn main() {\n\tprintln!(\"{}\", \"C:\\\\temp\");\n}\n""#,
        r#""Grüße aus Köln, où l’été s’achève — 10 €""#,
        r#""\u00fcber \u4f60\u597d \ud83d\ude00 S\u00e3o""#,
        r#""日本語の文章と😀絵文字、そして русский текст""#,
        r#""plain words between the others""#,
    ];
    let mut samples = samples.iter().cycle();
    while let Some(sample) = samples.next()
        && (lines.ends_with('[') || lines.len() < bytes.saturating_sub(60))
    {
        lines.push_str(sample);
        lines.push(',');
    }
    lines.pop();
    lines.push_str("]}");
    lines
}

/// A server's answer with its tools and their schemas.
fn list(count: usize) -> String {
    let mut tools = String::new();
    for index in 0..count {
        let _ = write!(
            tools,
            r#"{{"name":"service_{index}_search","title":"Search {index}","description":"Searches the records of service {index} for a text and returns the best matches first.\n\nUse filters to narrow it down.","inputSchema":{{"type":"object","properties":{{"query":{{"type":"string","description":"What to search for."}},"limit":{{"type":"integer","minimum":1,"maximum":100,"default":10}},"filters":{{"type":"array","items":{{"type":"string","enum":["open","closed","all"]}}}}}},"required":["query"],"additionalProperties":false}},"annotations":{{"readOnlyHint":true,"openWorldHint":false}}}},"#
        );
    }
    tools.pop();
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}]}}}}"#)
}
