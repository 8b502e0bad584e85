//! gRPC streams and calls, HTTP calls.

use wasmtime::Linker;

use crate::wasm_host::error::Fault;
use crate::wasm_host::grpc::{CallKind, Calls};
use crate::wasm_host::memory::{self, Calling};
use crate::wasm_host::state::{After, Host};
use crate::wasm_host::{
    Cluster, GrpcKind, GrpcState, GrpcStream, Headers, HttpCall, RootId, Status,
};

use super::host_call;

/// A pointer and a size in the guest's memory.
type Span = (u32, u32);

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    link_open(linker)?;
    link_use(linker)?;
    link_http(linker)
}

fn link_open(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_grpc_stream",
            |caller: Calling<'_>,
             cluster: u32,
             cluster_size: u32,
             service: u32,
             service_size: u32,
             method: u32,
             method_size: u32,
             metadata: u32,
             metadata_size: u32,
             token_out: u32| {
                host_call(caller, |caller| {
                    let names = [(cluster, cluster_size), (service, service_size)];
                    let opening = Opening {
                        kind: GrpcKind::Stream,
                        names,
                        method: (method, method_size),
                        metadata: (metadata, metadata_size),
                        request: None,
                    };
                    let token = opening.perform(caller)?;
                    memory::write_u32(caller, token_out, token)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_grpc_call",
            |caller: Calling<'_>,
             cluster: u32,
             cluster_size: u32,
             service: u32,
             service_size: u32,
             method: u32,
             method_size: u32,
             metadata: u32,
             metadata_size: u32,
             request: u32,
             request_size: u32,
             timeout_ms: u32,
             token_out: u32| {
                host_call(caller, |caller| {
                    let names = [(cluster, cluster_size), (service, service_size)];
                    let opening = Opening {
                        kind: GrpcKind::Unary { timeout_ms },
                        names,
                        method: (method, method_size),
                        metadata: (metadata, metadata_size),
                        request: Some((request, request_size)),
                    };
                    let token = opening.perform(caller)?;
                    memory::write_u32(caller, token_out, token)
                })
            },
        )?;
    Ok(())
}

/// A stream or call that the guest wants to open.
struct Opening {
    kind: GrpcKind,
    /// Cluster and service.
    names: [Span; 2],
    method: Span,
    metadata: Span,
    request: Option<Span>,
}

impl Opening {
    fn perform(self, caller: &mut Calling<'_>) -> Result<u32, Fault> {
        let [cluster, service] = self.names;
        let cluster = memory::text(caller, cluster.0, cluster.1)?;
        let service = memory::text(caller, service.0, service.1)?;
        let method = memory::text(caller, self.method.0, self.method.1)?;
        let metadata = memory::read(caller, self.metadata.0, self.metadata.1)?;
        let request = self
            .request
            .map(|(at, size)| memory::read(caller, at, size))
            .transpose()?;
        let host = caller.data_mut();
        let answers = host.node.borrow().clusters.get(&cluster).copied();
        let answers = answers.ok_or(Status::ParseFailure)?;
        let root = RootId(host.root_of_context());
        let kind = match self.kind {
            GrpcKind::Stream => CallKind::GrpcStream,
            GrpcKind::Unary { .. } => CallKind::GrpcCall,
        };
        let token = host.calls.token(kind);
        let stream = GrpcStream {
            token,
            kind: self.kind,
            root,
            cluster,
            service,
            method,
            initial_metadata: Headers::from_pairs(&metadata),
            sent: request.into_iter().collect(),
            lost: Vec::new(),
            state: GrpcState::Open,
        };
        host.calls.grpc.insert(token, stream);
        match answers {
            Cluster::Up => {}
            Cluster::Refused => host.calls.refused.push(token),
            Cluster::Removed => {
                let message = "Cluster not available".to_owned();
                host.after.push_back(After::GrpcClosed {
                    token,
                    code: 14,
                    message,
                });
                return Err(Status::InternalFailure.into());
            }
        }
        Ok(token)
    }
}

/// Envoy keeps a stream with the context that opened it: to every other one it is not there.
fn own_calls<'c>(caller: &'c mut Calling<'_>, token: u32) -> Result<&'c mut Calls, Fault> {
    let host = caller.data_mut();
    let context = host.context();
    let owner = host.calls.grpc.get(&token).map(|stream| stream.root);
    match owner {
        Some(RootId(owner)) if owner != context => Err(Status::NotFound.into()),
        Some(_) | None => Ok(&mut host.calls),
    }
}

fn link_use(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(
            "env",
            "proxy_grpc_send",
            |caller: Calling<'_>, token: u32, message: u32, size: u32, end_stream: u32| {
                host_call(caller, |caller| {
                    let message = memory::read(caller, message, size)?;
                    let calls = own_calls(caller, token)?;
                    Ok(calls.send(token, message, end_stream != 0)?)
                })
            },
        )?
        .func_wrap(
            "env",
            "proxy_grpc_close",
            |caller: Calling<'_>, token: u32| {
                host_call(caller, |caller| Ok(own_calls(caller, token)?.close(token)?))
            },
        )?
        .func_wrap(
            "env",
            "proxy_grpc_cancel",
            |caller: Calling<'_>, token: u32| {
                host_call(
                    caller,
                    |caller| Ok(own_calls(caller, token)?.cancel(token)?),
                )
            },
        )?;
    Ok(())
}

fn link_http(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |caller: Calling<'_>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         timeout_ms: u32,
         token_out: u32| {
            host_call(caller, |caller| {
                let cluster = memory::text(caller, cluster, cluster_size)?;
                let headers = memory::read(caller, headers, headers_size)?;
                let headers = Headers::from_pairs(&headers);
                let body = memory::read(caller, body, body_size)?;
                let trailers = memory::read(caller, trailers, trailers_size)?;
                let host = caller.data_mut();
                let known = host.node.borrow().clusters.contains_key(&cluster);
                let required = [":path", ":method", ":authority"];
                if !known || required.iter().any(|name| headers.value(name).is_none()) {
                    return Err(Status::BadArgument.into());
                }
                let token = host.calls.token(CallKind::Http);
                let root = RootId(host.root_of_context());
                let trailers = Headers::from_pairs(&trailers);
                let call = HttpCall {
                    token,
                    root,
                    cluster,
                    headers,
                    body,
                    trailers,
                    timeout_ms,
                };
                host.calls.http.insert(token, call);
                memory::write_u32(caller, token_out, token)
            })
        },
    )?;
    Ok(())
}
