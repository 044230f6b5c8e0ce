//! How many files the process may have open. Every probe is a connection and every connection a file, and the usual limit
//! is far below what the system permits.

/// Raises the limit as far as this process may, and answers what it is now; `None` where there is no such thing.
#[cfg(unix)]
pub fn raise_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let most = Rlimit { current: before.maximum, maximum: before.maximum };
    // Where it is refused, things stay as they are.
    let _ = setrlimit(Resource::Nofile, most);
    getrlimit(Resource::Nofile).current
}

/// There is no such limit here.
#[cfg(not(unix))]
pub fn raise_limit() -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        assert_eq!(super::raise_limit(), rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum);
    }
}
