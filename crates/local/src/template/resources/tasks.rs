//! `AWS::ECS::TaskDefinition`: what a task's child process is given.

use std::collections::BTreeMap;

use super::super::names;
use super::super::stack::{Container, Stack, TaskDefinition};
use super::super::yaml::{Node, TemplateError};
use super::properties::{Properties, allow};

pub(super) fn add(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties.allow(
        &["Family", "ContainerDefinitions", "NetworkMode"],
        &[
            "RequiresCompatibilities",
            "Cpu",
            "Memory",
            "RuntimePlatform",
            "TaskRoleArn",
            "ExecutionRoleArn",
            "EphemeralStorage",
            "Tags",
        ],
    )?;
    let family = match properties.get("Family")? {
        Some(family) => family.string("Family")?,
        None => names::physical(properties.template.stack_name(), properties.logical),
    };
    let definitions = properties.needed("ContainerDefinitions")?;
    let containers = definitions.as_list().unwrap_or_default();
    let mut containers: Vec<Container> =
        containers.iter().map(|container| read(properties.logical, container)).collect::<Result<_, _>>()?;
    if properties.get("NetworkMode")?.is_some_and(|mode| mode.as_str() == Some("awsvpc")) {
        containers.iter_mut().for_each(free_ports);
    }
    stack.tasks.push(TaskDefinition { arn: names::task_definition_arn(&family), family, containers });
    Ok(())
}

/// At ECS every task of this mode has an address, and so all ports, to itself. Here tasks share one: a variable that
/// names a port says 0, any free one. A program that wants another is given it by its command.
fn free_ports(container: &mut Container) {
    for (name, value) in &mut container.environment {
        if name.ends_with("_PORT") {
            "0".clone_into(value);
        }
    }
}

fn read(logical: &str, container: &Node) -> Result<Container, TemplateError> {
    allow(
        logical,
        "a container",
        container.as_map().unwrap_or_default(),
        &["Name", "Environment"],
        &[
            "Image",
            "Essential",
            "ReadonlyRootFilesystem",
            "PortMappings",
            "LogConfiguration",
            "StopTimeout",
            "HealthCheck",
            "User",
            "Ulimits",
            "LinuxParameters",
            "Cpu",
            "Memory",
        ],
    )?;
    let mut environment = BTreeMap::new();
    for entry in container.get("Environment").and_then(Node::as_list).unwrap_or_default() {
        let member = |key: &str| {
            let value = entry.get(key).ok_or_else(|| entry.error(format!("{key} is missing")))?;
            value.string(key)
        };
        environment.insert(member("Name")?, member("Value")?);
    }
    let name = container.get("Name").ok_or_else(|| container.error("a container has no Name"))?;
    Ok(Container { name: name.string("Name")?, environment })
}
