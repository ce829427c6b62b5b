//! What a real API server makes of the definition of `EmbeddingModel`: what it takes and refuses, what it
//! adds, and what kubectl shows of it. The crate `crds` promises the same without a cluster, so objects are
//! judged by both.

#[path = "../crds/tests/rules/cases.rs"]
mod cases;
#[path = "../crds/tests/rules/changes.rs"]
mod changes;
#[path = "../crds/tests/rules/small_model.rs"]
mod small_model;

#[path = "crd/agreement.rs"]
mod agreement;
#[path = "crd/applying.rs"]
mod applying;
#[path = "crd/columns.rs"]
mod columns;
#[path = "crd/definition.rs"]
mod definition;
#[path = "crd/forms.rs"]
mod forms;
#[path = "crd/rules.rs"]
mod rules;
#[path = "crd/support.rs"]
mod support;
