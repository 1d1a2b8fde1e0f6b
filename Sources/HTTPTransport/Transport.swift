/// Carries one HTTP request to a server and brings its answer back.
///
/// A transport does not follow redirects, does not retry and adds no credentials: all of that is decided above it, where the host a
/// secret belongs to is known.
public protocol Transport: Sendable {
    /// Sends a request and returns once the head of the final answer has arrived; the body streams behind it.
    ///
    /// An answer of any status is a success. Cancelling the calling task ends the exchange at once and frees its connection.
    /// - Throws: ``TransportError``, or `CancellationError` when the calling task was cancelled.
    func send(_ request: OutboundRequest) async throws -> InboundResponse
}
