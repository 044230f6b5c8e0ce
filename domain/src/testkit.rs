//! The in-memory store and the contract suite.
