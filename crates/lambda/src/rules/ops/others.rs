//! Parameters of targets that are not reached from here: their shapes alone, since a request with one of them is refused by name.

use std::collections::BTreeMap;

use wire::Shape;

use super::tags::Tag;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct KinesisParameters {
    #[shape(name = "PartitionKeyPath", required)]
    partition_key_path: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RunCommandTarget {
    #[shape(name = "Key", required)]
    key: String,
    #[shape(name = "Values", required)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RunCommandParameters {
    #[shape(name = "RunCommandTargets", required)]
    run_command_targets: Vec<RunCommandTarget>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AwsVpcConfiguration {
    #[shape(name = "Subnets", required)]
    subnets: Vec<String>,
    #[shape(name = "SecurityGroups")]
    security_groups: Vec<String>,
    #[shape(name = "AssignPublicIp")]
    assign_public_ip: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct NetworkConfiguration {
    #[shape(name = "awsvpcConfiguration")]
    awsvpc_configuration: Option<AwsVpcConfiguration>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct CapacityProviderStrategyItem {
    #[shape(name = "capacityProvider", required)]
    capacity_provider: String,
    #[shape(name = "weight")]
    weight: Option<i32>,
    #[shape(name = "base")]
    base: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PlacementConstraint {
    #[shape(name = "type")]
    kind: Option<String>,
    #[shape(name = "expression")]
    expression: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PlacementStrategy {
    #[shape(name = "type")]
    kind: Option<String>,
    #[shape(name = "field")]
    field: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EcsParameters {
    #[shape(name = "TaskDefinitionArn", required)]
    task_definition_arn: String,
    #[shape(name = "TaskCount")]
    task_count: Option<i32>,
    #[shape(name = "LaunchType")]
    launch_type: Option<String>,
    #[shape(name = "NetworkConfiguration")]
    network_configuration: Option<NetworkConfiguration>,
    #[shape(name = "PlatformVersion")]
    platform_version: Option<String>,
    #[shape(name = "Group")]
    group: Option<String>,
    #[shape(name = "CapacityProviderStrategy")]
    capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    #[shape(name = "EnableECSManagedTags")]
    enable_ecs_managed_tags: Option<bool>,
    #[shape(name = "EnableExecuteCommand")]
    enable_execute_command: Option<bool>,
    #[shape(name = "PlacementConstraints")]
    placement_constraints: Vec<PlacementConstraint>,
    #[shape(name = "PlacementStrategy")]
    placement_strategy: Vec<PlacementStrategy>,
    #[shape(name = "PropagateTags")]
    propagate_tags: Option<String>,
    #[shape(name = "ReferenceId")]
    reference_id: Option<String>,
    #[shape(name = "Tags")]
    tags: Vec<Tag>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct BatchArrayProperties {
    #[shape(name = "Size")]
    size: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct BatchRetryStrategy {
    #[shape(name = "Attempts")]
    attempts: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct BatchParameters {
    #[shape(name = "JobDefinition", required)]
    job_definition: String,
    #[shape(name = "JobName", required)]
    job_name: String,
    #[shape(name = "ArrayProperties")]
    array_properties: Option<BatchArrayProperties>,
    #[shape(name = "RetryStrategy")]
    retry_strategy: Option<BatchRetryStrategy>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct HttpParameters {
    #[shape(name = "PathParameterValues")]
    path_parameter_values: Vec<String>,
    #[shape(name = "HeaderParameters")]
    header_parameters: BTreeMap<String, String>,
    #[shape(name = "QueryStringParameters")]
    query_string_parameters: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct RedshiftDataParameters {
    #[shape(name = "SecretManagerArn")]
    secret_manager_arn: Option<String>,
    #[shape(name = "Database", required)]
    database: String,
    #[shape(name = "DbUser")]
    db_user: Option<String>,
    #[shape(name = "Sql")]
    sql: Option<String>,
    #[shape(name = "StatementName")]
    statement_name: Option<String>,
    #[shape(name = "WithEvent")]
    with_event: Option<bool>,
    #[shape(name = "Sqls")]
    sqls: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SageMakerPipelineParameter {
    #[shape(name = "Name", required)]
    name: String,
    #[shape(name = "Value", required)]
    value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SageMakerPipelineParameters {
    #[shape(name = "PipelineParameterList")]
    pipeline_parameter_list: Vec<SageMakerPipelineParameter>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AppSyncParameters {
    #[shape(name = "GraphQLOperation")]
    graph_ql_operation: Option<String>,
}
