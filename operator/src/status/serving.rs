//! What the status says of the model that is served: its properties, its device, where it answers, and which
//! release its pods run.

use crds::status::{DeviceStatus, EffectiveStatus, EndpointStatus, ModelStatus, RolloutStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::accelerator::driver_of;
use crate::build::Inputs;
use crate::conditions;
use crate::plan::rollout::ReleaseState;
use crate::pods::ModelInfo;
use crate::release;

pub(super) fn model(inputs: Inputs<'_>, models: &[&ModelInfo]) -> Option<ModelStatus> {
    let report = inputs.plan.cache.report()?;
    let facts = &report.facts;
    let info = models.first();
    let count = |number: usize| i32::try_from(number).ok();
    let pooling = info
        .map(|info| info.pooling.clone())
        .or_else(|| facts.graph_pooling.clone().or_else(|| facts.pooling.clone()));
    let normalize =
        info.map_or_else(|| release::normalizes(inputs.valid, report), |info| info.normalize);
    let limit = inputs.valid.model.request_limits().max_input_tokens.or(facts.usable_tokens);
    Some(ModelStatus {
        architecture: facts.architecture.clone(),
        dimensions: info
            .and_then(|info| count(info.dimensions))
            .or_else(|| facts.graph_dimensions.or(facts.hidden_size).and_then(count)),
        max_input_tokens: info.map(|info| info.max_tokens).or(limit).and_then(count),
        pooling: pooling.map(|mode| match mode.as_str() {
            "MEAN" => "Mean".to_owned(),
            "LAST" => "LastToken".to_owned(),
            _ => mode,
        }),
        normalize: Some(normalize),
        precision: info
            .and_then(|info| info.weight_format.clone())
            .or_else(|| report.weight_format.clone())
            .or_else(|| facts.precision.clone()),
        tokenizer: facts.tokenizer.clone(),
    })
}

pub(super) fn device(inputs: Inputs<'_>, models: &[&ModelInfo]) -> DeviceStatus {
    let wanted = inputs.valid.model.spec.device.target;
    let mut actual: Vec<&str> = models.iter().map(|model| model.device.as_str()).collect();
    actual.sort_unstable();
    actual.dedup();
    let accelerator = inputs.plan.accelerator.as_ref().ok();
    let resources: Vec<&str> = accelerator
        .into_iter()
        .flat_map(|plan| &plan.variants)
        .filter_map(|variant| variant.resource.as_deref())
        .collect();
    let drivers: Vec<&str> = resources.iter().filter_map(|resource| driver_of(resource)).collect();
    let mut nodes: Vec<String> =
        conditions::ready_pods(inputs).filter_map(|pod| pod.node.clone()).collect();
    nodes.sort();
    nodes.dedup();
    let text = |words: Vec<&str>| Some(words.join(",")).filter(|text| !text.is_empty());
    DeviceStatus {
        requested: Some(wanted.as_str().to_owned()),
        actual: match actual.as_slice() {
            [] => None,
            [one] => Some((*one).to_owned()),
            _ => Some("Mixed".to_owned()),
        },
        driver: text(drivers),
        resource_name: text(resources),
        render_gids: accelerator.map(|plan| plan.groups.clone()).unwrap_or_default(),
        verified_pods: i32::try_from(
            models.iter().filter(|model| conditions::is_device(&model.device, wanted)).count(),
        )
        .ok(),
        nodes,
    }
}

pub(super) fn effective(inputs: Inputs<'_>) -> Option<EffectiveStatus> {
    let serving = inputs.plan.serving.as_ref()?;
    Some(EffectiveStatus {
        resources: Some(serving.resources.clone()),
        plugin_config: inputs.valid.model.spec.device.properties(),
        image: serving.release.image.clone(),
        config_hash: serving
            .release
            .config_map
            .as_deref()
            .map(|name| release::label(name).to_owned()),
    })
}

pub(super) fn endpoint(inputs: Inputs<'_>) -> EndpointStatus {
    let valid = inputs.valid;
    let expose = &valid.model.spec.expose;
    let host = match (&expose.ingress, &expose.route) {
        (Some(ingress), _) => {
            let scheme = if ingress.tls_secret.is_some() { "https" } else { "http" };
            Some(format!("{scheme}://{}", ingress.host))
        }
        (None, Some(route)) => route
            .hostnames
            .iter()
            .find(|host| !host.starts_with('*'))
            .map(|host| format!("http://{host}")),
        (None, None) => None,
    };
    let inside = format!("http://{}.{}.svc:{}", valid.name, valid.namespace, expose.service.port);
    EndpointStatus {
        url: Some(format!("{}/v3", host.unwrap_or(inside))),
        paths: vec!["/v3/embeddings".to_owned(), "/v1/embeddings".to_owned()],
        served_name: Some(valid.served_name.clone()),
        auth_required: Some(valid.model.spec.auth.api_key_secret_ref.is_some()),
    }
}

pub(super) fn rollout(
    inputs: Inputs<'_>,
    old: Option<RolloutStatus>,
    now: &Time,
) -> Option<RolloutStatus> {
    let plan = inputs.plan;
    if plan.serving.is_none() && old.is_none() {
        return None;
    }
    let target = plan.target.as_ref().and_then(|target| target.resolved_revision.clone());
    let label =
        plan.serving.as_ref().and_then(|serving| serving.release.label().map(str::to_owned));
    let same = old.as_ref().is_some_and(|old| {
        old.target_revision == target
            && (old
                .message
                .as_deref()
                .unwrap_or_default()
                .contains(label.as_deref().unwrap_or("?"))
                || old.state == Some(plan.rollout.state))
    });
    Some(RolloutStatus {
        current_revision: plan.rollout.current.clone(),
        target_revision: target,
        previous_revision: plan.rollout.previous.clone(),
        state: Some(plan.rollout.state),
        started_time: old
            .filter(|_| same)
            .and_then(|old| old.started_time)
            .or_else(|| Some(now.clone())),
        message: Some(plan.rollout.message.clone()),
    })
}
