//! A server's entry as Envoy's configuration. Pure; `envoy/envoy.yaml` says why each setting is there.

use chancery_proto::{admin::v1::Server, policy::v1::Endpoint};
use serde_json::{Value, json};
use url::{Host, Url};

use crate::{cli::name::id_of, resource::credential::host_of};

/// As in `envoy/envoy.yaml`: at least the filter's largest held body, both ways.
const MAX_BUFFERED_BYTES: u32 = 8 << 20;

/// Where Debian and its kin keep the roots that servers' certificates come from.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A host that never is one (RFC 2606).
const NOWHERE: &str = "fill-in.invalid";

/// What an Envoy needs to carry a server's traffic.
#[derive(Debug)]
pub(super) struct Exported {
    /// `virtual_hosts` and `clusters`.
    pub(super) config: Value,
    /// What the entry does not say.
    pub(super) warnings: Vec<String>,
}

/// Makes it of an entry.
pub(super) fn export(server: &Server) -> Exported {
    let mut warnings = Vec::new();
    let mut hosts: Vec<&str> = Vec::new();
    let mut clusters: Vec<&str> = Vec::new();
    for endpoint in &server.endpoints {
        if !hosts.contains(&&*endpoint.host) {
            hosts.push(&endpoint.host);
        }
        if !clusters.contains(&&*endpoint.cluster) {
            clusters.push(&endpoint.cluster);
        }
    }
    if hosts.contains(&"") {
        warnings.push(
            "an endpoint is for any host, so its `domains` take every host that no other has"
                .to_owned(),
        );
    }
    // With several clusters nobody knows which of them leads there.
    let url = upstream_url(server).filter(|_| clusters.len() == 1);
    let to = url.as_ref();
    let virtual_hosts: Vec<_> = hosts
        .iter()
        .map(|host| virtual_host(server, host, to))
        .collect();
    let clusters = clusters.iter().map(|name| {
        if to.is_none() {
            warnings.push(format!(
                "the address of the cluster `{name}`, which is `{NOWHERE}` here"
            ));
        }
        cluster(name, to)
    });
    let clusters: Vec<_> = clusters.collect();
    Exported {
        config: json!({ "virtual_hosts": virtual_hosts, "clusters": clusters }),
        warnings,
    }
}

/// Where the server itself is, as its entry says.
fn upstream_url(server: &Server) -> Option<Url> {
    let scan = server.scan.as_ref().map(|scan| scan.url.clone());
    let remote = || {
        let document: Value = serde_json::from_str(&server.server_json).ok()?;
        let document = document.get("server").unwrap_or(&document);
        let mut remotes = document.get("remotes")?.as_array()?.iter();
        let remote = remotes.find(|it| it.get("type") == Some(&json!("streamable-http")))?;
        Some(remote.get("url")?.as_str()?.to_owned())
    };
    let url = scan.filter(|url| !url.is_empty()).or_else(remote)?;
    let url = Url::parse(&url).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

fn virtual_host(server: &Server, host: &str, to: Option<&Url>) -> Value {
    let here = server
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.host == host);
    let mut routes: Vec<_> = here.map(|endpoint| route(server, endpoint, to)).collect();
    routes.push(json!({
        "match": { "prefix": "/" },
        "direct_response": {
            "status": 403,
            "body": { "inline_string": "Only the MCP server of this host can be reached.\n" },
        },
    }));
    let has_port = host
        .rsplit(']')
        .next()
        .is_some_and(|rest| rest.contains(':'));
    let domains = match host {
        "" => vec!["*".to_owned()],
        host if has_port => vec![host.to_owned()],
        // Nor does another spelling of the port lead past it.
        host => vec![host.to_owned(), format!("{host}:*")],
    };
    let id = id_of(&server.name);
    let name = if host.is_empty() {
        id.to_owned()
    } else {
        format!("{id} at {host}")
    };
    json!({ "name": name, "domains": domains, "routes": routes })
}

fn route(server: &Server, endpoint: &Endpoint, to: Option<&Url>) -> Value {
    // Tools may run long, and answers are streams.
    let mut action = json!({ "cluster": endpoint.cluster, "timeout": "0s" });
    let rewritten = to.and_then(|url| {
        let authority = host_of(url)?;
        (authority != endpoint.host).then_some(authority)
    });
    if let (Some(action), Some(authority)) = (action.as_object_mut(), rewritten) {
        action.insert("host_rewrite_literal".to_owned(), authority.into());
    }
    if let (Some(action), Some(url)) = (action.as_object_mut(), to)
        && url.path() != endpoint.path
    {
        let regex = json!({
            "pattern": { "regex": "^[^?]*" },
            "substitution": url.path(),
        });
        action.insert("regex_rewrite".to_owned(), regex);
    }
    json!({
        "match": { "path": endpoint.path },
        "route": action,
        "request_body_buffer_limit": MAX_BUFFERED_BYTES,
        "metadata": { "filter_metadata": { "chancery": { "server": server.name } } },
    })
}

fn cluster(name: &str, to: Option<&Url>) -> Value {
    let (address, port, is_name) = match to {
        None => (NOWHERE.to_owned(), 443, true),
        Some(url) => {
            let port = url.port_or_known_default().unwrap_or(443);
            match url.host() {
                Some(Host::Ipv4(address)) => (address.to_string(), port, false),
                Some(Host::Ipv6(address)) => (address.to_string(), port, false),
                Some(Host::Domain(host)) => (host.to_owned(), port, true),
                None => (NOWHERE.to_owned(), port, true),
            }
        }
    };
    let mut cluster = json!({
        "name": name,
        "type": if is_name { "LOGICAL_DNS" } else { "STATIC" },
        "connect_timeout": "2s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http_protocol_options": {} },
                "common_http_protocol_options": { "idle_timeout": "4s" },
            },
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": {
                "address": { "socket_address": { "address": address, "port_value": port } },
            } }] }],
        },
    });
    let is_secure = to.is_none_or(|url| url.scheme() == "https");
    if let Some(cluster) = cluster.as_object_mut().filter(|_| is_secure) {
        cluster.insert("transport_socket".to_owned(), tls(&address, is_name));
    }
    cluster
}

/// TLS whose certificate must be for the host. Without roots and names Envoy accepts any.
fn tls(host: &str, is_name: bool) -> Value {
    let kind = if is_name { "DNS" } else { "IP_ADDRESS" };
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": { "filename": ROOTS },
                "match_typed_subject_alt_names": [{ "san_type": kind, "matcher": { "exact": host } }],
            },
        },
    });
    if let Some(context) = context.as_object_mut().filter(|_| is_name) {
        context.insert("sni".to_owned(), host.into());
    }
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": context })
}

#[cfg(test)]
mod tests {
    use chancery_proto::admin::v1::Scan;

    use super::*;

    fn server(url: &str, endpoints: &[(&str, &str, &str)]) -> Server {
        let endpoints = endpoints.iter().map(|(cluster, host, path)| Endpoint {
            cluster: (*cluster).to_owned(),
            host: (*host).to_owned(),
            path: (*path).to_owned(),
            ..Endpoint::default()
        });
        Server {
            name: "organizations/o/workspaces/w/servers/notes".to_owned(),
            endpoints: endpoints.collect(),
            scan: Some(Scan {
                url: url.to_owned(),
                ..Scan::default()
            }),
            ..Server::default()
        }
    }

    #[test]
    fn a_server_elsewhere_is_reached_by_its_own_name_over_tls() {
        let url = "https://mcp.vendor.test:8443/v1/mcp";
        let exported = export(&server(url, &[("notes", "mcp.acme.test", "/notes")]));
        assert_eq!(exported.warnings, [""; 0]);
        let host = &exported.config["virtual_hosts"][0];
        assert_eq!(host["domains"], json!(["mcp.acme.test", "mcp.acme.test:*"]));
        let route = &host["routes"][0];
        assert_eq!(route["match"], json!({ "path": "/notes" }));
        assert_eq!(
            route["route"]["host_rewrite_literal"],
            "mcp.vendor.test:8443"
        );
        assert_eq!(route["route"]["regex_rewrite"]["substitution"], "/v1/mcp");
        assert_eq!(host["routes"][1]["direct_response"]["status"], 403);
        let cluster = &exported.config["clusters"][0];
        let address = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
        let address = &address["address"]["socket_address"];
        assert_eq!(
            *address,
            json!({ "address": "mcp.vendor.test", "port_value": 8443 })
        );
        assert_eq!(
            cluster["transport_socket"]["typed_config"]["sni"],
            "mcp.vendor.test"
        );
    }

    #[test]
    fn what_is_its_own_host_is_not_rewritten() {
        let exported = export(&server(
            "http://10.0.0.1/mcp",
            &[("notes", "10.0.0.1", "/mcp")],
        ));
        let route = &exported.config["virtual_hosts"][0]["routes"][0]["route"];
        assert_eq!(*route, json!({ "cluster": "notes", "timeout": "0s" }));
        let cluster = &exported.config["clusters"][0];
        assert_eq!(
            (&cluster["type"], &cluster["transport_socket"]),
            (&json!("STATIC"), &Value::Null)
        );
    }

    #[test]
    fn what_is_not_known_is_said() {
        let exported = export(&server(
            "",
            &[("a", "", "/mcp"), ("b", "b.test:80", "/mcp")],
        ));
        let said = exported.warnings.join("\n");
        for part in ["`a`", "`b`", "any host"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(exported.config.to_string().contains(NOWHERE));
        let hosts = &exported.config["virtual_hosts"];
        assert_eq!(
            (&hosts[0]["domains"], &hosts[1]["domains"]),
            (&json!(["*"]), &json!(["b.test:80"]))
        );
    }

    #[test]
    fn the_remote_of_a_server_json_is_an_address() {
        let document = json!({ "server": { "remotes": [
            { "type": "sse", "url": "https://mcp.vendor.test/sse" },
            { "type": "streamable-http", "url": "https://mcp.vendor.test/mcp" },
        ] } });
        let server = Server {
            server_json: document.to_string(),
            ..server("", &[("a", "mcp.vendor.test", "/mcp")])
        };
        let exported = export(&server);
        assert_eq!(exported.warnings, [""; 0]);
        assert!(exported.config.to_string().contains("\"mcp.vendor.test\""));
    }
}
