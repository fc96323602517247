"""Calls the REST API with PyPI's `vonage-video`, unmodified, and prints what became of each call as JSON.

Usage: vonage_calls.py URL API_KEY SESSION_ID CONNECTION_ID STREAM_ID, with the project's private key in the standard input
"""

import json
import os
import sys
import tempfile

import tls_front
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from vonage_http_client import Auth, HttpClient, HttpClientOptions
from vonage_http_client.errors import HttpRequestError
from vonage_video import Video
from vonage_video.models.captions import CaptionsOptions
from vonage_video.models.enums import ArchiveMode, MediaMode, TokenRole
from vonage_video.models.session import SessionOptions
from vonage_video.models.signal import SignalData
from vonage_video.models.stream import StreamLayout, StreamLayoutOptions
from vonage_video.models.token import TokenOptions

url, key, session_id, connection_id, stream_id = sys.argv[1:]
private_key = sys.stdin.read()
outcomes = {}


def call(name, action):
    """What the action returns, or the SDK's exception that it raises."""
    try:
        outcomes[name] = action()
    except HttpRequestError as error:
        outcomes[name] = [type(error).__name__, error.response.status_code]


def client(private_key, host):
    """The host is a public option; `https://` before it is not to be had otherwise."""
    auth = Auth(application_id=key, private_key=private_key)
    return Video(HttpClient(auth, HttpClientOptions(video_host=host)))


def another_key():
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def created(**options):
    return video.create_session(SessionOptions(**options)).session_id


def token(**options):
    return video.generate_client_token(TokenOptions(session_id=session_id, **options)).decode()


def signal(data, *to, type="a"):
    return video.send_signal(session_id, SignalData(type=type, data=data), *to)


def described(stream):
    return [stream.id, stream.name, stream.video_type, stream.layout_class_list]


def set_classes(stream, classes):
    layout = StreamLayout(id=stream, layout_class_list=classes)
    changed = video.change_stream_layout(session_id, StreamLayoutOptions(items=[layout]))
    return [described(one) for one in changed]


with tempfile.TemporaryDirectory() as folder:
    host, os.environ["REQUESTS_CA_BUNDLE"] = tls_front.start(url, folder)
    video, stranger = client(private_key, host), client(another_key(), host)
    call("created", lambda: video.create_session().session_id)
    call("routed", lambda: created(media_mode=MediaMode.ROUTED, location="192.0.2.7", e2ee=True))
    call("relayed", lambda: created(media_mode=MediaMode.RELAYED, archive_mode=ArchiveMode.MANUAL))
    call("archived", lambda: created(archive_mode=ArchiveMode.ALWAYS))
    call("nowhere", lambda: created(location="somewhere"))
    call("stranger", lambda: stranger.create_session())
    moderator = {"role": TokenRole.MODERATOR, "connection_data": "name=Ann Bo"}
    call("moderator", lambda: token(**moderator, initial_layout_class_list=["full", "top"]))
    call("publisher", lambda: token(connection_data="name=Ann Bo"))
    call("signal", lambda: signal("to all"))
    call("signal one", lambda: signal("to one", connection_id))
    call("signal nobody", lambda: signal("x", "nobody"))
    # The SDK counts characters.
    call("signal too long", lambda: signal("ä" * 8192))
    call("signal invalid", lambda: signal("x", type="a b"))
    call("streams", lambda: [described(stream) for stream in video.list_streams(session_id)])
    call("stream", lambda: described(video.get_stream(session_id, stream_id)))
    call("no stream", lambda: video.get_stream(session_id, "a-stream"))
    call("no session", lambda: video.list_streams(session_id[:-4]))
    call("mute", lambda: video.mute_stream(session_id, stream_id))
    call("mute nothing", lambda: video.mute_stream(session_id, "a-stream"))
    call("mute all", lambda: video.mute_all_streams(session_id))
    call("mute but one", lambda: video.mute_all_streams(session_id, [stream_id]))
    call("mute but nothing", lambda: video.mute_all_streams(session_id, ["a-stream"]))
    call("stranger mutes", lambda: stranger.mute_all_streams(session_id))
    call("disable mute", lambda: video.disable_mute_all_streams(session_id))
    call("disable nowhere", lambda: video.disable_mute_all_streams(session_id[:-4]))
    call("classes", lambda: set_classes(stream_id, ["full", "top"]))
    call("no classes", lambda: set_classes("a-stream", ["full"]))
    call("archives", lambda: video.list_archives())
    call("broadcasts", lambda: video.list_broadcasts())
    call("composers", lambda: video.list_experience_composers())
    call("captions", lambda: video.start_captions(CaptionsOptions(session_id=session_id, token=token())))
    call("digits", lambda: video.play_dtmf(session_id, "1"))
    call("disconnect", lambda: video.disconnect_client(session_id, connection_id))
    call("disconnect again", lambda: video.disconnect_client(session_id, connection_id))
print(json.dumps(outcomes))
