//! What a listener lets through that carries other traffic too.

use super::*;

/// Where a request would go.
#[derive(Clone, Copy, Debug)]
struct Route {
    authority: &'static str,
    path: &'static str,
    cluster: &'static str,
    server: Option<&'static str>,
}

/// To the one endpoint that there is: `/mcp` of the cluster `c`, at any host.
const ROUTE: Route = Route {
    authority: "mcp.test",
    path: "/mcp",
    cluster: "c",
    server: None,
};

fn open(endpoint: &pb::Endpoint, route: Route) -> HeadStep {
    let mut site = Site::default();
    site.server.endpoints = vec![endpoint.clone()];
    let headers = [("content-type".to_owned(), b"application/json".to_vec())];
    let context = Context {
        policy: Some(Arc::new(site.policy().unwrap())),
        keys: Arc::default(),
        limits: Limits::DEFAULT,
        unmatched: Unmatched::Pass,
        decision_id: DecisionId::new([7; 16]),
        now: Time::from_unix_ms(1_790_000_000_000),
        may_wait: false,
        lists: None,
    };
    let head = RequestHead {
        method: b"POST",
        authority: route.authority.as_bytes(),
        path: route.path.as_bytes(),
        headers: Headers::new(&headers),
        cluster: route.cluster,
        route_server: route.server,
        source: None,
        vouched: Vouched::default(),
        ends: false,
    };
    Exchange::open(context, &head, &TokenCache::new((1, 2), 4)).1
}

fn endpoint(host: &str) -> pb::Endpoint {
    pb::Endpoint {
        cluster: "c".to_owned(),
        path: "/mcp".to_owned(),
        host: host.to_owned(),
        ..pb::Endpoint::default()
    }
}

fn is_refused(step: &HeadStep) -> bool {
    matches!(step, HeadStep::Reply(reply) if reply.status == 404)
}

#[test]
fn no_spelling_of_a_path_passes_by_the_endpoint_to_its_server() {
    let any_host = endpoint("");
    assert!(matches!(open(&any_host, ROUTE), HeadStep::AwaitBody));
    for path in [
        "/mcp/",
        "/MCP",
        "//mcp",
        "/./mcp",
        "/x/../mcp",
        "/x/%2e%2e/mcp",
        "/mcp;x=1",
        "/mcp%2f",
        "/%6dcp",
        "/mcp%00",
        "/sse",
        "/",
        "",
    ] {
        let step = open(&any_host, Route { path, ..ROUTE });
        assert!(is_refused(&step), "{path}: {step:?}");
        let cluster = "web";
        let step = open(
            &any_host,
            Route {
                path,
                cluster,
                ..ROUTE
            },
        );
        assert!(matches!(step, HeadStep::Pass), "{path}: {step:?}");
    }
    let one_host = endpoint("mcp.test");
    for authority in ["other.test", "mcp.test.", "mcp.test:80"] {
        let step = open(&one_host, Route { authority, ..ROUTE });
        assert!(is_refused(&step), "{authority}: {step:?}");
    }
}

#[test]
fn a_route_that_names_a_server_passes_nothing() {
    let any_host = endpoint("");
    let named = |server, cluster| {
        let server = Some(server);
        open(
            &any_host,
            Route {
                cluster,
                server,
                ..ROUTE
            },
        )
    };
    assert!(matches!(named("s", "c"), HeadStep::AwaitBody));
    for server in ["t", "organizations/p/workspaces/w/servers/s", ""] {
        for cluster in ["c", "web"] {
            let step = named(server, cluster);
            assert!(is_refused(&step), "{server} {cluster}: {step:?}");
        }
    }
}
