//! Shapes of event source mappings. What other sources than queues have is refused by name.

use std::collections::BTreeMap;

use base::Timestamp;
use wire::Shape;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct CreateEventSourceMappingRequest {
    pub(super) event_source_arn: Option<String>,
    #[shape(required)]
    pub(super) function_name: String,
    pub(super) enabled: Option<bool>,
    pub(super) batch_size: Option<i32>,
    pub(super) filter_criteria: Option<FilterCriteria>,
    #[shape(name = "KMSKeyArn", refused)]
    pub(super) kms_key_arn: Option<String>,
    #[shape(refused)]
    pub(super) metrics_config: Option<EventSourceMappingMetricsConfig>,
    #[shape(refused)]
    pub(super) logging_config: Option<EventSourceMappingLoggingConfig>,
    pub(super) scaling_config: Option<ScalingConfig>,
    pub(super) maximum_batching_window_in_seconds: Option<i32>,
    #[shape(refused)]
    pub(super) parallelization_factor: Option<i32>,
    #[shape(refused)]
    pub(super) starting_position: Option<String>,
    #[shape(refused)]
    pub(super) starting_position_timestamp: Option<Timestamp>,
    #[shape(refused)]
    pub(super) destination_config: Option<DestinationConfig>,
    #[shape(refused)]
    pub(super) maximum_record_age_in_seconds: Option<i32>,
    #[shape(refused)]
    pub(super) bisect_batch_on_function_error: Option<bool>,
    #[shape(refused)]
    pub(super) maximum_retry_attempts: Option<i32>,
    pub(super) tags: BTreeMap<String, String>,
    #[shape(refused)]
    pub(super) tumbling_window_in_seconds: Option<i32>,
    #[shape(refused)]
    pub(super) topics: Vec<String>,
    #[shape(refused)]
    pub(super) queues: Vec<String>,
    #[shape(refused)]
    pub(super) source_access_configurations: Vec<SourceAccessConfiguration>,
    #[shape(refused)]
    pub(super) self_managed_event_source: Option<SelfManagedEventSource>,
    pub(super) function_response_types: Option<Vec<String>>,
    #[shape(refused)]
    pub(super) amazon_managed_kafka_event_source_config:
        Option<AmazonManagedKafkaEventSourceConfig>,
    #[shape(refused)]
    pub(super) self_managed_kafka_event_source_config: Option<SelfManagedKafkaEventSourceConfig>,
    #[shape(name = "DocumentDBEventSourceConfig", refused)]
    pub(super) document_db_event_source_config: Option<DocumentDBEventSourceConfig>,
    #[shape(refused)]
    pub(super) provisioned_poller_config: Option<ProvisionedPollerConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct EventSourceMappingConfiguration {
    #[shape(name = "UUID")]
    pub(super) uuid: Option<String>,
    pub(super) starting_position: Option<String>,
    pub(super) starting_position_timestamp: Option<Timestamp>,
    pub(super) batch_size: Option<i32>,
    pub(super) maximum_batching_window_in_seconds: Option<i32>,
    pub(super) parallelization_factor: Option<i32>,
    pub(super) event_source_arn: Option<String>,
    pub(super) filter_criteria: Option<FilterCriteria>,
    pub(super) filter_criteria_error: Option<FilterCriteriaError>,
    #[shape(name = "KMSKeyArn")]
    pub(super) kms_key_arn: Option<String>,
    pub(super) metrics_config: Option<EventSourceMappingMetricsConfig>,
    pub(super) logging_config: Option<EventSourceMappingLoggingConfig>,
    pub(super) scaling_config: Option<ScalingConfig>,
    pub(super) function_arn: Option<String>,
    pub(super) last_modified: Option<Timestamp>,
    pub(super) last_processing_result: Option<String>,
    pub(super) state: Option<String>,
    pub(super) state_transition_reason: Option<String>,
    pub(super) destination_config: Option<DestinationConfig>,
    pub(super) topics: Option<Vec<String>>,
    pub(super) queues: Option<Vec<String>>,
    pub(super) source_access_configurations: Option<Vec<SourceAccessConfiguration>>,
    pub(super) self_managed_event_source: Option<SelfManagedEventSource>,
    pub(super) maximum_record_age_in_seconds: Option<i32>,
    pub(super) bisect_batch_on_function_error: Option<bool>,
    pub(super) maximum_retry_attempts: Option<i32>,
    pub(super) tumbling_window_in_seconds: Option<i32>,
    pub(super) function_response_types: Option<Vec<String>>,
    pub(super) amazon_managed_kafka_event_source_config:
        Option<AmazonManagedKafkaEventSourceConfig>,
    pub(super) self_managed_kafka_event_source_config: Option<SelfManagedKafkaEventSourceConfig>,
    #[shape(name = "DocumentDBEventSourceConfig")]
    pub(super) document_db_event_source_config: Option<DocumentDBEventSourceConfig>,
    pub(super) event_source_mapping_arn: Option<String>,
    pub(super) provisioned_poller_config: Option<ProvisionedPollerConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct GetEventSourceMappingRequest {
    #[shape(name = "UUID", required, uri)]
    pub(super) uuid: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct ListEventSourceMappingsRequest {
    #[shape(querystring)]
    pub(super) event_source_arn: Option<String>,
    #[shape(querystring)]
    pub(super) function_name: Option<String>,
    #[shape(querystring)]
    pub(super) marker: Option<String>,
    #[shape(querystring)]
    pub(super) max_items: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct ListEventSourceMappingsResponse {
    pub(super) next_marker: Option<String>,
    pub(super) event_source_mappings: Option<Vec<EventSourceMappingConfiguration>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct UpdateEventSourceMappingRequest {
    #[shape(name = "UUID", required, uri)]
    pub(super) uuid: String,
    pub(super) function_name: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) batch_size: Option<i32>,
    pub(super) filter_criteria: Option<FilterCriteria>,
    #[shape(name = "KMSKeyArn", refused)]
    pub(super) kms_key_arn: Option<String>,
    #[shape(refused)]
    pub(super) metrics_config: Option<EventSourceMappingMetricsConfig>,
    #[shape(refused)]
    pub(super) logging_config: Option<EventSourceMappingLoggingConfig>,
    pub(super) scaling_config: Option<ScalingConfig>,
    pub(super) maximum_batching_window_in_seconds: Option<i32>,
    #[shape(refused)]
    pub(super) parallelization_factor: Option<i32>,
    #[shape(refused)]
    pub(super) destination_config: Option<DestinationConfig>,
    #[shape(refused)]
    pub(super) maximum_record_age_in_seconds: Option<i32>,
    #[shape(refused)]
    pub(super) bisect_batch_on_function_error: Option<bool>,
    #[shape(refused)]
    pub(super) maximum_retry_attempts: Option<i32>,
    #[shape(refused)]
    pub(super) tumbling_window_in_seconds: Option<i32>,
    #[shape(refused)]
    pub(super) source_access_configurations: Vec<SourceAccessConfiguration>,
    pub(super) function_response_types: Option<Vec<String>>,
    #[shape(refused)]
    pub(super) amazon_managed_kafka_event_source_config:
        Option<AmazonManagedKafkaEventSourceConfig>,
    #[shape(refused)]
    pub(super) self_managed_kafka_event_source_config: Option<SelfManagedKafkaEventSourceConfig>,
    #[shape(name = "DocumentDBEventSourceConfig", refused)]
    pub(super) document_db_event_source_config: Option<DocumentDBEventSourceConfig>,
    #[shape(refused)]
    pub(super) provisioned_poller_config: Option<ProvisionedPollerConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub struct DeleteEventSourceMappingRequest {
    #[shape(name = "UUID", required, uri)]
    pub(super) uuid: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct FilterCriteria {
    pub(super) filters: Option<Vec<Filter>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct Filter {
    pub(super) pattern: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EventSourceMappingMetricsConfig {
    pub(super) metrics: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EventSourceMappingLoggingConfig {
    pub(super) system_log_level: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ScalingConfig {
    pub(super) maximum_concurrency: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DestinationConfig {
    pub(super) on_success: Option<OnSuccess>,
    pub(super) on_failure: Option<OnFailure>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct OnSuccess {
    pub(super) destination: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct OnFailure {
    pub(super) destination: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SourceAccessConfiguration {
    #[shape(name = "Type")]
    pub(super) kind: Option<String>,
    #[shape(name = "URI")]
    pub(super) uri: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SelfManagedEventSource {
    pub(super) endpoints: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct AmazonManagedKafkaEventSourceConfig {
    pub(super) consumer_group_id: Option<String>,
    pub(super) schema_registry_config: Option<KafkaSchemaRegistryConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct KafkaSchemaRegistryConfig {
    #[shape(name = "SchemaRegistryURI")]
    pub(super) schema_registry_uri: Option<String>,
    pub(super) event_record_format: Option<String>,
    pub(super) access_configs: Vec<KafkaSchemaRegistryAccessConfig>,
    pub(super) schema_validation_configs: Vec<KafkaSchemaValidationConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct KafkaSchemaRegistryAccessConfig {
    #[shape(name = "Type")]
    pub(super) kind: Option<String>,
    #[shape(name = "URI")]
    pub(super) uri: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct KafkaSchemaValidationConfig {
    pub(super) attribute: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SelfManagedKafkaEventSourceConfig {
    pub(super) consumer_group_id: Option<String>,
    pub(super) schema_registry_config: Option<KafkaSchemaRegistryConfig>,
    pub(super) consumption_mode: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DocumentDBEventSourceConfig {
    pub(super) database_name: Option<String>,
    pub(super) collection_name: Option<String>,
    pub(super) full_document: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ProvisionedPollerConfig {
    pub(super) minimum_pollers: Option<i32>,
    pub(super) maximum_pollers: Option<i32>,
    pub(super) poller_group_name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct FilterCriteriaError {
    pub(super) error_code: Option<String>,
    pub(super) message: Option<String>,
}
