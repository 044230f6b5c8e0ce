//! What Watchkeeper does, step by step, on the ports.
