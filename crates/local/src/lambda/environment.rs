//! The environment of a function, as Lambda gives it.

use std::collections::BTreeMap;

use crate::template::names;
use crate::template::stack::Function;

/// Variables for process `process` of `function`, whose AWS endpoints are at `endpoint` (`host:port/word`).
pub(crate) fn of(function: &Function, endpoint: &str, process: u64) -> BTreeMap<String, String> {
    let mut variables = function.environment.clone();
    let mut set = |name: &str, value: String| {
        variables.insert(name.to_owned(), value);
    };
    set("AWS_LAMBDA_FUNCTION_NAME", function.name.clone());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string());
    set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into());
    set("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name));
    set("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{process:032x}"));
    set("AWS_LAMBDA_LOG_FORMAT", "JSON".into());
    // With a scheme, which Lambda leaves out: without one the Rust client takes no path.
    set("AWS_LAMBDA_RUNTIME_API", format!("http://{endpoint}/runtime/{process}"));
    set("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".into());
    set("_HANDLER", "bootstrap".into());
    set("LAMBDA_TASK_ROOT", "/var/task".into());
    set("TZ", ":UTC".into());
    set("LANG", "en_US.UTF-8".into());
    credentials(&mut set);
    for (service, path) in ENDPOINTS {
        set(&format!("AWS_ENDPOINT_URL_{service}"), format!("http://{endpoint}/aws/{process}/{path}"));
    }
    variables
}

/// The services that answer here: the name in `AWS_ENDPOINT_URL_*`, and the path.
pub(crate) const ENDPOINTS: [(&str, &str); 5] = [
    ("DYNAMODB", "dynamodb"),
    ("APIGATEWAYMANAGEMENTAPI", "management"),
    ("ECS", "ecs"),
    ("SECRETS_MANAGER", "secrets"),
    ("SQS", "sqs"),
];

/// A region, credentials that open nothing, and no way to the user's own.
pub(crate) fn credentials(set: &mut impl FnMut(&str, String)) {
    set("AWS_REGION", names::REGION.into());
    set("AWS_DEFAULT_REGION", names::REGION.into());
    set("AWS_ACCESS_KEY_ID", "local".into());
    set("AWS_SECRET_ACCESS_KEY", "local".into());
    set("AWS_SESSION_TOKEN", "local".into());
    set("AWS_EC2_METADATA_DISABLED", "true".into());
    set("AWS_CONFIG_FILE", "/dev/null".into());
    set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::template::yaml::At;

    #[test]
    fn a_function_is_given_what_lambda_gives_it_and_endpoints_of_its_own_process() {
        let function = Function {
            logical: "F".into(),
            name: "local-f".into(),
            binary: "f".into(),
            memory_mb: 128,
            timeout: Duration::from_secs(3),
            environment: [("TABLE".to_owned(), "t".to_owned())].into(),
            reserved: None,
            at: At { file: "t".into(), line: 1 },
        };
        let variables = of(&function, "127.0.0.1:1", 7);
        assert_eq!(variables["TABLE"], "t");
        assert_eq!(variables["AWS_LAMBDA_RUNTIME_API"], "http://127.0.0.1:1/runtime/7");
        assert_eq!(variables["AWS_ENDPOINT_URL_DYNAMODB"], "http://127.0.0.1:1/aws/7/dynamodb");
        assert_eq!(
            variables["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"],
            "http://127.0.0.1:1/aws/7/management"
        );
        assert_eq!(variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    }
}
