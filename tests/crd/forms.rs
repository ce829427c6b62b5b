//! The forms and bounds of single fields: texts, numbers, lists.

use serde_json::{Value, json};

use crate::small_model::small_model;
use crate::support::{judged_by_server, judged_without_server, plane};

/// A field by its path from the specification, with values that it takes and values that it does not.
struct Form {
    path: &'static str,
    /// What else has to be given so that the field may be.
    beside: Value,
    good: Vec<Value>,
    bad: Vec<Value>,
}

fn form(path: &'static str, good: Value, bad: Value) -> Form {
    with(json!({}), path, good, bad)
}

fn with(beside: Value, path: &'static str, good: Value, bad: Value) -> Form {
    let list = |value: Value| value.as_array().cloned().expect("values are lists");
    Form { path, beside, good: list(good), bad: list(bad) }
}

fn forms() -> Vec<Form> {
    let commit = "8b3219a92973c328a8e22fadcfa821b5dc75636a";
    let volume =
        json!({"source": {"huggingFace": null, "persistentVolumeClaim": {"claimName": "a"}}});
    let gpu = json!({"device": {"target": "GPU"}});
    let claim = json!({"device": {"target": "GPU", "gpu": {"allocation": "DRA"}}});
    let groups = json!({"device": {"target": "GPU", "gpu": {"renderGroups": {"mode": "Static"}}}});
    vec![
        form(
            "source.huggingFace.repo",
            json!(["a/b", "sentence-transformers/all-MiniLM-L6-v2", "1/2", "A_b.c/d-e"]),
            json!([
                "",
                "a",
                "a/",
                "/b",
                "a/b/c",
                "a b/c",
                ".a/b",
                "a/..",
                "https://hub.example/a/b",
                format!("a/{}", "b".repeat(199)),
                1,
                null
            ]),
        ),
        form(
            "source.huggingFace.revision",
            json!(["main", commit, "v1.0", "refs/pr/7", "feature/x_y", "a".repeat(128), "a@b"]),
            json!([
                "",
                "-x",
                "/a",
                "a/",
                "a//b",
                "a..b",
                "a.",
                "a b",
                "a:b",
                "a^",
                "a".repeat(129),
                7
            ]),
        ),
        form(
            "source.huggingFace.tokenSecretRef",
            json!([{"name": "a"}, {"name": "a.b-c", "key": "HF_TOKEN"}]),
            json!([{}, {"name": ""}, {"name": "A"}, {"name": "a", "key": ""}, {"name": "a", "key": "a/b"},
                   {"key": "token"}, {"name": "a", "namespace": "b"}, "a"]),
        ),
        form(
            "source.huggingFace.include",
            json!([[], ["*.md", "onnx/*"]]),
            json!([[""], "*.md", [1]]),
        ),
        form(
            "source.verify.sha256",
            json!([{}, {"model.safetensors": "0123456789abcdef".repeat(4)}]),
            json!([{"a": ""}, {"a": "0".repeat(63)}, {"a": "0".repeat(65)}, {"a": "A".repeat(64)}, []]),
        ),
        with(
            volume,
            "source.persistentVolumeClaim.path",
            json!(["a", "a/b c", "x".repeat(512)]),
            json!(["", "x".repeat(513), 1]),
        ),
        form(
            "servedName",
            json!(["a", "BAAI/bge-base-en-v1.5", "a:b@c", "a".repeat(128)]),
            json!(["", "/a", "a/", "a//b", "a b", "../a", "a/../b", "ä", "a".repeat(129), 1]),
        ),
        form(
            "conversion.weightFormat",
            json!(["fp32", "fp16", "int8", "int4"]),
            json!(["FP16", "fp8", "", 8]),
        ),
        form("pooling", json!(["Auto", "CLS", "Mean", "LastToken"]), json!(["cls", "Max", ""])),
        form("normalize", json!([true, false]), json!(["true", 1])),
        form(
            "matryoshka",
            json!([[], [128, 384], [1, 16_384]]),
            json!([[0], [16_385], [128, 128], ["128"], [1.5], 128, (1..=33).collect::<Vec<_>>()]),
        ),
        form("limits.maxBatchInputs", json!([1, 64]), json!([0, -1, "64", 1.5, 4_294_967_296_i64])),
        form("device.numStreams", json!([1, 256]), json!([0, 257, "1"])),
        form(
            "device.pluginConfig",
            json!([{}, {"A": null}, {"A": "x".repeat(256)}]),
            json!([{"A": "x".repeat(257)}, {"A": 4}, {"A": true}]),
        ),
        with(
            gpu.clone(),
            "device.gpu.resourceName",
            json!(["Auto", "gpu.intel.com/i915", "gpu.intel.com/xe", "a.b/C_d.e-f"]),
            json!(["", "auto", "gpu", "gpu.intel.com/", "/xe", "a/b/c", "Gpu.intel.com/xe"]),
        ),
        with(gpu, "device.gpu.count", json!([1, 8]), json!([0, 9, "1"])),
        with(
            claim.clone(),
            "device.gpu.claim.minMemory",
            json!(["1", "8Gi", "1.5G", "500M", "100k", "1E", "999999999999999"]),
            json!(["", "0", "-1Gi", "8gi", "8GB", "Gi", "01Gi", "1e3", "1.2345Gi", "8 Gi", "m", 8]),
        ),
        with(claim, "device.gpu.claim.driver", json!(["i915", "xe"]), json!(["Xe", "nvidia", ""])),
        with(
            groups,
            "device.gpu.renderGroups.gids",
            json!([[992], [1, 4_294_967_294_i64]]),
            json!([[0], [4_294_967_295_i64], [992, 992], ["992"]]),
        ),
        form(
            "cache.persistentVolumeClaim.accessModes",
            json!([["ReadWriteMany"], ["ReadWriteOnce", "ReadOnlyMany"]]),
            json!([["RWX"], ["ReadWriteMany", "ReadWriteMany"], "ReadWriteMany"]),
        ),
        form("replicas", json!([0, 1, 1000]), json!([-1, 1001, "1", 0.5])),
        form("autoscaling", json!([{"max": 1}, {"max": 1000, "min": 1}]), json!([{}, {"max": 0}])),
        form(
            "resources",
            json!([
                {"requests": {"cpu": "500m", "memory": "1Gi"}},
                {"limits": {"cpu": 2, "memory": "1.5e9", "gpu.intel.com/i915": ".5"}}
            ]),
            json!([
                {"requests": {"cpu": "a lot"}},
                {"requests": {"memory": "2 GB"}},
                {"limits": {"memory": "2GB"}},
                {"limits": {"cpu": -1}},
                {"limits": {"cpu": "-1"}},
                {"limits": {"cpu": 1.5}},
                {"requests": "1"},
                {"request": {"cpu": "1"}}
            ]),
        ),
        form(
            "rollout.maxSurge",
            json!([1, 1000, "1%", "25%", "100%"]),
            json!([-1, 1001, "1", "%", "025%", "101%", "", "-1%", 0.5, true]),
        ),
        form(
            "rollout.progressDeadline",
            json!(["30s", "10m", "1h", "1h30m", "1h0m30s", "99999h"]),
            json!(["", "600", "10 m", "1d", "-10m", "10m1h", "90000ms", "1.5h", "100000h", 600]),
        ),
        form("rollout.historyLimit", json!([1, 10]), json!([0, 11])),
        form("disruption.minAvailable", json!([0, 1, "50%"]), json!(["1", -1, "1.5%"])),
        form("expose.service.port", json!([1, 8000, 65_535]), json!([0, 65_536, "8000"])),
        form(
            "expose.ingress.host",
            json!(["a", "embeddings.example.com", "*.example.com", "1.a-b.c"]),
            json!(["", "A.example", "a..b", "a.", "-a", "*", "a.*.b", "a/b", "a:80"]),
        ),
        form(
            "networkPolicy.from",
            json!([[], [{"ipBlock": {"cidr": "10.0.0.0/8"}}]]),
            json!([[{"ipBlock": {}}], [{"pods": {}}], {"podSelector": {}}]),
        ),
        form(
            "podTemplate.extraEnv",
            json!([[{"name": "A", "value": "1"}]]),
            json!([[{"value": "1"}], [{"name": "A", "value": 1}]]),
        ),
        form(
            "image.serving",
            json!(["a", "a.example:5000/b/c:1.0@sha256:0"]),
            json!(["", "a b", "/a", "a\n"]),
        ),
        form("suspend", json!([true, false]), json!(["no", 0])),
    ]
}

fn object(form: &Form, value: &Value) -> Value {
    let mut object = small_model("small", &form.beside);
    let mut place = &mut object["spec"];
    for name in form.path.split('.') {
        place = &mut place[name];
    }
    *place = value.clone();
    object
}

#[test]
fn values_of_the_right_form_are_taken() {
    let Some(plane) = plane() else { return };
    for form in forms() {
        for value in &form.good {
            let object = object(&form, value);
            let answer = judged_by_server(plane, &object);
            assert_eq!(answer.status, 201, "{} = {value}: {}", form.path, answer.body);
            let without_server = judged_without_server(&object).err();
            assert_eq!(without_server, None, "{} = {value}", form.path);
        }
    }
}

#[test]
fn values_of_another_form_are_refused_naming_the_field() {
    let Some(plane) = plane() else { return };
    for form in forms() {
        for value in &form.bad {
            let object = object(&form, value);
            let answer = judged_by_server(plane, &object);
            let context = format!("{} = {value}: {}", form.path, answer.body);
            assert!((400..500).contains(&answer.status), "{context}");
            let (path, last) = form.path.rsplit_once('.').unwrap_or(("", form.path));
            let names = [format!("spec.{}", form.path), format!("spec.{path}")];
            let message = answer.body["message"].as_str().expect("a refusal has a message");
            assert!(message.contains(&names[0]) || message.contains(&names[1]), "{context}");
            let without_server = judged_without_server(&object).err().unwrap_or_default();
            assert!(
                without_server.iter().any(|message| message.contains(last)),
                "{context}, without a server: {without_server:?}"
            );
        }
    }
}
