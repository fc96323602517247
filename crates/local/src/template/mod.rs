//! A SAM template, read and evaluated. It supports what this project's templates use and refuses the
//! rest by resource, property and line.

pub(crate) mod intrinsics;
pub(crate) mod names;
pub(crate) mod parameters;
pub(crate) mod resources;
pub(crate) mod stack;
pub(crate) mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use yaml::{Node, TemplateError};

/// One template file with the values of its parameters.
pub(crate) struct Template {
    path: PathBuf,
    root: Node,
    parameters: BTreeMap<String, Node>,
    stack: String,
}

impl Template {
    /// Reads `path`, with parameter values as the command line gives them.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is not YAML, or has parameters that break their limits.
    pub(crate) fn load(
        path: &Path,
        stack: &str,
        given: &BTreeMap<String, Node>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let source = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}; name a template with --template", path.display()))?;
        Ok(Self::from_source(path, &source, stack, given)?)
    }

    /// As [`Self::load`], with the text at hand.
    pub(crate) fn from_source(
        path: &Path,
        source: &str,
        stack: &str,
        given: &BTreeMap<String, Node>,
    ) -> Result<Self, TemplateError> {
        let root = yaml::parse(path, source)?;
        for (section, value) in root.as_map().unwrap_or_default() {
            match section.as_str() {
                "AWSTemplateFormatVersion"
                | "Transform"
                | "Description"
                | "Metadata"
                | "Parameters"
                | "Conditions"
                | "Globals"
                | "Resources"
                | "Outputs"
                | "Rules" => {}
                other => {
                    return Err(value.error(format!(
                        "the section {other} is not supported; supported are Parameters, Conditions, Globals, \
                         Resources and Outputs (Rules and Metadata are accepted, not evaluated)"
                    )));
                }
            }
        }
        let parameters = parameters::resolve(&root, root.get("Parameters"), given)?;
        Ok(Self { path: path.to_owned(), root, parameters, stack: stack.to_owned() })
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    pub(crate) fn stack_name(&self) -> &str {
        &self.stack
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&Node> {
        self.parameters.get(name)
    }

    /// The type and the body of the resource `name`.
    pub(crate) fn resource(&self, name: &str, place: &Node) -> Result<(String, &Node), TemplateError> {
        let resource = self
            .root
            .get("Resources")
            .and_then(|resources| resources.get(name))
            .ok_or_else(|| place.error(format!("there is no parameter or resource {name}")))?;
        Ok((kind(name, resource)?, resource))
    }

    /// The nested template behind the resource `name`, evaluated with the parameters it is given here.
    pub(crate) fn nested(&self, name: &str, kind: &str, resource: &Node) -> Result<Self, TemplateError> {
        let file = match kind {
            "AWS::Serverless::Application" => "Location",
            "AWS::CloudFormation::Stack" => "TemplateURL",
            _ => return Err(resource.error(format!("{name} ({kind}) is no nested stack and has no Outputs"))),
        };
        let properties = resource.get("Properties").unwrap_or(resource);
        for (property, value) in properties.as_map().unwrap_or_default() {
            if property != file && !matches!(property.as_str(), "Parameters" | "Tags" | "TimeoutInMinutes") {
                return Err(value.error(format!(
                    "{name}: {property} is not supported by {kind}; supported are {file} and Parameters"
                )));
            }
        }
        let location = properties.get(file).ok_or_else(|| properties.error(format!("{file} is missing")))?;
        let path = self.path.with_file_name("").join(location.string(&format!("{file} (a path)"))?);
        let source = std::fs::read_to_string(&path)
            .map_err(|error| location.error(format!("{}: {error}", path.display())))?;
        let mut given = BTreeMap::new();
        if let Some(parameters) = properties.get("Parameters")
            && let Some(parameters) = self.resolve(parameters)?
        {
            given.extend(parameters.as_map().unwrap_or_default().iter().cloned());
        }
        Self::from_source(&path, &source, &names::physical(&self.stack, name), &given)
    }

    /// The value of the output `name`.
    pub(crate) fn output(&self, name: &str, place: &Node) -> Result<Node, TemplateError> {
        let output = self.root.get("Outputs").and_then(|outputs| outputs.get(name));
        let output =
            output.ok_or_else(|| place.error(format!("{} has no output {name}", self.path.display())))?;
        let value = output.get("Value").ok_or_else(|| output.error(format!("output {name} has no Value")))?;
        self.resolve(value)?.ok_or_else(|| value.error(format!("output {name} has no value")))
    }
}

/// The type of a resource.
pub(crate) fn kind(name: &str, resource: &Node) -> Result<String, TemplateError> {
    let kind = resource.get("Type").ok_or_else(|| resource.error(format!("{name} has no Type")))?;
    kind.string("Type")
}

#[cfg(test)]
mod tests;
