//! What all conditions have in common.

mod scene;
mod states;
mod verdicts;

use super::*;

#[test]
fn what_is_not_well_says_what_to_do_next_whatever_the_reason() {
    for reason in Reason::ALL {
        let finding = Finding::fails(ConditionType::Ready, *reason, "something is the matter");
        let message = finding.full_message();
        assert_eq!(message, format!("Something is the matter. {}", reason.next_action()));
        let silent = Finding::fails(ConditionType::Ready, *reason, "").full_message();
        assert_eq!(silent, format!("{} {}", reason.meaning(), reason.next_action()));
    }
    let well = Finding::holds(ConditionType::Ready, Reason::Ready, "the model answers");
    assert_eq!(well.full_message(), "The model answers.");
    // Well, and with something that a person may still want to do.
    let fallback = Finding::holds(ConditionType::Ready, Reason::FallbackInUse, "it runs on a CPU");
    assert!(fallback.full_message().ends_with(Reason::FallbackInUse.next_action()));
}

#[test]
fn a_model_that_is_not_ready_is_worked_on_or_stalled_or_halted_and_never_two_of_them() {
    for reason in Reason::ALL {
        let findings = summary(Finding::fails(ConditionType::Ready, *reason, "x"));
        let holds = |kind| {
            findings.iter().any(|finding| finding.kind == kind && finding.state == State::True)
        };
        let (works, stalled) = (holds(ConditionType::Reconciling), holds(ConditionType::Stalled));
        let is_halt = matches!(reason, Reason::Suspended | Reason::Paused);
        assert_eq!([works, stalled, is_halt].iter().filter(|it| **it).count(), 1, "{reason}");
        assert_eq!(stalled, needs_a_person(*reason), "{reason}");
    }
    let ready = summary(Finding::holds(ConditionType::Ready, Reason::Ready, ""));
    assert!(ready.iter().all(Finding::is_well), "{ready:?}");
}

#[test]
fn a_condition_keeps_its_time_until_its_state_changes() {
    let time = |text: &str| Time(text.parse().expect("a time"));
    let (then, now) = (time("2026-01-01T00:00:00Z"), time("2026-01-02T00:00:00Z"));
    let of = |reason| [Finding::fails(ConditionType::CachePopulated, reason, "")];
    let first = with_history(&of(Reason::Pulling), &[], 1, &then);
    assert_eq!(first[0].last_transition_time, then);
    let other_reason = with_history(&of(Reason::HubUnreachable), &first, 2, &now);
    assert_eq!(other_reason[0].last_transition_time, then, "the state is the same");
    assert_eq!(other_reason[0].observed_generation, Some(2));
    let holds = [Finding::holds(ConditionType::CachePopulated, Reason::Populated, "")];
    assert_eq!(with_history(&holds, &first, 2, &now)[0].last_transition_time, now);
}

#[test]
fn names_keep_their_spelling_at_the_start_of_a_sentence() {
    for (text, expected) in [
        ("the model answers", "The model answers"),
        ("bge-base: no such file", "bge-base: no such file"),
        ("org/name has no revision", "org/name has no revision"),
        ("0 of 1 pods", "0 of 1 pods"),
        ("", ""),
    ] {
        assert_eq!(capitalised(text), expected);
    }
}
