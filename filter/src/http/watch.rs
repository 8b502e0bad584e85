//! Looks at what goes through untouched, and holds nothing of it.

use proxy_wasm::types::BufferType;

use super::Request;
use crate::{host, instance};

impl Request {
    /// Looks at a chunk of the body as it goes by.
    pub(super) fn watch_chunk(&mut self, size: usize, ends: bool) {
        let Some(watch) = &mut self.watch else { return };
        let size = size.min(watch.wanted_bytes());
        watch.look(&host::body(BufferType::HttpRequestBody, size).unwrap_or_default());
        if ends || watch.wanted_bytes() == 0 {
            self.finish_watch();
        }
    }

    /// There is no more to look at: records what was seen, if it is MCP.
    pub(super) fn finish_watch(&mut self) {
        let entry = self.watch.take().and_then(|watch| watch.finish());
        if let Some(entry) = entry {
            instance::with(|instance| instance.record(vec![entry]));
        }
    }
}
