//! A certificate for this machine's loopback address, made on the spot.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// A certificate for 127.0.0.1 and the authority that signed it.
pub(crate) struct Certificate {
    pub(crate) authority_pem: String,
    pub(crate) leaf: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

impl Certificate {
    pub(crate) fn generate() -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).expect("signed").pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])
            .and_then(|leaf| leaf.signed_by(&key, &issuer))
            .expect("signed");
        Self { authority_pem, leaf, key }
    }
}
