#!/usr/bin/env python3
"""Checks what the templates allow, after SAM's own transform: `make policies`.

Each function's one policy must grant exactly what scripts/calls.yaml says that its code calls, on this
stack's own resources; the SFU's roles and security group must stay as narrow as they are; and both APIs
must come out of the transform with the CORS rules and throttles that template.yaml asks for.
"""

import json
import os
import sys
from pathlib import Path

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).resolve().parent.parent
BASIC_LOGGING = "AWSLambdaBasicExecutionRole"  # SAM gives it to every function: log lines, nothing else
UNSCOPABLE = {"ecr:GetAuthorizationToken"}  # AWS accepts only "*" for these
MANAGED_POLICIES = {BASIC_LOGGING: f"arn:aws:iam::aws:policy/service-role/{BASIC_LOGGING}"}

SOCKETS = (
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}"
    ":${SignalApi}/${StageName}/%s/@connections/*"
)
PROJECTS = (
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/project/*"
)
TASK_DEFINITION = (
    "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition/${AWS::StackName}-sfu:*"
)
IMAGE = "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/${RepositoryName}"

problems = []


def complain(sentence):
    problems.append(sentence)


def as_list(value):
    return value if isinstance(value, list) else [value]


def name_of(resource):
    """Writes a resource of a statement as one string, so that it can be compared."""
    if isinstance(resource, str):
        return resource
    (function, argument), *rest = resource.items()
    if function == "Fn::GetAtt":
        argument = ".".join(as_list(argument))
    if rest or not isinstance(argument, str):
        return str(resource)
    return {"Ref": "", "Fn::GetAtt": "", "Fn::Sub": ""}.get(function, f"{function} ") + argument


def unwrapped(item):
    """A statement or policy, and the condition that it stands under, if any."""
    if "Fn::If" in item:
        condition, yes, no = item["Fn::If"]
        if no == {"Ref": "AWS::NoValue"}:
            return yes, condition
    return item, None


def load(path):
    return plain(yaml_parse((ROOT / path).read_text()))


def plain(tree):
    """The same tree in plain dicts, which compare and print alike."""
    return json.loads(json.dumps(tree))


def transformed(path):
    """The template as CloudFormation gets it from SAM."""
    template = load(path)
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # as after `sam package`
    parameters = {name: p["Default"] for name, p in template["Parameters"].items() if "Default" in p}
    session = boto3.Session(region_name="us-east-1")
    return plain(Translator(MANAGED_POLICIES, Parser(), boto_session=session).translate(template, parameters))


def wanted_grants(calls):
    """(action, resource, condition of the template, condition of the statement) for one function."""
    wanted = set()
    for table in ("ConnectionsTable", "RoomsTable"):
        for action in calls.get(table, []):
            wanted.add((f"dynamodb:{action}", f"{table}.Arn", None, None))
    for method in calls.get("sockets", []):
        wanted.add(("execute-api:ManageConnections", SOCKETS % method, None, None))
    for action in calls.get("refills", []):
        wanted.add((f"sqs:{action}", "RefillQueue.Arn", None, None))
    for action in calls.get("stream", []):
        wanted.add((f"dynamodb:{action}", "RoomsTable.StreamArn", None, None))
    # The timer's own function is there only when there are timers.
    timers = calls.get("timers", [])
    for action in timers:
        when = None if "ReceiveMessage" in timers else "HasTimers"
        wanted.add((f"sqs:{action}", "TimerQueue.Arn", when, None))
    if calls.get("turnSecret"):
        wanted.add(("secretsmanager:GetSecretValue", "TurnSecret", "HasTurn", None))
    if calls.get("ticketSecret"):
        wanted.add(("secretsmanager:GetSecretValue", "TicketSecret", "HasTickets", None))
    if calls.get("secret"):
        wanted.add(("secretsmanager:GetSecretValue", "TokenSecret", "TokenMode", None))
    if calls.get("projects"):
        wanted.add(("secretsmanager:GetSecretValue", PROJECTS, None, None))
    if calls.get("runsTask"):
        cluster = "{'ArnEquals': {'ecs:cluster': {'Fn::GetAtt': ['Sfu', 'Outputs.Cluster']}}}"
        wanted.add(("ecs:RunTask", TASK_DEFINITION, None, cluster))
        passed = "{'StringEquals': {'iam:PassedToService': 'ecs-tasks.amazonaws.com'}}"
        for role in ("TaskRoleArn", "ExecutionRoleArn"):
            wanted.add(("iam:PassRole", f"Sfu.Outputs.{role}", None, passed))
    return wanted


def grants(who, policy):
    """What a policy document allows, in the form of `wanted_grants`."""
    found = set()
    for item in as_list(policy["Statement"]):
        statement, template_condition = unwrapped(item)
        if statement.get("Effect") != "Allow" or "NotAction" in statement or "NotResource" in statement:
            complain(f"{who}: a statement is not a plain Allow of actions on resources")
            continue
        condition = str(statement["Condition"]) if "Condition" in statement else None
        for action in as_list(statement["Action"]):
            if "*" in action:
                complain(f"{who}: {action} is a wildcard action")
            if action == "dynamodb:Scan":
                complain(f"{who}: no function may Scan a table")
            for resource in map(name_of, as_list(statement["Resource"])):
                if resource == "*" and action not in UNSCOPABLE:
                    complain(f'{who}: {action} is allowed on every resource ("*")')
                found.add((action, resource, template_condition, condition))
    return found


def say_grant(grant):
    action, resource, template_condition, condition = grant
    return (
        f"{action} on {resource}"
        + (f" when {template_condition}" if template_condition else "")
        + (f" under {condition}" if condition else "")
    )


def compare(who, found, wanted, source):
    for grant in sorted(found - wanted, key=str):
        complain(f"{who}: the policy allows {say_grant(grant)}, which {source} does not list")
    for grant in sorted(wanted - found, key=str):
        complain(f"{who}: {source} asks for {say_grant(grant)}, which the policy does not allow")


def check_functions(resources):
    calls = load("scripts/calls.yaml")
    functions = {k: v for k, v in resources.items() if v["Type"] == "AWS::Lambda::Function"}
    for name in sorted(functions.keys() ^ calls.keys()):
        complain(f"{name} is in only one of template.yaml and scripts/calls.yaml")
    for name in sorted(functions.keys() & calls.keys()):
        role = resources.get(f"{name}Role")
        if role is None:
            complain(f"{name}: its role is not its own")
            continue
        if role["Properties"].get("ManagedPolicyArns") != [MANAGED_POLICIES[BASIC_LOGGING]]:
            complain(f"{name}: it has a managed policy besides {BASIC_LOGGING}")
        policies = role["Properties"].get("Policies", [])
        if len(policies) != 1:
            complain(f"{name}: it has {len(policies)} inline policies, and must have one")
        found = set()
        for policy in policies:
            found |= grants(name, unwrapped(policy)[0]["PolicyDocument"])
        compare(name, found, wanted_grants(calls[name]), "scripts/calls.yaml")


def check_sfu(resources):
    if resources["TaskRole"]["Properties"].keys() - {"AssumeRolePolicyDocument"}:
        complain("The SFU's task role allows something; it must allow nothing")
    execution, found = resources["ExecutionRole"]["Properties"], set()
    if "ManagedPolicyArns" in execution:
        complain("The SFU's execution role has a managed policy")
    for policy in execution["Policies"]:
        found |= grants("The SFU's execution role", unwrapped(policy)[0]["PolicyDocument"])
    wanted = {(f"logs:{a}", "LogGroup.Arn", None, None) for a in ("CreateLogStream", "PutLogEvents")}
    wanted.add(("ecr:GetAuthorizationToken", "*", None, None))
    for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
        wanted.add((f"ecr:{action}", IMAGE, None, None))
    compare("The SFU's execution role", found, wanted, "scripts/check_policies.py")
    for name in ("TaskRole", "ExecutionRole"):
        for statement in resources[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            if statement["Principal"] != {"Service": "ecs-tasks.amazonaws.com"}:
                complain(f"{name}: somebody other than ECS tasks may take it")

    group = resources["SecurityGroup"]["Properties"]
    port = {"Ref": "MediaPort"}
    open_ports = {(r["IpProtocol"], str(r["FromPort"]), str(r["ToPort"])) for r in group["SecurityGroupIngress"]}
    if open_ports != {(protocol, str(port), str(port)) for protocol in ("udp", "tcp")}:
        complain("The SFU's security group must let in MediaPort, UDP and TCP, and nothing else")
    ways_out = {(r["IpProtocol"], r["FromPort"], r["ToPort"]) for r in group["SecurityGroupEgress"]}
    if ways_out != {("udp", 0, 65535), ("tcp", 443, 443)}:
        complain("The SFU's security group must let out UDP and TCP 443, and nothing else")


def check_turn(resources):
    """The TURN server may read its secret, has no port open but its own, and relays to the SFUs' alone."""
    role = resources["InstanceRole"]["Properties"]
    if role.get("ManagedPolicyArns") or len(role["Policies"]) != 1:
        complain("InstanceRole: the TURN server has one policy of its own and no managed one")
    found = grants("InstanceRole", role["Policies"][0]["PolicyDocument"])
    wanted = {("secretsmanager:GetSecretValue", "SecretArn", None, None)}
    compare("InstanceRole", found, wanted, "this test")
    for statement in role["AssumeRolePolicyDocument"]["Statement"]:
        if statement["Principal"] != {"Service": "ec2.amazonaws.com"}:
            complain("InstanceRole: somebody other than an instance may take it")
    instance = resources["Instance"]["Properties"]
    if instance["MetadataOptions"].get("HttpTokens") != "required":
        complain("Instance: its role's credentials could be had by a relayed request")
    group = resources["SecurityGroup"]["Properties"]
    open_ports = {(r["IpProtocol"], r["FromPort"], r["ToPort"]) for r in group["SecurityGroupIngress"]}
    if open_ports != {("udp", 443, 443), ("tcp", 443, 443)}:
        complain("The TURN server's security group must let in 443, and nothing else")
    port = str({"Ref": "MediaPort"})
    ways_out = {(r["IpProtocol"], str(r["FromPort"]), str(r["ToPort"])) for r in group["SecurityGroupEgress"]}
    if ways_out != {("udp", port, port), ("tcp", "443", "443"), ("tcp", "80", "80")}:
        complain("The TURN server's security group must let out UDP to MediaPort, TCP 443 and 80, and nothing else")


def check_other_roles(resources, expected):
    """No role, policy or open door beside those that were checked."""
    for name, resource in resources.items():
        kind = resource["Type"]
        if kind.startswith("AWS::IAM::") and name not in expected:
            complain(f"{name}: an {kind} that this test does not know")
        if kind in ("AWS::EC2::SecurityGroupIngress", "AWS::Lambda::Url"):
            complain(f"{name}: an {kind} opens a door that this test does not know")
        if kind == "AWS::Lambda::Permission":
            properties = resource["Properties"]
            if properties["Principal"] != "apigateway.amazonaws.com" or "SourceArn" not in properties:
                complain(f"{name}: somebody other than this stack's APIs may call a function")


def check_apis(resources):
    cors = resources["RoomsApi"]["Properties"]["Body"].get("x-amazon-apigateway-cors", {})
    branches = cors["Fn::If"][1:] if "Fn::If" in cors else [cors]
    for branch in branches:
        if branch.keys() != {"allowOrigins", "allowMethods", "allowHeaders", "maxAge"}:
            complain("RoomsApi: SAM's transform has lost a part of CorsConfiguration")
    stages = {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::ApiGatewayV2::Stage"}
    for name, stage in stages.items():
        settings = [stage.get("DefaultRouteSettings", {}), *stage.get("RouteSettings", {}).values()]
        if not all(s.get("ThrottlingRateLimit", 0) > 0 and s.get("ThrottlingBurstLimit", 0) > 0 for s in settings):
            complain(f"{name}: a route has no throttle")
    rooms = next(s for s in stages.values() if s["ApiId"] == {"Ref": "RoomsApi"})
    for route in ("PUT /createRoom", "POST /createRoom", "PATCH /claimRoom", "POST /session/create"):
        if route not in rooms.get("RouteSettings", {}):
            complain(f"RoomsApi: {route} costs money and has no throttle of its own")


def check_data(resources):
    for name, resource in resources.items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            if {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} != {"Retain"}:
                complain(f"{name}: the table would be lost with the stack")


def main():
    os.chdir(ROOT)
    main_stack = transformed("template.yaml")["Resources"]
    check_functions(main_stack)
    check_apis(main_stack)
    check_data(main_stack)
    function_roles = {f"{n}Role" for n, r in main_stack.items() if r["Type"] == "AWS::Lambda::Function"}
    check_other_roles(main_stack, function_roles)
    for path in sorted(Path("infra").glob("*.yaml")):
        resources = load(path)["Resources"]
        known = set()
        if path.name == "sfu.yaml":
            check_sfu(resources)
            known = {"TaskRole", "ExecutionRole"}
        elif path.name == "turn.yaml":
            check_turn(resources)
            known = {"InstanceRole", "InstanceProfile"}
        check_other_roles(resources, known)
    for sentence in problems:
        print(f"policies: {sentence}.")
    if problems:
        sys.exit(1)
    print(f"policies: {len(function_roles)} functions, the SFU and the TURN server may do what they need and nothing else.")


main()
