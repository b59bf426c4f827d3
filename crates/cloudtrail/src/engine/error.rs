//! What may be wrong with a command, as facts; `ops/fault.rs` gives each its code.

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name that no trail can have.
    #[error("{why}")]
    TrailName {
        /// What is wrong with it, in AWS's words where they are known.
        why: String,
    },
    /// An ARN that is not that of a trail.
    #[error(
        "`{given}` is not the ARN of a trail, such as arn:aws:cloudtrail:us-east-2:123456789012:trail/MyTrail"
    )]
    TrailArn {
        /// What was given.
        given: String,
    },
    /// There is no such trail.
    #[error("there is no trail `{arn}`")]
    TrailNotFound {
        /// Its ARN.
        arn: String,
    },
    /// There is one of that name.
    #[error("trail `{name}` already exists")]
    TrailExists {
        /// Its name.
        name: String,
    },
    /// There are as many as there can be.
    #[error("there are {count} trails already")]
    TooManyTrails {
        /// How many.
        count: usize,
    },
    /// A name that no bucket can have.
    #[error(
        "`{name}` is not the name of a bucket: 3 to 63 of a-z, 0-9, `-` and `.`, with a letter or digit at its ends"
    )]
    BucketName {
        /// What was given.
        name: String,
    },
    /// A prefix that keys cannot have.
    #[error("the prefix {why}")]
    Prefix {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Settings that do not go together.
    #[error("{why}")]
    Combination {
        /// What does not.
        why: &'static str,
    },
    /// Selectors that are not right.
    #[error("{why}")]
    Selectors {
        /// What is wrong and what would be right.
        why: String,
    },
    /// Tags that are not right.
    #[error("{why}")]
    Tag {
        /// What is wrong and what would be right.
        why: String,
    },
    /// More tags than a trail can have.
    #[error("a trail has at most {limit} tags, and this would make {count}")]
    TooManyTags {
        /// How many there would be.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}
