//! The pages: the dashboard and the documentation.

use poem::Request;
use poem::http::{Method, StatusCode};

use super::server::{Answer, Server};

async fn get(server: &Server, path: &str) -> Answer {
    Answer::of(server.send(Request::builder().uri_str(path).finish()).await).await
}

#[tokio::test]
async fn every_page_of_the_dashboard_is_one_document_that_is_asked_for_anew() {
    let server = Server::new();
    let root = get(&server, "/").await;
    assert_eq!((root.status, root.header("cache-control")), (StatusCode::OK, Some("no-cache")));
    assert!(root.header("content-type").unwrap().starts_with("text/html"));
    for path in ["/monitors", "/monitors/019c1405-6400-7000-8000-0000000000c1", "/login"] {
        let page = get(&server, path).await;
        assert_eq!((page.status, page.bytes), (StatusCode::OK, root.bytes.clone()), "{path}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_a_page() {
    let server = Server::new();
    for path in ["/assets/nothing.js", "/favicon.nothing", "/../Cargo.toml", "/assets/../../package.json"] {
        get(&server, path).await.problem(404, "not_found");
    }
}

/// The page of the dashboard is served with a strong validator, and its parts for ever.
#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let server = Server::new();
    let page = get(&server, "/").await;
    let etag = page.header("etag").expect("the dashboard is there to be served: `make build` builds it");
    assert!(etag.starts_with('"') && etag.ends_with('"'), "strong: {etag}");
    let request = Request::builder().uri_str("/").header("if-none-match", etag).finish();
    let again = Answer::of(server.send(request).await).await;
    assert_eq!((again.status, again.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!((again.header("etag"), again.header("vary")), (Some(etag), Some("accept-encoding")));
    assert_eq!(again.header("cache-control"), Some("no-cache"));
    let gzipped = Request::builder().uri_str("/").header("accept-encoding", "gzip").finish();
    let gzipped = Answer::of(server.send(gzipped).await).await;
    assert_ne!(gzipped.header("etag"), Some(etag), "other bytes, another validator");
    let request = Request::builder().uri_str("/").header("if-none-match", gzipped.header("etag").unwrap()).finish();
    let again = Answer::of(server.send(request).await).await;
    assert_eq!((again.status, again.header("etag")), (StatusCode::NOT_MODIFIED, gzipped.header("etag")));

    let asset = page.text().split('"').find(|part| part.starts_with("/assets/")).unwrap().to_owned();
    let part = get(&server, &asset).await;
    assert_eq!(part.header("cache-control"), Some("public, max-age=31536000, immutable"), "{asset}");
    let head = Request::builder().method(Method::HEAD).uri_str(&asset).finish();
    let head = Answer::of(server.send(head).await).await;
    assert_eq!((head.bytes.len(), head.header("content-length")), (0, Some(part.bytes.len().to_string().as_str())));
}

#[tokio::test]
async fn the_documentation_needs_nothing_from_outside_and_nothing_inline() {
    let server = Server::new();
    let page = get(&server, "/docs").await;
    let mut files = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        files.extend(page.text().split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    files.retain(|file| file != "/favicon.svg");
    assert_eq!(files.len(), 3);
    for file in &files {
        assert!(file.starts_with("/docs/"), "{file}");
        let part = get(&server, file).await;
        assert!(part.status.is_success() && !part.bytes.is_empty(), "{file}");
        let expected = if file.ends_with(".css") { "text/css" } else { "text/javascript" };
        assert!(part.header("content-type").unwrap().starts_with(expected), "{file}");
    }
    assert!(!page.text().contains("<style") && !page.text().contains("<script>"));
    assert!(get(&server, "/docs/start.js").await.text().contains("/openapi.json"));
}
