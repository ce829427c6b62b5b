//! Memory that a model reads and writes.

#![expect(unsafe_code, reason = "calls OpenVINO's C API and views its memory")]

use std::{ptr, slice};

use openvino_sys as sys;

use super::status::{OpenVinoError, check};
use crate::mapping::Mapping;
use crate::ports::ElementType;

/// Integers `[rows, width]` for one input, kept from batch to batch: OpenVINO allocates anew only
/// when a shape is larger than every one before.
pub(crate) struct InputTensor {
    handle: *mut sys::ov_tensor_t,
    element_type: ElementType,
}

/// The elements of an input, row by row.
pub(crate) enum Integers<'a> {
    /// 64-bit.
    I64(&'a mut [i64]),
    /// 32-bit.
    I32(&'a mut [i32]),
}

// SAFETY: the memory is touched only through `&mut self`, or by the request that owns the tensor.
unsafe impl Send for InputTensor {}

impl InputTensor {
    /// A tensor of `[1, 1]` zeros.
    pub(super) fn new(element_type: ElementType) -> Result<Self, OpenVinoError> {
        let code = match element_type {
            ElementType::I32 => sys::ov_element_type_e::I32,
            _ => sys::ov_element_type_e::I64,
        };
        let mut dimensions = [1, 1];
        let mut handle = ptr::null_mut();
        // SAFETY: the shape's two dimensions are alive and only read; `handle` is a valid place.
        let status =
            unsafe { sys::ov_tensor_create(code, shape_of(&mut dimensions), &raw mut handle) };
        check(status, "allocate an input")?;
        let mut tensor = Self { handle, element_type };
        tensor.reshape(1, 1)?;
        Ok(tensor)
    }

    /// Gives the tensor the shape `[rows, width]`, all zeros, and hands out its elements.
    pub(crate) fn reshape(
        &mut self,
        rows: usize,
        width: usize,
    ) -> Result<Integers<'_>, OpenVinoError> {
        let too_large = || OpenVinoError {
            action: "allocate an input",
            message: format!("{rows} rows of {width} tokens are too many"),
        };
        let count = rows.checked_mul(width).ok_or_else(too_large)?;
        // Room for 64-bit elements within what a pointer can address, for either type.
        if count > isize::MAX as usize / 8 {
            return Err(too_large());
        }
        let mut dimensions = [rows as i64, width as i64];
        // SAFETY: the handle is alive; the shape's two dimensions are alive and only read.
        let status = unsafe { sys::ov_tensor_set_shape(self.handle, shape_of(&mut dimensions)) };
        check(status, "reshape an input")?;
        let data = data_of(self.handle)?;
        if self.element_type == ElementType::I32 {
            // SAFETY: the tensor was made of i32 and holds rows x width of them (set above), at an
            // address that OpenVINO aligns to at least 64 bytes; zeroed before the slice is made.
            let elements = unsafe {
                ptr::write_bytes(data.cast::<i32>(), 0, count);
                slice::from_raw_parts_mut(data.cast::<i32>(), count)
            };
            Ok(Integers::I32(elements))
        } else {
            // SAFETY: as above; every other element type was made as i64.
            let elements = unsafe {
                ptr::write_bytes(data.cast::<i64>(), 0, count);
                slice::from_raw_parts_mut(data.cast::<i64>(), count)
            };
            Ok(Integers::I64(elements))
        }
    }

    pub(super) fn raw(&self) -> *const sys::ov_tensor_t {
        self.handle
    }
}

impl Drop for InputTensor {
    fn drop(&mut self) {
        // SAFETY: ours since `new`, and never used again; a request keeps its own share.
        unsafe { sys::ov_tensor_free(self.handle) };
    }
}

/// Memory of OpenVINO's, for the constants of a model.
pub(crate) struct Bytes {
    handle: *mut sys::ov_tensor_t,
    length: usize,
}

// SAFETY: the memory is touched only through `&mut self`, or by the model that shares it.
unsafe impl Send for Bytes {}

impl Bytes {
    /// As many bytes as `length`, which may be anything.
    pub(crate) fn new(length: usize) -> Result<Self, OpenVinoError> {
        let action = "allocate weights";
        let size = i64::try_from(length).map_err(|_| OpenVinoError {
            action,
            message: format!("{length} bytes are too many"),
        })?;
        let mut dimensions = [size, 1];
        let mut handle = ptr::null_mut();
        // SAFETY: the shape's two dimensions are alive and only read; `handle` is a valid place.
        let status = unsafe {
            sys::ov_tensor_create(
                sys::ov_element_type_e::U8,
                shape_of(&mut dimensions),
                &raw mut handle,
            )
        };
        check(status, action)?;
        Ok(Self { handle, length })
    }

    /// All of them, to be filled before a model reads them.
    pub(crate) fn elements(&mut self) -> Result<&mut [u8], OpenVinoError> {
        let data = data_of(self.handle)?;
        // SAFETY: the tensor was made of `length` bytes and nobody else has it; they are zeroed
        // before the slice is made.
        Ok(unsafe {
            ptr::write_bytes(data.cast::<u8>(), 0, self.length);
            slice::from_raw_parts_mut(data.cast::<u8>(), self.length)
        })
    }

    pub(super) fn raw(&self) -> *const sys::ov_tensor_t {
        self.handle
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: ours since `new`, and never used again; a model keeps its own share.
        unsafe { sys::ov_tensor_free(self.handle) };
    }
}

/// Mapped constants as a tensor; OpenVINO reads them where they are.
pub(super) struct MappedTensor {
    handle: *mut sys::ov_tensor_t,
}

impl MappedTensor {
    /// # Safety
    /// The mapping must be kept as long as anything that was made of the tensor.
    pub(super) unsafe fn new(mapping: &Mapping) -> Result<Self, OpenVinoError> {
        let bytes = mapping.bytes();
        // A length in memory is one of a tensor.
        let mut dimensions = [bytes.len() as i64, 1];
        let mut handle = ptr::null_mut();
        // SAFETY: the shape's two dimensions are alive and only read; `handle` is a valid place; the memory is as long
        // as is said, and the caller keeps it. OpenVINO does not write constants: it maps a model's file read-only too.
        let status = unsafe {
            sys::ov_tensor_create_from_host_ptr(
                sys::ov_element_type_e::U8,
                shape_of(&mut dimensions),
                bytes.as_ptr().cast_mut().cast(),
                &raw mut handle,
            )
        };
        check(status, "use mapped weights")?;
        Ok(Self { handle })
    }

    pub(super) fn raw(&self) -> *const sys::ov_tensor_t {
        self.handle
    }
}

impl Drop for MappedTensor {
    fn drop(&mut self) {
        // SAFETY: ours since `new`, and never used again; a model keeps its own share.
        unsafe { sys::ov_tensor_free(self.handle) };
    }
}

/// What a request answered.
pub(crate) struct OutputTensor {
    handle: *mut sys::ov_tensor_t,
}

/// The elements of an output, row-major.
pub(crate) enum Floats<'a> {
    /// Single precision, in OpenVINO's own memory.
    F32(&'a [f32]),
    /// IEEE half precision.
    F16(&'a [half::f16]),
    /// bfloat16.
    Bf16(&'a [half::bf16]),
}

// SAFETY: the memory is only read while the tensor is borrowed, and owned by one request.
unsafe impl Send for OutputTensor {}

impl OutputTensor {
    /// # Safety
    /// `handle` must be a live tensor that nobody else frees and whose memory nobody writes while
    /// this value exists.
    pub(super) unsafe fn from_raw(handle: *mut sys::ov_tensor_t) -> Self {
        Self { handle }
    }

    /// The lengths of the dimensions.
    pub(crate) fn shape(&self) -> Result<Vec<usize>, OpenVinoError> {
        let mut shape = sys::ov_shape_t { rank: 0, dims: ptr::null_mut() };
        // SAFETY: the handle is alive and `shape` a valid place.
        let status = unsafe { sys::ov_tensor_get_shape(self.handle, &raw mut shape) };
        check(status, "read the shape of the output")?;
        let rank = usize::try_from(shape.rank).unwrap_or(0);
        let lengths = (0..rank)
            .map(|axis| {
                // SAFETY: on success the shape holds `rank` dimensions until it is freed.
                let length = unsafe { *shape.dims.add(axis) };
                usize::try_from(length).unwrap_or(0)
            })
            .collect();
        // SAFETY: filled by OpenVINO above and not used afterwards.
        let status = unsafe { sys::ov_shape_free(&raw mut shape) };
        check(status, "free the shape of the output")?;
        Ok(lengths)
    }

    /// The elements; an error for anything but f32, f16 and bf16.
    pub(crate) fn elements(&self) -> Result<Floats<'_>, OpenVinoError> {
        let mut code = 0u32;
        // SAFETY: the handle is alive; the C enumeration and `u32` have the same size.
        let status = unsafe {
            sys::ov_tensor_get_element_type(
                self.handle,
                (&raw mut code).cast::<sys::ov_element_type_e>(),
            )
        };
        check(status, "read the element type of the output")?;
        let mut count = 0;
        // SAFETY: the handle is alive and `count` a valid place.
        let status = unsafe { sys::ov_tensor_get_size(self.handle, &raw mut count) };
        check(status, "read the size of the output")?;
        let element_type = ElementType::from_code(code);
        // An empty tensor may have no memory at all.
        let data = if count == 0 {
            ptr::NonNull::<u64>::dangling().as_ptr().cast()
        } else {
            data_of(self.handle)?
        };
        // SAFETY: the tensor holds `count` elements of the type just read; `data_of` checked the
        // address; nobody writes them while `self` is borrowed; every bit pattern is a float.
        unsafe {
            match element_type {
                ElementType::F32 => Ok(Floats::F32(slice::from_raw_parts(data.cast(), count))),
                ElementType::F16 => Ok(Floats::F16(slice::from_raw_parts(data.cast(), count))),
                ElementType::Bf16 => Ok(Floats::Bf16(slice::from_raw_parts(data.cast(), count))),
                ElementType::I32 | ElementType::I64 | ElementType::Other(_) => Err(OpenVinoError {
                    action: "read the output",
                    message: format!("its elements are {element_type}, not f32, f16 or bf16"),
                }),
            }
        }
    }
}

impl Drop for OutputTensor {
    fn drop(&mut self) {
        // SAFETY: ours since `from_raw`, and never used again.
        unsafe { sys::ov_tensor_free(self.handle) };
    }
}

/// The tensor's memory: not null, aligned for every element type used here.
fn data_of(handle: *mut sys::ov_tensor_t) -> Result<*mut u8, OpenVinoError> {
    let action = "reach the memory of a tensor";
    let mut data = ptr::null_mut();
    // SAFETY: callers pass the live handle they own; `data` is a valid place.
    let status = unsafe { sys::ov_tensor_data(handle, &raw mut data) };
    check(status, action)?;
    if data.is_null() || !data.cast::<u64>().is_aligned() {
        return Err(OpenVinoError {
            action,
            message: "it has none that this program can use".to_owned(),
        });
    }
    Ok(data.cast())
}

fn shape_of(dimensions: &mut [i64; 2]) -> sys::ov_shape_t {
    sys::ov_shape_t { rank: 2, dims: dimensions.as_mut_ptr() }
}
