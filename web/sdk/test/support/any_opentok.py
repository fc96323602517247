"""Calls the REST API with whichever version of PyPI's `opentok` there is, 2.4 or newer, and prints what became of each call
as JSON. What a version does not have is null.

Usage: any_opentok.py URL API_KEY SECRET [CONNECTION_ID]
"""

import json
import sys

from opentok import MediaModes, OpenTok, Roles

url, key, secret, *connections = sys.argv[1:]
client = OpenTok(key, secret, api_url=url)
session_id = client.create_session().session_id
outcomes = {
    "sessionId": session_id,
    "relayed": client.create_session(media_mode=MediaModes.relayed, location="192.0.2.7").session_id,
    "routed": client.create_session(media_mode=MediaModes.routed).session_id,
}
tokens = [client.generate_token(session_id, role=Roles.moderator, data="name=Ann Bo")]
try:
    outcomes["e2ee"] = client.create_session(media_mode=MediaModes.routed, e2ee=True).session_id
except TypeError:
    outcomes["e2ee"] = None
try:
    tokens.append(client.generate_token(session_id, data="name=Ann Bo", use_jwt=False))
except TypeError:
    pass
outcomes["tokens"] = [token if isinstance(token, str) else token.decode() for token in tokens]

try:
    OpenTok(key, "x" * 40, api_url=url).create_session()
    outcomes["stranger"] = None
except Exception as error:
    outcomes["stranger"] = f"{type(error).__name__}: {error}"
if hasattr(client, "signal"):
    client.signal(session_id, {"type": "a", "data": "to all"})
if connections and hasattr(client, "force_disconnect"):
    client.force_disconnect(session_id, connections[0])
print(json.dumps(outcomes))
