//! Help, version, completions, and command lines that are wrong.

use std::io::Write;
use std::process::{Command, Stdio};

use integration_tests::program::embedserve;

use crate::support::{Ended, end, run_in};

fn run(line: &str) -> Ended {
    run_in(&std::env::temp_dir(), line)
}

#[test]
fn help_lists_every_command_and_every_flag_of_ovms() {
    let help = run("--help");
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for word in [
        "serve",
        "run",
        "resolve",
        "pull",
        "export",
        "embed",
        "list",
        "version",
        "completions",
        "--pull",
        "--rest_port",
        "--port",
        "--config_path",
        "--model_name",
        "--model_path",
        "--model_repository_path",
        "--source_model",
        "--task",
        "--list_models",
        "--add_to_config",
        "--remove_from_config",
        "--pooling",
        "--normalize",
        "--truncate",
        "--num_streams",
        "--target_device",
        "--plugin_config",
        "--weight-format",
        "--overwrite_models",
        "--cache_dir",
        "--log_level",
        "--log_path",
        "--rest_workers",
        "--rest_bind_address",
        "--file_system_poll_wait_seconds",
        "--api_key_file",
        "--allowed_origins",
        "--allow_credentials",
        "--metrics_enable",
    ] {
        assert!(help.stdout.contains(word), "{word} is not in the help");
    }
    for line in ["-h", "help", ""] {
        assert_eq!(run(line), run("--help"), "{line:?}");
    }
}

#[test]
fn every_command_has_a_help_of_its_own() {
    for (command, word) in [
        ("serve", "--rest_port"),
        ("run", "MANIFEST"),
        ("resolve", "--revision"),
        ("pull", "--revision"),
        ("export", "FOLDER"),
        ("export embeddings_ov", "--skip_normalize"),
        ("embed", "--api_url"),
        ("list", "--model_repository_path"),
        ("version", "embedserve version"),
        ("completions", "SHELL"),
    ] {
        let help = run(&format!("{command} --help"));
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{command}");
        assert!(help.stdout.contains(word), "{command}: {}", help.stdout);
        assert!(help.stdout.contains(&format!("embedserve {command}")), "{}", help.stdout);
    }
}

#[test]
fn the_version_is_one_line() {
    let expected = format!("embedserve {}\n", env!("CARGO_PKG_VERSION"));
    for line in ["--version", "version", "--version --rest_port 1"] {
        let ended = run(line);
        let expected = Ended { code: 0, stdout: expected.clone(), stderr: String::new() };
        assert_eq!(ended, expected, "{line}");
    }
}

/// Exit code 64, nothing on standard output, what is wrong, and what to do.
#[test]
fn wrong_command_lines_end_with_64_and_a_hint() {
    for (line, message, hint) in [
        (
            "--rest_prot 8000",
            "unmatched arguments: --rest_prot, 8000,",
            "hint: did you mean --rest_port?",
        ),
        (
            "--rest-prot 8000",
            "unmatched arguments: --rest-prot, 8000,",
            "hint: did you mean --rest_port?",
        ),
        (
            "--rest_port 1 --config_path c extra",
            "unmatched arguments: extra,",
            "hint: embedserve --help",
        ),
        ("--rest_port 1 pull org/name", "unmatched arguments", "hint: "),
        ("pul org/name", "unrecognized subcommand 'pul'", "'pull'"),
        ("pull org/name --poling CLS", "unexpected argument '--poling' found", "'--pooling'"),
        (
            "pull",
            "source_model parameter is required for pull mode",
            "hint: embedserve pull org/name",
        ),
        ("--list_models", "Use --list_models with --model_repository_path", ""),
        ("--add_to_config --model_name a --model_path b", "Set config_path with add_to_config", ""),
        ("--add_to_config --config_path c --model_path b", "Set model_name with add_to_config", ""),
        ("--rest_port 70000 --config_path c", "rest_port number out of range from 0 to 65535", ""),
        ("--config_path c", "port and rest_port cannot both be unset", ""),
        ("completions tcsh", "invalid value 'tcsh'", "bash, elvish, fish, powershell, zsh"),
        ("version --x", "unexpected argument '--x' found", "Usage: embedserve version"),
    ] {
        let ended = run(line);
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(message), "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(hint), "{line}: {}", ended.stderr);
    }
}

#[test]
fn a_wrong_variable_of_the_environment_is_named() {
    let mut command = embedserve(["--config_path", "c", "--rest_port", "1"]);
    let ended = end(command.env("EMBEDSERVE_REST_WORKERS", "1"));
    assert_eq!((ended.code, ended.stdout.as_str()), (64, ""));
    assert!(ended.stderr.contains("rest_workers count should be from 2 to 10000"), "{ended:?}");
    assert!(ended.stderr.contains("EMBEDSERVE_REST_WORKERS"), "{ended:?}");
    let ended = end(embedserve(["version"]).env("EMBEDSERVE_RESTPORT", "1"));
    assert_eq!(ended.code, 0);
    let expected = "warning: the environment variable EMBEDSERVE_RESTPORT is unknown and has no effect; did you mean EMBEDSERVE_REST_PORT?\n";
    assert_eq!(ended.stderr, expected);
}

/// The script is one that its shell accepts and that completes.
#[test]
fn bash_completes_subcommands_and_options() {
    let script = run("completions bash");
    assert_eq!((script.code, script.stderr.as_str()), (0, ""));
    let ask = r#"
        COMP_WORDS=(embedserve pull --pool) COMP_CWORD=2
        _embedserve embedserve --pool pull
        echo "${COMPREPLY[@]}"
        COMP_WORDS=(embedserve comp) COMP_CWORD=1
        _embedserve embedserve comp embedserve
        echo "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash")
        .args(["--norc", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash is installed");
    let mut input = bash.stdin.take().expect("piped");
    input.write_all(format!("{}\n{ask}", script.stdout).as_bytes()).expect("bash reads");
    drop(input);
    let output = bash.wait_with_output().expect("bash ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--pooling\ncompletions\n");
}

#[test]
fn every_shell_has_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&format!("completions {shell}"));
        assert_eq!((script.code, script.stderr.as_str()), (0, ""), "{shell}");
        assert!(script.stdout.contains("rest_port"), "{shell}");
    }
}
