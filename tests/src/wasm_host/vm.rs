//! One Wasm VM of a node.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use wasmtime::Store;

use super::guest::{Callback, Guest, Returned};
use super::root::RootState;
use super::state::{After, Host, SharedNode};
use super::{HostError, Module, PluginConfig, RootId};

/// A VM. Clones are handles on the same VM.
///
/// Callbacks that a test gives to the node (foreign functions) run while the VM runs and must not
/// use it.
#[derive(Clone)]
pub struct Vm {
    inner: Rc<RefCell<VmInner>>,
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vm")
            .field("number", &self.number())
            .finish_non_exhaustive()
    }
}

impl Vm {
    pub(super) fn new(inner: VmInner) -> Self {
        Self {
            inner: Rc::new(RefCell::new(inner)),
        }
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut VmInner) -> T) -> T {
        act(&mut self.inner.borrow_mut())
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&VmInner) -> T) -> T {
        look(&self.inner.borrow())
    }

    /// The VM's number on its node, as in [`super::Log::vm`]. Canaries are counted too.
    pub fn number(&self) -> usize {
        self.read(|vm| vm.host().vm)
    }

    /// The live root contexts, oldest first.
    pub fn roots(&self) -> Vec<RootId> {
        self.read(|vm| vm.host().roots.keys().map(|&id| RootId(id)).collect())
    }

    /// The live root context with that `root_id`.
    pub fn root(&self, root_id: &str) -> Option<RootId> {
        self.read(|vm| vm.live_root(|root| root.plugin.root_id == root_id))
    }

    /// Adds the root context for one more plugin of this VM. A plugin with the same root id and
    /// configuration as a live one shares its context.
    pub fn add_root(&self, plugin: &PluginConfig) -> Result<RootId, HostError> {
        self.with(|vm| vm.add_root(plugin))
    }

    /// A plugin goes away: `proxy_on_done`, and `proxy_on_delete` as soon as the guest is done.
    pub fn drop_root(&self, root: RootId) -> Result<(), HostError> {
        self.with(|vm| vm.drop_root(root))
    }

    /// A plugin's configuration changes: as in Envoy the new root context starts first, then the
    /// old one is told that it is done.
    pub fn replace_root(&self, old: RootId, plugin: &PluginConfig) -> Result<RootId, HostError> {
        self.with(|vm| {
            let new = vm.add_root(plugin)?;
            if new != old {
                vm.drop_root(old)?;
            }
            Ok(new)
        })
    }

    /// All plugins go away (the node drains).
    pub fn shut_down(&self) -> Result<(), HostError> {
        self.roots()
            .into_iter()
            .try_for_each(|root| self.drop_root(root))
    }

    /// Runs a root context's tick now, whatever its period; the schedule is not touched.
    pub fn tick(&self, RootId(root): RootId) -> Result<(), HostError> {
        self.with(|vm| {
            vm.alive()?;
            if !vm.host().roots.contains_key(&root) {
                return Err(HostError::UnknownRoot(root));
            }
            vm.call(Callback::Tick, root, &[root]);
            vm.alive()
        })
    }

    /// The tick period that the guest set for a root context.
    pub fn tick_period(&self, RootId(root): RootId) -> Option<Duration> {
        self.read(|vm| {
            let period = vm.host().roots.get(&root)?.tick_period_ns;
            (period > 0).then(|| Duration::from_nanos(period))
        })
    }

    /// Delivers what is due without time passing: connections that were refused.
    pub fn pump(&self) -> Result<(), HostError> {
        self.with(VmInner::pump_grpc)
    }

    /// Fuel that the guest has used since it was created: about one unit per Wasm instruction,
    /// the same on every machine. Take the difference around what you measure.
    pub fn fuel_used(&self) -> u64 {
        self.read(|vm| vm.guest.fuel_used)
    }

    /// Pages of 64 KiB that the guest's memory has. It never shrinks.
    pub fn memory_pages(&self) -> u64 {
        self.read(|vm| {
            vm.host()
                .memory
                .map_or(0, |memory| memory.size(&vm.guest.store))
        })
    }

    /// Why the VM is dead, if it is.
    pub fn failure(&self) -> Option<HostError> {
        self.read(|vm| vm.host().failed.clone())
    }

    /// The plugins of the live root contexts, oldest first.
    pub fn plugins(&self) -> Vec<PluginConfig> {
        self.read(|vm| {
            let roots = vm.host().roots.values();
            let live = roots.filter(|root| root.state != RootState::Finishing);
            live.map(|root| root.plugin.clone()).collect()
        })
    }
}

/// The VM itself.
pub(super) struct VmInner {
    pub(super) guest: Guest,
}

impl VmInner {
    /// Instantiates the module and runs what initialises it, as Envoy does: `_initialize` and then
    /// `main`, or else `_start`.
    pub(super) fn launch(
        module: &Module,
        node: &SharedNode,
        plugin: &PluginConfig,
    ) -> Result<Self, HostError> {
        let describe = |error: wasmtime::Error| HostError::Instantiate(format!("{error:#}"));
        let fuel = node.borrow().config.fuel_per_callback;
        let mut store = Store::new(&module.engine, Host::new(node, plugin.clone()));
        store.limiter(|host| &mut host.limits);
        store.set_fuel(fuel).map_err(describe)?;
        let instance = module.linked.instantiate(&mut store).map_err(describe)?;
        let memory = instance.get_memory(&mut store, "memory");
        let malloc = ["malloc", "proxy_on_memory_allocate"]
            .into_iter()
            .find_map(|name| instance.get_typed_func(&mut store, name).ok());
        if memory.is_none() || malloc.is_none() {
            let missing = "the module does not export its memory and an allocator".to_owned();
            return Err(HostError::Instantiate(missing));
        }
        let host = store.data_mut();
        host.memory = memory;
        host.malloc = malloc;
        let mut vm = Self {
            guest: Guest::new(store, &instance, fuel),
        };
        vm.initialize()?;
        Ok(vm)
    }

    fn initialize(&mut self) -> Result<(), HostError> {
        self.host_mut().restricted = true;
        if self.guest.exports(Callback::Initialize) {
            self.call(Callback::Initialize, 0, &[]);
            if self.guest.exports(Callback::Main) {
                self.call(Callback::Main, 0, &[0, 0]);
            } else {
                self.call(Callback::MainVoid, 0, &[]);
            }
        } else {
            self.call(Callback::Start, 0, &[]);
        }
        self.host_mut().restricted = false;
        self.alive()
    }

    pub(super) fn host(&self) -> &Host {
        self.guest.store.data()
    }

    pub(super) fn host_mut(&mut self) -> &mut Host {
        self.guest.store.data_mut()
    }

    /// Fails with the reason if the VM is dead.
    pub(super) fn alive(&self) -> Result<(), HostError> {
        self.host().failed.clone().map_or(Ok(()), Err)
    }

    /// Runs a callback, then what it deferred.
    pub(super) fn call(&mut self, callback: Callback, context: u32, args: &[u32]) -> Returned {
        let returned = self.guest.run(callback, context, args);
        self.settle();
        returned
    }

    /// Runs the actions that Envoy defers until a callback has returned.
    pub(super) fn settle(&mut self) {
        while let Some(action) = self.host_mut().after.pop_front() {
            match action {
                After::CloseStream { stream } => self.reset(stream),
                After::DeleteRoot { root } => self.delete_root(root),
                After::GrpcClosed {
                    token,
                    code,
                    message,
                } => {
                    // The guest never learnt the token: whether it is still open is no matter.
                    drop(self.grpc_closed(token, code, &message));
                }
                After::LocalReply { stream, reply } => self.local_reply(stream, reply),
                After::Resume { stream, direction } => self.resume(stream, direction),
            }
        }
    }

    /// The earliest tick that is due by then: when, and for which root context.
    pub(super) fn next_tick(&self, until_ns: u64) -> Option<(u64, u32)> {
        if self.host().failed.is_some() {
            return None;
        }
        let roots = self.host().roots.iter();
        roots
            .filter_map(|(&id, root)| root.next_tick_ns.map(|due| (due, id)))
            .filter(|&(due, _)| due <= until_ns)
            .min()
    }

    /// Runs a tick that is due, and schedules the next one.
    pub(super) fn run_tick(&mut self, id: u32) -> Result<(), HostError> {
        if let Some(root) = self.host_mut().roots.get_mut(&id) {
            root.next_tick_ns = None;
        }
        self.call(Callback::Tick, id, &[id]);
        let now = self.host().node.borrow().now_ns;
        if let Some(root) = self.host_mut().roots.get_mut(&id)
            && root.tick_period_ns > 0
        {
            root.next_tick_ns = Some(now.saturating_add(root.tick_period_ns));
        }
        self.alive()
    }

    pub(super) fn queue_ready(&mut self, root: u32, token: u32) -> Result<(), HostError> {
        if self.host().roots.contains_key(&root) {
            self.call(Callback::QueueReady, root, &[root, token]);
        }
        self.alive()
    }
}
