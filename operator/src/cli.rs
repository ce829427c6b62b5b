//! The command line of the operator.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::{PodAccess, Settings};

/// The controller of EmbeddingModel resources.
#[derive(Debug, Parser)]
#[command(name = "embedserve-operator", version, propagate_version = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the CustomResourceDefinition.
    Crd,
    /// Reconcile EmbeddingModels, in the cluster of KUBECONFIG or the one that this process runs in.
    Run(Box<RunArguments>),
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// JSON objects.
    Json,
}

/// How the operator runs. Every option has an environment variable of the same name in capitals that starts
/// with EMBEDSERVE_OPERATOR_.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Image of serving pods and Jobs.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_IMAGE", default_value = concat!("ghcr.io/embedserve/embedserve:", env!("CARGO_PKG_VERSION")))]
    pub image: String,
    /// Image of serving pods that use a GPU or an NPU.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_GPU_IMAGE", default_value = concat!("ghcr.io/embedserve/embedserve:", env!("CARGO_PKG_VERSION"), "-gpu"))]
    pub gpu_image: String,
    /// Address of the hub for models that name none [default: https://huggingface.co].
    #[arg(long, env = "EMBEDSERVE_OPERATOR_HUB_ENDPOINT")]
    pub hub_endpoint: Option<String>,
    /// Secret with the hub's token, as NAME or NAME/KEY, in each model's namespace, for models that name none.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_HUB_TOKEN_SECRET", value_parser = name_and_key("token"))]
    pub hub_token_secret: Option<NameAndKey>,
    /// ConfigMap with certificates for the hub, as NAME or NAME/KEY, in each model's namespace, for models that name none.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_HUB_CA_BUNDLE", value_parser = name_and_key("ca.crt"))]
    pub hub_ca_bundle: Option<NameAndKey>,
    /// Variable for Jobs that talk to a hub, as NAME=VALUE, for example HTTPS_PROXY=http://proxy:3128. May be repeated.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_HUB_ENV", value_delimiter = ';', value_parser = variable)]
    pub hub_env: Vec<(String, String)>,
    /// Network that Jobs may reach on the hub's port, as a CIDR. May be repeated [default: all].
    #[arg(long, env = "EMBEDSERVE_OPERATOR_HUB_CIDR", value_delimiter = ',')]
    pub hub_cidr: Vec<String>,
    /// Allow models to mount /dev/dri of nodes into privileged containers.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_ALLOW_HOST_PATH")]
    pub allow_host_path: bool,
    /// Namespaces to watch, separated by commas [default: all].
    #[arg(long, env = "EMBEDSERVE_OPERATOR_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// The operator's own namespace: the Lease is there, and NetworkPolicies admit its pods [default: that of this process, or embedserve-system].
    #[arg(long, env = "EMBEDSERVE_OPERATOR_NAMESPACE")]
    pub namespace: Option<String>,
    /// The namespace that scrapes the metrics of serving pods [default: any].
    #[arg(long, env = "EMBEDSERVE_OPERATOR_MONITORING_NAMESPACE")]
    pub monitoring_namespace: Option<String>,
    /// Reconcile without a Lease; only where no second operator runs.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_NO_LEADER_ELECTION")]
    pub no_leader_election: bool,
    /// Name of the Lease.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_LEASE_NAME", default_value = "embedserve-operator")]
    pub lease_name: String,
    /// Address of /metrics, /healthz and /readyz.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: std::net::SocketAddr,
    /// Models that are looked at at the same time.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_CONCURRENCY", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Seconds after which a model is looked at without a reason.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_RESYNC_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub resync_seconds: u64,
    /// Seconds that a deletion waits for a Job that removes files from a volume that the user named.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_REMOVAL_TIMEOUT_SECONDS", default_value_t = 300)]
    pub removal_timeout_seconds: u64,
    /// How pods are asked what they run.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_POD_ACCESS", default_value = "auto")]
    pub pod_access: PodAccess,
    /// What is logged, for example info or operator=debug.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_LOG", default_value = "info")]
    pub log: String,
    /// The form of log lines.
    #[arg(long, env = "EMBEDSERVE_OPERATOR_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// A Secret or ConfigMap, and a key of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAndKey(String, String);

impl RunArguments {
    /// The settings that follow, in a process whose own namespace is `own`.
    pub fn settings(&self, own: Option<&str>) -> Settings {
        let pair = |it: &NameAndKey| (it.0.clone(), it.1.clone());
        Settings {
            image: self.image.clone(),
            gpu_image: self.gpu_image.clone(),
            hub_endpoint: self.hub_endpoint.clone(),
            hub_token_secret: self.hub_token_secret.as_ref().map(pair),
            hub_ca_bundle: self.hub_ca_bundle.as_ref().map(pair),
            hub_environment: self.hub_env.clone(),
            hub_cidrs: self.hub_cidr.clone(),
            allow_host_path: self.allow_host_path,
            namespace: self
                .namespace
                .clone()
                .or_else(|| own.map(str::to_owned))
                .unwrap_or_else(|| "embedserve-system".to_owned()),
            monitoring_namespace: self.monitoring_namespace.clone(),
            watch_namespaces: self.watch_namespaces.clone(),
            concurrency: self.concurrency,
            resync: Duration::from_secs(self.resync_seconds),
            removal_timeout: Duration::from_secs(self.removal_timeout_seconds),
        }
    }
}

fn name_and_key(key: &'static str) -> impl Fn(&str) -> Result<NameAndKey, String> + Clone {
    move |text| {
        let (name, key) = text.split_once('/').unwrap_or((text, key));
        match name.is_empty() || key.is_empty() {
            true => Err("write NAME or NAME/KEY".to_owned()),
            false => Ok(NameAndKey(name.to_owned(), key.to_owned())),
        }
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run(words: &[&str]) -> RunArguments {
        let words = ["embedserve-operator", "run"].iter().chain(words);
        match Arguments::try_parse_from(words).expect("a command line").command {
            Command::Run(run) => *run,
            Command::Crd => panic!("it is run"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_operator_without_options_watches_everything_with_ten_at_a_time() {
        let settings = run(&[]).settings(Some("embedding"));
        assert_eq!((settings.namespace.as_str(), settings.concurrency), ("embedding", 10));
        assert!(settings.watch_namespaces.is_empty() && !settings.allow_host_path);
        assert_eq!(run(&[]).settings(None).namespace, "embedserve-system");
    }

    #[test]
    fn references_and_variables_are_read() {
        let given = run(&[
            "--hub-token-secret",
            "hub",
            "--hub-ca-bundle",
            "ca/bundle.pem",
            "--hub-env",
            "HTTPS_PROXY=http://p:1",
        ]);
        let settings = given.settings(None);
        assert_eq!(settings.hub_token_secret, Some(("hub".to_owned(), "token".to_owned())));
        assert_eq!(settings.hub_ca_bundle, Some(("ca".to_owned(), "bundle.pem".to_owned())));
        assert_eq!(settings.hub_environment, [("HTTPS_PROXY".to_owned(), "http://p:1".to_owned())]);
        let words = ["embedserve-operator", "run", "--hub-env", "nothing"];
        assert!(Arguments::try_parse_from(words).is_err());
    }
}
