//! `AWS::ECS::TaskDefinition`: what a task's child process is given.

use std::collections::BTreeMap;

use super::super::names;
use super::super::stack::{Container, Stack, TaskDefinition};
use super::super::yaml::{Node, TemplateError};
use super::{Properties, allow};

pub(super) fn add(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties.allow(
        &["Family", "ContainerDefinitions"],
        &[
            "RequiresCompatibilities",
            "NetworkMode",
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
    let containers =
        containers.iter().map(|container| read(properties.logical, container)).collect::<Result<_, _>>()?;
    stack.tasks.push(TaskDefinition { arn: names::task_definition_arn(&family), family, containers });
    Ok(())
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
