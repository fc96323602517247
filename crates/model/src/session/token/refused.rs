//! Why a token is no good.

/// Why a token that was signed by its project grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It names another project, or none.
    #[error("the token is another project's")]
    Project,
    /// It is for another session, or the session is another project's.
    #[error("the token is for another session")]
    Session,
    /// It is for something else.
    #[error("the token is for something else")]
    Scope,
    /// Its role is none of the four.
    #[error("the token's role is unknown")]
    Role,
    /// The peer that it names is no peer's id.
    #[error("the token's peerId is no id")]
    Peer,
    /// It does not say when it ends, or when it was made although that is needed.
    #[error("the token does not say when it is good")]
    Endless,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is from the future")]
    Early,
    /// It is good for longer than tokens may be.
    #[error("the token is good for too long")]
    Lasting,
    /// Its connection data is longer than [`MAX_DATA_CHARS`](super::claims::MAX_DATA_CHARS).
    #[error("the token's connection data is too long")]
    Data,
    /// Its layout classes are longer than [`MAX_CLASSES_CHARS`](super::claims::MAX_CLASSES_CHARS).
    #[error("the token's layout classes are too long")]
    Classes,
}
