//! What makes two wishes the same wish, and two sets of files the same files. Pure.

use std::collections::BTreeMap;

use crds::spec::{CacheMode, CacheScope, ConversionMode};
use crds::{EmbeddingModel, SourceRef};
use kube::ResourceExt;
use serde::Serialize;

use crate::names;
use crate::settings::{EXPORTER_VERSION, Settings};

/// What of the files is wanted, apart from the revision.
#[derive(Debug, Serialize)]
struct Selection<'a> {
    include: &'a [String],
    exclude: &'a [String],
    sha256: Option<&'a BTreeMap<String, String>>,
    weight_format: &'a str,
    converts: bool,
}

#[derive(Serialize)]
struct HubRequest<'a> {
    repo: &'a str,
    revision: &'a str,
    endpoint: Option<&'a str>,
    refresh: Option<&'a String>,
    selection: Selection<'a>,
}

#[derive(Serialize)]
struct VolumeRequest<'a> {
    claim: &'a str,
    path: &'a str,
    refresh: Option<&'a String>,
    sha256: Option<&'a BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct Content<'a> {
    repo: &'a str,
    commit: &'a str,
    selection: Selection<'a>,
    exporter: u32,
    /// Whose volume it is, where it is not the namespace's.
    model: Option<&'a str>,
    claim: Option<&'a str>,
}

/// A hash of what was asked for. As long as it stays the same, so does the commit.
pub fn request(model: &EmbeddingModel, settings: &Settings) -> String {
    let refresh = model.annotations().get(names::REFRESH);
    match model.source() {
        Some(SourceRef::HuggingFace(hub)) => names::short_hash(&HubRequest {
            repo: &hub.repo,
            revision: &hub.revision,
            endpoint: hub.endpoint.as_deref().or(settings.hub_endpoint.as_deref()),
            refresh,
            selection: selection(model),
        }),
        Some(SourceRef::PersistentVolumeClaim(volume)) => names::short_hash(&VolumeRequest {
            claim: &volume.claim_name,
            path: volume.path.as_deref().unwrap_or_default(),
            refresh,
            sha256: model.spec.source.verify.as_ref().map(|verify| &verify.sha256),
        }),
        None => names::short_hash(&()),
    }
}

/// The cache key: equal for two models exactly if one set of files serves both.
pub fn cache_key(model: &EmbeddingModel, commit: &str) -> String {
    let cache = &model.spec.cache;
    let claim = match cache.mode {
        CacheMode::PersistentVolumeClaim => cache.persistent_volume_claim.as_ref(),
        CacheMode::Ephemeral => None,
    };
    let name = model.name_any();
    let (repo, own_claim) = match model.source() {
        Some(SourceRef::HuggingFace(hub)) => (hub.repo.as_str(), None),
        Some(SourceRef::PersistentVolumeClaim(volume)) => {
            (volume.path.as_deref().unwrap_or_default(), Some(volume.claim_name.as_str()))
        }
        None => ("", None),
    };
    let is_private = cache.scope == CacheScope::Model || cache.mode == CacheMode::Ephemeral;
    names::short_hash(&Content {
        repo,
        commit,
        selection: selection(model),
        exporter: EXPORTER_VERSION,
        model: is_private.then_some(name.as_str()),
        claim: own_claim.or(claim.and_then(|claim| claim.claim_name.as_deref())),
    })
}

fn selection(model: &EmbeddingModel) -> Selection<'_> {
    let spec = &model.spec;
    let hub = spec.source.hugging_face.as_ref();
    Selection {
        include: hub.map(|hub| hub.include.as_slice()).unwrap_or_default(),
        exclude: hub.map(|hub| hub.exclude.as_slice()).unwrap_or_default(),
        sha256: spec.source.verify.as_ref().map(|verify| &verify.sha256),
        weight_format: spec.conversion.weight_format.as_str(),
        converts: spec.conversion.mode == ConversionMode::IfNeeded,
    }
}

/// Whether a revision is a commit already.
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}
