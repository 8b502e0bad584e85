//! What a VM's host functions see: the store data of wasmtime.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;

use wasmtime::{Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use super::grpc::Calls;
use super::metric::{MetricIds, Metrics};
use super::queue::Queues;
use super::root::Root;
use super::shared_data::SharedData;
use super::stream::{ContextState, Direction, LocalReply, Stream};
use super::{Cluster, HostError, Log, LogLevel, NodeConfig, PluginConfig, Status};

/// A foreign function that a test offers to the guest.
pub(super) type ForeignFunction = Rc<RefCell<dyn FnMut(&[u8]) -> Result<Vec<u8>, Status>>>;

/// The state that all VMs of a node share.
pub(super) type SharedNode = Rc<RefCell<NodeState>>;

/// What lives as long as the Envoy process.
pub(super) struct NodeState {
    pub(super) config: NodeConfig,
    /// Nanoseconds since 1970.
    pub(super) now_ns: u64,
    pub(super) random: u64,
    pub(super) shared_data: SharedData,
    pub(super) queues: Queues,
    pub(super) metrics: Metrics,
    pub(super) logs: Vec<Log>,
    pub(super) clusters: BTreeMap<String, Cluster>,
    pub(super) foreign: BTreeMap<String, ForeignFunction>,
    pub(super) next_vm: usize,
}

impl NodeState {
    pub(super) fn new(config: NodeConfig) -> Self {
        Self {
            now_ns: config.start_unix_ns,
            random: config.seed,
            config,
            shared_data: SharedData::default(),
            queues: Queues::default(),
            metrics: Metrics::default(),
            logs: Vec::new(),
            clusters: BTreeMap::new(),
            foreign: BTreeMap::new(),
            next_vm: 0,
        }
    }

    /// The next eight bytes of the node's random stream (`SplitMix64`).
    pub(super) fn random(&mut self) -> [u8; 8] {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    }
}

/// An action that Envoy defers until the running callback has returned.
#[derive(Debug)]
pub(super) enum After {
    CloseStream {
        stream: u32,
    },
    DeleteRoot {
        root: u32,
    },
    GrpcClosed {
        token: u32,
        code: u32,
        message: String,
    },
    LocalReply {
        stream: u32,
        reply: LocalReply,
    },
    Resume {
        stream: u32,
        direction: Direction,
    },
}

/// The store data of one VM.
pub(super) struct Host {
    pub(super) node: SharedNode,
    /// Number of the VM on its node.
    pub(super) vm: usize,
    /// The plugin that the VM was started for; its VM settings hold for all roots.
    pub(super) plugin: PluginConfig,
    pub(super) limits: StoreLimits,
    pub(super) memory: Option<Memory>,
    pub(super) malloc: Option<TypedFunc<u32, u32>>,
    /// During `_initialize` Envoy traps on everything but logging and WASI.
    pub(super) restricted: bool,
    /// Set by `send_local_response`: the running callback counts as a pause.
    pub(super) stop_iteration: bool,
    /// Context of the running callback, and the one the guest switched to (0: none).
    pub(super) current: u32,
    pub(super) effective: u32,
    pub(super) next_context: u32,
    pub(super) roots: BTreeMap<u32, Root>,
    pub(super) streams: BTreeMap<u32, Stream>,
    pub(super) calls: Calls,
    pub(super) metrics: MetricIds,
    pub(super) after: VecDeque<After>,
    /// Why the VM is dead.
    pub(super) failed: Option<HostError>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("vm", &self.vm)
            .finish_non_exhaustive()
    }
}

impl Host {
    pub(super) fn new(node: &SharedNode, plugin: PluginConfig) -> Self {
        let mut state = node.borrow_mut();
        let vm = state.next_vm;
        state.next_vm = vm.saturating_add(1);
        Self {
            node: Rc::clone(node),
            vm,
            plugin,
            limits: StoreLimitsBuilder::new()
                .memory_size(state.config.max_memory_bytes)
                .build(),
            memory: None,
            malloc: None,
            restricted: false,
            stop_iteration: false,
            current: 0,
            effective: 0,
            next_context: 1,
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            calls: Calls::default(),
            metrics: MetricIds::default(),
            after: VecDeque::new(),
            failed: None,
        }
    }

    /// A context id that this VM has not used.
    pub(super) fn allocate_context(&mut self) -> u32 {
        let id = self.next_context;
        self.next_context = id.saturating_add(1);
        id
    }

    /// The context that host calls act on.
    pub(super) fn context(&self) -> u32 {
        let known = |id: &u32| self.roots.contains_key(id) || self.is_stream(*id);
        Some(self.effective).filter(known).unwrap_or(self.current)
    }

    /// Whether the id is a stream context that the guest has not been told to delete.
    pub(super) fn is_stream(&self, id: u32) -> bool {
        self.streams
            .get(&id)
            .is_some_and(|stream| stream.context != ContextState::Deleted)
    }

    /// The root context that owns the current context.
    pub(super) fn root_of_context(&self) -> u32 {
        let context = self.context();
        self.streams
            .get(&context)
            .map_or(context, |stream| stream.root)
    }

    pub(super) fn log(&self, level: LogLevel, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        self.node.borrow_mut().logs.push(Log {
            vm: self.vm,
            level,
            text,
        });
    }
}
