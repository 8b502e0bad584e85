//! The only file with hostcalls.
//!
//! The SDK's convenience methods unwrap: a header that is not UTF-8, or a stream that just closed,
//! would trap the VM. Here every failure is a value, and headers are bytes.

use std::time::{Duration, UNIX_EPOCH};

use chancery_engine::{exchange::HeaderEdit, id::Time, refusal::Reply};
use proxy_wasm::{
    hostcalls,
    types::{BufferType, LogLevel, MapType, MetricType, Status},
};

/// Gives up on a call whose failure changes nothing that is decided.
fn ignore<T>(_: Result<T, Status>) {}

/// Headers: lower-case names, raw values.
pub(crate) type Pairs = Vec<(String, Vec<u8>)>;

pub(crate) fn log(level: LogLevel, message: &str) {
    // A log line that cannot be written cannot be complained about either.
    ignore(hostcalls::log(level, message));
}

pub(crate) fn now() -> Time {
    let milliseconds = since_epoch().as_millis();
    Time::from_unix_ms(u64::try_from(milliseconds).unwrap_or(u64::MAX))
}

/// For spans that are shorter than [`now`] tells.
pub(crate) fn since_epoch() -> Duration {
    hostcalls::get_current_time()
        .ok()
        .and_then(|now| now.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default()
}

pub(crate) fn request_headers() -> Pairs {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default()
}

pub(crate) fn response_headers() -> Pairs {
    hostcalls::get_map_bytes(MapType::HttpResponseHeaders).unwrap_or_default()
}

pub(crate) fn remove_request_header(name: &str) {
    ignore(hostcalls::remove_map_value(
        MapType::HttpRequestHeaders,
        name,
    ));
}

pub(crate) fn remove_response_header(name: &str) {
    ignore(hostcalls::remove_map_value(
        MapType::HttpResponseHeaders,
        name,
    ));
}

/// Changes the request's headers.
pub(crate) fn edit_request_headers(edits: &[HeaderEdit]) {
    edit_headers(MapType::HttpRequestHeaders, edits);
}

/// Changes the response's headers.
pub(crate) fn edit_response_headers(edits: &[HeaderEdit]) {
    edit_headers(MapType::HttpResponseHeaders, edits);
}

fn edit_headers(map: MapType, edits: &[HeaderEdit]) {
    for edit in edits {
        ignore(match edit {
            HeaderEdit::Remove(name) => hostcalls::remove_map_value(map, name),
            HeaderEdit::Set(name, value) => hostcalls::set_map_value(map, name, Some(value)),
            HeaderEdit::Inject(name, value) => match value.expose_text() {
                Some(value) => hostcalls::set_map_value(map, name, Some(value)),
                None => Err(Status::BadArgument),
            },
        });
    }
}

/// The whole buffered body; `None` where the host does not give all of it.
pub(crate) fn body(buffer: BufferType, size: usize) -> Option<Vec<u8>> {
    if size == 0 {
        return Some(Vec::new());
    }
    hostcalls::get_buffer(buffer, 0, size)
        .ok()
        .flatten()
        .filter(|bytes| bytes.len() == size)
}

/// Replaces the whole buffered body. Any other range but a prefix or suffix is refused by the host.
pub(crate) fn replace_body(buffer: BufferType, size: usize, with: &[u8]) -> bool {
    hostcalls::set_buffer(buffer, 0, size, with).is_ok()
}

pub(crate) fn plugin_configuration(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Answers in the server's place. Whether the host took it.
pub(crate) fn reply(reply: &Reply) -> bool {
    let headers = reply.headers.iter().map(|(name, value)| (*name, &**value));
    let headers = headers.collect();
    hostcalls::send_http_response(reply.status.into(), headers, Some(reply.body.as_bytes())).is_ok()
}

/// Lets a held request go on.
pub(crate) fn resume_request() {
    ignore(hostcalls::resume_http_request());
}

/// Does something in the name of another context of this VM, and comes back to `own`; `None` where
/// the other is gone.
pub(crate) fn in_context<T>(context_id: u32, own: u32, act: impl FnOnce() -> T) -> Option<T> {
    hostcalls::set_effective_context(context_id).ok()?;
    let done = act();
    ignore(hostcalls::set_effective_context(own));
    Some(done)
}

/// Ends the response where it is.
pub(crate) fn end_response() {
    ignore(hostcalls::reset_http_response());
}

/// A property's bytes; `None` where it is not there.
pub(crate) fn property_bytes(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// A property as text; `None` where it is not there or not text.
pub(crate) fn property(path: &[&str]) -> Option<String> {
    String::from_utf8(property_bytes(path)?)
        .ok()
        .filter(|text| !text.is_empty())
}

/// What the access log finds as `%FILTER_STATE(wasm.chancery.decision:PLAIN)%`, and likewise.
const ACCESS_LOG_PROPERTIES: [&str; 2] = ["chancery.decision", "chancery.verdict"];

/// Makes these properties ones that the access log can show.
pub(crate) fn declare_access_log_properties() {
    for name in ACCESS_LOG_PROPERTIES {
        // envoy.source.extensions.common.wasm.DeclarePropertyArguments: 1 name, 2 readonly (left out:
        // writing a read-only property twice traps), 3 type string, 5 span of the downstream request.
        let mut arguments = vec![0x0A, u8::try_from(name.len()).unwrap_or(0)];
        arguments.extend_from_slice(name.as_bytes());
        arguments.extend_from_slice(&[0x18, 1, 0x28, 1]);
        ignore(hostcalls::call_foreign_function(
            "declare_property",
            Some(&arguments),
        ));
    }
}

/// Tells the access log what was decided of a request.
pub(crate) fn set_access_log_properties(decision: &str, verdict: &str) {
    for (name, value) in ACCESS_LOG_PROPERTIES.into_iter().zip([decision, verdict]) {
        ignore(hostcalls::set_property(vec![name], Some(value.as_bytes())));
    }
}

/// A function of Envoy's own; `None` where this host lacks it or it fails.
pub(crate) fn foreign(name: &str, arguments: &[u8]) -> Option<Vec<u8>> {
    hostcalls::call_foreign_function(name, Some(arguments))
        .ok()
        .flatten()
}

pub(crate) fn shared(key: &str) -> Option<Vec<u8>> {
    hostcalls::get_shared_data(key)
        .ok()
        .and_then(|(value, _)| value)
}

pub(crate) fn set_shared(key: &str, value: &[u8]) -> bool {
    hostcalls::set_shared_data(key, Some(value), None).is_ok()
}

/// Shared data with the number of its last writing; nothing of either where it was never written.
pub(crate) fn stamped(key: &str) -> (Option<Vec<u8>>, Option<u32>) {
    hostcalls::get_shared_data(key).unwrap_or_default()
}

/// Writes shared data, unless somebody else has since it had this number; whether it was written.
pub(crate) fn swap_shared(key: &str, value: &[u8], stamp: Option<u32>) -> bool {
    // 0 would overwrite what another VM has written first. A key that is not there takes any other
    // number, and one that is there will not have this one.
    const NEVER: u32 = u32::MAX;
    hostcalls::set_shared_data(key, Some(value), Some(stamp.unwrap_or(NEVER))).is_ok()
}

pub(crate) fn set_tick_period(period: Duration) {
    ignore(hostcalls::set_tick_period(period));
}

/// Opens the stream to the control plane. The token says nothing about whether anyone is there.
pub(crate) fn open_stream(cluster: &str) -> Option<u32> {
    hostcalls::open_grpc_stream(
        cluster,
        "chancery.node.v1.NodeService",
        "Connect",
        Vec::new(),
    )
    .ok()
}

/// Whether the stream still takes messages.
pub(crate) fn send(stream: u32, message: &[u8]) -> bool {
    hostcalls::send_grpc_stream_message(stream, Some(message), false).is_ok()
}

pub(crate) fn close_stream(stream: u32) {
    ignore(hostcalls::close_grpc_stream(stream));
}

pub(crate) fn stream_message(size: usize) -> Option<Vec<u8>> {
    hostcalls::get_buffer(BufferType::GrpcReceiveBuffer, 0, size)
        .ok()
        .flatten()
}

pub(crate) fn define_counter(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Counter, name).ok()
}

pub(crate) fn define_histogram(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Histogram, name).ok()
}

pub(crate) fn define_gauge(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Gauge, name).ok()
}

pub(crate) fn increment(metric: Option<u32>) {
    if let Some(metric) = metric {
        ignore(hostcalls::increment_metric(metric, 1));
    }
}

pub(crate) fn record(metric: Option<u32>, value: u64) {
    if let Some(metric) = metric {
        ignore(hostcalls::record_metric(metric, value));
    }
}

/// Random bytes from the host; `None` where it has none to give.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::getrandom(&mut bytes).ok().map(|()| bytes)
}
