//! Virtual MFA devices.
//!
//! Source: IAM API Reference, the operations of these names.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use base::Timestamp;
use wire::{Blob, List, Shape};

use super::fault::validation;
use super::page::page;
use super::shape::{Tag, VirtualMFADevice, pairs, shown, tags, user_in_list};
use super::{qr, reach, tag};
use crate::Iam;
use crate::engine::device::{self as command, Device, Owner};
use crate::engine::tags::Target;
use crate::engine::{self, Kind, State};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateVirtualMFADeviceRequest {
    path: Option<String>,
    #[shape(name = "VirtualMFADeviceName", required)]
    virtual_mfa_device_name: String,
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateVirtualMFADeviceResponse {
    #[shape(name = "VirtualMFADevice", required)]
    virtual_mfa_device: VirtualMFADevice,
}

impl Act<Iam> for CreateVirtualMFADeviceRequest {
    type Output = CreateVirtualMFADeviceResponse;
    const ACTION: &'static str = "iam:CreateVirtualMFADevice";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        let name = &self.virtual_mfa_device_name;
        vec![reach::new(
            &iam.state(),
            Kind::Device,
            self.path.as_ref(),
            name,
            &self.tags,
        )]
    }

    async fn act(
        self,
        iam: &Arc<Iam>,
        _ctx: &Ctx,
    ) -> Result<CreateVirtualMFADeviceResponse, Fault> {
        let path = self.path.unwrap_or_else(|| "/".to_owned());
        let name = self.virtual_mfa_device_name;
        let tags = pairs(self.tags);
        let made = iam.blocking(move |iam| iam.create_device(&path, &name, tags));
        let (device, seed) = made.await?;
        let state = iam.state();
        let account = state.account();
        let issuer = account.alias.as_deref().unwrap_or(account.id.as_str());
        let text = qr::otpauth(&device.name, issuer, seed.expose());
        Ok(CreateVirtualMFADeviceResponse {
            virtual_mfa_device: VirtualMFADevice {
                base32_string_seed: Some(Blob::from(seed.expose().as_bytes().to_vec())),
                qr_code_png: qr::png(&text).map(Blob::from),
                ..in_list(&state, &device)
            },
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct EnableMFADeviceRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    serial_number: String,
    #[shape(required)]
    authentication_code1: String,
    #[shape(required)]
    authentication_code2: String,
}

impl Act<Iam> for EnableMFADeviceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:EnableMFADevice";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::user(&iam.state(), &self.user_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let owner = owner(&iam.state(), &self.user_name)?;
        iam.blocking(move |iam| {
            let codes = (
                self.authentication_code1.as_str(),
                self.authentication_code2.as_str(),
            );
            iam.enable_device(owner, &self.serial_number, codes)
        })
        .await?;
        Ok(Nothing {})
    }
}

fn owner(state: &State, user: &str) -> Result<Owner, engine::Error> {
    Ok(Owner::User(state.user(user)?.id.clone()))
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ResyncMFADeviceRequest {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    serial_number: String,
    #[shape(required)]
    authentication_code1: String,
    #[shape(required)]
    authentication_code2: String,
}

impl Act<Iam> for ResyncMFADeviceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:ResyncMFADevice";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::user(&iam.state(), &self.user_name)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let owner = owner(&iam.state(), &self.user_name)?;
        iam.blocking(move |iam| {
            let codes = (
                self.authentication_code1.as_str(),
                self.authentication_code2.as_str(),
            );
            iam.resync_device(&owner, &self.serial_number, codes)
        })
        .await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeactivateMFADeviceRequest {
    user_name: Option<String>,
    #[shape(required)]
    serial_number: String,
}

impl Act<Iam> for DeactivateMFADeviceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeactivateMFADevice";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let user = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        let deactivate = command::Deactivate {
            serial: self.serial_number,
            owner: owner(&iam.state(), &user)?,
        };
        iam.change(deactivate).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteVirtualMFADeviceRequest {
    #[shape(required)]
    serial_number: String,
}

impl Act<Iam> for DeleteVirtualMFADeviceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:DeleteVirtualMFADevice";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::device(&iam.state(), &self.serial_number)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let serial = self.serial_number;
        iam.change(command::Delete { serial }).await?;
        Ok(Nothing {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListMFADevicesRequest {
    user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListMFADevicesResponse {
    #[shape(name = "MFADevices", required)]
    mfa_devices: List<MFADevice>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

/// A device that is somebody's.
#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct MFADevice {
    #[shape(required)]
    user_name: String,
    #[shape(required)]
    serial_number: String,
    #[shape(required)]
    enable_date: Timestamp,
}

impl Act<Iam> for ListMFADevicesRequest {
    type Output = ListMFADevicesResponse;
    const ACTION: &'static str = "iam:ListMFADevices";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<ListMFADevicesResponse, Fault> {
        let user = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        let state = iam.state();
        let owner = owner(&state, &user)?;
        let found = state.devices_of(&owner);
        let page = page(
            found,
            |device| device.serial.clone(),
            self.marker.as_ref(),
            self.max_items,
        )?;
        let shown = |device: &&Arc<Device>| MFADevice {
            user_name: user.clone(),
            serial_number: device.serial.clone(),
            enable_date: shown(device.enabled.unwrap_or(device.created)),
        };
        Ok(ListMFADevicesResponse {
            mfa_devices: page.items.iter().map(shown).collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListVirtualMFADevicesRequest {
    assignment_status: Option<String>,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListVirtualMFADevicesResponse {
    #[shape(name = "VirtualMFADevices", required)]
    virtual_mfa_devices: List<VirtualMFADevice>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListVirtualMFADevicesRequest {
    type Output = ListVirtualMFADevicesResponse;
    const ACTION: &'static str = "iam:ListVirtualMFADevices";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::on(&iam.state(), "mfa/*")]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListVirtualMFADevicesResponse, Fault> {
        let wanted = match self.assignment_status.as_deref() {
            None | Some("Any") => None,
            Some("Assigned") => Some(true),
            Some("Unassigned") => Some(false),
            Some(other) => {
                let right = "Member must satisfy enum value set: [Assigned, Unassigned, Any]";
                return Err(validation("assignmentStatus", other, right));
            }
        };
        let state = iam.state();
        let is_wanted =
            |device: &&Arc<Device>| wanted.is_none_or(|wanted| device.owner.is_some() == wanted);
        let found = state.devices().values().filter(is_wanted);
        let page = page(
            found,
            |device| device.serial.clone(),
            self.marker.as_ref(),
            self.max_items,
        )?;
        Ok(ListVirtualMFADevicesResponse {
            virtual_mfa_devices: page
                .items
                .iter()
                .map(|device| in_list(&state, device))
                .collect(),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

/// A device without its seed.
fn in_list(state: &State, device: &Device) -> VirtualMFADevice {
    let user = match &device.owner {
        Some(Owner::User(id)) => state.users().get(id),
        _ => None,
    };
    VirtualMFADevice {
        serial_number: device.serial.clone(),
        base32_string_seed: None,
        qr_code_png: None,
        user: user.map(|user| user_in_list(state, user)),
        enable_date: device.enabled.map(shown),
        tags: tags(&device.tags),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetMFADeviceRequest {
    #[shape(required)]
    serial_number: String,
    user_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct GetMFADeviceResponse {
    user_name: Option<String>,
    #[shape(required)]
    serial_number: String,
    enable_date: Option<Timestamp>,
    certifications: BTreeMap<String, String>,
}

impl Act<Iam> for GetMFADeviceRequest {
    type Output = GetMFADeviceResponse;
    const ACTION: &'static str = "iam:GetMFADevice";

    fn touches(&self, iam: &Iam, caller: &Caller) -> Vec<Access> {
        vec![reach::user_or_caller(
            &iam.state(),
            self.user_name.as_ref(),
            caller,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, ctx: &Ctx) -> Result<GetMFADeviceResponse, Fault> {
        let name = reach::named_or_caller(self.user_name.as_ref(), &ctx.caller)?;
        let state = iam.state();
        let owner = owner(&state, &name)?;
        let serial = self.serial_number;
        let device = state
            .devices_of(&owner)
            .find(|device| device.serial == serial);
        let device = device.ok_or_else(|| engine::Error::DeviceNotFound {
            serial: serial.clone(),
        })?;
        Ok(GetMFADeviceResponse {
            user_name: Some(name),
            serial_number: device.serial.clone(),
            enable_date: device.enabled.map(shown),
            certifications: BTreeMap::new(),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct TagMFADeviceRequest {
    #[shape(required)]
    serial_number: String,
    #[shape(required)]
    tags: Vec<Tag>,
}

impl Act<Iam> for TagMFADeviceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:TagMFADevice";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::requested(
            reach::device(&iam.state(), &self.serial_number),
            &self.tags,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::add(iam, Target::Device(self.serial_number), self.tags).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct UntagMFADeviceRequest {
    #[shape(required)]
    serial_number: String,
    #[shape(required)]
    tag_keys: Vec<String>,
}

impl Act<Iam> for UntagMFADeviceRequest {
    type Output = Nothing;
    const ACTION: &'static str = "iam:UntagMFADevice";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::untagged(
            reach::device(&iam.state(), &self.serial_number),
            &self.tag_keys,
        )]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        tag::remove(iam, Target::Device(self.serial_number), self.tag_keys).await
    }
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListMFADeviceTagsRequest {
    #[shape(required)]
    serial_number: String,
    marker: Option<String>,
    max_items: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ListMFADeviceTagsResponse {
    #[shape(required)]
    tags: List<Tag>,
    is_truncated: Option<bool>,
    marker: Option<String>,
}

impl Act<Iam> for ListMFADeviceTagsRequest {
    type Output = ListMFADeviceTagsResponse;
    const ACTION: &'static str = "iam:ListMFADeviceTags";

    fn touches(&self, iam: &Iam, _caller: &Caller) -> Vec<Access> {
        vec![reach::device(&iam.state(), &self.serial_number)]
    }

    async fn act(self, iam: &Arc<Iam>, _ctx: &Ctx) -> Result<ListMFADeviceTagsResponse, Fault> {
        let state = iam.state();
        let serial = self.serial_number;
        let device = state.devices().get(&serial);
        let device = device.ok_or(engine::Error::DeviceNotFound { serial })?;
        let page = tag::page_of(tags(&device.tags), self.marker.as_ref(), self.max_items)?;
        Ok(ListMFADeviceTagsResponse {
            tags: List(page.items),
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}
