//! `kind: Detector`.

use chancery_proto::{
    admin::v1::{self as admin, detector::Matcher},
    policy::v1 as policy,
};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use super::{ApiVersion, Metadata, Unreadable, document, unless_empty};
use crate::cli::name::{Kind, Scope};

document! {
    /// What an organization looks for beside what is built in. Redaction profiles name it by its id.
    #[schemars(title = "Detector")]
    DetectorDocument of Detector: DetectorKind, Metadata, DetectorSpec
}

/// What is found: exactly one of `regex`, `keywords` and `fields`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_matcher)]
struct DetectorSpec {
    /// For people: why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// What this regular expression matches: at most 1,024 bytes, never the empty string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    regex: Option<String>,
    /// These words, in whatever case, where no letter or digit stands before or after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    keywords: Option<Vec<String>>,
    /// Whatever stands in these fields: keys with `.` between them, the innermost last
    /// (`customer.taxId`); `*` is any one key; with `$.` before it the first key is one of the
    /// outermost object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    fields: Option<Vec<String>>,
}

fn one_matcher(schema: &mut schemars::Schema) {
    let one_of = json_schema!({
        "oneOf": [{"required": ["regex"]}, {"required": ["keywords"]}, {"required": ["fields"]}]
    });
    if let Some(alternatives) = one_of.get("oneOf") {
        schema.insert("oneOf".to_owned(), alternatives.clone());
    }
}

impl DetectorDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Detector {
        let DetectorSpec {
            description,
            regex,
            keywords,
            fields,
        } = self.spec.clone();
        let words = |words| Matcher::Keywords(policy::Keywords { words });
        let paths = |paths| Matcher::Fields(policy::Fields { paths });
        let matcher = regex.map(Matcher::Regex);
        let matcher = matcher.or_else(|| keywords.map(words));
        admin::Detector {
            name: self.metadata.name(Kind::Detector, scope).to_string(),
            description: description.unwrap_or_default(),
            matcher: matcher.or_else(|| fields.map(paths)),
            ..admin::Detector::default()
        }
    }
}

impl TryFrom<admin::Detector> for DetectorDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Detector) -> Result<Self, Unreadable> {
        let admin::Detector {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            matcher,
        } = message;
        let mut spec = DetectorSpec {
            description: unless_empty(description),
            regex: None,
            keywords: None,
            fields: None,
        };
        match matcher {
            Some(Matcher::Regex(regex)) => spec.regex = Some(regex),
            Some(Matcher::Keywords(policy::Keywords { words })) => spec.keywords = Some(words),
            Some(Matcher::Fields(policy::Fields { paths })) => spec.fields = Some(paths),
            None => {
                return Err(Unreadable {
                    name,
                    field: "matcher",
                    found: "of a kind that is not known here".to_owned(),
                });
            }
        }
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: DetectorKind::Detector,
            metadata: Metadata::parse(&name)?,
            spec,
        })
    }
}
