//! A model as read, with its ports, and a model as compiled.

#![expect(unsafe_code, reason = "calls OpenVINO's C API")]

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;

use openvino_sys as sys;

use super::request::InferRequest;
use super::status::{OpenVinoError, c_string, check, take_string};
use crate::mapping::Mapping;
use crate::ports::{Dimension, ElementType, Port};

/// An `ov::Model`: a graph that can still be reshaped.
pub(crate) struct Model {
    handle: *mut sys::ov_model_t,
    /// What its constants lie in, if that is not OpenVINO's.
    mapping: Option<Arc<Mapping>>,
}

/// Inputs or outputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// What the model is given.
    Inputs,
    /// What it answers.
    Outputs,
}

impl Model {
    /// # Safety
    /// `handle` must be a live model that nobody else frees, and `mapping` what its constants lie in, if that is mapped.
    pub(super) unsafe fn from_raw(
        handle: *mut sys::ov_model_t,
        mapping: Option<Arc<Mapping>>,
    ) -> Self {
        Self { handle, mapping }
    }

    pub(super) fn raw(&self) -> *const sys::ov_model_t {
        self.handle
    }

    /// What its constants lie in, if that is mapped by this program.
    pub(crate) fn mapping(&self) -> Option<Arc<Mapping>> {
        self.mapping.clone()
    }

    /// The ports of one side, in the model's order.
    pub(crate) fn ports(&self, side: Side) -> Result<Vec<Port>, OpenVinoError> {
        let mut count = 0;
        // SAFETY: the handle is alive and `count` a valid place.
        let status = unsafe {
            match side {
                Side::Inputs => sys::ov_model_inputs_size(self.handle, &raw mut count),
                Side::Outputs => sys::ov_model_outputs_size(self.handle, &raw mut count),
            }
        };
        check(status, "count the model's inputs and outputs")?;
        (0..count).map(|index| self.port_at(side, index)?.describe(index)).collect()
    }

    /// The name under which [`Model::ports`] lists the port that is also called `alias`.
    ///
    /// A port may have several names and OpenVINO tells one of them; this finds the port by any.
    pub(crate) fn listed_name(&self, side: Side, alias: &str) -> Option<String> {
        let alias = CString::new(alias).ok()?;
        let mut handle = ptr::null_mut();
        // SAFETY: the handle is alive, `alias` a C string and `handle` a valid place.
        let status = unsafe {
            match side {
                Side::Inputs => {
                    sys::ov_model_const_input_by_name(self.handle, alias.as_ptr(), &raw mut handle)
                }
                Side::Outputs => {
                    sys::ov_model_const_output_by_name(self.handle, alias.as_ptr(), &raw mut handle)
                }
            }
        };
        check(status, "find a port by name").ok()?;
        PortHandle(handle).name()
    }

    /// Gives the named inputs the shape `[?, ?]`.
    pub(crate) fn make_dynamic(&self, inputs: &[String]) -> Result<(), OpenVinoError> {
        let action = "make the model's input shapes dynamic";
        let names = inputs
            .iter()
            .map(|name| c_string(name.as_str(), action))
            .collect::<Result<Vec<_>, _>>()?;
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let mut dimensions = [sys::ov_dimension_t { min: -1, max: -1 }; 2];
        let any_by_any = sys::ov_partial_shape_t {
            rank: sys::ov_rank_t { min: 2, max: 2 },
            dims: dimensions.as_mut_ptr(),
        };
        let shapes = vec![any_by_any; pointers.len()];
        // SAFETY: the handle is alive; names, shapes and dimensions outlive the call, which only
        // reads them; both arrays have `pointers.len()` elements.
        let status = unsafe {
            sys::ov_model_reshape(
                self.handle,
                pointers.as_mut_ptr(),
                shapes.as_ptr(),
                pointers.len(),
            )
        };
        check(status, action)
    }

    fn port_at(&self, side: Side, index: usize) -> Result<PortHandle, OpenVinoError> {
        let mut handle = ptr::null_mut();
        // SAFETY: the handle is alive, `handle` a valid place; a wrong index is an error status.
        let status = unsafe {
            match side {
                Side::Inputs => {
                    sys::ov_model_const_input_by_index(self.handle, index, &raw mut handle)
                }
                Side::Outputs => {
                    sys::ov_model_const_output_by_index(self.handle, index, &raw mut handle)
                }
            }
        };
        check(status, "read the model's inputs and outputs")?;
        Ok(PortHandle(handle))
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: ours since `from_raw`, and never used again.
        unsafe { sys::ov_model_free(self.handle) };
    }
}

struct PortHandle(*mut sys::ov_output_const_port_t);

impl PortHandle {
    fn describe(&self, index: usize) -> Result<Port, OpenVinoError> {
        // Read as a number: a newer OpenVINO may know types that the enumeration here does not.
        let mut element_type = 0u32;
        // SAFETY: the port is alive; the C enumeration and `u32` have the same size.
        let status = unsafe {
            sys::ov_port_get_element_type(
                self.0,
                (&raw mut element_type).cast::<sys::ov_element_type_e>(),
            )
        };
        check(status, "read the element type of a port")?;
        Ok(Port {
            index,
            name: self.name(),
            element_type: ElementType::from_code(element_type),
            dimensions: self.dimensions()?,
        })
    }

    /// `None` for a port without a name.
    fn name(&self) -> Option<String> {
        let mut name = ptr::null_mut();
        // SAFETY: the port is alive and `name` a valid place.
        let status = unsafe { sys::ov_port_get_any_name(self.0, &raw mut name) };
        check(status, "read the name of a port").ok()?;
        // SAFETY: on success a new C string that is ours to free.
        unsafe { take_string(name) }
    }

    /// `None` when even the number of dimensions is open.
    fn dimensions(&self) -> Result<Option<Vec<Dimension>>, OpenVinoError> {
        let mut shape = sys::ov_partial_shape_t {
            rank: sys::ov_rank_t { min: 0, max: 0 },
            dims: ptr::null_mut(),
        };
        // SAFETY: the port is alive and `shape` a valid place.
        let status = unsafe { sys::ov_port_get_partial_shape(self.0, &raw mut shape) };
        check(status, "read the shape of a port")?;
        let rank = (shape.rank.min == shape.rank.max)
            .then(|| usize::try_from(shape.rank.max).ok())
            .flatten();
        let dimensions = rank.map(|rank| {
            (0..rank)
                .map(|axis| {
                    // SAFETY: a shape of static rank holds that many dimensions until it is freed.
                    let dimension = unsafe { *shape.dims.add(axis) };
                    Dimension { min: dimension.min, max: dimension.max }
                })
                .collect()
        });
        // SAFETY: filled by OpenVINO above and not used afterwards.
        unsafe { sys::ov_partial_shape_free(&raw mut shape) };
        Ok(dimensions)
    }
}

impl Drop for PortHandle {
    fn drop(&mut self) {
        // SAFETY: made by OpenVINO for us, and never used again.
        unsafe { sys::ov_output_const_port_free(self.0) };
    }
}

/// An `ov::CompiledModel`: a graph on a device.
pub(crate) struct CompiledModel {
    handle: *mut sys::ov_compiled_model_t,
    mapping: Option<Arc<Mapping>>,
}

// SAFETY: creating requests and reading properties, all that is done here, is thread-safe.
unsafe impl Send for CompiledModel {}
// SAFETY: as above.
unsafe impl Sync for CompiledModel {}

impl CompiledModel {
    /// # Safety
    /// `handle` must be a live compiled model that nobody else frees, and `mapping` that of the model.
    pub(super) unsafe fn from_raw(
        handle: *mut sys::ov_compiled_model_t,
        mapping: Option<Arc<Mapping>>,
    ) -> Self {
        Self { handle, mapping }
    }

    /// A property as text.
    pub(crate) fn property(&self, key: &str) -> Result<String, OpenVinoError> {
        let action = "read a property of the compiled model";
        let key = c_string(key, action)?;
        let mut value = ptr::null_mut();
        // SAFETY: the handle is alive, `key` a C string and `value` a valid place.
        let status = unsafe {
            sys::ov_compiled_model_get_property(self.handle, key.as_ptr(), &raw mut value)
        };
        check(status, action)?;
        // SAFETY: on success a new C string that is ours to free.
        Ok(unsafe { take_string(value) }.unwrap_or_default())
    }

    /// A request of its own; requests of one model may run at the same time.
    pub(crate) fn open_request(&self) -> Result<InferRequest, OpenVinoError> {
        let mut handle = ptr::null_mut();
        // SAFETY: the handle is alive and `handle` a valid place.
        let status =
            unsafe { sys::ov_compiled_model_create_infer_request(self.handle, &raw mut handle) };
        check(status, "create an inference request")?;
        // SAFETY: on success a new handle that nobody else owns.
        Ok(unsafe { InferRequest::from_raw(handle, self.mapping.clone()) })
    }
}

impl Drop for CompiledModel {
    fn drop(&mut self) {
        // SAFETY: ours since `from_raw`, and never used again.
        unsafe { sys::ov_compiled_model_free(self.handle) };
    }
}
