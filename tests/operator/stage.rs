//! The one control plane and operator of all tests, and what a good model goes through.

use std::sync::OnceLock;

use integration_tests::control_plane::{ControlPlane, Part};
use integration_tests::kubelet::Kubelet;
use integration_tests::operator::{Model, Operator, allow_operator};
use integration_tests::play::minilm;
use model_repository::job_report::{FailureReport, JobReport};

/// A commit.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A control plane with the controllers, and an operator.
pub(crate) struct Stage {
    /// The control plane.
    pub(crate) plane: ControlPlane,
    /// The operator, which lasts as long as the tests.
    _operator: Operator,
}

/// The stage of all tests; `None` where it cannot be had, which is said aloud.
pub(crate) fn stage() -> Option<&'static Stage> {
    static STAGE: OnceLock<Option<Stage>> = OnceLock::new();
    STAGE
        .get_or_init(|| {
            let mut plane = ControlPlane::start()?;
            plane.define_embedding_models();
            plane.run(Part::ControllerManager);
            allow_operator(&plane);
            let operator = Operator::start(&plane, &["--log", "info,operator=debug"]);
            operator.wait_until_leading();
            Some(Stage { plane, _operator: operator })
        })
        .as_ref()
}

/// What resolving finds: MiniLM, in a commit of this digit.
pub(crate) fn resolved(commit: &str) -> JobReport {
    JobReport::Done(minilm(commit.to_owned(), "ab".repeat(32)))
}

/// A failure with a typed reason.
pub(crate) fn failed(reason: &str, message: &str, http_status: Option<u16>) -> JobReport {
    let (reason, message) = (reason.to_owned(), message.to_owned());
    JobReport::Failed(FailureReport { reason, message, http_status })
}

/// Lets the Job of a kind succeed with a report.
pub(crate) fn finish_job(kubelet: &Kubelet<'_>, component: &str, report: &JobReport) {
    let pod = kubelet.wait_for_pod(&format!("app.kubernetes.io/component={component}"));
    kubelet.finish(&pod, &report.render());
}

/// Brings a model to where its files are there: its resolve and pull Jobs succeed.
pub(crate) fn bring_files(model: &Model<'_>, commit: &str) {
    let kubelet = Kubelet::new(model.plane, model.namespace);
    finish_job(&kubelet, "resolve", &resolved(commit));
    finish_job(&kubelet, "pull", &resolved(commit));
    model.wait_for("CachePopulated", "True", "Populated");
}

/// Applies a model in a namespace; the second of the pair plays its pods.
pub(crate) fn model<'a>(
    stage: &'a Stage,
    namespace: &'a str,
    name: &'a str,
    spec: &str,
) -> (Model<'a>, Kubelet<'a>) {
    let model = Model { plane: &stage.plane, namespace, name };
    model.apply(spec);
    (model, Kubelet::new(&stage.plane, namespace))
}

/// A server of `/info` that says what a test wants it to say, at an address of its own on the
/// management port, for devices that this machine does not have. It lasts as long as the test program.
pub(crate) fn say_info(address: &str, info: &serde_json::Value) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind((address, 8001)).expect("loopback has the address");
    let body = info.to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            // One read is enough for the operator's small requests.
            if stream.read(&mut request).is_ok() {
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        }
    });
}

/// What the `/info` of a server says that runs one model on a device.
pub(crate) fn info(name: &str, device: &str) -> serde_json::Value {
    serde_json::json!({
        "models": [{
            "name": name, "device_requested": device, "device": device, "device_name": format!("a {device}"),
            "precision": "f32", "dimensions": 384, "pooling": "MEAN", "normalize": true, "max_tokens": 512,
            "fingerprint": "feed".repeat(16),
            "timings": {"read_seconds": 0.1, "compile_seconds": 0.2, "first_embedding_seconds": 0.01},
        }],
        "not_serving": [],
    })
}

/// Lets the newest serving pod of a model become ready at an address where its server says that it runs on
/// a CPU.
pub(crate) fn serve(model: &Model<'_>, address: &str) {
    let kubelet = Kubelet::new(model.plane, model.namespace);
    say_info(address, &info(model.name, "CPU"));
    let pod = kubelet.wait_for_pod(&format!(
        "app.kubernetes.io/component=serving,embedserve.dev/model={}",
        model.name
    ));
    kubelet.run(&pod, address, true);
    model.wait_for("Ready", "True", "Ready");
}
