//! Where the head of a request ends.

/// The first head of a connection, as far as it was heard: it ends with an empty line (RFC 9112, section 2.1), which the
/// preface of HTTP/2 has as well (RFC 9113, section 3.4).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Head {
    /// Nothing but empty lines, which may come first (RFC 9112, section 2.2).
    #[default]
    NotBegun,
    /// In a line with something in it.
    InLine,
    /// At the beginning of a line.
    AtLine,
    /// It has ended.
    Whole,
}

impl Head {
    /// What was said next.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            *self = match (&self, byte) {
                (Self::Whole, _) => return,
                (Self::NotBegun, b'\r' | b'\n') => Self::NotBegun,
                (Self::AtLine, b'\r') => Self::AtLine,
                (Self::AtLine, b'\n') => Self::Whole,
                (_, b'\n') => Self::AtLine,
                _ => Self::InLine,
            };
        }
    }

    /// Whether it has ended.
    pub(super) fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_the_first_empty_line_after_something() {
        for (said, is_whole) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true),
            ("\r\nGET / HTTP/1.1\nHost: x\n\nbody", true),
            ("PRI * HTTP/2.0\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: x\r\n", false),
            ("\r\n\r\n\n\n", false),
            ("", false),
        ] {
            let (mut whole, mut split) = (Head::default(), Head::default());
            whole.hear(said.as_bytes());
            said.as_bytes().iter().for_each(|byte| split.hear(&[*byte]));
            assert_eq!((whole.is_whole(), split.is_whole()), (is_whole, is_whole), "{said:?}");
        }
    }
}
