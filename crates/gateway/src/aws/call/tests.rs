//! Calls, against a server that answers as it is told.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Call, CallError, RETRY_COST, Service};
use crate::aws::connector;

/// What the server does with a request.
#[derive(Clone)]
enum Answer {
    /// A status, a header and a body.
    Now(u16, &'static str, String),
    /// The same, and the connection is closed though nothing has announced it.
    LastOne(String),
    /// Nothing, and the connection is closed.
    Nothing,
    /// Nothing, ever.
    Never,
}

/// A request as it came: its head, a line each, and its body.
type Heard = Arc<Mutex<Vec<(Vec<String>, Vec<u8>)>>>;

fn status(status: u16) -> Answer {
    Answer::Now(status, "x-none: 1", String::new())
}

async fn service(answers: Vec<Answer>) -> (Service, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/stage", listener.local_addr().unwrap());
    let requests = Heard::default();
    let (answers, kept) = (Arc::new(Mutex::new(answers.into_iter())), requests.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answers, kept) = (answers.clone(), kept.clone());
            let next = move || answers.lock().unwrap().next().unwrap_or(Answer::Nothing);
            tokio::spawn(serve(BufReader::new(stream), next, kept));
        }
    });
    (service_at(endpoint), requests)
}

fn service_at(endpoint: String) -> Service {
    let credentials = Credentials::new("id", "secret", Some("token".into()), None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Service::new(&config, "Test", "execute-api", connector())
}

async fn serve(mut stream: BufReader<TcpStream>, next: impl Fn() -> Answer, requests: Heard) {
    loop {
        let (mut head, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push(line);
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        requests.lock().unwrap().push((head, body));
        let (status, header, text, last) = match next() {
            Answer::Now(status, header, text) => (status, header, text, false),
            Answer::LastOne(text) => (200, "x-none: 1", text, true),
            Answer::Nothing => return,
            Answer::Never => std::future::pending().await,
        };
        let head = format!("HTTP/1.1 {status} So\r\n{header}\r\ncontent-length: {}\r\n\r\n", text.len());
        stream.write_all((head + &text).as_bytes()).await.unwrap();
        if last {
            return;
        }
    }
}

fn get() -> Call<'static> {
    Call::new("GET", "/@connections/a%3D")
}

fn refused(answered: Result<Bytes, CallError>) -> (u16, Option<String>, String) {
    let Err(CallError::Refused(refusal)) = answered else { panic!("{answered:?}") };
    let (status, code) = (refusal.status, refusal.code.clone());
    (status, code, CallError::Refused(refusal).failure("test:Call").to_string())
}

#[tokio::test]
async fn throttled_and_failed_attempts_are_made_again() {
    let throttled = r#"{"__type":"com.amazon#ProvisionedThroughputExceededException","message":"m"}"#;
    let answers = vec![
        status(429),
        status(503),
        Answer::Now(400, "x-none: 1", throttled.into()),
        Answer::Now(200, "x-none: 1", "yes".into()),
    ];
    let (service, requests) = service(answers).await;
    assert_eq!(service.call(&get()).await.unwrap(), "yes");
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn the_fourth_attempt_is_the_last() {
    let (service, requests) = service(vec![status(500); 5]).await;
    assert_eq!(refused(service.call(&get()).await).0, 500);
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_warm_up_is_made_once() {
    let (service, requests) = service(vec![status(500); 2]).await;
    assert_eq!(refused(service.attempt(&get()).await).0, 500);
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_has_its_code_and_its_message_and_is_final() {
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","Message":"no table"}"#;
    let of_header = "x-amzn-errortype: GoneException:http://internal.amazon.com/coral/";
    let answers = vec![
        Answer::Now(400, "x-none: 1", body.into()),
        Answer::Now(410, of_header, String::new()),
        Answer::Now(403, "x-none: 1", "<html>".into()),
    ];
    let (service, requests) = service(answers).await;
    let (status, code, text) = refused(service.call(&get()).await);
    assert_eq!((status, code.as_deref()), (400, Some("ResourceNotFoundException")));
    assert_eq!(text, "test:Call: refused (ResourceNotFoundException: no table)");
    let (status, code, _) = refused(service.call(&get()).await);
    assert_eq!((status, code.as_deref()), (410, Some("GoneException")));
    let (status, code, text) = refused(service.call(&get()).await);
    assert_eq!((status, code), (403, None));
    assert_eq!(text, "test:Call: refused (no code: no message)");
    assert_eq!(requests.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn an_attempt_that_hangs_is_given_up_and_made_again() {
    let (service, requests) = service(vec![Answer::Never, status(200)]).await;
    assert_eq!(service.call(&get()).await.unwrap(), "");
    assert_eq!(requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced() {
    let (service, requests) = service(vec![Answer::Nothing, status(200)]).await;
    assert_eq!(service.call(&get()).await.unwrap(), "");
    assert_eq!(requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let (service, requests) =
        service(vec![Answer::LastOne("one".into()), Answer::LastOne("two".into())]).await;
    assert_eq!(service.call(&get()).await.unwrap(), "one");
    assert_eq!(service.call(&get()).await.unwrap(), "two");
    assert_eq!(requests.lock().unwrap().len(), 2, "and nothing was sent twice");
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = service_at(endpoint).call(&get()).await.unwrap_err().failure("test:Call");
    assert_eq!(failure.to_string(), "test:Call: could not be sent");
}

#[tokio::test]
async fn an_outage_uses_the_retries_up() {
    let (service, requests) =
        service(vec![status(500), status(500), status(500), status(500), status(200)]).await;
    service.quota.store(2 * RETRY_COST, Ordering::Relaxed);
    refused(service.call(&get()).await);
    assert_eq!(requests.lock().unwrap().len(), 3, "two of them retries");
    refused(service.call(&get()).await);
    assert_eq!(requests.lock().unwrap().len(), 4);
    service.call(&get()).await.unwrap();
    assert_eq!(service.quota.load(Ordering::Relaxed), 1, "a success gives one back");
}

#[tokio::test]
async fn large_bodies_come_through_both_ways() {
    let answer = "b".repeat(1_048_576);
    let (service, requests) = service(vec![Answer::Now(200, "x-none: 1", answer.clone())]).await;
    let body = Bytes::from(vec![b'a'; 131_072]);
    let answered = service.call(&Call { body: body.clone(), ..Call::new("POST", "/") }).await;
    assert_eq!(answered.unwrap(), answer);
    assert_eq!(requests.lock().unwrap()[0].1, body);
}

#[tokio::test]
async fn what_is_signed_is_what_is_sent() {
    let (service, requests) = service(vec![status(200)]).await;
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "T.Op")];
    let call = Call { headers: &headers, body: "{}".into(), ..Call::new("POST", "/@connections/a%3D") };
    service.call(&call).await.unwrap();
    let (head, _) = requests.lock().unwrap().remove(0);
    assert_eq!(head[0], "POST /stage/@connections/a%3D HTTP/1.1");
    let header = |name: &str| {
        let found = head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("{name} in {head:?}"))
    };
    assert_eq!(header("x-amz-security-token"), "token");
    let signature = header("authorization");
    let date = &header("x-amz-date")[..8];
    let scope = format!("AWS4-HMAC-SHA256 Credential=id/{date}/eu-west-1/execute-api/aws4_request, ");
    let names = signature.strip_prefix(&scope).unwrap().strip_prefix("SignedHeaders=").unwrap();
    let names: Vec<_> = names.split(',').next().unwrap().split(';').collect();
    assert_eq!(names, ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"]);
    for name in names {
        header(name);
    }
}
