//! Starting SFUs: one ECS task for each room.

use aws_config::SdkConfig;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, ContainerOverride, KeyValuePair, LaunchType, NetworkConfiguration,
    TaskOverride,
};
use gateway::config;
use gateway::failure::Failure;
use model::id::RoomId;

const RUN_TASK: &str = "ecs:RunTask";
/// The container of the task definition that is the SFU.
const CONTAINER: &str = "sfu";

/// Where and how SFUs run.
#[derive(Debug)]
pub(crate) struct Tasks {
    client: Client,
    cluster: String,
    task_definition: String,
    subnets: Vec<String>,
    security_groups: Vec<String>,
    signal_server_url: String,
}

impl Tasks {
    /// Reads `SFU_CLUSTER`, `SFU_TASK_DEFINITION`, `SFU_SUBNETS`, `SFU_SECURITY_GROUPS` and `SIGNAL_SERVER_URL`.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub(crate) fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::new(config),
            cluster: config::text("SFU_CLUSTER")?,
            task_definition: config::text("SFU_TASK_DEFINITION")?,
            subnets: config::list("SFU_SUBNETS")?,
            security_groups: config::list("SFU_SECURITY_GROUPS")?,
            signal_server_url: config::text("SIGNAL_SERVER_URL")?,
        })
    }

    /// Starts the SFU of `room`, which will prove itself by `token`. The room's id makes the call idempotent, so
    /// that the SDK's retries start one task.
    ///
    /// # Errors
    /// When ECS refuses, or lists a failure (no capacity, for one), or cannot be reached.
    pub(crate) async fn start(&self, room: &RoomId, token: &str) -> Result<(), Failure> {
        let variable = |name: &str, value: String| KeyValuePair::builder().name(name).value(value).build();
        let container = ContainerOverride::builder()
            .name(CONTAINER)
            .environment(variable("SIGNAL_SERVER_URL", format!("{}?token={token}", self.signal_server_url)))
            .environment(variable("SFU_ID", room.to_string()))
            .build();
        let network = AwsVpcConfiguration::builder()
            .set_subnets(Some(self.subnets.clone()))
            .set_security_groups(Some(self.security_groups.clone()))
            .assign_public_ip(AssignPublicIp::Enabled)
            .build()
            .map_err(|error| Failure::new(RUN_TASK, error.to_string()))?;
        let started = self
            .client
            .run_task()
            .cluster(&self.cluster)
            .task_definition(&self.task_definition)
            .launch_type(LaunchType::Fargate)
            .count(1)
            .client_token(room.as_str())
            .network_configuration(NetworkConfiguration::builder().awsvpc_configuration(network).build())
            .overrides(TaskOverride::builder().container_overrides(container).build())
            .send()
            .await
            .map_err(|error| Failure::of_sdk(RUN_TASK, &error))?;
        match started.failures().first() {
            None => Ok(()),
            Some(failure) => Err(Failure::new(RUN_TASK, failure.reason().unwrap_or("failed").to_owned())),
        }
    }
}
