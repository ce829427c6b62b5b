//! The operator and the server stay in step although neither knows the other: what the one writes into
//! pods is what the other reads.

#[path = "contract/arguments.rs"]
mod arguments;
#[path = "../operator/tests/snapshots/cases.rs"]
mod cases;
#[path = "contract/progress.rs"]
mod progress;
#[path = "contract/reports.rs"]
mod reports;
#[path = "contract/routes.rs"]
mod routes;
#[path = "contract/settings.rs"]
mod settings;

use operator::build::Wanted;
use serde_json::Value;

/// A container of one of the operator's pods.
struct Container {
    /// Where it is from, for messages.
    of: String,
    container: Value,
}

impl Container {
    fn args(&self) -> Vec<String> {
        let args = self.container["args"].as_array().expect("it has arguments");
        args.iter().map(|it| it.as_str().expect("a text").to_owned()).collect()
    }
}

/// All containers of all cases.
fn containers() -> Vec<Container> {
    let mut containers = Vec::new();
    for case in cases::all() {
        for object in &case.objects {
            let pod = &object.body["spec"]["template"]["spec"];
            for list in ["initContainers", "containers"] {
                for container in pod[list].as_array().into_iter().flatten() {
                    let of = format!("{}: {} {}", case.name, object.kind, object.name);
                    containers.push(Container { of, container: container.clone() });
                }
            }
        }
    }
    assert!(containers.len() > 15, "there are many");
    containers
}

/// The object of a case whose name begins so.
fn object(case: &str, kind: operator::kind::Kind, name: &str) -> Wanted {
    let case = cases::all().into_iter().find(|it| it.name == case).expect("there is such a case");
    let mut objects = case.objects.into_iter();
    objects.find(|it| it.kind == kind && it.name.starts_with(name)).expect("it is made")
}
