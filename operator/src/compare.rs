//! Whether an object is as it should be, so that nothing is written that changes nothing. Pure.
//!
//! What the operator applies must be there with the same values; what the API server or others
//! added beside it does not count. What the operator no longer applies is found by the hash of what
//! it applied last, not here.

use serde_json::Value;

/// Whether everything in `wanted` is in `live` with an equal value.
///
/// Lists must be of the same length, their elements pairwise contained, in this order; quantities
/// (`1Gi`, `1024Mi`) are equal by their value. Owners are compared apart, because others may add theirs.
pub(crate) fn is_contained(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            wanted.iter().all(|(key, wanted)| match live.get(key) {
                Some(live) => match key.as_str() {
                    "ownerReferences" => owners_are_contained(wanted, live),
                    _ => is_contained(wanted, live),
                },
                // The API server leaves out what says nothing.
                None => is_empty(wanted),
            })
        }
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.len() == live.len()
                && wanted.iter().zip(live).all(|(wanted, live)| is_contained(wanted, live))
        }
        (Value::String(wanted), Value::String(live)) => {
            wanted == live || are_equal_quantities(wanted, live)
        }
        (wanted, live) => wanted == live,
    }
}

fn owners_are_contained(wanted: &Value, live: &Value) -> bool {
    let (Some(wanted), Some(live)) = (wanted.as_array(), live.as_array()) else { return false };
    wanted.iter().all(|owner| live.iter().any(|other| owner["uid"] == other["uid"]))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
    }
}

fn are_equal_quantities(one: &str, other: &str) -> bool {
    match (thousandths(one), thousandths(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// A quantity in thousandths; `None` for other texts. Quantities of users may be written in any of
/// Kubernetes' ways, and the API server rewrites them.
fn thousandths(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.is_empty() || whole.len() > 15 || fraction.len() > 3 {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction:0<3}").parse().ok()?;
    let factor: i128 = match unit {
        "" => 1000,
        "m" => 1,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "T" => 1_000_000_000_000_000,
        "Ki" => 1000 << 10,
        "Mi" => 1000 << 20,
        "Gi" => 1000 << 30,
        "Ti" => 1000 << 40,
        _ => return None,
    };
    Some(digits * factor / 1000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_api_server_added_does_not_count() {
        let wanted = json!({"spec": {"replicas": 2, "template": {"containers": [{"name": "a"}]}}});
        let live = json!({"spec": {"replicas": 2, "paused": false, "template": {"containers": [
            {"name": "a", "terminationMessagePath": "/dev/termination-log"}
        ], "dnsPolicy": "ClusterFirst"}}, "status": {}});
        assert!(is_contained(&wanted, &live));
    }

    #[test]
    fn what_somebody_changed_or_took_away_counts() {
        let wanted = json!({"a": 1, "list": [1, 2], "text": "x"});
        for live in [
            json!({"a": 2, "list": [1, 2], "text": "x"}),
            json!({"list": [1, 2], "text": "x"}),
            json!({"a": 1, "list": [1], "text": "x"}),
            json!({"a": 1, "list": [1, 2, 3], "text": "x"}),
            json!({"a": 1, "list": [2, 1], "text": "x"}),
            json!({"a": 1, "list": [1, 2], "text": "y"}),
        ] {
            assert!(!is_contained(&wanted, &live), "{live}");
        }
    }

    #[test]
    fn quantities_are_equal_by_value() {
        for (one, other, equal) in [
            ("1000m", "1", true),
            ("0.5", "500m", true),
            ("1024Mi", "1Gi", true),
            ("1Gi", "1G", false),
            ("1", "2", false),
            ("v1", "1", false),
        ] {
            assert_eq!(is_contained(&json!(one), &json!(other)), equal, "{one} {other}");
        }
    }

    #[test]
    fn what_says_nothing_may_be_missing() {
        assert!(is_contained(&json!({"selector": {}, "ingress": [], "x": null}), &json!({})));
        assert!(!is_contained(&json!({"selector": {"a": "b"}}), &json!({})));
    }

    #[test]
    fn other_owners_may_be_beside_ours() {
        let wanted = json!({"ownerReferences": [{"uid": "1"}]});
        assert!(is_contained(&wanted, &json!({"ownerReferences": [{"uid": "2"}, {"uid": "1"}]})));
        assert!(!is_contained(&wanted, &json!({"ownerReferences": [{"uid": "2"}]})));
    }
}
