//! Teams beside each other: one's secrets are not the other's, and keys change while models serve.

use integration_tests::cluster::{Namespace, cluster};
use integration_tests::wait;

use crate::client::{SMALL, embed, minilm_source, start};

/// A gated repository with a token whose Secret may be missing.
fn apply_gated(namespace: &Namespace<'_>) {
    let source = "source: {huggingFace: {repo: test/gated, tokenSecretRef: {name: hub}}}";
    namespace.apply_model("gated", &[source, SMALL]);
}

#[test]
fn a_token_of_one_namespace_opens_nothing_in_another() {
    let Some(cluster) = cluster() else { return };
    let (ours, theirs) = (cluster.namespace("ours"), cluster.namespace("theirs"));
    ours.kubectl(&["create", "secret", "generic", "hub", "--from-literal=token=hub-token"]);
    apply_gated(&ours);
    apply_gated(&theirs);
    ours.wait_for("gated", "Ready", "True", "Ready");
    let message = theirs.wait_for("gated", "Ready", "False", "SecretNotFound");
    assert!(message.contains("hub"), "{message}");
    // No pod of either holds a token of the API server's, and no log the hub's.
    for pod in ours.list("pods", "app.kubernetes.io/managed-by=embedserve-operator") {
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false, "{pod:#}");
    }
    let logs = ours.kubectl(&[
        "logs",
        "--selector",
        "app.kubernetes.io/managed-by=embedserve-operator",
        "--tail=-1",
    ]);
    assert!(!logs.contains("hub-token"), "{logs}");
    // The operator may read no Secret, whoever's it is.
    let account = "--as=system:serviceaccount:embedserve-system:embedserve-operator";
    for verb in ["get", "list", "watch"] {
        let answer =
            cluster.kubectl(["auth", "can-i", verb, "secrets", "--namespace", &ours.name, account]);
        assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "no", "{verb}");
    }
    // What is refused without the Secret goes on by itself with it.
    theirs.kubectl(&["create", "secret", "generic", "hub", "--from-literal=token=hub-token"]);
    theirs.wait_for("gated", "Ready", "True", "Ready");
}

#[test]
fn an_api_key_is_exchanged_while_the_model_serves() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("key");
    let key = |value: &str| {
        namespace.apply(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: key}}\nstringData: {{api-key: {value}}}\n"
        ));
    };
    key("sk-first");
    namespace.apply_model(
        "minilm",
        &[&minilm_source(""), "auth: {apiKeySecretRef: {name: key}}", SMALL],
    );
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    let base = format!("http://minilm.{}.svc:8000/v3", namespace.name);
    let texts = ["a text".to_owned()];
    assert_eq!(embed(&namespace, "first", &base, "minilm", &texts, "sk-first").len(), 1);

    key("sk-second");
    let program = format!(
        "import openai, time
client = lambda key: openai.OpenAI(base_url={base:?}, api_key=key, max_retries=0).embeddings.create(model='minilm', input='a')
for attempt in range(600):
    try:
        client('sk-second')
        break
    except openai.AuthenticationError:
        time.sleep(0.2)
try:
    client('sk-first')
    raise SystemExit('the first key still works')
except openai.AuthenticationError:
    print('exchanged')"
    );
    start(&namespace, "second", &["python3", "-c", &program]);
    assert_eq!(namespace.output_of("second").trim(), "exchanged");
    let pods = namespace.list("pods", "app.kubernetes.io/component=serving");
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0]["status"]["containerStatuses"][0]["restartCount"], 0);
}

/// The test cluster's network does not enforce policies, so this is about what they say.
#[test]
fn policies_say_who_may_talk_to_whom() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("policy");
    let policy = "networkPolicy: {from: [{namespaceSelector: {matchLabels: {team: search}}}]}";
    namespace.apply_model("minilm", &[&minilm_source(""), policy, SMALL]);
    wait::for_long(
        "there is a policy for serving pods",
        || !namespace.get("networkpolicy", "minilm-serving").is_null(),
        || namespace.kubectl(&["get", "networkpolicies,emb"]),
    );
    let policy = namespace.get("networkpolicy", "minilm-serving");
    assert_eq!(policy["spec"]["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    assert!(policy["spec"]["egress"].as_array().is_none_or(Vec::is_empty), "{policy:#}");
    let text = policy["spec"]["ingress"].to_string();
    for part in [r#""team":"search""#, "embedserve-system", "8000", "8001"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
