//! What a loaded model really is: its device, precision, streams, inputs and output.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::decompress::WeightDecompression;
use crate::ffi::model::CompiledModel;
use crate::library::OpenVino;
use crate::ports::ModelInput;
use crate::stream::Plan;

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedFacts {
    /// The devices that really run the model.
    pub execution_devices: Vec<String>,
    /// The first one's name as its maker calls it.
    pub device_name: String,
    /// The version of its driver, of devices that have one and where OpenVINO reports it.
    pub driver: Option<String>,
    /// The precision of the computation (`f32`, `bf16`, `f16`), which may be lower than the weights'.
    pub precision: String,
    /// The names of the inputs.
    pub inputs: Vec<String>,
    /// The name of the output that is the embedding.
    pub output: String,
    /// Numbers per vector, where the model fixes them.
    pub hidden: Option<usize>,
    /// Inferences at the same time, at least 1.
    pub streams: usize,
    /// CPU threads over all streams; 0 when the device is not the CPU.
    pub threads: usize,
    /// Threads of the wide stream, if there is one.
    pub wide_threads: Option<usize>,
    /// Whether several texts share a row.
    pub packs_texts: bool,
    /// The properties that it was compiled with, as the compiled model states them.
    pub properties: BTreeMap<String, String>,
    /// What became of compressed weights; nothing where none are.
    pub weight_decompression: Option<WeightDecompression>,
    /// How long reading took.
    pub read: Duration,
    /// How long compiling took.
    pub compile: Duration,
}

/// How long the two steps of loading took.
pub(crate) struct Timings {
    pub(crate) read: Duration,
    pub(crate) compile: Duration,
}

/// Asks the compiled model what became of the options.
pub(crate) fn read_facts(
    openvino: &OpenVino,
    compiled: &CompiledModel,
    plan: &Plan,
    properties: &BTreeMap<String, String>,
    timings: Timings,
) -> LoadedFacts {
    let text = |key: &str| compiled.property(key).unwrap_or_default().trim().to_owned();
    let number = |key: &str| text(key).parse::<usize>().ok().filter(|number| *number > 0);
    let execution_devices: Vec<String> = text("EXECUTION_DEVICES")
        .split([' ', ','])
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let on_cpu = execution_devices.iter().any(|device| device == "CPU");
    let name_of = |input: &ModelInput| input.name.clone();
    // A property that is write-only was accepted as it was given.
    let in_effect = |(name, given): (&String, &String)| {
        let stated = compiled.property(name).ok().filter(|value| !value.trim().is_empty());
        (name.clone(), stated.unwrap_or_else(|| given.clone()).trim().to_owned())
    };
    LoadedFacts {
        driver: execution_devices.first().and_then(|device| openvino.driver(device)),
        properties: properties.iter().map(in_effect).collect(),
        device_name: match execution_devices.first() {
            Some(device) => openvino.full_name(device),
            None => String::new(),
        },
        precision: short_precision(&text("INFERENCE_PRECISION_HINT")),
        inputs: plan.inputs.iter().map(name_of).collect(),
        output: plan.output.name.clone(),
        hidden: plan.output.hidden,
        streams: number("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
            .or_else(|| number("NUM_STREAMS"))
            .unwrap_or(1),
        threads: if on_cpu { number("INFERENCE_NUM_THREADS").unwrap_or(1) } else { 0 },
        execution_devices,
        wide_threads: None,
        packs_texts: plan.packs_texts,
        weight_decompression: None,
        read: timings.read,
        compile: timings.compile,
    }
}

/// OpenVINO writes some precisions in words.
fn short_precision(name: &str) -> String {
    match name {
        "float32" => "f32",
        "float16" => "f16",
        "bfloat16" => "bf16",
        other => other,
    }
    .to_owned()
}

/// `GPU` may become any GPU, `GPU.0` is also called `GPU`, and nothing may become another kind of
/// device.
pub(crate) fn runs_where_asked(asked: &str, really: &[String]) -> bool {
    let kind = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
    let is_it = |name: &String| match asked.split_once('.') {
        None => kind(name) == asked,
        Some((_, number)) => name == asked || (number == "0" && *name == kind(asked)),
    };
    !really.is_empty() && really.iter().all(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_device_that_was_asked_for_counts() {
        let runs = |asked: &str, really: &[&str]| {
            let really: Vec<String> = really.iter().map(|name| (*name).to_owned()).collect();
            runs_where_asked(asked, &really)
        };
        assert!(runs("CPU", &["CPU"]));
        assert!(runs("GPU", &["GPU.0"]));
        assert!(runs("GPU.0", &["GPU"]));
        assert!(runs("GPU.1", &["GPU.1"]));
        assert!(!runs("GPU.1", &["GPU.0"]));
        assert!(!runs("GPU.0", &["GPU.1"]));
        assert!(!runs("GPU", &["CPU"]));
        assert!(!runs("GPU", &["GPU.0", "CPU"]));
        assert!(!runs("CPU", &[]));
    }

    #[test]
    fn precisions_are_named_as_openvino_reads_them() {
        assert_eq!(short_precision("bfloat16"), "bf16");
        assert_eq!(short_precision("f32"), "f32");
    }
}
