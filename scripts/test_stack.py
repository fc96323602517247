#!/usr/bin/env python3
"""What scripts/stack.py asks before a deployment and deletes after one, tried on the real templates, with the real SAM CLI
and an emulator of AWS: `make emulated`. It makes its own processes and folders, and needs no account."""

import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
ACCOUNT, REGION = "000000000000", "us-east-1"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/arbiter-sfu:1-x86_64"
# Nothing of whoever runs this: no credentials, no region, no settings.
NOTHING = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def make(*arguments, environment, answer=""):
    """A make of the repository itself, which must say what it has to before anything long."""
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, input=answer, capture_output=True, text=True, timeout=60
    )


class Refusing(http.server.BaseHTTPRequestHandler):
    """AWS, to somebody whose credentials have expired."""

    def do_POST(self):
        body = b"<ErrorResponse><Error><Code>ExpiredToken</Code><Message>expired</Message></Error></ErrorResponse>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class WithoutAnAccount(unittest.TestCase):
    def deploy(self, *arguments, **environment):
        done = make("deploy", *arguments, environment=NOTHING | environment)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertNotIn("Build", done.stdout)
        return done.stdout + done.stderr

    def test_everything_that_is_missing_is_said_at_once_before_the_build(self):
        said = self.deploy("PARAMETERS=AuthMod=token MaxRooms=0 AuthMode=tokn AlarmEmail=here")
        for sentence in (
            "There is no region: set AWS_REGION",
            "There are no AWS credentials: run `aws configure`",
            "If there is no stack arbiter yet: SfuImage is not given: `make image`",
            "There is no parameter AuthMod. There are: AuthMode, ",
            "MaxRooms=0: a number from 1 to 500 is needed.",
            "AuthMode=tokn: allowed are open, token.",
            "AlarmEmail=here: must be as ",
        ):
            self.assertIn(sentence, said)

    def test_a_profile_that_is_not_there(self):
        self.assertIn("The config profile (nobody) could not be found.", self.deploy(AWS_PROFILE="nobody"))

    def test_an_aws_that_does_not_answer(self):
        gone = f"http://127.0.0.1:{free_port()}"
        said = self.deploy(AWS_ENDPOINT_URL=gone, AWS_REGION="eu-west-11", **KEYS)
        self.assertIn("AWS does not answer in the region eu-west-11: is there a network", said)
        self.assertIn("There are: eu-west-1, ", said)

    def test_credentials_that_have_expired(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}"
            said = self.deploy(AWS_ENDPOINT_URL=url, AWS_REGION=REGION, **KEYS)
            server.shutdown()
        self.assertIn("AWS refuses the credentials (ExpiredToken): get new ones", said)


    def test_what_is_not_there_is_told_from_what_is_nearest_to_it(self):
        for arguments, nearest in ((["depoly"], "deploy "), (["nosuch"], ""), (["fuzz", "TARGET=sfu_spd"], "sfu_sdp ")):
            done = make(*arguments, environment=NOTHING)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"There are: {nearest}", done.stderr)


class WithAnAccount(unittest.TestCase):
    """One life of a stack, in the order of its tests' names."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="arbiter-stack-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        port = str(free_port())
        url = f"http://127.0.0.1:{port}"
        cls.environment = NOTHING | KEYS | {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": url, "SAM_CLI_TELEMETRY": "0"}
        emulated = NOTHING | {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": port, "HOME": str(cls.folder)}
        log = open(cls.folder / "log", "w")
        cls.addClassCleanup(log.close)
        emulator = subprocess.Popen(
            [TOOLS / "ministack/bin/ministack"], cwd=cls.folder, env=emulated, stdout=log, stderr=log
        )
        cls.addClassCleanup(emulator.wait)
        cls.addClassCleanup(emulator.terminate)
        session = boto3.Session("test", "test", region_name=REGION)
        cls.client = staticmethod(lambda service: session.client(service, endpoint_url=url))
        deadline = time.monotonic() + 30
        while not listens(port):
            if emulator.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((cls.folder / "log").read_text())
            time.sleep(0.1)
        # A copy without the functions' code: their build is not what this is about.
        cls.copy = cls.folder / "copy"
        shutil.copytree(ROOT / "infra", cls.copy / "infra")
        (cls.copy / "scripts").mkdir()
        for name in ("template.yaml", "samconfig.toml", "scripts/stack.py"):
            shutil.copy(ROOT / name, cls.copy / name)
        (cls.copy / "bootstrap").write_text("")

    def script(self, command, stack="arbiter", parameters="", code=0):
        """scripts/stack.py of the copy, whose .env is not this repository's."""
        done = subprocess.run(
            [sys.executable, self.copy / "scripts/stack.py", command, stack],
            env=self.environment | {"PARAMETERS": parameters, "AWS_DEFAULT_REGION": REGION},
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def make(self, *arguments, code=0, answer="", **environment):
        done = make(*arguments, environment=self.environment | environment, answer=answer)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def create(self, name, resource):
        """A stack that takes its image from where ours does, and has nothing else of it."""
        parameters = {"SfuImage": IMAGE, "SfuRepositoryName": "arbiter-sfu"}
        template = {
            "Parameters": {parameter: {"Type": "String"} for parameter in parameters},
            "Resources": {"Only": resource},
        }
        cloudformation = self.client("cloudformation")
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=given)
        while cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"].endswith("_IN_PROGRESS"):
            time.sleep(0.1)

    def sam_deploy(self, stack, *parameters):
        sam = [TOOLS / "aws-sam-cli/bin/sam", "deploy", "--no-confirm-changeset", "--stack-name", stack]
        done = subprocess.run(
            [*sam, "--parameter-overrides", *parameters],
            cwd=self.copy,
            env=self.environment | {"AWS_DEFAULT_REGION": REGION},
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_1_the_first_time_an_image_is_needed_that_tasks_can_pull(self):
        self.assertIn("SfuImage is not given", self.make("deploy", code=2))
        self.assertIn("give SfuRepositoryName=arbiter-sfu too", self.script("ready", parameters=f"SfuImage={IMAGE}", code=1))
        given = f"SfuImage={IMAGE} SfuRepositoryName=arbiter-sfu"
        self.assertIn(f"There is no image {IMAGE}: push it", self.script("ready", parameters=given, code=1))
        elsewhere = given.replace(REGION, "eu-west-1")
        self.assertIn("region eu-west-1, and the stack in", self.script("ready", parameters=elsewhere, code=1))
        ecr = self.client("ecr")
        ecr.create_repository(repositoryName="arbiter-sfu")
        ecr.put_image(repositoryName="arbiter-sfu", imageManifest="{}", imageTag="1-x86_64")
        self.assertEqual(self.script("ready", parameters=given), "")
        self.assertEqual(self.script("ready", parameters="SfuImage=public.ecr.aws/somebody/sfu:1"), "")

    def test_2_settings_of_samconfig_count_as_given(self):
        file = self.copy / "samconfig.toml"
        before = file.read_text()
        file.write_text(before + '\n[default.global.parameters]\nparameter_overrides = ["SfuImag=x", "MaxRooms=5"]\n')
        said = self.script("ready", code=1)
        file.write_text(before)
        self.assertIn("There is no parameter SfuImag. There are: SfuImage, ", said)
        self.assertNotIn("MaxRooms=5", said)

    def test_3_a_deployed_stack_keeps_its_parameters_and_gives_its_addresses(self):
        self.sam_deploy("arbiter", f"SfuImage={IMAGE}", "SfuRepositoryName=arbiter-sfu")
        self.assertEqual(self.script("ready"), "")
        (self.copy / ".env").write_text("# mine\nVITE_ARBITER_HTTP_URL=http://old\nVITE_OTHER=1")
        said = self.script("addresses")
        lines = (self.copy / ".env").read_text().splitlines()
        self.assertEqual(lines[:2], ["# mine", "VITE_OTHER=1"])
        self.assertRegex(lines[2], r"^VITE_ARBITER_HTTP_URL=https://\w+\.execute-api\.\S+$")
        self.assertRegex(lines[3], r"^VITE_ARBITER_SIGNAL_URL=wss://\w+\.execute-api\.\S+/prod$")
        self.assertEqual(len(lines), 4)
        self.assertIn(lines[2], said)
        self.assertIn("has no addresses yet", self.script("addresses", stack="other"))

    def test_4_a_stack_that_no_update_mends_is_named_before_the_build(self):
        self.create("broken", {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Expression": "a"}]}})
        said = self.script("ready", stack="broken", code=1)
        self.assertIn("broken is ROLLBACK_COMPLETE, which no update mends: delete it with `make destroy STACK=broken`", said)
        self.assertIn("The repository arbiter-sfu stays", self.make("destroy", "STACK=broken", YES="yes"))

    def test_5_a_wrong_name_is_told_the_right_ones(self):
        for arguments in (["logs"], ["project", "AWS=yes"], ["destroy"]):
            said = self.make(*arguments, "STACK=abriter", code=2)
            self.assertIn(f"There is no stack abriter in the region {REGION}: there are arbiter.", said)

    def test_6_nothing_is_destroyed_without_a_yes(self):
        self.client("secretsmanager").create_secret(Name="arbiter/project/47000001", SecretString="{}")
        self.client("secretsmanager").create_secret(Name="arbiter-two/project/47000002", SecretString="{}")
        table = {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        }
        self.client("dynamodb").create_table(TableName="arbiter-two-RoomsTable-1", **table)
        ecs = self.client("ecs")
        [cluster] = ecs.list_clusters()["clusterArns"]
        network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
        started = ecs.run_task(
            cluster=cluster, taskDefinition="arbiter-sfu", launchType="FARGATE", networkConfiguration=network
        )
        self.assertEqual(len(started["tasks"]), 1, started)
        for answer in ("", "y\n", "no\n"):
            said = self.make("destroy", code=2, answer=answer)
            for line in (
                r"stack +arbiter ",
                r"nested stack +arbiter-Sfu-",
                r"task +[\w-]+ ",
                r"table +arbiter-ConnectionsTable-\w+ ",
                r"table +arbiter-RoomsTable-\w+ ",
                r"secret +arbiter/project/47000001 ",
                r"repository +arbiter-sfu .*: 1\)",
                r"uploads +s3://aws-sam-cli-managed-default-\S+/arbiter/ ",
                r"log group +/arbiter/arbiter/functions",
                r"log group +/arbiter/arbiter-sfu",
            ):
                self.assertRegex(said, rf"(?m)^  {line}")
            self.assertIn("Nothing was deleted", said)
            self.assertNotIn("arbiter-two", said)
        self.assertEqual(self.names(), self.names())
        self.assertIn("arbiter-sfu", self.names())

    def names(self):
        """Everything that is there and has one of the names that a stack gives."""
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        secrets = self.client("secretsmanager").list_secrets()["SecretList"]
        groups = self.client("logs").describe_log_groups()["logGroups"]
        return {
            *(stack["StackName"] for stack in stacks),
            *self.client("dynamodb").list_tables()["TableNames"],
            *(secret["Name"] for secret in secrets if "DeletedDate" not in secret),
            *(one["repositoryName"] for one in self.client("ecr").describe_repositories()["repositories"]),
            *(group["logGroupName"] for group in groups if group["logGroupName"].startswith("/arbiter/")),
        }

    def test_7_a_repository_that_another_stack_uses_stays(self):
        self.create("arbiter-two", {"Type": "AWS::SQS::Queue"})
        said = self.make("destroy", code=2, answer="no\n")
        self.assertIn("The repository arbiter-sfu stays: the stack arbiter-two takes its image from there too.", said)
        self.assertNotRegex(said, r"(?m)^  (repository|uploads)")

    def test_8_a_yes_takes_everything_down_and_nothing_else(self):
        self.make("destroy", "STACK=arbiter-two", YES="yes")
        others = {"aws-sam-cli-managed-default"}  # SAM's own, of every SAM application in the account
        left = {name for name in self.names() if "arbiter-two" in name}
        self.assertEqual(left, set())
        said = self.make("destroy", answer="yes\n")
        self.assertIn("Ended the tasks: 1.", said)
        self.assertRegex(said, r"Deleted the table arbiter-RoomsTable-")
        self.assertRegex(said, r"Deleted the uploads in s3://aws-sam-cli-managed-default-")
        self.assertEqual(self.names(), others)
        # A function that still ran when its log went has made it again.
        self.client("logs").create_log_group(logGroupName="/arbiter/arbiter/functions")
        self.assertIn("log group", self.make("destroy", YES="yes"))
        self.assertEqual(self.names(), others)
        said = self.make("destroy", code=2)
        self.assertIn("`make deploy` makes one. Nor is there anything that one of this name has left.", said)


if __name__ == "__main__":
    unittest.main()
