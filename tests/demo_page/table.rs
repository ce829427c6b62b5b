//! The table of the page's commands, and the substitutions in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// `fixtures/demo-page.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Which page.
    pub(crate) page: String,
    /// The page offers alternatives; each reader follows one path through it, in a folder of its
    /// own.
    pub(crate) readers: BTreeMap<String, String>,
    /// Applied to every command in this order.
    pub(crate) substitutions: Vec<Substitution>,
    /// What the stand-in for the hub holds under the page's names.
    pub(crate) hub: Vec<Held>,
    /// One row for each command, in the page's order.
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Substitution {
    pub(crate) from: String,
    /// With `{program}`, `{folder}`, `{server}` and `{hub}`.
    pub(crate) to: String,
    pub(crate) why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Held {
    pub(crate) repo: String,
    pub(crate) holds: SmallModel,
    pub(crate) form: Form,
}

/// A small model: `MiniLM`, which is the real all-MiniLM-L6-v2 (BERT's English vocabulary and 512
/// positions, as bge-large-en-v1.5), or a folder of the fixtures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SmallModel(pub(crate) String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Form {
    /// Safetensors, as most repositories.
    #[serde(rename = "weights")]
    Weights,
    /// As the repositories of the organisation OpenVINO.
    IR,
}

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Folder,
    Pull,
    AddToConfig,
    Download,
    Install,
    Export,
    Note,
    Tree,
    Serve,
    Request,
    Client,
    Clone,
    Move,
    Benchmark,
    Accuracy,
}

/// A command, who runs it, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) command: String,
    #[serde(default)]
    pub(crate) readers: Vec<String>,
    /// Why it is not run.
    pub(crate) skipped: Option<String>,
    /// What it would send, if it is not run.
    pub(crate) replay: Option<Replay>,
    /// Whether the command itself must name the hub.
    #[serde(default)]
    pub(crate) without_hub: bool,
    /// Parts of its output.
    #[serde(default)]
    pub(crate) stdout: Vec<String>,
    /// Lines of a model's graph.pbtxt afterwards.
    pub(crate) graph: Option<GraphLines>,
    /// A model that config.json names afterwards.
    pub(crate) configured: Option<String>,
    /// Its whole output as JSON; `<...>` stands for a kind of value.
    pub(crate) json: Option<Value>,
    /// Files below `models` that it lists.
    #[serde(default)]
    pub(crate) files: Vec<PathBuf>,
    /// Files of the page that it does not list, and why.
    #[serde(default)]
    pub(crate) absent: BTreeMap<PathBuf, String>,
    /// The similarity that it prints.
    pub(crate) similarity: Option<Similarity>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GraphLines {
    pub(crate) model: String,
    pub(crate) lines: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Similarity {
    pub(crate) model: String,
    pub(crate) texts: [String; 2],
}

/// What a script that is not run sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Replay {
    Benchmark { documents: Documents, batch_size: usize },
    Compare { texts: Vec<String> },
    Mteb { texts: PathBuf, batch_size: usize },
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Documents {
    /// `count` documents of `synthetic` times the same word.
    Synthetic { synthetic: usize, count: usize },
    /// The texts of a fixture.
    Texts { texts: PathBuf },
}

/// The values of a reader.
pub(crate) struct Values {
    pub(crate) program: String,
    pub(crate) folder: String,
    pub(crate) server: String,
    pub(crate) hub: String,
}

impl Values {
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{program}", &self.program)
            .replace("{folder}", &self.folder)
            .replace("{server}", &self.server)
            .replace("{hub}", &self.hub)
    }
}

impl Table {
    pub(crate) fn read() -> Self {
        serde_json::from_slice(include_bytes!("../fixtures/demo-page.json"))
            .expect("the table is as its types say")
    }

    /// A command with the substitutions made and the values not yet filled in, and which
    /// substitutions were made.
    pub(crate) fn substituted(&self, command: &str) -> (String, BTreeSet<usize>) {
        let mut text = command.to_owned();
        let mut made = BTreeSet::new();
        for (index, substitution) in self.substitutions.iter().enumerate() {
            if text.contains(&substitution.from) {
                text = text.replace(&substitution.from, &substitution.to);
                made.insert(index);
            }
        }
        (text, made)
    }
}
