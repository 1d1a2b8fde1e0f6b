public import HTTPTransport
import HTTPTypes
import Synchronization

/// A transport that plays a script: exchange after exchange, each request held against the one that was expected.
///
/// A request that differs from the script throws and is remembered; ``verify()`` tells at the end of a test. The limits
/// of a request count as with a real transport, but nothing here takes any time.
public final class ScriptedTransport: Transport {
    /// A request that is expected and what comes of it.
    public struct Exchange: Sendable {
        let method: String
        let url: String
        let headers: [String: String]
        let answer: Answer

        /// Expects a method, a whole URL and header fields that must be present (there may be more).
        public init(_ method: String, _ url: String, headers: [String: String] = [:], answer: Answer) {
            self.method = method
            self.url = url
            self.headers = headers
            self.answer = answer
        }
    }

    /// What comes of an expected request.
    public enum Answer: Sendable {
        /// An answer with a body in UTF-8.
        case response(status: Int, headers: [(String, String)] = [], body: String = "")
        /// A failed exchange.
        case failure(TransportError)
        /// Nothing, until the sending task is cancelled.
        case hang
    }

    /// What ``verify()`` found.
    public struct Problems: Error, CustomStringConvertible {
        /// One line per problem.
        public let description: String
    }

    private struct State {
        var pending: ArraySlice<Exchange>
        var requests: [OutboundRequest] = []
        var problems: [String] = []
    }

    private let state: Mutex<State>

    /// Expects these exchanges in this order.
    public init(_ exchanges: [Exchange]) {
        state = Mutex(State(pending: exchanges[...]))
    }

    /// What was sent so far, expected or not.
    public var requests: [OutboundRequest] { state.withLock { $0.requests } }

    /// Throws ``Problems`` if an exchange was not used or a request did not match.
    public func verify() throws {
        let problems = state.withLock { state in
            state.problems + state.pending.map { "not requested: \($0.method) \($0.url)" }
        }
        guard problems.isEmpty else { throw Problems(description: problems.joined(separator: "\n")) }
    }

    /// Plays the next exchange.
    /// - Throws: the scripted failure, a ``TransportError`` for a request that is not the expected one or whose answer
    ///   passes a limit, and `CancellationError`.
    public func send(_ request: OutboundRequest) async throws -> InboundResponse {
        try Task.checkCancellation()
        try request.validate()
        switch try nextAnswer(to: request) {
        case .response(let status, let headers, let body):
            return try response(to: request, status: status, headers: headers, body: Array(body.utf8))
        case .failure(let error):
            throw error
        case .hang:
            try await hang()
        }
    }

    private func nextAnswer(to request: OutboundRequest) throws -> Answer {
        try state.withLock { state in
            state.requests.append(request)
            guard let expected = state.pending.first else {
                throw unexpected(request, "nothing more was expected", &state)
            }
            guard expected.method == request.method.rawValue, expected.url == request.url.description else {
                throw unexpected(request, "expected was \(expected.method) \(expected.url)", &state)
            }
            for (name, value) in expected.headers.sorted(by: { $0.key < $1.key }) {
                guard let name = HTTPField.Name(name), request.headerFields[name] == value else {
                    let found = HTTPField.Name(name).flatMap { request.headerFields[$0] }
                    throw unexpected(
                        request, "\(name) should be \"\(value)\" and is \(found.map { "\"\($0)\"" } ?? "absent")",
                        &state)
                }
            }
            state.pending.removeFirst()
            return expected.answer
        }
    }

    private func unexpected(_ request: OutboundRequest, _ problem: String, _ state: inout State) -> TransportError {
        let text = "unexpected request \(request.method.rawValue) \(request.url): \(problem)"
        state.problems.append(text)
        return TransportError(.other, text)
    }

    private func response(
        to request: OutboundRequest, status: Int, headers: [(String, String)], body: [UInt8]
    ) throws -> InboundResponse {
        var fields = HTTPFields()
        var headerBytes = 0
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else {
                throw TransportError(.malformedResponse, "the scripted field name \"\(name)\" is none")
            }
            fields.append(HTTPField(name: name, value: value))
            headerBytes += name.rawName.utf8.count + value.utf8.count + 4
        }
        guard headerBytes <= request.limits.headerBytes else {
            throw TransportError(.headerTooLarge, "the header is longer than \(request.limits.headerBytes) bytes")
        }
        let hasBody = request.method != .head && status != 204 && status != 304
        return InboundResponse(
            status: .init(code: status), headerFields: fields,
            body: hasBody ? bounded(body, by: request.limits.bodyBytes) : .empty)
    }

    private func bounded(_ body: [UInt8], by limit: Int) -> ResponseBody {
        guard body.count > limit else { return ResponseBody(body) }
        return ResponseBody {
            { throw TransportError(.bodyTooLarge, "the answer is longer than \(limit) bytes") }
        }
    }

    private func hang() async throws -> Never {
        while true { try await Task.sleep(for: .seconds(3600)) }
    }
}
