//! The two APIs.

use std::collections::BTreeMap;

use super::super::Template;
use super::super::names;
use super::super::stack::{Cors, HttpApi, HttpRoute, Limit, Stack, Throttling, WebSocketApi};
use super::super::yaml::{Node, TemplateError};
use super::properties::{Properties, allow};

/// What SAM calls the HTTP API of functions that name none.
const IMPLICIT: &str = "ServerlessHttpApi";

pub(super) fn add_websocket(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties.allow(
        &["RouteSelectionExpression", "StageName", "Routes", "DefaultRouteSettings", "RouteSettings"],
        &["Name", "Description", "AccessLogSettings", "IpAddressType", "Tags", "PropagateTags"],
    )?;
    let logical = properties.logical;
    if stack.websocket.is_some() {
        return Err(
            properties.error(format!("{logical}: one WebSocket API is supported, and there is one already"))
        );
    }
    let expression = properties.needed("RouteSelectionExpression")?;
    let selector = expression
        .as_str()
        .and_then(|text| text.strip_prefix("$request.body."))
        .filter(|selector| !selector.is_empty() && !selector.contains(['.', '[', '$']))
        .ok_or_else(|| expression.error(format!("{logical}: only $request.body.<name> is supported")))?
        .to_owned();
    let mut routes = BTreeMap::new();
    for (key, route) in properties.needed("Routes")?.as_map().unwrap_or_default() {
        allow(logical, "a route", route.as_map().unwrap_or_default(), &["FunctionArn"], &["OperationName"])?;
        let arn =
            route.get("FunctionArn").ok_or_else(|| route.error(format!("route {key} has no FunctionArn")))?;
        routes.insert(key.clone(), arn.string("FunctionArn")?);
    }
    stack.websocket = Some(WebSocketApi {
        api_id: names::api_id(properties.template.stack_name(), logical),
        stage: properties.template.stage(logical, properties.resource)?,
        selector,
        routes,
        throttling: throttling(properties)?,
    });
    Ok(())
}

pub(super) fn add_http(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties.allow(
        &["StageName", "CorsConfiguration", "DefaultRouteSettings", "RouteSettings"],
        &["Name", "Description", "AccessLogSettings", "Tags", "PropagateTags"],
    )?;
    let logical = properties.logical;
    let api_id = names::api_id(properties.template.stack_name(), logical);
    let routes = match stack.http.take() {
        // Routes of functions that stand before their API in the file.
        Some(early) if early.logical.is_empty() && early.api_id == api_id => early.routes,
        Some(_) => {
            return Err(
                properties.error(format!("{logical}: one HTTP API is supported, and there is one already"))
            );
        }
        None => Vec::new(),
    };
    stack.http = Some(HttpApi {
        logical: logical.to_owned(),
        api_id,
        stage: properties.template.stage(logical, properties.resource)?,
        routes,
        cors: properties.get("CorsConfiguration")?.map(|cors| read_cors(logical, &cors)).transpose()?,
        throttling: throttling(properties)?,
    });
    Ok(())
}

/// Adds a route of a function to the HTTP API `api`, which may come later in the file.
pub(super) fn route(
    api: Option<&str>,
    route: HttpRoute,
    place: &Node,
    stack: &mut Stack,
) -> Result<(), TemplateError> {
    let http = stack.http.get_or_insert_with(|| HttpApi {
        logical: String::new(),
        api_id: api.unwrap_or(IMPLICIT).to_owned(),
        stage: "$default".to_owned(),
        routes: Vec::new(),
        cors: None,
        throttling: Throttling::default(),
    });
    if http.api_id != api.unwrap_or(IMPLICIT) {
        return Err(place.error("one HTTP API is supported; this route belongs to a second one"));
    }
    if http.routes.iter().any(|known| known.method == route.method && known.path == route.path) {
        return Err(place.error(format!("the route {} {} is given twice", route.method, route.path)));
    }
    http.routes.push(route);
    Ok(())
}

/// Names the HTTP API that SAM makes for functions without one.
pub(super) fn add_implicit(template: &Template, stack: &mut Stack) -> Result<(), TemplateError> {
    let Some(http) = &mut stack.http else { return Ok(()) };
    if http.logical.is_empty() {
        if http.api_id != IMPLICIT {
            return Err(template.root().error(format!("there is no HTTP API {}", http.api_id)));
        }
        IMPLICIT.clone_into(&mut http.logical);
        http.api_id = names::api_id(template.stack_name(), IMPLICIT);
    }
    Ok(())
}

/// Replaces the ARNs of the WebSocket API's functions by their logical ids.
pub(super) fn find_targets(template: &Template, stack: &mut Stack) -> Result<(), TemplateError> {
    let Some(websocket) = &mut stack.websocket else { return Ok(()) };
    for (key, target) in &mut websocket.routes {
        let function = stack.functions.iter().find(|function| names::function_arn(&function.name) == *target);
        let function = function.ok_or_else(|| {
            template.root().error(format!("route {key}: no function of this template is {target}"))
        })?;
        function.logical.clone_into(target);
    }
    Ok(())
}

fn throttling(properties: &Properties<'_>) -> Result<Throttling, TemplateError> {
    let default = properties.get("DefaultRouteSettings")?;
    let default = default.map(|settings| limit(properties.logical, &settings)).transpose()?.flatten();
    let mut routes = BTreeMap::new();
    if let Some(settings) = properties.get("RouteSettings")? {
        for (key, settings) in settings.as_map().unwrap_or_default() {
            if let Some(limit) = limit(properties.logical, settings)? {
                routes.insert(key.clone(), limit);
            }
        }
    }
    Ok(Throttling { default, routes })
}

fn limit(logical: &str, settings: &Node) -> Result<Option<Limit>, TemplateError> {
    allow(
        logical,
        "route settings",
        settings.as_map().unwrap_or_default(),
        &["ThrottlingBurstLimit", "ThrottlingRateLimit"],
        &["DetailedMetricsEnabled", "DataTraceEnabled", "LoggingLevel"],
    )?;
    let (burst, rate) = (settings.get("ThrottlingBurstLimit"), settings.get("ThrottlingRateLimit"));
    let (Some(burst), Some(rate)) = (burst, rate) else {
        return match burst.or(rate) {
            None => Ok(None),
            Some(alone) => Err(alone.error(format!(
                "{logical}: ThrottlingBurstLimit and ThrottlingRateLimit are supported together only"
            ))),
        };
    };
    let number = rate.as_str().and_then(|text| text.parse::<f64>().ok()).filter(|rate| *rate > 0.0);
    let rate = number.ok_or_else(|| rate.error("ThrottlingRateLimit must be a number above 0"))?;
    Ok(Some(Limit { burst: burst.integer("ThrottlingBurstLimit")?, rate }))
}

fn read_cors(logical: &str, node: &Node) -> Result<Cors, TemplateError> {
    let Some(entries) = node.as_map() else {
        return Err(node.error(format!("{logical}: CorsConfiguration must be a map")));
    };
    let used =
        ["AllowOrigins", "AllowMethods", "AllowHeaders", "ExposeHeaders", "MaxAge", "AllowCredentials"];
    allow(logical, "CorsConfiguration", entries, &used, &[])?;
    let list = |key: &str| match node.get(key) {
        Some(value) => value.strings(key),
        None => Ok(Vec::new()),
    };
    Ok(Cors {
        origins: list("AllowOrigins")?,
        methods: list("AllowMethods")?,
        headers: list("AllowHeaders")?,
        expose: list("ExposeHeaders")?,
        max_age: node.get("MaxAge").map(|value| value.integer("MaxAge")).transpose()?,
        credentials: node
            .get("AllowCredentials")
            .map_or(Ok(false), |value| value.boolean("AllowCredentials"))?,
    })
}
