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
    meet(&site, Unmatched::Pass, b"POST", route).1
}

/// Opens an exchange as a client of the Streamable HTTP transport does.
fn meet(site: &Site, unmatched: Unmatched, method: &[u8], route: Route) -> (Exchange, HeadStep) {
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let context = Context {
        policy: Some(Arc::new(site.policy().unwrap())),
        keys: Arc::default(),
        limits: Limits::DEFAULT,
        unmatched,
        decision_id: DecisionId::new([7; 16]),
        now: Time::from_unix_ms(1_790_000_000_000),
        may_wait: false,
        lists: None,
        conversation_keys: Arc::default(),
    };
    let head = RequestHead {
        method,
        authority: route.authority.as_bytes(),
        path: route.path.as_bytes(),
        headers: Headers::new(&headers),
        cluster: route.cluster,
        route_server: route.server,
        source: None,
        vouched: Vouched::default(),
        ends: false,
    };
    Exchange::open(context, &head, &TokenCache::new((1, 2), 4))
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

/// What goes to nobody's cluster.
const ELSEWHERE: Route = Route {
    authority: "shadow.test",
    path: "/mcp",
    cluster: "egress",
    server: None,
};

fn site() -> Site {
    let mut site = Site::default();
    site.server.endpoints = vec![endpoint("mcp.test")];
    site
}

#[test]
fn what_is_observed_passes_and_what_it_is_is_recorded() {
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let observed = |unmatched, route| meet(&site(), unmatched, b"POST", route).1;
    let HeadStep::Watch(mut watch) = observed(Unmatched::Observe, ELSEWHERE) else {
        panic!("it is not watched");
    };
    watch.look(call);
    let entry = watch.finish().unwrap();
    assert!(matches!(&entry.event, Event::Shadow(event) if &*event.host == "shadow.test"));
    assert_eq!(entry.decision_id, None);
    let step = observed(Unmatched::Pass, ELSEWHERE);
    assert!(matches!(step, HeadStep::Pass), "{step:?}");
    let step = observed(Unmatched::Refuse, ELSEWHERE);
    assert!(is_refused(&step), "{step:?}");
    // What leads to a registered server is never other traffic.
    let beside = Route {
        cluster: "c",
        ..ELSEWHERE
    };
    let step = observed(Unmatched::Observe, beside);
    assert!(is_refused(&step), "{step:?}");
}

#[test]
fn a_blocked_host_is_refused_however_it_is_asked_for_and_that_is_recorded() {
    let blocks = vec![pb::Block {
        name: "organizations/o/blocks/b".to_owned(),
        target: Some(pb::block::Target::Host("shadow.test".to_owned())),
        cause: pb::BlockCause::Administrator.into(),
        expire_time: None,
    }];
    let site = Site { blocks, ..site() };
    for unmatched in [Unmatched::Pass, Unmatched::Observe] {
        for (method, authority, path) in [
            ("POST", "shadow.test", "/mcp"),
            ("GET", "Shadow.test:8443", "//a/../b"),
            ("CONNECT", "shadow.test:443", ""),
            ("PUT", "shadow.test.", "/"),
        ] {
            let route = Route {
                authority,
                path,
                ..ELSEWHERE
            };
            let (mut exchange, step) = meet(&site, unmatched, method.as_bytes(), route);
            let HeadStep::Reply(reply) = step else {
                panic!("{method} {authority}: {step:?}");
            };
            assert_eq!(reply.status, 403, "{method} {authority}");
            assert!(
                reply.body.contains("\"reason\":\"blocked\""),
                "{}",
                reply.body
            );
            let entries = exchange.take_entries();
            let [
                Entry {
                    event: Event::Decision(decision),
                    ..
                },
            ] = &*entries
            else {
                panic!("{entries:?}");
            };
            assert_eq!(decision.verdict, Verdict::Deny(Reason::Blocked));
            assert_eq!(*decision.rules, ["organizations/o/blocks/b".into()]);
        }
        let other = Route {
            authority: "other.test",
            ..ELSEWHERE
        };
        let step = meet(&site, unmatched, b"GET", other).1;
        assert!(matches!(step, HeadStep::Pass), "{step:?}");
        // What is registered is judged by its rules.
        let step = meet(&site, unmatched, b"POST", ROUTE).1;
        assert!(matches!(step, HeadStep::AwaitBody), "{step:?}");
    }
}
