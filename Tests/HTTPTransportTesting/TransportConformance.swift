public import HTTPTransport
import HTTPTypes

/// What every ``Transport`` does, whatever carries the bytes.
///
/// Each case comes with the exchanges that the far end has to play, so that the same check runs against a script and
/// against a server on a socket.
public struct TransportConformance: Sendable, CustomStringConvertible {
    /// What must be true.
    public let description: String
    /// What the far end plays, as method, path and answer, in this order.
    public let exchanges: [(method: String, path: String, answer: ScriptedTransport.Answer)]
    private let check: @Sendable (any Transport, FarEnd) async throws -> Void

    /// Who plays the exchanges.
    public struct FarEnd: Sendable {
        let base: HTTPURL
        let arrivedRequests: @Sendable () -> Int

        /// Names the far end, and how to see how many requests have arrived there.
        public init(base: HTTPURL, arrivedRequests: @escaping @Sendable () -> Int) {
            self.base = base
            self.arrivedRequests = arrivedRequests
        }
    }

    /// A check that failed.
    public struct Violation: Error, CustomStringConvertible {
        /// What was expected and what came.
        public let description: String
    }

    /// Runs the case against a transport whose far end plays ``exchanges``.
    /// - Throws: ``Violation``, or what the transport throws and should not.
    public func run(_ transport: any Transport, _ farEnd: FarEnd) async throws {
        try await check(transport, farEnd)
    }

    private init(
        _ description: String,
        _ exchanges: [(method: String, path: String, answer: ScriptedTransport.Answer)] = [],
        _ check: @escaping @Sendable (any Transport, FarEnd) async throws -> Void
    ) {
        self.description = description
        self.exchanges = exchanges
        self.check = check
    }

    /// All cases.
    public static let cases: [TransportConformance] = answers + limits + refusals + cancellations
}

// MARK: - Cases

extension TransportConformance {
    private static let answers: [TransportConformance] = [
        TransportConformance(
            "status, fields and body arrive as they were sent",
            [("GET", "/a?b=c%2Fd", .response(status: 200, headers: [("X-One", "1"), ("X-One", "2")], body: "hello"))]
        ) { transport, farEnd in
            let url = farEnd.base.appending(path: "a").appending(query: [("b", "c/d")])
            let response = try await transport.send(OutboundRequest(url: url))
            try expect(response.status.code, 200, "status")
            try expect(response.headerFields[values: HTTPField.Name("X-One") ?? .eTag], ["1", "2"], "fields")
            try expect(try await response.text(), "hello", "body")
        },
        TransportConformance(
            "an answer of any status is a success",
            [404, 429, 500, 503].map { ("GET", "/\($0)", .response(status: $0, body: "why")) }
        ) { transport, farEnd in
            for status in [404, 429, 500, 503] {
                let response = try await transport.send(OutboundRequest(url: farEnd.base.appending(path: "\(status)")))
                try expect(response.status.code, status, "status")
                try expect(try await response.text(), "why", "body")
            }
        },
        TransportConformance(
            "a redirect is reported and not followed",
            [("GET", "/from", .response(status: 302, headers: [("Location", "/to")]))]
        ) { transport, farEnd in
            let response = try await transport.send(OutboundRequest(url: farEnd.base.appending(path: "from")))
            try expect(response.status.code, 302, "status")
            try expect(response.headerFields[.location], "/to", "Location")
        },
        TransportConformance(
            "HEAD has the fields of the body but no body",
            [("HEAD", "/h", .response(status: 200, headers: [("ETag", "\"x\"")], body: "not sent"))]
        ) { transport, farEnd in
            let response = try await transport.send(
                OutboundRequest(method: .head, url: farEnd.base.appending(path: "h")))
            try expect(response.headerFields[.eTag], "\"x\"", "ETag")
            try expect(try await response.text(), "", "body")
        },
        TransportConformance(
            "204 and 304 have no body",
            [
                ("DELETE", "/n", .response(status: 204)),
                ("GET", "/n", .response(status: 304, headers: [("ETag", "\"x\"")])),
            ]
        ) { transport, farEnd in
            for (method, status) in [(HTTPRequest.Method.delete, 204), (.get, 304)] {
                let response = try await transport.send(
                    OutboundRequest(method: method, url: farEnd.base.appending(path: "n")))
                try expect(response.status.code, status, "status")
                try expect(try await response.text(), "", "body")
            }
        },
        TransportConformance(
            "a body goes with its request",
            [("POST", "/p", .response(status: 201)), ("PUT", "/p", .response(status: 200))]
        ) { transport, farEnd in
            for (method, status) in [(HTTPRequest.Method.post, 201), (.put, 200)] {
                let request = OutboundRequest(
                    method: method, url: farEnd.base.appending(path: "p"),
                    headerFields: [.contentType: "application/json"],
                    body: Array("{}".utf8))
                try expect(try await transport.send(request).status.code, status, "status")
            }
        },
        TransportConformance(
            "an answer that is broken off is an error",
            [("GET", "/", .failure(TransportError(.connectionLost, "broken off")))]
        ) { transport, farEnd in
            try await expectError(.connectionLost) { _ = try await transport.send(OutboundRequest(url: farEnd.base)) }
        },
    ]

    private static let limits: [TransportConformance] = [
        TransportConformance(
            "a body over the limit is an error, one at the limit is none",
            [
                ("GET", "/b", .response(status: 200, body: "12345")),
                ("GET", "/b", .response(status: 200, body: "123456")),
            ]
        ) { transport, farEnd in
            let request = OutboundRequest(url: farEnd.base.appending(path: "b"), limits: ExchangeLimits(bodyBytes: 5))
            try expect(try await transport.send(request).text(), "12345", "body")
            try await expectError(.bodyTooLarge) { _ = try await transport.send(request).text() }
        },
        TransportConformance(
            "a header over the limit is an error",
            [("GET", "/", .response(status: 200, headers: [("X-Long", String(repeating: "x", count: 600))]))]
        ) { transport, farEnd in
            let request = OutboundRequest(url: farEnd.base, limits: ExchangeLimits(headerBytes: 500))
            try await expectError(.headerTooLarge) { _ = try await transport.send(request) }
        },
        TransportConformance(
            "collecting more than is wanted is an error",
            [("GET", "/", .response(status: 200, body: "123456"))]
        ) { transport, farEnd in
            let response = try await transport.send(OutboundRequest(url: farEnd.base))
            try await expectError(.bodyTooLarge) { _ = try await response.body.collect(upTo: 5) }
        },
    ]

    private static let refusals: [TransportConformance] = [
        TransportConformance("illegal bytes in a field are refused before anything is sent") { transport, farEnd in
            let value: [UInt8] = [0x61, 0x01, 0x62]
            guard let name = HTTPField.Name("X-Odd") else { return }
            var request = OutboundRequest(url: farEnd.base)
            request.headerFields.append(HTTPField(name: name, lenientValue: value))
            try await expectError(.invalidRequest) { _ = try await transport.send(request) }
        },
        TransportConformance("fields that frame the message are refused") { transport, farEnd in
            for text in ["Host", "content-length", "Transfer-Encoding", "Connection"] {
                guard let name = HTTPField.Name(text) else { continue }
                let request = OutboundRequest(url: farEnd.base, headerFields: [name: "1"])
                try await expectError(.invalidRequest) { _ = try await transport.send(request) }
            }
        },
        TransportConformance("HEAD with a body is refused") { transport, farEnd in
            let request = OutboundRequest(method: .head, url: farEnd.base, body: [1])
            try await expectError(.invalidRequest) { _ = try await transport.send(request) }
        },
    ]

    private static let cancellations: [TransportConformance] = [
        TransportConformance("a cancelled task sends nothing") { transport, farEnd in
            let task = Task {
                // The handler of a cancelled task runs at once: from here on the task is cancelled.
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await transport.send(OutboundRequest(url: farEnd.base))
            }
            try await expectCancellation(task)
        },
        TransportConformance("cancelling ends the wait for an answer", [("GET", "/", .hang)]) { transport, farEnd in
            let limits = ExchangeLimits(idle: .seconds(60), total: .seconds(60))
            let task = Task { _ = try await transport.send(OutboundRequest(url: farEnd.base, limits: limits)) }
            let deadline = ContinuousClock.now + .seconds(20)
            while farEnd.arrivedRequests() == 0, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(2))
            }
            task.cancel()
            try await expectCancellation(task)
        },
    ]
}

// MARK: - Checks

private func expect<Value: Equatable>(_ value: Value, _ expected: Value, _ what: String) throws {
    guard value == expected else {
        throw TransportConformance.Violation(description: "\(what) is \(value) and should be \(expected)")
    }
}

private func expectError(_ code: TransportError.Code, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let error as TransportError where error.code == code {
        return
    }
    throw TransportConformance.Violation(description: "no error where \(code.metricLabel) should be one")
}

private func expectCancellation(_ task: Task<Void, any Error>) async throws {
    let start = ContinuousClock.now
    do {
        try await task.value
    } catch is CancellationError {
        let elapsed = start.duration(to: .now)
        guard elapsed < .seconds(20) else {
            throw TransportConformance.Violation(description: "the cancellation took \(elapsed)")
        }
        return
    }
    throw TransportConformance.Violation(description: "a cancelled exchange came to an end")
}

extension InboundResponse {
    fileprivate func text() async throws -> String {
        String(decoding: try await body.collect(upTo: 1 << 20), as: UTF8.self)
    }
}
