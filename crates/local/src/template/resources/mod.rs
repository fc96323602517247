//! The resources of a template, each type with the properties that are supported, or accepted because
//! they mean nothing on one machine. Everything else is refused by name and line.

mod apis;
mod data;
mod functions;
mod properties;
mod queues;
mod streams;
mod tasks;

use super::stack::Stack;
use super::yaml::{Node, TemplateError};
use super::{Template, kind};
use properties::Properties;

/// Types that a stack may have and that need no counterpart here. Listed one by one: a new type is a
/// decision, not an accident.
const ACCEPTED: &[&str] = &[
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::EIP",
    "AWS::EC2::EIPAssociation",
    "AWS::EC2::Instance",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::ECS::Cluster",
    "AWS::ECS::ClusterCapacityProviderAssociations",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::Route53::RecordSet",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
];

const EMULATED: &str = "AWS::Serverless::Function, AWS::Serverless::WebSocketApi, AWS::Serverless::HttpApi, \
                        AWS::Serverless::Application, AWS::CloudFormation::Stack, AWS::DynamoDB::Table, \
                        AWS::SecretsManager::Secret, AWS::SQS::Queue, AWS::Lambda::EventSourceMapping and \
                        AWS::ECS::TaskDefinition";

/// Evaluates `template` and its nested ones.
///
/// # Errors
///
/// A resource, a property or a function that is not supported, with its line.
pub(crate) fn build(template: &Template) -> Result<Stack, TemplateError> {
    let mut stack = Stack::default();
    add(template, &mut stack)?;
    apis::add_implicit(template, &mut stack)?;
    apis::find_targets(template, &mut stack)?;
    queues::find(template, &mut stack)?;
    streams::find(template, &mut stack)?;
    Ok(stack)
}

fn add(template: &Template, stack: &mut Stack) -> Result<(), TemplateError> {
    let resources = template.root().get("Resources");
    for (logical, resource) in resources.and_then(Node::as_map).unwrap_or_default() {
        for (attribute, value) in resource.as_map().unwrap_or_default() {
            match attribute.as_str() {
                "Type"
                | "Properties"
                | "Condition"
                | "DependsOn"
                | "Metadata"
                | "DeletionPolicy"
                | "UpdateReplacePolicy" => {}
                other => {
                    return Err(value.error(format!("{logical}: {other} is not supported on a resource")));
                }
            }
        }
        if let Some(condition) = resource.get("Condition")
            && !template.condition(&condition.string("Condition")?, condition)?
        {
            continue;
        }
        let kind = kind(logical, resource)?;
        let properties = Properties { template, logical, kind: &kind, resource };
        match kind.as_str() {
            "AWS::Serverless::Function" => functions::add(&properties, stack)?,
            "AWS::Serverless::WebSocketApi" => apis::add_websocket(&properties, stack)?,
            "AWS::Serverless::HttpApi" => apis::add_http(&properties, stack)?,
            "AWS::DynamoDB::Table" => data::add_table(&properties, stack)?,
            "AWS::SecretsManager::Secret" => data::add_secret(&properties, stack)?,
            "AWS::SQS::Queue" => queues::add(&properties, stack)?,
            "AWS::Lambda::EventSourceMapping" if streams::is_source(&properties)? => {
                streams::add_source(&properties, stack)?;
            }
            "AWS::Lambda::EventSourceMapping" => queues::add_source(&properties, stack)?,
            "AWS::ECS::TaskDefinition" => tasks::add(&properties, stack)?,
            "AWS::Serverless::Application" | "AWS::CloudFormation::Stack" => {
                add(&template.nested(logical, &kind, resource)?, stack)?;
            }
            accepted if ACCEPTED.contains(&accepted) => {
                stack.accepted.push((logical.clone(), kind));
            }
            _ => {
                return Err(resource.error(format!(
                    "{logical}: resources of type {kind} are not supported here; supported are {EMULATED}, and \
                     accepted without being emulated: {}",
                    ACCEPTED.join(", ")
                )));
            }
        }
    }
    Ok(())
}
