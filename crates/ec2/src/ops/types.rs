//! DescribeInstanceTypes: the types that instances have, with what is known of the first host of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::{List, Shape};

use super::fault;
use super::page::{self, Wanted};
use super::shape::Filter;
use crate::Instances;
use crate::engine::Facts;
use crate::engine::filter::Subject;

/// Types of a page. Source: the service model.
const RESULTS_MAX: i32 = 100;
/// Types that a request may name. Source: DescribeInstanceTypes, `InstanceType.N` ("Maximum 100").
const NAMES_MAX: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeInstanceTypesRequest {
    dry_run: Option<bool>,
    #[shape(query = "InstanceType")]
    instance_types: Vec<String>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
    max_results: Option<i32>,
    next_token: Option<String>,
    /// All are in the one region.
    #[shape(ignored)]
    include_unsupported_in_region: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeInstanceTypesResult {
    #[shape(query = "instanceTypeSet", item = "item")]
    instance_types: List<InstanceTypeInfo>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceTypeInfo {
    #[shape(query = "instanceType")]
    instance_type: Option<String>,
    #[shape(query = "currentGeneration")]
    current_generation: Option<bool>,
    #[shape(query = "processorInfo")]
    processor_info: Option<ProcessorInfo>,
    #[shape(query = "vCpuInfo")]
    v_cpu_info: Option<VCpuInfo>,
    #[shape(query = "memoryInfo")]
    memory_info: Option<MemoryInfo>,
    #[shape(query = "burstablePerformanceSupported")]
    burstable_performance_supported: Option<bool>,
    #[shape(query = "hibernationSupported")]
    hibernation_supported: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ProcessorInfo {
    #[shape(query = "supportedArchitectures", item = "item")]
    supported_architectures: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VCpuInfo {
    #[shape(query = "defaultVCpus")]
    default_v_cpus: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct MemoryInfo {
    #[shape(query = "sizeInMiB")]
    size_in_mi_b: Option<i64>,
}

impl InstanceTypeInfo {
    fn of(name: String, facts: Option<&Facts>) -> Self {
        let known = facts.filter(|facts| facts.cores > 0);
        let mib = facts.map(|facts| facts.memory_bytes >> 20);
        let mib = mib.filter(|mib| *mib > 0);
        Self {
            instance_type: Some(name),
            current_generation: Some(true),
            processor_info: facts.map(|facts| ProcessorInfo {
                supported_architectures: vec![facts.architecture().to_owned()],
            }),
            v_cpu_info: known.map(|facts| VCpuInfo {
                default_v_cpus: i32::try_from(facts.cores).ok(),
            }),
            memory_info: mib.map(|mib| MemoryInfo {
                size_in_mi_b: i64::try_from(mib).ok(),
            }),
            burstable_performance_supported: Some(false),
            hibernation_supported: Some(false),
        }
    }
}

/// The filters for what types here have.
const OWN: &[&str] = &[
    "burstable-performance-supported",
    "current-generation",
    "hibernation-supported",
    "instance-type",
    "memory-info.size-in-mib",
    "processor-info.supported-architecture",
    "vcpu-info.default-vcpus",
];

/// Those for what they do not have, as they begin.
const OTHERS: &[&str] = &[
    "auto-recovery-supported",
    "bare-metal",
    "dedicated-hosts-supported",
    "ebs-info.",
    "free-tier-eligible",
    "hypervisor",
    "instance-storage-",
    "network-info.",
    "nitro-",
    "processor-info.",
    "reboot-migration-support",
    "supported-",
    "vcpu-info.",
];

impl Subject for InstanceTypeInfo {
    fn knows(name: &str) -> bool {
        OWN.contains(&name) || OTHERS.iter().any(|other| name.starts_with(other))
    }

    fn values(&self, name: &str) -> Vec<String> {
        let of = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let found = match name {
            "burstable-performance-supported" => of(self.burstable_performance_supported),
            "current-generation" => of(self.current_generation),
            "hibernation-supported" => of(self.hibernation_supported),
            "instance-type" => self.instance_type.clone(),
            "memory-info.size-in-mib" => {
                let size = self.memory_info.as_ref().and_then(|it| it.size_in_mi_b);
                size.map(|size| size.to_string())
            }
            "processor-info.supported-architecture" => {
                let all = self.processor_info.as_ref();
                all.and_then(|it| it.supported_architectures.first().cloned())
            }
            "vcpu-info.default-vcpus" => {
                let count = self.v_cpu_info.as_ref().and_then(|it| it.default_v_cpus);
                count.map(|count| count.to_string())
            }
            _ => None,
        };
        found.into_iter().collect()
    }
}

/// All types, by name; of each the first host that has told what it is.
fn types(instances: &Instances) -> BTreeMap<String, Option<Facts>> {
    let mut types: BTreeMap<String, Option<Facts>> = BTreeMap::new();
    for instance in instances.all() {
        let known = types.entry(instance.type_name()).or_default();
        if known.is_none() {
            *known = instance.facts().cloned();
        }
    }
    types
}

impl Act<Instances> for DescribeInstanceTypesRequest {
    type Output = DescribeInstanceTypesResult;
    const ACTION: &'static str = "ec2:DescribeInstanceTypes";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        vec![Access::on(instances.place().all())]
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(
        self,
        instances: &Arc<Instances>,
        _ctx: &Ctx,
    ) -> Result<DescribeInstanceTypesResult, Fault> {
        if self.instance_types.len() > NAMES_MAX {
            return Err(fault::invalid_value(format!(
                "At most {NAMES_MAX} instance types are named at once."
            )));
        }
        let filters = page::filters::<InstanceTypeInfo>(&self.filters)?;
        let mut types = types(instances);
        let is_missing = |name: &&String| !types.contains_key(*name);
        let missing: Vec<_> = self
            .instance_types
            .iter()
            .filter(is_missing)
            .cloned()
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(Fault::sender(
                "InvalidInstanceType",
                format!("The following supplied instance types do not exist: [{missing}]"),
            ));
        }
        if !self.instance_types.is_empty() {
            types.retain(|name, _| self.instance_types.contains(name));
        }
        let infos = types
            .into_iter()
            .map(|(name, facts)| InstanceTypeInfo::of(name, facts.as_ref()));
        let infos = infos.filter(|info| filters.iter().all(|filter| filter.admits(info)));
        let wanted = Wanted {
            max: self.max_results,
            token: self.next_token.as_ref(),
            limit: RESULTS_MAX,
        };
        let page = wanted.of(infos.collect(), |it| {
            it.instance_type.clone().unwrap_or_default()
        })?;
        Ok(DescribeInstanceTypesResult {
            instance_types: List(page.items),
            next_token: page.next_token,
        })
    }
}
