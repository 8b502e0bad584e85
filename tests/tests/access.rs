//! Who may call the control plane: every RPC, by everyone who may not, and by who may.

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs, process::Output};

    use chancery_proto::{
        audit::v1::{
            AdminChange, Entry, Provenance, Record, SearchRecordsRequest, Verdict,
            audit_service_client::AuditServiceClient, entry::Event,
        },
        node::v1::{
            ConnectRequest, ConnectResponse, Hello, KeyRequest, connect_request, connect_response,
            node_service_client::NodeServiceClient,
        },
    };
    use chancery_tests::{
        artifacts,
        client::{self, Era},
        control_plane::{ROOT, Secured},
        envoy::{ControlPlaneTls, Envoy, EnvoyOptions, Filter, Upstream},
        identity::Flaw,
        mcp_server::McpServer,
        pki::{Authority, Identity},
        rpc::{self, Rpc},
        wait::{self, TimedOut},
    };
    use prost::Message as _;
    use rmcp::model::CallToolRequestParams;
    use serde_json::{Value, json};
    use tonic::{Code, Status, transport::Channel};

    /// Every administrator of these tests, as a certificate and in a binding.
    const BINDINGS: [(&str, &str, &str); 8] = [
        ("a", "viewer", ""),
        ("a", "author", ""),
        ("a", "reviewer", ""),
        ("a", "auditor", ""),
        ("a", "operator", ""),
        ("b", "operator", ""),
        ("b", "author", ""),
        ("a", "author", "w"),
    ];

    fn member((organization, role, workspace): (&str, &str, &str)) -> String {
        let workspace = if workspace.is_empty() {
            "all"
        } else {
            workspace
        };
        format!("spiffe://test/{organization}/{workspace}/{role}")
    }

    async fn site() -> Secured {
        let nodes = json!([
            { "certificate": "spiffe://test/envoy/*", "organizations": ["a"] },
            { "certificate": "spiffe://test/fleet", "nodeIds": ["pod-*"], "organizations": ["*"] },
        ]);
        let site = Secured::start(nodes).await.unwrap();
        let documents = BINDINGS.map(|binding| {
            let (organization, role, workspace) = binding;
            let mut spec = json!({
                "members": [format!("certificate:{}", member(binding))],
                "roles": [role],
            });
            if !workspace.is_empty() {
                spec["workspace"] = json!(workspace);
            }
            let name = if workspace.is_empty() {
                role
            } else {
                "in-part"
            };
            json!({
                "apiVersion": "chancery.dev/v1",
                "kind": "Binding",
                "metadata": { "name": name, "organization": organization },
                "spec": spec,
            })
            .to_string()
        });
        let file = site.folder().join("bindings.yaml");
        fs::write(&file, documents.join("\n---\n")).unwrap();
        let root = site.pki.client(Authority::Admins, ROOT).unwrap();
        let applied = site
            .command(&root, &["apply", "-f", "bindings.yaml"])
            .output()
            .unwrap();
        succeeded(&applied);
        site
    }

    fn succeeded(output: &Output) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }

    /// Who may call an RPC about organization `a`; `root` where all organizations are touched.
    fn allowed(rpc: &Rpc) -> &'static str {
        match (rpc.service(), rpc.method()) {
            ("StoreKeyService", _) | (_, "RollbackSnapshot") => "root",
            ("AuditService", _) | (_, "ExplainDecision" | "ReplayDecisions") => "auditor",
            (_, "ApproveProposal" | "RejectProposal") => "reviewer",
            (_, "WithdrawProposal") => "author",
            ("PolicyService", _) => "viewer",
            (_, method)
                if ["Get", "List", "Diff"]
                    .iter()
                    .any(|verb| method.starts_with(verb)) =>
            {
                "viewer"
            }
            (
                "OrganizationService" | "BindingService" | "OfferService" | "CredentialService",
                _,
            ) => "operator",
            _ => "author",
        }
    }

    fn is_refused(answer: &Result<(), Status>, as_what: Code) -> bool {
        answer
            .as_ref()
            .is_err_and(|status| status.code() == as_what)
    }

    #[tokio::test]
    async fn every_rpc_refuses_whoever_may_not_call_it() {
        let site = site().await;
        let rpcs: Vec<_> = rpc::all().unwrap();
        let rpcs: Vec<_> = rpcs
            .iter()
            .filter(|rpc| rpc.service() != "NodeService")
            .collect();
        let nobody = site.connect(site.admin(), None).await.unwrap();
        let expired_token = site.issuer.flawed(Flaw::Expired, "alice", &[]).unwrap();
        let foreign = login(&site, &member(("b", "operator", ""))).await;
        let viewer = login(&site, &member(("a", "viewer", ""))).await;
        let (mut refused, mut admitted) = (0, 0);
        for rpc in &rpcs {
            let path = rpc.path();
            let answer = rpc.call(&nobody, None, "a").await;
            assert!(
                is_refused(&answer, Code::Unauthenticated),
                "{path} by nobody: {answer:?}"
            );
            let answer = rpc.call(&nobody, Some(&expired_token), "a").await;
            assert!(
                is_refused(&answer, Code::Unauthenticated),
                "{path} expired: {answer:?}"
            );
            let answer = rpc.call(&foreign, None, "a").await;
            assert!(
                is_refused(&answer, Code::PermissionDenied),
                "{path} by b's operator: {answer:?}"
            );
            refused += 3;
            let role = allowed(rpc);
            if role != "viewer" {
                let answer = rpc.call(&viewer, None, "a").await;
                assert!(
                    is_refused(&answer, Code::PermissionDenied),
                    "{path} by viewer: {answer:?}"
                );
                refused += 1;
            }
            let who = if role == "root" {
                ROOT.to_owned()
            } else {
                member(("a", role, ""))
            };
            let allowed = login(&site, &who).await;
            let answer = rpc.call(&allowed, None, "a").await;
            let code = answer.as_ref().err().map(Status::code);
            assert!(
                !matches!(code, Some(Code::PermissionDenied | Code::Unauthenticated)),
                "{path} by {role}: {answer:?}"
            );
            admitted += 1;
        }
        println!(
            "access: {} RPCs, {refused} refusals, {admitted} admissions",
            rpcs.len()
        );
    }

    #[tokio::test]
    async fn certificates_of_others_and_of_old_do_not_even_shake_hands() {
        let site = site().await;
        let alien = site.pki.client(Authority::Strangers, ROOT).unwrap();
        let old = site.pki.expired(Authority::Admins, ROOT).unwrap();
        let node = site
            .pki
            .client(Authority::Nodes, "spiffe://test/envoy/envoy-1")
            .unwrap();
        let root = site.pki.client(Authority::Admins, ROOT).unwrap();
        for (address, identity) in [
            (site.admin(), &alien),
            (site.admin(), &old),
            (site.admin(), &node),
            (site.node(), &alien),
            (site.node(), &root),
        ] {
            for rpc in rpc::all().unwrap() {
                let answer = match site.connect(address, Some(identity)).await {
                    Ok(channel) => rpc.call(&channel, None, "a").await,
                    Err(error) => Err(Status::from_error(error.into())),
                };
                // The connection ended: no answer has a source.
                let ended = answer
                    .as_ref()
                    .is_err_and(|status| status.source().is_some());
                assert!(ended, "{} with {identity:?}: {answer:?}", rpc.path());
            }
        }
    }

    #[tokio::test]
    async fn a_token_is_as_good_as_a_certificate_and_a_bad_one_spoils_it() {
        let site = site().await;
        let binding = json!({
            "apiVersion": "chancery.dev/v1",
            "kind": "Binding",
            "metadata": { "name": "by-token", "organization": "a" },
            "spec": { "members": ["user:alice", "group:readers"], "roles": ["viewer"] },
        });
        fs::write(site.folder().join("binding.yaml"), binding.to_string()).unwrap();
        let root = site.pki.client(Authority::Admins, ROOT).unwrap();
        succeeded(
            &site
                .command(&root, &["apply", "-f", "binding.yaml"])
                .output()
                .unwrap(),
        );
        let get = ["get", "binding", "--organization", "a", "-o", "name"];
        let with_token = |token: &str| -> Output {
            fs::write(site.folder().join("token"), token).unwrap();
            site.bare_command(&get)
                .env("CHANCERY_TOKEN_FILE", "token")
                .output()
                .unwrap()
        };
        succeeded(&with_token(&site.issuer.token("alice", &[]).unwrap()));
        succeeded(&with_token(
            &site.issuer.token("bob", &["readers"]).unwrap(),
        ));
        for (token, said) in [
            (
                site.issuer.token("bob", &[]).unwrap(),
                "user:bob is not viewer",
            ),
            (
                site.issuer.flawed(Flaw::Expired, "alice", &[]).unwrap(),
                "expired",
            ),
            (
                site.issuer
                    .flawed(Flaw::WrongAudience, "alice", &[])
                    .unwrap(),
                "another audience",
            ),
            ("nonsense".to_owned(), "not a signed JWT"),
        ] {
            let output = with_token(&token);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.code() == Some(4) && stderr.contains(said),
                "{stderr}"
            );
        }
        fs::write(site.folder().join("token"), "nonsense").unwrap();
        let mut both = site.command(&root, &get);
        let output = both.env("CHANCERY_TOKEN_FILE", "token").output().unwrap();
        assert_eq!(output.status.code(), Some(4));
    }

    #[tokio::test]
    async fn an_author_of_a_workspace_changes_what_is_in_it() {
        let site = site().await;
        let author = member(("a", "author", "w"));
        let author = site.pki.client(Authority::Admins, &author).unwrap();
        let server = |workspace: &str| {
            json!({
                "apiVersion": "chancery.dev/v1",
                "kind": "Server",
                "metadata": { "name": "notes", "organization": "a", "workspace": workspace },
                "spec": { "endpoints": [{ "cluster": "upstream", "path": format!("/{workspace}") }] },
            })
        };
        let apply = |documents: &[Value]| -> Output {
            let documents: Vec<_> = documents.iter().map(ToString::to_string).collect();
            fs::write(site.folder().join("server.yaml"), documents.join("\n---\n")).unwrap();
            site.command(&author, &["apply", "-f", "server.yaml"])
                .output()
                .unwrap()
        };
        succeeded(&apply(&[server("w")]));
        let refused = apply(&[server("w"), server("v")]);
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(4), "{stderr}");
        assert!(stderr.contains("is not author of organizations/a/workspaces/v/servers/notes"));
    }

    #[tokio::test]
    async fn changes_and_failed_attempts_are_on_the_record_with_who_made_them() {
        let site = site().await;
        let nobody = site.connect(site.admin(), None).await.unwrap();
        let viewer = login(&site, &member(("a", "viewer", ""))).await;
        for rpc in rpc::all().unwrap() {
            if rpc.method() == "DeleteRule" {
                assert!(rpc.call(&nobody, None, "a").await.is_err());
                assert!(rpc.call(&viewer, None, "a").await.is_err());
            }
        }
        let auditor = login(&site, &member(("a", "auditor", ""))).await;
        let changes = changes(auditor).await;
        let by = |change: &AdminChange| {
            let user = change
                .principal
                .clone()
                .unwrap_or_default()
                .user
                .unwrap_or_default();
            (user.value, user.provenance)
        };
        let bound = changes
            .iter()
            .filter(|change| change.resource.contains("/bindings/"));
        let bound: Vec<_> = bound.collect();
        assert_eq!(bound.len(), 6, "bindings of a, and none of b: {changes:#?}");
        for change in bound {
            assert_eq!(by(change), (ROOT.to_owned(), Provenance::Verified.into()));
            assert_eq!(change.method, "ApplyResources");
            assert!(change.etag_before.is_empty() && !change.etag_after.is_empty());
        }
        let denied = changes.iter().find(|change| change.method == "DeleteRule");
        let denied = denied.unwrap();
        assert_eq!(by(denied).0, member(("a", "viewer", "")));
        assert!(denied.error.contains("is not author of"), "{denied:?}");
        // Who could not be proven has no organization; such attempts are not for its auditors.
        assert!(changes.iter().all(|change| !by(change).0.is_empty()));
    }

    fn who(site: &Secured, uri: &str) -> Identity {
        site.pki.client(Authority::Admins, uri).unwrap()
    }

    /// Whoever has one role in organization a.
    fn with_role(site: &Secured, role: &str) -> Identity {
        who(site, &member(("a", role, "")))
    }

    fn document(kind: &str, name: &str, spec: &Value) -> Value {
        let mut metadata = json!({ "name": name });
        if kind != "Organization" {
            metadata["organization"] = json!("a");
        }
        json!({
            "apiVersion": "chancery.dev/v1",
            "kind": kind,
            "metadata": metadata,
            "spec": spec,
        })
    }

    fn apply(site: &Secured, identity: &Identity, documents: &[Value]) -> Output {
        let documents: Vec<_> = documents.iter().map(ToString::to_string).collect();
        fs::write(site.folder().join("change.yaml"), documents.join("\n---\n")).unwrap();
        let mut command = site.command(identity, &["apply", "-f", "change.yaml"]);
        command.output().unwrap()
    }

    /// What a change that was applied is proposed as; empty where it is published.
    fn proposed(output: &Output) -> String {
        succeeded(output);
        let said = String::from_utf8_lossy(&output.stdout);
        let rest = said.split_once("proposed as ").map(|(_, rest)| rest);
        let id = rest.and_then(|rest| rest.split_once(':'));
        id.map(|(id, _)| id.to_owned()).unwrap_or_default()
    }

    fn proposals(site: &Secured, identity: &Identity, arguments: &[&str]) -> Output {
        let arguments = [&["proposals", "--organization", "a"], arguments].concat();
        site.command(identity, &arguments).output().unwrap()
    }

    fn refused(output: &Output, code: i32, why: &str) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(code) && said.contains(why),
            "{said}"
        );
    }

    /// A site whose organization a wants a second person; `BOTH` is an author and a reviewer there.
    async fn careful_site() -> Secured {
        let site = site().await;
        let root = who(&site, ROOT);
        let binding = json!({
            "members": [format!("certificate:{BOTH}")],
            "roles": ["author", "reviewer"],
        });
        succeeded(&apply(
            &site,
            &root,
            &[document("Binding", "both", &binding)],
        ));
        let on = apply(&site, &root, &[second_person(true)]);
        assert_eq!(proposed(&on), "", "turning it on needs nobody else");
        site
    }

    const BOTH: &str = "spiffe://test/a/both";

    fn second_person(on: bool) -> Value {
        document("Organization", "a", &json!({ "secondPerson": on }))
    }

    fn notes_at(path: &str) -> [Value; 1] {
        let endpoints = json!({ "endpoints": [{ "cluster": "upstream", "path": path }] });
        [document("Server", "notes", &endpoints)]
    }

    #[tokio::test]
    async fn what_needs_a_second_person_is_published_by_one() {
        let site = careful_site().await;
        let (author, reviewer) = (with_role(&site, "author"), with_role(&site, "reviewer"));
        let (both, viewer) = (who(&site, BOTH), with_role(&site, "viewer"));
        let first = proposed(&apply(&site, &author, &notes_at("/one")));
        let second = proposed(&apply(&site, &both, &notes_at("/two")));
        let get = ["get", "server", "notes", "--organization", "a"];
        let get = || site.command(&viewer, &get).output().unwrap();
        refused(&get(), 3, "there is no");
        let shown = proposals(&site, &reviewer, &["show", &first]);
        let diff = String::from_utf8_lossy(&shown.stdout);
        assert!(
            diff.contains("/notes (proposed)") && diff.contains("/one"),
            "{diff}"
        );

        let approve = |who, id: &str| proposals(&site, who, &["approve", id]);
        refused(&approve(&author, &first), 4, "is not reviewer of");
        refused(
            &approve(&both, &second),
            4,
            "somebody else has to publish it",
        );
        let taken = proposals(&site, &author, &["withdraw", &second]);
        refused(&taken, 4, "who alone can take it back");
        succeeded(&approve(&reviewer, &first));
        succeeded(&get());
        refused(&approve(&reviewer, &first), 5, "is published already");
        refused(&approve(&reviewer, &second), 5, "is out of date");
        succeeded(&proposals(&site, &both, &["withdraw", &second]));

        let auditor = login(&site, &member(("a", "auditor", ""))).await;
        let changes = changes(auditor).await;
        let published = changes.iter().find(|change| {
            change.method == "ApproveProposal" && change.resource.ends_with("/servers/notes")
        });
        let published = published.unwrap();
        assert!(published.proposal.ends_with(&first) && !published.etag_after.is_empty());
    }

    #[tokio::test]
    async fn a_second_person_is_needed_to_do_without_one() {
        let site = careful_site().await;
        let (root, both) = (who(&site, ROOT), who(&site, BOTH));
        let (author, reviewer) = (with_role(&site, "author"), with_role(&site, "reviewer"));
        let off = proposed(&apply(&site, &root, &[second_person(false)]));
        succeeded(&proposals(&site, &both, &["reject", &off, "-m", "not yet"]));
        assert_ne!(proposed(&apply(&site, &author, &notes_at("/one"))), "");
        let off = proposed(&apply(&site, &root, &[second_person(false)]));
        // Whoever operates everything reviews everything, too, and is no second person to itself.
        let alone = proposals(&site, &root, &["approve", &off]);
        refused(&alone, 4, "somebody else has to publish it");
        succeeded(&proposals(&site, &reviewer, &["approve", &off]));
        assert_eq!(proposed(&apply(&site, &author, &notes_at("/one"))), "");
    }

    #[tokio::test]
    async fn certificates_are_replaced_while_it_runs_and_bad_ones_are_not() {
        let site = site().await;
        let pid = rustix::process::Pid::from_raw(i32::try_from(site.id()).unwrap()).unwrap();
        let hang_up = || rustix::process::kill_process(pid, rustix::process::Signal::HUP);
        let logged = async |what: &str| {
            let found = async || Ok(site.log().contains(what).then_some(()));
            wait::until::<(), TimedOut>(what, wait::PATIENCE, found).await
        };
        let server = site.pki.server().unwrap();
        hang_up().unwrap();
        logged("a certificate was replaced").await.unwrap();
        let root = site.pki.client(Authority::Admins, ROOT).unwrap();
        site.connect(site.admin(), Some(&root)).await.unwrap();
        fs::write(&server.certificate, "nonsense").unwrap();
        hang_up().unwrap();
        logged("a certificate is not replaced; the one before serves on")
            .await
            .unwrap();
        site.connect(site.admin(), Some(&root)).await.unwrap();
    }

    #[tokio::test]
    async fn it_does_not_run_without_knowing_its_callers() {
        let site = site().await;
        let refused = site
            .bare_command(&["serve", "--data-dir", "elsewhere"])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr.contains("it is not said who may call") && stderr.contains("--config FILE"));
        let open = ["serve", "--data-dir", "elsewhere", "--insecure-development"];
        let mut open = site.bare_command(&open);
        let refused = open.args(["--listen", "0.0.0.0:0"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
    }

    /// What the record holds for a reader, with the nodes that say so.
    async fn records(channel: Channel) -> Vec<(String, Entry)> {
        let mut client = AuditServiceClient::new(channel);
        let request = SearchRecordsRequest::default();
        let found = client.search_records(request).await.unwrap().into_inner();
        let records = found.records.into_iter().filter_map(|it| it.record);
        let read = |record: Record| (record.node_id, Entry::decode(&*record.entry).unwrap());
        records.map(read).collect()
    }

    async fn changes(channel: Channel) -> Vec<AdminChange> {
        let records = records(channel).await.into_iter();
        let changes = records.filter_map(|(_, entry)| match entry.event? {
            Event::AdminChange(change) => Some(change),
            Event::Decision(_) | Event::Outcome(_) | Event::Drift(_) | Event::Gap(_) => None,
        });
        changes.collect()
    }

    async fn login(site: &Secured, uri: &str) -> Channel {
        let identity = site.pki.client(Authority::Admins, uri).unwrap();
        site.connect(site.admin(), Some(&identity)).await.unwrap()
    }

    #[tokio::test]
    async fn a_node_is_what_its_certificate_says_and_gets_what_it_serves() {
        let site = site().await;
        succeeded(&apply(&site, &with_role(&site, "author"), &notes_at("/a")));
        let mut others = notes_at("/b");
        others[0]["metadata"]["organization"] = json!("b");
        let others_author = who(&site, &member(("b", "author", "")));
        succeeded(&apply(&site, &others_author, &others));

        let node = |uri: &str| site.pki.client(Authority::Nodes, uri).unwrap();
        let envoy = node("spiffe://test/envoy/envoy-1");
        let fleet = node("spiffe://test/fleet");
        let welcome = connect(&site, &envoy, "envoy-1", "a").await.unwrap();
        assert_eq!(keys_of(&welcome), ["organizations/a"]);
        let policy = sections_of(&welcome);
        assert!(policy.contains("organizations/a/") && !policy.contains("organizations/b/"));
        let welcome = connect(&site, &fleet, "pod-3", "b").await.unwrap();
        assert_eq!(keys_of(&welcome), ["organizations/a", "organizations/b"]);
        let policy = sections_of(&welcome);
        assert!(policy.contains("organizations/a/") && policy.contains("organizations/b/"));

        for (identity, id, asks) in [
            (&envoy, "envoy-2", "a"),
            (&fleet, "envoy-1", "a"),
            (&node("spiffe://other/envoy-1"), "envoy-1", "a"),
            // What it does not serve it may not even ask about.
            (&envoy, "envoy-1", "b"),
        ] {
            let refused = connect(&site, identity, id, asks).await;
            assert_eq!(
                refused.err().unwrap().code(),
                Code::PermissionDenied,
                "{id}"
            );
        }
    }

    fn keys_of(messages: &[ConnectResponse]) -> Vec<&str> {
        let mut organizations = Vec::new();
        for message in messages {
            if let Some(connect_response::Message::SealingKeys(keys)) = &message.message {
                organizations.push(&*keys.organization);
            }
        }
        organizations
    }

    /// What of a policy is text.
    fn sections_of(messages: &[ConnectResponse]) -> String {
        let mut text = String::new();
        for message in messages {
            if let Some(connect_response::Message::SectionChunk(chunk)) = &message.message {
                text.push_str(&String::from_utf8_lossy(&chunk.data));
            }
        }
        text
    }

    /// An Envoy that is `spiffe://test/envoy/envoy-1`, enforcing what site serves it.
    async fn envoy(site: &Secured, server: &McpServer) -> Envoy {
        let filter = Filter::Chancery(artifacts::filter().unwrap());
        let upstream = Upstream::local("upstream", server.address());
        let mut options = EnvoyOptions::new(filter, vec![upstream], site.node());
        let uri = "spiffe://test/envoy/envoy-1";
        options.control_plane_tls = Some(ControlPlaneTls {
            ca: site.pki.ca(Authority::Admins),
            name: "localhost".to_owned(),
            identity: site.pki.client(Authority::Nodes, uri).unwrap(),
        });
        let envoy = Envoy::start(&options).await.unwrap();
        let instances = options.instances().to_string();
        let wait = ["nodes", "--wait", "--min-instances", &instances];
        let wait = site.command(&with_role(site, "viewer"), &wait);
        let nodes = tokio::process::Command::from(wait).output().await.unwrap();
        succeeded(&nodes);
        assert!(String::from_utf8_lossy(&nodes.stdout).contains("envoy-1"));
        envoy
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_envoy_shows_its_certificate_and_enforces_what_it_serves() {
        let site = site().await;
        let server = McpServer::start().await.unwrap();
        let notes = json!({
            "endpoints": [{ "cluster": "upstream", "path": "/mcp" }],
            "authentication": "optional",
        });
        let anyone = json!({
            "effect": "allow",
            "subjects": { "anyone": true },
            "servers": ["notes"],
            "tools": ["get_note"],
        });
        let documents = [
            document("Server", "notes", &notes),
            document("Rule", "anyone-gets-notes", &anyone),
        ];
        succeeded(&apply(&site, &with_role(&site, "author"), &documents));
        let envoy = envoy(&site, &server).await;

        let url = format!("http://{}/mcp", envoy.address().unwrap());
        let session = client::connect(&url, Era::Legacy, None).await.unwrap();
        let listed = session.list_all_tools().await.unwrap();
        let names: Vec<_> = listed.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["get_note"]);
        let mut call = CallToolRequestParams::new("get_note");
        call.arguments = json!({ "id": "welcome" }).as_object().cloned();
        let result = session.call_tool(call).await.unwrap();
        assert_ne!(result.is_error, Some(true), "{result:?}");
        assert_eq!(server.received().called_tools(), ["get_note"]);

        let auditor = login(&site, &member(("a", "auditor", ""))).await;
        let decided = async || {
            let records = records(auditor.clone()).await.into_iter();
            let mut decisions = records.filter_map(|(node, entry)| match entry.event? {
                Event::Decision(decision) => Some((node, decision)),
                Event::Outcome(_) | Event::Drift(_) | Event::AdminChange(_) | Event::Gap(_) => None,
            });
            Ok::<_, TimedOut>(decisions.find(|(_, decision)| decision.capability == "get_note"))
        };
        let what = "the decision to be recorded";
        let (node, decision) = wait::until(what, wait::PATIENCE, decided).await.unwrap();
        let seen = (&*node, decision.verdict());
        assert_eq!(seen, ("envoy-1", Verdict::Allow), "{decision:?}");
        // The auditor of one organization sees what came of it.
        let ended = async || {
            let records = records(auditor.clone()).await.into_iter();
            let mut outcomes = records.filter_map(|(_, entry)| match entry.event? {
                Event::Outcome(outcome) => Some(outcome.server),
                Event::Decision(_) | Event::Drift(_) | Event::AdminChange(_) | Event::Gap(_) => {
                    None
                }
            });
            Ok::<_, TimedOut>(outcomes.next())
        };
        let what = "an outcome to be recorded";
        let server = wait::until(what, wait::PATIENCE, ended).await.unwrap();
        assert_eq!(server, "organizations/a/workspaces/default/servers/notes");
    }

    /// What a node gets up to the answer to a question about an organization's identity provider.
    async fn connect(
        site: &Secured,
        identity: &Identity,
        node_id: &str,
        asks: &str,
    ) -> Result<Vec<ConnectResponse>, Status> {
        let channel = site.connect(site.node(), Some(identity)).await.unwrap();
        let hello = connect_request::Message::Hello(Hello {
            node_id: node_id.to_owned(),
            instance_id: vec![7; 16],
            ..Hello::default()
        });
        let question = connect_request::Message::KeyRequest(KeyRequest {
            identity_provider: format!("organizations/{asks}/identityProviders/p"),
            key_id: "k".to_owned(),
        });
        let requests = [hello, question].map(|message| ConnectRequest {
            message: Some(message),
        });
        let requests = tokio_stream::iter(requests);
        let requests = tokio_stream::StreamExt::chain(requests, tokio_stream::pending());
        let mut client = NodeServiceClient::new(channel);
        let mut answers = client.connect(requests).await?.into_inner();
        let mut messages = Vec::new();
        while let Some(answer) = answers.message().await? {
            let is_last = matches!(
                answer.message,
                Some(connect_response::Message::KeyAnswer(_))
            );
            messages.push(answer);
            if is_last {
                break;
            }
        }
        Ok(messages)
    }
}
