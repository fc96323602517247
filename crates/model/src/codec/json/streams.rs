//! The requests about streams: `publish`, `unpublish`, `updateStream`, `subscribe` and `unsubscribe`, and what moderators do to
//! those of others.

use serde::Deserialize as _;
use serde::de::value::{Error as Unknown, StrDeserializer};
use serde_json::value::RawValue;

use super::envelope::{Data, Envelope};
use super::fields;
use crate::error::Error;
use crate::json::{self, Object};
use crate::session::moderation::{ForceMuteAll, ForceMuteStream, ForceUnpublish};
use crate::session::stream::MAX_EXCLUDED;
use crate::session::stream::{
    Dimensions, MAX_NAME_BYTES, MAX_PIXELS, Publish, StreamId, Subscribe, Unpublish, UpdateStream, VideoType,
};

/// Reads `{name?, hasAudio?, hasVideo?, videoType?, videoDimensions?, streamId?}`.
///
/// # Errors
/// `bad_message` or `too_large`, which name the field.
pub(super) fn publish(data: &Data<'_>) -> Result<Publish, Error> {
    let object = &data.object;
    let name = fields::text(object, "name")?.unwrap_or_default();
    if name.len() > MAX_NAME_BYTES {
        return Err(Error::TooLarge { field: "name", allowed: "at most 1024 bytes of UTF-8" });
    }
    Ok(Publish {
        id: stream_id(object)?,
        name,
        has_audio: fields::switch(object, "hasAudio")?.unwrap_or(true),
        has_video: fields::switch(object, "hasVideo")?.unwrap_or(true),
        video_type: video_type(object)?.unwrap_or_default(),
        dimensions: dimensions(object)?,
    })
}

/// Reads `{streamId, roomId?}`.
///
/// # Errors
/// `bad_message` that names the field.
pub(super) fn unpublish(data: &Data<'_>) -> Result<Unpublish, Error> {
    Ok(Unpublish { id: required_id(&data.object)?, room: fields::id(&data.object, "roomId")? })
}

/// Reads `{streamId, hasAudio?, hasVideo?, videoType?, videoDimensions?}`.
///
/// # Errors
/// `bad_message` that names the field.
pub(super) fn update(data: &Data<'_>) -> Result<UpdateStream, Error> {
    let object = &data.object;
    let update = UpdateStream {
        id: required_id(object)?,
        has_audio: fields::switch(object, "hasAudio")?,
        has_video: fields::switch(object, "hasVideo")?,
        video_type: video_type(object)?,
        dimensions: dimensions(object)?,
    };
    match update {
        UpdateStream { has_audio: None, has_video: None, video_type: None, dimensions: None, .. } => {
            Err(Error::BadMessage {
                field: "data",
                allowed: "must have one of hasAudio, hasVideo, videoType and videoDimensions",
            })
        }
        update => Ok(update),
    }
}

/// Reads `{streamId, hasAudio?, hasVideo?}`.
///
/// # Errors
/// `bad_message` that names the field.
pub(super) fn subscribe(data: &Data<'_>) -> Result<Subscribe, Error> {
    let object = &data.object;
    Ok(Subscribe {
        id: required_id(object)?,
        has_audio: fields::switch(object, "hasAudio")?.unwrap_or(true),
        has_video: fields::switch(object, "hasVideo")?.unwrap_or(true),
    })
}

/// Reads `{streamId}`.
///
/// # Errors
/// `bad_message` that names the field.
pub(super) fn unsubscribe(data: &Data<'_>) -> Result<Subscribe, Error> {
    Ok(Subscribe { id: required_id(&data.object)?, has_audio: false, has_video: false })
}

/// Reads `{streamId}`.
///
/// # Errors
/// `bad_message` that names the field.
pub(super) fn force_mute(data: &Data<'_>) -> Result<ForceMuteStream, Error> {
    Ok(ForceMuteStream { id: required_id(&data.object)? })
}

/// Reads `{excludedStreamIds?}`, or nothing.
///
/// # Errors
/// `bad_message` or `too_large`, which name the field.
pub(super) fn force_mute_all(envelope: &Envelope<'_>) -> Result<ForceMuteAll, Error> {
    const FIELD: &str = "excludedStreamIds";
    let Some(data) = envelope.optional_data()? else { return Ok(ForceMuteAll { excluded: vec![] }) };
    let Some(raw) = fields::get(&data.object, FIELD)? else { return Ok(ForceMuteAll { excluded: vec![] }) };
    let ids = json::array(raw).filter(|ids| ids.len() <= MAX_EXCLUDED);
    let id = |raw: &RawValue| StreamId::try_from(json::text(raw)?).ok();
    let excluded = ids.and_then(|ids| ids.into_iter().map(id).collect());
    let allowed = "must be a list of at most 100 ids of streams";
    Ok(ForceMuteAll { excluded: excluded.ok_or(Error::BadMessage { field: FIELD, allowed })? })
}

/// Reads nothing.
///
/// # Errors
/// `bad_message` for a `data` that is no object.
pub(super) fn disable_force_mute(envelope: &Envelope<'_>) -> Result<(), Error> {
    envelope.optional_data().map(drop)
}

/// Reads `{streamId}`.
///
/// # Errors
/// `bad_message` that names the field.
pub(super) fn force_unpublish(data: &Data<'_>) -> Result<ForceUnpublish, Error> {
    Ok(ForceUnpublish { id: required_id(&data.object)? })
}

fn required_id(object: &Object<'_>) -> Result<StreamId, Error> {
    fields::required("streamId", stream_id(object)?)
}

fn stream_id(object: &Object<'_>) -> Result<Option<StreamId>, Error> {
    let Some(raw) = fields::get(object, "streamId")? else { return Ok(None) };
    let id = json::text(raw).and_then(|text| StreamId::try_from(text).ok());
    id.map(Some).ok_or(Error::BadMessage {
        field: "streamId",
        allowed: "must be 8 characters of A-Z a-z 0-9, ~, and the id of its publisher",
    })
}

fn video_type(object: &Object<'_>) -> Result<Option<VideoType>, Error> {
    let Some(raw) = fields::get(object, "videoType")? else { return Ok(None) };
    let name = json::text(raw);
    let kind = name.and_then(|name| VideoType::deserialize(StrDeserializer::<Unknown>::new(&name)).ok());
    let wrong = Error::BadMessage { field: "videoType", allowed: "must be camera, screen or custom" };
    kind.map(Some).ok_or(wrong)
}

fn dimensions(object: &Object<'_>) -> Result<Option<Dimensions>, Error> {
    let Some(raw) = fields::get(object, "videoDimensions")? else { return Ok(None) };
    let pixels = |raw: Option<&RawValue>| -> Option<u16> {
        serde_json::from_str(raw?.get()).ok().filter(|pixels| *pixels <= MAX_PIXELS)
    };
    let read = || {
        let object = Object::of(raw)?;
        let width = pixels(object.get("width").ok()?)?;
        Some(Dimensions { width, height: pixels(object.get("height").ok()?)? })
    };
    let wrong = Error::BadMessage {
        field: "videoDimensions",
        allowed: "must have width and height, integers from 0 to 16384",
    };
    read().map(Some).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(how: impl Fn(&Data<'_>) -> Result<T, Error>, data: &str) -> Result<T, String> {
        let body = format!(r#"{{"action":"publish","data":{data}}}"#);
        let envelope = Envelope::parse(&body).unwrap();
        how(&envelope.data().unwrap()).map_err(|error| format!("{} {}", error.code(), error.message()))
    }

    #[test]
    fn a_stream_may_say_nothing_of_itself() {
        let stream = read(publish, "{}").unwrap();
        assert_eq!((stream.id, stream.has_audio, stream.has_video), (None, true, true));
        assert_eq!(
            (stream.name.as_str(), stream.video_type, stream.dimensions),
            ("", VideoType::Camera, None)
        );
        let data = r#"{"streamId":"abcdefgh~p","hasAudio":false,"videoType":"screen","videoDimensions":{"width":16384,"height":0}}"#;
        let stream = read(publish, data).unwrap();
        assert_eq!(stream.id.unwrap().to_string(), "abcdefgh~p");
        assert_eq!((stream.has_audio, stream.video_type), (false, VideoType::Screen));
        assert_eq!(stream.dimensions, Some(Dimensions { width: 16_384, height: 0 }));
        let wanted = read(subscribe, r#"{"streamId":"abcdefgh~p","hasVideo":false}"#).unwrap();
        assert_eq!((wanted.has_audio, wanted.has_video), (true, false));
        let wanted = read(unsubscribe, r#"{"streamId":"abcdefgh~p"}"#).unwrap();
        assert_eq!((wanted.has_audio, wanted.has_video), (false, false));
    }

    #[test]
    fn a_mute_of_all_may_leave_some_out() {
        let read = |data: &str| {
            let envelope = Envelope::parse(data).unwrap();
            force_mute_all(&envelope).map(|mute| mute.excluded.len()).map_err(|error| error.message())
        };
        assert_eq!(read(r#"{"action":"forceMuteAll"}"#), Ok(0));
        assert_eq!(read(r#"{"data":{"excludedStreamIds":null}}"#), Ok(0));
        let of = |ids: usize| {
            let ids = vec![r#""abcdefgh~p""#; ids].join(",");
            read(&format!(r#"{{"data":{{"excludedStreamIds":[{ids}]}}}}"#))
        };
        assert_eq!((of(1), of(100)), (Ok(1), Ok(100)));
        let wrong = Err("excludedStreamIds: must be a list of at most 100 ids of streams".to_owned());
        assert_eq!(of(101), wrong);
        for ids in [r#""abcdefgh~p""#, "[7]", r#"["p"]"#] {
            assert_eq!(read(&format!(r#"{{"data":{{"excludedStreamIds":{ids}}}}}"#)), wrong, "{ids}");
        }
        assert!(disable_force_mute(&Envelope::parse(r#"{"data":[]}"#).unwrap()).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let named = |data: &str| {
            let said = read(publish, data).unwrap_err();
            said.split(':').next().unwrap().to_owned()
        };
        assert_eq!(named(&format!(r#"{{"name":"{}"}}"#, "é".repeat(513))), "too_large name");
        assert_eq!(named(r#"{"name":7}"#), "bad_message name");
        for id in ["7", r#""abcdefg~p""#, r#""abcdefgh~a b""#] {
            assert_eq!(named(&format!(r#"{{"streamId":{id}}}"#)), "bad_message streamId", "{id}");
        }
        assert_eq!(named(r#"{"hasVideo":1}"#), "bad_message hasVideo");
        assert_eq!(named(r#"{"videoType":"Camera"}"#), "bad_message videoType");
        for size in
            ["7", "{}", r#"{"width":1}"#, r#"{"width":1,"height":16385}"#, r#"{"width":-1,"height":1}"#]
        {
            assert_eq!(named(&format!(r#"{{"videoDimensions":{size}}}"#)), "bad_message videoDimensions");
        }
        assert_eq!(read(update, "{}").unwrap_err(), "bad_message streamId: is required");
        let nothing = read(update, r#"{"streamId":"abcdefgh~p","name":"n"}"#).unwrap_err();
        assert!(nothing.starts_with("bad_message data: must have one of"), "{nothing}");
    }
}
