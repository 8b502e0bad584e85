//! A root context: one plugin configuration in one VM.

use std::{rc::Rc, time::Duration};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{ContextType, LogLevel},
};

use crate::{config::Config, hold, host, http::Http, instance, streams};

/// How often entries leave, heartbeats and reconnects are due.
const TICK_PERIOD: Duration = Duration::from_millis(50);

/// The same while a snapshot is compiled, a slice with each tick: requests are served between them.
const WORKING_TICK_PERIOD: Duration = Duration::from_millis(1);

pub(crate) struct Root {
    context_id: u32,
    config: Option<Rc<Config>>,
    tick_period: Duration,
}

impl Root {
    pub(crate) fn new(context_id: u32) -> Self {
        Self {
            context_id,
            config: None,
            tick_period: TICK_PERIOD,
        }
    }

    /// Ticks come as often as there is use for them.
    fn pace(&mut self) {
        let is_working = instance::with(|instance| instance.is_working(self.context_id));
        let wanted = match is_working {
            Some(true) => WORKING_TICK_PERIOD,
            Some(false) | None => TICK_PERIOD,
        };
        if wanted != self.tick_period {
            self.tick_period = wanted;
            host::set_tick_period(wanted);
        }
    }
}

impl RootContext for Root {
    /// Runs in a throw-away VM too, so nothing is opened or counted here.
    fn on_configure(&mut self, configuration_size: usize) -> bool {
        let config = match Config::parse(&host::plugin_configuration(configuration_size)) {
            Ok(config) => config,
            Err(error) => {
                let message = format!("chancery: the plugin configuration is refused: {error}");
                host::log(LogLevel::Critical, &message);
                return false;
            }
        };
        if !instance::begin(&config) {
            host::log(LogLevel::Critical, "chancery: the host has no random bytes");
            return false;
        }
        host::declare_access_log_properties();
        host::set_tick_period(TICK_PERIOD);
        self.config = Some(Rc::new(config));
        true
    }

    fn on_tick(&mut self) {
        if let Some(config) = &self.config {
            let now = host::now();
            instance::with(|instance| {
                instance.tick(self.context_id, &config.control_plane_cluster, now);
            });
            hold::settle(self.context_id);
            streams::look(self.context_id);
            self.pace();
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        let config = self.config.as_ref().map(Rc::clone);
        Some(Box::new(Http::new(context_id, config)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Root {
    fn on_grpc_stream_message(&mut self, stream: u32, size: usize) {
        if let Some(message) = host::stream_message(size) {
            let now = host::now();
            instance::with(|instance| instance.received(stream, &message, now));
            hold::settle(self.context_id);
            streams::look(self.context_id);
            self.pace();
        }
    }

    fn on_grpc_stream_close(&mut self, stream: u32, _status: u32) {
        let now = host::now();
        instance::with(|instance| instance.closed(stream, now));
        hold::settle(self.context_id);
    }

    fn on_done(&mut self) -> bool {
        let now = host::now();
        instance::with(|instance| instance.leave(self.context_id, now));
        hold::settle(self.context_id);
        true
    }
}
