set quiet
set positional-arguments
set shell := ["bash", "-euo", "pipefail", "-c"]

export PATH := env("CARGO_HOME", env("HOME") / ".cargo") / "bin:" + env("PATH")

target := env("CARGO_TARGET_DIR", "target")
tools := ".tools/python/bin"
lab := "exec cargo run --locked --quiet -p chancery-tests --bin chancery-lab"

[private]
default:
    "{{ just_executable() }}" --list --unsorted

# Watch a real client work through Envoy under rules: a tour, then it stays up (--once ends after the tour)
[group("use")]
demo *ARGS: setup build
    {{ lab }} -- demo "$@"

# Put Envoy with the filter in front of the MCP server at UPSTREAM, under the YAML in RESOURCES
[group("use")]
run UPSTREAM RESOURCES *PORT: setup build
    {{ lab }} -- run "$@"

# Install what the build needs beyond Rust, once: the wasm target, Envoy, a Python MCP client
[group("work")]
setup:
    .setup/wasm-target
    .setup/envoy
    .setup/python

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
test *ARGS: setup build
    cargo test --locked --no-fail-fast "$@"

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
    cargo clippy --locked --workspace --exclude chancery-filter --all-targets -- -D warnings
    cargo clippy --locked -p chancery-filter --target wasm32-wasip1 -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --exclude chancery-filter --no-deps
    RUSTDOCFLAGS='-D warnings' cargo doc --locked -p chancery-filter --target wasm32-wasip1 --no-deps
    {{ tools }}/buf lint proto
    {{ tools }}/typos
    {{ tools }}/taplo fmt --check
    {{ tools }}/shellcheck .ci/* .setup/*
    {{ tools }}/python -m yamllint --strict .

# Print what each kind of message costs the filter, in wasmtime fuel
[group("measure")]
budget: wasm
    cargo test --locked -p chancery-tests --test budget -- --nocapture

# Compare the parser with serde over realistic bodies; fails where it is slower than agreed
[group("measure")]
parser:
    cargo bench --locked -p chancery-engine --bench parser

# Compare plain Envoy, this filter and Envoy's own MCP and RBAC filters, in one table
[group("measure")]
bench *ARGS: setup build
    {{ lab }} -- bench "$@"

[private]
wasm-target:
    .setup/wasm-target

[private]
linters:
    .setup/lint
