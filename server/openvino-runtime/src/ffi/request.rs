//! One inference at a time, with the tensors it reads and writes.

#![expect(unsafe_code, reason = "calls OpenVINO's C API")]

use std::ptr;
use std::sync::Arc;

use openvino_sys as sys;

use super::status::{OpenVinoError, check};
use super::tensor::{InputTensor, OutputTensor};
use crate::mapping::Mapping;
use crate::ports::ElementType;

/// An `ov::InferRequest`; it keeps its compiled model alive.
///
/// It owns its tensors, so that nobody can write inputs, or read outputs, while it runs.
pub(crate) struct InferRequest {
    handle: *mut sys::ov_infer_request_t,
    inputs: Vec<Input>,
    output: Option<OutputTensor>,
    /// What the model's constants lie in: kept as long as the request, which keeps the model.
    _mapping: Option<Arc<Mapping>>,
}

struct Input {
    port: usize,
    tensor: InputTensor,
}

// SAFETY: a request may be used from any thread, as long as it is one at a time (`&mut self`).
unsafe impl Send for InferRequest {}

impl InferRequest {
    /// # Safety
    /// `handle` must be a live request that nobody else frees, and `mapping` that of its model.
    pub(super) unsafe fn from_raw(
        handle: *mut sys::ov_infer_request_t,
        mapping: Option<Arc<Mapping>>,
    ) -> Self {
        Self { handle, inputs: Vec::new(), output: None, _mapping: mapping }
    }

    /// Adds a tensor of `element_type` for the input port with this index; the tensors are counted
    /// from 0 in the order they were added.
    pub(crate) fn add_input(
        &mut self,
        port: usize,
        element_type: ElementType,
    ) -> Result<(), OpenVinoError> {
        let tensor = InputTensor::new(element_type)?;
        self.inputs.push(Input { port, tensor });
        Ok(())
    }

    /// The tensors in the order they were added.
    pub(crate) fn inputs(&mut self) -> impl Iterator<Item = &mut InputTensor> {
        self.inputs.iter_mut().map(|input| &mut input.tensor)
    }

    /// Runs, waits, and shows the output port with this index.
    pub(crate) fn run(&mut self, output: usize) -> Result<&OutputTensor, OpenVinoError> {
        self.output = None;
        for input in &self.inputs {
            // SAFETY: both handles are alive; OpenVINO shares ownership of the tensor's memory.
            let status = unsafe {
                sys::ov_infer_request_set_input_tensor_by_index(
                    self.handle,
                    input.port,
                    input.tensor.raw(),
                )
            };
            check(status, "set an input")?;
        }
        // Not `ov_infer_request_infer`: on CPUs that swallows the error of a model that fails, which
        // leaves the output of the run before to be read, and keeps the failed task for the next
        // run in the same thread, by then perhaps of a request that is gone.
        // SAFETY: the handle is alive and, being borrowed mutably, not running.
        let status = unsafe { sys::ov_infer_request_start_async(self.handle) };
        check(status, "start the model")?;
        // SAFETY: the handle is alive.
        let status = unsafe { sys::ov_infer_request_wait(self.handle) };
        check(status, "run the model")?;
        let mut tensor = ptr::null_mut();
        // SAFETY: the handle is alive and `tensor` a valid place.
        let status = unsafe {
            sys::ov_infer_request_get_output_tensor_by_index(self.handle, output, &raw mut tensor)
        };
        check(status, "read the output")?;
        // SAFETY: on success a new handle that nobody else owns. Its memory changes only when the
        // request runs again, which takes `&mut self` and drops the tensor first.
        Ok(self.output.insert(unsafe { OutputTensor::from_raw(tensor) }))
    }
}

impl Drop for InferRequest {
    fn drop(&mut self) {
        // SAFETY: ours since `from_raw`, and never used again; `run` waits, so it is not running.
        unsafe { sys::ov_infer_request_free(self.handle) };
    }
}
