//! Streams of tables, and the functions that take their records.

use std::time::Duration;

use super::super::Template;
use super::super::names;
use super::super::stack::{Stack, Start, StreamSource};
use super::super::yaml::{Node, TemplateError};
use super::properties::{Properties, allow};
use crate::streams::filter::Pattern;

/// What Lambda takes of a shard at one time, unless it is told otherwise.
const BATCH: u32 = 100;
/// Filters of one source; more are a matter of quota.
const FILTERS: usize = 5;
/// How long DynamoDB keeps a record: 24 hours.
const RETENTION: Duration = Duration::from_hours(24);
const VIEWS: [&str; 4] = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"];
/// What both forms of a source take; they differ in how they name the function and the stream.
const USED: [&str; 12] = [
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "FilterCriteria",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "StartingPosition",
    // Of which each form has its own name.
    "Stream",
];
const ACCEPTED: [&str; 3] = ["KmsKeyArn", "MetricsConfig", "Tags"];

/// The view type of a `StreamSpecification`.
pub(super) fn view(logical: &str, specification: &Node) -> Result<String, TemplateError> {
    let entries = specification.as_map().unwrap_or_default();
    allow(logical, "StreamSpecification", entries, &["StreamViewType"], &[])?;
    let view = specification
        .get("StreamViewType")
        .ok_or_else(|| specification.error(format!("{logical}: StreamViewType is missing")))?
        .string("StreamViewType")?;
    if VIEWS.contains(&view.as_str()) {
        return Ok(view);
    }
    Err(specification.error(format!("{logical}: StreamViewType is one of {}", VIEWS.join(", "))))
}

/// Whether an `AWS::Lambda::EventSourceMapping` is of the stream of a table.
pub(super) fn is_source(properties: &Properties<'_>) -> Result<bool, TemplateError> {
    let arn = properties.get("EventSourceArn")?;
    Ok(arn.as_ref().and_then(Node::as_str).is_some_and(|arn| arn.starts_with("arn:aws:dynamodb:")))
}

/// An `AWS::Lambda::EventSourceMapping` of the stream of a table.
pub(super) fn add_source(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    let mut used = vec!["FunctionName", "EventSourceArn"];
    used.extend(USED.iter().filter(|name| **name != "Stream"));
    properties.allow(&used, &ACCEPTED)?;
    let function = properties.needed("FunctionName")?.string("FunctionName")?;
    let stream = properties.needed("EventSourceArn")?.string("EventSourceArn")?;
    let source = Source { logical: properties.logical, place: properties.resource };
    source.add(function, stream, |name| properties.get(name), stack)
}

/// An event of Type DynamoDB of the function `properties`.
pub(super) fn add_event(
    properties: &Properties<'_>,
    event: &Node,
    stack: &mut Stack,
) -> Result<(), TemplateError> {
    let logical = properties.logical;
    let details = event.get("Properties");
    allow(logical, "a DynamoDB event", details.and_then(Node::as_map).unwrap_or_default(), &USED, &ACCEPTED)?;
    let detail = |name: &str| Ok(details.and_then(|details| details.get(name)).cloned());
    let stream = detail("Stream")?.ok_or_else(|| event.error(format!("{logical}: Stream is missing")))?;
    let source = Source { logical, place: event };
    source.add(logical.to_owned(), stream.string("Stream")?, detail, stack)
}

/// Where a source stands in the template.
struct Source<'a> {
    logical: &'a str,
    place: &'a Node,
}

impl Source<'_> {
    fn add(
        &self,
        function: String,
        stream: String,
        property: impl Fn(&str) -> Result<Option<Node>, TemplateError>,
        stack: &mut Stack,
    ) -> Result<(), TemplateError> {
        let logical = self.logical;
        let number = |name: &str, default: u32, least: u32, most: u32| {
            let Some(value) = property(name)? else { return Ok(default) };
            let given = value.integer(name)?;
            if (least..=most).contains(&given) {
                return Ok(given);
            }
            Err(value.error(format!("{logical}: {name} is from {least} to {most}")))
        };
        // -1: for as long as the stream keeps the record.
        let unlimited = |name: &str| Ok(property(name)?.is_none_or(|value| value.as_str() == Some("-1")));
        let flag = |name: &str, default: bool| match property(name)? {
            Some(value) => value.boolean(name),
            None => Ok(default),
        };
        let source = StreamSource {
            function,
            stream,
            table: String::new(),
            start: self.start(property("StartingPosition")?.as_ref())?,
            batch: number("BatchSize", BATCH, 1, 10_000)? as usize,
            window: Duration::from_secs(number("MaximumBatchingWindowInSeconds", 0, 0, 300)?.into()),
            retries: if unlimited("MaximumRetryAttempts")? {
                None
            } else {
                Some(number("MaximumRetryAttempts", 0, 0, 10_000)?)
            },
            age: if unlimited("MaximumRecordAgeInSeconds")? {
                RETENTION
            } else {
                let seconds = number("MaximumRecordAgeInSeconds", 0, 60, 604_800)?;
                RETENTION.min(Duration::from_secs(seconds.into()))
            },
            bisect: flag("BisectBatchOnFunctionError", false)?,
            partial: self.partial(property("FunctionResponseTypes")?.as_ref())?,
            lanes: number("ParallelizationFactor", 1, 1, 10)?,
            filters: self.filters(property("FilterCriteria")?.as_ref())?,
            dead: self.destination(property("DestinationConfig")?.as_ref())?,
            at: self.place.at.clone(),
        };
        if flag("Enabled", true)? {
            stack.stream_sources.push(source);
        }
        Ok(())
    }

    fn start(&self, position: Option<&Node>) -> Result<Start, TemplateError> {
        match position.and_then(Node::as_str) {
            Some("LATEST") => Ok(Start::Latest),
            Some("TRIM_HORIZON") => Ok(Start::TrimHorizon),
            _ => Err(position
                .unwrap_or(self.place)
                .error(format!("{}: StartingPosition is LATEST or TRIM_HORIZON", self.logical))),
        }
    }

    fn partial(&self, types: Option<&Node>) -> Result<bool, TemplateError> {
        let Some(types) = types else { return Ok(false) };
        let given = types.strings("FunctionResponseTypes")?;
        if given.iter().any(|kind| kind != "ReportBatchItemFailures") {
            return Err(types.error(format!("{}: only ReportBatchItemFailures is supported", self.logical)));
        }
        Ok(!given.is_empty())
    }

    fn filters(&self, criteria: Option<&Node>) -> Result<Vec<Pattern>, TemplateError> {
        let Some(criteria) = criteria else { return Ok(Vec::new()) };
        let logical = self.logical;
        allow(logical, "FilterCriteria", criteria.as_map().unwrap_or_default(), &["Filters"], &[])?;
        let filters = criteria.get("Filters").and_then(Node::as_list).unwrap_or_default();
        if filters.len() > FILTERS {
            return Err(criteria.error(format!("{logical}: there are at most {FILTERS} Filters")));
        }
        let pattern = |filter: &Node| {
            allow(logical, "a filter", filter.as_map().unwrap_or_default(), &["Pattern"], &[])?;
            let pattern = filter
                .get("Pattern")
                .ok_or_else(|| filter.error(format!("{logical}: a filter has a Pattern")))?;
            Pattern::read(&pattern.string("Pattern")?)
                .map_err(|why| pattern.error(format!("{logical}: Pattern: {why}")))
        };
        filters.iter().map(pattern).collect()
    }

    /// The ARN of the queue that is told of records that are given up.
    fn destination(&self, config: Option<&Node>) -> Result<Option<String>, TemplateError> {
        let Some(config) = config else { return Ok(None) };
        let logical = self.logical;
        allow(logical, "DestinationConfig", config.as_map().unwrap_or_default(), &["OnFailure"], &[])?;
        let Some(failure) = config.get("OnFailure") else { return Ok(None) };
        allow(logical, "OnFailure", failure.as_map().unwrap_or_default(), &["Destination", "Type"], &[])?;
        if let Some(kind) = failure.get("Type")
            && kind.as_str() != Some("SQS")
        {
            return Err(kind.error(format!("{logical}: only a destination of Type SQS is supported")));
        }
        failure.get("Destination").map(|destination| destination.string("Destination")).transpose()
    }
}

/// Replaces names and ARNs by logical ids, and looks for what is not there.
pub(super) fn find(template: &Template, stack: &mut Stack) -> Result<(), TemplateError> {
    for source in &mut stack.stream_sources {
        let missing = |what: &str, name: &str| {
            template.root().error(format!("{}: no {what} of this template is {name}", source.at))
        };
        let is = |table: &&super::super::stack::Table| {
            table.stream().is_some() && names::stream_arn(&table.name) == source.stream
        };
        let table = stack.tables.iter().find(is).ok_or_else(|| missing("stream", &source.stream))?;
        let is = |function: &&super::super::stack::Function| {
            function.is(&source.function) || names::function_arn(&function.name) == source.function
        };
        let function =
            stack.functions.iter().find(is).ok_or_else(|| missing("function", &source.function))?;
        if let Some(arn) = &source.dead
            && !stack.queues.iter().any(|queue| queue.arn == *arn)
        {
            return Err(missing("queue", arn));
        }
        source.table.clone_from(&table.logical);
        source.function.clone_from(&function.logical);
    }
    Ok(())
}
