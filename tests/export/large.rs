//! The cost of exporting a model that is larger than the memory it may take: `LONG=1` for one
//! like XLM-RoBERTa-large (2.2 GB in fp32), otherwise a tenth of it.
//!
//! Times are printed beside those of copying and reading the same file, not asserted: what else
//! runs on the machine is not known.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use integration_tests::program::program;
use serde_json::{Map, json};

use super::fixture;

const HIDDEN: usize = 1024;
const INTERMEDIATE: usize = 4096;
const POSITIONS: usize = 514;

/// Most that an export may take, in kilobytes, its program's own pages included.
const MOST: u64 = 200_000;
/// Memory of a small conversion job, the file cache included.
const JOB: u64 = 512 << 20;

#[test]
fn a_large_model_is_exported_in_little_memory() {
    let is_long = std::env::var("LONG").is_ok_and(|long| long == "1");
    let (words, layers) = if is_long { (250_002, 24) } else { (30_000, 2) };
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    let weights = write_model(&source, words, layers);
    let reference = copying_and_reading(&weights, &folder.path().join("copy"));
    say(&format!("{:.1} s: copying and reading", reference.as_secs_f64()));
    let job = Job::new(JOB);
    for format in ["fp32", "fp16", "int8", "int4"] {
        let target = folder.path().join(format);
        let (taken, peak) = export(&source, &target, format, job.as_ref());
        let size = target.join("openvino_model.bin").metadata().expect("exported").len();
        let times = taken.as_secs_f64() / reference.as_secs_f64();
        let (seconds, megabytes, peak_megabytes) =
            (taken.as_secs_f64(), size / 1_000_000, peak / 1000);
        say(&format!(
            "{seconds:.1} s, {times:.2} times as long: {format}, {megabytes} MB, at most {peak_megabytes} MB of memory"
        ));
        assert!(peak <= MOST, "{format}: {peak} kB");
        std::fs::remove_dir_all(&target).expect("removed");
    }
}

/// Runs the program to its end; how long that took and the most memory it had, in kilobytes.
fn export(source: &Path, target: &Path, format: &str, job: Option<&Job>) -> (Duration, u64) {
    let mut command = match job {
        Some(job) => job.command(),
        None => Command::new(program()),
    };
    let arguments = ["--weight-format", format, "--output_dir"];
    command.arg("export").arg(source).args(arguments).arg(target);
    // Its progress is short enough for a pipe that is read at the end.
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let mut peak = 0;
    let status = loop {
        peak = peak.max(high_water(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().expect("our own child") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let taken = started.elapsed();
    let output = child.wait_with_output().expect("it has ended");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(status.success(), "{format}: {status}: {told}");
    assert!(peak > 0, "its memory was seen");
    (taken, peak)
}

/// The most memory that a process has had, in kilobytes; nothing once it has ended.
fn high_water(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Copies the file piece by piece, then reads it once more.
fn copying_and_reading(file: &Path, copy: &Path) -> Duration {
    let started = Instant::now();
    let mut piece = vec![0; 1 << 20];
    for target in [Some(copy), None] {
        let mut source = File::open(file).expect("opened");
        let mut target = target.map(|target| File::create(target).expect("created"));
        loop {
            let count = source.read(&mut piece).expect("read");
            if count == 0 {
                break;
            }
            if let Some(target) = &mut target {
                target.write_all(&piece[..count]).expect("written");
            }
        }
    }
    let taken = started.elapsed();
    std::fs::remove_file(copy).expect("removed");
    taken
}

/// Writes a BERT of XLM-RoBERTa-large's sizes with random weights; its weights' path.
fn write_model(folder: &Path, words: usize, layers: usize) -> PathBuf {
    std::fs::create_dir(folder).expect("a folder");
    let config = json!({
        "architectures": ["BertModel"], "model_type": "bert", "vocab_size": words,
        "hidden_size": HIDDEN, "num_hidden_layers": layers, "num_attention_heads": 16,
        "intermediate_size": INTERMEDIATE, "max_position_embeddings": POSITIONS,
        "type_vocab_size": 1, "hidden_act": "gelu", "layer_norm_eps": 1e-5
    });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("written");
    let tokenizer = fixture("tiny-bert-gelu").join("tokenizer.json");
    std::fs::copy(tokenizer, folder.join("tokenizer.json")).expect("copied");
    let mut header = Map::new();
    let mut size = 0;
    for (name, shape) in tensors(words, layers) {
        let end = size + 4 * shape.iter().product::<usize>();
        let tensor = json!({"dtype": "F32", "shape": shape, "data_offsets": [size, end]});
        header.insert(name, tensor);
        size = end;
    }
    let header = serde_json::to_vec(&header).expect("JSON");
    let path = folder.join("model.safetensors");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).expect("created"));
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("written");
    file.write_all(&header).expect("written");
    let mut state = 1u64;
    for _ in 0..size / 4 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Four bytes added up are nearly normally distributed.
        let sum: u32 = state.to_le_bytes()[4..].iter().map(|byte| u32::from(*byte)).sum();
        let value = (sum as f32 - 510.0) * 2e-4;
        file.write_all(&value.to_le_bytes()).expect("written");
    }
    file.flush().expect("written");
    path
}

fn tensors(words: usize, layers: usize) -> Vec<(String, Vec<usize>)> {
    let mut tensors = Vec::new();
    let mut add = |name: String, shape: &[usize]| tensors.push((name, shape.to_vec()));
    for (table, rows) in [("word", words), ("position", POSITIONS), ("token_type", 1)] {
        add(format!("embeddings.{table}_embeddings.weight"), &[rows, HIDDEN]);
    }
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in (0..layers).map(|layer| format!("encoder.layer.{layer}")) {
        for (part, to, from) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", INTERMEDIATE, HIDDEN),
            ("output.dense", HIDDEN, INTERMEDIATE),
        ] {
            add(format!("{layer}.{part}.weight"), &[to, from]);
            add(format!("{layer}.{part}.bias"), &[to]);
        }
        norms.extend(["attention.output", "output"].map(|of| format!("{layer}.{of}.LayerNorm")));
    }
    for part in norms.iter().flat_map(|norm| ["weight", "bias"].map(|of| format!("{norm}.{of}"))) {
        add(part, &[HIDDEN]);
    }
    tensors
}

/// A cgroup with a limit of memory, where this user may make one.
struct Job(PathBuf);

impl Job {
    fn new(bytes: u64) -> Option<Self> {
        let name = format!("embedserve-test-{}", std::process::id());
        let places = [("", "memory.max"), ("memory", "memory.limit_in_bytes")];
        let made = places.into_iter().find_map(|(controller, limit)| {
            let group = Path::new("/sys/fs/cgroup").join(controller).join(&name);
            std::fs::create_dir(&group).ok()?;
            let job = Job(group);
            std::fs::write(job.0.join(limit), bytes.to_string()).ok()?;
            Some(job)
        });
        if made.is_none() {
            say("skipped: no cgroup with a limit of memory can be made here; exports run without");
        }
        made
    }

    /// The program, started in the group.
    fn command(&self) -> Command {
        let mut command = Command::new("sh");
        let script = r#"echo $$ > "$0" && exec "$@""#;
        command.args(["-c", script]).arg(self.0.join("cgroup.procs")).arg(program());
        command
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Past the test harness, which keeps what a passing test prints.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
