import HTTPTransport

extension TransportError {
    /// The transport ends, or has ended.
    static func shutDown(_ summary: String) -> TransportError {
        TransportError(.shutDown, "\(summary): not sent to its end, because this program is shutting down")
    }
}
