//! A model with all that its conditions are about, in a few typical states.

use super::super::*;
use crate::accelerator::NoDevice;
use crate::build::Apis;
use crate::facts::PodFacts;
use crate::plan::{JobView, Observed, Plan};
use crate::pods::{Info, ModelInfo};
use crate::testing::{self, COMMIT, plan, pulled, serving, time, valid};
use crate::validate::ValidatedModel;

/// A model with everything that its conditions are about.
pub(super) struct Scene {
    pub(super) valid: ValidatedModel,
    pub(super) observed: Observed,
    pub(super) apis: Apis,
    pub(super) applied: Applied,
    pub(super) accelerator: Option<NoDevice>,
}

impl Scene {
    pub(super) fn new(valid: ValidatedModel, observed: Observed) -> Self {
        Self {
            valid,
            observed,
            apis: Apis::default(),
            applied: Applied::default(),
            accelerator: None,
        }
    }

    /// A model that was just made.
    pub(super) fn fresh(rest: &str) -> Self {
        Self::new(valid(rest), Observed { now: Some(time("00:01:00")), ..Observed::default() })
    }

    /// A model whose files are there and whose pods are not.
    pub(super) fn prepared(rest: &str) -> Self {
        let valid = valid(rest);
        let observed = pulled(&valid, COMMIT);
        Self::new(valid, observed)
    }

    /// A model that answers on its one pod.
    pub(super) fn ready(rest: &str) -> Self {
        let (valid, mut observed) = serving(rest, COMMIT);
        observed.pods.push(pod());
        observed.infos.insert("1".to_owned(), answer("CPU"));
        Self::new(valid, observed)
    }

    pub(super) fn plan(&self) -> Plan {
        let mut plan = plan(&self.valid, &self.observed);
        if let Some(none) = &self.accelerator {
            plan.accelerator = Err(none.clone());
        }
        plan
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let plan = self.plan();
        let settings = testing::settings();
        let inputs = Inputs {
            valid: &self.valid,
            plan: &plan,
            observed: &self.observed,
            settings: &settings,
            apis: &self.apis,
        };
        findings(inputs, &self.applied)
    }

    /// The condition of a type.
    pub(super) fn find(&self, kind: ConditionType) -> Finding {
        let found = self.findings().into_iter().find(|finding| finding.kind == kind);
        found.unwrap_or_else(|| panic!("{kind} is always there"))
    }

    pub(super) fn reason(&self, kind: ConditionType) -> (State, Reason) {
        let found = self.find(kind);
        (found.state, found.reason)
    }
}

pub(super) fn pod() -> PodFacts {
    PodFacts {
        name: "small-1".to_owned(),
        uid: "1".to_owned(),
        phase: "Running".to_owned(),
        is_ready: true,
        scheduled: Some(time("00:00:01")),
        ..PodFacts::default()
    }
}

pub(super) fn answer(device: &str) -> Info {
    let model = ModelInfo {
        name: "small".to_owned(),
        device: device.to_owned(),
        device_name: "a device".to_owned(),
        ..ModelInfo::default()
    };
    Info { models: vec![model], not_serving: Vec::new() }
}

pub(super) fn failing(reason: Reason) -> JobView {
    let failure = crate::failure::Failure { reason, ..crate::failure::of_unmade_pod("it is so") };
    JobView { failure: Some(failure), ..JobView::default() }
}
