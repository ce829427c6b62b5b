//! The records of complete files: one ConfigMap for each cache key, which never changes. They are read once.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use model_repository::job_report::SourceReport;

use crate::build::RECORD;
use crate::context::Context;
use crate::kind::Kind;
use crate::watches::{place, scoped};
use crate::{names, pages};

/// Reads all records that there are, so that the first looks at all models need no request for each.
///
/// # Errors
/// When they cannot be listed.
pub async fn read_all(context: &Context) -> Result<(), kube::Error> {
    let selector = format!("{},{}", names::watch_selector(), names::CACHE_KEY);
    for scope in context.settings.scopes() {
        let api: Api<ConfigMap> = scoped(&context.client, scope.as_deref());
        let records = ListParams::default().labels(&selector);
        pages::for_each(&api, records, |record| {
            let key = record.labels().get(names::CACHE_KEY);
            if let (Some(key), Some(report)) = (key, report(record)) {
                let namespace = record.namespace().unwrap_or_default();
                let place = place(Kind::ConfigMap, &namespace, &names::cache(key));
                let uid = record.uid().unwrap_or_default();
                context.inventory.remember_record(&place, uid, report);
            }
        })
        .await?;
    }
    Ok(())
}

/// Adds what the record of a cache key says, if there is one.
///
/// # Errors
/// When the API server does not answer as it should.
pub async fn add(
    context: &Context,
    namespace: &str,
    key: &str,
    records: &mut BTreeMap<String, SourceReport>,
) -> Result<(), kube::Error> {
    if records.contains_key(key) {
        return Ok(());
    }
    let place = place(Kind::ConfigMap, namespace, &names::cache(key));
    let live = context.inventory.get(&place).filter(|live| !live.is_leaving);
    let Some(live) = live else { return Ok(()) };
    if let Some(known) = context.inventory.known_record(&place, &live.uid) {
        records.insert(key.to_owned(), known);
        return Ok(());
    }
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), namespace);
    let Some(record) = api.get_opt(&place.name).await? else { return Ok(()) };
    if let Some(report) = report(&record) {
        let uid = record.uid().unwrap_or_default();
        context.inventory.remember_record(&place, uid, report.clone());
        records.insert(key.to_owned(), report);
    }
    Ok(())
}

fn report(record: &ConfigMap) -> Option<SourceReport> {
    serde_json::from_str(record.data.as_ref()?.get(RECORD)?).ok()
}
