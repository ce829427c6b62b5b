//! Which texts OpenVINO is handed together when it is called directly.

use std::cmp::Reverse;

use crate::workload::Workload;

/// The most of a batch that may be padding.
const MAX_PADDING: f64 = 0.10;

/// Texts to infer together; they are tokenized just before. Their lengths are known beforehand,
/// which is more than any server can know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextBatch<'a> {
    pub(crate) texts: Vec<&'a str>,
    /// Tokens of the longest text.
    pub(crate) width: usize,
    /// Tokens of all texts.
    pub(crate) tokens: usize,
}

/// Batches of similar length, the longest first, of at most `batch_tokens` and [`MAX_PADDING`].
pub(crate) fn grouped(workload: &Workload, batch_tokens: usize) -> Vec<TextBatch<'_>> {
    let texts = |index: usize| {
        let request = &workload.requests[index];
        request.texts.iter().map(String::as_str).zip(request.lengths.iter().copied())
    };
    group((0..workload.requests.len()).flat_map(texts).collect(), batch_tokens)
}

/// Each request one batch, as wide as its longest text.
pub(crate) fn request_by_request(workload: &Workload) -> Vec<TextBatch<'_>> {
    workload
        .requests
        .iter()
        .map(|request| TextBatch {
            texts: request.texts.iter().map(String::as_str).collect(),
            width: request.lengths.iter().copied().max().unwrap_or(0),
            tokens: request.tokens(),
        })
        .collect()
}

fn group(mut texts: Vec<(&str, usize)>, batch_tokens: usize) -> Vec<TextBatch<'_>> {
    texts.sort_by_key(|(_, length)| Reverse(*length));
    let mut batches: Vec<TextBatch<'_>> = Vec::new();
    for (text, length) in texts {
        let fits = |batch: &TextBatch<'_>| {
            let area = (batch.texts.len() + 1) * batch.width;
            let padding = area - batch.tokens - length;
            area <= batch_tokens && padding as f64 <= MAX_PADDING * area as f64
        };
        match batches.last_mut().filter(|batch| fits(batch)) {
            Some(batch) => {
                batch.texts.push(text);
                batch.tokens += length;
            }
            None => batches.push(TextBatch { texts: vec![text], width: length, tokens: length }),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Request;

    #[test]
    fn groups_hold_every_text_within_budget_and_padding() {
        let texts: Vec<(&str, usize)> = (0..300usize).map(|n| ("", n * 37 % 250 + 1)).collect();
        let total: usize = texts.iter().map(|(_, length)| length).sum();
        for budget in [512, 1_024, 2_048] {
            let batches = group(texts.clone(), budget);
            assert_eq!(batches.iter().map(|batch| batch.tokens).sum::<usize>(), total);
            for batch in &batches {
                let area = batch.texts.len() * batch.width;
                assert!(area <= budget);
                assert!((area - batch.tokens) as f64 <= MAX_PADDING * area as f64);
            }
            assert!(batches.len() < texts.len() / 2);
        }
    }

    #[test]
    fn a_request_is_a_batch_as_wide_as_its_longest_text() {
        let texts = vec!["short".to_owned(), "as long as it gets".to_owned()];
        let requests = vec![Request { texts, lengths: vec![3, 7] }];
        let workload = Workload { name: "W3", description: "", requests };
        let expected =
            TextBatch { texts: vec!["short", "as long as it gets"], width: 7, tokens: 10 };
        assert_eq!(request_by_request(&workload), [expected]);
    }
}
