//! What a decision costs, and compiling what it is made by, as rules, tools and users grow.
//!
//! The last line is the figure: the slowest of the mixes at 10,000 tools and 1,000 rules, the same
//! mix at 100 tools and 10 rules, compiling all of the largest from its bytes, and compiling what one
//! changed rule of it makes another.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it measures time of snapshots it makes itself, and prints a figure"
)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use chancery_engine::{
    circumstances::Circumstances,
    id::Time,
    json::Document,
    limits::Limits,
    message::Method,
    policy::{Policy, ServerIndex},
    principal::Principal,
    rule::{Act, Given, Target},
    snapshot::{Loader, Progress, compile},
    trust::TrustKeys,
};
use chancery_proto::policy::v1 as pb;
use criterion::{BenchmarkId, Criterion};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

const SERVER: &str = "organizations/o/workspaces/w/servers/s";
const USERS: usize = 50_000;

/// How rules name what they are about, and whom.
#[derive(Clone, Copy, Debug)]
enum Mix {
    /// Every tool by name, for one group.
    Names,
    /// Tools by their beginnings, for a group each.
    Globs,
    /// Every tool for a group each.
    Groups,
    /// Tools by name, for users by name.
    Users,
}

const MIXES: [Mix; 4] = [Mix::Names, Mix::Globs, Mix::Groups, Mix::Users];

impl Mix {
    fn rule(self, position: usize, rules: usize, tools: usize) -> pb::Rule {
        let share = |total: usize| {
            let each = total / rules;
            position * each..(position + 1) * each
        };
        let texts = |texts: Vec<String>| texts;
        let mut subjects = pb::Subjects::default();
        match self {
            Self::Names => subjects.groups = texts(vec!["dev".to_owned()]),
            Self::Globs | Self::Groups => subjects.groups = texts(vec![format!("group{position}")]),
            Self::Users => subjects.users = share(USERS).map(user).collect(),
        }
        let tools = match self {
            Self::Names | Self::Users => share(tools).map(tool).collect(),
            Self::Globs => vec![
                format!("{}*", tool(position * (tools / rules))),
                format!("*_{position}x"),
            ],
            Self::Groups => vec!["*".to_owned()],
        };
        pb::Rule {
            name: format!("organizations/o/rules/r{position}"),
            effect: pb::Effect::Allow.into(),
            subjects: Some(subjects),
            servers: vec!["s".to_owned()],
            tools,
            mode: pb::RuleMode::Enforce.into(),
            ..pb::Rule::default()
        }
    }
}

fn tool(position: usize) -> String {
    format!("team{}_tool_{position}", position % 97)
}

fn user(position: usize) -> String {
    format!("user{position}@example.com")
}

/// A snapshot as it comes over the wire.
struct Snapshot {
    manifest: Vec<u8>,
    sections: Vec<Vec<u8>>,
}

fn snapshot(mixes: &[Mix], rules: usize, tools: usize, version: u64) -> Snapshot {
    let server = pb::Server {
        name: SERVER.to_owned(),
        endpoints: vec![pb::Endpoint {
            cluster: "c".to_owned(),
            path: "/mcp".to_owned(),
            ..pb::Endpoint::default()
        }],
        authentication: pb::Authentication::Required.into(),
        on_denied: pb::OnDenied::Reveal.into(),
        ..pb::Server::default()
    };
    let each = rules / mixes.len();
    let of_mix = |(which, mix): (usize, &Mix)| {
        let mix = *mix;
        (0..each).map(move |position| pb::Rule {
            name: format!("organizations/o/rules/r{which}-{position}"),
            ..mix.rule(position, each, tools)
        })
    };
    let mut rules: Vec<_> = mixes.iter().enumerate().flat_map(of_mix).collect();
    if let Some(rule) = rules.first_mut() {
        rule.tools.push(format!("of_version_{version}"));
    }
    let set = pb::RuleSet {
        name: "organizations/o".to_owned(),
        rules,
    };
    let sections = [
        pb::section::Content::Server(server),
        pb::section::Content::RuleSet(set),
    ];
    let sections = sections.map(|content| {
        let section = pb::Section {
            required_features: Vec::new(),
            content: Some(content),
        };
        section.encode_to_vec()
    });
    let reference = |section: &Vec<u8>| pb::SectionReference {
        digest: Sha256::digest(section).to_vec(),
        size_bytes: section.len() as u64,
    };
    let manifest = pb::Manifest {
        epoch: 1,
        version,
        create_time: None,
        sections: sections.iter().map(reference).collect(),
    };
    Snapshot {
        manifest: manifest.encode_to_vec(),
        sections: sections.into(),
    }
}

impl Snapshot {
    fn compile(&self) -> Policy {
        compile(&self.manifest, &self.sections).expect("a snapshot")
    }

    /// Brings all of it to a loader, which has only to compile it then.
    fn offer(&self, loader: &mut Loader) {
        let signed = pb::SignedManifest {
            manifest: self.manifest.clone(),
            signatures: Vec::new(),
        };
        loader.offer(signed).expect("a manifest");
        for section in &self.sections {
            let digest = Sha256::digest(section);
            loader.chunk(&digest, 0, section).expect("a section");
        }
    }
}

/// A call that some rule allows, and whatever judges it.
struct Call {
    policy: Policy,
    server: ServerIndex,
    principal: Arc<Principal>,
    tool: String,
}

impl Call {
    fn new(mix: Mix, rules: usize, tools: usize) -> Self {
        let policy = snapshot(&[mix], rules, tools, 1).compile();
        let server = policy.find(SERVER).expect("its server");
        let middle = rules / 2;
        let first = middle * (tools / rules);
        let group = match mix {
            Mix::Names | Mix::Users => "dev".to_owned(),
            Mix::Globs | Mix::Groups => format!("group{middle}"),
        };
        let groups = ["all", "everyone@example.com", "vpn", "wiki", &*group];
        let principal = Principal {
            user: Some(user(middle * (USERS / rules)).into()),
            groups: groups.into_iter().map(Box::from).collect(),
            issuer: Some("https://idp.example.com".into()),
            ..Principal::anonymous()
        };
        Self {
            policy,
            server,
            principal: Arc::new(principal),
            tool: tool(first),
        }
    }

    /// Whether the call is allowed, from the principal and the message on.
    fn decide(&self, arguments: &Document<'_>) -> bool {
        let circumstances = Circumstances {
            workspace: "w",
            source: None,
            now: Time::from_unix_ms(1),
        };
        let rules = self
            .policy
            .rules_for(self.server, &self.principal, &circumstances);
        let judgement = rules.judge(Act {
            method: Some(Method::ToolsCall),
            target: Target::Tool(&self.tool),
            given: Given::Settled(Some(arguments.root())),
        });
        judgement.verdict == chancery_engine::decide::Verdict::Allow
    }
}

/// What one run takes: the fastest of some batches, which whatever else the machine does cannot
/// make faster.
fn fastest(batch: u32, mut run: impl FnMut()) -> Duration {
    const BATCHES: u32 = 20;
    let mut fastest = Duration::MAX;
    for _ in 0..BATCHES {
        let begin = Instant::now();
        for _ in 0..batch {
            run();
        }
        fastest = fastest.min(begin.elapsed() / batch);
    }
    fastest
}

/// What compiling takes after one of 1,000 rules has changed.
fn fastest_change(mixes: &[Mix]) -> Duration {
    let mut loader = Loader::new(Limits::DEFAULT, TrustKeys::default());
    let mut fastest = Duration::MAX;
    for version in 1..20 {
        snapshot(mixes, 1_000, 10_000, version).offer(&mut loader);
        let begin = Instant::now();
        let progress = loader.proceed(usize::MAX).expect("a snapshot");
        let took = begin.elapsed();
        assert!(matches!(progress, Progress::Applied(_)), "{progress:?}");
        fastest = fastest.min(took);
    }
    fastest
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let arguments = Document::parse(br#"{"repo":"acme/x"}"#, 1 << 10, &Limits::DEFAULT);
    let arguments = arguments.expect("arguments");
    let mut slowest = [Duration::ZERO; 2];
    let mut group = criterion.benchmark_group("decide");
    for mix in MIXES {
        for (slowest, (tools, rules)) in slowest.iter_mut().zip([(10_000, 1_000), (100, 10)]) {
            let call = Call::new(mix, rules, tools);
            assert!(call.decide(&arguments), "{mix:?} allows its call");
            let id = BenchmarkId::new(format!("{mix:?}"), format!("{tools} tools, {rules} rules"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| black_box(call.decide(&arguments)));
            });
            *slowest = (*slowest).max(fastest(10_000, || {
                black_box(call.decide(&arguments));
            }));
        }
    }
    group.finish();
    let all = snapshot(&MIXES, 1_000, 10_000, 1);
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    group.bench_function("10000 tools, 1000 rules, 50000 users", |bencher| {
        bencher.iter(|| black_box(all.compile()));
    });
    group.finish();
    let compiled = fastest(1, || drop(black_box(all.compile())));
    let [changed, of_users] =
        [&MIXES[..3], &MIXES].map(|mixes| fastest_change(mixes).as_secs_f64());
    let [large, small] = slowest.map(|slowest| slowest.as_nanos());
    println!(
        "decide: {large} ns at 10,000 tools and 1,000 rules, {small} ns at 100 and 10; all compiled in {:.1} ms, one changed rule in {:.1} ms, {:.1} ms without users by name",
        compiled.as_secs_f64() * 1e3,
        of_users * 1e3,
        changed * 1e3
    );
}
