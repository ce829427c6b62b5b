//! How fast and how small the operator is with many models: 1,000 at once on an API server and etcd that
//! share the machine with it. Prints the figures and writes `target/bench/operator.json`.
//!
//! There are no controllers and no nodes: this program plays what Jobs find out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use integration_tests::control_plane::{AuditEvent, ControlPlane, User};
use integration_tests::operator::{Operator, allow_operator};
use integration_tests::play::play_job;
use integration_tests::process::cpu_seconds;
use reqwest::Method;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "bench";
/// How often everything is looked at without a reason while the figures are taken.
const RESYNC: Duration = Duration::from_secs(60);

fn main() -> anyhow::Result<()> {
    let count: usize = match std::env::var("MODELS") {
        Ok(text) => text.parse().context("MODELS is a number of models")?,
        Err(_) => 1000,
    };
    let plane = ControlPlane::start().context("the bench needs an API server")?;
    plane.define_embedding_models();
    allow_operator(&plane);
    plane.create("/api/v1/namespaces", &json!({"metadata": {"name": NAMESPACE}}));
    let resync = RESYNC.as_secs().to_string();
    let first = Operator::start(&plane, &["--resync-seconds", &resync]);
    first.wait_until_leading();

    let started = Instant::now();
    create(&plane, count);
    let created = started.elapsed();
    wait_for("every model is observed and has its resolve Job", || {
        let observed = models(&plane).iter().filter(|model| is_observed(model)).count();
        (observed == count && jobs(&plane, "resolve").len() == count).then_some(())
    })?;
    let observed = started.elapsed();

    let playing = Instant::now();
    for job in jobs(&plane, "resolve") {
        play_job(&plane, &job);
    }
    wait_for("every model has its volume and its pull Job", || {
        let claims = list(&plane, "api/v1", "persistentvolumeclaims").len();
        (claims == count && jobs(&plane, "pull").len() == count).then_some(())
    })?;
    let pulling = playing.elapsed();
    for job in jobs(&plane, "pull") {
        play_job(&plane, &job);
    }
    wait_for("every model has its Deployment", || {
        (list(&plane, "apis/apps/v1", "deployments").len() == count).then_some(())
    })?;
    // Scaled to nothing, every model is as it should be, and nothing is looked at but by resync.
    for model in models(&plane) {
        let path =
            format!("{}/{}", collection(), model["metadata"]["name"].as_str().unwrap_or_default());
        let patch = json!({"spec": {"replicas": 0}});
        let answer = plane.request(User::Admin, Method::PATCH, &path, Some(&patch));
        ensure!(answer.status == 200, "{}", answer.body);
        let status = json!({"status": {"observedGeneration": 9, "replicas": 0}});
        let deployment = format!(
            "/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{}/status",
            model["metadata"]["name"].as_str().unwrap_or_default()
        );
        plane.request(User::Admin, Method::PATCH, &deployment, Some(&status));
    }
    wait_for("every model is ready", || {
        (models(&plane).iter().filter(|model| is_ready(model)).count() == count).then_some(())
    })?;

    // A quiet start, then a whole round of resyncs.
    std::thread::sleep(Duration::from_secs(5));
    let (from, cpu, looked) = (plane.audit().len(), cpu_seconds(first.id())?, reconciles(&first));
    let quiet = Instant::now();
    std::thread::sleep(RESYNC + RESYNC / 5);
    let share = (cpu_seconds(first.id())? - cpu) / quiet.elapsed().as_secs_f64();
    let looked = reconciles(&first) - looked;
    let audit = plane.audit();
    let writes = audit[from..].iter().filter(|event| is_write(event)).count();
    let peak = peak_megabytes(first.id())?;

    let second = Operator::start(&plane, &["--resync-seconds", &resync]);
    wait_for("the second operator waits", || {
        second.get("/readyz").filter(|text| text == "waiting to lead")
    })?;
    let (killed, from) = (Instant::now(), plane.audit().len());
    first.kill();
    second.wait_until_leading();
    let leading = killed.elapsed();
    create_one(&plane, "after-the-fall");
    let path = format!("{}/after-the-fall", collection());
    wait_for("the second operator reconciles", || plane.get(&path).filter(is_observed).map(drop))?;
    let failover = killed.elapsed();
    let asked = requests(&plane.audit()[from..]);

    let figures = json!({
        "models": count,
        "create_seconds": created.as_secs_f64(),
        "observed_seconds": observed.as_secs_f64(),
        "pull_jobs_seconds": pulling.as_secs_f64(),
        "peak_rss_mb": peak,
        "noop_reconciles": looked,
        "noop_writes": writes,
        "resync_interval_seconds": RESYNC.as_secs(),
        "resync_cpu_share": share,
        "leading_seconds": leading.as_secs_f64(),
        "failover_seconds": failover.as_secs_f64(),
        "failover_requests": asked,
    });
    let folder = Path::new("target/bench");
    std::fs::create_dir_all(folder).context("target/bench cannot be made")?;
    let text = serde_json::to_string_pretty(&figures)?;
    std::fs::write(folder.join("operator.json"), format!("{text}\n"))
        .context("the figures cannot be written")?;
    print(&format!(
        "{count} models: created in {:.1} s, all observed after {:.1} s; volumes and pull Jobs {:.1} s after the first answer\n\
         peak memory {peak:.1} MB; a resync of {looked} models every {} s: {writes} writes, {:.1} % of one core\n\
         fail-over after SIGKILL: leading after {:.1} s, a new model observed after {:.1} s\nwritten to target/bench/operator.json",
        created.as_secs_f64(),
        observed.as_secs_f64(),
        pulling.as_secs_f64(),
        RESYNC.as_secs(),
        share * 100.0,
        leading.as_secs_f64(),
        failover.as_secs_f64(),
    ))
}

fn create(plane: &ControlPlane, count: usize) {
    const WRITERS: usize = 4;
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for index in (writer..count).step_by(WRITERS) {
                    create_one(plane, &format!("m{index}"));
                }
            });
        }
    });
}

fn create_one(plane: &ControlPlane, name: &str) {
    let model = json!({
        "apiVersion": "embedserve.dev/v1alpha1",
        "kind": "EmbeddingModel",
        "metadata": {"name": name},
        "spec": {"source": {"huggingFace": {"repo": format!("org/{name}")}}},
    });
    plane.create(&collection(), &model);
}

fn collection() -> String {
    format!("/apis/embedserve.dev/v1alpha1/namespaces/{NAMESPACE}/embeddingmodels")
}

fn models(plane: &ControlPlane) -> Vec<Value> {
    list(plane, "apis/embedserve.dev/v1alpha1", "embeddingmodels")
}

fn jobs(plane: &ControlPlane, component: &str) -> Vec<Value> {
    list(
        plane,
        "apis/batch/v1",
        &format!("jobs?labelSelector=app.kubernetes.io/component%3D{component}"),
    )
}

fn list(plane: &ControlPlane, api: &str, resource: &str) -> Vec<Value> {
    let path = format!("/{api}/namespaces/{NAMESPACE}/{resource}");
    plane.get(&path).unwrap_or_default()["items"].as_array().cloned().unwrap_or_default()
}

fn is_observed(model: &Value) -> bool {
    model["status"]["observedGeneration"] == model["metadata"]["generation"]
        && model["status"]["conditions"].as_array().is_some_and(|conditions| !conditions.is_empty())
}

fn is_ready(model: &Value) -> bool {
    let conditions = model["status"]["conditions"].as_array();
    is_observed(model)
        && conditions
            .into_iter()
            .flatten()
            .any(|it| it["type"] == "Ready" && it["status"] == "True")
}

/// A change by the operator, its Lease apart.
fn is_write(event: &AuditEvent) -> bool {
    let reads: BTreeSet<&str> = ["get", "list", "watch"].into();
    event.user == User::Operator.name()
        && event.resource != "leases"
        && !reads.contains(event.verb.as_str())
}

/// How often the operator asked for what, the most frequent first.
fn requests(events: &[AuditEvent]) -> Value {
    let mut counts = BTreeMap::<String, usize>::new();
    for event in events.iter().filter(|event| event.user == User::Operator.name()) {
        let request = format!("{} {} {}", event.verb, event.resource, event.subresource);
        *counts.entry(request.trim_end().to_owned()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(request, count)| (request, json!(count))).collect::<Map<_, _>>().into()
}

fn reconciles(operator: &Operator) -> f64 {
    operator.metric("embedserve_operator_reconciles_total")
}

/// Asks again and again, for at most five minutes. A list of everything is work for the API server, on the
/// cores that are measured: asking takes a fifth of the time and no more.
fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        let asked = Instant::now();
        if let Some(found) = found() {
            return Ok(found);
        }
        if started.elapsed() > Duration::from_secs(300) {
            bail!("waited five minutes in vain until {what}");
        }
        std::thread::sleep(Duration::from_millis(500).max(4 * asked.elapsed()));
    }
}

/// The most memory that a process has had at a time.
fn peak_megabytes(id: u32) -> anyhow::Result<f64> {
    let text =
        std::fs::read_to_string(format!("/proc/{id}/status")).context("the operator has ended")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("status has another form")?;
    let kibibytes: f64 =
        line.trim().trim_end_matches(" kB").parse().context("status has another form")?;
    Ok(kibibytes * 1024.0 / 1e6)
}

fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{text}").context("standard output is closed")
}
