use chancery_proto::{admin::v1::Server, policy::v1::Endpoint};
use serde_json::{Value, json};

use super::{NO_VERSION, SCHEMA, export, import};

/// Schema 2025-12-11, with everything that an entry has a field for, and more.
fn today() -> Value {
    json!({
        "$schema": SCHEMA,
        "name": "io.github.example/weather-mcp",
        "title": "Weather",
        "description": "Forecasts and warnings",
        "version": "1.4.2",
        "repository": {"url": "https://github.com/example/weather", "source": "github", "id": "b94b5f7e"},
        "websiteUrl": "https://weather.example",
        "icons": [{"src": "https://weather.example/icon.png", "mimeType": "image/png", "sizes": ["48x48"]}],
        "packages": [
            {
                "registryType": "npm",
                "registryBaseUrl": "https://registry.npmjs.org",
                "identifier": "@example/weather-mcp",
                "version": "1.4.2",
                "runtimeHint": "npx",
                "transport": {"type": "stdio"},
                "environmentVariables": [{"name": "API_KEY", "isRequired": true, "isSecret": true}]
            },
            {
                "registryType": "oci",
                "identifier": "ghcr.io:443/example/weather:1.4.2",
                "transport": {"type": "streamable-http", "url": "http://localhost:8080/mcp"}
            },
            {
                "registryType": "mcpb",
                "identifier": "https://github.com/example/weather/releases/download/v1.4.2/weather.mcpb",
                "fileSha256": "fe333e598595000ae021bd27117db32ec69af6987f507ba7a63c90638ff633ce",
                "transport": {"type": "stdio"}
            }
        ],
        "remotes": [{"type": "streamable-http", "url": "https://mcp.weather.example/mcp"}],
        "_meta": {"io.modelcontextprotocol.registry/publisher-provided": {"build_tool": {"is_secret": 1}}},
        "futureField": {"kept": [1, 2.5, null]}
    })
}

/// 2025-07-09, in the envelope of the API of that time.
fn before() -> Value {
    json!({
        "server": {
            "name": "io.github.example/files",
            "description": "Reads files",
            "status": "active",
            "repository": {"url": "https://github.com/example/files", "source": "github"},
            "version_detail": {"version": "0.3.0"},
            "website_url": "https://files.example",
            "packages": [{
                "registry_name": "npm",
                "name": "@example/files",
                "version": "0.3.0",
                "runtime_hint": "npx",
                "package_arguments": [{
                    "type": "positional", "value_hint": "folder", "is_required": true,
                    "variables": {"website_url": {"is_secret": true}}
                }],
                "environment_variables": [{"name": "LOG_LEVEL", "is_secret": false}],
                "later_field": true
            }],
            "remotes": [
                {"transport_type": "sse", "url": "https://files.example/sse"},
                {"transport_type": "streamable", "url": "https://files.example:8443/mcp"}
            ]
        },
        "_meta": {"io.modelcontextprotocol.registry/official": {"isLatest": true}}
    })
}

fn imported(document: &Value) -> Server {
    import(&document.to_string()).unwrap().server
}

#[test]
fn a_document_of_today_is_read_and_written_without_loss() {
    let document = today();
    let server = imported(&document);
    assert_eq!(server.name, "weather-mcp");
    assert_eq!(server.registry_name, "io.github.example/weather-mcp");
    assert_eq!(server.display_name, "Weather");
    assert_eq!(server.version, "1.4.2");
    assert_eq!(server.state().as_str_name(), "SERVER_STATE_PROPOSED");
    let packages = server.packages.iter();
    let packages: Vec<_> = packages
        .map(|it| [&*it.registry_type, &it.identifier, &it.version, &it.digest])
        .collect();
    let digest = "sha256:fe333e598595000ae021bd27117db32ec69af6987f507ba7a63c90638ff633ce";
    let mcpb = "https://github.com/example/weather/releases/download/v1.4.2/weather.mcpb";
    let expected = [
        ["npm", "@example/weather-mcp", "1.4.2", ""],
        ["oci", "ghcr.io:443/example/weather", "1.4.2", ""],
        ["mcpb", mcpb, "", digest],
    ];
    assert_eq!(packages, expected);
    let endpoint = Endpoint {
        host: "mcp.weather.example".to_owned(),
        path: "/mcp".to_owned(),
        ..Endpoint::default()
    };
    assert_eq!(server.endpoints, [endpoint]);
    assert_eq!(Value::Object(export(&server).unwrap()), document);
}

#[test]
fn an_older_document_is_written_with_the_keys_of_today() {
    let read = import(&before().to_string()).unwrap();
    let server = read.server;
    assert_eq!(server.version, "0.3.0");
    assert_eq!(server.packages[0].identifier, "@example/files");
    assert_eq!(server.endpoints.len(), 1);
    assert_eq!(server.endpoints[0].host, "files.example:8443");
    assert!(
        read.notes[0].contains("`/server/remotes/0`"),
        "{:?}",
        read.notes
    );
    let written = json!({
        "name": "io.github.example/files",
        "description": "Reads files",
        "status": "active",
        "repository": {"url": "https://github.com/example/files", "source": "github"},
        "websiteUrl": "https://files.example",
        "packages": [{
            "registryType": "npm",
            "version": "0.3.0",
            "runtimeHint": "npx",
            "packageArguments": [{
                "type": "positional", "valueHint": "folder", "isRequired": true,
                "variables": {"website_url": {"isSecret": true}}
            }],
            "environmentVariables": [{"name": "LOG_LEVEL", "isSecret": false}],
            "later_field": true,
            "identifier": "@example/files"
        }],
        "remotes": [{"type": "streamable-http", "url": "https://files.example:8443/mcp"}],
        "version": "0.3.0",
        "$schema": SCHEMA
    });
    let exported = Value::Object(export(&server).unwrap());
    assert_eq!(exported, written);
    // What was written is read as the same.
    let again = imported(&exported);
    assert_eq!(again.packages, server.packages);
    assert_eq!(again.endpoints, server.endpoints);
}

#[test]
fn what_the_entry_says_outweighs_what_was_imported() {
    let mut server = imported(&today());
    server.display_name = "Acme weather".to_owned();
    server.description = "x".repeat(101);
    server.packages.remove(0);
    server.packages[0].digest = format!("sha256:{}", "a".repeat(64));
    server.endpoints[0].resource = "https://mcp.acme.example/weather".to_owned();
    server.endpoints.push(Endpoint {
        path: "/any-host".to_owned(),
        ..Endpoint::default()
    });
    let written = export(&server).unwrap();
    assert_eq!(written["title"], "Acme weather");
    let description = written["description"].as_str().unwrap();
    assert_eq!(description.chars().count(), 100);
    assert_eq!(
        written["packages"][0]["identifier"],
        format!(
            "ghcr.io:443/example/weather:1.4.2@sha256:{}",
            "a".repeat(64)
        )
    );
    let remotes = json!([{"type": "streamable-http", "url": "https://mcp.acme.example/weather"}]);
    assert_eq!(written["remotes"], remotes);
}

#[test]
fn an_entry_that_was_written_by_hand_is_a_whole_document() {
    let mut server = Server::default();
    assert_eq!(export(&server).unwrap_err().pointer, "/name");
    server.registry_name = "com.example/notes".to_owned();
    let written = export(&server).unwrap();
    assert_eq!(written["version"], NO_VERSION);
    assert_eq!(written["description"], "com.example/notes");
    assert!(!written.contains_key("remotes"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (key, value, expected) in [
        (
            "/name",
            json!("notes"),
            "found `notes` at `/name`, expected a reverse-DNS namespace",
        ),
        (
            "/version",
            json!(2),
            "found a number at `/version`, expected the server's version",
        ),
        (
            "/packages",
            json!({}),
            "found an object at `/packages`, expected a list",
        ),
        (
            "/packages/2/fileSha256",
            json!("abc"),
            "found `abc` at `/packages/2/fileSha256`, expected 64 hexadecimal digits",
        ),
        (
            "/packages/0/registryType",
            Value::Null,
            "found nothing at `/packages/0/registryType`, expected where",
        ),
        (
            "/remotes/0/type",
            json!("ws"),
            "found `ws` at `/remotes/0/type`, expected `streamable",
        ),
        (
            "/remotes/0/url",
            json!("https://mcp.example/mcp?key=hunter2"),
            "found another URL at `/remotes/0/url`, expected an `http` or `https` URL",
        ),
    ] {
        let mut document = today();
        *document.pointer_mut(key).unwrap() = value;
        let error = import(&document.to_string()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    for text in ["", "[]", r#"{"name":"a/b","name":"c/d"}"#] {
        let error = import(text).unwrap_err();
        assert_eq!(error.pointer, "", "{text}");
    }
}
