//! CLI.md is what the program says about itself.

use super::*;

#[test]
fn cli_reference_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("CLI.md");
    let text = reference_markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("CLI.md can be written");
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        file == text,
        "CLI.md is not current; rewrite it: UPDATE=1 cargo test -p embedserve cli_reference"
    );
}

#[test]
fn cli_reference_names_every_option_and_command() {
    let text = reference_markdown();
    for name in normalize::all_option_names(&arguments::command()) {
        let spelled = if name == "weight_format" { "weight-format" } else { &name };
        assert!(text.contains(&format!("`--{spelled}")), "{name} is missing");
    }
    for command in [
        "serve",
        "run",
        "resolve",
        "pull",
        "remove",
        "render-group",
        "export embeddings_ov",
        "embed",
        "bench",
        "list",
        "version",
        "completions",
    ] {
        assert!(text.contains(&format!("## embedserve {command}\n")), "{command} is missing");
    }
}
