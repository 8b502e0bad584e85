//! `kind: Rule`.

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use super::{ApiVersion, Metadata, Unreadable, unless_empty};
use crate::cli::name::{Kind, Scope};

/// Who may use what. Deny wins over allow; nothing matched is a deny.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "Rule")]
pub(crate) struct RuleDocument {
    /// The version of this document.
    api_version: ApiVersion,
    /// The kind of this document.
    kind: RuleKind,
    /// Names the rule.
    pub(crate) metadata: Metadata,
    /// What the rule says.
    pub(crate) spec: RuleSpec,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
enum RuleKind {
    Rule,
}

/// What a rule says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = some_capability)]
pub(crate) struct RuleSpec {
    /// For people: why the rule is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// What the rule does where it matches.
    pub(crate) effect: Effect,
    /// Whom the rule is about: the union of its members.
    pub(crate) subjects: Subjects,
    /// Globs (`*`, `?`) over server ids; one without either must name a server that exists.
    #[schemars(length(min = 1))]
    pub(crate) servers: Vec<String>,
    /// Globs over tool names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tools: Vec<String>,
    /// Globs over prompt names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) prompts: Vec<String>,
    /// Globs over resource URIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    /// Globs over methods, such as `tools/call`; all where left out. A rule without tools, prompts
    /// and resources is about its methods, whatever they act on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) methods: Vec<String>,
    /// What to mask in calls that this rule allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redact: Option<Redact>,
}

fn some_capability(schema: &mut schemars::Schema) {
    let one_of = json_schema!({
        "anyOf": [
            {"required": ["tools"]},
            {"required": ["prompts"]},
            {"required": ["resources"]},
            {"required": ["methods"]}
        ]
    });
    if let Some(alternatives) = one_of.get("anyOf") {
        schema.insert("anyOf".to_owned(), alternatives.clone());
    }
}

/// What a rule does where it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// Whom a rule is about.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct Subjects {
    /// Exact user ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) users: Vec<String>,
    /// Exact group names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<String>,
    /// Everyone with a valid token.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) authenticated: bool,
    /// Everyone, with a token or without.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) anyone: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// What to mask, and where.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redact {
    /// What to look for.
    #[schemars(length(min = 1))]
    pub(crate) detectors: Vec<Detector>,
    /// Mask in what goes to the server.
    #[serde(default = "yes")]
    arguments: bool,
    /// Mask in what comes back from it.
    #[serde(default = "yes")]
    results: bool,
}

fn yes() -> bool {
    true
}

/// Something that can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Detector {
    Email,
    PaymentCard,
    AwsAccessKey,
    GithubToken,
}

impl Detector {
    const ALL: [Self; 4] = [
        Self::Email,
        Self::PaymentCard,
        Self::AwsAccessKey,
        Self::GithubToken,
    ];

    /// Its id.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PaymentCard => "payment_card",
            Self::AwsAccessKey => "aws_access_key",
            Self::GithubToken => "github_token",
        }
    }
}

impl RuleDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Rule {
        let RuleSpec {
            description,
            effect,
            subjects,
            servers,
            tools,
            prompts,
            resources,
            methods,
            redact,
        } = self.spec.clone();
        let Subjects {
            users,
            groups,
            authenticated,
            anyone,
        } = subjects;
        admin::Rule {
            name: self.metadata.name(Kind::Rule, scope).to_string(),
            description: description.unwrap_or_default(),
            effect: effect.to_message().into(),
            subjects: Some(policy::Subjects {
                users,
                groups,
                authenticated,
                anyone,
                ..policy::Subjects::default()
            }),
            servers,
            tools,
            prompts,
            resources,
            methods,
            obligations: redact.map(|redact| policy::Obligations {
                redaction: Some(redact.into_message()),
            }),
            ..admin::Rule::default()
        }
    }
}

impl Effect {
    fn to_message(self) -> policy::Effect {
        match self {
            Self::Allow => policy::Effect::Allow,
            Self::Deny => policy::Effect::Deny,
        }
    }
}

impl Redact {
    fn into_message(self) -> policy::Redaction {
        let Self {
            detectors,
            arguments,
            results,
        } = self;
        let detectors = detectors
            .into_iter()
            .map(|detector| detector.id().to_owned())
            .collect();
        policy::Redaction {
            detectors,
            arguments,
            results,
        }
    }

    fn parse(rule: &str, message: policy::Redaction) -> Result<Self, Unreadable> {
        let policy::Redaction {
            detectors,
            arguments,
            results,
        } = message;
        let known = |id: String| {
            Detector::ALL
                .into_iter()
                .find(|detector| detector.id() == id)
                .ok_or_else(|| Unreadable {
                    name: rule.to_owned(),
                    field: "redact.detectors",
                    found: format!("the unknown `{id}`"),
                })
        };
        let detectors = detectors.into_iter().map(known).collect::<Result<_, _>>()?;
        Ok(Self {
            detectors,
            arguments,
            results,
        })
    }
}

impl TryFrom<admin::Rule> for RuleDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Rule) -> Result<Self, Unreadable> {
        let effect = match message.effect() {
            policy::Effect::Allow => Effect::Allow,
            policy::Effect::Deny => Effect::Deny,
            policy::Effect::Unspecified | policy::Effect::RequireApproval => {
                return Err(Unreadable {
                    name: message.name,
                    field: "effect",
                    found: format!("the unknown value {}", message.effect),
                });
            }
        };
        let admin::Rule {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            effect: _,
            subjects,
            servers,
            tools,
            prompts,
            resources,
            obligations,
            methods,
            ..
        } = message;
        let redaction = obligations.and_then(|obligations| obligations.redaction);
        let policy::Subjects {
            users,
            groups,
            authenticated,
            anyone,
            ..
        } = subjects.unwrap_or_default();
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: RuleKind::Rule,
            metadata: Metadata::parse(&name)?,
            spec: RuleSpec {
                description: unless_empty(description),
                effect,
                subjects: Subjects {
                    users,
                    groups,
                    authenticated,
                    anyone,
                },
                servers,
                tools,
                prompts,
                resources,
                methods,
                redact: redaction
                    .map(|message| Redact::parse(&name, message))
                    .transpose()?,
            },
        })
    }
}
