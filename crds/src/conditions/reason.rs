//! The closed list of reasons, each with its meaning and the next action.

use std::fmt;

macro_rules! reasons {
    ($($name:ident: $meaning:literal => $action:literal,)*) => {
        /// Why a condition is as it is.
        ///
        /// The same reason may stand at several conditions, at `Ready` above all, which repeats the
        /// reason of the first condition that is not as it should be.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The text in `status.conditions[].reason`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What the reason means, as a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What a person does next, as a sentence. Messages of conditions end with it.
            pub fn next_action(self) -> &'static str {
                match self { $(Self::$name => $action,)* }
            }

            /// The reason with this text.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == name)
            }
        }
    };
}

reasons! {
    // When all is well.
    Ready: "The model answers." => "Nothing needs to be done.",
    Resolved: "The revision was resolved to a commit." => "Nothing needs to be done.",
    Populated: "All files are there and verified." => "Nothing needs to be done.",
    NotNeeded: "This step does not apply to the model." => "Nothing needs to be done.",
    NodesFit: "There are nodes that fit the pods." => "Nothing needs to be done.",
    Available: "Enough pods are available." => "Nothing needs to be done.",
    Loaded: "Every ready pod has loaded the model." => "Nothing needs to be done.",
    Verified: "The pods run on the device that was asked for." => "Nothing needs to be done.",
    Routed: "The model can be reached." => "Nothing needs to be done.",
    Scaling: "The autoscaler works." => "Nothing needs to be done.",
    ScaledToZero: "The model is prepared and has no pods, as asked for." => "Set replicas to 1 or more to serve it.",

    // While something is under way.
    Pending: "An earlier step has to finish first." => "Wait for the earlier condition to become true.",
    Resolving: "The revision is being resolved." => "Wait for the resolve Job to finish.",
    Pulling: "The files are being pulled." => "Follow the progress in status.pull.",
    WaitingForVolume: "The volume is not bound yet." => "Look at the events of the PersistentVolumeClaim if it stays so.",
    Starting: "Pods are starting." => "Wait for them, or look at status.lastFailure if it stays so.",
    Loading: "Pods are loading the model." => "Wait for them, or look at the pods' log if it stays so.",
    RollingOut: "Pods are being replaced." => "Follow the progress in status.rollout.",
    Deleting: "The model is being deleted." => "Wait until its objects are gone.",
    Unknown: "The state could not be observed." => "Look at the operator's log if it stays so.",

    // When a person asked for a halt.
    Suspended: "The operator leaves the model alone, as asked for." => "Set suspend to false to go on.",
    Paused: "Changes wait, as asked for." => "Set rollout.paused to false to go on.",

    // The specification.
    InvalidSpec: "The specification contradicts itself." => "Correct the field that the message names.",
    ServedNameConflict: "Another EmbeddingModel of the namespace serves the same name." => "Give one of them another servedName.",
    SecretNotFound: "A Secret that is referred to, or its key, does not exist." => "Create it, or correct the reference.",
    ConfigMapNotFound: "A ConfigMap that is referred to, or its key, does not exist." => "Create it, or correct the reference.",

    // The source.
    AuthenticationRequired: "The repository is private or gated, and no valid token was given." => "Accept the model's terms on the hub and set source.huggingFace.tokenSecretRef.",
    AccessDenied: "The token may not read the repository." => "Ask for access on the hub, or use another token.",
    RepositoryNotFound: "The hub has no such repository, or hides it without a token." => "Correct source.huggingFace.repo, or set tokenSecretRef.",
    RevisionNotFound: "The repository has no such revision." => "Correct source.huggingFace.revision.",
    FileNotFound: "A file that is needed is not in the source." => "Use a repository that has it, or correct include and exclude.",
    HubUnreachable: "The hub could not be reached." => "Check the endpoint, the proxy and the NetworkPolicy; it is tried again by itself.",
    HubError: "The hub answered with an error." => "Look at the hub's status page; it is tried again by itself.",
    RateLimited: "The hub asked to slow down." => "Wait, or set tokenSecretRef for a higher limit; it is tried again by itself.",
    CertificateInvalid: "The endpoint's certificate could not be verified." => "Set source.huggingFace.caBundleRef to the certificates of its authority.",

    // The files.
    InsufficientStorage: "The volume is too small for the files." => "Raise cache.persistentVolumeClaim.size, or free space.",
    HashMismatch: "A file has another hash than it should have." => "Check the mirror, or correct source.verify; it is pulled again by itself.",
    UnsupportedModel: "The model's architecture or format cannot be served." => "Use a repository in OpenVINO's format, or export the model as the message says.",
    ConversionFailed: "The model could not be converted." => "Look at the pull Job's log.",
    VolumeUnavailable: "The volume cannot be used." => "Look at the events of the PersistentVolumeClaim; check its storage class.",
    PullFailed: "Pulling failed for another reason." => "Look at status.pull.lastError; it is tried again by itself.",

    // Nodes and devices.
    InsufficientCPU: "No node has enough free CPU." => "Add a node, or lower resources.",
    InsufficientMemory: "No node has enough free memory." => "Add a node, or lower resources.",
    InsufficientGPU: "No node has a free GPU of the kind asked for." => "Add a node with an Intel GPU and its device plugin, or lower replicas.",
    NoMatchingDriver: "No node offers the GPU driver asked for." => "Set device.gpu.resourceName to what the nodes offer, or to Auto.",
    RenderGroupUnknown: "The group of the GPU's render node is not known." => "Set device.gpu.renderGroups to mode Static with the group of /dev/dri/renderD128.",
    HostPathNotAllowed: "The operator was not allowed to mount /dev/dri." => "Use allocation DevicePlugin or DRA, or start the operator with permission for host paths.",
    VolumeNodeConflict: "The volume can only be used on a node that does not fit the pods." => "Use a storage class with ReadWriteMany, or one replica.",
    Unschedulable: "No node fits the pods for another reason." => "Look at the message, and at scheduling.",
    DeviceMismatch: "A pod runs on another device than was asked for." => "Look at the pod's log, at the node's driver and render group, and whether image.serving is one for GPUs (its tag ends in -gpu).",
    FallbackInUse: "The model runs on the CPU, as fallback allows." => "Repair the device (image.serving must be one for GPUs, whose tag ends in -gpu), or set fallback to Never to refuse this.",

    // Pods.
    ImagePullFailed: "An image cannot be pulled." => "Check spec.image and podTemplate.imagePullSecrets.",
    CrashLoop: "A container ends again and again." => "Look at status.lastFailure and at the pod's log.",
    OutOfMemory: "A container was ended because it used more memory than it may." => "Raise resources.limits.memory, or lower device.numStreams.",
    LoadFailed: "A pod could not load the model." => "Look at status.lastFailure and at the pod's log.",
    PodsNotReady: "Too few pods answer." => "Look at the pods' events and logs.",
    QuotaExceeded: "The namespace's quota does not allow another object." => "Raise the quota, or lower resources.",
    RolloutFailed: "A rollout made no progress for too long; what served before goes on serving." => "Look at status.rollout and status.lastFailure, then correct the specification.",
    RolledBack: "A rollout failed, and what served before serves again." => "Look at status.rollout, then correct the specification.",

    // Routes and scaling.
    RouteNotAccepted: "The Gateway or Ingress controller did not accept the route." => "Look at the route's own status.",
    ResourceDefinitionMissing: "The cluster lacks the resource definition of an object that was asked for." => "Install it, or take the request back.",
    MetricsUnavailable: "The autoscaler has no metrics." => "Install metrics-server, and check that the pods request CPU.",
    ScalingFailed: "The autoscaler does not work for another reason." => "Look at the HorizontalPodAutoscaler's status.",
    ApplyFailed: "The API server refused an object that the operator needs." => "Look at the message; it is tried again by itself.",
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
