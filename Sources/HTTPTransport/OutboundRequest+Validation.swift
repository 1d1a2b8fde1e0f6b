internal import HTTPTypes

extension OutboundRequest {
    /// Refuses what no transport can send, before anything is sent.
    /// - Throws: ``TransportError`` with code ``TransportError/Code/invalidRequest`` for header fields that are the
    ///   transport's or have illegal bytes, for a method that is no request to an origin, and for a body with `HEAD`.
    public func validate() throws(TransportError) {
        for field in headerFields {
            if transportFields.contains(field.name.canonicalName) {
                throw invalid("the header field \(field.name) is set by the transport and cannot be given")
            }
            guard HTTPField.isValidValue(field.value) else {
                throw invalid("the value of the header field \(field.name) has bytes that no field may have")
            }
        }
        guard method != .connect else { throw invalid("CONNECT is no request to an origin") }
        guard method != .head || body == nil else { throw invalid("HEAD has no body") }
    }

    private func invalid(_ reason: String) -> TransportError {
        TransportError(.invalidRequest, "\(method.rawValue) \(url.withoutQuery): \(reason)")
    }
}

/// They frame the message, and two opinions about that are how requests get smuggled.
private let transportFields: Set<String> = ["host", "content-length", "transfer-encoding", "connection", "expect"]
