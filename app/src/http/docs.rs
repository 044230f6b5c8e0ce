//! The documentation: Swagger UI, which works offline, and the document itself.
//!
//! The library brings Swagger UI as one page with everything inline, which the content policy forbids. It is taken apart
//! into a page, a style sheet and a script, so that the policy needs no exception.

use poem::http::header::CACHE_CONTROL;
use poem::{EndpointExt, Response, Route, endpoint::make_sync, get};

use super::document;

const STYLE_BEGINS: &str = "<style charset=\"UTF-8\">";
const STYLE_ENDS: &str = "</style>";
const SCRIPT_BEGINS: &str = "<script charset=\"UTF-8\">";
const SCRIPT_ENDS: &str = "</script>\n</head>";

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Watchkeeper API</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<script src="/docs/swagger-ui.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
<div id="ui"></div>
</body>
</html>
"#;

const START: &str =
    "SwaggerUIBundle({ dom_id: '#ui', url: '/openapi.json', deepLinking: true, validatorUrl: null });\n";

/// Adds the documentation to the routes.
pub(super) fn routes(route: Route) -> Route {
    let ui = document::service().swagger_ui_html();
    let style = between(&ui, STYLE_BEGINS, STYLE_ENDS).unwrap_or_default().to_owned();
    let script = between(&ui, SCRIPT_BEGINS, SCRIPT_ENDS).unwrap_or_default().to_owned();
    let text = |media_type: &'static str, text: String| {
        get(make_sync(move |_| {
            Response::builder().content_type(media_type).header(CACHE_CONTROL, "no-cache").body(text.clone())
        }))
        .boxed()
    };
    route
        .at("/docs", text("text/html; charset=utf-8", PAGE.to_owned()))
        .at("/docs/swagger-ui.css", text("text/css; charset=utf-8", style))
        .at("/docs/swagger-ui.js", text("text/javascript; charset=utf-8", script))
        .at("/docs/start.js", text("text/javascript; charset=utf-8", START.to_owned()))
        .at("/openapi.json", text("application/json", document::openapi_json()))
        .at("/openapi.yaml", text("application/yaml", document::openapi_yaml()))
}

fn between<'a>(text: &'a str, begins: &str, ends: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begins)?;
    rest.split_once(ends).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_library_comes_apart() {
        let ui = document::service().swagger_ui_html();
        assert!(between(&ui, STYLE_BEGINS, STYLE_ENDS).unwrap().contains(".swagger-ui"));
        let script = between(&ui, SCRIPT_BEGINS, SCRIPT_ENDS).unwrap();
        assert!(script.contains("SwaggerUIBundle") && !script.contains("<script charset"));
    }
}
