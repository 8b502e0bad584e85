//! `kind: Rule`.

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    ApiVersion, Id, Unreadable, condition::Condition, document, given_or, parse_name,
    subjects::Subjects, time::Moment, unknown, unless_default, unless_empty,
};
use crate::cli::name::{Kind, Name, Scope};

document! {
    /// Who may use what. Deny wins over allow; nothing matched is a deny.
    #[schemars(title = "Rule")]
    RuleDocument of Rule: RuleKind, RuleMetadata, RuleSpec
}

/// Names a rule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleMetadata {
    /// The rule's id.
    name: Id,
    /// The workspace whose calls it is about; every one where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<Id>,
    /// The organization it belongs to; `default` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<Id>,
}

impl RuleMetadata {
    pub(super) fn name(&self, kind: Kind, scope: &Scope) -> Name {
        Name {
            kind,
            organization: given_or(self.organization.as_ref(), &scope.organization),
            workspace: self.workspace.as_ref().map(|id| id.0.clone()),
            id: self.name.0.clone(),
        }
    }

    fn parse(name: &str) -> Result<Self, Unreadable> {
        let Name {
            kind: _,
            organization,
            workspace,
            id,
        } = parse_name(name)?;
        Ok(Self {
            name: Id(id),
            workspace: workspace.map(Id),
            organization: unless_default(organization),
        })
    }
}

/// What a rule says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = some_capability)]
struct RuleSpec {
    /// For people: why the rule is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// What the rule does where it matches.
    effect: Effect,
    /// Whom the rule is about: the union of its members.
    subjects: Subjects,
    /// Globs (`*`, `?`) over server ids; one without either must name a server that exists.
    #[schemars(length(min = 1))]
    servers: Vec<String>,
    /// Globs over tool names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tools: Vec<String>,
    /// Globs over prompt names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prompts: Vec<String>,
    /// Globs over resource URIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<String>,
    /// Globs over methods, such as `tools/call`; all where left out. A rule without tools, prompts
    /// and resources is about its methods, whatever they act on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    /// Globs over environments of servers; all where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    environments: Vec<String>,
    /// Globs over agent ids: only calls through these; through any agent or none where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    agents: Vec<String>,
    /// Conditions on the arguments, all of which must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    when: Vec<Condition>,
    /// CIDR ranges that the caller's address must be in; any where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    source_ranges: Vec<String>,
    /// When the rule stops to apply; never where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Moment>,
    /// Whether the rule is enforced. One in shadow is evaluated and recorded, and changes nothing.
    #[serde(default, skip_serializing_if = "is_enforced")]
    mode: Mode,
    /// For people: when it should be looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review_by: Option<Moment>,
    /// For people: who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Ids of `kind: RedactionProfile` documents, by all of which calls that this rule allows are
    /// redacted. `default` is always there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    redact: Vec<String>,
    /// Ids of detectors, or `personal`, `secrets` or `all`, whose tokens are opened in the arguments of
    /// calls that this rule allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reveal: Vec<String>,
    /// When what this rule allows goes on: at once, or only once its decision is durable. Of the rules
    /// that allow a call the strictest counts; where none says it, what the server's `audit` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audit: Option<Audit>,
    /// Whether calls that this rule allows are refused without the prompt behind them:
    /// `chancery.dev/prompt` in their `_meta`, or `chancery.prompt` in W3C `baggage`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    require_prompt: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_enforced(mode: &Mode) -> bool {
    *mode == Mode::Enforce
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
enum Effect {
    Allow,
    Deny,
    // Not supported yet, says the control plane.
    RequireApproval,
}

/// When what a rule allows goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Audit {
    Standard,
    WriteAhead,
}

/// Whether a rule is enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Mode {
    #[default]
    Enforce,
    Shadow,
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
            environments,
            agents,
            when,
            source_ranges,
            expires,
            mode,
            review_by,
            owner,
            redact,
            reveal,
            audit,
            require_prompt,
        } = self.spec.clone();
        let obligations = policy::Obligations { redact, reveal };
        admin::Rule {
            name: self.metadata.name(Kind::Rule, scope).to_string(),
            etag: String::new(),
            create_time: None,
            update_time: None,
            description: description.unwrap_or_default(),
            effect: effect.to_message().into(),
            subjects: Some(subjects.into_message()),
            servers,
            tools,
            prompts,
            resources,
            methods,
            obligations: (obligations != policy::Obligations::default()).then_some(obligations),
            environments,
            agents,
            when: when.into_iter().map(Condition::into_message).collect(),
            source_ranges,
            expire_time: expires.map(|time| time.0),
            mode: mode.to_message().into(),
            review_time: review_by.map(|time| time.0),
            owner: owner.unwrap_or_default(),
            audit: audit.map_or(0, |audit| audit.to_message().into()),
            require_prompt,
        }
    }
}

impl Audit {
    fn to_message(self) -> policy::AuditLevel {
        match self {
            Self::Standard => policy::AuditLevel::Standard,
            Self::WriteAhead => policy::AuditLevel::WriteAhead,
        }
    }

    fn parse(rule: &str, number: i32) -> Result<Option<Self>, Unreadable> {
        match policy::AuditLevel::try_from(number) {
            Ok(policy::AuditLevel::Unspecified) => Ok(None),
            Ok(policy::AuditLevel::Standard) => Ok(Some(Self::Standard)),
            Ok(policy::AuditLevel::WriteAhead) => Ok(Some(Self::WriteAhead)),
            Err(_) => Err(unknown(rule, "audit", number)),
        }
    }
}

impl Mode {
    fn to_message(self) -> policy::RuleMode {
        match self {
            Self::Enforce => policy::RuleMode::Enforce,
            Self::Shadow => policy::RuleMode::Shadow,
        }
    }

    fn parse(rule: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::RuleMode::try_from(number) {
            Ok(policy::RuleMode::Unspecified | policy::RuleMode::Enforce) => Ok(Self::Enforce),
            Ok(policy::RuleMode::Shadow) => Ok(Self::Shadow),
            Err(_) => Err(unknown(rule, "mode", number)),
        }
    }
}

impl Effect {
    fn to_message(self) -> policy::Effect {
        match self {
            Self::Allow => policy::Effect::Allow,
            Self::Deny => policy::Effect::Deny,
            Self::RequireApproval => policy::Effect::RequireApproval,
        }
    }

    fn parse(rule: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::Effect::try_from(number) {
            Ok(policy::Effect::Allow) => Ok(Self::Allow),
            Ok(policy::Effect::Deny) => Ok(Self::Deny),
            Ok(policy::Effect::RequireApproval) => Ok(Self::RequireApproval),
            Ok(policy::Effect::Unspecified) | Err(_) => Err(unknown(rule, "effect", number)),
        }
    }
}

impl TryFrom<admin::Rule> for RuleDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Rule) -> Result<Self, Unreadable> {
        let admin::Rule {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            effect,
            subjects,
            servers,
            tools,
            prompts,
            resources,
            obligations,
            methods,
            environments,
            agents,
            when,
            source_ranges,
            expire_time,
            mode,
            review_time,
            owner,
            audit,
            require_prompt,
        } = message;
        let policy::Obligations { redact, reveal } = obligations.unwrap_or_default();
        let when = when
            .into_iter()
            .map(|condition| Condition::parse(&name, condition));
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: RuleKind::Rule,
            metadata: RuleMetadata::parse(&name)?,
            spec: RuleSpec {
                description: unless_empty(description),
                effect: Effect::parse(&name, effect)?,
                subjects: subjects.unwrap_or_default().into(),
                servers,
                tools,
                prompts,
                resources,
                methods,
                environments,
                agents,
                when: when.collect::<Result<_, _>>()?,
                source_ranges,
                expires: expire_time.map(Moment),
                mode: Mode::parse(&name, mode)?,
                review_by: review_time.map(Moment),
                owner: unless_empty(owner),
                redact,
                reveal,
                audit: Audit::parse(&name, audit)?,
                require_prompt,
            },
        })
    }
}
