//! How far clocks may differ.

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

/// Whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leeway(pub(super) i64);

impl Leeway {
    const PATTERN: &'static str = "^(300|[12]?[0-9]?[0-9])s$";
}

impl Default for Leeway {
    fn default() -> Self {
        Self(60)
    }
}

impl Serialize for Leeway {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}s", self.0))
    }
}

impl<'de> Deserialize<'de> for Leeway {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let seconds = text
            .strip_suffix('s')
            .and_then(|seconds| seconds.parse().ok());
        seconds
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a number of seconds"))
    }
}

impl JsonSchema for Leeway {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Leeway".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "string",
            "title": "whole seconds from `0s` to `300s`",
            "pattern": Self::PATTERN,
        })
    }
}
