//! An exported model, run with padding on the side that a test wants.

use std::cell::RefCell;
use std::path::Path;

use model_export::{ExportOptions, WeightFormat, export};
use openvino::{
    CompiledModel, Core, DeviceType, ElementType, InferenceError, RwPropertyKey, Shape, Tensor,
};
use openvino_runtime::find_libraries;

/// Vectors, one a token or one a text.
pub(crate) type Rows = Vec<Vec<f32>>;

/// Where padding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

pub(crate) struct Model {
    compiled: RefCell<CompiledModel>,
    inputs: Vec<String>,
}

/// The name of an attention mask.
const MASK: &str = "attention_mask";

/// A token's id and what the attention mask is on it; nothing for padding.
pub(crate) type Cell = Option<(i64, i64)>;

impl Model {
    /// Exports a source folder in fp32 and compiles it for the CPU, computing in fp32.
    pub(crate) fn export(source: &Path) -> Self {
        Self::export_as(source, WeightFormat::Fp32)
    }

    /// The same with weights in another format.
    pub(crate) fn export_as(source: &Path, format: WeightFormat) -> Self {
        let target = tempfile::tempdir().expect("a folder");
        export(source, target.path(), &ExportOptions::from(format), &mut |_, _| {})
            .unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        let file = |name| target.path().join(name).to_str().expect("UTF-8").to_owned();
        let mut core = core();
        let (xml, bin) = (file("openvino_model.xml"), file("openvino_model.bin"));
        let model = core.read_model_from_file(&xml, &bin).expect("a model");
        let count = model.get_inputs_len().expect("inputs");
        let name = |index| {
            let input = model.get_input_by_index(index).expect("an input");
            input.get_name().expect("a name")
        };
        let inputs = (0..count).map(name).collect();
        let compiled = core.compile_model(&model, DeviceType::CPU).expect("compiled");
        Model { compiled: RefCell::new(compiled), inputs }
    }

    /// The vectors of all tokens that are no padding.
    pub(crate) fn states(&self, rows: &[Vec<i64>], side: Side) -> Rows {
        self.try_states(rows, side).expect("an inference")
    }

    /// As [`Model::states`].
    pub(crate) fn try_states(&self, rows: &[Vec<i64>], side: Side) -> Result<Rows, InferenceError> {
        let (values, shape) = self.infer(&padded(rows, side), MASK)?;
        let [count, width, hidden] = shape[..] else { panic!("{shape:?}") };
        assert_eq!(count, rows.len());
        let tokens = |(row, padded): (&Vec<i64>, &[f32])| {
            let padding = match side {
                Side::Left => width - row.len(),
                Side::Right => 0,
            };
            let tokens = padded.chunks_exact(hidden).skip(padding).take(row.len());
            tokens.map(<[f32]>::to_vec).collect::<Rows>()
        };
        Ok(rows.iter().zip(values.chunks_exact(width * hidden)).flat_map(tokens).collect())
    }

    /// The vectors of all rows, which the model pools by itself.
    pub(crate) fn vectors(&self, rows: &[Vec<i64>], side: Side) -> Rows {
        let (values, shape) = self.infer(&padded(rows, side), MASK).expect("an inference");
        let [count, size] = shape[..] else { panic!("{shape:?}") };
        assert_eq!(count, rows.len());
        values.chunks_exact(size).map(<[f32]>::to_vec).collect()
    }

    /// The numbers and the shape of the output for these rows; `mask` is the attention mask's name.
    pub(crate) fn infer(
        &self,
        rows: &[Vec<Cell>],
        mask: &str,
    ) -> Result<(Vec<f32>, Vec<usize>), InferenceError> {
        let mut request = self.compiled.borrow_mut().create_infer_request()?;
        for name in &self.inputs {
            let value = |cell: &Cell| match name.as_str() {
                // Any id will do, and one that is no special token shows whether it is masked;
                // RoBERTa's descendants count the positions of all but id 1.
                "input_ids" => cell.map_or(1, |(token, _)| token),
                MASK => cell.map_or(0, |(_, mask)| mask),
                "token_type_ids" => 0,
                other => panic!("an input {other}"),
            };
            let values: Vec<i64> = rows.iter().flatten().map(value).collect();
            let shape = Shape::new(&[rows.len() as i64, (values.len() / rows.len()) as i64])?;
            let mut tensor = Tensor::new(ElementType::I64, &shape)?;
            tensor.get_data_mut::<i64>()?.copy_from_slice(&values);
            let name = if name == MASK { mask } else { name };
            request.set_tensor(name, &tensor)?;
        }
        request.infer()?;
        let output = request.get_output_tensor_by_index(0)?;
        let shape = output.get_shape()?;
        let sizes = shape.get_dimensions().iter().map(|size| *size as usize).collect();
        Ok((output.get_data::<f32>()?.to_vec(), sizes))
    }
}

/// Texts as rows of equal length.
fn padded(texts: &[Vec<i64>], side: Side) -> Vec<Vec<Cell>> {
    let width = texts.iter().map(Vec::len).max().expect("rows");
    let row = |text: &Vec<i64>| {
        let padding = vec![None; width - text.len()];
        let tokens = text.iter().map(|token| Some((*token, 1)));
        match side {
            Side::Left => padding.into_iter().chain(tokens).collect(),
            Side::Right => tokens.chain(padding).collect(),
        }
    };
    texts.iter().map(row).collect()
}

fn core() -> Core {
    let folder = find_libraries(None).expect("no OpenVINO: run `make deps` first");
    openvino_sys::library::load_from(folder.join("libopenvino_c.so")).expect("OpenVINO");
    let mut core = Core::new().expect("OpenVINO");
    // CPUs with bf16 instructions would otherwise round to 8 bits by default, and those with VNNI
    // what compressed weights are multiplied with.
    let rounding = RwPropertyKey::Other("DYNAMIC_QUANTIZATION_GROUP_SIZE".into());
    for (property, exact) in [(RwPropertyKey::HintInferencePrecision, "f32"), (rounding, "0")] {
        core.set_property(&DeviceType::CPU, &property, exact).expect("a property of the CPU");
    }
    core
}
