import HTTPTransport
import HTTPTypes
import Hummingbird
import Logging
import ServiceLifecycle

extension Response {
    /// Why a body ended before its time.
    enum StreamEnd: Error {
        /// The caller has gone, or the service is going.
        case abandoned
        /// The body took longer than any build.
        case tooLong
        /// The rest of a refused body is not read.
        case refusedBody
    }

    /// An answer whose body `write` writes piece by piece, after which the connection ends.
    ///
    /// It ends when `write` is done, the caller has gone, the service shuts down, or the longest time for a stream is
    /// over.
    init(
        contentType: String, to request: APIRequest,
        _ write: @escaping @Sendable @concurrent (inout any ResponseBodyWriter) async throws -> Void
    ) {
        let (limit, clock) = (request.configuration.streamsWithin, request.configuration.clock)
        let body = request.raw.body
        let logger = request.logger
        // The body is written when the request has been answered.
        let correlation = Correlation.current
        var headers: HTTPFields = [.contentType: contentType, .cacheControl: "no-store", .connection: "close"]
        // Has nginx pass each piece on as it comes (ngx_http_proxy_module, proxy_buffering).
        headers.set("X-Accel-Buffering", "no")
        self.init(
            status: .ok,
            headers: headers,
            body: ResponseBody { writer in
                let (ends, end) = AsyncStream<StreamEnd>.makeStream(bufferingPolicy: .bufferingOldest(1))
                // One task at a time has the writer: this one waits for the one that writes.
                nonisolated(unsafe) var only = writer
                do {
                    try await withGracefulShutdownHandler {
                        try await body.consumeWithInboundCloseHandler { _ in
                            try await withThrowingTaskGroup(of: Void.self) { group in
                                defer { group.cancelAll() }
                                group.addTask {
                                    try await Correlation.$current.withValue(correlation) { try await write(&only) }
                                }
                                group.addTask { for await reason in ends { throw reason } }
                                group.addTask {
                                    try await clock.sleep(for: limit)
                                    throw StreamEnd.tooLong
                                }
                                try await group.next()
                            }
                        } onInboundClosed: {
                            end.yield(.abandoned)
                        }
                    } onGracefulShutdown: {
                        end.yield(.abandoned)
                    }
                } catch {
                    // The connection breaks off, so that nobody takes the part for the whole.
                    logger.info("stream broken off", metadata: ["error": "\(redacted("\(error)"))"])
                    throw error
                }
                try await only.finish(nil)
            })
    }

    /// The same answer, after which the connection ends although the request's body has not arrived whole.
    ///
    /// What still comes is read for a moment and thrown away, because closing a connection with unread bytes resets it,
    /// and the caller may lose the answer.
    func closingConnection(of request: Request) -> Response {
        let (answer, body) = (self.body, request.body)
        var response = self
        let length = response.headers[.contentLength]
        response.body = ResponseBody(contentLength: answer.contentLength) { writer in
            try await answer.write(writer)
            _ = try? await withDeadline(.seconds(1)) {
                try await body.consumeWithInboundCloseHandler { rest in
                    for try await _ in rest {}
                } onInboundClosed: {
                }
            }
            throw StreamEnd.refusedBody
        }
        response.headers[.contentLength] = length
        response.headers[.connection] = "close"
        return response
    }
}
