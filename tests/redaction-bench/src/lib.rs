//! Times parts of the engine where they run: in Envoy's V8, by the proxy's clock.
//!
//! A request's body says what to redact and how often, or on the path `/list` which list of tools to
//! check; the answer says how long each round took. Everything else, from the bodies to the figures, is
//! in `tests/src/lab`.

mod clock;
mod list;
mod probe;
mod work;

mod entry_point {
    use super::probe::Probe;

    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(Probe::default()));
    }}
}
