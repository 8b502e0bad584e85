//! What was removed and is perhaps there again under another name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::{ByKey, listing::CapabilityKind, value::canonical};

/// A removed capability, and a new one that is like it. Its JSON has these fields by these names.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Rename<'v> {
    /// What both are.
    pub kind: CapabilityKind,
    /// The one that was removed.
    pub old: &'v str,
    /// The one that is new.
    pub new: &'v str,
    /// What they share.
    pub same: Likeness,
}

/// What a removed and a new capability share.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// All but the name.
    All,
    /// The description.
    Description,
    /// The arguments that they take.
    Arguments,
}

/// Pairs each new capability with one that was removed; one whose all is the same before one whose
/// description is, and that before one whose arguments are.
pub(super) fn find<'v>(before: &ByKey<'v>, after: &ByKey<'v>) -> Vec<Rename<'v>> {
    let mut renames = Vec::new();
    let (mut old_paired, mut new_paired) = (BTreeSet::new(), BTreeSet::new());
    for same in [Likeness::All, Likeness::Description, Likeness::Arguments] {
        let mut gone = BTreeMap::new();
        for (&(kind, name), definition) in before {
            let is_gone = !after.contains_key(&(kind, name));
            let is_paired = old_paired.contains(&(kind, name));
            if is_gone
                && !is_paired
                && let Some(print) = same.print(kind, definition)
            {
                gone.insert((kind, print), name);
            }
        }
        for (&(kind, name), definition) in after {
            let is_new = !before.contains_key(&(kind, name));
            let is_paired = new_paired.contains(&(kind, name));
            if is_new
                && !is_paired
                && let Some(print) = same.print(kind, definition)
                && let Some(old) = gone.remove(&(kind, print))
            {
                old_paired.insert((kind, old));
                new_paired.insert((kind, name));
                renames.push(Rename {
                    kind,
                    old,
                    new: name,
                    same,
                });
            }
        }
    }
    renames
}

impl Likeness {
    /// The same text for definitions that are alike; nothing where there is too little to tell.
    fn print(self, kind: CapabilityKind, definition: &Value) -> Option<String> {
        match self {
            Self::All => {
                let mut rest = definition.as_object()?.clone();
                rest.shift_remove(kind.key());
                (!rest.is_empty()).then(|| canonical(&Value::Object(rest)))
            }
            Self::Description => {
                let description = definition.get("description")?.as_str()?;
                (!description.trim().is_empty()).then(|| description.to_owned())
            }
            Self::Arguments => {
                let schema = definition.get("inputSchema").filter(|schema| {
                    let properties = schema.get("properties").and_then(Value::as_object);
                    properties.is_some_and(|properties| !properties.is_empty())
                });
                let arguments = definition.get("arguments").filter(|arguments| {
                    arguments
                        .as_array()
                        .is_some_and(|arguments| !arguments.is_empty())
                });
                schema.or(arguments).map(canonical)
            }
        }
    }
}
