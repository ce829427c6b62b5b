//! One inference request as an engine stream.

use std::mem;
use std::sync::Arc;

use engine::{BatchOutput, RuntimeError, Stream, TokenBatch};

use crate::batch;
use crate::ffi::OpenVinoError;
use crate::ffi::model::CompiledModel;
use crate::ffi::request::InferRequest;
use crate::ffi::tensor::{Floats, Integers};
use crate::ports::{ModelInput, ModelOutput, OutputKind, Role};

/// What every stream of a model fills and reads.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) inputs: Vec<ModelInput>,
    pub(crate) output: ModelOutput,
    /// Whether the attention mask may tell several texts of a row apart.
    pub(crate) packs_texts: bool,
}

/// A request with its tensors; its memory grows to the largest batch it has seen and no further.
pub(crate) struct OpenVinoStream {
    request: InferRequest,
    plan: Arc<Plan>,
    /// Single-precision copies of a half-precision output.
    converted: Vec<f32>,
    /// The output of a batch that had to be run in parts.
    gathered: Vec<f32>,
}

impl OpenVinoStream {
    pub(crate) fn open(compiled: &CompiledModel, plan: Arc<Plan>) -> Result<Self, OpenVinoError> {
        let mut request = compiled.open_request()?;
        for input in &plan.inputs {
            request.add_input(input.port, input.element_type)?;
        }
        Ok(Self { request, plan, converted: Vec::new(), gathered: Vec::new() })
    }

    fn run(&mut self, batch: &TokenBatch) -> Result<(&[f32], usize), RuntimeError> {
        let plan = &self.plan;
        for (input, tensor) in plan.inputs.iter().zip(self.request.inputs()) {
            let elements = tensor.reshape(batch.rows, batch.width);
            match elements.map_err(runtime_error)? {
                Integers::I64(elements) => batch::fill(input.role, batch, elements)?,
                Integers::I32(elements) => batch::fill(input.role, batch, elements)?,
            }
        }
        let output = self.request.run(plan.output.port).map_err(runtime_error)?;
        let shape = output.shape().map_err(runtime_error)?;
        let hidden = batch::hidden_of(&shape, &plan.output, batch)?;
        let values = match output.elements().map_err(runtime_error)? {
            Floats::F32(values) => values,
            Floats::F16(values) => convert(values, &mut self.converted),
            Floats::Bf16(values) => convert(values, &mut self.converted),
        };
        if values.len() != shape.iter().product::<usize>() {
            return Err(RuntimeError::new(format!(
                "the model's output holds {} numbers for the shape {shape:?}",
                values.len()
            )));
        }
        batch::check_finite(values, plan.output.kind, hidden, batch)?;
        Ok((values, hidden))
    }

    /// A model without an attention mask would let padding into the vectors: such a batch is run in
    /// parts of equal length.
    fn run_in_parts(&mut self, batch: &TokenBatch) -> Result<usize, RuntimeError> {
        let mut gathered = mem::take(&mut self.gathered);
        gathered.clear();
        let kind = self.plan.output.kind;
        let mut hidden = 0;
        for (places, part) in batch::by_length(batch) {
            let (values, part_hidden) = self.run(&part)?;
            if gathered.is_empty() {
                hidden = part_hidden;
                gathered.resize(batch.rows * vectors(kind, batch) * hidden, 0.0);
            } else if part_hidden != hidden {
                return Err(RuntimeError::new(format!(
                    "the model's vectors have {hidden} numbers for one row, {part_hidden} for another"
                )));
            }
            let length = vectors(kind, &part) * hidden;
            let stride = vectors(kind, batch) * hidden;
            for (place, values) in places.into_iter().zip(values.chunks_exact(length)) {
                gathered[place * stride..][..length].copy_from_slice(values);
            }
        }
        self.gathered = gathered;
        Ok(hidden)
    }
}

impl Stream for OpenVinoStream {
    fn infer(&mut self, batch: &TokenBatch) -> Result<BatchOutput<'_>, RuntimeError> {
        batch::check(batch)?;
        if batch.texts.len() > batch.rows && !self.plan.packs_texts {
            return Err(RuntimeError::new("the model takes one text a row"));
        }
        let kind = self.plan.output.kind;
        let inputs = &self.plan.inputs;
        let masked = inputs.iter().any(|input| input.role == Role::AttentionMask);
        let (values, hidden) = if masked || batch.padding() == 0 {
            self.run(batch)?
        } else {
            let hidden = self.run_in_parts(batch)?;
            (self.gathered.as_slice(), hidden)
        };
        Ok(match kind {
            OutputKind::Tokens => BatchOutput::Tokens { values, hidden },
            OutputKind::Sentences => BatchOutput::Sentences { values, hidden },
        })
    }
}

/// Vectors per row.
fn vectors(kind: OutputKind, batch: &TokenBatch) -> usize {
    match kind {
        OutputKind::Tokens => batch.width,
        OutputKind::Sentences => 1,
    }
}

fn convert<'a, Half: Copy + Into<f32>>(values: &[Half], into: &'a mut Vec<f32>) -> &'a [f32] {
    into.clear();
    into.extend(values.iter().map(|&value| value.into()));
    into
}

fn runtime_error(error: OpenVinoError) -> RuntimeError {
    RuntimeError::new(error.to_string())
}
