//! Queues, and the functions that take their messages.

use std::time::Duration;

use super::super::Template;
use super::super::names;
use super::super::stack::{EventSource, Queue, Redrive, Stack};
use super::super::yaml::{Node, TemplateError};
use super::properties::{Properties, allow};

/// What Lambda takes from a queue at one time, unless it is told otherwise.
const BATCH: u32 = 10;
/// With how many pollers Lambda begins.
const CONCURRENCY: u32 = 5;
/// SQS's own defaults, in seconds.
const VISIBILITY: u32 = 30;
const RETENTION: u32 = 345_600;

pub(super) fn add(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties.allow(
        &[
            "QueueName",
            "DelaySeconds",
            "VisibilityTimeout",
            "MessageRetentionPeriod",
            "ReceiveMessageWaitTimeSeconds",
            "RedrivePolicy",
        ],
        &["KmsMasterKeyId", "RedriveAllowPolicy", "SqsManagedSseEnabled", "Tags"],
    )?;
    let logical = properties.logical;
    let name = match properties.get("QueueName")? {
        Some(name) => name.string("QueueName")?,
        None => names::physical(properties.template.stack_name(), logical),
    };
    let seconds = |property: &str, default: u32| -> Result<Duration, TemplateError> {
        let given = properties.get(property)?.map(|value| value.integer(property)).transpose()?;
        Ok(Duration::from_secs(given.unwrap_or(default).into()))
    };
    stack.queues.push(Queue {
        logical: logical.to_owned(),
        arn: names::queue_arn(&name),
        name,
        delay: seconds("DelaySeconds", 0)?,
        visibility: seconds("VisibilityTimeout", VISIBILITY)?,
        retention: seconds("MessageRetentionPeriod", RETENTION)?,
        wait: seconds("ReceiveMessageWaitTimeSeconds", 0)?,
        redrive: properties.get("RedrivePolicy")?.map(|policy| redrive(logical, &policy)).transpose()?,
        at: properties.resource.at.clone(),
    });
    Ok(())
}

fn redrive(logical: &str, policy: &Node) -> Result<Redrive, TemplateError> {
    let used = ["deadLetterTargetArn", "maxReceiveCount"];
    allow(logical, "RedrivePolicy", policy.as_map().unwrap_or_default(), &used, &[])?;
    let member =
        |name: &str| policy.get(name).ok_or_else(|| policy.error(format!("{logical}: {name} is missing")));
    Ok(Redrive {
        target: member("deadLetterTargetArn")?.string("deadLetterTargetArn")?,
        max_receives: member("maxReceiveCount")?.integer("maxReceiveCount")?,
    })
}

/// An `AWS::Lambda::EventSourceMapping`.
pub(super) fn add_source(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties.allow(
        &["FunctionName", "EventSourceArn", "BatchSize", "Enabled", "FunctionResponseTypes", "ScalingConfig"],
        &["Tags"],
    )?;
    let (logical, function) =
        (properties.logical, properties.needed("FunctionName")?.string("FunctionName")?);
    let queue = properties.needed("EventSourceArn")?.string("EventSourceArn")?;
    let property = |name: &str| properties.get(name);
    source(logical, function, queue, properties.resource, property, stack)
}

/// An event of Type SQS of the function `properties`.
pub(super) fn add_event(
    properties: &Properties<'_>,
    event: &Node,
    stack: &mut Stack,
) -> Result<(), TemplateError> {
    let logical = properties.logical;
    let details = event.get("Properties").and_then(Node::as_map).unwrap_or_default();
    let used = ["Queue", "BatchSize", "Enabled", "FunctionResponseTypes", "ScalingConfig"];
    allow(logical, "an SQS event", details, &used, &[])?;
    let detail =
        |name: &str| Ok(details.iter().find_map(|(known, value)| (known == name).then(|| value.clone())));
    let queue = detail("Queue")?.ok_or_else(|| event.error(format!("{logical}: Queue is missing")))?;
    source(logical, logical.to_owned(), queue.string("Queue")?, event, detail, stack)
}

fn source(
    logical: &str,
    function: String,
    queue: String,
    place: &Node,
    property: impl Fn(&str) -> Result<Option<Node>, TemplateError>,
    stack: &mut Stack,
) -> Result<(), TemplateError> {
    if let Some(enabled) = property("Enabled")?
        && !enabled.boolean("Enabled")?
    {
        return Ok(());
    }
    let number = |node: Option<&Node>, name: &str, default: u32| {
        node.map_or(Ok(default), |value| value.integer(name)).map(|number| number.max(1) as usize)
    };
    let partial = match property("FunctionResponseTypes")? {
        None => false,
        Some(types) => {
            let given = types.strings("FunctionResponseTypes")?;
            if given.iter().any(|kind| kind != "ReportBatchItemFailures") {
                return Err(types.error(format!("{logical}: only ReportBatchItemFailures is supported")));
            }
            !given.is_empty()
        }
    };
    let scaling = property("ScalingConfig")?;
    if let Some(scaling) = &scaling {
        allow(logical, "ScalingConfig", scaling.as_map().unwrap_or_default(), &["MaximumConcurrency"], &[])?;
    }
    let most = scaling.as_ref().and_then(|scaling| scaling.get("MaximumConcurrency"));
    stack.sources.push(EventSource {
        function,
        queue,
        batch: number(property("BatchSize")?.as_ref(), "BatchSize", BATCH)?,
        concurrency: number(most, "MaximumConcurrency", CONCURRENCY)?,
        partial,
        at: place.at.clone(),
    });
    Ok(())
}

/// Replaces names and ARNs of functions by their logical ids, and looks for what is not there.
pub(super) fn find(template: &Template, stack: &mut Stack) -> Result<(), TemplateError> {
    let known = |arn: &str| stack.queues.iter().any(|queue| queue.arn == arn);
    for queue in &stack.queues {
        if let Some(redrive) = &queue.redrive
            && !known(&redrive.target)
        {
            return Err(template.root().error(format!(
                "{}: {}: no queue of this template is {}",
                queue.at, queue.logical, redrive.target
            )));
        }
    }
    for source in &mut stack.sources {
        if !stack.queues.iter().any(|queue| queue.arn == source.queue) {
            let message = format!("{}: no queue of this template is {}", source.at, source.queue);
            return Err(template.root().error(message));
        }
        let is = |function: &&super::super::stack::Function| {
            function.is(&source.function) || names::function_arn(&function.name) == source.function
        };
        let Some(function) = stack.functions.iter().find(is) else {
            let message = format!("{}: no function of this template is {}", source.at, source.function);
            return Err(template.root().error(message));
        };
        source.function.clone_from(&function.logical);
    }
    Ok(())
}
