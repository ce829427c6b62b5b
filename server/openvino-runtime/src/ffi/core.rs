//! The core: devices, reading and compiling.

#![expect(unsafe_code, reason = "calls OpenVINO's C API")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use openvino_sys as sys;

use super::model::{CompiledModel, Model};
use super::status::{OpenVinoError, c_string, check, take_string};
use super::tensor::{Bytes, MappedTensor};
use crate::mapping::Mapping;

/// An `ov::Core`.
pub(crate) struct Core {
    handle: *mut sys::ov_core_t,
}

// SAFETY: `ov::Core` is documented as thread-safe: its methods may be called from several threads.
unsafe impl Send for Core {}
// SAFETY: as above.
unsafe impl Sync for Core {}

impl Core {
    /// A core with nothing set; the library must be loaded.
    pub(crate) fn new() -> Result<Self, OpenVinoError> {
        let mut handle = ptr::null_mut();
        // SAFETY: `handle` is a valid place for the result.
        let status = unsafe { sys::ov_core_create(&raw mut handle) };
        check(status, "start")?;
        Ok(Self { handle })
    }

    /// Names of the devices that are there.
    pub(crate) fn devices(&self) -> Result<Vec<String>, OpenVinoError> {
        let mut list = sys::ov_available_devices_t { devices: ptr::null_mut(), size: 0 };
        // SAFETY: the handle is alive and `list` a valid place for the result.
        let status = unsafe { sys::ov_core_get_available_devices(self.handle, &raw mut list) };
        check(status, "list the devices")?;
        let names = (0..list.size)
            .map(|index| {
                // SAFETY: on success the list holds `size` C strings, alive until it is freed.
                unsafe { CStr::from_ptr(*list.devices.add(index)) }.to_string_lossy().into_owned()
            })
            .collect();
        // SAFETY: filled by OpenVINO above and not used afterwards.
        unsafe { sys::ov_available_devices_free(&raw mut list) };
        Ok(names)
    }

    /// A property of a device as text.
    pub(crate) fn property(&self, device: &str, key: &str) -> Result<String, OpenVinoError> {
        let action = "read a property of the device";
        let (device, key) = (c_string(device, action)?, c_string(key, action)?);
        let mut value = ptr::null_mut();
        // SAFETY: the handle is alive, the strings are C strings, `value` is a valid place.
        let status = unsafe {
            sys::ov_core_get_property(self.handle, device.as_ptr(), key.as_ptr(), &raw mut value)
        };
        check(status, action)?;
        // SAFETY: on success a new C string that is ours to free.
        Ok(unsafe { take_string(value) }.unwrap_or_default())
    }

    /// Sets properties for every later compilation on this core; wrong ones fail here.
    pub(crate) fn set(
        &self,
        device: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<(), OpenVinoError> {
        let action = "set a property of the device";
        let device = c_string(device, action)?;
        let properties = Properties::new(properties, action)?;
        let raw = properties.raw();
        // SAFETY: the handle is alive; `raw` points into `properties`, which outlives the call, and
        // its values are C strings (keys whose values are other pointers never get this far).
        let status = unsafe {
            sys::ov_core_set_properties(self.handle, device.as_ptr(), raw.len(), raw.as_ptr())
        };
        check(status, action)
    }

    /// Reads an IR (`.xml` with its `.bin` beside it) or an ONNX model.
    pub(crate) fn read(&self, path: &Path) -> Result<Model, OpenVinoError> {
        let action = "read the model";
        let path = c_string(path.as_os_str().as_bytes(), action)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the handle is alive, the path a C string; a null weights path means "beside it".
        let status = unsafe {
            sys::ov_core_read_model(self.handle, path.as_ptr(), ptr::null(), &raw mut handle)
        };
        check(status, action)?;
        // SAFETY: on success a new handle that nobody else owns.
        Ok(unsafe { Model::from_raw(handle, None) })
    }

    /// Reads an IR from its text and its constants, of which the model keeps a share.
    pub(crate) fn read_from_memory(
        &self,
        xml: &str,
        weights: &Bytes,
    ) -> Result<Model, OpenVinoError> {
        // SAFETY: the tensor is alive and owns its memory, of which the model keeps a share.
        unsafe { self.read_with(xml, weights.raw(), None) }
    }

    /// Reads an IR from its text and its mapped constants, which everything made of the model keeps mapped.
    pub(crate) fn read_mapped(
        &self,
        xml: &str,
        weights: Arc<Mapping>,
    ) -> Result<Model, OpenVinoError> {
        // SAFETY: the model gets the mapping, and with it all that is compiled and requested of it.
        unsafe {
            let tensor = MappedTensor::new(&weights)?;
            self.read_with(xml, tensor.raw(), Some(weights))
        }
    }

    /// # Safety
    /// `weights` must be a live tensor, and `mapping` what it lies in if it does not own its memory.
    unsafe fn read_with(
        &self,
        xml: &str,
        weights: *const sys::ov_tensor_t,
        mapping: Option<Arc<Mapping>>,
    ) -> Result<Model, OpenVinoError> {
        let action = "read the model";
        let mut handle = ptr::null_mut();
        // SAFETY: the handle and the tensor are alive, the text is alive and as long as is said.
        let status = unsafe {
            sys::ov_core_read_model_from_memory_buffer(
                self.handle,
                xml.as_ptr().cast::<c_char>(),
                xml.len(),
                weights,
                &raw mut handle,
            )
        };
        check(status, action)?;
        // SAFETY: on success a new handle that nobody else owns, of a model that reads these constants.
        Ok(unsafe { Model::from_raw(handle, mapping) })
    }

    /// Compiles for one device with properties that hold for this model only.
    pub(crate) fn compile(
        &self,
        model: &Model,
        device: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<CompiledModel, OpenVinoError> {
        let action = "compile the model";
        let device = c_string(device, action)?;
        let properties = Properties::new(properties, action)?;
        let raw = properties.raw();
        let mut handle = ptr::null_mut();
        // SAFETY: both handles are alive; `raw` points into `properties`, which outlives the call,
        // and its values are C strings (keys whose values are other pointers never get this far).
        let status = unsafe {
            sys::ov_core_compile_model_props(
                self.handle,
                model.raw(),
                device.as_ptr(),
                raw.len(),
                raw.as_ptr(),
                &raw mut handle,
            )
        };
        check(status, action)?;
        // SAFETY: on success a new handle that nobody else owns.
        Ok(unsafe { CompiledModel::from_raw(handle, model.mapping()) })
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // SAFETY: ours since `new`, and never used again.
        unsafe { sys::ov_core_free(self.handle) };
    }
}

/// Key and value strings, kept alive for the pointers handed to OpenVINO.
struct Properties(Vec<(CString, CString)>);

impl Properties {
    fn new(
        properties: &BTreeMap<String, String>,
        action: &'static str,
    ) -> Result<Self, OpenVinoError> {
        let pairs = properties
            .iter()
            .map(|(key, value)| {
                Ok((c_string(key.as_str(), action)?, c_string(value.as_str(), action)?))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(pairs))
    }

    fn raw(&self) -> Vec<sys::ov_property_t> {
        self.0
            .iter()
            .map(|(key, value)| sys::ov_property_t {
                key: key.as_ptr(),
                value: value.as_ptr().cast::<c_void>(),
            })
            .collect()
    }
}
