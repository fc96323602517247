//! Session descriptions: RFC 8866's text, read as RFC 8829 says that an offer and an answer are to be read.
//!
//! str0m's parser is stricter than clients are correct. So no text of a client's reaches it: [`Description`]
//! is what the client's text says, [`Places`] writes that as str0m expects it, and turns str0m's answer into
//! one for the client.
//!
//! | file | what it knows |
//! |---|---|
//! | `lines` | the text: lines, sections, attributes |
//! | `description` | what a client's description says |
//! | `codecs` | the payload types of a section |
//! | `places` | the same in str0m's terms, and back |
//! | `own` | the tracks in the SFU's own offers |
//! | `refused` | the reasons why a description is refused |

mod codecs;
mod description;
mod lines;
mod own;
mod places;
mod refused;

pub(crate) use self::codecs::{Agreed, H264};
pub(crate) use self::description::{Description, Section, Transport};
pub(crate) use self::own::with_tracks;
pub(crate) use self::places::Places;
pub(crate) use self::refused::Refused;
