//! Proxy-Wasm contexts: a request with work gets its report.

use std::{cell::OnceCell, rc::Rc};

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, BufferType, ContextType, MapType},
};

use crate::{
    list::{self, List},
    work::{Bench, Work},
};

/// The root context. The engine is put together with the first request, not before.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    bench: OnceCell<Rc<Bench>>,
}

impl Context for Probe {}

impl RootContext for Probe {
    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        let bench = self.bench.get_or_init(|| Rc::new(Bench::new()));
        Some(Box::new(Request {
            bench: Rc::clone(bench),
        }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
#[derive(Debug)]
struct Request {
    bench: Rc<Bench>,
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _headers: usize, is_last: bool) -> Action {
        if is_last {
            reply(400, "no body: expected a POST with work");
        }
        Action::Pause
    }

    fn on_http_request_body(&mut self, size_bytes: usize, is_last: bool) -> Action {
        if !is_last {
            return Action::Pause;
        }
        let body = hostcalls::get_buffer(BufferType::HttpRequestBody, 0, size_bytes);
        let body = body.ok().flatten().unwrap_or_default();
        let report = if asks_for_list() {
            checked(&body)
        } else {
            self.redacted(body)
        };
        match report {
            Ok(report) => reply(200, &report),
            Err(error) => reply(400, &error),
        }
        Action::Pause
    }
}

impl Request {
    fn redacted(&self, body: Vec<u8>) -> Result<String, String> {
        let work: Work = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        drop(body);
        let report = self.bench.run(&work);
        serde_json::to_string(&report).map_err(|error| error.to_string())
    }
}

fn asks_for_list() -> bool {
    let path = hostcalls::get_map_value(MapType::HttpRequestHeaders, ":path");
    path.ok().flatten().is_some_and(|path| path == "/list")
}

fn checked(body: &[u8]) -> Result<String, String> {
    let work: List = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let report = list::run(&work).ok_or("no list of tools that can be pinned")?;
    serde_json::to_string(&report).map_err(|error| error.to_string())
}

fn reply(status: u32, text: &str) {
    let headers = vec![("content-type", "application/json")];
    // Where an answer cannot be sent there is nobody left to tell.
    hostcalls::send_http_response(status, headers, Some(text.as_bytes())).unwrap_or_default();
}
