set quiet
set positional-arguments
set shell := ["bash", "-euo", "pipefail", "-c"]

export PATH := env("CARGO_HOME", env("HOME") / ".cargo") / "bin:" + env("PATH")

target := env("CARGO_TARGET_DIR", "target")
tools := ".tools/python/bin"
poisoned := "../shared/corpora/tool-poisoning-bench/scenarios.jsonl"
labels := "../shared/redaction/dev.jsonl.gz"
lab := "exec cargo run --locked --quiet -p chancery-tests --bin chancery-lab"

[private]
default:
    "{{ just_executable() }}" --list --unsorted

# Watch a real client work through Envoy under rules: a tour, then it stays up (--once ends after the tour)
[group("use")]
demo *ARGS: envoy build
    {{ lab }} -- demo "$@"

# Put Envoy with the filter in front of the MCP server at UPSTREAM, under the YAML in RESOURCES
[group("use")]
run UPSTREAM RESOURCES *PORT: envoy build
    {{ lab }} -- run "$@"

# Install what the build and the tests need beyond Rust, once: the wasm target, Envoy, MCP clients
[group("work")]
setup: wasm-target envoy
    .setup/clients
    .setup/oauth

# Build the filter and the control plane
[group("work")]
build: wasm
    cargo build --locked

# Build the filter for Envoy and print its size
[group("work")]
wasm: wasm-target
    cargo build --locked --profile wasm --target wasm32-wasip1 -p chancery-filter
    printf '%s: %d bytes\n' "{{ target }}/wasm32-wasip1/wasm/chancery_filter.wasm" "$(wc -c <"{{ target }}/wasm32-wasip1/wasm/chancery_filter.wasm")"

# Run every test: native, in wasmtime, and through real Envoy
[group("work")]
test *ARGS: setup conformance-suite build
    cargo test --locked --no-fail-fast "$@"

# Hold sessions of every real client with every real server, directly and through the filter
[group("work")]
clients: setup build
    {{ lab }} -- clients

# Run the public suites of tests/corpora, all of them through Envoy too; the last line is the figure
[group("work")]
suites: setup build
    CHANCERY_SUITES=whole cargo test --locked -p chancery-tests --test suites -- --nocapture | tee "{{ target }}/suites.log"
    printf 'suites: %s\n' "$(sed -n 's/^suite: //p' "{{ target }}/suites.log" | paste -sd ';' | sed 's/;/; /g')"

# Fuzz TARGET of filter/fuzz for SECONDS on one core; the last line is the figure
[group("work")]
fuzz TARGET SECONDS:
    cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz@0.13.2
    mkdir -p "filter/fuzz/target/corpus/$1"
    cargo fuzz run --fuzz-dir filter/fuzz --sanitizer none "$1" "filter/fuzz/target/corpus/$1" "filter/fuzz/corpus/$1" -- \
        -max_total_time="$2" -max_len=4096 -timeout=10 -dict=filter/fuzz/words.dict -print_final_stats=1 2>&1 | tee "filter/fuzz/target/$1.log"
    awk -v target="$1" -f filter/fuzz/figure.awk "filter/fuzz/target/$1.log"

# Format Rust and TOML
[group("work")]
fmt: linters
    cargo fmt --all
    {{ tools }}/taplo fmt

# Check format, style, spelling, wire contracts and documentation; every warning is an error
[group("work")]
[no-quiet]
lint: wasm-target linters
    cargo fmt --all --check
    cargo clippy --locked --workspace --exclude chancery-filter --exclude chancery-redaction-bench --all-targets -- -D warnings
    cargo clippy --locked -p chancery-filter -p chancery-redaction-bench --target wasm32-wasip1 -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --exclude chancery-filter --exclude chancery-redaction-bench --no-deps
    RUSTDOCFLAGS='-D warnings' cargo doc --locked -p chancery-filter -p chancery-redaction-bench --target wasm32-wasip1 --no-deps
    {{ tools }}/buf lint proto
    {{ tools }}/typos
    {{ tools }}/taplo fmt --check
    {{ tools }}/shellcheck .ci/* .setup/*
    {{ tools }}/python -m yamllint --strict .

# Kill the control plane, instances and Envoy under load CYCLES times; the last line is the figure
[group("work")]
torture CYCLES: setup build
    CHANCERY_TORTURE="$1" cargo test --locked --test torture -- --nocapture | awk '/^torture: /{figure = $0; next} {print} END {print figure}'

# Attack the stack with every hostile row; the last line counts who was refused and who passed
[group("work")]
hostile: setup build
    cargo test --locked -p chancery-tests --test hostile -- --nocapture | awk '/^hostile: /{figure = $0; next} {print} END {print figure}'

# Rotate an OpenID provider's keys and call with the new one at once; the last line is the figure
[group("measure")]
rotation ROTATIONS="60": setup build
    CHANCERY_ROTATIONS="$1" cargo test --locked -p chancery-tests --test rotation first_call -- --nocapture | awk '/^rotation: /{figure = $0; next} {print} END {print figure}'

# Block something BLOCKS times: how long until every instance enforces it (the last line)
[group("measure")]
block BLOCKS="60": setup build
    CHANCERY_BLOCKS="$1" cargo test --locked -p chancery-tests --test blocks everywhere -- --nocapture | awk '/^block: /{figure = $0; next} {print} END {print figure}'

# Call CALLS times with the decision recorded first, and as often without: what that adds (the last line)
[group("measure")]
write-ahead CALLS="1000": setup build
    CHANCERY_CALLS="$1" cargo test --locked -p chancery-tests --test write_ahead a_round_trip -- --nocapture | awk '/^write-ahead: /{figure = $0; next} {print} END {print figure}'

# Flood Envoy with strangers for SECONDS beside calls that are recorded first; the last line is the figure
[group("measure")]
flood SECONDS="30": setup build
    CHANCERY_FLOOD_SECONDS="$1" cargo test --locked -p chancery-tests --test write_ahead a_flood -- --nocapture | awk '/^flood: /{figure = $0; next} {print} END {print figure}'

# Verify TOKENS new tokens in Envoy: how long each took (the last line)
[group("measure")]
token TOKENS="2000": setup build
    CHANCERY_TOKENS="$1" cargo test --locked -p chancery-tests --test identity every_new_token -- --nocapture | awk '/^token: /{figure = $0; next} {print} END {print figure}'

# Print what each kind of message costs the filter, in wasmtime fuel
[group("measure")]
budget: wasm
    cargo test --locked -p chancery-tests --test budget -- --nocapture

# Run MCP's conformance suite against a reference server, directly and through the filter, and compare
[group("measure")]
conformance *ARGS: setup conformance-suite build
    {{ lab }} -- conformance "$@"

# Compare the parser with serde over realistic bodies; fails where it is slower than agreed
[group("measure")]
parser:
    cargo bench --locked -p chancery-engine --bench parser

# Time decisions and compiling as rules, tools and users grow; the last line is the figure
[group("measure")]
decide:
    cargo bench --locked -p chancery-engine --features proto --bench decide

# Score `chancery redact --profile default` on the labelled bodies in LABELS; the last line is the scorer's summary
[group("measure")]
redaction-score LABELS=labels:
    cargo build --locked -p chancery
    python3 tests/redaction/score_profile.py "{{ target }}/debug/chancery" "$1"

# Time redaction in Envoy's V8, of dense, clean and hostile bodies; the last line is the figure
[group("measure")]
redaction-speed LABELS=labels: envoy wasm-target
    cargo build --locked --profile wasm --target wasm32-wasip1 -p chancery-redaction-bench
    {{ lab }} -- redaction --labels "$1"

# Time the check of a list of 500 pinned tools in Envoy's V8, seen before and not; the last line is the figure
[group("measure")]
list-speed: envoy wasm-target
    cargo build --locked --profile wasm --target wasm32-wasip1 -p chancery-redaction-bench
    {{ lab }} -- list

# Fill a log with RECORDS entries of each size on one core, durable, and verify it; the last line is the figure
[group("measure")]
log-speed RECORDS="2000000":
    cargo bench --locked -p chancery --bench ledger --no-run
    CHANCERY_RECORDS="$1" taskset -c 0 cargo bench --locked --quiet -p chancery --bench ledger

# Alter every record of a log of RECORDS in every way, and verify each; the last line is the figure
[group("measure")]
tamper RECORDS="10000":
    CHANCERY_TAMPER="$1" cargo test --locked --release --test tamper -- --nocapture | awk '/^tamper: /{figure = $0; next} {print} END {print figure}'

# Time operations on a registry of 10,000 servers and 100,000 tools; the last line is the figure
[group("measure")]
registry-speed ROUNDS="100":
    CHANCERY_ROUNDS="$1" cargo bench --locked -p chancery --bench registry

# Time the index of the record and searches of it, over RECORDS records; the last line is the figure
[group("measure")]
search-speed RECORDS="1000000":
    CHANCERY_RECORDS="${1#RECORDS=}" cargo bench --locked -p chancery --bench search

# Score `chancery review inspect` on the poisoned tools of FILE, our own and honest ones; the last line is the figure
[group("measure")]
poisoning-score FILE=poisoned:
    [ -e "$1" ] || printf 'found no file at %s, expected the scenarios of tool-poisoning-bench: scored without them\n' "$1"
    if [ -e "$1" ]; then export CHANCERY_POISONING=$(realpath "$1"); fi; \
        cargo test --locked -p chancery --lib inspect::score -- --nocapture | awk '/^poisoning: /{figure = $0; next} {print} END {print figure}'

# Measure Presidio and presidio-rs on SAMPLES (or `all`) of the bodies in LABELS; the last line is the figure
[group("measure")]
redaction-peers SAMPLES="400" LABELS=labels:
    .setup/peers
    .tools/peers/bin/python tests/redaction/peers.py "$2" "$1"

# Compare plain Envoy, this filter and Envoy's own MCP and RBAC filters, in one table
[group("measure")]
bench *ARGS: envoy build
    {{ lab }} -- bench "$@"

[private]
envoy:
    .setup/envoy

[private]
wasm-target:
    .setup/wasm-target

[private]
conformance-suite:
    .setup/conformance

[private]
linters:
    .setup/lint
