//! Connections to AWS.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

use crate::machine;

/// How long Init waits for the connections that it opens.
const WARM_UP: Duration = Duration::from_millis(300);

/// When the opening of a connection is given up.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// The authorities that sign the certificates of AWS's endpoints (<https://www.amazontrust.com/repository/>).
/// Reading the image's own store, of some 140, would be a third to a half of a cold start's CPU.
const ROOTS: &str = include_str!("roots.pem");

/// Connections, kept while they are used. They belong to the runtime that they are opened on.
pub(crate) fn connector() -> SharedHttpConnector {
    machine::connector().unwrap_or_else(network)
}

fn network() -> SharedHttpConnector {
    let roots = TrustStore::empty().with_pem_certificate(ROOTS);
    let mut builder = Connector::builder()
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_LIMIT).build())
        .sleep_impl(TokioSleep::new())
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    if let Ok(context) = TlsContext::builder().with_trust_store(roots).build() {
        builder = builder.tls_context(context);
    }
    SharedHttpConnector::new(builder.build())
}

/// Has an SDK client use these connections.
pub(crate) fn http_client(connector: SharedHttpConnector) -> SharedHttpClient {
    http_client_fn(move |_, _| connector.clone())
}

/// Has SDK clients share connections, which are made ready when the first of them calls.
pub(super) fn shared_http_client() -> SharedHttpClient {
    let shared = OnceLock::new();
    http_client_fn(move |_, _| shared.get_or_init(connector).clone())
}

/// Opens a connection in Init, where the CPU is not yet throttled: one signed call, whatever it is answered.
/// A function whose first call pays for the TLS handshake can take most of a second.
pub(crate) async fn warm_up(call: impl Future) {
    let _ = tokio::time::timeout(WARM_UP, call).await;
}

/// The retry policy of a warm-up call: none.
pub(crate) fn no_retries() -> RetryConfig {
    RetryConfig::disabled()
}
