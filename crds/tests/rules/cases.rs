//! Names and specifications that keep or break each rule.

use crds::rules::{self, Rule};
use serde_json::{Value, json};

/// Cases of a rule: members that are merged into the specification of a small model.
pub(crate) struct Case {
    pub(crate) rule: &'static Rule,
    pub(crate) kept: Vec<Value>,
    pub(crate) broken: Vec<Value>,
}

fn case(rule: &'static Rule, kept: Value, broken: Value) -> Case {
    let list = |value: Value| value.as_array().cloned().expect("cases are lists");
    Case { rule, kept: list(kept), broken: list(broken) }
}

/// Names of a small model, each with the one rule that it breaks.
pub(crate) fn names() -> Vec<(String, Option<&'static Rule>)> {
    let table: [(&str, Option<&'static Rule>); 10] = [
        ("a", None),
        ("bge-base", None),
        ("m2", None),
        (&"a".repeat(52), None),
        (&"a".repeat(53), Some(&rules::NAME_LENGTH)),
        ("1a", Some(&rules::NAME_FORM)),
        ("a.b", Some(&rules::NAME_FORM)),
        ("a-", Some(&rules::NAME_FORM)),
        ("A", Some(&rules::NAME_FORM)),
        ("-a", Some(&rules::NAME_FORM)),
    ];
    table.into_iter().map(|(name, rule)| (name.to_owned(), rule)).collect()
}

/// The cases of every rule about the specification.
pub(crate) fn cases() -> Vec<Case> {
    let gpu = |members: Value| json!({"device": {"target": "GPU", "gpu": members}});
    let claim = |members: Value| gpu(json!({"allocation": "DRA", "claim": members}));
    let groups = |members: Value| gpu(json!({"renderGroups": members}));
    let volume = |members: Value| json!({"cache": {"persistentVolumeClaim": members}});
    let properties = |members: Value| json!({"device": {"pluginConfig": members}});
    let endpoint = |text: &str| json!({"source": {"huggingFace": {"endpoint": text}}});
    let path = |text: &str| {
        json!({"source": {"huggingFace": null,
                          "persistentVolumeClaim": {"claimName": "models", "path": text}}})
    };
    let verify = |path: &str| json!({"source": {"verify": {"sha256": {path: "0".repeat(64)}}}});
    let rollout = |surge: Value, unavailable: Value| json!({"rollout": {"maxSurge": surge, "maxUnavailable": unavailable}});
    let deadline = |text: &str| json!({"rollout": {"progressDeadline": text}});
    let ingress = json!({"host": "a.example"});
    let route = json!({"parentRefs": [{"name": "public"}]});
    vec![
        case(
            &rules::REPLICAS_OR_AUTOSCALING,
            json!([{}, {"replicas": 0}, {"autoscaling": {"max": 2}}]),
            json!([{"replicas": 1, "autoscaling": {"max": 2}}]),
        ),
        case(
            &rules::ONE_SOURCE,
            json!([{}, {"source": {"huggingFace": null, "persistentVolumeClaim": {"claimName": "a"}}}]),
            json!([
                {"source": {"persistentVolumeClaim": {"claimName": "a"}}},
                {"source": {"huggingFace": null}}
            ]),
        ),
        case(
            &rules::ENDPOINT_ADDRESS,
            json!([
                endpoint("https://huggingface.co"),
                endpoint("http://127.0.0.1:8080/hub/"),
                endpoint("https://[::1]:443")
            ]),
            json!([
                endpoint("huggingface.co"),
                endpoint("ftp://huggingface.co"),
                endpoint("https://"),
                endpoint("https:///hub"),
                endpoint("https://user:secret@hub.example"),
                endpoint("https://hub.example?x=1"),
                endpoint("https://hub.example/#x"),
                endpoint("https://hub.example /x"),
                endpoint("https://hub.example\u{b}"),
                endpoint("https://hub.example/\n")
            ]),
        ),
        case(
            &rules::RELATIVE_PATH,
            json!([path("models/minilm"), path("..model"), path("a/b../c"), path("a..b")]),
            json!([path("/models"), path(".."), path("../a"), path("a/../b"), path("a/..")]),
        ),
        case(
            &rules::VERIFIED_PATHS,
            json!([
                verify("model.safetensors"),
                verify("onnx/model.onnx"),
                verify(&"x".repeat(512))
            ]),
            json!([verify("/model.safetensors"), verify(""), verify(&"x".repeat(513))]),
        ),
        case(
            &rules::GPU_NEEDS_TARGET,
            json!([gpu(json!({})), {"device": {"target": "GPU"}}, {"device": {"target": "NPU"}}]),
            json!([{"device": {"gpu": {}}}, {"device": {"target": "NPU", "gpu": {}}}]),
        ),
        case(
            &rules::CLAIM_NEEDS_DRA,
            json!([claim(json!({})), gpu(json!({"allocation": "HostPath"}))]),
            json!([gpu(json!({"claim": {}})), gpu(json!({"allocation": "HostPath", "claim": {}}))]),
        ),
        case(
            &rules::RESOURCE_NAME_NEEDS_DEVICE_PLUGIN,
            json!([
                gpu(json!({"resourceName": "gpu.intel.com/xe"})),
                gpu(json!({"allocation": "DRA", "resourceName": "Auto"}))
            ]),
            json!([gpu(json!({"allocation": "DRA", "resourceName": "gpu.intel.com/xe"}))]),
        ),
        case(
            &rules::CLAIM_TEMPLATE_ALONE,
            json!([
                claim(json!({"resourceClaimTemplateName": "a"})),
                claim(json!({"resourceClaimTemplateName": "a", "celSelectors": []})),
                claim(json!({"driver": "xe", "minMemory": "1Gi", "celSelectors": ["true"]}))
            ]),
            json!([
                claim(json!({"resourceClaimTemplateName": "a", "driver": "xe"})),
                claim(json!({"resourceClaimTemplateName": "a", "minMemory": "1Gi"})),
                claim(json!({"resourceClaimTemplateName": "a", "celSelectors": ["true"]}))
            ]),
        ),
        case(
            &rules::STATIC_GROUPS,
            json!([
                groups(json!({})),
                groups(json!({"mode": "None", "gids": []})),
                groups(json!({"mode": "Static", "gids": [992]}))
            ]),
            json!([
                groups(json!({"mode": "Static"})),
                groups(json!({"mode": "Static", "gids": []})),
                groups(json!({"gids": [992]})),
                groups(json!({"mode": "None", "gids": [992]}))
            ]),
        ),
        case(
            &rules::PROPERTY_NAMES,
            json!([properties(json!({"INFERENCE_NUM_THREADS": "4", "A": "", "A1_": ""}))]),
            json!([
                properties(json!({"inference_num_threads": "4"})),
                properties(json!({"1A": ""})),
                properties(json!({"": ""})),
                properties(json!({"A-B": ""})),
                properties(json!({"É": ""})),
                properties(json!({"A".repeat(65): ""}))
            ]),
        ),
        case(
            &rules::RESERVED_PROPERTIES,
            json!([properties(json!({"LOG_LEVEL": "LOG_INFO"}))]),
            json!([
                properties(json!({"NUM_STREAMS": "2"})),
                properties(json!({"CACHE_DIR": "/tmp"})),
                properties(json!({"PERFORMANCE_HINT": "LATENCY"})),
                properties(json!({"LOG_LEVEL": "", "INFERENCE_PRECISION_HINT": "f32"}))
            ]),
        ),
        case(
            &rules::CACHE_MODE_FIELDS,
            json!([
                volume(json!({"size": "1Gi"})),
                {"cache": {"mode": "Ephemeral", "ephemeral": {"sizeLimit": "1Gi"}}}
            ]),
            json!([
                {"cache": {"ephemeral": {}}},
                {"cache": {"mode": "Ephemeral", "persistentVolumeClaim": {"claimName": "a"}}}
            ]),
        ),
        case(
            &rules::ONE_VOLUME_SHAPE,
            json!([
                volume(json!({"claimName": "a"})),
                volume(json!({"size": "1Gi"})),
                volume(json!({"storageClassName": "fast", "accessModes": ["ReadWriteMany"]})),
                volume(json!({"accessModes": ["ReadWriteMany"]}))
            ]),
            json!([
                volume(json!({})),
                volume(json!({"accessModes": []})),
                volume(json!({"claimName": "a", "size": "1Gi"})),
                volume(json!({"claimName": "a", "storageClassName": "fast"})),
                volume(json!({"claimName": "a", "accessModes": ["ReadWriteOnce"]}))
            ]),
        ),
        case(
            &rules::MIN_MAX,
            json!([{"autoscaling": {"max": 1}}, {"autoscaling": {"min": 3, "max": 3}}]),
            json!([{"autoscaling": {"min": 3, "max": 2}}]),
        ),
        case(
            &rules::ROLLOUT_CAN_MOVE,
            json!([
                rollout(json!(1), json!(0)),
                rollout(json!(0), json!("10%")),
                rollout(json!("25%"), json!("0%"))
            ]),
            json!([
                rollout(json!(0), json!(0)),
                rollout(json!("0%"), json!(0)),
                rollout(json!(0), json!("0%"))
            ]),
        ),
        case(
            &rules::PROGRESS_DEADLINE,
            json!([deadline("30s"), deadline("1h"), deadline("0h1m0s")]),
            json!([deadline("29s"), deadline("0h"), deadline("0m0s")]),
        ),
        case(
            &rules::ONE_DISRUPTION_BOUND,
            json!([
                {"disruption": {"maxUnavailable": 1}},
                {"disruption": {"minAvailable": "50%"}},
                {"disruption": {"enabled": false}}
            ]),
            json!([{"disruption": {"maxUnavailable": 1, "minAvailable": 1}}]),
        ),
        case(
            &rules::ROUTE_OR_INGRESS,
            json!([{"expose": {"route": route}}, {"expose": {"ingress": ingress}}]),
            json!([{"expose": {"route": route, "ingress": ingress}}]),
        ),
        case(
            &rules::PEERS_NEED_POLICY,
            json!([
                {"networkPolicy": {"from": [{"podSelector": {}}]}},
                {"networkPolicy": {"mode": "Disabled", "from": []}}
            ]),
            json!([{"networkPolicy": {"mode": "Disabled", "from": [{"podSelector": {}}]}}]),
        ),
        case(
            &rules::RESERVED_LABELS,
            json!([{"podTemplate": {"labels": {"team": "a"}, "annotations": {"x/y": "z"}}}]),
            json!([
                {"podTemplate": {"labels": {"embedserve.dev/model": "a"}}},
                {"podTemplate": {"annotations": {"embedserve.dev/hash": "a"}}}
            ]),
        ),
    ]
}
