//! The operator's Deployment: its arguments are the program's, its security is the strictest.

use clap::Parser;
use embedserve::cli::{Environment, Invocation};
use integration_tests::helm::{Helm, object};
use operator::cli::{Arguments, Command, LogFormat, RunArguments};
use operator::names;
use operator::settings::PodAccess;
use serde_json::{Value, json};

use crate::{AIR_GAPPED, EVERYTHING, NAMESPACED, SETS};

/// The words after the program's name.
pub(crate) fn words(objects: &[Value], deployment: &str) -> Vec<String> {
    let pod = &object(objects, "Deployment", deployment)["spec"]["template"]["spec"];
    let words = pod["containers"][0]["args"].as_array().expect("it has arguments");
    words.iter().map(|word| word.as_str().expect("a text").to_owned()).collect()
}

fn arguments(helm: &Helm, values: &[&str], deployment: &str) -> RunArguments {
    let words = words(&helm.objects(values), deployment);
    let program = std::iter::once("embedserve-operator".to_owned());
    match Arguments::try_parse_from(program.chain(words)).expect("the program takes them").command {
        Command::Run(run) => *run,
        Command::Crd => panic!("it is run"),
    }
}

/// What nobody sets is what the program would do without a chart.
#[test]
fn defaults_of_the_chart_are_those_of_the_program() {
    let Some(helm) = Helm::find() else { return };
    let chart = arguments(&helm, &[], "embedserve-operator");
    let program = Arguments::try_parse_from(["embedserve-operator", "run"]).expect("a command");
    let Command::Run(program) = program.command else { panic!("it is run") };
    assert_eq!(chart.settings(None), program.settings(None));
    let rest = |it: &RunArguments| {
        let words = (it.lease_name.clone(), it.log.clone());
        (words, it.listen, it.pod_access, it.log_format, it.no_leader_election)
    };
    assert_eq!(rest(&chart), rest(&program));
}

#[test]
fn every_value_arrives_in_the_program() {
    let Some(helm) = Helm::find() else { return };
    let run = arguments(&helm, &["--values", EVERYTHING], "all-operator");
    let settings = run.settings(None);
    assert_eq!(settings.image, "other.example.com/a/server:v2");
    let digest = "0123456789abcdef".repeat(4);
    assert_eq!(settings.gpu_image, format!("third.example.com/a/server-gpu@sha256:{digest}"));
    assert_eq!(settings.hub_endpoint.as_deref(), Some("https://hub.example.com/mirror"));
    let pair = |name: &str, key: &str| Some((name.to_owned(), key.to_owned()));
    assert_eq!(settings.hub_token_secret, pair("hub", "password"));
    assert_eq!(settings.hub_ca_bundle, pair("authorities", "bundle.pem"));
    let variables = [
        ("HTTPS_PROXY", "http://user:secret@proxy.example.com:3128"),
        ("NO_PROXY", ".example.com,10.0.0.0/8"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(settings.hub_environment, variables);
    assert_eq!(settings.hub_cidrs, ["10.0.0.0/8", "fd00::/8"]);
    assert!(settings.allow_host_path);
    assert_eq!(settings.namespace, "embedserve-system");
    assert_eq!(settings.monitoring_namespace.as_deref(), Some("monitoring"));
    assert_eq!(settings.watch_namespaces, ["search", "ranking"]);
    let numbers =
        (settings.concurrency, settings.resync.as_secs(), settings.removal_timeout.as_secs());
    assert_eq!(numbers, (4, 60, 30));
    assert_eq!((run.pod_access, run.log_format), (PodAccess::Proxy, LogFormat::Json));
    assert_eq!(
        (run.lease_name.as_str(), run.log.as_str()),
        ("all-operator", "operator=debug,info")
    );
    assert_eq!(run.listen.to_string(), "[::]:9090");
}

#[test]
fn an_air_gapped_site_is_one_values_file() {
    let Some(helm) = Helm::find() else { return };
    let values = ["--values", AIR_GAPPED];
    let settings = arguments(&helm, &values, "embedserve-operator").settings(None);
    let inside = "https://hub.example.internal";
    assert_eq!(settings.hub_endpoint.as_deref(), Some(inside));
    let objects = helm.objects(&values);
    let mut images = vec![settings.image, settings.gpu_image];
    for (kind, name, pointer) in [
        ("Deployment", "embedserve-operator", "/spec/template/spec/containers/0/image"),
        ("Pod", "embedserve-test", "/spec/containers/0/image"),
    ] {
        let image = object(&objects, kind, name).pointer(pointer).and_then(Value::as_str);
        images.push(image.expect("it has an image").to_owned());
    }
    for image in images {
        assert!(image.starts_with("registry.example.internal/embedserve/"), "{image}");
    }
}

#[test]
fn pods_are_restricted_and_models_let_the_operator_in() {
    let Some(helm) = Helm::find() else { return };
    for (set, values) in SETS {
        let objects = helm.objects(values);
        let deployment = objects.iter().find(|it| it["kind"] == "Deployment").expect("it is there");
        let template = &deployment["spec"]["template"];
        // What NetworkPolicies of models admit.
        assert_eq!(template["metadata"]["labels"][names::APP_NAME], names::MANAGER, "{set}");
        let test = objects.iter().find(|it| it["kind"] == "Pod").expect("it is there");
        for pod in [&template["spec"], &test["spec"]] {
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{set}");
            assert_eq!(pod["securityContext"]["runAsUser"], 5000, "{set}");
            assert_eq!(pod["securityContext"]["seccompProfile"], json!({"type": "RuntimeDefault"}));
            let container = &pod["containers"][0];
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{set}");
            assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{set}");
            assert_eq!(container["securityContext"]["capabilities"], json!({"drop": ["ALL"]}));
            assert!(container["resources"]["limits"]["memory"].is_string(), "{set}");
        }
        assert_eq!(test["spec"]["automountServiceAccountToken"], false, "{set}");
    }
}

/// A budget for a single pod would only keep nodes from being emptied.
#[test]
fn several_operators_have_a_budget_and_are_spread_and_one_has_none() {
    let Some(helm) = Helm::find() else { return };
    let several = helm.objects(&[]);
    let budget = object(&several, "PodDisruptionBudget", "embedserve-operator");
    let spec = &object(&several, "Deployment", "embedserve-operator")["spec"];
    assert_eq!(spec["replicas"], 2);
    assert_eq!(budget["spec"]["selector"], spec["selector"]);
    let spread = &spec["template"]["spec"]["topologySpreadConstraints"][0];
    assert_eq!(spread["labelSelector"], spec["selector"]);
    let one = helm.objects(&["--values", NAMESPACED]);
    assert!(!one.iter().any(|it| it["kind"] == "PodDisruptionBudget"));
    let own = helm.objects(&["--values", EVERYTHING]);
    let spec = &object(&own, "Deployment", "all-operator")["spec"]["template"]["spec"];
    let selectors = ["app.kubernetes.io~1instance", "example.com~1team"].map(|label| {
        let index = usize::from(label.starts_with("example"));
        let path = format!("/topologySpreadConstraints/{index}/labelSelector/matchLabels/{label}");
        spec.pointer(&path).is_some()
    });
    assert_eq!(selectors, [true, true]);
}

/// `helm test` asks the model that it makes, in the words of the server's own command line.
#[test]
fn the_test_asks_its_model_with_the_program_of_the_servers_image() {
    let Some(helm) = Helm::find() else { return };
    for (values, place, wait) in [
        (&[][..], "embedserve-test.embedserve-system", 270),
        (&["--values", EVERYTHING], "all-test.ranking", 60),
    ] {
        let objects = helm.objects(values);
        let (name, namespace) = place.split_once('.').expect("a name and a namespace");
        for kind in ["Pod", "EmbeddingModel"] {
            let metadata = &object(&objects, kind, name)["metadata"];
            assert_eq!(metadata["namespace"], namespace);
            assert_eq!(metadata["annotations"]["helm.sh/hook"], "test");
        }
        let container = &object(&objects, "Pod", name)["spec"]["containers"][0];
        let operator = object(&objects, "Deployment", &name.replace("-test", "-operator"));
        let image = container["image"].as_str().expect("an image");
        assert!(operator.to_string().contains(&format!("--image={image}")), "{image}");
        let words = container["args"].as_array().expect("arguments").iter();
        let words = words.map(|word| word.as_str().expect("a text").into());
        let words = std::iter::once("embedserve".into()).chain(words);
        let parsed =
            embedserve::cli::parse(words, &Environment::default()).expect("it is understood");
        let Invocation::Embed(options) = parsed.invocation else { panic!("it embeds") };
        assert_eq!(options.access.base, format!("http://{place}.svc:8000/v1"));
        assert_eq!(options.wait.as_secs(), wait);
    }
}
