//! Writes YAML.

use serde::Serialize;

use super::{
    exit::Failure,
    visible::{deceives, visible_json},
};

/// What `serde_json::value::RawValue` becomes in other formats.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// One document, ending its last line.
///
/// JSON is YAML too, and can escape any character and write any number: a document with characters
/// that could deceive a reader, or with a number that has more digits than YAML's writer keeps, is
/// written as JSON, and still means the same.
pub(crate) fn to_string(value: &impl Serialize) -> Result<String, Failure> {
    let yaml = serde_saphyr::to_string(value).map_err(Failure::rendering)?;
    let is_exact = !yaml.contains(RAW_VALUE);
    if is_exact && !yaml.chars().any(|c| c != '\n' && deceives(c)) {
        return Ok(yaml);
    }
    let json = serde_json::to_string_pretty(value).map_err(Failure::rendering)?;
    Ok(format!("{}\n", visible_json(&json)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::locate::Node;

    #[test]
    fn any_text_survives() {
        let long = "word ".repeat(40);
        for text in [
            "",
            " ",
            "yes",
            "no",
            "null",
            "~",
            "1",
            "1.0",
            "0x1",
            "007",
            "2024-01-01",
            "a: b",
            "- a",
            "a #b",
            "#",
            "*",
            "&a",
            "!x",
            "@a",
            "`",
            "|",
            ">",
            "'",
            "\"",
            "\\",
            "a\nb",
            "a\n\n",
            "\n",
            "  lead",
            "trail  ",
            "a\tb",
            "\u{1b}[0m",
            "a\u{202e}b",
            "{",
            "[",
            "}",
            "?",
            "---",
            "...",
            "---\nx",
            "%a",
            "<<",
            "=",
            "😀",
            "a\r\nb",
            "a\u{85}b",
            "a\u{2028}b",
            "\u{feff}",
            long.trim(),
            &long,
            " indented\nthen not\n",
            "two  spaces  inside and a rather long line so that it is folded  somewhere",
        ] {
            let yaml =
                to_string(&serde_json::json!({"k": text, "l": [text, {"m": text}]})).unwrap();
            let nodes = Node::read_all(&yaml).unwrap_or_else(|e| panic!("{text:?}: {yaml}: {e:?}"));
            let json = nodes.first().unwrap().to_json();
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["k"], text, "{yaml}");
            assert_eq!(json["l"][0], text, "{yaml}");
            assert_eq!(json["l"][1]["m"], text, "{yaml}");
        }
    }
}
