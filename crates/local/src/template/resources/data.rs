//! Tables and secrets.

use serde_json::{Value as Json, json};

use super::super::names;
use super::super::stack::{Secret, SecretSource, Stack, Table};
use super::super::yaml::{Node, TemplateError};
use super::properties::{Properties, allow};

pub(super) fn add_table(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties.allow(
        &[
            "TableName",
            "AttributeDefinitions",
            "KeySchema",
            "BillingMode",
            "TimeToLiveSpecification",
            "StreamSpecification",
        ],
        &["PointInTimeRecoverySpecification", "SSESpecification", "DeletionProtectionEnabled", "Tags"],
    )?;
    let logical = properties.logical;
    let billing = properties.needed("BillingMode")?;
    if billing.as_str() != Some("PAY_PER_REQUEST") {
        return Err(billing.error(format!("{logical}: only BillingMode PAY_PER_REQUEST is supported")));
    }
    let name = match properties.get("TableName")? {
        Some(name) => name.string("TableName")?,
        None => names::physical(properties.template.stack_name(), logical),
    };
    let ttl = match properties.get("TimeToLiveSpecification")? {
        Some(spec) if spec.get("Enabled").and_then(Node::as_str) == Some("true") => {
            let attribute =
                spec.get("AttributeName").ok_or_else(|| spec.error("AttributeName is missing"))?;
            Some(attribute.string("AttributeName")?)
        }
        Some(_) | None => None,
    };
    let mut definition = json!({
        "TableName": name,
        "AttributeDefinitions": properties.needed("AttributeDefinitions")?.to_json(),
        "KeySchema": properties.needed("KeySchema")?.to_json(),
        "BillingMode": "PAY_PER_REQUEST",
    });
    if let (Some(specification), Some(members)) =
        (properties.get("StreamSpecification")?, definition.as_object_mut())
    {
        let view = super::streams::view(logical, &specification)?;
        members
            .insert("StreamSpecification".into(), json!({ "StreamEnabled": true, "StreamViewType": view }));
    }
    stack.tables.push(Table {
        logical: logical.to_owned(),
        definition,
        name,
        ttl,
        at: properties.resource.at.clone(),
    });
    Ok(())
}

pub(super) fn add_secret(properties: &Properties<'_>, stack: &mut Stack) -> Result<(), TemplateError> {
    properties
        .allow(&["GenerateSecretString", "SecretString", "Name"], &["Description", "Tags", "KmsKeyId"])?;
    let logical = properties.logical;
    let stack_name = properties.template.stack_name();
    let source = match (properties.get("SecretString")?, properties.get("GenerateSecretString")?) {
        (Some(text), None) => SecretSource::Text(text.string("SecretString")?),
        (None, Some(generate)) => generated(logical, &generate)?,
        _ => return Err(properties.error(format!("{logical}: give SecretString or GenerateSecretString"))),
    };
    let name = properties.get("Name")?.map(|name| name.string("Name")).transpose()?;
    stack.secrets.push(Secret {
        logical: logical.to_owned(),
        name: name.unwrap_or_else(|| names::physical(stack_name, logical)),
        arn: names::secret_arn(stack_name, logical),
        source,
    });
    Ok(())
}

fn generated(logical: &str, generate: &Node) -> Result<SecretSource, TemplateError> {
    let used = ["SecretStringTemplate", "GenerateStringKey", "PasswordLength", "ExcludePunctuation"];
    allow(logical, "GenerateSecretString", generate.as_map().unwrap_or_default(), &used, &[])?;
    let within = match (generate.get("SecretStringTemplate"), generate.get("GenerateStringKey")) {
        (Some(template), Some(key)) => {
            let text = template.string("SecretStringTemplate")?;
            let Ok(Json::Object(members)) = serde_json::from_str(&text) else {
                return Err(template.error(format!("{logical}: SecretStringTemplate must be a JSON object")));
            };
            Some((members, key.string("GenerateStringKey")?))
        }
        (None, None) => None,
        _ => {
            return Err(generate.error(format!(
                "{logical}: SecretStringTemplate and GenerateStringKey are given together or not at all"
            )));
        }
    };
    Ok(SecretSource::Generated {
        length: generate.get("PasswordLength").map_or(Ok(32), |length| length.integer("PasswordLength"))?,
        punctuation: !generate
            .get("ExcludePunctuation")
            .map_or(Ok(false), |exclude| exclude.boolean("ExcludePunctuation"))?,
        within,
    })
}
