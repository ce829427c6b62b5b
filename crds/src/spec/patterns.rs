//! The text patterns of the schema, named. They are RE2 as the API server reads them, and anchored.

/// `organisation/name` on the hub.
pub(crate) const REPOSITORY: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$";

/// A git revision; `.` and `/` stand alone and inside, as git itself wants it.
pub(crate) const REVISION: &str = "^[A-Za-z0-9_]([A-Za-z0-9_+@=-]|[./][A-Za-z0-9_+@=-])*$";

/// The name of a Kubernetes object (RFC 1123 subdomain).
pub(crate) const NAME: &str = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";

/// A key of a Secret or ConfigMap.
pub(crate) const SECRET_KEY: &str = "^[-._a-zA-Z0-9]+$";

/// A SHA-256 hash.
pub(crate) const SHA256: &str = "^[a-f0-9]{64}$";

/// A model name that clients send: path segments that each start with a letter or digit, so that it
/// is also a safe folder and a safe address.
pub(crate) const SERVED_NAME: &str =
    "^[A-Za-z0-9][A-Za-z0-9._:@-]*(/[A-Za-z0-9][A-Za-z0-9._:@-]*)*$";

/// A size in bytes: a positive number with an optional unit.
pub(crate) const BYTES: &str = "^[1-9][0-9]{0,14}([.][0-9]{1,3})?(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$";

/// An amount of CPU, memory and so on as Kubernetes reads it, but not a negative one.
pub(crate) const QUANTITY: &str =
    "^([0-9]+([.][0-9]*)?|[.][0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$";

/// Hours, minutes and seconds.
pub(crate) const DURATION: &str = "^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$";

/// A number of pods, or a percentage of them, as text.
pub(crate) const COUNT_OR_PERCENT: &str = "^([0-9]|[1-9][0-9]|100)%$";

/// `Auto`, or the name of an extended resource.
pub(crate) const RESOURCE_NAME: &str =
    "^(Auto|[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$";

/// The host name of an Ingress or HTTPRoute; the first label may be `*`.
pub(crate) const HOST: &str =
    "^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// A container image: anything without blanks.
pub(crate) const IMAGE: &str = "^[A-Za-z0-9][^ \t\r\n]*$";
