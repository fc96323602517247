//! Where everything answers: three ports, and `urls.json`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::template::names::{REGION, SUFFIX};
use crate::template::stack::Stack;

/// The addresses of a running gateway.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    /// `127.0.0.1:3000`: HTTP API and page.
    pub(crate) http_host: String,
    /// `127.0.0.1:3001`: WebSocket API and `@connections`.
    pub(crate) websocket_host: String,
    /// `127.0.0.1:3002/<word>`: AWS endpoints and Runtime API, below a word that nobody guesses.
    pub(crate) aws: String,
}

/// `urls.json`.
#[expect(clippy::struct_field_names, reason = "the names of the file")]
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UrlFile {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) http_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) signal_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) management_url: Option<String>,
    pub(crate) dynamodb_url: String,
    pub(crate) secrets_url: String,
    #[serde(default)]
    pub(crate) sqs_url: String,
    pub(crate) admin_url: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) demo_url: Option<String>,
}

impl Urls {
    /// What `urls.json` says for the APIs of `stack`.
    pub(crate) fn file(&self, stack: &Stack) -> UrlFile {
        let stage = stack.websocket.as_ref().map(|api| api.stage.as_str());
        UrlFile {
            http_url: stack.http.as_ref().map(|api| match api.stage.as_str() {
                "$default" => format!("http://{}", self.http_host),
                stage => format!("http://{}/{stage}", self.http_host),
            }),
            signal_url: stage.map(|stage| format!("ws://{}/{stage}", self.websocket_host)),
            management_url: stage.map(|stage| format!("http://{}/{stage}", self.websocket_host)),
            dynamodb_url: format!("http://{}/dynamodb", self.aws),
            secrets_url: format!("http://{}/secrets", self.aws),
            sqs_url: format!("http://{}/sqs", self.aws),
            admin_url: format!("http://{}/_local", self.http_host),
            demo_url: None,
        }
    }

    /// The addresses that a running gateway has written to `folder`.
    ///
    /// # Errors
    ///
    /// A sentence when no gateway runs there.
    pub(crate) fn of_running(folder: &Path) -> Result<Self, String> {
        let path = path(folder);
        let text = std::fs::read(&path).map_err(|error| {
            format!("{}: {error}; is a gateway running? start one: make run", path.display())
        })?;
        let file: UrlFile =
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let host = |url: &str| url.split('/').nth(2).unwrap_or_default().to_owned();
        Ok(Self {
            http_host: host(&file.admin_url),
            websocket_host: file.signal_url.as_deref().map(host).unwrap_or_default(),
            aws: file.dynamodb_url.trim_start_matches("http://").trim_end_matches("/dynamodb").to_owned(),
        })
    }

    /// Replaces the addresses of the stack's own APIs by local ones wherever its functions and tasks are
    /// given them.
    pub(crate) fn localize(&self, stack: &mut Stack) {
        let mut rules = Vec::new();
        if let Some(api) = &stack.websocket {
            rules.push((
                format!("https://{}", domain(&api.api_id)),
                format!("http://{}", self.websocket_host),
            ));
            rules.push((format!("wss://{}", domain(&api.api_id)), format!("ws://{}", self.websocket_host)));
        }
        if let Some(api) = &stack.http {
            rules.push((format!("https://{}", domain(&api.api_id)), format!("http://{}", self.http_host)));
        }
        let containers = stack.tasks.iter_mut().flat_map(|task| &mut task.containers);
        let environments = containers.map(|container| &mut container.environment);
        for environment in
            environments.chain(stack.functions.iter_mut().map(|function| &mut function.environment))
        {
            for value in environment.values_mut() {
                for (there, here) in &rules {
                    *value = value.replace(there, here);
                }
            }
        }
    }
}

fn domain(api_id: &str) -> String {
    format!("{api_id}.execute-api.{REGION}.{SUFFIX}")
}

fn path(folder: &Path) -> PathBuf {
    folder.join("urls.json")
}

/// Writes `urls.json`, whole or not at all.
///
/// # Errors
///
/// A sentence when the folder cannot be written.
pub(crate) fn write(folder: &Path, file: &UrlFile) -> Result<(), String> {
    let (path, part) = (path(folder), folder.join("urls.json.part"));
    let write = || -> std::io::Result<()> {
        std::fs::write(&part, serde_json::to_vec_pretty(file)?)?;
        std::fs::rename(&part, &path)
    };
    write().map_err(|error| format!("{}: {error}", path.display()))
}

/// Removes `urls.json`: nothing answers any more.
pub(crate) fn remove(folder: &Path) {
    // Not there is as good as removed.
    let _ = std::fs::remove_file(path(folder));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::template::stack::{Function, Throttling, WebSocketApi};
    use crate::template::yaml::At;

    #[test]
    fn urls_of_our_own_api_become_local_and_others_stay() {
        let value = "wss://abc.execute-api.us-east-1.amazonaws.com/prod https://other.example \
                     https://abc.execute-api.us-east-1.amazonaws.com/prod";
        let mut stack = Stack {
            functions: vec![Function {
                logical: "F".into(),
                name: "f".into(),
                binary: "f".into(),
                memory_mb: 128,
                timeout: Duration::from_secs(1),
                environment: [("URL".to_owned(), value.to_owned())].into(),
                reserved: None,
                at: At { file: "t".into(), line: 1 },
            }],
            websocket: Some(WebSocketApi {
                api_id: "abc".into(),
                stage: "prod".into(),
                selector: "action".into(),
                routes: std::collections::BTreeMap::new(),
                throttling: Throttling::default(),
            }),
            ..Stack::default()
        };
        let urls = Urls { http_host: "h:1".into(), websocket_host: "h:2".into(), aws: "h:3/word".into() };
        urls.localize(&mut stack);
        assert_eq!(
            stack.functions[0].environment["URL"],
            "ws://h:2/prod https://other.example http://h:2/prod"
        );
        let file = urls.file(&stack);
        assert_eq!(file.signal_url.as_deref(), Some("ws://h:2/prod"));
        assert_eq!((&file.http_url, file.admin_url.as_str()), (&None, "http://h:1/_local"));
        let folder = std::env::temp_dir().join(format!("arbiter-local-urls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        write(&folder, &file).unwrap();
        assert_eq!(Urls::of_running(&folder).unwrap().aws, urls.aws);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
