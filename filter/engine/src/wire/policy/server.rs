//! Registered servers and where they are reached.

use std::sync::Arc;

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    dispatcher::dispatchers as dispatchers_of,
    each, globs, is_id,
    json_schema::schemas as schemas_of,
    named,
    pins::approved,
    rule::methods_of,
    schema::tool_schemas as tool_schemas_of,
};
use crate::{
    audit::CallAudit,
    name::organization_of,
    scope::{ScopeRequirement, is_scope},
    server::{
        Audience, Authentication, Endpoint, OnDenied, ResourceUrl, Server, ServerState, Upstream,
        is_host, normalise,
    },
};

impl TryFrom<pb::Server> for Server {
    type Error = Invalid;

    fn try_from(message: pb::Server) -> Result<Self, Invalid> {
        let pb::Server {
            name,
            endpoints,
            authentication,
            on_denied,
            origins,
            environment,
            dispatchers,
            scopes,
            upstream,
            tool_schemas,
            pins,
            state,
            input_schemas,
            output_schemas,
            write_ahead,
            standard_tools,
            data_sources,
        } = message;
        let name = named(name, ["organizations", "workspaces", "servers"])?;
        if endpoints.is_empty() {
            return Err(Invalid::new("endpoints", "none", "at least one endpoint"));
        }
        let authentication = match pb::Authentication::try_from(authentication) {
            Ok(pb::Authentication::Required) => Authentication::Required,
            Ok(pb::Authentication::Optional) => Authentication::Optional,
            Ok(pb::Authentication::Unspecified) | Err(_) => {
                return Err(Invalid::new(
                    "authentication",
                    authentication,
                    "`required` or `optional`",
                ));
            }
        };
        let on_denied = match pb::OnDenied::try_from(on_denied) {
            Ok(pb::OnDenied::Reveal) => OnDenied::Reveal,
            Ok(pb::OnDenied::Hide) => OnDenied::Hide,
            Ok(pb::OnDenied::Unspecified) | Err(_) => {
                return Err(Invalid::new("on_denied", on_denied, "`reveal` or `hide`"));
            }
        };
        let upstream = upstream.map(|upstream| called_as(&name, upstream));
        let upstream = upstream.transpose()?;
        let workspace = name.split('/').nth(3).unwrap_or_default();
        let endpoints = each("endpoints", endpoints, |message| {
            endpoint(message, workspace)
        })?;
        Ok(Self {
            name,
            endpoints,
            authentication,
            on_denied,
            origins: each("origins", origins, origin)?,
            scopes: each("scopes", scopes, ScopeRequirement::try_from)?,
            environment: environment_of(environment)?,
            dispatchers: dispatchers_of(dispatchers)?,
            tool_schemas: tool_schemas_of(tool_schemas)?,
            upstream,
            approved: pins.map(approved).transpose()?,
            state: state_of(state)?,
            schemas: schemas_of(input_schemas, output_schemas)?.map(Arc::new),
            audit: audit_of(write_ahead, standard_tools)?,
            data_sources: data_sources.into_iter().map(Box::from).collect(),
        })
    }
}

fn audit_of(write_ahead: bool, standard_tools: Vec<String>) -> Result<CallAudit, Invalid> {
    if !write_ahead {
        return Ok(CallAudit::Standard);
    }
    let but: Box<[Box<str>]> = standard_tools.into_iter().map(Box::from).collect();
    match but.array_windows().find(|[tool, next]| tool >= next) {
        None => Ok(CallAudit::WriteAhead { but }),
        Some([_, next]) => {
            let expected = "tools in the order of their names' bytes, each once";
            Err(Invalid::new("standard_tools", shown(next), expected))
        }
    }
}

/// Those of a control plane that knows no states are approved.
fn state_of(state: i32) -> Result<ServerState, Invalid> {
    match pb::ServerState::try_from(state) {
        Ok(pb::ServerState::Unspecified | pb::ServerState::Approved) => Ok(ServerState::Approved),
        Ok(pb::ServerState::Proposed) => Ok(ServerState::Proposed),
        Ok(pb::ServerState::Suspended) => Ok(ServerState::Suspended),
        Ok(pb::ServerState::Retired) => Ok(ServerState::Retired),
        Err(_) => {
            let expected = "`approved`, `proposed`, `suspended` or `retired`";
            Err(Invalid::new("state", state, expected))
        }
    }
}

/// A credential is of the server's own organization.
fn called_as(server: &str, upstream: pb::Upstream) -> Result<Upstream, Invalid> {
    let upstream = Upstream::try_from(upstream).map_err(|error| error.within("upstream"))?;
    let organization = organization_of(server);
    let collection = format!("{organization}/credentials/");
    if upstream.credential.starts_with(&collection) {
        return Ok(upstream);
    }
    let expected = format!("`{collection}ID`");
    let field = "upstream.credential";
    Err(Invalid::new(field, shown(&upstream.credential), expected))
}

fn environment_of(name: String) -> Result<Option<Box<str>>, Invalid> {
    if name.is_empty() {
        return Ok(None);
    }
    if is_id(&name) {
        return Ok(Some(name.into()));
    }
    let expected = "an environment of 1 to 63 of `a-z`, `0-9`, `-`, or nothing";
    Err(Invalid::new("environment", shown(&name), expected))
}

/// An origin as browsers send it (RFC 6454 section 6.1).
fn origin(text: String) -> Result<Box<str>, Invalid> {
    let place = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_host =
        |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"/?#@\\*".contains(&b);
    if place.is_some_and(|place| !place.is_empty() && place.bytes().all(is_host)) {
        return Ok(text.into());
    }
    let expected =
        "`https://` or `http://` and a lower-case host, with `:port` where it is not the default";
    Err(Invalid::new("", shown(&text), expected))
}

/// A place of a server that is registered in `own_workspace`.
fn endpoint(message: pb::Endpoint, own_workspace: &str) -> Result<Endpoint, Invalid> {
    let pb::Endpoint {
        cluster,
        host,
        path,
        workspace,
        audiences,
        resource,
    } = message;
    if cluster.is_empty() {
        return Err(Invalid::new(
            "cluster",
            "nothing",
            "the name of an Envoy cluster",
        ));
    }
    match normalise(&host, &path) {
        Some((_, normal)) if normal == path => {}
        Some(_) | None => {
            let expected = "an absolute path without query, `//`, `.`, `..` or escapes of them";
            return Err(Invalid::new("path", shown(&path), expected));
        }
    }
    if !is_host(&host) {
        let expected = "a lower-case host, with `:port` where clients dial one, or nothing for any";
        return Err(Invalid::new("host", shown(&host), expected));
    }
    let resource = if resource.is_empty() {
        None
    } else {
        let expected = "an absolute URL of `https` or `http` without query and fragment";
        let url = ResourceUrl::parse(&resource);
        Some(url.ok_or_else(|| Invalid::new("resource", shown(&resource), expected))?)
    };
    Ok(Endpoint {
        path: path.into(),
        host: Some(host).filter(|host| !host.is_empty()).map(Box::from),
        cluster: cluster.into(),
        workspace: workspace_id(workspace)?.unwrap_or_else(|| own_workspace.into()),
        audiences: each("audiences", audiences, Audience::try_from)?,
        resource,
    })
}

/// The id of a workspace, if one is named.
fn workspace_id(id: String) -> Result<Option<Box<str>>, Invalid> {
    match &*id {
        "" => Ok(None),
        text if is_id(text) => Ok(Some(id.into())),
        text => {
            let expected = "the id of a workspace, 1 to 63 of `a-z`, `0-9`, `-`";
            Err(Invalid::new("workspace", shown(text), expected))
        }
    }
}

impl TryFrom<pb::Audience> for Audience {
    type Error = Invalid;

    fn try_from(message: pb::Audience) -> Result<Self, Invalid> {
        let pb::Audience { value, workspace } = message;
        if value.is_empty() {
            return Err(Invalid::new("value", "nothing", "the exact `aud`"));
        }
        Ok(Self {
            value: value.into(),
            workspace: workspace_id(workspace)?,
        })
    }
}

impl TryFrom<pb::ScopeRequirement> for ScopeRequirement {
    type Error = Invalid;

    fn try_from(message: pb::ScopeRequirement) -> Result<Self, Invalid> {
        let pb::ScopeRequirement {
            scopes,
            tools,
            methods,
        } = message;
        if scopes.is_empty() {
            return Err(Invalid::new("scopes", "none", "at least one scope"));
        }
        let scope = |scope: String| {
            let expected = "one scope, without spaces, quotes and backslashes";
            let invalid = Invalid::new("", shown(&scope), expected);
            Some(scope)
                .filter(|scope| is_scope(scope))
                .map(Box::from)
                .ok_or(invalid)
        };
        let names_tools = !tools.is_empty();
        Ok(Self {
            scopes: each("scopes", scopes, scope)?,
            tools: globs("tools", tools)?,
            methods: methods_of(methods, names_tools)?,
        })
    }
}
