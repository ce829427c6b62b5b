//! What a specification means for the server, with defaults applied: the same for the operator and for
//! `embedserve run`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::EmbeddingModel;
use crate::quantity;
use crate::spec::{
    Device, DeviceFallback, HuggingFace, PerformanceHint, PersistentVolumeClaimSource, Rollout,
    WeightFormat,
};

/// The one source of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SourceRef<'a> {
    /// A repository on a hub.
    HuggingFace(&'a HuggingFace),
    /// A folder on a volume.
    PersistentVolumeClaim(&'a PersistentVolumeClaimSource),
}

/// Bounds of requests; `None` where the model or the program decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestLimits {
    /// Tokens of one text, special tokens included.
    pub max_input_tokens: Option<usize>,
    /// Texts of one request.
    pub max_batch_inputs: Option<usize>,
    /// Requests at the same time.
    pub max_concurrent_requests: Option<usize>,
}

impl EmbeddingModel {
    /// The name that clients send: `spec.servedName`, else the object's name.
    pub fn served_name(&self) -> &str {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        self.spec.served_name.as_deref().unwrap_or(name)
    }

    /// The source; `None` if there is not exactly one, which [`crate::validate()`] reports.
    pub fn source(&self) -> Option<SourceRef<'_>> {
        let source = &self.spec.source;
        match (&source.hugging_face, &source.persistent_volume_claim) {
            (Some(hub), None) => Some(SourceRef::HuggingFace(hub)),
            (None, Some(claim)) => Some(SourceRef::PersistentVolumeClaim(claim)),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// The number format of the weights after a conversion.
    pub fn weight_format(&self) -> WeightFormat {
        self.spec.conversion.weight_format
    }

    /// The bounds of requests.
    pub fn request_limits(&self) -> RequestLimits {
        let limits = &self.spec.limits;
        RequestLimits {
            max_input_tokens: limits.max_input_tokens.and_then(count),
            max_batch_inputs: limits.max_batch_inputs.and_then(count),
            max_concurrent_requests: limits.max_concurrent_requests.and_then(count),
        }
    }

    /// The vector lengths that a request may ask for, ascending and without repetition.
    pub fn matryoshka(&self) -> Vec<usize> {
        let mut lengths: Vec<usize> =
            self.spec.matryoshka.iter().copied().filter_map(count).collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    /// The least and the greatest number of pods.
    pub fn replica_bounds(&self) -> (i32, i32) {
        match &self.spec.autoscaling {
            Some(autoscaling) => (autoscaling.min, autoscaling.max),
            None => {
                let replicas = self.spec.replicas.unwrap_or(1);
                (replicas, replicas)
            }
        }
    }
}

impl Device {
    /// The number of inferences at the same time; `None` where the pod's CPU limit decides.
    pub fn streams(&self) -> Option<usize> {
        self.num_streams.and_then(count)
    }

    /// True if the model may run on the CPU when the device cannot be used.
    pub fn may_fall_back_to_cpu(&self) -> bool {
        self.fallback == DeviceFallback::Cpu
    }

    /// The OpenVINO properties: those of the fields and those of `pluginConfig`.
    ///
    /// The hint Latency is OpenVINO's own default and is left out: spelt out, it would count as a wish
    /// about the number of streams and keep the server from choosing it by the CPU limit.
    pub fn properties(&self) -> BTreeMap<String, String> {
        let mut properties = self.plugin_config.clone();
        if self.performance_hint != PerformanceHint::default() {
            let hint = self.performance_hint.as_property();
            properties.insert("PERFORMANCE_HINT".to_owned(), hint.to_owned());
        }
        if let Some(streams) = self.streams() {
            properties.insert("NUM_STREAMS".to_owned(), streams.to_string());
        }
        if let Some(precision) = self.inference_precision {
            let precision = precision.as_property().to_owned();
            properties.insert("INFERENCE_PRECISION_HINT".to_owned(), precision);
        }
        properties
    }
}

impl Rollout {
    /// How long a rollout may go without progress; ten minutes if the text is not a duration, which
    /// [`crate::validate()`] reports.
    pub fn progress_deadline(&self) -> Duration {
        quantity::duration(&self.progress_deadline).unwrap_or(Duration::from_secs(600))
    }
}

/// The number if it is positive, as the schema wants it.
fn count(number: i32) -> Option<usize> {
    usize::try_from(number).ok().filter(|&number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_manifests;

    fn model(spec: &str) -> EmbeddingModel {
        let text = format!(
            "apiVersion: embedserve.dev/v1alpha1\nkind: EmbeddingModel\nmetadata: {{name: small}}\nspec: {spec}\n"
        );
        read_manifests(&text).expect("a good manifest").models.remove(0)
    }

    #[test]
    fn a_minimal_model_has_the_documented_defaults() {
        let model = model("{source: {huggingFace: {repo: a/b}}}");
        assert_eq!(model.served_name(), "small");
        assert_eq!(model.weight_format(), WeightFormat::Int8);
        assert_eq!(model.request_limits(), RequestLimits::default());
        assert_eq!(model.matryoshka(), Vec::<usize>::new());
        assert_eq!(model.replica_bounds(), (1, 1));
        assert_eq!(model.spec.device.streams(), None);
        assert!(!model.spec.device.may_fall_back_to_cpu());
        assert_eq!(model.spec.rollout.progress_deadline(), Duration::from_secs(600));
        assert_eq!(model.spec.device.properties(), BTreeMap::new());
        let Some(SourceRef::HuggingFace(hub)) = model.source() else {
            panic!("the source is a hub");
        };
        assert_eq!((hub.repo.as_str(), hub.revision.as_str()), ("a/b", "main"));
    }

    #[test]
    fn given_settings_are_what_the_server_gets() {
        let model = model(
            "{source: {persistentVolumeClaim: {claimName: models}}, servedName: org/name,
              conversion: {weightFormat: fp16}, matryoshka: [256, 64, 128],
              limits: {maxInputTokens: 256, maxBatchInputs: 32, maxConcurrentRequests: 8},
              autoscaling: {min: 2, max: 5}, rollout: {progressDeadline: 1h},
              device: {fallback: CPU, performanceHint: Throughput, numStreams: 4,
                       inferencePrecision: bf16, pluginConfig: {LOG_LEVEL: LOG_DEBUG}}}",
        );
        assert_eq!(model.served_name(), "org/name");
        assert_eq!(model.weight_format(), WeightFormat::Fp16);
        assert_eq!(model.matryoshka(), [64, 128, 256]);
        assert_eq!(
            model.request_limits(),
            RequestLimits {
                max_input_tokens: Some(256),
                max_batch_inputs: Some(32),
                max_concurrent_requests: Some(8)
            }
        );
        assert_eq!(model.replica_bounds(), (2, 5));
        assert_eq!(model.spec.rollout.progress_deadline(), Duration::from_secs(3600));
        assert!(model.spec.device.may_fall_back_to_cpu());
        let properties: Vec<(String, String)> =
            model.spec.device.properties().into_iter().collect();
        assert_eq!(
            properties,
            [
                ("INFERENCE_PRECISION_HINT", "bf16"),
                ("LOG_LEVEL", "LOG_DEBUG"),
                ("NUM_STREAMS", "4"),
                ("PERFORMANCE_HINT", "THROUGHPUT")
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert!(
            matches!(model.source(), Some(SourceRef::PersistentVolumeClaim(claim)) if claim.claim_name == "models")
        );
    }
}
