//! How the value of a setting is read: into its type, or refused in one line that names the variable and the flag.

use std::ffi::OsStr;
use std::fmt::Display;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};

/// The parser of a setting's value; its error is the rule that the value breaks.
#[derive(Clone, Copy)]
pub(super) struct Setting<T>(pub(super) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Setting<T> {
    type Value = T;

    // The framework's own parsers neither name the variable nor keep to one line, whether a value is empty or no UTF-8.
    fn parse_ref(&self, _command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let parsed = value.to_str().ok_or_else(|| "the value is no UTF-8".to_owned()).and_then(self.0);
        parsed.map_err(|rule| refused(argument, &rule))
    }
}

/// One line that names the variable and the flag, and says which rule is broken.
pub(super) fn refused(argument: Option<&Arg>, rule: &impl Display) -> clap::Error {
    let flag = argument.and_then(Arg::get_long).map_or_else(|| "a value".to_owned(), |long| format!("--{long}"));
    let name = match argument.and_then(Arg::get_env) {
        Some(variable) => format!("{} ({flag})", variable.to_string_lossy()),
        None => flag,
    };
    let line = format!("{name}: {rule}").replace(['\n', '\r'], " ");
    clap::Error::raw(ErrorKind::ValueValidation, line + "\n")
}
