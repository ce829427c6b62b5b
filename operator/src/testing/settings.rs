//! Settings for tests. Also part of the tests beside this crate, which know it by another name: whoever includes the
//! file has [`Settings`] in scope.

use std::time::Duration;

use super::Settings;

/// The settings of an operator that was started without any option.
pub(crate) fn settings() -> Settings {
    Settings {
        image: "embedserve:test".to_owned(),
        gpu_image: "embedserve:test-gpu".to_owned(),
        hub_endpoint: None,
        hub_token_secret: None,
        hub_ca_bundle: None,
        hub_environment: Vec::new(),
        hub_cidrs: Vec::new(),
        allow_host_path: false,
        namespace: "embedserve-system".to_owned(),
        monitoring_namespace: None,
        watch_namespaces: Vec::new(),
        concurrency: 10,
        resync: Duration::from_secs(600),
        removal_timeout: Duration::from_secs(300),
    }
}
