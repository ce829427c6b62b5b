//! The cost of exporting a model that is larger than the memory it may take: `LONG=1` for one
//! like XLM-RoBERTa-large (2.2 GB in fp32), otherwise a tenth of it.
//!
//! Times are printed beside those of copying and reading the same file, not asserted: what else
//! runs on the machine is not known.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use integration_tests::program::program;
use integration_tests::{random_weights, shapes};

use super::fixture;

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
fn write_model(folder: &Path, words: u64, layers: u64) -> PathBuf {
    std::fs::create_dir(folder).expect("a folder");
    random_weights::write(&shapes::large_bert(words, layers), folder).expect("written");
    let tokenizer = fixture("tiny-bert-gelu").join("tokenizer.json");
    std::fs::copy(tokenizer, folder.join("tokenizer.json")).expect("copied");
    folder.join("model.safetensors")
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
