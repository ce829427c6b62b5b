//! One model: read, checked, compiled for one device, and handed to the engine as a `Runtime`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use engine::{Runtime, RuntimeError, Stream, TokenBatch, WideStream};

use crate::decompress::{self, Compressed, Restored, WeightDecompression};
use crate::device;
use crate::facts::{LoadedFacts, Timings, read_facts, runs_where_asked};
use crate::ffi::OpenVinoError;
use crate::ffi::core::Core;
use crate::ffi::model::{CompiledModel, Model, Side};
use crate::library::OpenVino;
use crate::model_error::ModelError;
use crate::port_choice::{choose_output, match_inputs};
use crate::ports::OutputKind;
use crate::process::give_back_freed_memory;
use crate::properties::{self, Defaults, PropertyError};
use crate::stream::{OpenVinoStream, Plan};

/// The second name of an attention mask that may tell several texts of a row apart, each being 1 more than the column in
/// which it begins, as our own export has it.
const TEXT_STARTS: &str = "text_starts";

/// What to load and how.
#[derive(Debug, Clone, Default)]
pub struct ModelOptions {
    /// An IR (`.xml`, with its `.bin` beside it) or an ONNX model (`.onnx`).
    pub xml_or_onnx: PathBuf,
    /// One concrete device: `CPU`, `GPU`, `GPU.1`, `NPU`.
    pub device: String,
    /// OpenVINO's properties for this model; they decide over the members below.
    pub plugin_config: BTreeMap<String, String>,
    /// Inferences at the same time (NUM_STREAMS), unless `plugin_config` has it or a performance hint.
    pub streams: Option<usize>,
    /// CPU threads over all streams (INFERENCE_NUM_THREADS): the process' CPU quota, which OpenVINO
    /// does not look at.
    pub threads: Option<usize>,
    /// Threads of the wide stream, which the model is compiled for once more; none is made if `plugin_config` says
    /// anything about streams, threads or performance, or if the other streams are as wide.
    pub wide_threads: Option<usize>,
    /// Where compiled models are kept for the next start (CACHE_DIR).
    pub cache_dir: Option<PathBuf>,
    /// Whether compressed weights are restored when the model is loaded.
    pub weight_decompression: WeightDecompression,
}

/// A compiled model; the engine opens streams on it.
pub struct OpenVinoModel {
    compiled: CompiledModel,
    /// The same model for one stream of several threads.
    wide: Option<CompiledModel>,
    plan: Arc<Plan>,
    facts: LoadedFacts,
    // Kept until the model is gone.
    _openvino: Arc<OpenVino>,
}

impl OpenVinoModel {
    /// Reads, checks and compiles a model. Settings hold for this model alone.
    ///
    /// # Errors
    /// [`ModelError`], one variant per thing that can be wrong.
    pub fn load(openvino: &Arc<OpenVino>, options: ModelOptions) -> Result<Self, ModelError> {
        let path = options.xml_or_onnx.as_path();
        device::check(&options.device, &openvino.devices())?;
        let defaults = Defaults {
            streams: options.streams,
            threads: options.threads,
            cache_dir: options.cache_dir.as_deref(),
        };
        let properties = properties::assemble(&options.device, &options.plugin_config, defaults)?;
        check_files(path)?;

        let started = Instant::now();
        let unreadable = |source| ModelError::Read { path: path.to_path_buf(), source };
        let folder = options.cache_dir.clone().unwrap_or_else(std::env::temp_dir);
        let read = || openvino.read(path, &folder).map_err(unreadable);
        let (model, weight_decompression) = match restored(&options)? {
            Weights::Plain => (read()?, None),
            Weights::Compressed => (read()?, Some(WeightDecompression::Never)),
            Weights::Restored(Restored { xml, weights }) => {
                let model = openvino.core().read_from_memory(&xml, &weights);
                (model.map_err(unreadable)?, Some(WeightDecompression::Load))
            }
        };
        let mut plan = plan(&model, path)?;
        // Elsewhere it was never measured.
        plan.packs_texts &= options.device == "CPU";
        let plan = Arc::new(plan);
        let read = started.elapsed();

        let started = Instant::now();
        let compile = |properties: &BTreeMap<String, String>| {
            let compiled = openvino
                .core()
                .compile(&model, &options.device, properties)
                .map_err(|source| blame(&options.device, properties, source, path))?;
            if let Some(mapping) = model.mapping() {
                // Compiling reads all weights, for a name in the cache, and on CPUs the first run copies most of them.
                mapping.drop_pages();
                if options.device == "CPU" {
                    warm_up(&compiled, &plan);
                    mapping.drop_pages();
                }
            }
            Ok::<_, ModelError>(compiled)
        };
        let compiled = compile(&properties)?;
        let wide = wide_properties(&options, &properties);
        let wide = wide.map(|properties| compile(&properties)).transpose()?;

        let timings = Timings { read, compile: started.elapsed() };
        let mut facts = read_facts(openvino, &compiled, &plan, &properties, timings);
        facts.wide_threads = wide.as_ref().map(threads_of);
        facts.weight_decompression = weight_decompression;
        if !runs_where_asked(&options.device, &facts.execution_devices) {
            return Err(ModelError::OtherDevice {
                path: path.to_path_buf(),
                device: options.device,
                really: facts.execution_devices.join(", "),
            });
        }
        drop(model);
        give_back_freed_memory();
        Ok(Self { compiled, wide, plan, facts, _openvino: Arc::clone(openvino) })
    }

    /// What became of the options.
    #[must_use]
    pub fn facts(&self) -> &LoadedFacts {
        &self.facts
    }

    fn open(&self, compiled: &CompiledModel) -> Result<Box<dyn Stream>, RuntimeError> {
        open(compiled, &self.plan)
    }
}

fn open(compiled: &CompiledModel, plan: &Arc<Plan>) -> Result<Box<dyn Stream>, RuntimeError> {
    let stream = OpenVinoStream::open(compiled, Arc::clone(plan))
        .map_err(|error| RuntimeError::new(error.to_string()))?;
    Ok(Box::new(stream))
}

/// Has kernels copy the weights in their own order, which they do when they first run: for a batch of some size, since a
/// token alone takes kernels with an order of their own, for which there would be one more copy.
fn warm_up(compiled: &CompiledModel, plan: &Arc<Plan>) {
    const WIDTH: usize = 8;
    let batch = TokenBatch::padded(vec![vec![0; WIDTH].into(); 8], WIDTH, 0);
    let ran = open(compiled, plan).and_then(|mut stream| stream.infer(&batch).map(drop));
    // Whoever asks for a vector is told.
    if let Err(error) = ran {
        tracing::debug!(%error, "the model does not run");
    }
}

impl Runtime for OpenVinoModel {
    fn streams(&self) -> usize {
        self.facts.streams
    }

    fn open_stream(&self) -> Result<Box<dyn Stream>, RuntimeError> {
        self.open(&self.compiled)
    }

    fn lanes_per_stream(&self) -> usize {
        self.facts.threads.div_ceil(self.facts.streams)
    }

    fn packs_texts(&self) -> bool {
        self.plan.packs_texts
    }

    fn open_wide_stream(&self) -> Result<Option<WideStream>, RuntimeError> {
        let (Some(wide), Some(lanes)) = (&self.wide, self.facts.wide_threads) else {
            return Ok(None);
        };
        Ok(Some(WideStream { stream: self.open(wide)?, lanes }))
    }
}

/// The properties of the wide stream, if there is to be one: those of the others but for streams and threads.
fn wide_properties(
    options: &ModelOptions,
    narrow: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    const DECIDE: [&str; 4] = [
        "NUM_STREAMS",
        "INFERENCE_NUM_THREADS",
        "PERFORMANCE_HINT",
        "PERFORMANCE_HINT_NUM_REQUESTS",
    ];
    const KERNELS: &str = "CPU_RUNTIME_CACHE_CAPACITY";
    let threads = options.wide_threads?;
    let is_decided = DECIDE.iter().any(|name| options.plugin_config.contains_key(*name));
    let narrow_threads = options.threads?.div_ceil(options.streams?.max(1));
    (options.device == "CPU" && !is_decided && threads > narrow_threads).then(|| {
        let mut properties = narrow.clone();
        properties.insert("NUM_STREAMS".to_owned(), "1".to_owned());
        properties.insert("INFERENCE_NUM_THREADS".to_owned(), threads.to_string());
        // A lone client's texts come in every length, each with kernels of its own: with 4 instead of 200 a mixed document
        // took MiniLM-L6 11.9 ms instead of 10.2, for 11 MB less.
        if !options.plugin_config.contains_key(KERNELS) {
            properties.insert(KERNELS.to_owned(), "200".to_owned());
        }
        properties
    })
}

fn threads_of(compiled: &CompiledModel) -> usize {
    let threads = compiled.property("INFERENCE_NUM_THREADS").unwrap_or_default();
    threads.trim().parse().unwrap_or(1)
}

/// A model's weights as they are to be read.
enum Weights {
    /// None are compressed.
    Plain,
    /// Some are, and stay so.
    Compressed,
    /// They were.
    Restored(Restored),
}

/// Restores compressed weights if that is asked for, or seems best.
fn restored(options: &ModelOptions) -> Result<Weights, ModelError> {
    let asked = options.weight_decompression;
    let compressed = match (Compressed::find(&options.xml_or_onnx), asked) {
        (Ok(None), _) => return Ok(Weights::Plain),
        (Ok(Some(compressed)), _) => compressed,
        (Err(error), WeightDecompression::Load) => return Err(error.into()),
        // Whatever cannot be read here, OpenVINO may read, or say why not.
        (Err(error), WeightDecompression::Auto | WeightDecompression::Never) => {
            tracing::debug!(%error, "weights stay as they are");
            return Ok(Weights::Plain);
        }
    };
    // Measured with OpenVINO 2026.4 and MiniLM-L6 beside fp32, tokens a second: kept compressed, int8 and int4 do 0.93 to
    // 1.00 with AVX2 and 0.95 to 1.03 with AVX-512; restored, 0.99 to 1.00.
    let is_best = || {
        options.device == "CPU"
            // Beside the restored weights, kernels keep copies in their own order.
            && compressed.restored_bytes().saturating_mul(2) <= decompress::available_memory() / 4
    };
    let restore = match asked {
        WeightDecompression::Load => true,
        WeightDecompression::Never => false,
        WeightDecompression::Auto => is_best(),
    };
    if restore { Ok(Weights::Restored(compressed.restore()?)) } else { Ok(Weights::Compressed) }
}

/// Checks what OpenVINO would not say clearly. It tries every format it knows, whatever a file is
/// called, so text that is no IR would be reported as damaged files of other frameworks.
fn check_files(path: &Path) -> Result<(), ModelError> {
    let is_kind = |kind: &str| path.extension().is_some_and(|end| end == kind);
    let weights = path.with_extension("bin");
    for file in [Some(path), is_kind("xml").then_some(weights.as_path())] {
        if let Some(file) = file.filter(|file| !file.is_file()) {
            return Err(ModelError::NoFile { path: file.to_path_buf() });
        }
    }
    if is_kind("onnx") || (is_kind("xml") && begins_like_an_ir(path)) {
        Ok(())
    } else {
        Err(ModelError::NoModel { path: path.to_path_buf() })
    }
}

fn begins_like_an_ir(path: &Path) -> bool {
    const LOOK_AT: u64 = 64 * 1024;
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOK_AT).read_to_end(&mut start));
    read.is_ok() && start.windows(4).any(|text| text == b"<net")
}

/// Matches inputs and output, opening fixed input shapes on the way.
fn plan(model: &Model, path: &Path) -> Result<Plan, ModelError> {
    let unreadable = |source| ModelError::Read { path: path.to_path_buf(), source };
    let unfit = |source| ModelError::Ports { path: path.to_path_buf(), source };
    let ports = model.ports(Side::Inputs).map_err(unreadable)?;
    let inputs =
        match_inputs(&ports, |alias| model.listed_name(Side::Inputs, alias)).map_err(unfit)?;
    if !inputs.iter().all(|input| input.takes_any_shape) {
        let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        model
            .make_dynamic(&names)
            .map_err(|source| ModelError::FixedShape { path: path.to_path_buf(), source })?;
    }
    let ports = model.ports(Side::Outputs).map_err(unreadable)?;
    let output =
        choose_output(&ports, |alias| model.listed_name(Side::Outputs, alias)).map_err(unfit)?;
    let packs_texts =
        output.kind == OutputKind::Tokens && model.listed_name(Side::Inputs, TEXT_STARTS).is_some();
    Ok(Plan { inputs, output, packs_texts })
}

/// Finds the property that made a compilation fail, by setting each on a core of its own.
fn blame(
    device: &str,
    properties: &BTreeMap<String, String>,
    compile_error: OpenVinoError,
    path: &Path,
) -> ModelError {
    // These are accepted by a compilation only, so setting them proves nothing.
    const COMPILE_ONLY: [&str; 3] =
        ["ALLOW_AUTO_BATCHING", "AUTO_BATCH_TIMEOUT", "DEVICE_PROPERTIES"];
    let guilty = Core::new().ok().and_then(|core| {
        // Reading a property loads the device's plugin; before that, any property can be set.
        core.property(device, "SUPPORTED_PROPERTIES").ok()?;
        properties.iter().filter(|(name, _)| !COMPILE_ONLY.contains(&name.as_str())).find_map(
            |(name, value)| {
                let alone = BTreeMap::from([(name.clone(), value.clone())]);
                let source = core.set(device, &alone).err()?;
                Some((name.clone(), value.clone(), source))
            },
        )
    });
    match guilty {
        Some((name, value, source)) => ModelError::Property(PropertyError::Refused {
            device: device.to_owned(),
            name,
            value,
            source,
        }),
        None => ModelError::Compile {
            path: path.to_path_buf(),
            device: device.to_owned(),
            source: compile_error,
        },
    }
}
