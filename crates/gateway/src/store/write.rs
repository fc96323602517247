//! Conditional writes. Several in one transaction: `transaction`.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use model::id::ConnectionId;
use model::key::Key;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::aws_sdk_dynamodb_1::{to_attribute_value, to_item};

use super::retry::{Pauses, is_transient};
use super::tables::{Item, Store};
use crate::failure::Failure;

const DELETE: &str = "dynamodb:DeleteItem";
const PUT: &str = "dynamodb:PutItem";
const UPDATE: &str = "dynamodb:UpdateItem";

/// One conditional write. In its expressions every attribute is written `#name` (so that none can meet a reserved
/// word) and every value `:name`, bound by [`Write::bind`].
pub(super) struct Write {
    table: String,
    action: Action,
    condition: Option<String>,
    values: HashMap<String, AttributeValue>,
    pub(super) optional: bool,
    pub(super) unbound: Option<Failure>,
}

enum Action {
    Put(Item),
    Update(Item, String),
    Delete(Item),
    Check(Item),
}

/// What a single write came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was written.
    Done,
    /// Its condition failed.
    Refused,
}

/// What a single update came to, and the item that it left or met.
#[must_use]
pub(super) enum Updated<T> {
    /// It was written: the item as it is now.
    Done(T),
    /// Its condition failed: the item as it was, if there was one.
    Refused(Option<T>),
}

/// Reads a stored item. What is wrong with it is not said: the text would quote the item.
pub(super) fn read_item<T: DeserializeOwned>(item: impl Into<serde_dynamo::Item>) -> Result<T, Failure> {
    let kind = std::any::type_name::<T>();
    serde_dynamo::from_item(item.into())
        .map_err(|_| Failure::new("dynamodb", format!("a stored {kind} does not read")))
}

/// The key of a connection's row.
pub(super) fn connection_key(id: &ConnectionId) -> Item {
    HashMap::from([("connectionId".into(), AttributeValue::S(id.as_str().into()))])
}

/// The key of an item in the rooms table.
pub(super) fn room_key(key: Key) -> Item {
    HashMap::from([("pk".into(), AttributeValue::S(key.pk)), ("sk".into(), AttributeValue::S(key.sk))])
}

/// The attribute that holds the end of a member's lease. DynamoDB must not delete a session's member by itself: its count
/// would not know.
pub(super) fn member_lease(in_session: bool) -> &'static str {
    if in_session { "leaseEndsAt" } else { "expiresAt" }
}

/// What all writes have in common. The SDK gives each kind a builder of its own, with the same methods.
macro_rules! conditioned {
    ($builder:expr, $write:expr) => {
        $builder
            .table_name(&$write.table)
            .set_condition_expression($write.condition.clone())
            .set_expression_attribute_names($write.names())
            .set_expression_attribute_values($write.values())
    };
}

impl Write {
    fn new(table: &str, action: Action) -> Self {
        Self {
            table: table.into(),
            action,
            condition: None,
            values: HashMap::new(),
            optional: false,
            unbound: None,
        }
    }

    /// Puts `value`, with `key` beside its attributes.
    pub(super) fn put(table: &str, key: Item, value: &impl Serialize) -> Self {
        match to_item(value) {
            Ok(item) => {
                let mut item: Item = item;
                item.extend(key);
                Self::new(table, Action::Put(item))
            }
            Err(error) => {
                let mut write = Self::new(table, Action::Put(key));
                write.unbound = Some(Failure::new(PUT, error.to_string()));
                write
            }
        }
    }

    /// Changes some attributes and leaves the others, known or not, as they are.
    pub(super) fn update(table: &str, key: Item, expression: impl Into<String>) -> Self {
        Self::new(table, Action::Update(key, expression.into()))
    }

    /// Deletes; an item that is not there is as good, unless a condition says otherwise.
    pub(super) fn delete(table: &str, key: Item) -> Self {
        Self::new(table, Action::Delete(key))
    }

    /// Only checks the condition.
    pub(super) fn check(table: &str, key: Item) -> Self {
        Self::new(table, Action::Check(key))
    }

    /// The condition.
    pub(super) fn when(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// The condition, and this one.
    pub(super) fn and(mut self, condition: &str) -> Self {
        self.condition = Some(match self.condition {
            Some(first) => format!("({first}) AND {condition}"),
            None => condition.to_owned(),
        });
        self
    }

    /// Binds `:name` to a value.
    pub(super) fn bind(mut self, name: &str, value: impl Serialize) -> Self {
        match to_attribute_value(value) {
            Ok(value) => drop(self.values.insert(name.into(), value)),
            Err(error) => self.unbound = Some(Failure::new("dynamodb", error.to_string())),
        }
        self
    }

    /// Says that the transaction is to go on without this write if its condition, and no other one, fails: a
    /// lease that somebody else has by now need not be given back.
    pub(super) fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// `#name` to `name`, for every `#name` in the expressions.
    fn names(&self) -> Option<HashMap<String, String>> {
        let update = if let Action::Update(_, expression) = &self.action { expression } else { "" };
        let names: HashMap<_, _> = [update, self.condition.as_deref().unwrap_or_default()]
            .into_iter()
            .flat_map(|expression| expression.split('#').skip(1))
            .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default())
            .map(|name| (format!("#{name}"), name.to_owned()))
            .collect();
        (!names.is_empty()).then_some(names)
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    pub(super) fn to_transact_item(&self) -> Result<TransactWriteItem, BuildError> {
        let (item, on_failure) = (TransactWriteItem::builder(), ReturnValuesOnConditionCheckFailure::AllOld);
        let item = match &self.action {
            Action::Put(put) => {
                let put = conditioned!(Put::builder().set_item(Some(put.clone())), self);
                item.put(put.return_values_on_condition_check_failure(on_failure).build()?)
            }
            Action::Update(key, expression) => {
                let update = Update::builder().set_key(Some(key.clone())).update_expression(expression);
                let update = conditioned!(update, self);
                item.update(update.return_values_on_condition_check_failure(on_failure).build()?)
            }
            Action::Delete(key) => {
                let delete = conditioned!(Delete::builder().set_key(Some(key.clone())), self);
                item.delete(delete.return_values_on_condition_check_failure(on_failure).build()?)
            }
            Action::Check(key) => {
                let check = conditioned!(ConditionCheck::builder().set_key(Some(key.clone())), self);
                item.condition_check(check.return_values_on_condition_check_failure(on_failure).build()?)
            }
        };
        Ok(item.build())
    }
}

impl Store {
    /// Puts one item.
    pub(super) async fn put(&self, write: Write) -> Result<Written, Failure> {
        let Action::Put(item) = &write.action else { return Err(Failure::new(PUT, "is for puts")) };
        let request = conditioned!(self.client.put_item().set_item(Some(item.clone())), write);
        let mut pauses = Pauses::new();
        loop {
            if let Some(written) = outcome_of(PUT, request.clone().send().await, &mut pauses).await? {
                return Ok(written);
            }
        }
    }

    /// Changes one item, and answers with it.
    pub(super) async fn update<T: DeserializeOwned>(&self, write: Write) -> Result<Updated<T>, Failure> {
        let Action::Update(key, expression) = &write.action else {
            return Err(Failure::new(UPDATE, "is for updates"));
        };
        if let Some(failure) = write.unbound {
            return Err(failure);
        }
        let request = self.client.update_item().set_key(Some(key.clone())).update_expression(expression);
        let request = conditioned!(request, write)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut pauses = Pauses::new();
        loop {
            let error = match request.clone().send().await {
                Ok(output) => return read_item(output.attributes.unwrap_or_default()).map(Updated::Done),
                Err(error) => error,
            };
            if let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error()
            {
                return refused.item.clone().map(read_item).transpose().map(Updated::Refused);
            }
            let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
            if !is_transient(code) || !pauses.pause().await {
                return Err(Failure::of_sdk(UPDATE, &error));
            }
        }
    }

    /// Deletes one item.
    pub(super) async fn delete(&self, write: Write) -> Result<Written, Failure> {
        let Action::Delete(key) = &write.action else { return Err(Failure::new(DELETE, "is for deletes")) };
        let request = conditioned!(self.client.delete_item().set_key(Some(key.clone())), write);
        let mut pauses = Pauses::new();
        loop {
            if let Some(written) = outcome_of(DELETE, request.clone().send().await, &mut pauses).await? {
                return Ok(written);
            }
        }
    }
}

/// What a single write came to; `None`, after a pause, when it is to be tried again.
async fn outcome_of<T, E: ProvideErrorMetadata, R>(
    operation: &'static str,
    sent: Result<T, SdkError<E, R>>,
    pauses: &mut Pauses,
) -> Result<Option<Written>, Failure> {
    let Err(error) = sent else { return Ok(Some(Written::Done)) };
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    if code == Some("ConditionalCheckFailedException") {
        return Ok(Some(Written::Refused));
    }
    if is_transient(code) && pauses.pause().await {
        return Ok(None);
    }
    Err(Failure::of_sdk(operation, &error))
}
