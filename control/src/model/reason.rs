//! What an error says to a program.
//!
//! Every error that can leave the router over its API is declared with [`reasons!`], which ties the
//! sentence for people to a stable word and a class for programs.

/// What kind of failure an error is, whatever the operation was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// An argument is wrong in itself, in any state of the router.
    Invalid,
    /// The thing does not exist.
    NotFound,
    /// The thing exists already.
    AlreadyExists,
    /// The state of the router does not allow it now.
    Precondition,
    /// Some table or pool has no room.
    Exhausted,
    /// The router is stopping.
    Unavailable,
    /// Something outside the router failed: a driver, the kernel.
    Internal,
}

/// An error that a program can read.
pub trait Reason: std::error::Error {
    /// Stable word in SCREAMING_SNAKE_CASE.
    fn reason(&self) -> &'static str;

    /// What kind of failure it is.
    fn class(&self) -> Class;

    /// The things concerned, by name.
    fn metadata(&self) -> Vec<(&'static str, String)>;
}

impl Reason for std::convert::Infallible {
    fn reason(&self) -> &'static str {
        match *self {}
    }

    fn class(&self) -> Class {
        match *self {}
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match *self {}
    }
}

/// Declares an error enum whose every variant has a reason, a class and a sentence.
macro_rules! reasons {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $(
                $(#[$variant_meta:meta])*
                $variant:ident $({ $($(#[$field_meta:meta])* $field:ident: $kind:ty),+ $(,)? })?
                = $reason:literal, $class:ident, $message:literal;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
        $visibility enum $name {
            $(
                $(#[$variant_meta])*
                #[error($message)]
                $variant $({ $($(#[$field_meta])* $field: $kind),+ })?,
            )+
        }

        impl $crate::model::reason::Reason for $name {
            fn reason(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $reason,)+ }
            }

            fn class(&self) -> $crate::model::reason::Class {
                match self { $(Self::$variant { .. } => $crate::model::reason::Class::$class,)+ }
            }

            fn metadata(&self) -> Vec<(&'static str, String)> {
                match self {
                    $(Self::$variant $({ $($field),+ })? => vec![$($((stringify!($field), $field.to_string())),+)?],)+
                }
            }
        }
    };
}

pub(crate) use reasons;
