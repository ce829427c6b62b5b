//! The built `embedserve` as a child process, and the folder of the model it serves in tests.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long a server may take until it is ready, a request until it is answered, and so on.
/// Generous: a test that needs it has failed anyway.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The name under which tests serve MiniLM.
pub const MINILM: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// Path of the program that `cargo build` made beside this test.
pub fn program() -> PathBuf {
    built("embedserve")
}

/// Path of a program of this workspace that `cargo build` made beside this test.
///
/// # Panics
/// If it was not built.
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own path");
    let profile = test
        .ancestors()
        .find(|folder| folder.parent().is_some_and(|parent| parent.ends_with("target")))
        .expect("tests run from cargo's target folder");
    let program = profile.join(name);
    assert!(program.exists(), "{} is missing: run `cargo build --bins` first", program.display());
    program
}

/// A command of the program in a clean environment: no variable of the caller's that it reads.
pub fn embedserve<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(program());
    clean(&mut command);
    command.args(arguments);
    command
}

/// The base URL of the management port of a running pull, from the log on its piped standard error, which is read
/// to its end.
pub fn management_of_pull(child: &mut Child) -> String {
    let log = child.stderr.take().expect("a log");
    let mut lines = BufReader::new(log).lines();
    let line = lines
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains("listening for management"))
        .expect("it says where it listens");
    // Whoever reads no further would block the program.
    std::thread::spawn(move || lines.for_each(drop));
    let address = line.split_once("address=").expect("an address").1;
    format!("http://{}", address.split_whitespace().next().expect("an address"))
}

/// Takes from a command every variable of the caller's that the program or its clients read, and
/// standard input. Variables that are set afterwards count.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let read = ["HF_", "HUGGING_FACE_", "OVMS_", "API_KEY", "OPENAI_"];
        let ours = text.starts_with("EMBEDSERVE_") && text != "EMBEDSERVE_CACHE";
        let proxy = text.to_ascii_lowercase().ends_with("_proxy");
        if ours || proxy || read.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    // A token that `hf auth login` left on this machine.
    command.env("HF_TOKEN_PATH", "/dev/null").stdin(Stdio::null());
}

/// Runs the program to its end.
pub fn run<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Output {
    embedserve(arguments).output().expect("the program starts")
}

/// Runs the program to its end, which must be good, and returns what it printed.
///
/// # Panics
/// With everything it printed, if it fails.
pub fn run_ok<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> String {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// The cache folder that `make deps` fills.
pub fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("EMBEDSERVE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("embedserve")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/embedserve")))
        .expect("HOME is set")
}

/// The folder with MiniLM's original files.
pub fn minilm_source() -> PathBuf {
    let folder = cache().join("all-MiniLM-L6-v2");
    assert!(folder.join("model.safetensors").exists(), "run `make deps` first");
    folder
}

/// A model repository that holds MiniLM in fp32 as [`MINILM`], pulled once per test program.
pub fn minilm_repository() -> &'static Path {
    static REPOSITORY: OnceLock<PathBuf> = OnceLock::new();
    REPOSITORY.get_or_init(|| {
        let target = program();
        let repository = target.with_file_name("test-models");
        let source = minilm_source();
        run_ok([
            "pull".as_ref(),
            source.as_os_str(),
            "--model_name".as_ref(),
            MINILM.as_ref(),
            "--model_repository_path".as_ref(),
            repository.as_os_str(),
            "--weight-format".as_ref(),
            "fp32".as_ref(),
        ]);
        repository
    })
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:<port>`.
    pub base: String,
    log: tempfile::NamedTempFile,
}

impl Server {
    /// Starts the program with `--rest_port` added, on loopback, and waits until it is ready.
    ///
    /// # Panics
    /// With the log, if it does not become ready.
    pub fn start<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Self {
        let server = Self::spawn(embedserve(arguments));
        server.wait_until("/v2/health/ready", 200);
        server
    }

    /// Starts a prepared command with `--rest_port` added and does not wait.
    pub fn spawn(mut command: Command) -> Self {
        let port = free_port();
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let child = command
            .args(["--rest_port", &port.to_string(), "--rest_bind_address", "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(log.reopen().expect("the log opens twice"))
            .spawn()
            .expect("the program starts");
        Self { child, base: format!("http://127.0.0.1:{port}"), log }
    }

    /// A server of MiniLM with further arguments.
    pub fn minilm(arguments: &[&str]) -> Self {
        let path = minilm_repository().join(MINILM);
        let path = path.to_str().expect("the path is UTF-8").to_owned();
        let fixed = ["--model_name", MINILM, "--model_path", &path];
        Self::start(fixed.iter().chain(arguments))
    }

    /// A server of MiniLM that all tests of a test program share and none changes. It ends with the
    /// test program, by a shell that waits for that.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| {
            let mut command = Command::new("sh");
            command.args(["-c", r#""$0" "$@" & read -r _; kill -KILL $!"#]).arg(program());
            command.args(["--model_name", MINILM, "--model_path"]);
            command.arg(minilm_repository().join(MINILM));
            clean(&mut command);
            command.stdin(Stdio::piped());
            let server = Self::spawn(command);
            server.wait_until("/v2/health/ready", 200);
            server
        })
    }

    /// Waits until a GET of `path` is answered with `status`.
    pub fn wait_until(&self, path: &str, status: u16) {
        let url = format!("{}{path}", self.base);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = reqwest::blocking::get(&url).map(|answer| answer.status().as_u16());
            if matches!(seen, Ok(code) if code == status) {
                return;
            }
            assert!(Instant::now() < deadline, "{url} answers {seen:?}, log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        let mut text = String::new();
        let mut file = self.log.reopen().expect("the log opens twice");
        file.read_to_string(&mut text).expect("the log is UTF-8");
        text
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(told.success());
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the child can be waited for").is_none()
    }

    /// Ends it as the kernel would, for lack of memory for example.
    pub fn kill(&mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }

    /// Waits for its end and returns the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("the child can be waited for").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
