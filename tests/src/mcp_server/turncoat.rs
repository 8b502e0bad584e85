//! An MCP server that offers other tools from one moment to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::{NotificationContext, RequestContext},
};
use tokio::sync::watch;

/// What it offers at the moment: one page of tools after the other.
#[derive(Clone, Debug)]
pub(super) struct Turncoat {
    pages: Arc<Mutex<Vec<Vec<Tool>>>>,
    release: Arc<Mutex<String>>,
    instructions: Arc<Mutex<Option<String>>>,
    /// Who is told that it offers something else, and how many they are.
    clients: Arc<Mutex<Vec<Peer<RoleServer>>>>,
    count: watch::Sender<usize>,
}

impl Default for Turncoat {
    fn default() -> Self {
        Self {
            pages: Arc::default(),
            release: Arc::new(Mutex::new("1.0.0".to_owned())),
            instructions: Arc::default(),
            clients: Arc::default(),
            count: watch::Sender::default(),
        }
    }
}

impl Turncoat {
    pub(super) fn offer(&self, pages: Vec<Vec<Tool>>) {
        *self.pages.lock().unwrap_or_else(PoisonError::into_inner) = pages;
    }

    pub(super) fn introduce_as(&self, release: &str) {
        let mut known = self.release.lock().unwrap_or_else(PoisonError::into_inner);
        release.clone_into(&mut known);
    }

    pub(super) fn instruct(&self, instructions: Option<&str>) {
        let mut given = self
            .instructions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *given = instructions.map(str::to_owned);
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Peer<RoleServer>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody who has a session that it offers something else.
    pub(super) async fn announce(&self) {
        let clients = self.clients().clone();
        for client in clients {
            // Who is gone is not told.
            drop(client.notify_tool_list_changed().await);
        }
    }

    /// Returns once this many have a session.
    pub(super) async fn announced_to(&self, count: usize) {
        let mut counts = self.count.subscribe();
        // The sender is in `self`.
        drop(counts.wait_for(|found| *found >= count).await);
    }
}

impl ServerHandler for Turncoat {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        let release = self.release.lock().unwrap_or_else(PoisonError::into_inner);
        let info = Implementation::new("turncoat", &**release);
        let mut config = ServerConfig::new(capabilities).with_server_info(info);
        let given = self.instructions.lock();
        config
            .instructions
            .clone_from(&given.unwrap_or_else(PoisonError::into_inner));
        config
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let mut clients = self.clients();
        clients.push(context.peer);
        self.count.send_replace(clients.len());
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let page = cursor
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(0_usize);
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = pages.get(page).cloned().unwrap_or_default();
        let next = page.saturating_add(1);
        let mut result = ListToolsResult::with_all_items(tools);
        result.next_cursor = (next < pages.len()).then(|| next.to_string());
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let said = format!("called {}", request.name);
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }
}
