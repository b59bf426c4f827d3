//! Writes the implementations: the schema, and `read` and `write` over dynamic sources and sinks.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Fields, Ident, Result, Type};

use crate::attributes::{self, Member};

/// The implementations for one struct.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = named_fields(input)?;
    let members = fields
        .iter()
        .map(|field| Ok((attributes::member(field)?, &field.ty)))
        .collect::<Result<Vec<_>>>()?;
    let ident = &input.ident;
    let name = attributes::shape_name(&input.attrs)?.unwrap_or_else(|| ident.to_string());
    let schema = schema(&name, &members);
    let read = read(&members);
    let write = write(&members);
    Ok(quote! {
        #[automatically_derived]
        impl ::wire::Shape for #ident {
            const SCHEMA: &'static ::wire::Schema = { #schema };
            #read
            #write
        }
        #[automatically_derived]
        impl ::wire::Value for #ident {
            const KIND: &'static ::wire::Kind = &::wire::Kind::Structure(|| <#ident as ::wire::Shape>::SCHEMA);
            fn read(source: &mut dyn ::wire::Source) -> ::core::result::Result<Self, ::wire::DecodeError> {
                <Self as ::wire::Shape>::read(source)
            }
            fn write(&self, sink: &mut dyn ::wire::Sink) {
                <Self as ::wire::Shape>::write(self, sink);
            }
        }
        ::wire::plain_field!(#ident);
    })
}

fn named_fields(input: &DeriveInput) -> Result<&Fields> {
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Ok(&data.fields),
        _ => Err(syn::Error::new_spanned(
            &input.ident,
            "a shape is a struct with named fields",
        )),
    }
}

fn schema(name: &str, members: &[(Member, &Type)]) -> TokenStream {
    let count = members.len();
    let rows = members.iter().map(|(member, ty)| row(member, ty));
    quote! {
        static MEMBERS: [::wire::Member; #count] = [#(#rows),*];
        &::wire::Schema { name: #name, members: &MEMBERS }
    }
}

fn row(member: &Member, ty: &Type) -> TokenStream {
    let Member {
        field,
        name,
        query,
        ec2,
        item,
        is_flattened,
        is_required,
        is_sensitive,
        is_xml_attribute,
        ..
    } = member;
    let field = field.to_string();
    let query = optional(query.as_deref());
    let ec2 = optional(ec2.as_deref());
    let item = item.as_deref().unwrap_or("member");
    let (key, value) = member
        .map
        .clone()
        .unwrap_or_else(|| ("key".to_owned(), "value".to_owned()));
    let location = format_ident!("{}", member.location);
    let support = format_ident!("{}", member.support);
    let instead = optional(member.instead.as_deref());
    let timestamp = member.timestamp.map_or_else(
        || quote!(::core::option::Option::None),
        |form| {
            let form = format_ident!("{form}");
            quote!(::core::option::Option::Some(::wire::TimestampForm::#form))
        },
    );
    quote! {
        ::wire::Member {
            field: #field,
            name: #name,
            query: #query,
            ec2: #ec2,
            item: #item,
            key: #key,
            value: #value,
            location: ::wire::Location::#location,
            timestamp: #timestamp,
            support: ::wire::Support::#support,
            instead: #instead,
            is_flattened: #is_flattened,
            is_required: #is_required,
            is_sensitive: #is_sensitive,
            is_xml_attribute: #is_xml_attribute,
            kind: <<#ty as ::wire::Field>::Value as ::wire::Value>::KIND,
        }
    }
}

fn optional(text: Option<&str>) -> TokenStream {
    text.map_or_else(
        || quote!(::core::option::Option::None),
        |text| quote!(::core::option::Option::Some(#text)),
    )
}

fn read(members: &[(Member, &Type)]) -> TokenStream {
    let slots: Vec<Ident> = (0..members.len())
        .map(|i| format_ident!("slot_{i}"))
        .collect();
    let types: Vec<&Type> = members.iter().map(|(_, ty)| *ty).collect();
    let fields: Vec<&Ident> = members.iter().map(|(member, _)| &member.field).collect();
    let indexes: Vec<Literal> = (0..members.len()).map(Literal::usize_unsuffixed).collect();
    quote! {
        fn read(source: &mut dyn ::wire::Source) -> ::core::result::Result<Self, ::wire::DecodeError> {
            #(let mut #slots: ::core::option::Option<<#types as ::wire::Field>::Value> = ::core::option::Option::None;)*
            source.begin_structure(<Self as ::wire::Shape>::SCHEMA)?;
            while let ::core::option::Option::Some(index) = source.next_member()? {
                match index {
                    #(#indexes => ::wire::shape::fill(&mut #slots, source)?,)*
                    _ => {}
                }
            }
            let shape = Self {
                #(#fields: ::wire::shape::finish(#slots, source, <Self as ::wire::Shape>::SCHEMA, #indexes)?,)*
            };
            source.end_structure()?;
            ::core::result::Result::Ok(shape)
        }
    }
}

fn write(members: &[(Member, &Type)]) -> TokenStream {
    let fields: Vec<&Ident> = members.iter().map(|(member, _)| &member.field).collect();
    let indexes: Vec<Literal> = (0..members.len()).map(Literal::usize_unsuffixed).collect();
    quote! {
        fn write(&self, sink: &mut dyn ::wire::Sink) {
            sink.begin_structure(<Self as ::wire::Shape>::SCHEMA);
            #(::wire::shape::put(&self.#fields, sink, <Self as ::wire::Shape>::SCHEMA, #indexes);)*
            sink.end_structure();
        }
    }
}
