//! Signatures, against those that `aws-sigv4` makes of whole requests.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

use super::{Signed, Signer};

const DAY: Duration = Duration::from_hours(24);

/// The headers that the library adds.
fn expected(request: &Signed<'_>, credentials: &Credentials, now: SystemTime) -> Vec<(String, String)> {
    let identity = credentials.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("execute-api")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let uri = format!("https://{}{}", request.host, request.path);
    let body = SignableBody::Bytes(request.body);
    let request = SignableRequest::new(request.method, uri, request.headers.iter().copied(), body).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let headers = instructions.into_parts().0;
    let headers = headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned()));
    sorted(headers.collect())
}

fn sorted(mut headers: Vec<(String, String)>) -> Vec<(String, String)> {
    headers.sort();
    headers
}

#[test]
fn headers_are_those_of_the_library() {
    let signer = Signer::new("eu-west-1".into(), "execute-api");
    let with_token =
        Credentials::new("AKIDEXAMPLE", "secret", Some("IQoJb3JpZ2lu/+w==".into()), None, "test");
    let without = Credentials::new("AKIDOTHER", "another", None, None, "test");
    let headers =
        [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "DynamoDB_20120810.GetItem")];
    let requests = [
        Signed { method: "POST", host: "127.0.0.1:8000", path: "/", headers: &headers, body: b"{}" },
        Signed {
            method: "POST",
            host: "a1b2.execute-api.eu-west-1.amazonaws.com",
            path: "/prod/@connections/L0SM9cOFvHcCIhw%3D",
            headers: &[],
            body: "grüße".as_bytes(),
        },
        Signed { method: "DELETE", host: "h", path: "/a-b_c.d~e/%25%2F+*'()", headers: &[], body: b"" },
    ];
    // Days whose key is kept, then another's, and again the first.
    let first = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_251_110);
    for now in [first, first + Duration::from_secs(59), first + DAY, first] {
        for credentials in [&with_token, &without, &with_token] {
            for request in &requests {
                let made = signer.sign(request, credentials, now);
                let made = sorted(made.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
                assert_eq!(made, expected(request, credentials, now), "{request:?}");
            }
        }
    }
}
