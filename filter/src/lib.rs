//! Proxy-Wasm glue: carries a proxy's callbacks to the engine and its effects back.
//!
//! What is decided is decided in `chancery-engine`; here is only how Envoy is spoken to. A panic
//! traps the VM, which ends the request with 503 and, under `FAIL_RELOAD`, starts a new VM that
//! takes up the last good snapshot.

mod config;
mod hold;
mod host;
mod http;
mod instance;
mod metric;
mod root;
mod shelves;
mod signature;
mod streams;

mod entry_point {
    use super::{root::Root, signature};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
        signature::prepare();
        proxy_wasm::set_root_context(|context_id| Box::new(Root::new(context_id)));
    }}
}
