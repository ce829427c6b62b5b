//! HTTPS with a certificate made on the spot.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::Certificate;

/// A certificate for 127.0.0.1 and the authority that signed it.
pub(crate) struct Identity {
    pub(crate) authority_pem: String,
    acceptor: TlsAcceptor,
}

impl Identity {
    pub(crate) fn generate() -> Self {
        let Certificate { authority_pem, leaf, key } = Certificate::generate();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider's versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("the key fits the certificate");
        Self { authority_pem, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    pub(crate) fn listener(&self, listener: TcpListener) -> TlsListener {
        TlsListener { listener, acceptor: self.acceptor.clone() }
    }
}

/// Accepts connections whose handshake succeeds.
pub(crate) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // A client that does not trust the certificate hangs up in the handshake; the next one is welcome.
            if let Ok((stream, address)) = self.listener.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
