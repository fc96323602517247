#!/usr/bin/env python3
"""What `make deploy` and `make destroy` do beside the SAM CLI, with the SDK that it brings and its settings (samconfig.toml).

stack.py ready STACK      before minutes of building: is there what a deployment with PARAMETERS needs?
stack.py addresses STACK  after it: writes the addresses for an application into .env
stack.py known STACK      is there such a stack?
stack.py destroy STACK    deletes it, and what CloudFormation leaves; YES=yes answers its question
"""

import difflib
import os
import re
import shutil
import sys
from pathlib import Path

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    WaiterError,
)
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.samconfig import SamConfig
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
QUICK = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 2})
ECR_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([\w-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)(?::([^@]+))?(?:@(.+))?")
# An update cannot begin while a stack is in one of these, nor mend it.
BROKEN = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


class Problem(Exception):
    """A sentence that says what is missing and what to do next."""


def settings():
    """What samconfig.toml says for `sam deploy`."""
    try:
        return SamConfig(str(ROOT)).get_all(["deploy"], "parameters")
    except KeyError:
        return {}


def template():
    return yaml_parse((ROOT / "template.yaml").read_text())


def nearest_first(name, names):
    """The names, with those in front that somebody who wrote `name` may have meant."""
    close = difflib.get_close_matches(name, names, n=len(names) or 1, cutoff=0.6)
    return close + sorted(other for other in names if other not in close)


# --- What a deployment needs ---------------------------------------------------------------------


def given_parameters():
    """PARAMETERS as `sam deploy` reads them: they take the place of those in samconfig.toml."""
    values = os.environ.get("PARAMETERS") or settings().get("parameter_overrides", "")
    return CfnParameterOverridesType().convert(values, None, None) if values else {}


def wrong_parameters(given):
    """What CloudFormation would say of the parameters, after the build."""
    known = template()["Parameters"]
    for name, value in given.items():
        if name not in known:
            yield f"There is no parameter {name}. There are: {', '.join(nearest_first(name, list(known)))}."
            continue
        rules = known[name]
        allowed = [str(one) for one in rules.get("AllowedValues", [])]
        if allowed and value not in allowed:
            yield f"{name}={value}: allowed are {', '.join(allowed)}."
        elif rules["Type"] == "Number":
            low, high = rules.get("MinValue", 0), rules.get("MaxValue", sys.maxsize)
            if not (value.isdecimal() and low <= int(value) <= high):
                yield f"{name}={value}: a number from {low} to {high} is needed."
        elif "AllowedPattern" in rules and not re.fullmatch(rules["AllowedPattern"], value):
            yield f"{name}={value}: {rules.get('ConstraintDescription', 'must be as ' + rules['AllowedPattern'])}."


class Place:
    """An account and a region, as the shell and samconfig.toml name them."""

    def __init__(self):
        configured = settings()
        try:
            self.session = boto3.Session(
                profile_name=os.environ.get("AWS_PROFILE") or configured.get("profile"),
                region_name=os.environ.get("AWS_DEFAULT_REGION") or configured.get("region"),
            )
        except ProfileNotFound as error:
            profiles = ", ".join(botocore.session.Session().available_profiles) or "none: run `aws configure`"
            raise Problem(f"{error}. Profiles of this machine: {profiles}.") from None
        self.region = self.session.region_name

    def client(self, service):
        return self.session.client(service, config=QUICK, region_name=self.region or "us-east-1")

    def account(self):
        """The number of the account; proves that there are credentials, and that they are good."""
        try:
            return self.client("sts").get_caller_identity()["Account"]
        except (NoCredentialsError, PartialCredentialsError):
            raise Problem(
                "There are no AWS credentials: run `aws configure` or `aws sso login`, or set AWS_PROFILE, "
                "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            ) from None
        except (SSOError, TokenRetrievalError):
            raise Problem("The single sign-on has ended: run `aws sso login`.") from None
        except ConnectionError:
            regions = nearest_first(self.region or "", self.session.get_available_regions("cloudformation"))
            raise Problem(
                f"AWS does not answer in the region {self.region}: is there a network, and is that a region? "
                f"There are: {', '.join(regions[:5])} …"
            ) from None
        except ClientError as error:
            raise Problem(
                f"AWS refuses the credentials ({error.response['Error']['Code']}): get new ones "
                "(`aws sso login`, or `aws configure`)."
            ) from None

    def describe(self, stack):
        """A stack, or None. One that was only ever planned (a change set that nobody executed) is none."""
        try:
            [found] = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return None if found["StackStatus"] == "REVIEW_IN_PROGRESS" else found

    def all_stacks(self):
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return [stack for page in pages for stack in page["Stacks"]]

    def ours(self):
        """The names of Arbiter's stacks: of every version, and nobody else's has such a parameter."""
        return [stack["StackName"] for stack in self.all_stacks() if parameter(stack, "SfuImage") is not None]

    def others(self, name):
        """A sentence about the stacks that there are in place of the one that is not."""
        names = self.ours()
        there = f"there are {', '.join(nearest_first(name, names))}" if names else "`make deploy` makes one"
        return f"There is no stack {name} in the region {self.region}: {there}."


def output(stack, name):
    found = (o["OutputValue"] for o in stack.get("Outputs", []) if o["OutputKey"] == name)
    return next(found, None)


def parameter(stack, name):
    found = (p.get("ParameterValue") for p in stack.get("Parameters", []) if p["ParameterKey"] == name)
    return next(found, None)


def wrong_image(place, account, image, repository):
    """What would keep tasks from being started, some minutes after a deployment that went well."""
    named = ECR_IMAGE.fullmatch(image)
    if not named:
        return None
    owner, region, name, tag, digest = named.groups()
    if owner != account or region != place.region:
        return f"SfuImage is in account {owner}, region {region}, and the stack in {account}, {place.region}: push it there with `make image`."
    if repository != name:
        return f"SfuImage is in the repository {name}: give SfuRepositoryName={name} too, or no task may pull it."
    which = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
    try:
        place.client("ecr").describe_images(repositoryName=name, imageIds=[which])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("RepositoryNotFoundException", "ImageNotFoundException"):
            return f"There is no image {image}: push it with `make image`, which prints what to give."
    return None


def missing(stack, given):
    """Every sentence that there is to say, so that nobody has to ask again and again."""
    if not shutil.which("cargo"):
        yield "The functions are Rust: install it first (rustup.rs)."
    yield from wrong_parameters(given)
    image = given.get("SfuImage")
    no_image = "SfuImage is not given: `make image` builds the SFU's image, pushes it and prints the PARAMETERS to deploy with."
    try:
        place = Place()
    except Problem as problem:
        yield str(problem)
        return
    if not place.region:
        yield "There is no region: set AWS_REGION, such as AWS_REGION=eu-west-1, or run `aws configure`."
    try:
        account = place.account()
    except Problem as problem:
        yield str(problem)
        if not image:
            yield f"If there is no stack {stack} yet: {no_image}"
        return
    if not place.region:
        return
    found = place.describe(stack)
    status = found["StackStatus"] if found else None
    if status in BROKEN:
        yield f"The stack {stack} is {status}, which no update mends: delete it with `make destroy STACK={stack}`."
    elif status and status.endswith("_IN_PROGRESS"):
        yield f"The stack {stack} is {status}: wait until that has ended."
    if not found and not image:
        yield no_image
    if image:
        repository = given.get("SfuRepositoryName", parameter(found, "SfuRepositoryName") if found else None)
        sentence = wrong_image(place, account, image, repository)
        if sentence:
            yield sentence


def ready(stack):
    sentences = list(missing(stack, given_parameters()))
    if sentences:
        raise Problem("\n".join(f"- {sentence}" for sentence in sentences))


# --- The addresses -------------------------------------------------------------------------------


def addresses(stack):
    """Puts the addresses into .env, where Vite looks, and leaves what else is in it."""
    place = Place()
    found = place.describe(stack)
    http_url = found and (output(found, "OwnHttpUrl") or output(found, "HttpUrl"))
    signal_url = found and (output(found, "OwnSignalUrl") or output(found, "SignalUrl"))
    if not (http_url and signal_url):
        print(f"The stack {stack} has no addresses yet: .env is as it was.")
        return
    file = ROOT / ".env"
    lines = file.read_text().splitlines() if file.exists() else []
    for name, value in (("VITE_ARBITER_HTTP_URL", http_url), ("VITE_ARBITER_SIGNAL_URL", signal_url)):
        lines = [line for line in lines if not line.startswith(f"{name}=")] + [f"{name}={value}"]
    file.write_text("\n".join(lines) + "\n")
    print(f"\nThe addresses are in .env, for an application with Vite:\n\n    {lines[-2]}\n    {lines[-1]}\n")
    print(f"Check the stack: make smoke URL={http_url} SIGNAL_URL={signal_url}")


# --- The end -------------------------------------------------------------------------------------


class Remains:
    """What there is of a stack: its own, and what it leaves."""

    def __init__(self, place, name):
        self.place, self.name = place, name
        self.stack = place.describe(name)
        self.nested, self.cluster, self.tasks, self.starters, resources = [], None, [], [], []
        if self.stack:
            resources = list(self._resources(name))
        self.resources = len(resources)
        for resource in resources:
            physical = resource.get("PhysicalResourceId")
            if resource["ResourceType"] == "AWS::ECS::Cluster" and physical:
                self.cluster = physical
                self.tasks = self._pages("ecs", "list_tasks", "taskArns", cluster=physical)
            if resource["LogicalResourceId"] in ("CreateRoomFunction", "RefillFunction") and physical:
                self.starters.append(physical)
        # Also those of an earlier stack of this name.
        ours = re.compile(rf"{re.escape(name)}-(Connections|Rooms)Table-\w+")
        self.tables = [one for one in self._pages("dynamodb", "list_tables", "TableNames") if ours.fullmatch(one)]
        secrets = self._pages(
            "secretsmanager", "list_secrets", "SecretList", Filters=[{"Key": "name", "Values": [f"{name}/project/"]}]
        )
        self.secrets = [secret["Name"] for secret in secrets if secret["Name"].startswith(f"{name}/project/")]
        self.repository, self.images = self._repository()
        self.bucket, self.uploads = self._uploads()

    def _pages(self, service, operation, key, **arguments):
        pages = self.place.client(service).get_paginator(operation).paginate(**arguments)
        return [one for page in pages for one in page[key]]

    def _resources(self, stack):
        for resource in self._pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack):
            if resource["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            yield resource
            nested = resource.get("PhysicalResourceId")
            if resource["ResourceType"] == "AWS::CloudFormation::Stack" and nested:
                self.nested.append(nested.split("/")[1] if "/" in nested else nested)
                yield from self._resources(nested)

    def _repository(self):
        """The repository of the SFU's images, unless another stack takes its own from there."""
        named = (parameter(self.stack, "SfuRepositoryName") if self.stack else None) or f"{self.name}-sfu".lower()
        for other in self.place.all_stacks():
            if other["StackName"] != self.name and parameter(other, "SfuRepositoryName") == named:
                print(f"The repository {named} stays: the stack {other['StackName']} takes its image from there too.")
                return None, 0
        try:
            return named, len(self._pages("ecr", "describe_images", "imageDetails", repositoryName=named))
        except ClientError as error:
            if error.response["Error"]["Code"] == "RepositoryNotFoundException":
                return None, 0
            raise

    def _uploads(self):
        """What SAM has uploaded for stacks of Arbiter, unless there is another one: their files have no stack's name."""
        manager = self.place.describe("aws-sam-cli-managed-default")
        bucket = manager and output(manager, "SourceBucket")
        if not bucket or set(self.place.ours()) - {self.name}:
            return None, 0
        prefix = settings().get("s3_prefix", "arbiter") + "/"
        uploads = self.place.session.resource("s3").Bucket(bucket).object_versions.filter(Prefix=prefix)
        count = sum(1 for _ in uploads.all())
        return (f"{bucket}/{prefix}", count) if count else (None, 0)

    def log_groups(self):
        """They go with the stack; a function or a task that still ran may have made them anew."""
        wanted = (f"/arbiter/{self.name}/functions", f"/arbiter/{self.name}-sfu")
        found = self._pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/arbiter/{self.name}")
        return [group["logGroupName"] for group in found if group["logGroupName"] in wanted]

    def lines(self):
        """Each thing by its name, and what there is to know of it."""
        if self.stack:
            yield "stack", self.name, f"{self.resources} resources, functions, APIs and token keys among them"
        for nested in self.nested:
            yield "nested stack", nested, ""
        for task in self.tasks:
            yield "task", task.split("/")[-1], "a room: its call ends"
        for table in self.tables:
            yield "table", table, "a stack alone would leave it"
        for secret in self.secrets:
            yield "secret", secret, "a project's keys; can be restored for 30 days"
        if self.repository:
            yield "repository", self.repository, f"of the SFU's images: {self.images}"
        if self.bucket:
            yield "uploads", f"s3://{self.bucket}", f"of the SAM CLI, for deployments: {self.uploads}"
        for group in self.log_groups():
            yield "log group", group, ""

    def destroy(self):
        if self.stack:
            self._end_tasks()
            self._delete_stack()
        for table in self.tables:
            self.place.client("dynamodb").delete_table(TableName=table)
            print(f"Deleted the table {table}.")
        for secret in self.secrets:
            self.place.client("secretsmanager").delete_secret(SecretId=secret, RecoveryWindowInDays=30)
            print(f"Deleted the secret {secret}.")
        if self.repository:
            self.place.client("ecr").delete_repository(repositoryName=self.repository, force=True)
            print(f"Deleted the repository {self.repository}.")
        if self.bucket:
            bucket, prefix = self.bucket.split("/", 1)
            self.place.session.resource("s3").Bucket(bucket).object_versions.filter(Prefix=prefix).delete()
            print(f"Deleted the uploads in s3://{self.bucket}.")
        for group in self.log_groups():
            self.place.client("logs").delete_log_group(logGroupName=group)
            print(f"Deleted the log group {group}.")

    def _end_tasks(self):
        """A cluster with tasks cannot be deleted, and no new ones may come meanwhile."""
        for function in self.starters:
            self.place.client("lambda").put_function_concurrency(
                FunctionName=function, ReservedConcurrentExecutions=0
            )
        if not self.cluster:
            return
        ecs = self.place.client("ecs")
        # One that has come since they were counted is ended too.
        tasks = self._pages("ecs", "list_tasks", "taskArns", cluster=self.cluster)
        for task in tasks:
            ecs.stop_task(cluster=self.cluster, task=task, reason="The stack is deleted")
        for first in range(0, len(tasks), 100):
            ecs.get_waiter("tasks_stopped").wait(cluster=self.cluster, tasks=tasks[first : first + 100])
        print(f"Ended the tasks: {len(tasks)}.")

    def _delete_stack(self):
        print(f"Deleting the stack {self.name} (some minutes).")
        cloudformation = self.place.client("cloudformation")
        which = self.stack["StackId"]
        cloudformation.delete_stack(StackName=which)
        try:
            cloudformation.get_waiter("stack_delete_complete").wait(
                StackName=which, WaiterConfig={"Delay": 5, "MaxAttempts": 720}
            )
        except WaiterError:
            events = self._pages("cloudformation", "describe_stack_events", "StackEvents", StackName=which)
            reasons = [
                f"- {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
                for event in events
                if event["ResourceStatus"] == "DELETE_FAILED"
            ]
            raise Problem(
                "\n".join([f"The stack {self.name} could not be deleted:", *reasons])
                + "\nNothing that it leaves was deleted yet: make destroy goes on from here."
            ) from None
        print(f"Deleted the stack {self.name}.")


def destroy(name):
    place = Place()
    if not place.region:
        raise Problem("There is no region: set AWS_REGION, such as AWS_REGION=eu-west-1.")
    account = place.account()
    remains = Remains(place, name)
    lines = list(remains.lines())
    if not lines:
        raise Problem(f"{place.others(name)} Nor is there anything that one of this name has left.")
    print(f"This deletes, in account {account}, region {place.region}:\n")
    for kind, what, note in lines:
        print(f"  {kind:<13} {what}" + (f"   ({note})" if note else ""))
    if any("RoomsTable" in table for table in remains.tables):
        print("\nDynamoDB keeps a backup of the rooms table for 35 days, without charge.")
    if os.environ.get("YES") != "yes":
        print('\nType "yes" to delete all of it: ', end="", flush=True)
        answer = sys.stdin.readline().strip()
        if answer != "yes":
            print()
            raise Problem("Nothing was deleted. (Where nobody can type: YES=yes.)")
    remains.destroy()


def known(name):
    place = Place()
    place.account()
    if not place.describe(name):
        raise Problem(place.others(name))


COMMANDS = {"ready": ready, "addresses": addresses, "known": known, "destroy": destroy}


def main():
    command, stack = sys.argv[1:]
    try:
        COMMANDS[command](stack)
    except Problem as problem:
        sys.exit(str(problem))
    except NoRegionError:
        sys.exit("There is no region: set AWS_REGION, such as AWS_REGION=eu-west-1.")
    except ClientError as error:
        said = error.response["Error"]
        sys.exit(f"AWS refuses {error.operation_name} ({said['Code']}): {said['Message']}")
    except BotoCoreError as error:
        sys.exit(f"AWS cannot be asked: {error}")


main()
