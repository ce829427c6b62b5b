//! Certificate authorities in a PEM file, for every client that is to trust more than the system does.

use std::path::Path;

use reqwest::Certificate;

use crate::error::HubError;

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// [`HubError::CaBundle`] if the file cannot be read or holds none.
pub fn read_certificates(path: &Path) -> Result<Vec<Certificate>, HubError> {
    let unusable = |source| HubError::CaBundle { path: path.to_owned(), source };
    let pem = std::fs::read(path).map_err(|source| unusable(source.into()))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|source| unusable(source.without_url().into()))?;
    match certificates.is_empty() {
        true => Err(unusable("it holds no certificate".into())),
        false => Ok(certificates),
    }
}
