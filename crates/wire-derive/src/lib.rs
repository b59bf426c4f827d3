//! `#[derive(Shape)]`: a struct with named fields becomes a wire shape of crate `wire`.
//!
//! The derive writes down *what* the struct looks like (a static schema) and *that* each field is to be read or written;
//! how, is the codecs' business. What it generates calls codecs only through `&mut dyn Source` and `&mut dyn Sink`.
//!
//! On the struct: `#[shape(name = "SendMessageRequest")]`, default: the Rust name.
//!
//! On a field, all optional:
//!
//! | attribute | meaning |
//! |---|---|
//! | `name = "MD5OfBody"` | the member's name; default: the field's name in PascalCase |
//! | `query = "Attribute"` | another name in the AWS query protocol and in its XML |
//! | `ec2 = "InstanceId"` | another name in EC2's query protocol; default: `query` with a capital first letter |
//! | `flattened` | the list or map has no wrapping element |
//! | `item = "Entry"` | the name of a list's items, default `member`, in EC2's answers `item` |
//! | `map = "Key/Value"` | the names of a map's keys and values, default `key/value` |
//! | `required` | a request without it is refused |
//! | `sensitive` | masked in the trail |
//! | `ignored` | accepted, has no effect, and is listed so |
//! | `refused`, `refused = "give Y"` | known to the API, not to us: a request with it is refused, and what is right instead is said |
//! | `timestamp = "iso8601"` | the form of a timestamp: `epoch-seconds`, `iso8601`, `http-date` |
//! | `uri`, `uri = "Name"` | in REST a label of the path, under its own name or another |
//! | `querystring`, `querystring = "tagKeys"` | in REST a parameter of the query string |
//! | `header = "X-Amz-Log-Type"` | in REST a header |
//! | `headers = "x-amz-meta-"` | in REST a map: all headers with the prefix |
//! | `payload` | in REST the body itself: bytes or a text as they are, a structure as JSON; bytes are masked in the trail |
//! | `statuscode` | in REST the answer's status |
//! | `xml_attribute` | an attribute of the XML element, not an element of its own |

mod attributes;
mod expand;

use proc_macro::TokenStream;

/// Implements `wire::Shape`, `wire::Value` and `wire::Field`; see the crate's page for the attributes.
#[proc_macro_derive(Shape, attributes(shape))]
pub fn derive_shape(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
