internal import FoundationEssentials
internal import HTTPTransport
internal import HTTPTypes

/// Sends one request and reads its whole answer, whatever its status.
struct Exchange: Sendable {
    var transport: any Transport
    var userAgent: String
    /// The wall clock, for `Retry-After` and `issued_at`.
    var now: @Sendable () -> Date = { Date() }

    /// The most that is read of an answer that is no success: enough for any error body that is one.
    private static let longestErrorBody = 64 * 1024

    /// - Parameter isRegistry: whether the request goes to the registry's own scheme, host and port.
    /// - Throws: `TransportError`, or `CancellationError`.
    func answer(to request: OutboundRequest, isRegistry: Bool) async throws -> RegistryAnswer {
        var request = request
        request.headerFields[.userAgent] = userAgent
        let response = try await transport.send(request)
        let isSuccess = (200..<300).contains(response.status.code)
        return RegistryAnswer(
            status: response.status.code, headerFields: response.headerFields,
            body: isSuccess
                ? try await response.body.collect(upTo: request.limits.bodyBytes) : try await errorBody(of: response),
            url: request.url, isFromRegistry: isRegistry, retryAfter: response.headerFields.retryAfter(now: now()))
    }

    /// As much of the body as there is: a body that breaks off does not hide the status before it.
    private func errorBody(of response: InboundResponse) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await chunk in response.body {
                bytes += chunk
                if bytes.count >= Self.longestErrorBody { break }
            }
        } catch is TransportError {
            return []
        }
        return bytes
    }
}
