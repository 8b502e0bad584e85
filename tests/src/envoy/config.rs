//! `envoy/envoy.yaml`, read as a value, with a test's values put in.

use std::{
    env, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{ControlPlaneTls, EnvoyOptions, Filter, LISTENER, Listener, Route, Upstream};
use crate::{artifacts, signing};

const HTTP_MANAGER: &str = "/filter_chains/0/filters/0/typed_config";
const HOSTS: &str = "/route_config/virtual_hosts";
const ROUTES: &str = "/route_config/virtual_hosts/0/routes";
const PLUGIN: &str = "/typed_config/config";
const ENDPOINT: &str = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint";
const CA_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why no configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The shipped file could not be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The shipped file is no YAML.
    #[error("envoy.yaml: {0}")]
    Yaml(#[from] serde_saphyr::Error),
    /// The plugin configuration is no JSON.
    #[error("envoy.yaml: the plugin configuration: {0}")]
    Plugin(#[from] serde_json::Error),
    /// The shipped file lacks something that is replaced here.
    #[error("envoy.yaml has nothing at `{0}`")]
    Absent(String),
    /// There is nothing to verify a server's certificate with.
    #[error("no CA certificates found; let `SSL_CERT_FILE` name a bundle of them")]
    NoRoots,
}

/// The configuration that `options` describe.
pub(super) fn build(options: &EnvoyOptions) -> Result<Value, ConfigError> {
    let mut config = shipped()?;
    set(&mut config, "/node/id", json!(options.node_id))?;
    set(
        &mut config,
        "/admin/address/socket_address/port_value",
        json!(0),
    )?;

    let main = Listener {
        name: LISTENER.to_owned(),
        plugin: json!({}),
        routes: if options.routes.is_empty() {
            options
                .upstreams
                .iter()
                .take(1)
                .map(|to| Route::everything(&to.cluster))
                .collect()
        } else {
            options.routes.clone()
        },
    };
    let template = take(&mut config, "/static_resources/listeners/0")?;
    let mut listeners = vec![listener(template.clone(), &main, options, options.port)?];
    for extra in &options.listeners {
        listeners.push(listener(template.clone(), extra, options, 0)?);
    }
    set(
        &mut config,
        "/static_resources/listeners",
        Value::Array(listeners),
    )?;

    let template = take(&mut config, "/static_resources/clusters/0")?;
    let mut control_plane = take(&mut config, "/static_resources/clusters/1")?;
    set(
        &mut control_plane,
        &format!("{ENDPOINT}/address"),
        address(options.control_plane),
    )?;
    if let Some(tls) = &options.control_plane_tls {
        let socket = control_plane_socket(tls)?;
        insert(&mut control_plane, "", "transport_socket", socket)?;
    }
    let mut clusters = vec![control_plane];
    for upstream in &options.upstreams {
        clusters.push(cluster(template.clone(), upstream)?);
    }
    if let Some(exported) = &options.exported {
        let own = exported["clusters"].as_array().into_iter().flatten();
        clusters.extend(own.cloned());
        let hosts = format!("/static_resources/listeners/0{HTTP_MANAGER}{HOSTS}");
        set(&mut config, &hosts, exported["virtual_hosts"].clone())?;
    }
    set(
        &mut config,
        "/static_resources/clusters",
        Value::Array(clusters),
    )?;
    Ok(config)
}

/// `envoy/control-plane-tls.yaml` with a test's files in it.
fn control_plane_socket(tls: &ControlPlaneTls) -> Result<Value, ConfigError> {
    const CONTEXT: &str = "/typed_config/common_tls_context";
    let mut file = read("envoy/control-plane-tls.yaml")?;
    let mut socket = take(&mut file, "/transport_socket")?;
    let certificate = format!("{CONTEXT}/tls_certificates/0");
    let validation = format!("{CONTEXT}/validation_context");
    for (pointer, value) in [
        ("/typed_config/sni".to_owned(), json!(tls.name)),
        (
            format!("{certificate}/certificate_chain/filename"),
            json!(tls.identity.certificate),
        ),
        (
            format!("{certificate}/private_key/filename"),
            json!(tls.identity.key),
        ),
        (format!("{validation}/trusted_ca/filename"), json!(tls.ca)),
        (
            format!("{validation}/match_typed_subject_alt_names/0/matcher/exact"),
            json!(tls.name),
        ),
    ] {
        set(&mut socket, &pointer, value)?;
    }
    Ok(socket)
}

fn shipped() -> Result<Value, ConfigError> {
    read("envoy/envoy.yaml")
}

fn read(file: &str) -> Result<Value, ConfigError> {
    let path = artifacts::root().join(file);
    let text =
        std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path, source })?;
    Ok(serde_saphyr::from_str(&text)?)
}

fn listener(
    mut listener: Value,
    wanted: &Listener,
    options: &EnvoyOptions,
    port: u16,
) -> Result<Value, ConfigError> {
    set(&mut listener, "/name", json!(wanted.name))?;
    set(
        &mut listener,
        "/address/socket_address/port_value",
        json!(port),
    )?;
    let manager = at(&mut listener, HTTP_MANAGER)?;
    set(manager, "/stat_prefix", json!(wanted.name))?;

    let template = take(manager, &format!("{ROUTES}/0"))?;
    let routes = wanted.routes.iter().map(|to| route(template.clone(), to));
    set(
        manager,
        ROUTES,
        Value::Array(routes.collect::<Result<_, _>>()?),
    )?;

    let mut chancery = take(manager, "/http_filters/0")?;
    let last = take(manager, "/http_filters/1")?;
    let mut filters = options.before.clone();
    match &options.filter {
        Filter::Chancery(path) => {
            let config = at(&mut chancery, PLUGIN)?;
            configure_plugin(
                config,
                path,
                [
                    &json!({ "node_id": options.node_id, "trust_keys": signing::trust_keys() }),
                    &options.plugin,
                    &wanted.plugin,
                ],
            )?;
            filters.push(chancery);
        }
        Filter::Others(others) => filters.extend_from_slice(others),
    }
    filters.push(last);
    set(manager, "/http_filters", Value::Array(filters))?;
    if let Some(socket) = &options.transport_socket {
        let chain = "/filter_chains/0";
        insert(&mut listener, chain, "transport_socket", socket.clone())?;
    }
    Ok(listener)
}

fn configure_plugin(
    config: &mut Value,
    path: &Path,
    changes: [&Value; 3],
) -> Result<(), ConfigError> {
    set(config, "/vm_config/code/local/filename", json!(path))?;
    let text = at(config, "/configuration/value")?;
    let mut plugin: Value = serde_json::from_str(text.as_str().unwrap_or_default())?;
    for (name, value) in changes.into_iter().filter_map(Value::as_object).flatten() {
        if let Some(plugin) = plugin.as_object_mut() {
            plugin.insert(name.clone(), value.clone());
        }
    }
    *text = json!(plugin.to_string());
    Ok(())
}

fn route(mut route: Value, wanted: &Route) -> Result<Value, ConfigError> {
    set(&mut route, "/match", wanted.matches.clone())?;
    set(&mut route, "/route/cluster", json!(wanted.cluster))?;
    if let Some(host) = &wanted.host {
        insert(&mut route, "/route", "host_rewrite_literal", json!(host))?;
    }
    if let Some(metadata) = &wanted.metadata {
        insert(
            &mut route,
            "",
            "metadata",
            json!({ "filter_metadata": metadata }),
        )?;
    }
    Ok(route)
}

fn cluster(mut cluster: Value, upstream: &Upstream) -> Result<Value, ConfigError> {
    let Upstream {
        cluster: name,
        host,
        port,
        tls,
    } = upstream;
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    set(&mut cluster, "/name", json!(name))?;
    set(&mut cluster, "/load_assignment/cluster_name", json!(name))?;
    if ip.is_none() {
        set(&mut cluster, "/type", json!("LOGICAL_DNS"))?;
        // Few servers in development listen on [::1] only; many listen on 127.0.0.1 only.
        insert(&mut cluster, "", "dns_lookup_family", json!("V4_PREFERRED"))?;
    }
    let literal = ip.map_or_else(|| host.clone(), |ip| ip.to_string());
    let socket = json!({ "socket_address": { "address": literal, "port_value": port } });
    set(&mut cluster, &format!("{ENDPOINT}/address"), socket)?;
    if *tls {
        insert(
            &mut cluster,
            "",
            "transport_socket",
            tls_socket(&literal, ip.is_some())?,
        )?;
    }
    Ok(cluster)
}

/// TLS whose certificate must be for `host`. Without roots and names Envoy accepts any.
fn tls_socket(host: &str, is_ip: bool) -> Result<Value, ConfigError> {
    let named = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let mut candidates = named.into_iter().chain(CA_BUNDLES.map(PathBuf::from));
    let roots = candidates
        .find(|path| path.is_file())
        .ok_or(ConfigError::NoRoots)?;
    let kind = if is_ip { "IP_ADDRESS" } else { "DNS" };
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": { "filename": roots },
                "match_typed_subject_alt_names": [{ "san_type": kind, "matcher": { "exact": host } }],
            },
        },
    });
    if !is_ip {
        insert(&mut context, "", "sni", json!(host))?;
    }
    Ok(json!({ "name": "envoy.transport_sockets.tls", "typed_config": context }))
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}

fn at<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Value, ConfigError> {
    value
        .pointer_mut(pointer)
        .ok_or_else(|| ConfigError::Absent(pointer.to_owned()))
}

fn set(value: &mut Value, pointer: &str, to: Value) -> Result<(), ConfigError> {
    *at(value, pointer)? = to;
    Ok(())
}

fn take(value: &mut Value, pointer: &str) -> Result<Value, ConfigError> {
    at(value, pointer).map(Value::take)
}

fn insert(value: &mut Value, pointer: &str, name: &str, to: Value) -> Result<(), ConfigError> {
    let object = at(value, pointer)?.as_object_mut();
    let object = object.ok_or_else(|| ConfigError::Absent(pointer.to_owned()))?;
    object.insert(name.to_owned(), to);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> EnvoyOptions {
        let upstreams = vec![
            Upstream::local("notes", ([127, 0, 0, 1], 1).into()),
            Upstream {
                cluster: "far".into(),
                host: "mcp.example.com".into(),
                port: 443,
                tls: false,
            },
        ];
        let filter = Filter::Chancery("/a/filter.wasm".into());
        EnvoyOptions::new(filter, upstreams, ([127, 0, 0, 1], 2).into())
    }

    #[test]
    fn a_value_is_put_where_the_shipped_file_has_it() {
        let mut options = options();
        options.plugin = json!({ "unmatched": "pass" });
        options.listeners = vec![Listener {
            name: "second".into(),
            plugin: json!({ "node_id": "other" }),
            routes: vec![Route::host("far.test", "far")],
        }];
        let config = build(&options).unwrap();
        let config = &config["static_resources"];
        let manager = |listener: usize| {
            &config["listeners"][listener]["filter_chains"][0]["filters"][0]["typed_config"]
        };
        let plugin = |listener| -> Value {
            let text = &manager(listener)["http_filters"][0]["typed_config"]["config"]["configuration"]
                ["value"];
            serde_json::from_str(text.as_str().unwrap()).unwrap()
        };
        assert_eq!(
            plugin(0),
            json!({
                "control_plane_cluster": "chancery",
                "node_id": "envoy-1",
                "trust_keys": signing::trust_keys(),
                "unmatched": "pass",
            })
        );
        assert_eq!(plugin(1)["node_id"], "other");
        assert_eq!(
            manager(0)["route_config"]["virtual_hosts"][0]["routes"][0]["route"]["cluster"],
            "notes"
        );
        assert_eq!(
            manager(1)["route_config"]["virtual_hosts"][0]["routes"][0]["route"]["cluster"],
            "far"
        );
        let names: Vec<_> = config["clusters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cluster| &cluster["name"])
            .collect();
        assert_eq!(names, ["chancery", "notes", "far"]);
        assert_eq!(config["clusters"][2]["type"], "LOGICAL_DNS");
    }

    #[test]
    fn plain_envoy_has_the_router_only() {
        let options = EnvoyOptions {
            filter: Filter::Others(Vec::new()),
            ..options()
        };
        let config = build(&options).unwrap();
        let filters = config.pointer(
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters",
        );
        assert_eq!(filters.unwrap().as_array().unwrap().len(), 1);
    }

    /// What is patched in, without what has to differ from site to site.
    fn alike(mut value: Value) -> Value {
        for pointer in [
            "/type",
            "/typed_config/config/vm_config/code/local/filename",
            "/typed_config/config/configuration/value",
            "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address",
        ] {
            value.pointer_mut(pointer).map(Value::take);
        }
        value
    }

    fn manifest(path: &str) -> Value {
        let text = std::fs::read_to_string(artifacts::root().join("envoy").join(path)).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    }

    #[test]
    fn the_manifests_hold_what_the_shipped_file_holds() {
        let shipped = shipped().unwrap();
        let manager = &shipped["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
            [0]["typed_config"];
        let filter = alike(manager["http_filters"][0].clone());
        let cluster = alike(shipped["static_resources"]["clusters"][1].clone());

        let istio = manifest("istio/envoyfilter.yaml");
        let patches = &istio["spec"]["configPatches"];
        assert_eq!(alike(patches[0]["patch"]["value"].clone()), cluster);
        assert_eq!(alike(patches[2]["patch"]["value"].clone()), filter);
        let merged = patches[1]["patch"]["value"]["typed_config"]
            .as_object()
            .unwrap();
        for (name, value) in merged {
            assert_eq!(value, &manager[name], "{name}");
        }

        let gateway = manifest("gateway/envoypatchpolicy.yaml");
        let patches = &gateway["spec"]["jsonPatches"];
        assert_eq!(alike(patches[0]["operation"]["value"].clone()), cluster);
        assert_eq!(alike(patches[1]["operation"]["value"].clone()), filter);
        for patch in [&patches[2], &patches[3], &patches[4]] {
            let path = patch["operation"]["path"].as_str().unwrap();
            let name = path.rsplit('/').next().unwrap();
            assert_eq!(patch["operation"]["value"], manager[name], "{name}");
        }
    }
}
