import HTTPTransport
import HTTPTransportTesting
import Synchronization
import Testing

/// The cases that every transport passes: here the scripted one and the real one over a socket.
@Suite struct ConformanceTests {
    @Test(arguments: TransportConformance.cases)
    func scriptedTransport(_ conformance: TransportConformance) async throws {
        let base = try HTTPURL("http://far.example/")
        let transport = ScriptedTransport(
            conformance.exchanges.map { exchange in
                .init(exchange.method, "http://far.example\(exchange.path)", answer: exchange.answer)
            })
        try await conformance.run(transport, .init(base: base) { transport.requests.count })
        try transport.verify()
    }

    @Test(arguments: TransportConformance.cases)
    func curlTransport(_ conformance: TransportConformance) async throws {
        let script = Script(conformance.exchanges)
        try await withServer { connection in
            while let request = connection.readRequest(), try script.play(request, on: connection) {}
        } run: { server in
            let farEnd = TransportConformance.FarEnd(base: try server.url()) { server.requests.count }
            try await withTransport { try await conformance.run($0, farEnd) }
            #expect(server.requests.map(\.line) == conformance.exchanges.map { "\($0.method) \($0.path) HTTP/1.1" })
        }
    }
}

/// Plays exchanges over connections, in order.
private final class Script: Sendable {
    private let pending: Mutex<ArraySlice<(method: String, path: String, answer: ScriptedTransport.Answer)>>

    init(_ exchanges: [(method: String, path: String, answer: ScriptedTransport.Answer)]) {
        pending = Mutex(exchanges[...])
    }

    /// Answers whether the connection stays open.
    func play(_ request: ReceivedRequest, on connection: Connection) throws -> Bool {
        switch pending.withLock({ $0.popFirst() })?.answer {
        case .response(let status, let headers, let body):
            let hasBody = status != 204 && status != 304
            var head = "HTTP/1.1 \(status) X\r\n"
            for (name, value) in headers { head += "\(name): \(value)\r\n" }
            if hasBody { head += "Content-Length: \(body.utf8.count)\r\n" }
            try connection.send(head + "\r\n" + (hasBody && !request.line.hasPrefix("HEAD") ? body : ""))
            return true
        case .hang: return !connection.waitForEnd()
        case .failure, nil: return false
        }
    }
}
