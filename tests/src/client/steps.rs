//! rmcp, taking steps as the programs do.

#![expect(
    deprecated,
    reason = "logging is deprecated in 2026-07-28, and servers still do it"
)]

use std::collections::BTreeMap;

use rmcp::{
    ClientHandler, RoleClient, ServiceError,
    model::{
        CallToolRequestParams, ClientConfig, GetPromptRequestParams, JsonObject, LoggingLevel,
        LoggingMessageNotificationParam, ProgressNotificationParam, ReadResourceRequestParams,
        RequestMetaObject, SubscriptionFilter,
    },
    service::{ClientInitializeError, NotificationContext, RunningService, Subscription},
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{ClientError, Era, serve};
use crate::wait::PATIENCE;

/// A notification: its method and its parameters.
type Told = (&'static str, Value);

/// Passes on what the server tells.
#[derive(Debug)]
struct Ear(UnboundedSender<Told>);

impl Ear {
    fn hear(&self, method: &'static str, params: impl Serialize) {
        let params = serde_json::to_value(params).unwrap_or_default();
        // It fails where the session has ended, and nobody waits.
        self.0.send((method, params)).unwrap_or_default();
    }
}

impl ClientHandler for Ear {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::default()
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.hear("notifications/progress", params);
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.hear("notifications/message", params);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.hear("notifications/tools/list_changed", json!({}));
    }
}

/// A session under way.
struct Steps {
    session: RunningService<RoleClient, Ear>,
    subscription: Option<Subscription>,
    heard: UnboundedReceiver<Told>,
    kept: BTreeMap<&'static str, Vec<Value>>,
}

pub(super) async fn run(
    url: &str,
    era: Era,
    token: Option<&str>,
    steps: &[Value],
) -> Result<Vec<Value>, ClientError> {
    let (ear, heard) = unbounded_channel();
    let session = match serve(Ear(ear), url, era, token).await {
        Ok(session) => session,
        Err(error) => return Ok(vec![not_connected(&error)]),
    };
    let version = session
        .peer_info()
        .map(|server| server.protocol_version.clone());
    let mut lines = vec![json!({ "protocol_version": version })];
    let mut held = Steps {
        session,
        subscription: None,
        heard,
        kept: BTreeMap::new(),
    };
    for step in steps {
        lines.push(match held.perform(step).await? {
            Ok(line) => line,
            Err(error) => failure(&error),
        });
    }
    // How it ends is of no interest, only that it has.
    drop(held.subscription);
    drop(held.session.cancel().await);
    Ok(lines)
}

impl Steps {
    /// What came of a step; the outer error is that there is no such step.
    async fn perform(&mut self, step: &Value) -> Result<Result<Value, ServiceError>, ClientError> {
        let text = |name| step.get(name).and_then(Value::as_str).map(str::to_owned);
        let arguments = step.get("arguments").and_then(Value::as_object).cloned();
        Ok(if let Some(kind) = text("list") {
            self.list(&kind).await
        } else if let Some(tool) = text("call") {
            self.call(tool, arguments.unwrap_or_default()).await
        } else if let Some(name) = text("prompt") {
            let params = GetPromptRequestParams::new(name);
            let params = params.with_arguments(arguments.unwrap_or_default());
            result(self.session.get_prompt(params).await)
        } else if let Some(uri) = text("read") {
            result(
                self.session
                    .read_resource(ReadResourceRequestParams::new(uri))
                    .await,
            )
        } else if let Some(kind) = text("listen") {
            let filter = SubscriptionFilter::builder().tools_list_changed().build();
            self.session.listen(filter).await.map(|subscription| {
                self.subscription = Some(subscription);
                json!({ "listening": kind })
            })
        } else if let Some(method) = text("await") {
            let times = step.get("times").and_then(Value::as_u64).unwrap_or(1);
            Ok(self.told(&method, times).await)
        } else {
            return Err(ClientError::Step(step.clone()));
        })
    }

    async fn list(&self, kind: &str) -> Result<Value, ServiceError> {
        let session = &self.session;
        let names: Vec<String> = match kind {
            "prompts" => named(session.list_all_prompts().await?, |item| item.name),
            "resources" => named(session.list_all_resources().await?, |item| item.uri),
            "resource_templates" => named(session.list_all_resource_templates().await?, |item| {
                item.uri_template
            }),
            _ => named(session.list_all_tools().await?, |item| {
                item.name.into_owned()
            }),
        };
        Ok(json!({ kind: names }))
    }

    async fn call(&self, tool: String, arguments: JsonObject) -> Result<Value, ServiceError> {
        let mut params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let mut meta = RequestMetaObject::default();
        meta.set_log_level(LoggingLevel::Info);
        params.meta = Some(meta);
        result(self.session.call_tool(params).await)
    }

    /// The next notifications of a method, told already or soon.
    async fn told(&mut self, method: &str, times: u64) -> Value {
        let mut told = Vec::new();
        for _ in 0..times {
            match tokio::time::timeout(PATIENCE, self.next(method)).await {
                Ok(Some(params)) => told.push(params),
                Ok(None) | Err(_) => {
                    return json!({ "exception": format!("TimedOut: no {method} in time") });
                }
            }
        }
        json!({ "notifications": told })
    }

    async fn next(&mut self, method: &str) -> Option<Value> {
        if let Some(kept) = self.kept.get_mut(method).filter(|kept| !kept.is_empty()) {
            return Some(kept.remove(0));
        }
        loop {
            let (told, params) = if let Some(subscription) = &mut self.subscription {
                tokio::select! {
                    told = self.heard.recv() => told?,
                    told = subscription.next() => {
                        let told = serde_json::to_value(told.ok()??).unwrap_or_default();
                        // Of a subscription to tools there is only one kind of news.
                        ("notifications/tools/list_changed", told.get("params").cloned().unwrap_or_default())
                    }
                }
            } else {
                self.heard.recv().await?
            };
            if told == method {
                return Some(params);
            }
            self.kept.entry(told).or_default().push(params);
        }
    }
}

fn named<T>(items: Vec<T>, name: impl Fn(T) -> String) -> Vec<String> {
    items.into_iter().map(name).collect()
}

fn result(result: Result<impl Serialize, ServiceError>) -> Result<Value, ServiceError> {
    Ok(json!({ "result": result? }))
}

fn failure(error: &ServiceError) -> Value {
    if let ServiceError::McpError(error) = error {
        return json!({ "error": error });
    }
    exception(&format!("ServiceError: {error}"), error.auth_challenge())
}

fn not_connected(error: &ClientInitializeError) -> Value {
    if let ClientInitializeError::JsonRpcError(error) = error {
        return json!({ "error": error });
    }
    let mut text = format!("ClientInitializeError: {error}");
    // The text leaves out why.
    if let ClientInitializeError::LegacyFallbackFailed { fallback, .. } = error {
        text = format!("{text}: {fallback}");
    }
    exception(&text, error.auth_challenge())
}

fn exception(text: &str, challenge: Option<&str>) -> Value {
    match challenge {
        Some(challenge) => json!({ "exception": text, "challenge": challenge }),
        None => json!({ "exception": text }),
    }
}
