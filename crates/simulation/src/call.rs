//! A call of a function to AWS, and what it is answered.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// What a service answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A refusal of a request.
    pub(crate) fn refused(kind: &str) -> Self {
        Self::failed(400, kind)
    }

    pub(crate) fn failed(status: u16, kind: &str) -> Self {
        let body = serde_json::json!({ "__type": kind, "message": "simulated" });
        Self { status, body: body.to_string().into() }
    }

    /// How it goes into the record.
    pub(crate) fn word(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let kind = body["__type"].as_str().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        let reasons = body["CancellationReasons"].as_array().into_iter().flatten();
        let reasons: Vec<_> = reasons.filter_map(|reason| reason["Code"].as_str()).collect();
        format!("{} {kind} {}", self.status, reasons.join(",")).trim_end().to_owned()
    }
}

/// A call on its way.
pub(crate) struct Call {
    pub(crate) host: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) operation: String,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(request: &HttpRequest) -> Self {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let uri = request.uri().trim_start_matches("http://");
        let (host, path) = uri.split_once('/').unwrap_or((uri, ""));
        let operation = target.rsplit('.').next().unwrap_or_default();
        let service = target.split(['.', '_']).next().unwrap_or_default();
        Self {
            host: if target.is_empty() { host.to_owned() } else { service.to_owned() },
            method: request.method().to_owned(),
            path: path.to_owned(),
            operation: if operation.is_empty() { request.method().to_owned() } else { operation.to_owned() },
            body: request.body().bytes().unwrap_or_default().to_owned(),
        }
    }

    /// What it is about, for the record. Bodies are not in the order in which they were put together.
    pub(crate) fn text(&self) -> String {
        match self.host.as_str() {
            "management.test" => {
                let text = String::from_utf8_lossy(&self.body);
                format!("{} {} {text}", self.method, self.path.rsplit('/').next().unwrap_or_default())
            }
            _ => format!("{} {}", self.host, self.operation),
        }
    }
}
