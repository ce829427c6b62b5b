//! Every object that the operator makes for a model, whole: what changes here changes in clusters.
//!
//! After a deliberate change `INSTA_UPDATE=always cargo test -p operator --test snapshots` rewrites the
//! snapshots; the difference belongs into the commit.

#[path = "snapshots/cases.rs"]
mod cases;

use serde_json::json;

#[test]
fn the_objects_of_every_case_are_as_they_were_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for case in cases::all() {
            let objects: Vec<_> = case
                .objects
                .iter()
                .map(|object| {
                    json!({
                        "ownership": format!("{:?}", object.ownership),
                        "update": format!("{:?}", object.update),
                        "object": object.body,
                    })
                })
                .collect();
            insta::assert_yaml_snapshot!(case.name, objects);
        }
    });
}

/// Two objects of one kind and name would undo each other for ever.
#[test]
fn no_case_has_two_objects_of_one_kind_and_name() {
    for case in cases::all() {
        let mut names: Vec<_> = case.objects.iter().map(|it| (it.kind, &it.name)).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{}: {names:?}", case.name);
    }
}

/// The watches see only what carries the label, and an object without an owner stays for ever.
#[test]
fn every_object_is_labelled_and_has_an_owner() {
    for case in cases::all() {
        for object in &case.objects {
            let metadata = &object.body["metadata"];
            let manager = &metadata["labels"]["app.kubernetes.io/managed-by"];
            assert_eq!(manager, "embedserve-operator", "{}: {}", case.name, object.name);
            assert_eq!(metadata["namespace"], "search", "{}: {}", case.name, object.name);
            // A Job that removes files outlives the model, and is deleted by name.
            let is_removal = case.name == "removal";
            let owner = &metadata["ownerReferences"][0]["name"];
            assert_eq!(owner == "small", !is_removal, "{}: {}", case.name, object.name);
        }
    }
}
