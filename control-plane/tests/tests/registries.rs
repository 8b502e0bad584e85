//! From the document of a public registry to an approved server, and back to who looks for one.

use std::{
    io::{BufRead as _, Read as _, Write as _},
    net::TcpStream,
};

use super::{Site, check};

const SERVER_JSON: &str = r#"{
  "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
  "name": "io.github.example/weather",
  "description": "Forecasts and warnings",
  "version": "1.4.2",
  "remotes": [
    {"type": "sse", "url": "https://mcp.weather.example/sse"},
    {"type": "streamable-http", "url": "https://mcp.weather.example/mcp",
     "headers": [{"name": "X-Key", "value": "hunter2"}]}
  ]
}"#;

const NOTES: &str = "\
apiVersion: chancery.dev/v1
kind: Server
metadata: {name: notes}
spec:
  owner: team
  registryName: com.example/notes
  endpoints: [{cluster: notes, host: mcp.example.com, path: /notes}]
";

/// A control plane that serves the registry's API, and where.
fn site() -> (Site, String) {
    let more = ["--registry-listen", "127.0.0.1:0"];
    let (site, mut stdout) = Site::start_with(tempfile::tempdir().unwrap(), &more);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let (_, rest) = line.split_once("listening on ").unwrap();
    let (address, whom) = rest.split_once(' ').unwrap();
    assert_eq!(whom, "for readers of the registry\n");
    (site, address.to_owned())
}

/// The head of an answer, in lower case, and its body.
fn ask(address: &str, method: &str, path: &str, header: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: registry\r\n{header}connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

fn names(address: &str, query: &str) -> (Vec<String>, serde_json::Value) {
    let (head, body) = ask(address, "GET", &format!("/v0.1/servers{query}"), "");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let page: serde_json::Value = serde_json::from_str(&body).unwrap();
    let servers = page["servers"].as_array().unwrap().iter();
    let name = |it: &serde_json::Value| it["server"]["name"].as_str().unwrap().to_owned();
    (servers.map(name).collect(), page["metadata"].clone())
}

const PROPOSE: [&str; 8] = [
    "registry",
    "import",
    "server.json",
    "--owner",
    "team",
    "--cluster",
    "weather",
    "--propose",
];

#[test]
fn what_is_imported_is_proposed_and_exported_with_its_governed_url() {
    let (site, _) = site();
    site.write("server.json", SERVER_JSON);
    let shown = site.run(&["registry", "import", "server.json"]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(shown.out.contains("state: proposed"), "{}", shown.out);
    assert!(
        shown
            .err
            .contains("`/remotes/0` is left out: the transport `sse`")
    );
    assert!(shown.err.contains("fill in `cluster`"), "{}", shown.err);
    let stored = site.run(&PROPOSE);
    assert_eq!(
        (stored.code, &*stored.out),
        (0, "servers/weather created\n")
    );
    let exported = site.run(&["registry", "export", "weather"]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    let exported: serde_json::Value = serde_json::from_str(&exported.out).unwrap();
    let mut expected: serde_json::Value = serde_json::from_str(SERVER_JSON).unwrap();
    expected["remotes"] =
        serde_json::json!([{"type": "streamable-http", "url": "https://mcp.weather.example/mcp"}]);
    assert_eq!(exported, expected);
    // The printed entry can be applied as it is, once it is complete.
    let complete = site.run(&[&PROPOSE[..7], &["--as", "again"]].concat());
    site.write("again.yaml", &complete.out.replace("/mcp", "/again"));
    let applied = site.run(&["apply", "-f", "again.yaml"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
}

#[test]
fn a_document_that_comes_to_nothing_says_why() {
    let (site, _) = site();
    let nameless = site.run_with(&["registry", "import", "-"], r#"{"name": "weather"}"#);
    let err = "\
<stdin>: found `weather` at `/name`, expected a reverse-DNS namespace, `/` and a name, such as `com.example/search`
error: 1 problem, nothing is imported
";
    check(&nameless, 2, "", err);
    let local = r#"{"name": "a.b/c", "version": "1"}"#;
    let without = site.run_with(&["registry", "import", "-"], local);
    assert!(
        without.err.contains("say with --host and --path"),
        "{}",
        without.err
    );
    let placed = [
        "registry",
        "import",
        "-",
        "--host",
        "mcp.example.com",
        "--path",
        "/c",
    ];
    assert_eq!(site.run_with(&placed, local).code, 0);
    site.write(
        "notes.yaml",
        &NOTES.replace("  registryName: com.example/notes\n", ""),
    );
    assert_eq!(site.run(&["apply", "-f", "notes.yaml"]).code, 0);
    let unnamed = site.run(&["registry", "export", "notes"]);
    assert_ne!(unnamed.code, 0);
    assert!(unnamed.err.contains("`registryName`"), "{}", unnamed.err);
}

#[test]
fn readers_find_what_is_approved_and_nothing_else() {
    let (site, address) = site();
    site.write("server.json", SERVER_JSON);
    site.write("notes.yaml", NOTES);
    assert_eq!(site.run(&["apply", "-f", "notes.yaml"]).code, 0);
    assert_eq!(site.run(&PROPOSE).code, 0);
    let notes = "com.example/notes";
    let weather = "io.github.example/weather";
    // What was imported is not approved.
    assert_eq!(names(&address, "").0, [notes]);
    let approved = site.run(&["registry", "approve", "weather"]);
    check(&approved, 0, "server/weather approved\n", "");
    assert_eq!(names(&address, "").0, [notes, weather]);
    assert_eq!(
        names(&address, "?search=WEATHER&version=latest").0,
        [weather]
    );
    let (first, metadata) = names(&address, "?limit=1");
    assert_eq!(
        (first, &metadata["count"]),
        (vec![notes.to_owned()], &1.into())
    );
    let cursor = metadata["nextCursor"].as_str().unwrap();
    let (last, metadata) = names(&address, &format!("?limit=1&cursor={cursor}"));
    assert_eq!(
        (last, metadata.get("nextCursor")),
        (vec![weather.to_owned()], None)
    );

    let versions = "/v0.1/servers/io.github.example%2Fweather/versions";
    let (head, body) = ask(&address, "GET", versions, "");
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    assert!(body.contains(r#""isLatest":true"#), "{body}");
    let latest = format!("{versions}/latest");
    let (head, body) = ask(&address, "GET", &latest, "origin: https://page.example\r\n");
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    assert!(head.contains("cache-control: public, max-age=10"), "{head}");
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(told["server"]["version"], "1.4.2");
    assert_eq!(
        told["server"]["remotes"][0]["url"],
        "https://mcp.weather.example/mcp"
    );
    assert!(
        !body.contains("hunter2") && !body.contains("team"),
        "{body}"
    );
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: "));
    let known = format!("if-none-match: {}\r\n", etag.unwrap());
    let (head, _) = ask(&address, "GET", &latest, &known);
    assert!(head.starts_with("http/1.1 304"), "{head}");

    assert_eq!(
        site.run(&["registry", "suspend", "weather", "--message", "leaks"])
            .code,
        0
    );
    assert_eq!(names(&address, "").0, [notes]);
    let (head, body) = ask(&address, "GET", &latest, "");
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert!(head.contains("application/problem+json"), "{head}");
    assert!(body.contains("no approved server"), "{body}");
}

#[test]
fn the_registry_is_read_only_and_open_to_pages() {
    let (_site, address) = site();
    let (head, _) = ask(
        &address,
        "OPTIONS",
        "/v0.1/servers",
        "origin: https://page.example\r\n",
    );
    assert!(head.starts_with("http/1.1 204"), "{head}");
    assert!(
        head.contains("access-control-allow-methods: get, head, options"),
        "{head}"
    );
    for (method, path, status) in [
        ("POST", "/v0.1/servers", 405),
        ("DELETE", "/v0.1/servers/a%2Fb/versions/1", 405),
        ("GET", "/v0.1/servers?limit=1000", 400),
        ("GET", "/v0/servers", 404),
        ("GET", "/healthz", 404),
        ("POST", "/chancery.admin.v1.ServerService/ListServers", 404),
    ] {
        let (head, body) = ask(&address, method, path, "");
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{path}: {head}"
        );
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], status);
    }
}
