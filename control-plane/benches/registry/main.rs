//! What operations on a large registry cost, on the store on disk.
//!
//! 10,000 pinned servers of 10 tools each and 1,000 rules, in 20 organizations and then in one. The
//! last line is the figure: the slowest operation of each, and what opening takes.
//!
//! `CHANCERY_ROUNDS`: how often each operation is timed.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it measures a registry it fills itself, and prints a figure"
)]

mod fleet;

use std::{
    env, fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chancery::{
    registry::{By, Registry, Wish},
    resource::Kind,
    secrets::{Secrets, key_file::KeyFile},
    signing::{Signer, SigningKey},
    store::Store,
};

use crate::fleet::Fleet;

/// How long the rounds of one operation took.
struct Operation {
    name: &'static str,
    took: Vec<Duration>,
    /// Of that, on a core: what others on the machine do not change.
    worked: Vec<Duration>,
}

impl Operation {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            took: Vec::new(),
            worked: Vec::new(),
        }
    }

    fn time<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let (begin, worked) = (Instant::now(), cpu_time());
        let result = run();
        self.took.push(begin.elapsed());
        self.worked.push(cpu_time().saturating_sub(worked));
        result
    }
}

/// What so many of a hundred were not above, in milliseconds.
fn percentile(durations: &[Duration], percent: usize) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let position = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    milliseconds(sorted.get(position).copied().unwrap_or_default())
}

/// How long this thread has been on a core.
fn cpu_time() -> Duration {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn open(folder: &Path) -> Registry {
    let store = Store::open(&folder.join("store.sqlite"), 7).expect("a store");
    let store = Arc::new(store);
    let path = folder.join("store.key");
    let key = KeyFile::open(&path).or_else(|_none| KeyFile::create(&path, 0));
    let secrets = Secrets::open(Arc::clone(&store), Arc::new(key.expect("a store key")));
    let signing_key = SigningKey::generate().expect("a signing key");
    let signer = Signer::new(vec![signing_key]).expect("a signer");
    Registry::open(store, secrets.expect("secrets"), signer).expect("a registry")
}

fn change(registry: &Registry, wish: Wish) {
    let by = By {
        author: "ada".to_owned(),
        method: "UpdateServer",
        ..By::default()
    };
    let changed = registry.change(vec![wish], &by, false).expect("a change");
    assert!(changed.snapshot.is_some());
}

/// Fills a registry in as few changes as it takes.
fn fill(registry: &Registry, fleet: Fleet) {
    let by = By {
        author: "ada".to_owned(),
        method: "ApplyResources",
        ..By::default()
    };
    let wishes = fleet.resources().into_iter().map(Wish::Apply).collect();
    registry.change(wishes, &by, false).expect("a fleet");
}

/// Times every operation, and says of each what it took; the slowest p99.
fn operate(registry: &Registry, fleet: Fleet, rounds: usize) -> Figures {
    let names = [
        "create a server",
        "approve one more definition",
        "change a field of it",
        "delete it",
        "change a rule",
        "get a server",
        "list a page of 100",
    ];
    let mut operations = names.map(Operation::new);
    let [create, approve, field, delete, rule, get, list] = &mut operations;
    for round in 0..rounds {
        let place = round * 7;
        let new = fleet.server(place, fleet.servers + round);
        let name = new.name().to_owned();
        create.time(|| change(registry, Wish::Create(new.clone())));
        let approved = fleet::with_one_more_definition(&new);
        approve.time(|| change(registry, Wish::Update(approved.clone())));
        let hidden = fleet::hidden(&approved);
        field.time(|| change(registry, Wish::Update(hidden)));
        let found = get.time(|| registry.find(Kind::Server, &name).expect("it"));
        assert_eq!(found.name(), name);
        let page = list.time(|| registry.page(Kind::Server, "organizations/o00", |_| true, 100));
        assert_eq!(page.len(), 100);
        let gone = Wish::Delete {
            kind: Kind::Server,
            name,
            etag: String::new(),
        };
        delete.time(|| change(registry, gone));
        let edited = fleet.rule(place, Some(round));
        rule.time(|| change(registry, Wish::Apply(edited)));
    }
    let mut slowest = Figures::default();
    for operation in &operations {
        let Operation { name, took, worked } = operation;
        let of = Figures {
            p50: percentile(took, 50),
            p99: percentile(took, 99),
            cpu: percentile(worked, 50),
        };
        println!(
            "  {name:<28} p50 {:7.2} ms  p99 {:7.2} ms  on a core {:7.2} ms",
            of.p50, of.p99, of.cpu
        );
        slowest = slowest.worst(&of);
    }
    slowest
}

/// In milliseconds.
#[derive(Clone, Copy, Default)]
struct Figures {
    p50: f64,
    p99: f64,
    cpu: f64,
}

impl Figures {
    fn worst(self, other: &Self) -> Self {
        Self {
            p50: self.p50.max(other.p50),
            p99: self.p99.max(other.p99),
            cpu: self.cpu.max(other.cpu),
        }
    }
}

/// Memory of this process, in MB; `field` is one of `/proc/self/status`.
fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes =
        line.and_then(|line| line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().ok());
    kibibytes.unwrap_or(0_u64) / 1024
}

fn measure(organizations: usize, rounds: usize) -> String {
    let fleet = Fleet {
        organizations,
        servers: 10_000,
        rules: 1_000,
    };
    println!("10,000 servers, 100,000 tools, 1,000 rules in {organizations} organization(s):");
    let folder = tempfile::tempdir().expect("a folder");
    let begin = Instant::now();
    let registry = open(folder.path());
    fill(&registry, fleet);
    println!("  filled in {:.1} s", begin.elapsed().as_secs_f64());
    let Figures { p50, p99, cpu } = operate(&registry, fleet, rounds);
    drop(registry);
    let begin = Instant::now();
    let registry = open(folder.path());
    let opened = begin.elapsed().as_secs_f64();
    let (now, most) = (memory("VmRSS"), memory("VmHWM"));
    println!("  opened in {opened:.2} s; {now} MB resident, {most} MB at most");
    drop(registry);
    format!(
        "{organizations} organization(s): slowest operation p50 {p50:.1} ms, p99 {p99:.1} ms, {cpu:.1} ms on a core, opened in {opened:.2} s"
    )
}

fn main() {
    let rounds = env::var("CHANCERY_ROUNDS").ok();
    let rounds = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(100);
    let figures = [20, 1].map(|organizations| measure(organizations, rounds));
    println!("registry: {}", figures.join("; "));
}
