//! Times the engine's redaction where it runs: in Envoy's V8, by the proxy's clock.
//!
//! A request's body says what to redact and how often; the answer says how long each round took.
//! Everything else, from the bodies to the figures, is `tests/src/lab/redaction`.

mod probe;
mod work;

mod entry_point {
    use super::probe::Probe;

    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(Probe::default()));
    }}
}
