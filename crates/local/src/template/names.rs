//! What `Ref` and `Fn::GetAtt` answer for a resource: names and ARNs in the shapes that AWS gives them,
//! the same on every run.

use super::yaml::Node;

/// The region of everything.
pub(crate) const REGION: &str = "us-east-1";
/// The account of everything.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The domain of AWS's endpoints.
pub(crate) const SUFFIX: &str = "amazonaws.com";

/// What a `Ref` to a resource is.
pub(crate) enum Reference<'a> {
    Known(String),
    /// The name that the template itself gives, still to be evaluated.
    Given(&'a Node),
    /// The family of a task definition, still to be evaluated; the reference is its ARN.
    Family(&'a Node),
    /// The name of a queue, still to be evaluated; the reference is its URL.
    Queue(&'a Node),
}

/// `Ref logical`, for a resource of type `kind` in `stack`.
pub(crate) fn reference<'a>(stack: &str, logical: &str, kind: &str, resource: &'a Node) -> Reference<'a> {
    let property = |name: &str| resource.get("Properties").and_then(|properties| properties.get(name));
    let given = match kind {
        "AWS::DynamoDB::Table" => property("TableName"),
        "AWS::Serverless::Function" => property("FunctionName"),
        "AWS::ECS::Cluster" => property("ClusterName"),
        _ => None,
    };
    if let Some(name) = given {
        return Reference::Given(name);
    }
    if kind == "AWS::ECS::TaskDefinition"
        && let Some(family) = property("Family")
    {
        return Reference::Family(family);
    }
    if kind == "AWS::SQS::Queue"
        && let Some(name) = property("QueueName")
    {
        return Reference::Queue(name);
    }
    Reference::Known(match kind {
        "AWS::SQS::Queue" => queue_url(&physical(stack, logical)),
        "AWS::EC2::EIP" => "203.0.113.1".to_owned(),
        "AWS::Serverless::WebSocketApi" | "AWS::Serverless::HttpApi" => api_id(stack, logical),
        "AWS::SecretsManager::Secret" => secret_arn(stack, logical),
        "AWS::ECS::TaskDefinition" => task_definition_arn(&physical(stack, logical)),
        "AWS::EC2::VPC" => format!("vpc-{}", hex(stack, logical, 17)),
        "AWS::EC2::Subnet" => format!("subnet-{}", hex(stack, logical, 17)),
        "AWS::EC2::SecurityGroup" => format!("sg-{}", hex(stack, logical, 17)),
        "AWS::Serverless::Application" | "AWS::CloudFormation::Stack" => stack_id(&physical(stack, logical)),
        _ => physical(stack, logical),
    })
}

/// `Fn::GetAtt logical.attribute`, for a resource whose `Ref` is `name`; `None` when the resource type
/// has no such attribute here.
pub(crate) fn attribute(
    stack: &str,
    logical: &str,
    kind: &str,
    name: &str,
    attribute: &str,
) -> Option<String> {
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
    Some(match (kind, attribute) {
        ("AWS::Serverless::Function", "Arn") => function_arn(name),
        ("AWS::DynamoDB::Table", "Arn") => arn("dynamodb", format!("table/{name}")),
        ("AWS::DynamoDB::Table", "StreamArn") => stream_arn(name),
        ("AWS::SQS::Queue", "Arn") => queue_arn(queue_name(name)),
        ("AWS::SQS::Queue", "QueueName") => queue_name(name).to_owned(),
        ("AWS::ECS::Cluster", "Arn") => arn("ecs", format!("cluster/{name}")),
        ("AWS::SecretsManager::Secret", "Id")
        | ("AWS::ECS::TaskDefinition", "TaskDefinitionArn")
        | ("AWS::EC2::SecurityGroup", "GroupId")
        | ("AWS::EC2::VPC", "VpcId")
        | ("AWS::EC2::Subnet", "SubnetId")
        | ("AWS::SNS::Topic", "TopicArn")
        | ("AWS::SQS::Queue", "QueueUrl")
        | ("AWS::EC2::EIP", "PublicIp") => name.to_owned(),
        ("AWS::Serverless::WebSocketApi" | "AWS::Serverless::HttpApi", "ApiEndpoint") => {
            format!("https://{}.execute-api.{REGION}.{SUFFIX}", api_id(stack, logical))
        }
        ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
        ("AWS::Logs::LogGroup", "Arn") => arn("logs", format!("log-group:{name}:*")),
        _ => return None,
    })
}

/// The name of a resource that the template leaves to CloudFormation.
pub(crate) fn physical(stack: &str, logical: &str) -> String {
    format!("{stack}-{logical}")
}

/// Ten lower-case characters, as API Gateway makes them.
pub(crate) fn api_id(stack: &str, logical: &str) -> String {
    hex(stack, logical, 10)
}

pub(crate) fn stack_id(stack: &str) -> String {
    format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/{}", hex(stack, "", 12))
}

pub(crate) fn secret_arn(stack: &str, logical: &str) -> String {
    format!("{}{}-{}", secret_arns(), physical(stack, logical), hex(stack, logical, 6))
}

/// The ARN of a secret that a call makes.
pub(crate) fn made_secret_arn(name: &str) -> String {
    format!("{}{name}-{}", secret_arns(), hex("", name, 6))
}

/// The name in the ARN of a secret.
pub(crate) fn secret_name(arn: &str) -> Option<&str> {
    arn.strip_prefix(&secret_arns())?.rsplit_once('-').map(|(name, _)| name)
}

/// What the ARNs of all secrets begin with.
fn secret_arns() -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:")
}

pub(crate) fn task_definition_arn(family: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:1")
}

pub(crate) fn queue_url(name: &str) -> String {
    format!("https://sqs.{REGION}.{SUFFIX}/{ACCOUNT}/{name}")
}

pub(crate) fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The ARN of a table's stream. At AWS it ends with the time at which the stream was made; here all have the same.
pub(crate) fn stream_arn(table: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-01-01T00:00:00.000")
}

/// The name in a queue's URL, whatever its host.
pub(crate) fn queue_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// `length` characters that depend on the names alone (FNV-1a, twice for more than 16).
fn hex(stack: &str, logical: &str, length: usize) -> String {
    let hash = |seed: u64| {
        let bytes = stack.bytes().chain([0]).chain(logical.bytes());
        bytes.fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let mut text = format!("{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x9e37_79b9_7f4a_7c15));
    text.truncate(length);
    text
}
