//! What the structured content of tools must fit.

use std::collections::BTreeSet;

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    each,
};
use crate::{
    json::Document,
    limits::Limits,
    redact::{FieldLimit, Texts, ToolSchema},
};

/// Most fields of one tool, and most closed objects.
const MAX_FIELDS: usize = 256;

/// Most keys that lead to a field.
const MAX_KEYS: usize = 16;

/// The schemas of a server's tools, each once.
pub(super) fn tool_schemas(messages: Vec<pb::ToolSchema>) -> Result<Vec<ToolSchema>, Invalid> {
    let schemas = each("tool_schemas", messages, ToolSchema::try_from)?;
    let mut tools = BTreeSet::new();
    match schemas.iter().find(|schema| !tools.insert(&*schema.tool)) {
        None => Ok(schemas),
        Some(twice) => {
            let expected = "every tool once";
            Err(Invalid::new("tool_schemas", shown(&twice.tool), expected))
        }
    }
}

impl TryFrom<pb::ToolSchema> for ToolSchema {
    type Error = Invalid;

    fn try_from(message: pb::ToolSchema) -> Result<Self, Invalid> {
        let pb::ToolSchema {
            tool,
            fields,
            closed,
        } = message;
        let count = fields.len().max(closed.len());
        if count > MAX_FIELDS {
            let expected = format!("at most {MAX_FIELDS} fields and as many closed objects");
            return Err(Invalid::new("fields", count, expected));
        }
        Ok(Self {
            tool: tool.into(),
            fields: each("fields", fields, FieldLimit::try_from)?,
            closed: each("closed", closed, path)?,
        })
    }
}

impl TryFrom<pb::FieldLimit> for FieldLimit {
    type Error = Invalid;

    fn try_from(message: pb::FieldLimit) -> Result<Self, Invalid> {
        let pb::FieldLimit {
            path: keys,
            text,
            stand_in,
        } = message;
        let is_json =
            |text: &str| Document::parse(text.as_bytes(), text.len(), &Limits::DEFAULT).is_ok();
        if !stand_in.is_empty() && !is_json(&stand_in) {
            return Err(Invalid::new(
                "stand_in",
                shown(&stand_in),
                "JSON, or nothing",
            ));
        }
        let texts = text.map_or(Texts::Untouched, |limit| Texts::OfLength {
            min_chars: limit.min_chars,
            max_chars: match limit.max_chars {
                0 => u32::MAX,
                max => max,
            },
        });
        Ok(Self {
            path: path(keys.unwrap_or_default())?,
            texts,
            stand_in: (!stand_in.is_empty()).then(|| stand_in.into()),
        })
    }
}

fn path(message: pb::FieldPath) -> Result<Vec<Box<str>>, Invalid> {
    if message.keys.len() > MAX_KEYS {
        let expected = format!("at most {MAX_KEYS}");
        return Err(Invalid::new("keys", message.keys.len(), expected));
    }
    Ok(message.keys.into_iter().map(Box::from).collect())
}
