//! The built module in wasmtime, on the modelled node, with a control plane played by hand.

use std::{path::Path, time::Duration};

use chancery_proto::{
    audit::v1::Entry,
    node::v1::{self as pb, connect_request, connect_response},
    policy::v1::SignedManifest,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{ORGANIZATION, SEALING_KEY, Snapshot};
use crate::{
    case::{Case, Forwarded, Observed},
    signing,
    wasm_host::{
        ClientResponse, Cluster, Headers, HostError, Module, Node, NodeConfig, Outcome, Phase,
        PluginConfig, RequestSpec, RootId, UpstreamResponse, Vm,
    },
};

/// More slices than any snapshot of the tests is compiled in.
const MAX_SLICES: usize = 100;

/// The name of the control plane's cluster.
pub const CONTROL_PLANE: &str = "chancery";

/// One VM of the built module.
#[derive(Debug)]
pub struct Wasm {
    /// The node it runs on.
    pub node: Node,
    /// The VM.
    pub vm: Vm,
    /// Its root context.
    pub root: RootId,
    requests: Vec<connect_request::Message>,
}

/// Why the module could not be driven.
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What the instance sent.
    #[error("the instance sent what cannot be decoded: {0}")]
    Decode(#[from] prost::DecodeError),
    /// What the instance did not do.
    #[error("the instance has no {what}")]
    Missing {
        /// What.
        what: &'static str,
    },
}

impl Wasm {
    /// Starts a node with one VM and lets it open its stream.
    ///
    /// # Errors
    /// Where the module does not start.
    pub fn start(module: &Path, start_unix_ms: u64) -> Result<Self, WasmError> {
        let max_memory_bytes = NodeConfig::default().max_memory_bytes;
        Self::start_with_memory(module, start_unix_ms, max_memory_bytes)
    }

    /// Starts a node whose VMs have no more memory than this.
    ///
    /// # Errors
    /// Where the module does not start.
    pub fn start_with_memory(
        module: &Path,
        start_unix_ms: u64,
        max_memory_bytes: usize,
    ) -> Result<Self, WasmError> {
        let compiled = Module::load(module)?;
        let config = NodeConfig {
            start_unix_ns: start_unix_ms * 1_000_000,
            max_memory_bytes,
            ..NodeConfig::default()
        };
        let node = Node::new(&compiled, config);
        node.set_cluster(CONTROL_PLANE, Cluster::Up);
        let vm = node.start_vm(&[plugin("{}")])?;
        Self::on(node, vm)
    }

    /// Goes on with a node and a VM on it, and lets that open its stream.
    ///
    /// # Errors
    /// Where the module does not start.
    pub fn on(node: Node, vm: Vm) -> Result<Self, WasmError> {
        let root = vm.root("chancery").ok_or(WasmError::Missing {
            what: "root context",
        })?;
        let mut wasm = Self {
            node,
            vm,
            root,
            requests: Vec::new(),
        };
        wasm.tick()?;
        Ok(wasm)
    }

    /// Goes on with the VM that replaced a trapped one.
    ///
    /// # Errors
    /// Where the new VM does not start.
    pub fn reload(&mut self) -> Result<(), WasmError> {
        self.vm = self.node.reload(&self.vm)?;
        self.root = self.vm.root("chancery").ok_or(WasmError::Missing {
            what: "root context",
        })?;
        Ok(())
    }

    /// Lets one tick pass and reads what the instance sent.
    ///
    /// # Errors
    /// Where the instance fails or sends nonsense.
    pub fn tick(&mut self) -> Result<(), WasmError> {
        self.wait(Duration::from_millis(50))
    }

    /// Lets time pass and reads what the instance sent.
    ///
    /// # Errors
    /// As [`Self::tick`].
    pub fn wait(&mut self, time: Duration) -> Result<(), WasmError> {
        self.node.advance(time)?;
        self.read()
    }

    /// What the instance sent since this was last asked.
    pub fn take_requests(&mut self) -> Vec<connect_request::Message> {
        std::mem::take(&mut self.requests)
    }

    fn read(&mut self) -> Result<(), WasmError> {
        for stream in self.vm.grpc_streams() {
            for message in self.vm.take_sent(stream.token) {
                self.requests
                    .extend(pb::ConnectRequest::decode(&*message)?.message);
            }
        }
        Ok(())
    }

    /// The token of the open stream.
    ///
    /// # Errors
    /// Where there is none.
    pub fn stream(&self) -> Result<u32, WasmError> {
        let stream = self.vm.open_grpc_streams().into_iter().next();
        stream.map(|stream| stream.token).ok_or(WasmError::Missing {
            what: "open stream",
        })
    }

    /// Says something to the instance.
    ///
    /// # Errors
    /// Where there is no stream or the instance fails.
    pub fn say(&mut self, message: connect_response::Message) -> Result<(), WasmError> {
        let response = pb::ConnectResponse {
            message: Some(message),
        };
        self.vm
            .grpc_receive(self.stream()?, response.encode_to_vec())?;
        self.read()
    }

    /// Hands over the keys that seal handles.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn hand_over_keys(&mut self) -> Result<(), WasmError> {
        self.say(connect_response::Message::SealingKeys(pb::SealingKeys {
            organization: ORGANIZATION.to_owned(),
            keys: vec![SEALING_KEY.to_vec()],
        }))
    }

    /// Offers a snapshot with all its sections, after the keys that its servers need.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn push(&mut self, snapshot: &Snapshot) -> Result<(), WasmError> {
        self.hand_over_keys()?;
        self.push_signed(signing::signed(&snapshot.manifest), snapshot)
    }

    /// Offers a snapshot under a manifest as it is, with all its sections.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn push_signed(
        &mut self,
        manifest: SignedManifest,
        snapshot: &Snapshot,
    ) -> Result<(), WasmError> {
        let before = self.requests.len();
        self.say(connect_response::Message::Manifest(manifest))?;
        for section in &snapshot.sections {
            let digest = Sha256::digest(section).to_vec();
            self.say(connect_response::Message::SectionChunk(pb::SectionChunk {
                digest,
                offset_bytes: 0,
                data: section.clone().into(),
            }))?;
        }
        // It is compiled in slices, one a tick.
        for _ in 0..MAX_SLICES {
            let answered = self.requests.iter().skip(before).any(|request| {
                matches!(
                    request,
                    connect_request::Message::SnapshotAck(_)
                        | connect_request::Message::SnapshotNack(_)
                )
            });
            if answered {
                break;
            }
            self.wait(Duration::from_millis(1))?;
        }
        Ok(())
    }

    /// Sends a request and answers it, and says how it ended and what was recorded.
    ///
    /// # Errors
    /// Where the module cannot be driven.
    pub fn run(&mut self, case: &Case, token: Option<&str>) -> Result<Observed, WasmError> {
        let exchange = self.vm.open(self.root, request(case, token))?;
        self.read()?;
        let mut entries = Vec::new();
        if exchange.phase() == Phase::RequestHeld {
            // It may wait for its decision to be durable.
            entries = self.take_entries()?;
        }
        if exchange.forwarded().is_some_and(|it| it.complete) {
            exchange.respond(answer(case))?;
        }
        let outcome = exchange.finish()?;
        self.tick()?;
        let mut observed = observed(&outcome);
        entries.extend(self.take_entries()?);
        observed.entries = entries;
        Ok(observed)
    }

    /// The entries sent since this was last asked, which are acknowledged.
    ///
    /// # Errors
    /// Where an entry cannot be decoded.
    pub fn take_entries(&mut self) -> Result<Vec<Entry>, WasmError> {
        let (mut entries, mut last) = (Vec::new(), 0);
        for message in self.take_requests() {
            if let connect_request::Message::Entries(batch) = message {
                for entry in batch.entries {
                    last = entry.sequence;
                    entries.push(Entry::decode(&*entry.entry)?);
                }
            }
        }
        if last > 0 {
            self.say(connect_response::Message::EntriesAck(pb::EntriesAck {
                sequence: last,
            }))?;
        }
        Ok(entries)
    }
}

/// The plugin as Envoy would configure it, with these limits.
pub fn plugin(limits: &str) -> PluginConfig {
    let configuration = format!(
        r#"{{"control_plane_cluster":"{CONTROL_PLANE}","node_id":"test","limits":{limits},"trust_keys":{}}}"#,
        signing::trust_keys()
    );
    PluginConfig::new("chancery", configuration)
}

/// A case's request as it reaches the filter.
pub fn request(case: &Case, token: Option<&str>) -> RequestSpec {
    let request = &case.request;
    let mut headers = Headers::from([
        (":method", &*request.method),
        (":authority", &*request.host),
        (":path", &*request.path),
        (":scheme", "http"),
    ]);
    for (name, value) in request.headers() {
        headers.add(name, value);
    }
    if let Some(token) = token {
        headers.add("authorization", format!("Bearer {token}"));
    }
    let body = request.bytes();
    if request.method == "POST" {
        headers.add("content-length", body.len().to_string());
    }
    let mut spec = RequestSpec::new(headers).property(&["xds", "cluster_name"], &*request.cluster);
    // As the shipped configuration has it: the filter's own limits decide.
    spec.buffer_limit_bytes = Some(8 << 20);
    if !body.is_empty() || request.method == "POST" {
        spec.chunks = vec![body];
    }
    spec
}

fn answer(case: &Case) -> UpstreamResponse {
    let mut response = UpstreamResponse::status(case.upstream.status);
    for (name, value) in &case.upstream.headers {
        response.headers.add(name, value);
    }
    let body = case.upstream.bytes();
    if !body.is_empty() {
        response.chunks = vec![body];
    }
    response
}

fn observed(outcome: &Outcome) -> Observed {
    let details = outcome.details();
    let response = details.response.as_ref();
    Observed {
        status: outcome.status(),
        headers: response
            .map(|response| pairs(&response.headers))
            .unwrap_or_default(),
        body: response.map(ClientResponse::body).unwrap_or_default(),
        forwarded: details.forwarded.as_ref().map(|forwarded| Forwarded {
            headers: pairs(&forwarded.headers),
            body: forwarded.body(),
        }),
        entries: Vec::new(),
    }
}

fn pairs(headers: &Headers) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}
