//! The drafts of JSON Schema that are known here, and in what they differ.

use chancery_engine::json::Value;

/// A draft.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Dialect {
    /// Draft 6 or 7.
    Draft7,
    /// 2019-09
    Draft2019,
    /// 2020-12, which MCP takes where nothing else is said (2025-11-25, base protocol).
    Draft2020,
}

impl Dialect {
    /// That of a document, by its `$schema`; an unknown one comes back.
    pub(super) fn of(schema: Value<'_>) -> Result<Self, Value<'_>> {
        let Some(named) = schema.get("$schema") else {
            return Ok(Self::Draft2020);
        };
        let text = named.as_str().unwrap_or_default();
        let (_, place) = text.split_once("://").unwrap_or_default();
        match place.trim_end_matches('#') {
            "json-schema.org/draft-06/schema" | "json-schema.org/draft-07/schema" => {
                Ok(Self::Draft7)
            }
            "json-schema.org/draft/2019-09/schema" => Ok(Self::Draft2019),
            "json-schema.org/draft/2020-12/schema" => Ok(Self::Draft2020),
            _ => Err(named),
        }
    }

    /// Whether nothing counts beside a `$ref`.
    pub(super) fn has_lone_references(self) -> bool {
        self == Self::Draft7
    }

    /// Whether `items` may be an array, and `additionalItems` is about what follows.
    pub(super) fn has_item_arrays(self) -> bool {
        self < Self::Draft2020
    }

    /// Whether `dependencies` has been taken apart, and `contains` counted.
    pub(super) fn is_since_2019(self) -> bool {
        self >= Self::Draft2019
    }
}
