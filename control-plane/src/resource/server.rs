//! Servers as filters get them.

use chancery_engine::{approved::Approved, server::Server as EngineServer, wire::Invalid};
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use url::Url;

use super::{invalid, json_schema, name, output_schema, pins, write_ahead};

/// Shortest that a scan may follow another.
const MIN_SCAN_SECONDS: i64 = 1;

/// Longest that scans may be apart: what they find is no news after a day.
const MAX_SCAN_SECONDS: i64 = 24 * 60 * 60;

/// What a filter gets of a server. Its credential is another resource's business.
pub(super) fn to_policy(server: &admin::Server) -> Result<policy::Server, Invalid> {
    let message = policy_server(server)?;
    EngineServer::try_from(message.clone())?;
    Ok(message)
}

/// What of a server people have approved, as filters compare it. `None` where that is not asked.
pub(crate) fn approved(server: &admin::Server) -> Result<Option<Approved>, Invalid> {
    Ok(EngineServer::try_from(policy_server(server)?)?.approved)
}

#[expect(
    clippy::too_many_lines,
    reason = "each field once, so that none is forgotten"
)]
fn policy_server(server: &admin::Server) -> Result<policy::Server, Invalid> {
    let admin::Server {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        display_name: _,
        owner: _,
        endpoints,
        authentication,
        on_denied,
        tools,
        origins,
        environment,
        dispatchers,
        scopes,
        // `pins` and `json_schema` read these.
        pinning: _,
        prompts,
        resources,
        resource_templates,
        instructions: _,
        server_infos: _,
        state,
        // For people and registries; `entry` checks these.
        state_changes: _,
        labels: _,
        data_class: _,
        data_sources,
        risk: _,
        packages: _,
        registry_name: _,
        description: _,
        version: _,
        server_json: _,
        // Only the control plane counts sightings.
        quarantine_after: _,
        // Filters have nothing to do with scans.
        scan,
        argument_schemas: _,
        variable_fields: _,
        audit: _,
    } = server;
    for (position, tool) in tools.iter().enumerate() {
        check_definition("name", &tool.name, &tool.definition).map_err(|(found, expected)| {
            invalid(format!("tools[{position}].definition"), found, expected)
        })?;
    }
    check_each("prompts", "name", prompts)?;
    check_each("resources", "uri", resources)?;
    check_each("resource_templates", "uriTemplate", resource_templates)?;
    let pins = pins::of(server)?;
    let schemas = json_schema::of(server)?;
    let (write_ahead, standard_tools) = write_ahead::of(server)?;
    check_workspaces(endpoints)?;
    check_scan(scan.as_ref())?;
    let authentication = match policy::Authentication::try_from(*authentication) {
        Ok(policy::Authentication::Unspecified) => policy::Authentication::Required.into(),
        Ok(_) | Err(_) => *authentication,
    };
    let on_denied = match policy::OnDenied::try_from(*on_denied) {
        Ok(policy::OnDenied::Unspecified) => policy::OnDenied::Reveal.into(),
        Ok(_) | Err(_) => *on_denied,
    };
    Ok(policy::Server {
        name: name.clone(),
        endpoints: endpoints.clone(),
        authentication,
        on_denied,
        origins: origins.clone(),
        environment: environment.clone(),
        dispatchers: dispatchers.clone(),
        tool_schemas: tool_schemas(tools),
        scopes: scopes.clone(),
        upstream: None,
        pins,
        state: *state,
        input_schemas: schemas.inputs,
        output_schemas: schemas.outputs,
        write_ahead,
        standard_tools,
        data_sources: data_sources.clone(),
    })
}

/// What the structured content of tools must still fit once it is redacted. Of a tool that is there
/// twice, the first definition counts.
fn tool_schemas(tools: &[admin::ToolDefinition]) -> Vec<policy::ToolSchema> {
    let mut schemas: Vec<policy::ToolSchema> = Vec::new();
    for tool in tools {
        let definition = serde_json::from_str::<serde_json::Value>(&tool.definition).ok();
        let schema = definition.as_ref().and_then(|it| it.get("outputSchema"));
        let is_new = schemas.iter().all(|known| known.tool != tool.name);
        schemas.extend(
            schema
                .filter(|_| is_new)
                .and_then(|schema| output_schema::compile(&tool.name, schema)),
        );
    }
    schemas
}

fn check_each(field: &str, key: &str, definitions: &[admin::Definition]) -> Result<(), Invalid> {
    for (position, it) in definitions.iter().enumerate() {
        check_definition(key, &it.name, &it.definition).map_err(|(found, expected)| {
            invalid(format!("{field}[{position}].definition"), found, expected)
        })?;
    }
    Ok(())
}

/// A definition is an object that is told apart by `key`.
fn check_definition(key: &str, name: &str, definition: &str) -> Result<(), (String, String)> {
    let value: serde_json::Value = serde_json::from_str(definition).map_err(|error| {
        let expected = "a definition as in the list that it stands in";
        (format!("no JSON: {error}"), expected.to_owned())
    })?;
    let found = value.get(key).and_then(serde_json::Value::as_str);
    if found == Some(name) && !name.is_empty() {
        return Ok(());
    }
    let expected = format!("an object whose `{key}` is what it is told apart by, `{name}`");
    Err((format!("{key} {found:?}"), expected))
}

/// The workspaces that a server's endpoints and their audiences say calls belong to.
pub fn workspaces_of_calls(server: &admin::Server) -> impl Iterator<Item = &str> {
    let named = server.endpoints.iter().flat_map(|endpoint| {
        let of_audiences = endpoint.audiences.iter().map(|it| &*it.workspace);
        std::iter::once(&*endpoint.workspace).chain(of_audiences)
    });
    named.filter(|workspace| !workspace.is_empty())
}

fn check_scan(scan: Option<&admin::Scan>) -> Result<(), Invalid> {
    let Some(admin::Scan { url, interval, .. }) = scan else {
        return Ok(());
    };
    if !url.is_empty() && Url::parse(url).is_err() {
        let expected = "the URL of its MCP endpoint, as the control plane reaches it";
        return Err(invalid("scan.url", format!("`{url}`"), expected));
    }
    let Some(interval) = interval else {
        return Ok(());
    };
    if interval.nanos != 0 || !(MIN_SCAN_SECONDS..=MAX_SCAN_SECONDS).contains(&interval.seconds) {
        let expected = format!("{MIN_SCAN_SECONDS} to {MAX_SCAN_SECONDS} whole seconds");
        return Err(invalid("scan.interval", format!("`{interval}`"), expected));
    }
    Ok(())
}

fn check_workspaces(endpoints: &[policy::Endpoint]) -> Result<(), Invalid> {
    for (position, endpoint) in endpoints.iter().enumerate() {
        let field = format!("endpoints[{position}]");
        name::check_workspace(&format!("{field}.workspace"), &endpoint.workspace)?;
        for (at, audience) in endpoint.audiences.iter().enumerate() {
            let field = format!("{field}.audiences[{at}].workspace");
            name::check_workspace(&field, &audience.workspace)?;
        }
    }
    Ok(())
}
