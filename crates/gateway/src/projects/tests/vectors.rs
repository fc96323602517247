//! Tokens that unmodified server SDKs made, in the second [`MADE`] or a little after: npm `opentok` 2.23.2, Python's
//! `opentok` 3.15.0. The private key of the RS256 ones is lost, and none of this opens anything.

use model::time::EpochMillis;

/// When they were made.
pub(super) const MADE: EpochMillis = EpochMillis(1_795_295_910_000);
/// The project of the T1 and HS256 tokens.
pub(super) const NUMBER: &str = "47000001";
/// Its secret.
pub(super) const SECRET: &str = "s3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr";
/// Its session.
pub(super) const SESSION: &str = "1_MX40NzAwMDAwMX4xOTIuMC4yLjd-MTc5NTIwMDAwMDAwMH5BQkNERUZHSElKS0xNTk9QflB-";
/// The project of the RS256 tokens.
pub(super) const UUID: &str = "12345678-90ab-4cde-8f01-234567890abc";
/// Its session.
pub(super) const UUID_SESSION: &str =
    "1_MX4xMjM0NTY3OC05MGFiLTRjZGUtOGYwMS0yMzQ1Njc4OTBhYmN-fjE3OTUyMDAwMDAwMDB-QUJDREVGR0hJSktMTU5PUH5Qfg";
/// Its public key.
pub(super) const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsYnZ6Ho9UZ+KF8X8sUKS
FvgBmqKhMUynV17L4q1QlXt4fouY5MjwNjnAYiklpAKaWxbYwze1BIXphqQCGc0N
Wi+4yqD7c90Uzjq+GdkWI2Ndf+wDOMZL3Uv1vNYbq8wkA/WKoos+ffugn1uvgUwN
lKG0CIhR8an1GldE1s/6J7sMCst97CydglA4qU9k4Y15OId0ezucKdUY7hFwdib7
p4mJHU65DlWCr9EmNX9asWcd/drlHzKGm5J2vPTVwE6smxJIcbVpMt8TVknuW2//
ZxLV1qRYnuQOezGdvQj0axTf84Oz1BDgrrGeXSIbLqIkc7kppL9aJuNU+GXAuhI3
6QIDAQAB
-----END PUBLIC KEY-----
";
/// A moderator, from npm.
pub(super) const T1: &str = concat!(
    "T1==cGFydG5lcl9pZD00NzAwMDAwMSZzaWc9MTlkNDUzMmIzOTg2NmQwNTZiZGMzMzE3NDI4NTE1OGNkYWVjNTA1OTpzZXNzaW9u",
    "X2lkPTFfTVg0ME56QXdNREF3TVg0eE9USXVNQzR5TGpkLU1UYzVOVEl3TURBd01EQXdNSDVCUWtORVJVWkhTRWxLUzB4TlRrOVFm",
    "bEItJmNyZWF0ZV90aW1lPTE3OTUyOTU5MTAmbm9uY2U9MC4zODcyMTQ5ODUxMjY2NTQyJnJvbGU9bW9kZXJhdG9yJmV4cGlyZV90",
    "aW1lPTE3OTUzODIzMTAmY29ubmVjdGlvbl9kYXRhPW5hbWUlM0RBbm4lMjZ4JmluaXRpYWxfbGF5b3V0X2NsYXNzX2xpc3Q9Zm9j",
    "dXMlMjBzbWFsbCZzY29wZT1zZXNzaW9uLmNvbm5lY3Q=",
);
/// A publisher with the data `a b ü`, from Python.
pub(super) const T1_FROM_PYTHON: &str = concat!(
    "T1==cGFydG5lcl9pZD00NzAwMDAwMSZzaWc9ZjEzY2NmMzlkNjU3ODViOTBiMzE5NzgwNDdhYzJlMGFhYmM3ZGYxOTpzZXNzaW9u",
    "X2lkPTFfTVg0ME56QXdNREF3TVg0eE9USXVNQzR5TGpkLU1UYzVOVEl3TURBd01EQXdNSDVCUWtORVJVWkhTRWxLUzB4TlRrOVFm",
    "bEItJmNyZWF0ZV90aW1lPTE3OTUyOTYwMjYmZXhwaXJlX3RpbWU9MTc5NTM4MjQyNiZyb2xlPXB1Ymxpc2hlciZub25jZT04MTcw",
    "MTcmaW5pdGlhbF9sYXlvdXRfY2xhc3NfbGlzdD14K3kmY29ubmVjdGlvbl9kYXRhPWErYislQzMlQkM=",
);
/// A moderator, from npm.
pub(super) const HS256: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiI0NzAwMDAwMSIsImlzdCI6InByb2plY3QiLCJpYXQiOjE3OTUyOTU",
    "5MTAsImV4cCI6MTc5NTM4MjMxMCwic2Vzc2lvbl9pZCI6IjFfTVg0ME56QXdNREF3TVg0eE9USXVNQzR5TGpkLU1UYzVOVEl3TUR",
    "Bd01EQXdNSDVCUWtORVJVWkhTRWxLUzB4TlRrOVFmbEItIiwiY3JlYXRlX3RpbWUiOjE3OTUyOTU5MTAsIm5vbmNlIjowLjQzNTk",
    "2NzUxMTY5MzczMTYsInJvbGUiOiJtb2RlcmF0b3IiLCJleHBpcmVfdGltZSI6MTc5NTM4MjMxMCwiY29ubmVjdGlvbl9kYXRhIjo",
    "ibmFtZT1Bbm4meCIsImluaXRpYWxfbGF5b3V0X2NsYXNzX2xpc3QiOiJmb2N1cyBzbWFsbCIsInNjb3BlIjoic2Vzc2lvbi5jb25",
    "uZWN0In0.-cNuHXqOhe_ocZpdH222j3jm3FTiHQR1Sw9IrkF3Dvw",
);
/// A subscriber with the data `a b`, from Python.
pub(super) const HS256_FROM_PYTHON: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzZXNzaW9uX2lkIjoiMV9NWDQwTnpBd01EQXdNWDR4T1RJdU1DNHlMamQtTVR",
    "jNU5USXdNREF3TURBd01INUJRa05FUlVaSFNFbEtTMHhOVGs5UWZsQi0iLCJyb2xlIjoic3Vic2NyaWJlciIsImlhdCI6MTc5NTI",
    "5NjAyNiwiZXhwIjoxNzk1MzgyNDI2LCJzY29wZSI6InNlc3Npb24uY29ubmVjdCIsImNvbm5lY3Rpb25fZGF0YSI6ImEgYiIsIml",
    "zcyI6IjQ3MDAwMDAxIiwiaXN0IjoicHJvamVjdCIsIm5vbmNlIjo2NDgzNDJ9.aYn2PHcShvCHB_ISn1fI-ol3uit6d-QXbjf8gK",
    "rehjM",
);
/// A moderator, from npm.
pub(super) const RS256: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzY29wZSI6InNlc3Npb24uY29ubmVjdCIsInNlc3Npb25faWQiOiIxX01YNHh",
    "Nak0wTlRZM09DMDVNR0ZpTFRSalpHVXRPR1l3TVMweU16UTFOamM0T1RCaFltTi1makUzT1RVeU1EQXdNREF3TURCLVFVSkRSRVZ",
    "HUjBoSlNrdE1UVTVQVUg1UWZnIiwicm9sZSI6Im1vZGVyYXRvciIsImluaXRpYWxfbGF5b3V0X2NsYXNzX2xpc3QiOiJmb2N1cyB",
    "zbWFsbCIsImV4cCI6MTc5NTM4MjMxMCwic3ViIjoidmlkZW8iLCJhY2wiOnsicGF0aHMiOnsiL3Nlc3Npb24vKioiOnt9fX0sImN",
    "vbm5lY3Rpb25fZGF0YSI6Im5hbWU9QW5uJngiLCJqdGkiOiI1NDNmZWQyYS0wZjhmLTQ0NTEtYWZhOC0xNjM2MzhhNTliZjQiLCJ",
    "pYXQiOjE3OTUyOTU5MTAsImFwcGxpY2F0aW9uX2lkIjoiMTIzNDU2NzgtOTBhYi00Y2RlLThmMDEtMjM0NTY3ODkwYWJjIn0.NZP",
    "MhbGDG1jhiWL_a5KWohEHRzcu3gmTqmOcTSQKgnvyw7jk7PWLW7lNzFvA91Q7N9BRYxbtita4JvqYMcN7Q2AeZSR7NudUt9JABsu",
    "cF5AmUCgD_SSNnAnQVW0sUYwMMLAadMAQMggQWZ9WGypQYcrEFqdQ1ZeIO0YwFQyZeESKLi1bFaULhIcWC7TDOq6-LvOZuC2KQQ4",
    "jK6flq9j5hR0ZyTCrft8RuM8muSHiWL16OX7MstvwsAPxtLgRs1iRVNc40kAUXtvjwssTm_WqfZ8vTtKI4fDNLZCXb1MISK_yiT1",
    "9AJec1zwQqWyu-ViP4J8nwtHh2fO-65jq20OcnA",
);
/// For a REST call, from npm.
pub(super) const HS256_CREDENTIAL: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiI0NzAwMDAwMSIsImlzdCI6InByb2plY3QiLCJpYXQiOjE3OTUyOTU",
    "5MTAsImV4cCI6MTc5NTI5NjIxMH0.xarIitMhti5m4UL8NsVSn_OJ-zZFEVGJJL12Reb9nvI",
);
/// For a REST call, from npm.
pub(super) const RS256_CREDENTIAL: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiIxMjM0NTY3OC05MGFiLTRjZGUtOGYwMS0yMzQ1Njc4OTBhYmMiLCJ",
    "pc3QiOiJwcm9qZWN0IiwiaWF0IjoxNzk1Mjk1OTEwLCJleHAiOjE3OTUyOTYyMTAsImFwcGxpY2F0aW9uX2lkIjoiMTIzNDU2Nzg",
    "tOTBhYi00Y2RlLThmMDEtMjM0NTY3ODkwYWJjIiwianRpIjoiZTI0MTg1ZmItYjBlMS00ZGJjLTk2OTEtNTAwYmEzOTZlZjU5In0",
    ".K-_a2eywU7EQHkCcP0-HCEJ_f4h3k7EeXhKslkJ9eywf97NGfpXGTEuv0wXGTur3tNgSp5yf_YQkL6Mv6El9KWmGBQ4y2Qvoy4e",
    "ZwJ423yyqIHFFmdXHWZ7On0UY6HL71iBTz5jBFHP1GbU5RkfMVYGIVaR_j92VAC_E-_sjiZteUyETkJWT0yV15_XB3IDl4me_-Qi",
    "kR8v5pjGYverktCmj414hYi02nAuuqVIVPUJgUv4sYAtw7qhbHOYWnlfPUD6ojO-0SBxLeT8O9TqBPf8fReVS6-1LsAtaE56LnPl",
    "fmmP47OyrYwBPPTnj5vX3HGMWbSYOst0mhE1Xy0uvEA",
);
