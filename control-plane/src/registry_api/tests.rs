use chancery_proto::{
    admin::v1::{Server, ServerStateChange},
    policy::v1::{Endpoint, ServerState},
};
use prost_types::Timestamp;
use serde_json::{Value, json};

use super::{Problem, catalogue::Catalogue, query::Query};

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn server(name: &str, version: &str, host: &str, state: ServerState) -> Server {
    Server {
        registry_name: name.to_owned(),
        version: version.to_owned(),
        owner: "secret-owner".to_owned(),
        state: state.into(),
        create_time: Some(at(10)),
        update_time: Some(at(20)),
        endpoints: vec![Endpoint {
            cluster: "secret-cluster".to_owned(),
            host: host.to_owned(),
            path: "/mcp".to_owned(),
            ..Endpoint::default()
        }],
        ..Server::default()
    }
}

fn servers() -> Vec<Server> {
    let mut imported = server("com.example/a", "1.10.0", "a", ServerState::Approved);
    imported.state_changes = vec![ServerStateChange {
        state: ServerState::Approved.into(),
        time: Some(at(15)),
        ..ServerStateChange::default()
    }];
    imported.server_json = json!({
        "name": "com.example/a",
        "websiteUrl": "https://a.example",
        "remotes": [{"type": "sse", "url": "https://upstream", "headers": [{"value": "hunter2"}]}],
        "packages": [{"registryType": "npm", "identifier": "a"}],
        "custom": "hunter2"
    })
    .to_string();
    vec![
        server("com.example/a", "1.9.0", "old", ServerState::Unspecified),
        imported,
        server(
            "com.example/a",
            "1.10.0",
            "elsewhere",
            ServerState::Approved,
        ),
        server("com.example/b", "", "b", ServerState::Approved),
        server("com.example/c", "1.0.0", "c", ServerState::Suspended),
        server("com.example/d", "1.0.0", "d", ServerState::Proposed),
        server("com.example/e", "1.0.0", "e", ServerState::Retired),
        server("", "1.0.0", "f", ServerState::Approved),
    ]
}

fn page(query: &str) -> Value {
    Catalogue::of(servers().iter()).page(&Query::read(query).unwrap())
}

fn listed(page: &Value) -> Vec<String> {
    let servers = page["servers"].as_array().unwrap().iter();
    let word = |it: &Value| it.as_str().unwrap().to_owned();
    servers
        .map(|it| word(&it["server"]["name"]) + "@" + &word(&it["server"]["version"]))
        .collect()
}

const A_OLD: &str = "com.example/a@1.9.0";
const A: &str = "com.example/a@1.10.0";
const B: &str = "com.example/b@0.0.0";

#[test]
fn approved_servers_are_listed_by_page() {
    assert_eq!(listed(&page("")), [A, A_OLD, B]);
    assert_eq!(listed(&page("version=latest")), [A, B]);
    assert_eq!(listed(&page("search=EXAMPLE%2Fb&unknown=1")), [B]);
    assert_eq!(listed(&page("updated_since=1970-01-01T00:00:20Z")).len(), 3);
    assert!(listed(&page("updated_since=1970-01-01T00:00:21Z")).is_empty());
    let mut query = "limit=2".to_owned();
    let first = page(&query);
    assert_eq!(listed(&first), [A, A_OLD]);
    query = format!(
        "{query}&cursor={}",
        first["metadata"]["nextCursor"].as_str().unwrap()
    );
    let last = page(&query);
    assert_eq!(listed(&last), [B]);
    assert_eq!(last["metadata"], json!({"count": 1}));
}

#[test]
fn a_version_is_told_with_where_it_is_reached_and_nothing_else() {
    let servers = servers();
    let catalogue = Catalogue::of(servers.iter());
    let told = catalogue.version("com.example/a", "latest").unwrap();
    let expected = json!({
        "server": {
            "name": "com.example/a",
            "websiteUrl": "https://a.example",
            "remotes": [
                {"type": "streamable-http", "url": "https://a/mcp"},
                {"type": "streamable-http", "url": "https://elsewhere/mcp"}
            ],
            "$schema": crate::server_json::SCHEMA,
            "description": "com.example/a",
            "version": "1.10.0"
        },
        "_meta": {"io.modelcontextprotocol.registry/official": {
            "status": "active",
            "publishedAt": "1970-01-01T00:00:10Z",
            "updatedAt": "1970-01-01T00:00:20Z",
            "isLatest": true
        }}
    });
    assert_eq!(told, expected);
    assert_eq!(catalogue.version("com.example/a", "1.10.0"), Some(told));
    assert_eq!(
        listed(&catalogue.versions("com.example/a").unwrap()),
        [A, A_OLD]
    );
    for (name, version) in [("com.example/a", "2.0.0"), ("com.example/c", "1.0.0")] {
        assert_eq!(catalogue.version(name, version), None);
    }
    assert_eq!(catalogue.versions("com.example/c"), None);
}

#[test]
fn a_parameter_that_makes_no_sense_is_named() {
    for query in [
        "limit=0",
        "limit=101",
        "limit=",
        "cursor=!",
        "updated_since=yesterday",
    ] {
        let problem = Query::read(query).unwrap_err();
        let (key, _) = query.split_once('=').unwrap();
        assert!(matches!(problem, Problem::Parameter { parameter, .. } if parameter == key));
    }
}
