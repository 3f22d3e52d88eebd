//! The HTTP responses to refused callers.

/// The HTTP response to a refused caller: no more than it must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The refusal as a word for programs.
    pub code: &'static str,
    /// The refusal as a sentence.
    pub message: &'static str,
}

impl Refusal {
    /// No valid key.
    pub const UNAUTHORIZED: Self = Self {
        status: 401,
        code: "unauthorized",
        message: "Invalid API key provided",
    };
    /// A valid key without the permission.
    pub const PERMISSION_DENIED: Self = Self {
        status: 403,
        code: "permission_denied",
        message: "API key does not have required permissions",
    };
    /// A valid key that cannot be used from the client's network.
    pub const NETWORK_DENIED: Self = Self {
        status: 403,
        code: "permission_denied",
        message: "API key is not allowed from this address",
    };
    /// A valid key that reached its limit.
    pub const TOO_MANY_REQUESTS: Self = Self {
        status: 429,
        code: "too_many_requests",
        message: "Rate limit exceeded for API key",
    };
}
