//! The demo page: a built single-page application, for every path of a port of its own.

use std::path::Path;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::routing::get;
use serde_json::json;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::http::reply;
use crate::urls::UrlFile;

/// Serves `folder`. A path that names no file is a page of the application and answers `index.html`, but
/// for those below `/assets`, which only a stale page asks for. `/config.json` tells the page where this
/// gateway is, which no build can know.
pub(crate) fn router(folder: &Path, urls: &UrlFile) -> Router {
    let config = json!({ "httpUrl": urls.http_url, "signalUrl": urls.signal_url }).to_string();
    let pages = ServeDir::new(folder).fallback(ServeFile::new(folder.join("index.html")));
    // A demo that was built again shows at the next reload.
    let fresh =
        SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Router::new()
        .route("/config.json", get(async || reply::json(StatusCode::OK, config)))
        .nest_service("/assets", ServeDir::new(folder.join("assets")))
        .fallback_service(pages)
        .layer(fresh)
}
