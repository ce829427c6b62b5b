//! The texts: generated from a list of words and a fixed seed, the same on every machine.

use anyhow::{Context, Result};
use engine::{SpecialTokens, TextTokenizer};

use crate::random::Random;

/// Words that MiniLM's tokenizer knows whole, so that a text has two tokens more than words.
const WORDS: &str = "the of and in to a was is for as on with by he that at from his it an were are \
    which this also be has had first one their its new after but who not they have her she two been \
    other when there all during into school time may years more most only over city some world would \
    where later up such used many can state about national out known university united then made \
    people between several company name part war house family team game season river church music \
    water system local public early station area game line park built road second building group \
    history north south east west town film book work number power series service support order";

/// Where the generator starts.
const SEED: u64 = 0x5eed_e4be_dde4;

/// A way of using an embeddings server.
pub(crate) struct Workload {
    /// `W1` to `W4`.
    pub(crate) name: &'static str,
    /// What it stands for.
    pub(crate) description: &'static str,
    /// The requests, sent over and over again.
    pub(crate) requests: Vec<Request>,
}

/// One request.
pub(crate) struct Request {
    pub(crate) texts: Vec<String>,
    /// The tokens of each text, special tokens included.
    pub(crate) lengths: Vec<usize>,
}

impl Request {
    /// Real tokens of all texts.
    pub(crate) fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }
}

impl Workload {
    /// The four workloads.
    pub(crate) fn all(tokenizer: &TextTokenizer) -> Result<Vec<Self>> {
        let mut random = Random::from_seed(SEED);
        let short = (0..512).map(|_| vec![6 + random.below(5)]).collect();
        let mixed = (0..256).map(|_| vec![mixed_length(&mut random)]).collect();
        let many = (0..16).map(|_| (0..32).map(|_| mixed_length(&mut random)).collect()).collect();
        let long = (0..64).map(|_| vec![250]).collect();
        let definitions: [(_, _, Vec<Vec<usize>>); 4] = [
            ("W1", "short queries of 6 to 10 tokens", short),
            ("W2", "mixed documents of 5 to 250 tokens", mixed),
            ("W3", "32 mixed documents a request", many),
            ("W4", "documents of 250 tokens", long),
        ];
        definitions
            .into_iter()
            .map(|(name, description, lengths)| {
                let requests = lengths
                    .into_iter()
                    .map(|lengths| Request::generate(&lengths, tokenizer, &mut random))
                    .collect::<Result<_>>()?;
                Ok(Self { name, description, requests })
            })
            .collect()
    }

    /// One of the four.
    pub(crate) fn named(name: &str, tokenizer: &TextTokenizer) -> Result<Self> {
        let mut all = Self::all(tokenizer)?.into_iter();
        all.find(|workload| workload.name == name).with_context(|| format!("no workload {name}"))
    }

    /// One request of 32 texts of 510 tokens, as OVMS's demo page has it.
    pub(crate) fn bulk(tokenizer: &TextTokenizer) -> Result<Self> {
        let request = Request::generate(&[510; 32], tokenizer, &mut Random::from_seed(SEED))?;
        let description = "32 texts of 510 tokens a request";
        Ok(Self { name: "bulk", description, requests: vec![request] })
    }

    /// The first so many requests only.
    pub(crate) fn first(mut self, requests: usize) -> Self {
        self.requests.truncate(requests);
        self
    }

    /// Real tokens of a request, on average.
    pub(crate) fn tokens_per_request(&self) -> f64 {
        let tokens: usize = self.requests.iter().map(Request::tokens).sum();
        tokens as f64 / self.requests.len() as f64
    }
}

/// A workload with so many clients at the same time.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) clients: usize,
}

impl Load<'_> {
    /// Name and clients as the report's keys have them: `W2.c64`.
    pub(crate) fn cell(&self) -> String {
        format!("{}.c{}", self.workload.name, self.clients)
    }
}

impl Request {
    fn generate(lengths: &[usize], tokenizer: &TextTokenizer, random: &mut Random) -> Result<Self> {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let texts: Vec<String> = lengths
            .iter()
            .map(|length| {
                let chosen: Vec<&str> =
                    (2..*length).map(|_| words[random.below(words.len())]).collect();
                chosen.join(" ")
            })
            .collect();
        let lengths = texts
            .iter()
            .map(|text| Ok(tokenizer.encode(text, SpecialTokens::Add)?.len()))
            .collect::<Result<_>>()?;
        Ok(Self { texts, lengths })
    }
}

/// Log-normal with a median of 60 tokens, within 5 to 250.
fn mixed_length(random: &mut Random) -> usize {
    // The sum of twelve uniform numbers is normal enough, and the same on every machine.
    let sum: f64 = (0..12).map(|_| random.below(1 << 20) as f64 / (1 << 20) as f64).sum();
    let length = 60.0 * (0.8 * (sum - 6.0)).exp();
    (length.round() as usize).clamp(5, 250)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_lengths_are_the_same_every_time_with_a_median_of_60() {
        let lengths = |seed| {
            let mut random = Random::from_seed(seed);
            let mut lengths: Vec<usize> = (0..1001).map(|_| mixed_length(&mut random)).collect();
            lengths.sort_unstable();
            lengths
        };
        let sorted = lengths(SEED);
        assert_eq!(sorted, lengths(SEED));
        assert!((50..=70).contains(&sorted[500]), "median {}", sorted[500]);
        assert!(sorted[0] >= 5 && sorted[1000] <= 250);
        assert!(sorted[0] < 12 && sorted[1000] == 250, "{} {}", sorted[0], sorted[1000]);
    }
}
