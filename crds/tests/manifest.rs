//! Manifests as people and attackers write them.

use crds::manifest::{MOST_BYTES, Skipped};
use crds::{ManifestError, read_manifests};

const HEAD: &str = "apiVersion: embedserve.dev/v1alpha1\nkind: EmbeddingModel\n";

fn with_spec(spec: &str) -> String {
    format!("{HEAD}metadata: {{name: small}}\nspec:\n{spec}")
}

fn refusal(text: &str) -> String {
    read_manifests(text).expect_err("the manifest is refused").to_string()
}

#[test]
fn a_minimal_manifest_gets_all_defaults() {
    let text = with_spec("  source: {huggingFace: {repo: a/b}}\n");
    let manifests = read_manifests(&text).expect("a good manifest");
    let [model] = manifests.models.as_slice() else {
        panic!("one model is expected");
    };
    assert_eq!(model.metadata.name.as_deref(), Some("small"));
    assert_eq!((model.spec.normalize, model.spec.truncate), (None, None));
    assert_eq!(model.spec.rollout.history_limit, 2);
    assert_eq!(model.spec.replicas, None);
}

#[test]
fn documents_comments_and_other_kinds_may_stand_together() {
    let text = "\u{feff}# first\n---\n# only a comment\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: hub}\n---\n\
        apiVersion: embedserve.dev/v1alpha1\nkind: EmbeddingModel\nmetadata: {name: one}\nspec: {source: {huggingFace: {repo: a/b}}}\n\
        ...\n---\nkind: EmbeddingModel\napiVersion: embedserve.dev/v1alpha1\nmetadata: {name: two}\nspec: {source: {persistentVolumeClaim: {claimName: c}}}\n---\n";
    let manifests = read_manifests(text).expect("good manifests");
    let names: Vec<&str> = manifests.models.iter().map(|model| model.served_name()).collect();
    assert_eq!(names, ["one", "two"]);
    let secret =
        Skipped { api_version: "v1".into(), kind: "Secret".into(), name: Some("hub".into()) };
    assert_eq!(manifests.skipped, [secret]);
}

#[test]
fn json_and_windows_line_ends_are_read() {
    let json = r#"{"apiVersion":"embedserve.dev/v1alpha1","kind":"EmbeddingModel",
        "metadata":{"name":"small"},"spec":{"source":{"huggingFace":{"repo":"a/b"}}}}"#;
    assert_eq!(read_manifests(json).expect("good").models.len(), 1);
    let windows = with_spec("  source:\n    huggingFace:\n      repo: a/b\n").replace('\n', "\r\n");
    assert_eq!(read_manifests(&windows).expect("good").models.len(), 1);
}

/// What `kubectl get -o yaml` prints can be fed back.
#[test]
fn what_a_cluster_adds_to_an_object_is_accepted() {
    let text = format!(
        "{HEAD}metadata:\n  name: small\n  uid: 0d2\n  resourceVersion: \"7\"\n  generation: 2\n  creationTimestamp: \"2026-11-23T10:00:00Z\"\n  labels: {{a.b/c: d}}\n  managedFields:\n  - manager: kubectl\n    fieldsType: FieldsV1\n    fieldsV1: {{\"f:spec\": {{\"f:source\": {{}}}}}}\nspec:\n  replicas: null\n  source: {{huggingFace: {{repo: a/b}}, persistentVolumeClaim: null}}\nstatus:\n  anything: [1, two]\n"
    );
    let manifests = read_manifests(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(manifests.models[0].status, None);
    assert_eq!(manifests.models[0].spec.replicas, None);
}

/// YAML writes an empty value as `null`, and some templates write every number as a fraction.
#[test]
fn nothing_and_whole_fractions_are_read_as_the_api_server_reads_them() {
    let spec = "  source: {huggingFace: {repo: a/b, revision: null}, verify: {sha256: {a: null}}}\n  replicas: 2.0\n  podTemplate: {labels: {a: null, b: c}}\n  rollout: {maxSurge: 3.0}\n";
    let model = read_manifests(&with_spec(spec)).expect("good").models.remove(0);
    let read = serde_json::to_value(&model.spec).expect("plain JSON");
    let labels = serde_json::json!({"labels": {"b": "c"}});
    assert_eq!((&read["replicas"], &read["podTemplate"]), (&2.into(), &labels));
    assert_eq!(read["rollout"]["maxSurge"], 3);
    assert_eq!(read["source"]["huggingFace"]["revision"], "main");
    assert_eq!(read["source"]["verify"], serde_json::json!({}));
}

#[test]
fn a_typing_mistake_is_named_with_its_line_and_field() {
    for (spec, expected) in [
        (
            "  source:\n    huggingface: {repo: a/b}\n",
            "line 6: spec.source.huggingface: unknown field: it is written huggingFace",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  replica: 2\n",
            "line 6: spec.replica: unknown field: known here are",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  resources:\n    limts: {cpu: 1}\n",
            "line 7: spec.resources.limts: unknown field: known here are claims, limits, requests",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  scheduling:\n    tolerations:\n    - key: a\n    - kee: b\n",
            "line 9: spec.scheduling.tolerations[1].kee: unknown field",
        ),
        (
            "  source:\n    huggingFace: {}\n",
            "line 6: spec.source.huggingFace.repo: this field is required",
        ),
        (
            "  source:\n    huggingFace:\n      repo: minilm\n",
            "line 7: spec.source.huggingFace.repo: \"minilm\" does not have the form ^[A-Za-z0-9]",
        ),
        (
            "  source:\n    huggingFace:\n      repo: a/b\n      revision: 12345678\n",
            "line 8: spec.source.huggingFace.revision: a text is expected, not the number 12345678: put it in quotes",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  pooling: mean\n",
            "line 6: spec.pooling: mean is not one of Auto, CLS, Mean, LastToken",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  replicas: \"2\"\n",
            "line 6: spec.replicas: a whole number is expected, not the text \"2\": write it without quotes",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  replicas: -1\n",
            "line 6: spec.replicas: -1 is less than 0",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  device: {numStreams: 9999999999}\n",
            "line 6: spec.device.numStreams: 9999999999 is greater than 256",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  limits: {maxBatchInputs: 501}\n",
            "line 6: spec.limits.maxBatchInputs: 501 is greater than 500",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  matryoshka: [64, 128, 64]\n",
            "line 6: spec.matryoshka[2]: the same entry is already in the list",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  device:\n    pluginConfig:\n      INFERENCE_NUM_THREADS: 4\n",
            "line 8: spec.device.pluginConfig.INFERENCE_NUM_THREADS: a text is expected, not the number 4: put it in quotes",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  rollout: {maxSurge: 1.5}\n",
            "line 6: spec.rollout.maxSurge: a whole number or a text is expected, not the number 1.5",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  cache: {persistentVolumeClaim: {size: 10GB}}\n",
            "line 6: spec.cache.persistentVolumeClaim.size: \"10GB\" does not have the form",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  podTemplate: {labels: {a.b/c: 1}}\n",
            "line 6: spec.podTemplate.labels[\"a.b/c\"]: a text is expected, not the number 1",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  matryoshka: [64, null]\n",
            "line 6: spec.matryoshka[1]: a whole number is expected, not nothing",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  replica:\n",
            "line 6: spec.replica: unknown field",
        ),
        (
            "  source: {huggingFace: {repo: a/b}}\n  \"\\e[2J\": 1\n",
            "line 6: spec[\"\\u{1b}[2J\"]: unknown field",
        ),
        ("  - source\n", "line 4: spec: an object is expected, not a list"),
        (
            "  source: {huggingFace: {repo: a/b}}\n  updatePolicy: {mode: Auto}\n",
            "line 6: spec.updatePolicy: unknown field",
        ),
    ] {
        let message = refusal(&with_spec(spec));
        assert!(message.starts_with(expected), "{message}\nis not\n{expected}");
    }
}

#[test]
fn mistakes_outside_the_specification_are_named_too() {
    for (text, expected) in [
        (format!("{HEAD}metdata: {{name: a}}\nspec: {{}}\n"), "line 3: metdata: unknown field"),
        (
            format!("{HEAD}metadata:\n  generateName: a\nspec: {{source: {{}}}}\n"),
            "line 3: metadata.name: this field is required",
        ),
        (
            format!("{HEAD}metadata:\n  name: a\n  labels: {{tier: 1}}\nspec: {{source: {{}}}}\n"),
            "line 5: metadata.labels.tier: a text is expected, not the number 1: put it in quotes",
        ),
        (format!("{HEAD}metadata: {{name: a}}\n"), "line 1: spec: this field is required"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(expected), "{message}\nhas no\n{expected}");
    }
}

#[test]
fn all_mistakes_are_reported_but_no_more_than_a_screenful() {
    let message = refusal(&with_spec("  source: {huggingFace: {repo: a}}\n  replica: 1\n"));
    assert_eq!(message.lines().count(), 2, "{message}");
    let many: String = (0..500).map(|number| format!("  field{number}: 1\n")).collect();
    let message = refusal(&with_spec(&format!("  source: {{}}\n{many}")));
    assert_eq!(message.lines().count(), 21, "{message}");
    assert!(message.ends_with("and 480 more"), "{message}");
}

#[test]
fn a_document_that_is_no_model_is_named() {
    for (text, expected) in [
        ("", "the manifest holds no EmbeddingModel: it needs a document with apiVersion"),
        ("# nothing\n---\n---\n", "the manifest holds no EmbeddingModel: "),
        (
            "apiVersion: v1\nkind: Secret\n---\napiVersion: v1\nkind: List\n",
            "the manifest holds no EmbeddingModel, only List, Secret: ",
        ),
        ("- a\n", "the document at line 1 is not an object"),
        ("hello", "the document at line 1 is not an object"),
        ("kind: EmbeddingModel\n", "the document at line 1 has no apiVersion"),
        ("apiVersion: 1\nkind: a\n", "the document at line 1 has no apiVersion"),
        ("apiVersion: embedserve.dev/v1alpha1\n", "the document at line 1 has no kind"),
        (
            "# one\napiVersion: embedserve.dev/v1\nkind: EmbeddingModel\n",
            "the model at line 2 has the apiVersion \"embedserve.dev/v1\", which is not known: write embedserve.dev/v1alpha1",
        ),
        (
            "apiVersion: embedserve.dev/v1alpha1\nkind: EmbedingModel\n",
            "the document at line 1 has the kind \"EmbedingModel\", which embedserve.dev/v1alpha1 does not have: write EmbeddingModel",
        ),
    ] {
        let message = refusal(text);
        assert!(message.starts_with(expected), "{message}\nis not\n{expected}");
    }
}

#[test]
fn text_that_is_not_yaml_is_refused_with_its_line() {
    for (text, line) in [
        (format!("{HEAD}metadata: {{name: a\nspec: [\n"), 4),
        (format!("{HEAD}metadata:\n\tname: a\n"), 4),
        (format!("{HEAD}metadata: {{name: a}}\nspec: {{}}\nspec: {{}}\n"), 5),
        (format!("{HEAD}metadata: {{name: !env NAME}}\n"), 3),
        (format!("{HEAD}metadata: {{name: *nowhere}}\n"), 3),
        (format!("{HEAD}metadata: {{name: .inf}}\n"), 3),
        (format!("{HEAD}metadata: {{name: 99999999999999999999}}\n"), 3),
        (format!("{HEAD}metadata:\n  name: a\n  1: b\n  \"1\": c\n"), 6),
        (format!("{HEAD}metadata: {{? [a, b] : c}}\n"), 3),
    ] {
        match read_manifests(&text) {
            Err(ManifestError::Syntax { line: found, message }) => {
                assert!(found == Some(line), "{found:?}, not {line}: {message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn merge_keys_are_refused_by_name() {
    let text = with_spec("  source: &s {huggingFace: {repo: a/b}}\n  limits:\n    <<: *s\n");
    assert!(refusal(&text).contains("merge keys (<<) are not supported"));
}

#[test]
fn aliases_may_be_used_within_reason() {
    let text = format!(
        "{HEAD}metadata: {{name: small}}\nspec:\n  source: {{huggingFace: &hub {{repo: a/b, revision: &r v1}}}}\n  podTemplate: {{labels: {{revision: *r}}}}\n"
    );
    let model = read_manifests(&text).expect("a good manifest").models.remove(0);
    assert_eq!(model.spec.pod_template.labels["revision"], "v1");
}

/// Ten lines that would expand to ten to the ninth values.
#[test]
fn aliases_that_expand_without_end_are_refused() {
    let mut nested = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        nested.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    // One long text, named very often: the expansion is large, its depth is not.
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), "*a, ".repeat(100_000));
    let flat = format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(100_000), "*a, ".repeat(100_000));
    for text in [nested, long, flat] {
        assert!(matches!(read_manifests(&text), Err(ManifestError::Syntax { .. })));
    }
    let endless = "a: &a [*a]\n";
    assert!(matches!(read_manifests(endless), Err(ManifestError::Syntax { .. })));
}

#[test]
fn nesting_without_end_is_refused() {
    for text in [
        "[".repeat(1_000_000),
        "{a: ".repeat(250_000),
        "[\n".repeat(500_000),
        "- ".repeat(500_000),
        "? ".repeat(500_000),
        format!("a: {}", "- ".repeat(100_000)),
        (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
    ] {
        let beginning: String = text.chars().take(20).collect();
        let result = read_manifests(&text);
        assert!(matches!(result, Err(ManifestError::Syntax { .. })), "{beginning}: {result:?}");
    }
}

#[test]
fn a_text_that_is_longer_than_any_manifest_is_not_read() {
    let text = "#".repeat(MOST_BYTES + 1);
    assert!(matches!(read_manifests(&text), Err(ManifestError::TooLong { .. })));
}

/// Bytes of all kinds in all places: an answer is all that is asked for, and no panic.
#[test]
fn damaged_manifests_never_panic() {
    let text =
        with_spec("  source: {huggingFace: {repo: a/b}}\n  device: {pluginConfig: {A: \"1\"}}\n");
    let inserts = [
        "\0", "é", "{", "]", "'", "\"", "|", ">", "&a ", "*a ", "!!x ", "%", "\t", "\u{2028}",
        "---\n", "? ", ": ",
    ];
    let mut refused = 0;
    for position in (0..text.len()).filter(|position| text.is_char_boundary(*position)) {
        for insert in inserts {
            let damaged = format!("{}{insert}{}", &text[..position], &text[position..]);
            refused += usize::from(read_manifests(&damaged).is_err());
        }
        refused += usize::from(read_manifests(&text[..position]).is_err());
    }
    assert!(refused > text.len(), "only {refused} were refused");
}

#[test]
fn a_long_list_of_other_objects_is_read() {
    let mut text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n".repeat(2_000);
    text.push_str(&with_spec("  source: {huggingFace: {repo: a/b}}\n"));
    let manifests = read_manifests(&text).expect("good manifests");
    assert_eq!(manifests.skipped.len(), 2_000);
}
