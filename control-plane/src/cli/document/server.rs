//! `kind: Server`.

mod caller;
mod calling;
mod definition;
mod endpoint;
mod entry;
mod scan;
mod tool;
mod variable;

use std::collections::BTreeMap;

use chancery_proto::admin::v1 as admin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{
    caller::{Audit, Authentication, OnDenied},
    calling::{Dispatcher, ScopeRequirement},
    definition::{ArgumentSchema, Definition, Pinning},
    endpoint::Endpoint,
    entry::{DataClass, Package, Quarantine, Risk, State},
    scan::Scan,
    tool::Tool,
    variable::VariableField,
};
use super::{
    ApiVersion, Id, Unreadable, document, given_or, parse_name, unless_default, unless_empty,
};
use crate::cli::name::{Kind, Name, Scope};

document! {
    /// A registered MCP server.
    #[schemars(title = "Server")]
    ServerDocument of Server: ServerKind, ServerMetadata, ServerSpec
}

/// Names a server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerMetadata {
    /// The server's id, as rules name it.
    name: Id,
    /// The workspace it belongs to; `default` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<Id>,
    /// The organization it belongs to; `default` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<Id>,
}

/// What a server is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ServerSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Who answers for it.
    #[schemars(length(min = 1))]
    owner: String,
    /// How far it is: of a new one, approved where left out; of one that is there, as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    /// Its name in registries: a reverse-DNS namespace, `/` and a name (`com.example/search`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registry_name: Option<String>,
    /// Its release, as registries call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// For people and for what reads the registry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// How sensitive what it gives is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_class: Option<DataClass>,
    /// Where what it gives comes from, such as `salesforce` or `s3://reports`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    data_sources: Vec<String>,
    /// What harm it could do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    risk: Option<Risk>,
    /// What of it may run, where that is known: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    packages: Vec<Package>,
    /// The server.json that it was imported from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_json: Option<serde_json::Map<String, serde_json::Value>>,
    /// Where it is reached through Envoy.
    #[schemars(length(min = 1))]
    endpoints: Vec<Endpoint>,
    /// Whether it may be called without a token.
    #[serde(default)]
    authentication: Authentication,
    /// What a caller learns of a capability that no rule could allow it.
    #[serde(default)]
    on_denied: OnDenied,
    /// When calls of its tools go on, where no rule that allows them says so: at once, or only once
    /// the decision is durable. By review, as where left out: where it is pinned, all but those of
    /// tools that are approved with `readOnlyHint: true` wait.
    #[serde(default, skip_serializing_if = "Audit::is_by_review")]
    audit: Audit,
    /// Web origins whose pages may call it, beside its own hosts: `https://app.example.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origins: Vec<String>,
    /// The environment it belongs to, such as `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    /// Tools that call other tools, which are judged as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dispatchers: Vec<Dispatcher>,
    /// OAuth scopes that calls need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<ScopeRequirement>,
    /// Whether only what is written here of what it offers may be seen and used.
    #[serde(default, skip_serializing_if = "Pinning::is_off")]
    pinning: Pinning,
    /// When something that is not as it was approved is blocked for everybody: once two principals or a
    /// scan have seen it, or at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantine: Option<Quarantine>,
    /// What it offers, where that is known beforehand. Where it is pinned, one tool may have several
    /// definitions: each is approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool>,
    /// Its prompts, as in prompts/list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prompts: Vec<Definition>,
    /// Its resources, as in resources/list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Definition>,
    /// Its resource templates, as in resources/templates/list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resource_templates: Vec<Definition>,
    /// What it may give as `instructions`; nothing, where it is pinned and this is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    instructions: Vec<String>,
    /// What it may say it is; anything where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    server_infos: Vec<Definition>,
    /// Where and how often the control plane looks at what it offers, where it is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scan: Option<Scan>,
    /// What the arguments of its tools must fit beyond what their definitions say, where it is pinned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    argument_schemas: Vec<ArgumentSchema>,
    /// Fields of approved definitions that may be any text of a pattern, where it is pinned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    variable_fields: Vec<VariableField>,
}

impl ServerMetadata {
    pub(super) fn name(&self, kind: Kind, scope: &Scope) -> Name {
        Name {
            kind,
            organization: given_or(self.organization.as_ref(), &scope.organization),
            workspace: Some(given_or(self.workspace.as_ref(), &scope.workspace)),
            id: self.name.0.clone(),
        }
    }
}

impl ServerDocument {
    #[expect(
        clippy::too_many_lines,
        reason = "each field once, so that none is forgotten"
    )]
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Server {
        let ServerSpec {
            display_name,
            description,
            owner,
            state,
            registry_name,
            version,
            labels,
            data_class,
            data_sources,
            risk,
            packages,
            server_json,
            endpoints,
            authentication,
            on_denied,
            audit,
            origins,
            environment,
            dispatchers,
            scopes,
            pinning,
            quarantine,
            tools,
            prompts,
            resources,
            resource_templates,
            instructions,
            server_infos,
            scan,
            argument_schemas,
            variable_fields,
        } = self.spec.clone();
        let all = |definitions: Vec<Definition>, key: &str| {
            let definitions = definitions.into_iter();
            definitions.map(|it| it.into_message(key)).collect()
        };
        let endpoints = endpoints.into_iter().map(Endpoint::into_message);
        let dispatchers = dispatchers.into_iter().map(Dispatcher::into_message);
        let scopes = scopes.into_iter().map(ScopeRequirement::into_message);
        admin::Server {
            name: self.metadata.name(Kind::Server, scope).to_string(),
            etag: String::new(),
            create_time: None,
            update_time: None,
            display_name: display_name.unwrap_or_default(),
            owner,
            endpoints: endpoints.collect(),
            authentication: authentication.to_message().into(),
            on_denied: on_denied.to_message().into(),
            audit: audit.to_message().into(),
            tools: tools.iter().map(Tool::to_message).collect(),
            origins,
            environment: environment.unwrap_or_default(),
            dispatchers: dispatchers.collect(),
            scopes: scopes.collect(),
            pinning: pinning.to_message().into(),
            prompts: all(prompts, "name"),
            resources: all(resources, "uri"),
            resource_templates: all(resource_templates, "uriTemplate"),
            instructions,
            server_infos: server_infos
                .into_iter()
                .map(Definition::into_text)
                .collect(),
            quarantine_after: quarantine.map_or(0, |after| after.to_message().into()),
            state: state.map_or(0, |state| state.to_message().into()),
            state_changes: Vec::new(),
            labels,
            data_class: data_class.map_or(0, |class| class.to_message().into()),
            data_sources,
            risk: risk.map_or(0, |risk| risk.to_message().into()),
            packages: packages.into_iter().map(Package::into_message).collect(),
            registry_name: registry_name.unwrap_or_default(),
            description: description.unwrap_or_default(),
            version: version.unwrap_or_default(),
            server_json: server_json
                .map(|json| serde_json::Value::Object(json).to_string())
                .unwrap_or_default(),
            scan: scan.map(Scan::into_message),
            argument_schemas: argument_schemas
                .into_iter()
                .map(ArgumentSchema::into_message)
                .collect(),
            variable_fields: variable_fields
                .into_iter()
                .map(VariableField::into_message)
                .collect(),
        }
    }
}

impl TryFrom<admin::Server> for ServerDocument {
    type Error = Unreadable;

    #[expect(
        clippy::too_many_lines,
        reason = "each field once, so that none is forgotten"
    )]
    fn try_from(message: admin::Server) -> Result<Self, Unreadable> {
        let authentication = Authentication::try_from_message(&message)?;
        let on_denied = OnDenied::try_from_message(&message)?;
        let audit = Audit::parse(&message)?;
        let pinning = Pinning::try_from_message(&message)?;
        let state = State::parse(&message)?;
        let data_class = DataClass::parse(&message)?;
        let risk = Risk::parse(&message)?;
        let quarantine = Quarantine::parse(&message)?;
        let admin::Server {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            display_name,
            owner,
            endpoints,
            authentication: _,
            on_denied: _,
            tools,
            origins,
            environment,
            dispatchers,
            scopes,
            pinning: _,
            prompts,
            resources,
            resource_templates,
            instructions,
            server_infos,
            quarantine_after: _,
            state: _,
            state_changes: _,
            labels,
            data_class: _,
            data_sources,
            risk: _,
            packages,
            registry_name,
            description,
            version,
            server_json,
            scan,
            argument_schemas,
            variable_fields,
            audit: _,
        } = message;
        let tools = tools
            .into_iter()
            .map(|tool| Tool::parse(&name, tool))
            .collect::<Result<_, _>>();
        let Name {
            kind: _,
            organization,
            workspace,
            id,
        } = parse_name(&name)?;
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: ServerKind::Server,
            metadata: ServerMetadata {
                name: Id(id),
                workspace: workspace.and_then(unless_default),
                organization: unless_default(organization),
            },
            spec: ServerSpec {
                display_name: unless_empty(display_name),
                description: unless_empty(description),
                owner,
                state,
                registry_name: unless_empty(registry_name),
                version: unless_empty(version),
                labels,
                data_class,
                data_sources,
                risk,
                packages: packages.into_iter().map(Package::from).collect(),
                server_json: server_json_of(&name, &server_json)?,
                endpoints: endpoints.into_iter().map(Endpoint::from).collect(),
                authentication,
                on_denied,
                audit,
                origins,
                environment: unless_empty(environment),
                dispatchers: dispatchers.into_iter().map(Dispatcher::from).collect(),
                scopes: scopes.into_iter().map(ScopeRequirement::from).collect(),
                pinning,
                quarantine,
                tools: tools?,
                prompts: Definition::parse_all(&name, "prompts", &prompts)?,
                resources: Definition::parse_all(&name, "resources", &resources)?,
                resource_templates: Definition::parse_all(
                    &name,
                    "resource_templates",
                    &resource_templates,
                )?,
                instructions,
                server_infos: Definition::parse_texts(&name, "server_infos", &server_infos)?,
                scan: scan.map(Scan::from),
                argument_schemas: argument_schemas
                    .into_iter()
                    .map(|asked| ArgumentSchema::parse(&name, asked))
                    .collect::<Result<_, _>>()?,
                variable_fields: variable_fields
                    .into_iter()
                    .map(|field| VariableField::parse(&name, field))
                    .collect::<Result<_, _>>()?,
            },
        })
    }
}

fn server_json_of(
    name: &str,
    text: &str,
) -> Result<Option<serde_json::Map<String, serde_json::Value>>, Unreadable> {
    if text.is_empty() {
        return Ok(None);
    }
    let json = serde_json::from_str(text).map_err(|error| Unreadable {
        name: name.to_owned(),
        field: "server_json",
        found: format!("not JSON ({error})"),
    })?;
    Ok(Some(json))
}
