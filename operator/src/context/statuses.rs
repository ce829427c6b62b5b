//! Statuses that were written and that the watch of models has not shown yet.

use std::collections::HashMap;

use crds::EmbeddingModelStatus;

/// Written statuses by the UIDs of their models, as text, which is a third of the value's size.
#[derive(Debug, Default)]
pub(super) struct WrittenStatuses {
    by_uid: HashMap<String, (u64, Box<[u8]>)>,
}

impl WrittenStatuses {
    /// Remembers a status, with the resource version that the model has since.
    pub(super) fn remember(
        &mut self,
        uid: String,
        version: u64,
        status: Option<&EmbeddingModelStatus>,
    ) {
        let text = serde_json::to_vec(&status).expect("a status is plain JSON");
        self.by_uid.insert(uid, (version, text.into()));
    }

    /// Forgets what a model of this resource version shows.
    pub(super) fn shown(&mut self, uid: &str, version: u64) {
        if self.by_uid.get(uid).is_some_and(|(written, _)| *written <= version) {
            self.by_uid.remove(uid);
        }
    }

    /// The status that was written last, unless it was shown.
    pub(super) fn get(&self, uid: &str) -> Option<Option<EmbeddingModelStatus>> {
        let (_, text) = self.by_uid.get(uid)?;
        Some(serde_json::from_slice(text).expect("it was written from a status"))
    }

    /// Forgets a model that is gone.
    pub(super) fn forget(&mut self, uid: &str) {
        self.by_uid.remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_kept_until_a_model_that_is_as_new_is_shown() {
        let mut statuses = WrittenStatuses::default();
        let status = EmbeddingModelStatus { ready_replicas: Some(2), ..Default::default() };
        statuses.remember("a".to_owned(), 7, Some(&status));
        statuses.shown("a", 6);
        assert_eq!(statuses.get("a"), Some(Some(status)));
        statuses.shown("b", 9);
        statuses.shown("a", 7);
        assert_eq!(statuses.get("a"), None);
        statuses.remember("a".to_owned(), 8, None);
        statuses.forget("a");
        assert_eq!(statuses.get("a"), None);
    }
}
