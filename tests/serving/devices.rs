//! Devices that are not there.

use integration_tests::client::get;
use integration_tests::program::{MINILM, embedserve, minilm_repository};
use model_repository::Pooling;
use model_repository::graph::Graph;

use crate::site::{Site, status};

#[test]
fn a_device_that_is_absent_or_chooses_by_itself_is_refused_by_name() {
    for (device, told) in [
        ("GPU.7", "device GPU.7 is not available on this machine; OpenVINO sees: CPU ("),
        ("AUTO", "AUTO"),
        ("HETERO:GPU,CPU", "HETERO"),
    ] {
        let mut command = embedserve(["serve", "--rest_port", "0", "--model_name", "m"]);
        command.arg("--model_path").arg(minilm_repository().join(MINILM));
        let output = command.args(["--target_device", device]).output().expect("it starts");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 64)), "{device}: {log}");
        assert!(log.contains(told), "{device}: {log}");
        if device.starts_with("GPU") {
            assert_eq!(output.status.code(), Some(1));
            assert!(log.contains("or ask for CPU"), "{log}");
        }
    }
}

/// In a `config.json` one model's device takes no other model out of service.
#[test]
fn a_model_for_an_absent_device_fails_alone_and_falls_back_only_if_it_may() {
    let site = Site::new();
    let mut graph = Graph::default();
    graph.options.target_device = Some("GPU.7".to_owned());
    for name in ["fails", "falls-back", "serves"] {
        site.add_minilm(name, Pooling::Mean);
        if name != "serves" {
            site.write_graph(name, &graph.render());
        }
    }
    let settings = site.path("falls-back").join("embedserve.json");
    std::fs::write(settings, "{\"device_fallback\": \"CPU\"}").expect("written");
    site.configure(&["fails", "falls-back", "serves"]);
    let server = site.serve(&[]);
    let (state, code, message) = status(&server, "fails").expect("a status");
    assert_eq!((&*state, &*code), ("LOADING", "FAILED_PRECONDITION"));
    assert!(message.contains("OpenVINO sees: CPU"), "{message}");
    let info = get(&format!("{}/info", server.base)).json();
    let models = info["models"].as_array().expect("models");
    assert_eq!(models.len(), 2);
    assert_eq!(models[0]["name"], "falls-back");
    assert_eq!(
        (&models[0]["device_requested"], &models[0]["device"]),
        (&"GPU.7".into(), &"CPU".into())
    );
    let reason = models[0]["fallback_reason"].as_str().unwrap_or_default();
    assert!(reason.contains("OpenVINO sees: CPU"), "{reason}");
    assert!(models[1]["fallback_reason"].is_null());
    assert!(server.log().contains("falling back to the CPU"), "{}", server.log());
}
