import HTTPTransport
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Synchronization
import Testing

@testable import RegistryQueryAPI

struct ThrottleTests {
    @Test("over a connection: who keeps failing waits, while a right token from the same address does not")
    func slowsDown() async throws {
        let clock = StillClock()
        let file = try TokenFixture()
        var configuration = RegistryQueryAPI.Configuration.with(\.access, file.access)
        configuration.clock = clock
        try await TestService.run(configuration) { service in
            service.registry.setTags(["v1.0.0"], of: "app-example")
            let attempt: @Sendable () async throws -> Reply = {
                try await service.get("/tags/app-example", ("Authorization", "Bearer wrong-0123456789abcdef"))
            }
            let right = ("Authorization", "Bearer viewer-0123456789abcdef")
            // Who shows nothing has not tried, and who may not has not failed.
            for _ in 0..<7 {
                #expect(try await service.get("/tags/app-example").status == 401)
                #expect(try await service.post("/builds", "{\"webapp\":\"app-example\"}", right).status == 403)
            }
            for _ in 0..<5 { #expect(try await attempt().status == 401) }
            #expect(clock.sleeperCount == 0)
            try await withThrowingTaskGroup(of: Reply.self) { group in
                for count in 1...5 {
                    group.addTask { try await attempt() }
                    try await eventually("the answer waits") { clock.sleeperCount == count }
                }
                let refused = try await attempt()
                #expect(refused.status == 429 && refused["retry-after"] == "4", "\(refused)")
                #expect(try refused.code == "too_many_failures")
                let open = try Connection(port: service.port)
                await open.send(
                    "GET /tags/app-example HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n")
                let last = try Reply(try await open.readAll())
                #expect(last.status == 429 && last["connection"] == "close")
                #expect(try await service.get("/tags/app-example", right).status == 200)
                #expect(clock.sleeperCount == 5)
                // One after the other.
                for (milliseconds, left) in [(249, 5), (1, 4), (500, 3), (1000, 2), (2000, 1), (3999, 1), (1, 0)] {
                    clock.advance(by: .milliseconds(milliseconds))
                    #expect(clock.sleeperCount == left)
                }
                for try await reply in group { #expect(reply.status == 401) }
            }
            let failed = service.log.requests.filter { $0.metadata["source"] == "127.0.0.1" }
            #expect(failed.count == 12 && failed.count { $0.metadata["problem"] == "too_many_failures" } == 2)
            #expect(!service.log.text.contains("0123456789abcdef"))
        }
        withExtendedLifetime(file) {}
    }

    /// A responder with three routes, and the requests that reached a handler.
    private struct Fixture {
        let clock = StillClock()
        let reached = Reached()
        let responder: Responder

        final class Reached: Sendable {
            let count = Mutex(0)
        }

        init(_ access: RegistryQueryAPI.Access) {
            let reached = reached
            let handle: @Sendable (APIRequest) async throws -> Response = { request in
                if request.caller != nil { return Response(json: ["ok": true]) }
                reached.count.withLock { $0 += 1 }
                guard request.raw.headers.values(named: "X-Signature") == ["right"] else {
                    throw Problem(.invalidSignature, "the signature is wrong")
                }
                return Response(json: ["ok": true])
            }
            responder = Responder(
                gatekeeper: Gatekeeper(access: access, listenHost: "127.0.0.1"),
                failures: FailureThrottle(clock: clock),
                table: RouteTable(routes: [
                    Route(method: .post, path: "/webhooks/signed", access: .signed, handle: handle),
                    Route(method: .post, path: "/webhooks/other", access: .requires(.read), handle: handle),
                ]),
                configuration: RegistryQueryAPI.Configuration(access: access),
                logger: Logger(label: "test") { _ in LogCollector() })
        }

        func post(_ path: String, _ fields: HTTPFields = [:], from address: UInt8 = 1) async throws -> Response {
            let head = HTTPRequest(
                method: .post, scheme: "http", authority: "registry-query.evil.example", path: path,
                headerFields: fields)
            return try await responder.respond(
                to: Request(head: head, body: .init(buffer: ByteBuffer())),
                context: ConnectionContext(from: SourceAddress(IPAddress(bytes: [192, 0, 2, address]))))
        }
    }

    @Test("a signed route asks neither for a token nor for a name of this machine, every other one does")
    func signedRoutes() async throws {
        let file = try TokenFixture()
        let signature = try #require(HTTPField.Name("X-Signature"))
        for (access, refusal) in [(file.access, 401), (RegistryQueryAPI.Access.local, 403), (.anonymous, 403)] {
            let fixture = Fixture(access)
            let fields: HTTPFields = [signature: "right", .origin: "https://other.example"]
            #expect(try await fixture.post("/webhooks/signed", fields).status == .ok)
            #expect(try await fixture.post("/webhooks/other", fields).status.code == refusal)
            #expect(try await fixture.post("/webhooks/none", fields).status.code == refusal)
            #expect(fixture.reached.count.withLock { $0 } == 1)
        }
    }

    @Test("wrong signatures count as failed attempts of their source, right ones are answered at once")
    func wrongSignatures() async throws {
        let signature = try #require(HTTPField.Name("X-Signature"))
        let fixture = Fixture(.local)
        for _ in 0..<5 { #expect(try await fixture.post("/webhooks/signed", [signature: "wrong"]).status.code == 401) }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for count in 1...5 {
                group.addTask { try await fixture.post("/webhooks/signed", [signature: "wrong"]).status.code }
                try await eventually("the answer waits") { fixture.clock.sleeperCount == count }
            }
            let refused = try await fixture.post("/webhooks/signed")
            #expect(refused.status.code == 429 && refused.headers[.retryAfter] == "4")
            #expect(try await fixture.post("/webhooks/signed", [signature: "right"]).status == .ok)
            #expect(try await fixture.post("/webhooks/signed", from: 2).status.code == 401, "another source")
            fixture.clock.advance(by: .seconds(8))
            for try await status in group { #expect(status == 401) }
        }
    }

    @Test("the API server is not asked about the tokens of a source whose failures are too many")
    func asksNobody() async throws {
        let reviewer = Reviewer { token in token == webToken(0) ? Reviewer.n8n : Reviewer.nobody }
        let fixture = Fixture(.tokens(nil, try reviewer.accounts()))
        let attempt: @Sendable (Int) async throws -> Int = { number in
            try await fixture.post("/webhooks/other", [.authorization: "Bearer \(webToken(number))"]).status.code
        }
        #expect(try await attempt(0) == 200)
        for number in 1...5 { #expect(try await attempt(number) == 401) }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for count in 1...5 {
                group.addTask { try await attempt(5 + count) }
                try await eventually("the answer waits") { fixture.clock.sleeperCount == count }
            }
            for number in 11...20 { #expect(try await attempt(number) == 429) }
            #expect(try await attempt(0) == 200)
            #expect(reviewer.asked.count == 11)
            fixture.clock.advance(by: .seconds(8))
            for try await status in group { #expect(status == 401) }
        }
    }

    @Test("a wait that is cancelled ends")
    func cancellation() async throws {
        let clock = StillClock()
        let throttle = FailureThrottle(clock: clock)
        let source = SourceAddress(nil as IPAddress?)
        for _ in 0..<5 { try await throttle.delayAnswer(to: source) }
        let waiting = Task { try await throttle.delayAnswer(to: source) }
        try await eventually("it waits") { clock.sleeperCount == 1 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }
}
