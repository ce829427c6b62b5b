//! What tools do about each reason.

use super::super::*;

/// Every reason, by what Flux, Argo and `kubectl wait` are to do about it. A new reason does not compile
/// without a decision.
#[test]
fn every_reason_is_either_work_under_way_or_a_persons_or_a_halt() {
    #[derive(Debug, PartialEq)]
    enum Verdict {
        Reconciling,
        Stalled,
        Halt,
    }
    use Reason as R;
    for reason in R::ALL {
        let expected = match reason {
            R::Suspended | R::Paused => Verdict::Halt,
            R::InvalidSpec
            | R::ServedNameConflict
            | R::SecretNotFound
            | R::ConfigMapNotFound
            | R::AuthenticationRequired
            | R::AccessDenied
            | R::RepositoryNotFound
            | R::RevisionNotFound
            | R::FileNotFound
            | R::CertificateInvalid
            | R::InsufficientStorage
            | R::UnsupportedModel
            | R::ConversionFailed
            | R::NoMatchingDriver
            | R::HostPathNotAllowed
            | R::DeviceMismatch
            | R::LoadFailed
            | R::QuotaExceeded
            | R::RolloutFailed
            | R::RolledBack
            | R::ResourceDefinitionMissing
            | R::ApplyFailed => Verdict::Stalled,
            R::Ready
            | R::Resolved
            | R::Populated
            | R::NotNeeded
            | R::NodesFit
            | R::Available
            | R::Loaded
            | R::Verified
            | R::Routed
            | R::Scaling
            | R::ScaledToZero
            | R::Pending
            | R::Resolving
            | R::Pulling
            | R::WaitingForVolume
            | R::Starting
            | R::Loading
            | R::RollingOut
            | R::Deleting
            | R::Unknown
            | R::HubUnreachable
            | R::HubError
            | R::RateLimited
            | R::HashMismatch
            | R::VolumeUnavailable
            | R::PullFailed
            | R::InsufficientCPU
            | R::InsufficientMemory
            | R::InsufficientGPU
            | R::RenderGroupUnknown
            | R::VolumeNodeConflict
            | R::Unschedulable
            | R::FallbackInUse
            | R::ImagePullFailed
            | R::CrashLoop
            | R::OutOfMemory
            | R::PodsNotReady
            | R::RouteNotAccepted
            | R::MetricsUnavailable
            | R::ScalingFailed => Verdict::Reconciling,
        };
        let findings = summary(Finding::fails(ConditionType::Ready, *reason, "so"));
        let holds = |kind| findings.iter().any(|it| it.kind == kind && it.state == State::True);
        let found = match (holds(ConditionType::Reconciling), holds(ConditionType::Stalled)) {
            (true, false) => Verdict::Reconciling,
            (false, true) => Verdict::Stalled,
            (false, false) => Verdict::Halt,
            (true, true) => panic!("{reason} is both"),
        };
        assert_eq!(found, expected, "{reason}");
    }
}
