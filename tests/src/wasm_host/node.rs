//! One Envoy process.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::state::{NodeState, SharedNode};
use super::vm::VmInner;
use super::{Cluster, GrpcStream, HostError, Metric, Module, PluginConfig, Status, Vm};

/// Levels of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Most detail.
    Trace = 0,
    /// For developers.
    Debug = 1,
    /// Normal events; what the guest writes to stdout.
    Info = 2,
    /// Worth a look.
    Warn = 3,
    /// Failures; what the guest writes to stderr, panics among it.
    Error = 4,
    /// Worst.
    Critical = 5,
}

impl LogLevel {
    pub(super) fn from_abi(level: u32) -> Option<Self> {
        [
            Self::Trace,
            Self::Debug,
            Self::Info,
            Self::Warn,
            Self::Error,
            Self::Critical,
        ]
        .into_iter()
        .find(|&known| known as u32 == level)
    }
}

/// One line that a guest logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The VM's number on its node.
    pub vm: usize,
    /// Severity.
    pub level: LogLevel,
    /// Text; what was not UTF-8 is replaced.
    pub text: String,
}

/// What a node starts with.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Seed of `random_get`.
    pub seed: u64,
    /// The clock at the start, in nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// Bytes of a body that Envoy holds in one direction over HTTP/1 before it answers 413 or 500.
    pub buffer_limit_bytes: usize,
    /// Whether HTTP/1 request and response trailers reach the filter.
    pub http1_trailers: bool,
    /// Fuel that one callback may use before it traps: a net under endless loops.
    pub fuel_per_callback: u64,
    /// Bytes a VM's memory may grow to.
    pub max_memory_bytes: usize,
    /// What `get_log_level` answers. Every line is captured whatever its level.
    pub log_level: LogLevel,
}

impl Default for NodeConfig {
    /// 2026-01-01, Envoy's 1 MiB of buffer and 1 GiB of memory, no HTTP/1 trailers.
    fn default() -> Self {
        Self {
            seed: 1,
            start_unix_ns: 1_767_225_600_000_000_000,
            buffer_limit_bytes: 1024 * 1024,
            http1_trailers: false,
            fuel_per_callback: 20_000_000_000,
            max_memory_bytes: 1024 * 1024 * 1024,
            log_level: LogLevel::Info,
        }
    }
}

/// The first failure of several things that all happen.
struct FirstFailure(Result<(), HostError>);

impl FirstFailure {
    fn note(&mut self, result: Result<(), HostError>) {
        if self.0.is_ok() {
            self.0 = result;
        }
    }
}

/// What a canary VM made of a plugin.
#[derive(Debug, Clone)]
pub struct Canary {
    /// Whether the plugin started and accepted its configuration.
    pub result: Result<(), HostError>,
    /// gRPC streams and calls that it opened; a canary should open none.
    pub grpc_streams: Vec<GrpcStream>,
    /// The VM's number, as in [`Log::vm`].
    pub vm: usize,
}

/// An Envoy process that runs one module.
#[derive(Clone)]
pub struct Node {
    module: Module,
    state: SharedNode,
    vms: Rc<RefCell<Vec<Vm>>>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("vms", &self.vms.borrow().len())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// A node without VMs and without clusters.
    pub fn new(module: &Module, config: NodeConfig) -> Self {
        Self {
            module: module.clone(),
            state: Rc::new(RefCell::new(NodeState::new(config))),
            vms: Rc::default(),
        }
    }

    /// Starts one VM with a root context for each plugin, as a worker thread of Envoy does. The
    /// plugins must agree on their VM (id, configuration, environment).
    ///
    /// Nothing ticks and no stream opens before [`Self::advance`] or [`Vm::tick`].
    pub fn start_vm(&self, plugins: &[PluginConfig]) -> Result<Vm, HostError> {
        let first = plugins
            .first()
            .ok_or(HostError::Sequence("a VM needs a plugin"))?;
        let mut inner = VmInner::launch(&self.module, &self.state, first)?;
        for plugin in plugins {
            inner.add_root(plugin)?;
        }
        let vm = Vm::new(inner);
        self.vms.borrow_mut().push(vm.clone());
        Ok(vm)
    }

    /// Runs a plugin in a throwaway VM, as Envoy's main thread does before it uses a
    /// configuration. The VM is killed without any further callback; what it wrote to shared data
    /// and to queues stays.
    pub fn canary(&self, plugin: &PluginConfig) -> Result<Canary, HostError> {
        let mut inner = VmInner::launch(&self.module, &self.state, plugin)?;
        let result = inner.add_root(plugin).map(drop);
        let grpc_streams = inner.host().calls.grpc.values().cloned().collect();
        Ok(Canary {
            result,
            grpc_streams,
            vm: inner.host().vm,
        })
    }

    /// `FAIL_RELOAD`: puts a new VM with the same plugins in the place of one that trapped (or of
    /// any other). Shared data stays. The old VM's gRPC streams are reset, and exchanges that it
    /// held hang.
    pub fn reload(&self, vm: &Vm) -> Result<Vm, HostError> {
        let plugins = vm.plugins();
        vm.with(VmInner::kill);
        let number = vm.number();
        self.vms
            .borrow_mut()
            .retain(|other| other.number() != number);
        self.start_vm(&plugins)
    }

    /// The VMs, oldest first. Canaries and VMs that were reloaded are not among them.
    pub fn vms(&self) -> Vec<Vm> {
        self.vms.borrow().clone()
    }

    /// The clock, in nanoseconds since 1970.
    pub fn now_unix_ns(&self) -> u64 {
        self.state.borrow().now_ns
    }

    /// Lets time pass: every tick that falls due runs at its own moment, in all VMs, and refused
    /// connections and queue announcements are delivered. Returns the first trap; the other VMs
    /// go on all the same.
    pub fn advance(&self, duration: Duration) -> Result<(), HostError> {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let until = self.now_unix_ns().saturating_add(nanoseconds);
        let mut first = FirstFailure(self.pump());
        loop {
            let vms = self.vms();
            let due = vms.iter().enumerate().filter_map(|(index, vm)| {
                vm.read(|vm| vm.next_tick(until))
                    .map(|(due, root)| (due, index, root))
            });
            let Some((due, index, root)) = due.min() else {
                break;
            };
            {
                let mut state = self.state.borrow_mut();
                state.now_ns = state.now_ns.max(due);
            }
            if let Some(vm) = vms.get(index) {
                first.note(vm.with(|vm| vm.run_tick(root)));
            }
            first.note(self.pump());
        }
        self.state.borrow_mut().now_ns = until;
        first.0
    }

    /// Delivers what is due without time passing: refused connections, queue announcements.
    pub fn pump(&self) -> Result<(), HostError> {
        let vms = self.vms();
        let mut first = FirstFailure(Ok(()));
        for vm in vms.iter().filter(|vm| vm.failure().is_none()) {
            first.note(vm.pump());
        }
        let ready = self.state.borrow_mut().queues.take_ready();
        for (number, root, token) in ready {
            if let Some(vm) = vms.iter().find(|vm| vm.number() == number) {
                first.note(vm.with(|vm| vm.queue_ready(root, token)));
            }
        }
        first.0
    }

    /// Defines how a cluster answers. A cluster that is not defined is unknown: opening a stream
    /// fails with `ParseFailure`.
    pub fn set_cluster(&self, name: &str, cluster: Cluster) {
        self.state
            .borrow_mut()
            .clusters
            .insert(name.to_owned(), cluster);
    }

    /// Offers a foreign function (`verify_signature`, `declare_property`, …). One that is not
    /// offered is `NotFound`.
    pub fn set_foreign_function(
        &self,
        name: &str,
        function: impl FnMut(&[u8]) -> Result<Vec<u8>, Status> + 'static,
    ) {
        let function = Rc::new(RefCell::new(function));
        self.state
            .borrow_mut()
            .foreign
            .insert(name.to_owned(), function);
    }

    /// What the guests have logged so far.
    pub fn logs(&self) -> Vec<Log> {
        self.state.borrow().logs.clone()
    }

    /// Takes what the guests have logged since the last call.
    pub fn take_logs(&self) -> Vec<Log> {
        std::mem::take(&mut self.state.borrow_mut().logs)
    }

    /// A metric by name.
    pub fn metric(&self, name: &str) -> Option<Metric> {
        self.state.borrow().metrics.find(name)
    }

    /// The names of all metrics that any VM has defined.
    pub fn metric_names(&self) -> Vec<String> {
        self.state.borrow().metrics.names()
    }

    /// A value of the shared data of a `vm_id`.
    pub fn shared_data(&self, vm_id: &str, key: &str) -> Option<Vec<u8>> {
        let state = self.state.borrow();
        state
            .shared_data
            .value(vm_id, key.as_bytes())
            .map(|(value, _)| value.clone())
    }

    /// The keys of the shared data of a `vm_id`.
    pub fn shared_data_keys(&self, vm_id: &str) -> Vec<Vec<u8>> {
        self.state.borrow().shared_data.keys(vm_id)
    }

    /// Writes shared data, as another VM of the node would, without regard to CAS.
    pub fn set_shared_data(&self, vm_id: &str, key: &str, value: impl Into<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        state.shared_data.write(vm_id, key.as_bytes(), value.into());
    }
}
