//! `$connect`: an event whose headers and query are a stranger's. It has to be read, and to say what was sent.
#![no_main]

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|parts: (&str, &str, &str)| {
    let (origin, token, other) = parts;
    // API Gateway refuses control characters in a header by itself (RFC 9110 §5.5).
    if [origin, other].iter().any(|value| value.chars().any(char::is_control)) {
        return;
    }
    let event = json!({
        "headers": { "Origin": origin, "User-Agent": other },
        "multiValueHeaders": { "Origin": [origin], "User-Agent": [other] },
        "queryStringParameters": { "token": token, other: other },
        "multiValueQueryStringParameters": { "token": [token], other: [other] },
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "connectedAt": 1_795_251_110_352_i64,
            "requestTimeEpoch": 1_795_251_110_353_i64,
            "connectionId": "RfZkBdJ3IAMCKmg=",
            "identity": { "sourceIp": "192.0.2.1", "userAgent": other },
        },
        "isBase64Encoded": false,
    });
    let event: ApiGatewayWebsocketProxyRequest = serde_json::from_value(event).expect("an event is read");
    assert_eq!(event.headers["origin"].as_bytes(), origin.as_bytes());
    if other != "token" {
        assert_eq!(event.query_string_parameters.first("token"), Some(token));
    }
});
