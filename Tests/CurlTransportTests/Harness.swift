import HTTPTransport
import HTTPTypes
import Logging
import Synchronization
import Testing

@testable import CurlTransport

/// Runs a test with a transport, requires that nothing is left in flight, and shuts the transport down.
@discardableResult
func withTransport<Value>(
    _ configuration: CurlTransport.Configuration = .init(), _ body: (CurlTransport) async throws -> Value
) async throws -> Value {
    try await with(CurlTransport(configuration: configuration, logger: Logger(label: "test")), body)
}

/// The same for a transport with parts that the test put in.
@discardableResult
func withTransport<Value>(
    settings: CurlLoop.Settings, _ body: (CurlTransport) async throws -> Value
) async throws -> Value {
    try await with(CurlTransport(settings: settings), body)
}

private func with<Value>(
    _ transport: CurlTransport, _ body: (CurlTransport) async throws -> Value
) async throws -> Value {
    do {
        let value = try await body(transport)
        try await eventually("nothing is left in flight") { transport.isQuiet }
        await transport.shutDown()
        return value
    } catch {
        await transport.shutDown()
        throw error
    }
}

extension CurlTransport {
    convenience init(settings: CurlLoop.Settings) {
        let gate = ConnectionGate(.init(perHost: 32, total: 128, waiting: 1024, longestWait: .seconds(15)))
        self.init(engine: Engine(CurlLoop(gate: gate, settings: settings)), logger: Logger(label: "test"))
    }

    /// Whether no transfer, no permit and no waiting caller is left.
    var isQuiet: Bool {
        let counts = engine.loop.gate.counts
        return transfers == 0 && counts.active == 0 && counts.waiting == 0
    }

    var transfers: Int { engine.loop.transferCount.load(ordering: .relaxed) }

    func get(_ url: HTTPURL, _ limits: ExchangeLimits = patient) async throws -> InboundResponse {
        try await send(OutboundRequest(url: url, limits: limits))
    }

    /// The whole body of an answer as text.
    func text(_ url: HTTPURL, _ limits: ExchangeLimits = patient) async throws -> String {
        try await get(url, limits).text()
    }
}

extension InboundResponse {
    func text() async throws -> String { String(decoding: try await body.collect(upTo: 1 << 24), as: UTF8.self) }
}

/// Far less than what would end an exchange otherwise, and far more than a busy machine needs for what happens at once.
let soon = Duration.seconds(40)

/// Limits that no test reaches.
let patient = ExchangeLimits(connect: .seconds(60), idle: .seconds(60), total: .seconds(60))

/// Waits for something that happens on another thread or in another process.
func eventually(
    _ what: Comment, within limit: Duration = soon, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        try #require(ContinuousClock.now < deadline, what, sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// Requires a transport error with a code and answers it, for a look at its sentence.
@discardableResult
func expectError(
    _ code: TransportError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async throws -> TransportError {
    let error = await #expect(throws: TransportError.self, sourceLocation: sourceLocation) { try await body() }
    let found = try #require(error, sourceLocation: sourceLocation)
    #expect(found.code == code, "\(found)", sourceLocation: sourceLocation)
    return found
}

/// How long something took.
func elapsed(_ body: () async throws -> Void) async rethrows -> Duration {
    let start = ContinuousClock.now
    try await body()
    return start.duration(to: .now)
}

/// The shortest time that something took, one after the other: what a busy machine does to the others does not count.
func fastest(of count: Int, _ body: () async throws -> Void) async rethrows -> Duration {
    var shortest = Duration.seconds(3600)
    for _ in 0..<count { shortest = min(shortest, try await elapsed(body)) }
    return shortest
}
