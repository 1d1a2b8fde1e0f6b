import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import Logging
import OCIDistribution
import Testing

@Suite struct RetryTests {
    private typealias Exchange = ScriptedTransport.Exchange
    private static let list = "https://r.io/v2/webapp/app/tags/list"
    private let success = Exchange(
        "GET", list, answer: .response(status: 200, body: #"{"name": "webapp/app", "tags": ["v1"]}"#))

    private func failure(_ status: Int, _ headers: [(String, String)] = []) -> Exchange {
        Exchange("GET", Self.list, answer: .response(status: status, headers: headers))
    }

    @Test func transientFailuresAreTriedAgainWithinOneListing() async throws {
        let transport = ScriptedTransport([
            failure(503), Exchange("GET", Self.list, answer: .failure(TransportError(.connectionLost, "reset"))),
            success,
        ])
        #expect(try await Fixture(transport).client.tags(of: app).tags.count == 1)
        try transport.verify()
    }

    @Test(arguments: [("7", Duration.seconds(7)), ("Fri, 31 Dec 1999 23:59:59 GMT", .zero)])
    func retryAfterIsWaitedForInBothForms(value: String, wait: Duration) async throws {
        let clock = ManualClock()
        let transport = ScriptedTransport([failure(429, [("Retry-After", value)]), success])
        let fixture = try Fixture(transport, clock: clock)
        let listing = Task { try await fixture.client.tags(of: app) }
        if wait > .zero {
            try await clock.waitForSleep(of: wait)
            #expect(transport.requests.count == 1)
            clock.advance(by: wait)
        }
        #expect(try await listing.value.tags.count == 1)
    }

    @Test func aWaitBeyondTheDeadlineIsNotWaitedForAndTold() async throws {
        let transport = ScriptedTransport([failure(429, [("Retry-After", "3600")])])
        let fixture = try Fixture(transport, clock: ManualClock())
        let error = await #expect(throws: RegistryError.self) { try await fixture.client.tags(of: app) }
        #expect(error?.code == .tooManyRequests)
        #expect(error?.retryAfter == .seconds(3600))
        #expect(error?.isTransient == true)
    }

    @Test func anAnswerComesInTimeWhateverHangs() async throws {
        let clock = ManualClock()
        let transport = ScriptedTransport([Exchange("GET", Self.list, answer: .hang)])
        let fixture = try Fixture(transport, clock: clock)
        let listing = Task { try await fixture.client.tags(of: app) }
        try await eventually { transport.requests.count == 1 }
        try await clock.waitForSleep(of: .seconds(20))
        clock.advance(by: .seconds(20))
        let error = await #expect(throws: RegistryError.self) { try await listing.value }
        #expect(error?.code == .timeout)
        #expect(error?.isTransient == true)
        #expect(fixture.client.configuration.deadline < .seconds(25))
    }

    @Test func aRequestGetsNoMoreTimeThanTheOperationHasLeft() async throws {
        let clock = ManualClock()
        let transport = FunctionTransport { _, number in
            if number > 0 { return .text(200, #"{"name": "webapp/app", "tags": []}"#) }
            clock.advance(by: .seconds(15))
            return .text(200, #"{"name": "webapp/app", "tags": []}"#, [("Link", "<?last=a>; rel=next")])
        }
        _ = try await Fixture(transport, clock: clock).client.tags(of: app)
        #expect(transport.requests.map(\.limits.total) == [.seconds(20), .seconds(5)])
    }

    @Test func cancellationIsNeitherWrappedNorRetried() async throws {
        let transport = ScriptedTransport([Exchange("GET", Self.list, answer: .hang)])
        let fixture = try Fixture(transport)
        let listing = Task { try await fixture.client.tags(of: app) }
        try await eventually { transport.requests.count == 1 }
        listing.cancel()
        await #expect(throws: CancellationError.self) { try await listing.value }
        #expect(transport.requests.count == 1)
    }

    @Test func aBodyThatBreaksOffIsAskedForAgainAsAWhole() async throws {
        let transport = FunctionTransport { _, number in
            guard number == 0 else { return .text(200, #"{"name": "webapp/app", "tags": ["v1", "v2"]}"#) }
            let broken = ResponseBody { { throw TransportError(.connectionLost, "reset within the body") } }
            return InboundResponse(status: .ok, body: broken)
        }
        #expect(try await Fixture(transport).client.tags(of: app).tags.count == 2)
        #expect(transport.requests.count == 2)
    }

    @Test func pingTellsWhetherTheRegistryLetsTheServiceIn() async throws {
        let url = "https://r.io/v2/"
        try await Fixture(ScriptedTransport([Exchange("GET", url, answer: .response(status: 200, body: "{}"))])).client
            .ping()
        for (status, code) in [(401, RegistryError.Code.unauthorized), (404, .notFound), (403, .denied)] {
            let transport = ScriptedTransport([Exchange("GET", url, answer: .response(status: status))])
            let error = await #expect(throws: RegistryError.self) { try await Fixture(transport).client.ping() }
            #expect(error?.code == code)
        }
    }

    @Test func warningsOfTheRegistryAreLoggedAndChangeNothing() async throws {
        let recorder = LogRecorder()
        let warnings = [("Warning", "299 - \"retired soon, token=abc123secret\""), ("Warning", "199 - \"unrelated\"")]
        let transport = ScriptedTransport([
            Exchange(
                "GET", Self.list,
                answer: .response(status: 200, headers: warnings, body: #"{"name": "webapp/app", "tags": ["v1"]}"#))
        ])
        #expect(try await Fixture(transport, logger: recorder.logger).client.tags(of: app).tags.count == 1)
        #expect(recorder.lines.count == 1)
        #expect(recorder.lines.first?.contains("retired soon") == true)
        #expect(recorder.lines.first?.hasPrefix("info") == true)
        #expect(recorder.lines.first?.contains("abc123secret") == false)
    }

    @Test func requestsNameTheServiceAndAskForJSON() async throws {
        let transport = ScriptedTransport([success])
        _ = try await Fixture(transport) { $0.userAgent = "registry-query/1" }.client.tags(of: app)
        #expect(transport.requests[0].headerFields[.userAgent] == "registry-query/1")
        #expect(transport.requests[0].headerFields[.accept] == "application/json")
    }
}
