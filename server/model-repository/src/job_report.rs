//! What a Job that resolves or pulls tells the operator: the JSON of its termination message.
//!
//! The program writes it as its last act to the file of `--termination_message_path`, and Kubernetes
//! shows it in the pod's status, so that the Job needs no access to the API server. Kubernetes keeps
//! 4,096 bytes of it; [`JobReport::render`] stays below that.

use serde::{Deserialize, Serialize};

use crate::Pooling;
use crate::facts::{GraphModules, SourceFacts};

/// The most bytes of a report; Kubernetes cuts termination messages at 4,096.
pub const MOST_BYTES: usize = 4_000;
/// The most characters of a failure's message.
const LONGEST_MESSAGE: usize = 1_500;

/// How a Job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "a process makes or reads one of them")]
pub enum JobReport {
    /// The work is done; what is known of the source.
    Done(SourceReport),
    /// The group that owns the render nodes of the machine's GPUs.
    RenderGroup {
        /// Its number.
        gid: u32,
    },
    /// It failed.
    Failed(FailureReport),
}

/// What is known of a source: after resolving what was listed, after pulling what is in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceReport {
    /// The commit, 40 hexadecimal digits, or `local-<hex>` for a folder.
    pub commit: String,
    /// SHA-256 over the list of files with their hashes, hexadecimal.
    pub digest: String,
    /// The number of files.
    pub files: u32,
    /// Bytes to download, or that were downloaded.
    pub download_bytes: u64,
    /// Bytes that the volume must hold at the same time, what an export needs included.
    pub disk_bytes: u64,
    /// Bytes of the weights that are served: exact after a pull, an estimate before an export.
    pub weights_bytes: u64,
    /// How the weights are stored, e.g. `fp32`; `None` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_format: Option<String>,
    /// What the model's own files say.
    pub facts: ModelFacts,
}

/// The part of [`SourceFacts`] that settings, sizes and the status need.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelFacts {
    /// The first of `architectures`, e.g. `BertModel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Length of a token's vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_size: Option<usize>,
    /// Width of the feed-forward part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Attention heads of a layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention_heads: Option<usize>,
    /// The most tokens of a text that the model has positions for, special tokens included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable_tokens: Option<usize>,
    /// Where sentence-transformers cuts texts, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_seq_length: Option<usize>,
    /// The mode of the pooling module: `CLS`, `LAST` or `MEAN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<String>,
    /// Its mode when it is one that is not served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsupported_pooling: Option<String>,
    /// Whether vectors are scaled to length 1, as the `graph.pbtxt` of a folder that is served where it is says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// Whether texts that are too long are cut, as such a file says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<bool>,
    /// The pooling inside of the OpenVINO model itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph_pooling: Option<String>,
    /// Numbers of a vector of such a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph_dimensions: Option<usize>,
    /// Type of the source's weights, e.g. `float32`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// The class of the tokenizer, e.g. `BertTokenizer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
}

/// Why a Job failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailureReport {
    /// One of the reasons of the API's conditions, e.g. `RevisionNotFound`.
    pub reason: String,
    /// The failure in words, with its remedy.
    pub message: String,
    /// The hub's HTTP status, if it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
}

impl JobReport {
    /// The JSON, at most [`MOST_BYTES`] long: a failure's message is cut, never the JSON.
    pub fn render(&self) -> String {
        let json = |report: &Self| {
            serde_json::to_string(report).expect("texts and numbers always become JSON")
        };
        let Self::Failed(failure) = self else { return json(self) };
        let mut longest = LONGEST_MESSAGE;
        loop {
            let message = shortened(&failure.message, longest);
            let text = json(&Self::Failed(FailureReport { message, ..failure.clone() }));
            // Escapes can make a text several times as long as its characters.
            if text.len() <= MOST_BYTES || longest == 0 {
                return text;
            }
            longest /= 2;
        }
    }

    /// Reads a termination message; `None` for any other text, such as the last lines of a log.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text.trim()).ok()
    }
}

impl From<&SourceFacts> for ModelFacts {
    fn from(facts: &SourceFacts) -> Self {
        let in_graph = facts.graph_modules.as_ref();
        Self {
            architecture: facts.architecture.clone().or_else(|| facts.model_type.clone()),
            hidden_size: facts.hidden_size,
            intermediate_size: facts.intermediate_size,
            attention_heads: facts.attention_heads,
            usable_tokens: facts.usable_tokens,
            max_seq_length: facts.max_seq_length,
            pooling: facts.pooling.map(|pooling| pooling.to_string()),
            unsupported_pooling: facts.unsupported_pooling.clone(),
            normalize: facts.normalize,
            truncate: facts.truncate,
            graph_pooling: in_graph.map(|modules| modules.pooling.to_string()),
            graph_dimensions: in_graph.and_then(|modules| modules.dimensions),
            precision: facts.precision.clone(),
            tokenizer: facts.tokenizer_class.clone(),
        }
    }
}

impl From<&ModelFacts> for SourceFacts {
    fn from(facts: &ModelFacts) -> Self {
        let pooling = |text: &Option<String>| text.as_ref()?.parse::<Pooling>().ok();
        Self {
            architecture: facts.architecture.clone(),
            hidden_size: facts.hidden_size,
            intermediate_size: facts.intermediate_size,
            attention_heads: facts.attention_heads,
            usable_tokens: facts.usable_tokens,
            max_seq_length: facts.max_seq_length,
            pooling: pooling(&facts.pooling),
            unsupported_pooling: facts.unsupported_pooling.clone(),
            normalize: facts.normalize,
            truncate: facts.truncate,
            graph_modules: pooling(&facts.graph_pooling).map(|pooling| GraphModules {
                pooling,
                dense: Vec::new(),
                dimensions: facts.graph_dimensions,
            }),
            precision: facts.precision.clone(),
            tokenizer_class: facts.tokenizer.clone(),
            ..Self::default()
        }
    }
}

/// The first `longest` characters, with a mark where something is missing.
fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_as_it_was_written() {
        let facts = SourceFacts {
            architecture: Some("BertModel".to_owned()),
            hidden_size: Some(384),
            pooling: Some(Pooling::Mean),
            normalize: Some(false),
            truncate: Some(true),
            usable_tokens: Some(512),
            ..SourceFacts::default()
        };
        let report = JobReport::Done(SourceReport {
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            digest: "ab".repeat(32),
            files: 9,
            download_bytes: 91_000_000,
            disk_bytes: 120_000_000,
            weights_bytes: 23_400_000,
            weight_format: Some("int8".to_owned()),
            facts: ModelFacts::from(&facts),
        });
        let text = report.render();
        assert_eq!(JobReport::parse(&format!("{text}\n")), Some(report.clone()), "{text}");
        let JobReport::Done(done) = report else { unreachable!("it was made so") };
        assert_eq!(SourceFacts::from(&done.facts), facts);
    }

    #[test]
    fn a_report_of_another_version_is_read_as_far_as_it_is_known() {
        let text = r#"{"done": {"commit": "abc", "colour": "blue"}}"#;
        let known = SourceReport { commit: "abc".to_owned(), ..SourceReport::default() };
        assert_eq!(JobReport::parse(text), Some(JobReport::Done(known)));
        assert_eq!(JobReport::parse("panicked at src/main.rs"), None);
        assert_eq!(JobReport::parse(""), None);
    }

    #[test]
    fn long_messages_are_cut_so_that_kubernetes_does_not_cut_the_json() {
        for message in ["x".repeat(100_000), "\u{1}".repeat(5_000), "ü\"".repeat(5_000)] {
            let failure =
                FailureReport { reason: "PullFailed".to_owned(), message, http_status: None };
            let text = JobReport::Failed(failure).render();
            assert!(text.len() <= MOST_BYTES, "{}", text.len());
            let Some(JobReport::Failed(read)) = JobReport::parse(&text) else { panic!("{text}") };
            assert!(read.message.ends_with('…'), "{}", read.message);
        }
    }
}
