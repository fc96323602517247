use std::path::Path;

use super::parameters::{from_command_line, parse_given};
use super::stack::{Limit, SecretSource, Stack, Start};
use super::*;
use crate::http::routes;
use crate::throttle::Throttle;

fn build(source: &str, given: &str) -> Result<Stack, TemplateError> {
    let given = from_command_line(&parse_given(given).unwrap());
    resources::build(&Template::from_source(Path::new("t.yaml"), source, "local", &given)?)
}

fn value(expression: &str) -> Result<String, String> {
    let source = format!(
        "Parameters: {{P: {{Type: String, Default: pv}}, L: {{Type: CommaDelimitedList, Default: 'x,y'}}}}\n\
         Conditions:\n  Yes: !Equals [!Ref P, pv]\n  No: !Not [!Condition Yes]\n  Both: !And [!Condition Yes, !Condition No]\n  \
         Any: !Or [!Condition Yes, !Condition No]\n\
         Resources: {{T: {{Type: AWS::DynamoDB::Table}}, S: {{Type: AWS::SecretsManager::Secret}}, \
         R: {{Type: AWS::IAM::Role}}, Q: {{Type: AWS::SQS::Queue}}}}\n\
         V: {expression}\n"
    );
    let source = source.replace("\nV: ", "\nOutputs: {O: {Value: ").replace("\n\n", "\n");
    let source = format!("{}}}}}\n", source.trim_end());
    let template =
        Template::from_source(Path::new("t.yaml"), &source, "local", &std::collections::BTreeMap::new())
            .unwrap();
    let output = template.output("O", template.root()).map_err(|error| error.to_string())?;
    Ok(output.to_json().as_str().map_or_else(|| output.to_json().to_string(), str::to_owned))
}

#[test]
fn intrinsics_are_evaluated() {
    for (expression, expect) in [
        ("!Ref P", "pv"),
        ("!Ref T", "local-T"),
        ("!Ref Q", "https://sqs.us-east-1.amazonaws.com/000000000000/local-Q"),
        ("!GetAtt Q.Arn", "arn:aws:sqs:us-east-1:000000000000:local-Q"),
        ("!GetAtt Q.QueueName", "local-Q"),
        (
            "!GetAtt T.StreamArn",
            "arn:aws:dynamodb:us-east-1:000000000000:table/local-T/stream/2026-01-01T00:00:00.000",
        ),
        ("!Ref AWS::Region", "us-east-1"),
        ("!GetAtt T.Arn", "arn:aws:dynamodb:us-east-1:000000000000:table/local-T"),
        ("{'Fn::GetAtt': [T, Arn]}", "arn:aws:dynamodb:us-east-1:000000000000:table/local-T"),
        (
            "!Sub 'a-${P}-${AWS::Partition}-${!Kept}-${T.Arn}'",
            "a-pv-aws-${Kept}-arn:aws:dynamodb:us-east-1:000000000000:table/local-T",
        ),
        ("!Sub ['${X}/${P}', {X: !Ref T}]", "local-T/pv"),
        ("!Join ['-', [a, !Ref P]]", "a-pv"),
        ("!Join [':', !Ref L]", "x:y"),
        ("!Select [1, !Split [',', 'a,b']]", "b"),
        ("!If [Yes, !Ref P, other]", "pv"),
        ("!If [No, 1, 2]", "2"),
        ("!If [Both, 1, 2]", "2"),
        ("!If [Any, 1, 2]", "1"),
        ("[1, !Ref AWS::NoValue, !If [No, 1, !Ref AWS::NoValue], 'x']", "[1,\"x\"]"),
    ] {
        assert_eq!(value(expression).unwrap(), expect, "{expression}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_line() {
    for (expression, why) in [
        ("!Ref Nope", "there is no parameter or resource Nope"),
        ("!ImportValue x", "Fn::ImportValue is not supported"),
        ("!If [Nope, 1, 2]", "there is no condition Nope"),
        ("!GetAtt R.Nope", "R (AWS::IAM::Role) has no attribute Nope here"),
        ("!Select [5, [a]]", "no such item"),
        ("'{{resolve:ssm:x}}'", "dynamic references"),
    ] {
        let error = value(expression).unwrap_err();
        assert!(error.contains(why) && error.starts_with("t.yaml:"), "{expression}: {error}");
    }
}

const FUNCTION: &str = "Metadata: {BuildProperties: {Binary: f}}";

#[test]
fn a_stack_has_functions_apis_tables_and_secrets() {
    let stack = build(
        &format!(
            "Parameters: {{Stage: {{Type: String, Default: prod}}}}\n\
             Globals: {{Function: {{Timeout: 7, Environment: {{Variables: {{A: global, B: global}}}}}}}}\n\
             Resources:\n  \
               Api: {{Type: AWS::Serverless::WebSocketApi, Properties: {{RouteSelectionExpression: $request.body.action, \
                 StageName: !Ref Stage, Routes: {{$connect: {{FunctionArn: !GetAtt F.Arn}}}}, \
                 DefaultRouteSettings: {{ThrottlingBurstLimit: 2, ThrottlingRateLimit: 1.5}}}}}}\n  \
               F: {{Type: AWS::Serverless::Function, {FUNCTION}, Properties: {{FunctionName: !Sub '${{AWS::StackName}}-f', \
                 Environment: {{Variables: {{B: own, N: 3}}}}, \
                 Events: {{E: {{Type: HttpApi, Properties: {{Method: get, Path: /x}}}}}}}}}}\n  \
               T: {{Type: AWS::DynamoDB::Table, Properties: {{BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [], \
                 KeySchema: [], TimeToLiveSpecification: {{AttributeName: e, Enabled: true}}}}}}\n  \
               S: {{Type: AWS::SecretsManager::Secret, Properties: {{GenerateSecretString: {{SecretStringTemplate: '{{}}', \
                 GenerateStringKey: k1, PasswordLength: 64, ExcludePunctuation: true}}}}}}\n  \
               Alarm: {{Type: AWS::CloudWatch::Alarm, Properties: {{Anything: !GetAZs ''}}}}\n"
        ),
        "Stage=dev",
    )
    .unwrap();
    let function = &stack.functions[0];
    assert_eq!((function.name.as_str(), function.binary.as_str()), ("local-f", "f"));
    assert_eq!(function.timeout.as_secs(), 7);
    let environment: Vec<_> = function.environment.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(environment, ["A=global", "B=own", "N=3"]);
    let websocket = stack.websocket.unwrap();
    assert_eq!((websocket.stage.as_str(), websocket.selector.as_str()), ("dev", "action"));
    assert_eq!(websocket.routes["$connect"], "F");
    assert_eq!(websocket.throttling.default, Some(Limit { burst: 2, rate: 1.5 }));
    let http = stack.http.unwrap();
    assert_eq!((http.logical.as_str(), http.routes[0].method.as_str()), ("ServerlessHttpApi", "GET"));
    assert_eq!(stack.tables[0].ttl.as_deref(), Some("e"));
    assert!(matches!(
        stack.secrets[0].source,
        SecretSource::Generated { length: 64, punctuation: false, .. }
    ));
    assert_eq!(stack.accepted, [("Alarm".to_owned(), "AWS::CloudWatch::Alarm".to_owned())]);
}

#[test]
fn resources_and_properties_that_are_not_supported_are_refused_by_name_and_line() {
    for (resource, why) in [
        (
            "{Type: AWS::SQS::QueuePolicy}",
            "t.yaml:2: X: resources of type AWS::SQS::QueuePolicy are not supported",
        ),
        ("{Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}", "X: FifoQueue is not supported"),
        (
            "{Type: AWS::SQS::Queue, Properties: {RedrivePolicy: {deadLetterTargetArn: a, maxReceiveCount: 3}}}",
            "X: no queue of this template is a",
        ),
        (
            "{Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: f, EventSourceArn: a}}",
            "no queue of this template is a",
        ),
        (
            "{Type: AWS::DynamoDB::Table, Properties: {BillingMode: PROVISIONED}}",
            "only BillingMode PAY_PER_REQUEST",
        ),
        (
            "{Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [], \
             KeySchema: [], StreamSpecification: {StreamViewType: ALL}}}",
            "X: StreamViewType is one of KEYS_ONLY",
        ),
        ("{Type: AWS::Serverless::Function, Properties: {Layers: []}}", "X: Layers is not supported"),
        ("{Type: AWS::Serverless::Function}", "X: name its executable"),
        ("{Type: AWS::IAM::Role, CreationPolicy: {}}", "X: CreationPolicy is not supported on a resource"),
        ("{Type: AWS::DynamoDB::Table, Condition: Nope}", "there is no condition Nope"),
    ] {
        let error = build(&format!("Resources:\n  X: {resource}\n"), "").unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("t.yaml:2"), "{error}");
    }
}

#[test]
fn the_template_of_this_project_is_supported_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let everything =
        "AuthMode=token AlarmEmail=a@b ReservedConcurrency=5 Turn=yes IdleRooms=1 ReconnectGraceSeconds=30";
    let given = from_command_line(&parse_given(everything).unwrap());
    let stack = resources::build(&Template::load(&path, "local", &given).unwrap()).unwrap();
    let source = std::fs::read_to_string(&path).unwrap();
    assert_eq!(stack.functions.len(), source.matches("Type: AWS::Serverless::Function").count());
    assert!(stack.functions.iter().all(|function| function.reserved == Some(5)));
    let graceless = from_command_line(&parse_given("ReconnectGraceSeconds=0").unwrap());
    let idle = resources::build(&Template::load(&path, "local", &graceless).unwrap()).unwrap();
    let polled =
        idle.queues.iter().filter(|queue| idle.sources.iter().any(|source| source.queue == queue.arn));
    assert_eq!(polled.count(), 0, "a stack without warm rooms and without a grace polls no queue");
    assert!(
        idle.function("timer").is_none() && !idle.queues.iter().any(|queue| queue.logical == "TimerQueue")
    );
    assert_eq!(stack.tasks[0].family, "local-sfu");
    assert_eq!(stack.tasks[0].containers[0].name, "sfu");
    let create = stack.function("create-room").unwrap();
    assert_eq!(create.environment["SFU_TASK_DEFINITION"], stack.tasks[0].arn);
    assert_eq!(create.environment["TOKEN_SECRET_ARN"], stack.secrets[0].arn);
    let claim = stack.function("claim-room").unwrap();
    let queue = stack.queues.iter().find(|queue| queue.logical == "RefillQueue").unwrap();
    assert_eq!(names::queue_name(&claim.environment["REFILL_QUEUE_URL"]), queue.name);
    let source = stack.sources.iter().find(|source| source.queue == queue.arn).unwrap();
    assert_eq!((source.queue.as_str(), source.function.as_str()), (queue.arn.as_str(), "RefillFunction"));
    // As AWS recommends: else a message is delivered again while the function still works on the batch before it.
    assert!(queue.visibility >= stack.function("refill").unwrap().timeout * 6);
}

#[test]
fn a_greedy_route_has_its_throttle() {
    let template = |path: &str| {
        build(
            &format!(
                "Resources:\n  \
                   Api: {{Type: AWS::Serverless::HttpApi, Properties: {{RouteSettings: {{'ANY /v2/{{p+}}': \
                     {{ThrottlingBurstLimit: 1, ThrottlingRateLimit: 0.001}}}}}}}}\n  \
                   F: {{Type: AWS::Serverless::Function, {FUNCTION}, Properties: {{FunctionName: f, \
                     Events: {{E: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, Path: '{path}'}}}}}}}}}}\n"
            ),
            "",
        )
    };
    let http = template("/v2/{p+}").unwrap().http.unwrap();
    let throttle = Throttle::new(Some(http.throttling.clone()));
    let admitted = |path| throttle.admits(&routes::find(&http, "DELETE", path).unwrap().key());
    assert_eq!([admitted("/v2/a"), admitted("/v2/b/c")], [true, false]);
    let error = template("/{p+}/v2").unwrap_err().to_string();
    assert!(error.contains("F: /{p+}/v2: a greedy path variable is the last segment"), "{error}");
}

#[test]
fn a_queue_has_its_times_and_a_function_its_messages() {
    let stack = build(
        &format!(
            "Resources:\n  \
               F: {{Type: AWS::Serverless::Function, {FUNCTION}, Properties: {{FunctionName: f, \
                 Events: {{E: {{Type: SQS, Properties: {{Queue: !GetAtt A.Arn, BatchSize: 3}}}}}}}}}}\n  \
               M: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: !GetAtt F.Arn, \
                 EventSourceArn: !GetAtt B.Arn, FunctionResponseTypes: [ReportBatchItemFailures], \
                 ScalingConfig: {{MaximumConcurrency: 2}}}}}}\n  \
               Off: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: !Ref F, \
                 EventSourceArn: !GetAtt B.Arn, Enabled: false}}}}\n  \
               A: {{Type: AWS::SQS::Queue}}\n  \
               B: {{Type: AWS::SQS::Queue, Properties: {{QueueName: !Sub '${{AWS::StackName}}-b', DelaySeconds: 900, \
                 VisibilityTimeout: 60, RedrivePolicy: {{deadLetterTargetArn: !GetAtt A.Arn, maxReceiveCount: 3}}}}}}\n"
        ),
        "",
    )
    .unwrap();
    let [a, b] = stack.queues.as_slice() else { panic!("two queues") };
    assert_eq!((a.name.as_str(), b.name.as_str()), ("local-A", "local-b"));
    assert_eq!((a.delay.as_secs(), a.visibility.as_secs(), a.retention.as_secs()), (0, 30, 345_600));
    assert_eq!((b.delay.as_secs(), b.visibility.as_secs()), (900, 60));
    assert_eq!(b.redrive.as_ref().map(|redrive| (&redrive.target, redrive.max_receives)), Some((&a.arn, 3)));
    let [event, mapping] = stack.sources.as_slice() else { panic!("two sources") };
    assert_eq!(
        (event.queue.as_str(), event.batch, event.partial, event.concurrency),
        (a.arn.as_str(), 3, false, 5)
    );
    assert_eq!((mapping.queue.as_str(), mapping.batch, mapping.partial), (b.arn.as_str(), 10, true));
    assert_eq!((mapping.function.as_str(), mapping.concurrency), ("F", 2));
}

/// A function with an event of a table's stream.
fn stream(event: &str) -> Result<Stack, TemplateError> {
    build(
        &format!(
            "Resources:\n  \
               F: {{Type: AWS::Serverless::Function, {FUNCTION}, Properties: {{FunctionName: f, \
                 Events: {{E: {{Type: DynamoDB, Properties: {{{event}}}}}}}}}}}\n  \
               Q: {{Type: AWS::SQS::Queue}}\n  \
               N: {{Type: AWS::DynamoDB::Table, Properties: {{BillingMode: PAY_PER_REQUEST, \
                 AttributeDefinitions: [], KeySchema: []}}}}\n  \
               T: {{Type: AWS::DynamoDB::Table, Properties: {{BillingMode: PAY_PER_REQUEST, \
                 AttributeDefinitions: [], KeySchema: [], StreamSpecification: {{StreamViewType: KEYS_ONLY}}}}}}\n  \
               M: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: !GetAtt F.Arn, \
                 EventSourceArn: !GetAtt T.StreamArn, StartingPosition: TRIM_HORIZON}}}}\n"
        ),
        "",
    )
}

#[test]
fn a_stream_has_its_function_and_what_aws_does_unless_it_is_told_otherwise() {
    let stack = stream(
        "Stream: !GetAtt T.StreamArn, StartingPosition: LATEST, BatchSize: 7, MaximumBatchingWindowInSeconds: 5, \
         MaximumRecordAgeInSeconds: 300, MaximumRetryAttempts: 0, BisectBatchOnFunctionError: true, \
         ParallelizationFactor: 2, FunctionResponseTypes: [ReportBatchItemFailures], \
         DestinationConfig: {OnFailure: {Destination: !GetAtt Q.Arn}}, \
         FilterCriteria: {Filters: [{Pattern: '{\"eventName\":[\"INSERT\"]}'}]}",
    )
    .unwrap();
    assert_eq!(stack.tables.iter().filter_map(|table| table.stream()).collect::<Vec<_>>(), ["KEYS_ONLY"]);
    let [given, usual] = stack.stream_sources.as_slice() else { panic!("two sources") };
    assert_eq!((given.function.as_str(), given.table.as_str(), given.start), ("F", "T", Start::Latest));
    assert_eq!((given.batch, given.window.as_secs(), given.age.as_secs()), (7, 5, 300));
    assert_eq!((given.retries, given.bisect, given.lanes, given.partial), (Some(0), true, 2, true));
    assert_eq!((given.filters.len(), given.dead.as_ref()), (1, Some(&stack.queues[0].arn)));
    assert_eq!((usual.function.as_str(), usual.table.as_str(), usual.start), ("F", "T", Start::TrimHorizon));
    assert_eq!((usual.batch, usual.window.as_secs(), usual.age.as_secs()), (100, 0, 86_400));
    assert_eq!((usual.retries, usual.bisect, usual.lanes, usual.partial), (None, false, 1, false));
    assert_eq!((usual.filters.len(), usual.dead.as_ref()), (0, None));
}

#[test]
fn a_stream_that_is_not_supported_is_refused_by_name_and_line() {
    let latest = "StartingPosition: LATEST";
    for (event, why) in [
        (latest.to_owned(), "F: Stream is missing"),
        ("Stream: !GetAtt T.StreamArn".to_owned(), "F: StartingPosition is LATEST or TRIM_HORIZON"),
        (format!("Stream: !GetAtt N.StreamArn, {latest}"), "no stream of this template is arn"),
        (
            format!("Stream: !GetAtt T.StreamArn, {latest}, TumblingWindowInSeconds: 5"),
            "F: TumblingWindowInSeconds is not supported",
        ),
        (
            format!("Stream: !GetAtt T.StreamArn, {latest}, MaximumRecordAgeInSeconds: 5"),
            "F: MaximumRecordAgeInSeconds is from 60 to 604800",
        ),
        (format!("Stream: !GetAtt T.StreamArn, {latest}, BatchSize: 0"), "F: BatchSize is from 1 to 10000"),
        (
            format!(
                "Stream: !GetAtt T.StreamArn, {latest}, DestinationConfig: {{OnFailure: {{Destination: a}}}}"
            ),
            "no queue of this template is a",
        ),
        (
            format!(
                "Stream: !GetAtt T.StreamArn, {latest}, FilterCriteria: {{Filters: [{{Pattern: '{{}}'}}]}}"
            ),
            "F: Pattern: it is empty",
        ),
    ] {
        let error = stream(&event).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("t.yaml:"), "{error}");
    }
}
