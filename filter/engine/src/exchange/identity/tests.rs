//! Who a request acts for, and what a client is told that acts for nobody.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::{
    claims::{ClaimMapping, ClaimPath},
    exchange::{BodyStep, Headers, Unmatched},
    glob::Glob,
    id::{DecisionId, Digest, SnapshotVersion, Time},
    limits::Limits,
    policy::Parts,
    rule::{Effect, Mode, Obligations, Rule},
    scope::ScopeRequirement,
    seal::Keyring,
    server::{Audience, OnDenied, ResourceUrl, ServerState},
    subject::Subjects,
    token::{Algorithm, IdentityProvider, Source, VerificationKey},
};

mod renew;

const NOW_SECONDS: u64 = 1_800_000_000;
const ISSUER: &str = "https://idp.test";
const MESH: &str = "spiffe://mesh.test";
const KEY: &str = "jwt_payload";

fn texts(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|text| Box::from(*text)).collect()
}

fn provider(id: &str, issuer: &str, source: Source, audiences: &[&str]) -> IdentityProvider {
    let path = |text| Some(ClaimPath::parse(text).unwrap());
    IdentityProvider {
        name: format!("organizations/o/identityProviders/{id}").into(),
        issuer: issuer.into(),
        source,
        audiences: texts(audiences),
        keys: vec![VerificationKey {
            key_id: "k".into(),
            algorithm: Algorithm::EdDsa,
            public_key: vec![7; 32].into(),
        }],
        algorithms: Vec::new(),
        access_tokens_only: false,
        has_key_set: false,
        claims: ClaimMapping {
            user: path("$.sub"),
            groups: path("$.groups"),
            ..ClaimMapping::default()
        },
        required_claims: Vec::new(),
        leeway_seconds: 0,
    }
}

fn endpoint(path: &str) -> Endpoint {
    Endpoint {
        path: path.into(),
        host: Some("mcp.test".into()),
        cluster: "c".into(),
        workspace: "w".into(),
        audiences: Vec::new(),
        resource: None,
    }
}

fn parts() -> Parts {
    let audience = |value: &str, workspace: Option<&str>| Audience {
        value: value.into(),
        workspace: workspace.map(Box::from),
    };
    let shared = Endpoint {
        workspace: "shared".into(),
        audiences: vec![
            audience("shared", None),
            audience("red", Some("red")),
            audience("also-red", Some("red")),
            audience("blue", Some("blue")),
        ],
        resource: ResourceUrl::parse("https://gate.test/tools/shared"),
        ..endpoint("/shared")
    };
    let needs = |scopes: &[&str], tools: &[&str]| ScopeRequirement {
        scopes: texts(scopes),
        tools: tools
            .iter()
            .map(|tool| Glob::parse(tool).unwrap())
            .collect(),
        methods: Vec::new(),
    };
    let server = |id: &str, endpoints, scopes| Server {
        name: format!("organizations/o/workspaces/w/servers/{id}").into(),
        endpoints,
        authentication: Authentication::Required,
        on_denied: OnDenied::Reveal,
        origins: Vec::new(),
        environment: None,
        scopes,
        dispatchers: Vec::new(),
        tool_schemas: Vec::new(),
        upstream: None,
        approved: None,
        state: ServerState::Approved,
        schemas: None,
        audit: crate::audit::CallAudit::Standard,
        data_sources: Vec::new(),
    };
    let scopes = vec![needs(&["mcp"], &[]), needs(&["write", "mcp"], &["set_*"])];
    let everyone = Subjects {
        anyone: true,
        ..Subjects::default()
    };
    Parts {
        servers: vec![
            server("plain", vec![endpoint("/mcp"), shared], Vec::new()),
            server("scoped", vec![endpoint("/scoped")], scopes),
        ],
        rules: vec![Arc::new(Rule {
            name: "organizations/o/rules/all".into(),
            effect: Effect::Allow,
            subjects: everyone,
            servers: vec![Glob::parse("*").unwrap()],
            tools: vec![Glob::parse("?et_*").unwrap()],
            ..rule()
        })],
        identity_providers: providers(),
        ..Parts::default()
    }
}

/// One for each source.
fn providers() -> Vec<IdentityProvider> {
    vec![
        provider("tokens", ISSUER, Source::Token, &["mcp"]),
        provider(
            "proxy",
            "https://proxy.test",
            Source::Metadata { key: KEY.into() },
            &["mcp"],
        ),
        provider(
            "mesh",
            MESH,
            Source::Certificate {
                trust_domain: "mesh.test".into(),
            },
            &[],
        ),
    ]
}

/// A rule about nothing.
fn rule() -> Rule {
    Rule {
        name: Box::default(),
        effect: Effect::Deny,
        subjects: Subjects::default(),
        servers: Vec::new(),
        tools: Vec::new(),
        prompts: Vec::new(),
        resources: Vec::new(),
        methods: Vec::new(),
        environments: Vec::new(),
        agents: Vec::new(),
        when: Vec::new(),
        source_ranges: Vec::new(),
        expire_time: None,
        mode: Mode::Enforce,
        obligations: Obligations::default(),
    }
}

struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    token: Option<String>,
    vouched: Vouched<'a>,
    unmatched: Unmatched,
    cluster: &'a str,
    may_wait: bool,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            method: "POST",
            path: "/mcp",
            token: None,
            vouched: Vouched::default(),
            unmatched: Unmatched::Refuse,
            cluster: "c",
            may_wait: true,
        }
    }
}

fn token(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut all = json!({ "iss": ISSUER, "sub": "ann", "aud": "mcp", "exp": NOW_SECONDS + 60 });
    let members = all.as_object_mut().unwrap();
    members.extend(claims.as_object().unwrap().clone());
    format!("{}.{}.c2ln", encode(header), encode(&all))
}

fn good(claims: &Value) -> String {
    token(&json!({ "alg": "EdDSA", "kid": "k" }), claims)
}

fn policy(parts: Parts) -> Policy {
    let version = SnapshotVersion {
        epoch: 1,
        version: 1,
        digest: Digest::of(b""),
    };
    Policy::new(version, parts).unwrap()
}

/// Opens an exchange; every signature is right.
fn open(policy: Policy, asked: &Asked<'_>, tokens: &mut TokenCache) -> (Exchange, HeadStep) {
    let mut headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    if let Some(token) = &asked.token {
        let bearer = format!("Bearer {token}").into_bytes();
        headers.push(("authorization".to_owned(), bearer));
    }
    let context = Context {
        policy: Some(Arc::new(policy)),
        keys: Arc::new(Keyring::default()),
        limits: Limits::DEFAULT,
        unmatched: asked.unmatched,
        decision_id: DecisionId::new([7; 16]),
        now: Time::from_unix_ms(NOW_SECONDS * 1_000),
        may_wait: asked.may_wait,
        lists: None,
        conversation_keys: Arc::default(),
    };
    let head = RequestHead {
        method: asked.method.as_bytes(),
        authority: b"mcp.test",
        path: asked.path.as_bytes(),
        headers: Headers::new(&headers),
        cluster: asked.cluster,
        route_server: None,
        source: None,
        vouched: asked.vouched,
        ends: asked.method != "POST",
    };
    let (mut exchange, mut step) = Exchange::open(context, &head, tokens);
    if let HeadStep::Verify = step {
        assert_eq!(exchange.signature_check().unwrap().signature, b"sig");
        step = exchange.verified(true, tokens);
    }
    (exchange, step)
}

fn cache() -> TokenCache {
    TokenCache::new((1, 2), 8)
}

/// Who acts, and for which workspace; or how the request is refused.
fn who(asked: &Asked<'_>) -> Result<(Principal, Box<str>), String> {
    let (exchange, step) = open(policy(parts()), asked, &mut cache());
    match step {
        HeadStep::AwaitBody => Ok((Principal::clone(&exchange.principal), exchange.workspace)),
        HeadStep::Reply(reply) => Err(challenge(&reply)),
        step @ (HeadStep::Pass
        | HeadStep::Watch(_)
        | HeadStep::Verify
        | HeadStep::AwaitKey(_)
        | HeadStep::AwaitCredential(_)
        | HeadStep::Forward(_)) => Err(format!("{step:?}")),
    }
}

fn challenge(reply: &Reply) -> String {
    let header = reply
        .headers
        .iter()
        .find(|(name, _)| *name == "www-authenticate");
    format!("{} {}", reply.status, header.map_or("", |(_, value)| value))
}

fn call(tool: &str) -> Vec<u8> {
    let message = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": tool, "arguments": {} }
    });
    message.to_string().into_bytes()
}

#[test]
fn an_audience_selects_the_workspace() {
    let at = |path, audience: Value| {
        let token = Some(good(&json!({ "aud": audience })));
        let asked = Asked {
            path,
            token,
            ..Asked::default()
        };
        who(&asked).map(|(_, workspace)| workspace.to_string())
    };
    let refused = |found: Result<String, String>, error: &str| {
        let found = found.unwrap_err();
        assert!(found.contains(error), "{found}");
    };
    assert_eq!(at("/mcp", json!("mcp")).unwrap(), "w");
    assert_eq!(at("/mcp", json!(["x", "mcp"])).unwrap(), "w");
    assert_eq!(at("/shared", json!("shared")).unwrap(), "shared");
    assert_eq!(at("/shared", json!("red")).unwrap(), "red");
    assert_eq!(
        at("/shared", json!(["red", "also-red", "x"])).unwrap(),
        "red"
    );
    refused(at("/mcp", json!("red")), "another audience");
    refused(at("/shared", json!("mcp")), "another audience");
    refused(
        at("/shared", json!(["red", "blue"])),
        "more than one workspace",
    );
    refused(
        at("/shared", json!(["red", "shared"])),
        "more than one workspace",
    );
    for nothing in [json!(null), json!([]), json!([7]), json!({ "mcp": 1 })] {
        refused(at("/mcp", nothing), "another audience");
    }
}

#[test]
fn a_remembered_token_is_still_meant_for_one_endpoint() {
    let mut tokens = cache();
    let open_at = |path, tokens: &mut TokenCache| {
        let asked = Asked {
            path,
            token: Some(good(&json!({ "aud": "mcp" }))),
            ..Asked::default()
        };
        open(policy(parts()), &asked, tokens).1
    };
    for _ in 0..2 {
        assert!(matches!(open_at("/mcp", &mut tokens), HeadStep::AwaitBody));
        let HeadStep::Reply(reply) = open_at("/shared", &mut tokens) else {
            panic!("admitted for another audience");
        };
        assert!(challenge(&reply).contains("another audience"));
    }
}

#[test]
fn a_certificate_names_the_agent_and_a_token_the_user() {
    let agent = "spiffe://mesh.test/ns/a/sa/bot";
    let with = |certificate, token: Option<&Value>| {
        let vouched = Vouched {
            certificate,
            ..Vouched::default()
        };
        let token = token.map(good);
        who(&Asked {
            token,
            vouched,
            ..Asked::default()
        })
    };
    let delegated = json!({ "act": { "sub": "other-bot" }, "client_id": "cli" });
    let (alone, workspace) = with(Some(agent), None).unwrap();
    assert!(alone.is_authenticated() && alone.user.is_none() && &*workspace == "w");
    assert_eq!(alone.agent.as_deref(), Some(agent));
    assert_eq!(alone.issuer.as_deref(), Some(MESH));
    let (both, _) = with(Some(agent), Some(&delegated)).unwrap();
    assert_eq!(both.user.as_deref(), Some("ann"));
    assert_eq!(both.issuer.as_deref(), Some(ISSUER));
    assert_eq!(both.agent.as_deref(), Some(agent));
    assert_eq!(both.client.as_deref(), Some("cli"));
    for stranger in [
        None,
        Some("spiffe://else.test/ns/a"),
        Some("spiffe://mesh.test"),
        Some("https://mesh.test/ns/a"),
    ] {
        let (user, _) = with(stranger, Some(&delegated)).unwrap();
        assert_eq!(user.agent.as_deref(), Some("other-bot"), "{stranger:?}");
        assert!(with(stranger, None).unwrap_err().starts_with("401 "));
    }
    let borrowed = json!({ "act": { "sub": "spiffe://mesh.test/ns/a/sa/boss" } });
    let (both, _) = with(Some(agent), Some(&borrowed)).unwrap();
    assert_eq!(both.agent.as_deref(), Some(agent));
    for stranger in [None, Some("spiffe://else.test/ns/a")] {
        let refused = with(stranger, Some(&borrowed)).unwrap_err();
        assert!(
            refused.contains("which only a certificate proves"),
            "{refused}"
        );
    }
}

#[test]
fn claims_that_the_proxy_verified_count_for_their_own_issuer_alone() {
    let pairs = |claims: &[(&str, &[u8])]| {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut bytes = length(&vec![0; claims.len()]).to_vec();
        for (key, value) in claims {
            bytes.extend(length(key.as_bytes()));
            bytes.extend(length(value));
        }
        for (key, value) in claims {
            bytes.extend([key.as_bytes(), b"\0", value, b"\0"].concat());
        }
        bytes
    };
    let seconds = u32::try_from(NOW_SECONDS).unwrap() + 60;
    let expiry = f64::from(seconds).to_le_bytes();
    let claims = |issuer: &str| {
        let members: [(&str, &[u8]); 4] = [
            ("iss", issuer.as_bytes()),
            ("sub", b"ann"),
            ("aud", b"mcp"),
            ("exp", &expiry),
        ];
        pairs(&members)
    };
    let with = |key: &str, issuer, token: Option<String>| {
        let metadata = [(Box::from(key), claims(issuer))];
        let vouched = Vouched {
            metadata: &metadata,
            ..Vouched::default()
        };
        who(&Asked {
            token,
            vouched,
            ..Asked::default()
        })
    };
    let (user, _) = with(KEY, "https://proxy.test", None).unwrap();
    assert_eq!(user.user.as_deref(), Some("ann"));
    assert_eq!(user.issuer.as_deref(), Some("https://proxy.test"));
    // An issuer whose tokens are verified here has no say through the proxy.
    for (key, issuer) in [
        (KEY, ISSUER),
        (KEY, "https://x"),
        ("k", "https://proxy.test"),
    ] {
        let refused = with(key, issuer, None).unwrap_err();
        assert!(refused.contains("issuer is not known"), "{refused}");
        let (user, _) = with(key, issuer, Some(good(&json!({})))).unwrap();
        assert_eq!(user.issuer.as_deref(), Some(ISSUER));
    }
    // A token of the proxy's issuer is no bearer token here.
    let asked = Asked {
        token: Some(good(&json!({ "iss": "https://proxy.test" }))),
        ..Asked::default()
    };
    assert!(who(&asked).unwrap_err().contains("issuer is not known"));
}

#[test]
fn scopes_are_asked_for_where_rules_would_let_it_through() {
    let answer = |scope: &str, tool: &str| {
        let asked = Asked {
            path: "/scoped",
            token: Some(good(&json!({ "scope": scope }))),
            ..Asked::default()
        };
        let (mut exchange, step) = open(policy(parts()), &asked, &mut cache());
        assert!(matches!(step, HeadStep::AwaitBody));
        match exchange.body(&call(tool)) {
            BodyStep::Forward { .. } => "forwarded".to_owned(),
            BodyStep::Spend(_) => panic!("there are no quotas"),
            BodyStep::Reply(reply) => {
                assert!(reply.body.contains("\"id\":7"), "{}", reply.body);
                challenge(&reply)
            }
            BodyStep::AwaitCredential { .. } => panic!("there are no credentials"),
            BodyStep::AwaitRecord { .. } => panic!("nothing is written ahead"),
        }
    };
    let url = "https://mcp.test/.well-known/oauth-protected-resource/scoped";
    let insufficient = |scopes: &str| {
        format!(
            "403 Bearer realm=\"mcp\", resource_metadata=\"{url}\", scope=\"{scopes}\", \
             error=\"insufficient_scope\", error_description=\"the token lacks a scope that this needs\""
        )
    };
    assert_eq!(answer("mcp", "get_note"), "forwarded");
    assert_eq!(answer("mcp write", "set_note"), "forwarded");
    assert_eq!(answer("", "get_note"), insufficient("mcp"));
    assert_eq!(answer("", "set_note"), insufficient("mcp write"));
    assert_eq!(answer("mcp", "set_note"), insufficient("write"));
    // What the rules refuse, no scope would open.
    assert_eq!(answer("mcp", "drop_notes"), "200 ");
    let without = who(&Asked {
        path: "/scoped",
        ..Asked::default()
    });
    assert_eq!(
        without.unwrap_err(),
        format!("401 Bearer realm=\"mcp\", resource_metadata=\"{url}\", scope=\"mcp\"")
    );
}

#[test]
fn clients_learn_where_tokens_come_from() {
    let read = |method, path| {
        let asked = Asked {
            method,
            path,
            cluster: "",
            ..Asked::default()
        };
        let (mut exchange, step) = open(policy(parts()), &asked, &mut cache());
        let HeadStep::Reply(reply) = step else {
            panic!("{step:?}");
        };
        exchange.close(Time::default());
        (reply, exchange.take_entries().len())
    };
    let get = |path| read("GET", path).0;
    let json = |reply: &Reply| serde_json::from_str::<Value>(&reply.body).unwrap();
    let well_known = "/.well-known/oauth-protected-resource";
    let (reply, entries) = read("GET", "/.well-known/oauth-protected-resource/scoped?x=1");
    assert_eq!((reply.status, entries), (200, 0));
    assert_eq!(
        json(&reply),
        json!({
            "resource": "https://mcp.test/scoped",
            "authorization_servers": [ISSUER, "https://proxy.test"],
            "scopes_supported": ["mcp"],
            "bearer_methods_supported": ["header"],
        })
    );
    assert!(
        reply
            .headers
            .contains(&("access-control-allow-origin", "*".to_owned()))
    );
    // An endpoint is found by the URL that it is known by.
    let shared = json(&get("/.well-known/oauth-protected-resource/tools/shared"));
    assert_eq!(shared["resource"], "https://gate.test/tools/shared");
    assert_eq!(
        get("/.well-known/oauth-protected-resource/shared").status,
        404
    );
    // The host has several endpoints, so its root stands for none of them.
    assert_eq!(get(well_known).status, 404);
    assert_eq!(
        read("OPTIONS", "/.well-known/oauth-protected-resource/mcp")
            .0
            .status,
        204
    );
    assert_eq!(
        read("POST", "/.well-known/oauth-protected-resource/mcp")
            .0
            .status,
        405
    );
}

#[test]
fn one_endpoint_answers_for_its_host() {
    let mut alone = parts();
    alone.servers.pop();
    alone.servers[0].endpoints.pop();
    let asked = Asked {
        method: "GET",
        path: "/.well-known/oauth-protected-resource",
        ..Asked::default()
    };
    let (_, step) = open(policy(alone), &asked, &mut cache());
    assert!(
        matches!(step, HeadStep::Reply(reply) if reply.body.contains("\"https://mcp.test/mcp\""))
    );
}

#[test]
fn nobody_finds_another_authorization_server_behind_the_gateway() {
    let ask = |method, path, unmatched, cluster| {
        let asked = Asked {
            method,
            path,
            unmatched,
            cluster,
            ..Asked::default()
        };
        match open(policy(parts()), &asked, &mut cache()).1 {
            HeadStep::Pass => None,
            HeadStep::Reply(reply) => Some((reply.status, reply.body)),
            step @ (HeadStep::Watch(_)
            | HeadStep::Verify
            | HeadStep::AwaitKey(_)
            | HeadStep::AwaitCredential(_)
            | HeadStep::AwaitBody
            | HeadStep::Forward(_)) => panic!("{step:?}"),
        }
    };
    for (method, path) in [
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.well-known/oauth-authorization-server/mcp"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/.well-known/oauth-protected-resource/nowhere"),
        ("POST", "/register"),
    ] {
        for (unmatched, cluster) in [
            (Unmatched::Refuse, "c"),
            (Unmatched::Refuse, "web"),
            (Unmatched::Pass, "c"),
        ] {
            let (status, body) = ask(method, path, unmatched, cluster).unwrap();
            assert_eq!(status, 404);
            assert!(body.contains("\"no_authorization_server\""), "{body}");
        }
        assert_eq!(ask(method, path, Unmatched::Pass, "web"), None, "{path}");
    }
    let (_, body) = ask("GET", "/register", Unmatched::Refuse, "c").unwrap();
    assert!(body.contains("\"unknown_server\""), "{body}");
    let beside = "/.well-known/oauth-authorization-servers";
    let (_, body) = ask("GET", beside, Unmatched::Pass, "c").unwrap();
    assert!(body.contains("\"unknown_server\""), "{body}");
    assert_eq!(ask("GET", beside, Unmatched::Pass, "web"), None);
}

#[test]
fn an_unknown_key_is_worth_waiting_for_where_all_else_is_right() {
    let step = |header: Value, claims: Value, may_wait| {
        let mut parts = parts();
        parts.identity_providers[0].has_key_set = true;
        let asked = Asked {
            token: Some(token(&header, &claims)),
            may_wait,
            ..Asked::default()
        };
        open(policy(parts), &asked, &mut cache()).1
    };
    let wants = |header: &Value, claims: &Value, may_wait| {
        matches!(
            step(header.clone(), claims.clone(), may_wait),
            HeadStep::AwaitKey(_)
        )
    };
    let new = json!({ "alg": "EdDSA", "kid": "new" });
    let HeadStep::AwaitKey(key) = step(new.clone(), json!({}), true) else {
        panic!("not waited for");
    };
    assert_eq!(
        &*key.identity_provider,
        "organizations/o/identityProviders/tokens"
    );
    assert_eq!(&*key.key_id, "new");
    assert!(!wants(&new, &json!({}), false));
    assert!(!wants(&new, &json!({ "exp": NOW_SECONDS }), true));
    assert!(!wants(&new, &json!({ "sub": 7 }), true));
    assert!(!wants(
        &json!({ "alg": "HS256", "kid": "new" }),
        &json!({}),
        true
    ));
    assert!(!wants(
        &json!({ "alg": "ES256", "kid": "k" }),
        &json!({}),
        true
    ));
    assert!(!wants(&json!({ "alg": "RS256" }), &json!({}), true));
    let at_limit = |length| json!({ "alg": "EdDSA", "kid": "k".repeat(length) });
    assert!(wants(&at_limit(256), &json!({}), true));
    assert!(!wants(&at_limit(257), &json!({}), true));
}

#[test]
fn an_algorithm_belongs_to_the_issuer_and_a_type_to_access_tokens() {
    let accepts = |change: &dyn Fn(&mut IdentityProvider), header: Value| {
        let mut parts = parts();
        change(&mut parts.identity_providers[0]);
        let asked = Asked {
            token: Some(token(&header, &json!({}))),
            ..Asked::default()
        };
        let (_, step) = open(policy(parts), &asked, &mut cache());
        matches!(step, HeadStep::AwaitBody)
    };
    let header = |kind: &str| json!({ "alg": "EdDSA", "kid": "k", "typ": kind });
    assert!(accepts(&|_| {}, header("JWT")));
    assert!(accepts(
        &|p| p.algorithms = vec![Algorithm::EdDsa],
        header("JWT")
    ));
    assert!(!accepts(
        &|p| p.algorithms = vec![Algorithm::Rs256],
        header("JWT")
    ));
    let strict = |p: &mut IdentityProvider| p.access_tokens_only = true;
    assert!(accepts(&strict, header("at+jwt")));
    assert!(accepts(&strict, header("application/AT+JWT")));
    assert!(!accepts(&strict, header("JWT")));
    assert!(!accepts(&strict, json!({ "alg": "EdDSA", "kid": "k" })));
}

#[test]
fn no_two_organizations_share_an_audience_or_an_issuer() {
    let rejected = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        let version = SnapshotVersion {
            epoch: 1,
            version: 1,
            digest: Digest::of(b""),
        };
        Policy::new(version, parts).unwrap_err().to_string()
    };
    let foreign = |issuer: &str, audience: &str| IdentityProvider {
        name: "organizations/p/identityProviders/p".into(),
        ..provider("x", issuer, Source::Token, &[audience])
    };
    let shared = rejected(&|parts| {
        parts
            .identity_providers
            .push(foreign("https://else.test", "red"));
    });
    assert_eq!(
        shared,
        "`organizations/p` and `organizations/o` both accept the audience `red`"
    );
    let twice = rejected(&|parts| parts.identity_providers.push(foreign(ISSUER, "p")));
    assert_eq!(twice, "issuer `https://idp.test` occurs twice");
}
