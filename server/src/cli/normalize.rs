//! One spelling of every option before clap reads them.
//!
//! OVMS writes options with underscores, people and other tools with hyphens; OVMS's booleans
//! stand alone or take a value; a value may begin with a hyphen. Here each option becomes
//! `--name=value` as clap knows the name, then options from the environment join, and words that
//! fit nothing are collected the way OVMS lists them. Values are never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Command;

use super::Environment;

/// Booleans of OVMS that take any next word as their value, so that a wrong one can be named.
const VALUE_EXPECTED: [&str; 2] = ["normalize", "truncate"];

/// Options that say what to do, not only how.
const DECISIVE: [&str; 9] = [
    "add_to_config",
    "config_path",
    "list_models",
    "model_name",
    "model_path",
    "pull",
    "remove_from_config",
    "rest_port",
    "source_model",
];

/// A command line in one spelling.
pub(super) struct Normalized {
    /// Program name, subcommands, then options as `--name=value` and other words.
    pub(super) arguments: Vec<OsString>,
    /// Words outside every option, if there is no subcommand.
    pub(super) unmatched: Vec<String>,
    /// Names of the options on the command line.
    given: BTreeSet<String>,
    /// What options the chosen command has.
    options: BTreeMap<String, OptionForm>,
    /// Whether there is a subcommand.
    pub(super) has_subcommand: bool,
    asks_for_help: bool,
}

struct OptionForm {
    /// As clap knows it, without dashes.
    long: String,
    value: ValueForm,
}

#[derive(Clone, Copy, PartialEq)]
enum ValueForm {
    None,
    /// `true` or `false` may follow.
    Boolean,
    /// A word that is no option may follow.
    Optional,
    Required,
}

impl Normalized {
    /// Reads the words after the program's name.
    pub(super) fn read(root: &Command, words: impl IntoIterator<Item = OsString>) -> Self {
        let mut words = words.into_iter().collect::<Vec<_>>().into_iter().peekable();
        let mut command = root;
        let mut arguments = vec![OsString::from(root.get_name())];
        while let Some(next) = words.peek().and_then(|word| command.find_subcommand(word)) {
            command = next;
            arguments.extend(words.next());
        }
        let is_word = |word: &OsString| !word.as_bytes().starts_with(b"-");
        let mut this = Self {
            has_subcommand: arguments.len() > 1 || words.peek().is_some_and(is_word),
            arguments,
            unmatched: Vec::new(),
            given: BTreeSet::new(),
            options: option_forms(command),
            asks_for_help: false,
        };
        while let Some(word) = words.next() {
            if word == "--" && this.has_subcommand {
                this.arguments.push(word);
                this.arguments.extend(words);
                break;
            }
            match this.option_of(&word) {
                Some((name, value)) => {
                    let form = &this.options[&name];
                    let value = value.or_else(|| {
                        words.next_if(|next| match form.value {
                            ValueForm::None => false,
                            ValueForm::Boolean => next.to_str().is_some_and(is_boolean),
                            ValueForm::Optional => !next.as_bytes().starts_with(b"--"),
                            ValueForm::Required => this.option_of(next).is_none(),
                        })
                    });
                    let value = value.or_else(|| {
                        matches!(form.value, ValueForm::Boolean | ValueForm::Optional)
                            .then(|| "true".into())
                    });
                    this.push(&name, value.as_deref());
                    this.given.insert(name);
                }
                None => {
                    if word == "-h" || word == "--help" {
                        this.asks_for_help = true;
                    } else if !this.has_subcommand {
                        this.unmatched.push(word.to_string_lossy().into_owned());
                    }
                    this.arguments.push(word);
                }
            }
        }
        this
    }

    /// Appends every option that the environment sets and the command line does not.
    /// Answers option and variable names.
    pub(super) fn add_environment(
        &mut self,
        environment: &Environment,
    ) -> BTreeMap<String, String> {
        let missing: Vec<String> = self
            .options
            .iter()
            .filter(|(name, form)| {
                form.value != ValueForm::None
                    && !self.given.contains(*name)
                    && !self.is_shadowed(name)
            })
            .map(|(name, _)| name.clone())
            .collect();
        // Positional words may follow `--`: options have to stand before it.
        let end = self.arguments.iter().position(|word| word == "--");
        let rest = end.map_or_else(Vec::new, |end| self.arguments.split_off(end));
        let mut added = BTreeMap::new();
        for name in missing {
            if let Some((variable, value)) = environment.option(&name) {
                self.push(&name, Some(value));
                added.insert(name, variable);
            }
        }
        self.arguments.extend(rest);
        added
    }

    /// Whether the command line is empty and the environment does not say what to do either.
    pub(super) fn says_nothing(&self, variables: &BTreeMap<String, String>) -> bool {
        !self.has_subcommand
            && self.given.is_empty()
            && !self.asks_for_help
            && !DECISIVE.iter().any(|name| variables.contains_key(*name))
    }

    /// Whether the command line pulls, as OVMS counts it.
    pub(super) fn is_pull_given(&self) -> bool {
        ["pull", "source_model", "task"].iter().any(|name| self.given.contains(*name))
    }

    /// The value of an option of the chosen command, if one is given.
    pub(super) fn value_of(&self, name: &str) -> Option<OsString> {
        let start = format!("--{}=", self.options.get(name)?.long);
        let value = |word: &OsString| {
            word.as_bytes()
                .strip_prefix(start.as_bytes())
                .map(|rest| OsStr::from_bytes(rest).to_owned())
        };
        self.arguments.iter().rev().find_map(value).filter(|value| !value.is_empty())
    }

    /// All option names of the chosen command.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.options.keys().map(String::as_str)
    }

    /// What the command line says to serve hides what the environment says.
    fn is_shadowed(&self, name: &str) -> bool {
        let given = |names: &[&str]| names.iter().any(|name| self.given.contains(*name));
        if given(&["add_to_config", "remove_from_config", "pull", "list_models"]) {
            return matches!(name, "pull" | "list_models" | "add_to_config" | "remove_from_config");
        }
        match name {
            "config_path" => {
                given(&["model_name", "model_path", "source_model"])
                    && self.options.contains_key("model_path")
            }
            "model_path" => given(&["config_path", "source_model"]),
            "source_model" => given(&["config_path", "model_path"]),
            "model_name" => given(&["config_path"]) && self.options.contains_key("model_path"),
            _ => false,
        }
    }

    fn push(&mut self, name: &str, value: Option<&OsStr>) {
        let mut word = OsString::from("--");
        word.push(&self.options[name].long);
        if let Some(value) = value {
            word.push("=");
            word.push(value);
        }
        self.arguments.push(word);
    }

    /// The known option that a word names, and the value after `=`.
    fn option_of(&self, word: &OsStr) -> Option<(String, Option<OsString>)> {
        let bytes = word.as_bytes().strip_prefix(b"--")?;
        let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (&bytes[..at], Some(OsStr::from_bytes(&bytes[at + 1..]).to_owned())),
            None => (bytes, None),
        };
        let name = std::str::from_utf8(name).ok()?.replace('-', "_");
        self.options.contains_key(&name).then_some((name, value))
    }
}

/// Names of the options of a command and of all its subcommands, with underscores.
pub(super) fn all_option_names(command: &Command) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = option_forms(command).into_keys().collect();
    for subcommand in command.get_subcommands() {
        names.extend(all_option_names(subcommand));
    }
    names
}

fn option_forms(command: &Command) -> BTreeMap<String, OptionForm> {
    command
        .get_arguments()
        .filter_map(|argument| {
            let long = argument.get_long()?.to_owned();
            let name = long.replace('-', "_");
            let is_boolean = argument
                .get_possible_values()
                .iter()
                .map(clap::builder::PossibleValue::get_name)
                .eq(["true", "false"]);
            let value = if !argument.get_action().takes_values() {
                ValueForm::None
            } else if argument.get_num_args().is_none_or(|count| count.min_values() > 0) {
                ValueForm::Required
            } else if is_boolean && !VALUE_EXPECTED.contains(&name.as_str()) {
                ValueForm::Boolean
            } else {
                ValueForm::Optional
            };
            Some((name, OptionForm { long, value }))
        })
        .collect()
}

fn is_boolean(word: &str) -> bool {
    super::check::value::parse_boolean(word).is_some()
}
