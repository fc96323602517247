//! `AWS::Serverless::Function`: an executable among the workspace's binaries.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::stack::{Function, HttpRoute, Stack};
use super::super::yaml::{Node, TemplateError};
use super::properties::{Properties, allow};
use crate::http::routes;

const USED: &[&str] = &[
    "FunctionName",
    "MemorySize",
    "Timeout",
    "Environment",
    "ReservedConcurrentExecutions",
    "Events",
    "Runtime",
];
const ACCEPTED: &[&str] =
    &["CodeUri", "Handler", "Architectures", "Description", "Policies", "LoggingConfig", "Tracing", "Tags"];

/// What a property not set here or in `Globals` is at AWS.
const TIMEOUT_SECONDS: u32 = 3;
const MEMORY_MB: u32 = 128;

pub(super) fn add(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties.allow(USED, ACCEPTED)?;
    let logical = properties.logical;
    if let Some(runtime) = property(properties, "Runtime")?
        && !matches!(runtime.as_str(), Some("provided.al2023" | "provided.al2"))
    {
        return Err(
            runtime.error(format!("{logical}: Runtime must be provided.al2023: functions are executables"))
        );
    }
    let number = |name: &str, default: u32| match property(properties, name)? {
        Some(value) => value.integer(name),
        None => Ok(default),
    };
    let reserved = property(properties, "ReservedConcurrentExecutions")?;
    let name = properties.template.resolve(&reference(properties))?;
    stack.functions.push(Function {
        logical: logical.to_owned(),
        name: name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default(),
        binary: binary(properties)?,
        memory_mb: number("MemorySize", MEMORY_MB)?,
        timeout: Duration::from_secs(number("Timeout", TIMEOUT_SECONDS)?.into()),
        environment: environment(properties)?,
        reserved: reserved.map(|value| value.integer("ReservedConcurrentExecutions")).transpose()?,
        at: properties.resource.at.clone(),
    });
    if let Some(events) = properties.get("Events")? {
        for (name, event) in events.as_map().unwrap_or_default() {
            add_event(properties, name, event, stack)?;
        }
    }
    Ok(())
}

/// `{Ref: <this function>}`.
fn reference(properties: &Properties<'_>) -> Node {
    let at = &properties.resource.at;
    Node {
        at: at.clone(),
        value: super::super::yaml::Value::Map(vec![("Ref".to_owned(), Node::text(at, properties.logical))]),
    }
}

/// The property of the function, else that of `Globals`.
fn property(properties: &Properties<'_>, name: &str) -> Result<Option<Node>, TemplateError> {
    if let Some(own) = properties.get(name)? {
        return Ok(Some(own));
    }
    match globals(properties)?.and_then(|globals| globals.get(name)) {
        Some(value) => properties.template.resolve(value),
        None => Ok(None),
    }
}

fn globals<'a>(properties: &Properties<'a>) -> Result<Option<&'a Node>, TemplateError> {
    let Some(globals) = properties.template.root().get("Globals") else { return Ok(None) };
    allow("Globals", "this gateway", globals.as_map().unwrap_or_default(), &["Function"], &[])?;
    let Some(function) = globals.get("Function") else { return Ok(None) };
    allow("Globals", "Function", function.as_map().unwrap_or_default(), USED, ACCEPTED)?;
    Ok(Some(function))
}

/// The executable: `Metadata.BuildProperties.Binary`, which `sam build` reads too.
fn binary(properties: &Properties<'_>) -> Result<String, TemplateError> {
    let metadata = properties.resource.get("Metadata");
    let binary = metadata.and_then(|metadata| metadata.get("BuildProperties")?.get("Binary"));
    let binary = binary.ok_or_else(|| {
        properties.error(format!(
            "{}: name its executable: Metadata: {{BuildMethod: rust-cargolambda, BuildProperties: {{Binary: …}}}}",
            properties.logical
        ))
    })?;
    binary.string("Binary")
}

fn environment(properties: &Properties<'_>) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut variables = BTreeMap::new();
    let global = match globals(properties)?.and_then(|globals| globals.get("Environment")) {
        Some(value) => properties.template.resolve(value)?,
        None => None,
    };
    for environment in [global, properties.get("Environment")?].into_iter().flatten() {
        let logical = properties.logical;
        allow(logical, "Environment", environment.as_map().unwrap_or_default(), &["Variables"], &[])?;
        let given = environment.get("Variables").and_then(Node::as_map).unwrap_or_default();
        for (name, value) in given {
            variables.insert(name.clone(), value.string(&format!("{logical}: the variable {name}"))?);
        }
    }
    Ok(variables)
}

fn add_event(
    properties: &Properties<'_>,
    name: &str,
    event: &Node,
    stack: &mut Stack,
) -> Result<(), TemplateError> {
    let logical = properties.logical;
    match event.get("Type").and_then(Node::as_str) {
        Some("HttpApi") => {}
        Some("SQS") => return super::queues::add_event(properties, event, stack),
        Some("DynamoDB") => return super::streams::add_event(properties, event, stack),
        _ => {
            return Err(event.error(format!(
                "{logical}: event {name}: only events of Type HttpApi, SQS and DynamoDB are supported"
            )));
        }
    }
    let details = event.get("Properties").and_then(Node::as_map).unwrap_or_default();
    allow(logical, "an HttpApi event", details, &["ApiId", "Method", "Path", "PayloadFormatVersion"], &[])?;
    let detail = |key: &str| details.iter().find_map(|(known, value)| (known == key).then_some(value));
    if let Some(version) = detail("PayloadFormatVersion")
        && version.as_str() != Some("2.0")
    {
        return Err(version.error(format!("{logical}: only payload version \"2.0\" is supported")));
    }
    let path = detail("Path").map_or(Ok("$default".to_owned()), |path| path.string("Path"))?;
    if let Some(fault) = routes::fault(&path) {
        return Err(event.error(format!("{logical}: {path}: {fault}")));
    }
    let method =
        detail("Method").map_or(Ok("ANY".to_owned()), |method| method.string("Method"))?.to_uppercase();
    let api = detail("ApiId").map(|api| api.string("ApiId")).transpose()?;
    let route = HttpRoute { method, path, function: logical.to_owned() };
    super::apis::route(api.as_deref(), route, event, stack)
}
