//! Root contexts: one per plugin configuration of a VM.

use super::guest::Callback;
use super::state::After;
use super::vm::VmInner;
use super::{Headers, HostError};

/// A filter's configuration in Envoy, as far as the filter sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginConfig {
    /// `name`, readable as property `plugin_name`.
    pub name: String,
    /// `root_id`.
    pub root_id: String,
    /// `configuration`, what `on_configure` reads.
    pub configuration: Vec<u8>,
    /// `vm_config.vm_id`: shared data and queues belong to it.
    pub vm_id: String,
    /// `vm_config.configuration`, what `on_vm_start` reads.
    pub vm_configuration: Vec<u8>,
    /// `vm_config.environment_variables`.
    pub environment: Vec<(String, String)>,
    /// `allow_on_headers_stop_iteration`.
    pub allow_on_headers_stop_iteration: bool,
}

impl PluginConfig {
    /// A plugin of VM id `chancery` that may pause in header callbacks.
    pub fn new(root_id: impl Into<String>, configuration: impl Into<Vec<u8>>) -> Self {
        let root_id = root_id.into();
        Self {
            name: root_id.clone(),
            root_id,
            configuration: configuration.into(),
            vm_id: "chancery".to_owned(),
            vm_configuration: Vec::new(),
            environment: Vec::new(),
            allow_on_headers_stop_iteration: true,
        }
    }

    /// Whether Envoy runs both in one VM.
    fn shares_vm(&self, other: &Self) -> bool {
        self.vm_id == other.vm_id
            && self.vm_configuration == other.vm_configuration
            && self.environment == other.environment
    }

    /// Whether Envoy runs both in one root context.
    fn same_root(&self, other: &Self) -> bool {
        self.root_id == other.root_id && self.configuration == other.configuration
    }
}

/// A root context of a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RootId(pub(super) u32);

impl RootId {
    /// The context id that the guest knows it by.
    pub fn context_id(self) -> u32 {
        self.0
    }
}

/// Where a root context is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RootState {
    /// `proxy_on_configure` is running: the plugin configuration can be read.
    Configuring,
    Live,
    /// `proxy_on_done` returned false: it lives until the guest calls `proxy_done`.
    Finishing,
}

/// What the host knows of a root context.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) plugin: PluginConfig,
    pub(super) state: RootState,
    /// Tick period in nanoseconds, 0 for none.
    pub(super) tick_period_ns: u64,
    /// When the next tick is due, in nanoseconds since 1970.
    pub(super) next_tick_ns: Option<u64>,
    /// `get_status`: code and message of the last call that closed.
    pub(super) status: (u32, Vec<u8>),
    pub(super) grpc_message: Vec<u8>,
    pub(super) grpc_initial_metadata: Option<Headers>,
    pub(super) grpc_trailing_metadata: Option<Headers>,
    pub(super) http_headers: Option<Headers>,
    pub(super) http_trailers: Option<Headers>,
    pub(super) http_body: Vec<u8>,
}

impl Root {
    fn new(plugin: PluginConfig) -> Self {
        Self {
            plugin,
            state: RootState::Configuring,
            tick_period_ns: 0,
            next_tick_ns: None,
            status: (0, Vec::new()),
            grpc_message: Vec::new(),
            grpc_initial_metadata: None,
            grpc_trailing_metadata: None,
            http_headers: None,
            http_trailers: None,
            http_body: Vec::new(),
        }
    }
}

impl VmInner {
    /// Creates, starts and configures the root context for a plugin, or returns the one that the
    /// same plugin configuration already has.
    pub(super) fn add_root(&mut self, plugin: &PluginConfig) -> Result<RootId, HostError> {
        self.alive()?;
        if !plugin.shares_vm(&self.host().plugin) {
            return Err(HostError::OtherVm(plugin.root_id.clone()));
        }
        if let Some(id) = self.live_root(|root| root.plugin.same_root(plugin)) {
            return Ok(id);
        }
        let host = self.host_mut();
        let id = host.allocate_context();
        host.roots.insert(id, Root::new(plugin.clone()));
        let vm_size = u32::try_from(plugin.vm_configuration.len()).unwrap_or(u32::MAX);
        let size = u32::try_from(plugin.configuration.len()).unwrap_or(u32::MAX);
        self.call(Callback::ContextCreate, id, &[id, 0]);
        self.accept(plugin, Callback::VmStart, &[id, vm_size])?;
        self.accept(plugin, Callback::Configure, &[id, size])?;
        if let Some(root) = self.host_mut().roots.get_mut(&id) {
            root.state = RootState::Live;
        }
        Ok(RootId(id))
    }

    /// Runs a callback that may refuse the plugin. A missing export accepts.
    fn accept(
        &mut self,
        plugin: &PluginConfig,
        callback: Callback,
        args: &[u32],
    ) -> Result<(), HostError> {
        let context = args.first().copied().unwrap_or_default();
        let returned = self.call(callback, context, args);
        self.alive()?;
        match returned.value {
            Some(0) => Err(HostError::StartRefused {
                root_id: plugin.root_id.clone(),
                callback: callback.export(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// The first live root context that fits.
    pub(super) fn live_root(&self, fits: impl Fn(&Root) -> bool) -> Option<RootId> {
        let mut roots = self.host().roots.iter();
        roots
            .find(|(_, root)| root.state != RootState::Finishing && fits(root))
            .map(|(&id, _)| RootId(id))
    }

    /// Tells a root context that its plugin is gone, and deletes it when it says it is done.
    pub(super) fn drop_root(&mut self, RootId(id): RootId) -> Result<(), HostError> {
        let root = self
            .host_mut()
            .roots
            .get_mut(&id)
            .ok_or(HostError::UnknownRoot(id))?;
        root.state = RootState::Finishing;
        let done = self.call(Callback::Done, id, &[id]).value != Some(0);
        if done {
            self.delete_root(id);
        }
        Ok(())
    }

    /// Deletes a root context and what it had open.
    pub(super) fn delete_root(&mut self, id: u32) {
        self.call(Callback::Delete, id, &[id]);
        let host = self.host_mut();
        host.roots.remove(&id);
        host.calls.abandon(Some(RootId(id)));
    }
}

impl super::state::Host {
    /// `proxy_done`: a root context that is finishing may go once the callback has returned.
    pub(super) fn finish_root(&mut self, id: u32) -> bool {
        let finishing = self
            .roots
            .get(&id)
            .is_some_and(|root| root.state == RootState::Finishing);
        if finishing {
            self.after.push_back(After::DeleteRoot { root: id });
        }
        finishing
    }
}
