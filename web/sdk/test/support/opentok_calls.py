"""Calls the REST API with PyPI's `opentok`, unmodified, and prints what became of each call as JSON.

Usage: opentok_calls.py URL API_KEY SECRET SESSION_ID CONNECTION_ID STREAM_ID
"""

import json
import sys

from opentok import ArchiveModes, Client, MediaModes, Roles

url, key, secret, session_id, connection_id, stream_id = sys.argv[1:]
client = Client(key, secret, api_url=url)
stranger = Client(key, "x" * 40, api_url=url)
outcomes = {}


def call(name, action):
    """What the action returns, or the name of the exception that it raises."""
    try:
        outcomes[name] = action()
    except Exception as error:
        outcomes[name] = {"raised": type(error).__name__, "text": str(error)}


def created(**options):
    return client.create_session(**options).session_id


def streams():
    found = client.list_streams(session_id)
    return [found.count, [described(stream) for stream in found]]


def described(stream):
    return [stream.id, stream.name, stream.videoType, stream.layoutClassList]


def status(response):
    return [response.status_code, sorted(response.json())]


def set_classes(stream, classes):
    return client.set_stream_class_lists(session_id, [{"id": stream, "layoutClassList": classes}])


call("created", created)
call("near", lambda: created(location="192.0.2.7", media_mode=MediaModes.routed, e2ee=True))
archived = {"media_mode": MediaModes.routed, "archive_mode": ArchiveModes.always, "archive_name": "all"}
call("archived", lambda: created(**archived))
call("stranger", lambda: stranger.create_session().session_id)
call("jwt", lambda: client.generate_token(session_id, role=Roles.moderator, data="name=Ann Bo"))
call("t1", lambda: client.generate_token(session_id, data="name=Ann Bo", use_jwt=False))
call("signal", lambda: client.signal(session_id, {"type": "a", "data": "to all"}))
call("signal one", lambda: client.signal(session_id, {"type": "a", "data": "to one"}, connection_id))
call("signal nobody", lambda: client.signal(session_id, {"type": "a", "data": "x"}, "nobody"))
call("signal too long", lambda: client.signal(session_id, {"type": "a", "data": "x" * 8193}))
call("signal invalid", lambda: client.signal(session_id, {"type": "a b", "data": "x"}))
call("streams", streams)
call("stream", lambda: described(client.get_stream(session_id, stream_id)))
call("no stream", lambda: client.get_stream(session_id, "a-stream"))
call("mute", lambda: client.mute_stream(session_id, "a-stream"))
call("mute one", lambda: status(client.mute_stream(session_id, stream_id)))
call("mute all", lambda: status(client.mute_all(session_id, [])))
call("mute but one", lambda: status(client.mute_all(session_id, [stream_id])))
call("mute but none", lambda: client.mute_all(session_id, ["a-stream"]))
call("mute nowhere", lambda: client.mute_all(session_id[:-4], []))
call("disable mute", lambda: status(client.disable_force_mute(session_id)))
call("stranger mutes", lambda: stranger.mute_all(session_id, []))
call("classes", lambda: set_classes(stream_id, ["full"]) and None)
call("with classes", streams)
call("no classes", lambda: set_classes("a-stream", ["full"]))
call("disconnect", lambda: client.force_disconnect(session_id, connection_id))
call("disconnect again", lambda: client.force_disconnect(session_id, connection_id))
print(json.dumps(outcomes, default=lambda value: type(value).__name__))
