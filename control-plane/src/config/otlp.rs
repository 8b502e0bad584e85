//! Where the record is sent, as it is written.

use std::path::PathBuf;

use chancery_engine::wire::Invalid;
use schemars::JsonSchema;
use serde::Deserialize;

use super::invalid;
use crate::{egress, otlp::OtlpConfig};

/// A collector that gets the record as OTLP logs, over HTTP in protobuf.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OtlpDocument {
    /// The URL that takes logs, such as `https://collector.example/v1/logs`; its network must be public
    /// or one of `allowedNetworks`.
    #[schemars(length(min = 1))]
    endpoint: String,
    /// A file with more headers, `NAME: VALUE` a line, read before each request.
    #[serde(default)]
    #[schemars(length(min = 1))]
    headers_file: Option<String>,
}

impl OtlpDocument {
    pub(super) fn read(self, problems: &mut Vec<Invalid>) -> Option<OtlpConfig> {
        let Self {
            endpoint,
            headers_file,
        } = self;
        if egress::check_url(&endpoint).is_err() {
            let expected = "a URL with `https`, such as `https://collector.example/v1/logs`";
            problems.push(invalid("otlp.endpoint", &format!("`{endpoint}`"), expected));
            return None;
        }
        Some(OtlpConfig {
            endpoint,
            headers_file: headers_file.map(PathBuf::from),
        })
    }
}
