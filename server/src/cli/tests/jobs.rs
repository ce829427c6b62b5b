//! What Jobs add to pull and resolve.

use std::path::Path;

use model_export::WeightFormat;

use super::*;

fn job(line: &str) -> PullJob {
    match meaning(line) {
        Invocation::Pull(job) => *job,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn patterns_and_hashes_come_between_commas_or_by_repeating() {
    let hex = "0123456789abcdef".repeat(4);
    let options = pull(&format!(
        "pull a/b --include 'onnx/*' --include=*.md,*.txt --exclude '*.{{h5,ot}},[a,b]*' \
         --sha256 x.bin={hex},y=z/q={} --sha256 w={hex}",
        hex.to_uppercase()
    ));
    assert_eq!(options.wishes.include, ["onnx/*", "*.md", "*.txt"]);
    assert_eq!(options.wishes.exclude, ["*.{h5,ot}", "[a,b]*"]);
    let hashes: Vec<_> = options.wishes.sha256.into_iter().collect();
    assert_eq!(hashes, ["w", "x.bin", "y=z/q"].map(|path| (path.to_owned(), hex.clone())));
    let other = "f".repeat(64);
    for (line, expected) in [
        (format!("--sha256 {hex}"), "has no ="),
        (format!("--sha256 ={hex}"), "names no file"),
        ("--sha256 x=abc".to_owned(), "x=abc does not end with 64 hexadecimal digits"),
        (format!("--sha256 x={hex},x={other}"), "contradicts another hash of the same file"),
        ("--include ''".to_owned(), "include must not be empty"),
        ("--include 'a,,b'".to_owned(), "include must not be empty"),
    ] {
        let message = message(&format!("pull a/b {line}"));
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn a_pattern_of_the_environment_gives_way_to_those_of_the_command_line() {
    let variables = [("EMBEDSERVE_INCLUDE", "*.md,*.txt")];
    let include = |line: &str| match parse_with(line, &variables).expect(line).invocation {
        Invocation::Pull(job) => job.pull.wishes.include,
        other => panic!("{other:?}"),
    };
    assert_eq!(include("pull a/b"), ["*.md", "*.txt"]);
    assert_eq!(include("pull a/b --include x"), ["x"]);
}

#[test]
fn a_weight_format_asks_to_convert_unless_it_is_said_when() {
    for (line, conversion) in [
        ("pull a/b", Conversion::IfNeeded),
        ("pull a/b --weight-format int8", Conversion::Asked),
        ("pull a/b --weight-format int8 --conversion if_needed", Conversion::IfNeeded),
        ("pull OpenVINO/b --weight-format int8 --conversion if_needed", Conversion::IfNeeded),
        ("pull a/b --conversion never", Conversion::Never),
    ] {
        assert_eq!(pull(line).conversion, conversion, "{line}");
    }
    let wanted = pull("pull OpenVINO/b --weight-format int8 --conversion if_needed");
    assert_eq!(wanted.weight_format, Some(WeightFormat::Int8));
    let both = parsed("pull a/b --weight-format int8 --conversion never");
    assert_eq!(both.warnings, ["--weight-format has no effect with --conversion never"]);
    assert_eq!(
        message("pull a/b --conversion always"),
        "conversion: always is not allowed. Supported values: if_needed, never"
    );
}

#[test]
fn a_pull_can_be_watched_on_a_port_of_its_own() {
    assert_eq!(job("pull a/b").management, None);
    let management = job("pull a/b --management_port 0").management.expect("a port");
    assert_eq!(management.port, 0);
    let shown: Vec<String> = management.bind_address.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["0.0.0.0"]);
    let line = "pull a/b --management_port 8001 --management_bind_address ::1";
    assert_eq!(job(line).management.expect("a port").port, 8001);
    assert!(message("pull a/b --management_port 65536").contains("out of range"));
}

#[test]
fn the_outcome_goes_to_the_same_file_for_good_and_for_bad() {
    let path = Some(Path::new("/dev/termination-log"));
    let option = "--termination_message_path /dev/termination-log";
    assert_eq!(job(&format!("pull a/b {option}")).termination_message_path.as_deref(), path);
    for line in ["pull", "resolve a/b/c", "pull a/b --no_such_option", "remove", "remove .."] {
        let error = parse_with(&format!("{line} {option}"), &[]).expect_err(line);
        assert_eq!(error.termination_message_path(), path, "{line}");
    }
    let variables = [("EMBEDSERVE_TERMINATION_MESSAGE_PATH", "/dev/termination-log")];
    let error = parse_with("pull", &variables).expect_err("no source");
    assert_eq!(error.termination_message_path(), path);
    let error = parse_with("serve --rest_port x", &[]).expect_err("no port");
    assert_eq!(error.termination_message_path(), None);
}

#[test]
fn remove_takes_the_folder_of_a_model() {
    let Invocation::Remove(options) = meaning("remove models/org/name") else { panic!("remove") };
    assert_eq!(options.folder, Path::new("models/org/name"));
    assert_eq!(options.model_repository_path, None);
    assert!(matches!(
        meaning("remove /m/org/name --model_repository_path /m"),
        Invocation::Remove(options) if options.model_repository_path.is_some()
    ));
    assert_eq!(message("remove"), "remove needs a folder");
    for folder in ["/", "..", "models/.."] {
        assert_eq!(
            message(&format!("remove {folder}")),
            format!("{folder} is not the folder of a model")
        );
    }
    assert_eq!(
        message("remove /m/name --model_repository_path /n"),
        "/m/name is not below model_repository_path"
    );
}
