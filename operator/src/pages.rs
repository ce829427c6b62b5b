//! Lists of any length, a page at a time, so that a restart needs little memory.

use std::fmt::Debug;

use kube::Api;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

/// Objects that one answer to a list holds at most.
pub(crate) const PAGE: u32 = 100;

/// Visits every object that the parameters find.
///
/// # Errors
/// When a page cannot be had; those before it were visited.
pub(crate) async fn for_each<K: Clone + Debug + DeserializeOwned>(
    api: &Api<K>,
    params: ListParams,
    mut visit: impl FnMut(&K),
) -> Result<(), kube::Error> {
    let mut params = params.limit(PAGE);
    loop {
        let page = api.list(&params).await?;
        page.items.iter().for_each(&mut visit);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(()),
        }
    }
}
