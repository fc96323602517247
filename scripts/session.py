#!/usr/bin/env python3
"""Makes a routed session beside a running `make run`, and prints a link for each role: `make session`.

Usage: scripts/session.py ARBITER_PROJECT

The project is made the first time, and kept beside urls.json. A session has pictures once an SFU is free for it:
this asks for one, as whoever runs a stack with `IdleRooms` need not.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

ROLES = ["moderator", "publisher", "subscriber"]
# How long the links are good, in seconds.
GOOD_FOR = 8 * 3_600
# How long an SFU may take to start, in seconds.
STARTS_WITHIN = 30


def main(make_project):
    folder = Path(os.environ.get("LOCAL_DIR") or ".local")
    urls = running(folder)
    keys = project(folder, make_project)
    session = create(urls["httpUrl"], keys)
    warm(urls)
    print(f"A session, for {GOOD_FOR // 3_600} hours and 10 people with each link:\n")
    for role in ROLES:
        link = {"apiKey": keys["apiKey"], "sessionId": session, "token": token(keys, session, role)}
        # In the fragment, which no server is sent.
        print(f"{role}:\n{urls['demoUrl']}/session#{urllib.parse.urlencode(link)}\n")


def running(folder):
    """The addresses of the gateway that runs."""
    try:
        urls = json.loads((folder / "urls.json").read_text())
        ask(f"{urls['adminUrl']}/state")
        return urls
    except (OSError, ValueError):
        sys.exit("There is no gateway to make a session at: start 'make run' in another terminal first.")


def project(folder, make_project):
    """The keys of the project that an earlier run has made here, or of a new one."""
    # The local gateway's own file, which is this user's alone to read.
    try:
        secrets = json.loads((folder / "secrets.json").read_text())
    except (OSError, ValueError):
        secrets = {}
    for name, entry in secrets.items():
        if ":secret:local/project/" in name:
            keys = json.loads(entry["current"]["text"] if isinstance(entry, dict) else entry)
            return {"apiKey": keys["apiKey"], "secret": keys["secret"]}
    made = subprocess.run([make_project, "--local-dir", folder], stdout=subprocess.PIPE, check=True)
    return json.loads(made.stdout)


def create(url, keys):
    """A session whose media goes through an SFU."""
    fields = urllib.parse.urlencode({"p2p.preference": "disabled"}).encode()
    headers = {"accept": "application/json", "x-opentok-auth": jwt(keys, {})}
    return json.loads(ask(f"{url}/session/create", "POST", fields, headers))[0]["session_id"]


def warm(urls):
    """Starts an SFU, unless as many as may be are waiting, and waits until it runs."""

    def tasks():
        state = json.loads(ask(f"{urls['adminUrl']}/state"))
        return sum(task["status"] == "RUNNING" for task in state["tasks"])

    before = tasks()
    try:
        ask(f"{urls['httpUrl']}/createRoom", "PUT")
    except urllib.error.HTTPError as error:
        if error.code == 429:
            return
        raise
    deadline = time.monotonic() + STARTS_WITHIN
    while tasks() <= before and time.monotonic() < deadline:
        time.sleep(0.2)


def token(keys, session, role):
    """What admits to the session. Its data says the role to the others."""
    claims = {"session_id": session, "scope": "session.connect", "role": role}
    return jwt(keys, {**claims, "connection_data": f"role={role}", "jti": str(uuid.uuid4())}, GOOD_FOR)


def jwt(keys, claims, good_for=60):
    """A JWT of the project."""
    now = int(time.time())
    claims = {"iss": keys["apiKey"], "ist": "project", "iat": now, "exp": now + good_for, **claims}
    signed = b".".join(part(json.dumps(each, separators=(",", ":")).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.new(keys["secret"].encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + part(signature)).decode()


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def ask(url, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.url} answers {error.code}: {error.read().decode(errors='replace')}")
